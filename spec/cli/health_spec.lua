-- health_spec.lua - what stands on a screen of `health` and `stats`, also of answers that no daemon of ours gives.
require "spec.helper"
local health = require "cli.health"
local show = require "cli.show"
local stats = require "cli.stats"
local text = require "core.text"

local function said(command, answer, columns)
  local parts = {}
  command.show(answer, show.new { width = columns or 80, escape = text.escape, host = "localhost",
    write = function(part) parts[#parts + 1] = part end })
  return table.concat(parts)
end

local function robot(values) return { node = { label = "ada", self = true, level = "ok" }, values = values } end

local function value(number, unit)
  return { name = "x", value = number, unit = unit, quality = "measured", age_ms = 0, help = "it" }
end

describe("health on a screen", function()
  it("has the part of a whole that was measured, not one less", function()
    for percent = 0, 100 do
      local out = said(health, robot { value(("%.6g"):format(percent / 100), "ratio") })
      assert.matches((" %d %%%%"):format(percent), out)
    end
    local found = said(health, robot { value("0.994", "ratio"), value("0.996", "ratio") })
    assert.matches(" 99 %% .* 100 %% ", found)
  end)

  it("counts who left or is lost as that, and calls what they said their last words", function()
    local function node(status, level) return { label = status, status = status, level = level, age_ms = 3000 } end
    assert.matches("\n5 nodes: 1 at error, 1 well, 1 left, 1 lost, 1 unknown%.\n", said(health, { nodes = {
      node("ready", "ok"), node("busy", "error"), node("left", "ok"), node("lost", "error"), node "ready" } }))
    local away, here = { label = "bob", status = "left", age_ms = 3000, memory = 97 }, { label = "bob", memory = 97 }
    assert.matches("It said: 97 %% of memory available%.", said(health, { node = away }))
    assert.is_nil(said(health, { node = away }):find "All its values")
    assert.matches("It says: 97 .*All its values", said(health, { node = here }))
  end)

  it("takes what a strange daemon answers for what it is, and does not fail", function()
    for _, odd in ipairs { "1e999", "-1e999", "nan", "", "x", "-1e30", "9999999999999999999999" } do
      for _, unit in ipairs { "B", "ratio", "s", "°C" } do said(health, robot { value(odd, unit) }) end
      said(health, { node = { label = "ada", self = true }, values = {},
        history = { { name = "load", unit = "ratio", values = { odd, "1" } } } })
    end
    for _, odd in ipairs { 1 << 53, -1 << 53, 0 } do -- JSON of ours has integers only
      local one = { label = "ada", status = "ready", level = "ok", more = odd,
        failing = { { id = "\27[2J", level = "x" } } }
      for _, name in ipairs { "battery", "temperature", "disk_free", "memory", "load", "wifi", "uptime", "age_ms" } do
        one[name] = odd
      end
      local fleet = said(health, { nodes = { one } })
      assert.is_nil(fleet:find "\27")
      said(health, { node = one })
    end
  end)
end)

describe("stats on a screen", function()
  it("counts one of a thing as one", function()
    assert.matches("0 min on, 1 file shared, 2 MB shared, 1 start%.",
      said(stats, { why = "no", counts = { on = 0, files = 1, mb = 2, starts = 1 } }, 200))
  end)
end)
