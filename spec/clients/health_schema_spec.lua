-- health_schema_spec.lua - what programs read of health and sites, held against their schemas, with others who say
-- whatever they like of their bodies.
local policies = require "spec.policy.policies"
local sim = require "sim"
local validate = require "spec.schema.validate"

local MINUTE <const> = 60 * 1000
local FILES <const> = { ["/proc/loadavg"] = "0.51 0.10 0.10 1/100 1\n", ["/sys/devices/system/cpu/online"] = "0-3\n",
  ["/proc/uptime"] = "100.5 1.0\n", ["/sys/class/thermal/thermal_zone0/type"] = "cpu-thermal\n",
  ["/sys/class/thermal/thermal_zone0/temp"] = "91200\n" }
local HOSTILE <const> = {
  { b = 900, c = 7, d = -5, l = -1, m = 200, n = { 1, 2 }, p = 99, s = -1, t = 9000, u = -1, w = 900, x = { 1, "e:" } },
  { b = "63", n = { 1, 0, 1, 0 }, x = { "e:" .. ("x"):rep(40), "w:a b", "e:<b>", "w:fine", "+999" }, z = {} },
  { n = { 1, 0, 0, 0 }, x = { a = "e:x" } },
}

describe("the answers to health and discover", function()
  local w, ada

  setup(function()
    w = sim.new { seed = 6, policy = assert(policies.load 'return extend "duckiebot"') }
    ada = w:add("ada", { sensor = function() return sim.found(FILES) end })
    w:add("bob", { sensor = function() return sim.found(FILES, { throttled = { word = 0x50005 } }) end })
    for i, data in ipairs(HOSTILE) do
      local one = w:add("evil" .. i)
      w.loop:after(i * 1000, function() assert(one.comms:propose(("pri/%s/health"):format(one.id), data)) end)
      function one.here() return { site = ("s"):rep(24) } end
    end
    w:run(3 * MINUTE)
  end)

  local function answer(request)
    local found
    local reply = { run = function(_, fn) fn() end, on_cancel = function() end, on_room = function() end }
    ada.commands:run(request, setmetatable(reply, { __call = function(_, told)
      if told then found = told end
    end }))
    w:run(5000)
    found.schema, found.command = 1, request.command
    return found
  end

  it("fit their schemas, of the fleet and of each of its nodes", function()
    local fleet = answer { command = "health" }
    assert.same({}, validate.faults("health.json", fleet))
    assert.equal(5, #fleet.nodes)
    for _, node in ipairs(fleet.nodes) do
      local one = answer { command = "health", robot = node.id }
      assert.same({}, validate.faults("health.json", one), node.label)
      assert.equal(node.self, one.values ~= nil)
    end
    local all = answer { command = "discover", all = true } -- from which the command line makes `sites`
    assert.same({}, validate.faults("peers.json", all))
  end)

  it("say nothing of values that cannot be, and what can be all the same", function()
    local by_name = {}
    for _, node in ipairs(answer { command = "health" }.nodes) do by_name[node.label] = node end
    for _, name in ipairs { "battery", "disk_free", "memory", "load", "wifi", "uptime", "power_now", "temperature",
      "level", "failing" } do
      assert.is_nil(by_name.evil1[name], name)
    end
    assert.same({ "error", { { id = "fine", level = "warn" } }, 999 },
      { by_name.evil2.level, by_name.evil2.failing, by_name.evil2.more })
    assert.same({ "ok", nil }, { by_name.evil3.level, by_name.evil3.failing })
    assert.same({ "error", 91, 5 }, { by_name.bob.level, by_name.bob.temperature, by_name.bob.power_now })
  end)

  it("of another form are told from these", function()
    local function faults(change)
      local told = { schema = 1, nodes = { { id = "12D3KooWQ1vB", label = "ada", self = false, level = "ok",
        failing = { { id = "hot", level = "warn" } } } }, values = { { name = "load1", quality = "measured",
        value = "0.51", help = "x" } } }
      change(told, told.nodes[1], told.values[1])
      return validate.faults("health.json", told)[1]
    end
    assert.is_nil(faults(function() end))
    for wanted, change in pairs { -- any order
      ["level is none of its words: stale"] = function(_, row) row.level = "stale" end,
      ["battery is out of range: 900"] = function(_, row) row.battery = 900 end,
      ["stale is no boolean"] = function(_, row) row.stale = 1 end,
      ["failing%[1%].id is too long"] = function(_, row) row.failing[1].id = ("x"):rep(21) end,
      ["failing%[1%].level is none of its words: ok"] = function(_, row) row.failing[1].level = "ok" end,
      ["quality is none of its words: guessed"] = function(_, _, value) value.quality = "guessed" end,
      ["value is no string"] = function(_, _, value) value.value = 0 end,
      ["value is not like"] = function(_, _, value) value.value = "none" end,
    } do
      assert.matches(wanted, faults(change))
    end
  end)
end)
