-- metrics_text_spec.lua - the text for Prometheus of made-up nodes: bounded under thousands of keys, escaped, and
-- without a series for what is unknown, stale or lost. A real Prometheus: spec/e2e/prometheus_spec.lua.
local metrics_text = require "clients.web.metrics_text"

describe("the text for Prometheus", function()
  -- The text of a node that knows ROWS, of whose health HEALTH(id) tells.
  local function of(rows, health)
    return metrics_text.of { version = "0.1.0", name = 'a"\\\nb', id = "ID", started = 0, refused = { form = 3 },
      loop = { now = function() return 5000 end }, dcache = { classes = function() return {} end },
      routing = { channels = function() return {} end },
      discovery = { nodes = function() return rows end },
      diagnostics = { values = { rows = function()
        return { { name = "load1", value = 0.5 }, { name = "battery_ratio", quality = "unknown" } }
      end }, checks = { rows = function() return { { id = "hot", level = "warn" }, { id = "mtu" } } end },
        others = { of = function(_, id) return health(id) end } } }
  end

  local function count(text, series) return select(2, text:gsub("\n" .. series .. "{", "")) end

  it("has at most 256 robots, those heard last, and says how many it leaves out", function()
    local rows = {}
    for i = 1, 10000 do
      rows[i] = { id = "id" .. i, label = ("n"):rep(32), status = "ready", level = "ok", seen_ms = i * 1000 }
    end
    local text = of(rows, function() return { said = { battery = 50 }, stale = false } end)
    assert.equal(256, count(text, "dtswarm_robot_level"))
    assert.equal(256, count(text, "dtswarm_robot_battery_ratio"))
    assert.is_truthy(text:find('id="id256"', 1, true))
    assert.is_nil(text:find('id="id257"', 1, true))
    assert.is_truthy(text:find("\ndtswarm_robots_omitted 9744\n", 1, true))
    assert.is_true(#text < 512 * 1024)
  end)

  it("has no series of what is unknown, stale, or of somebody who is away", function()
    local rows = { { id = "a", label = "ada", status = "ready", seen_ms = 1000 },
      { id = "b", label = "bob", status = "lost", level = "error", seen_ms = 1000 },
      { id = "c", label = "cem", status = "left", level = "ok", seen_ms = 1000 } }
    local text = of(rows, function(id) return { said = { battery = 50 }, stale = id == "a" } end)
    for _, name in ipairs { "ada", "bob", "cem" } do
      assert.is_nil(text:find(('dtswarm_robot_battery_ratio{robot="%s"'):format(name), 1, true))
      assert.is_nil(text:find(('dtswarm_robot_level{robot="%s"'):format(name), 1, true))
    end
    assert.is_nil(text:find("dtswarm_host_battery", 1, true))
    assert.is_nil(text:find('check="mtu"', 1, true))
    assert.is_truthy(text:find('\ndtswarm_check{check="hot"} 1\n', 1, true))
    assert.is_truthy(text:find('\ndtswarm_peers{status="lost"} 1\n', 1, true))
  end)

  it("escapes what others are called", function()
    local rows = { { id = "a", label = 'x"} 1\ny{z="\27\255', status = "ready", seen_ms = 1 } }
    local text = of(rows, function() end)
    for line in text:gmatch "[^\n]+" do
      local is_sample = line:find "^[%w_]+ %-?[%d.]+$" or line:find '^[%w_]+{.*} %-?[%d.]+$'
      assert.is_truthy(line:find "^#" or is_sample, line)
      assert.is_nil(line:find "[\1-\31\127]")
    end
    assert.is_truthy(text:find('name="a\\"\\\\', 1, true), text:match "dtswarm_info[^\n]*\n")
  end)
end)
