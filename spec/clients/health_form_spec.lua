-- health_form_spec.lua - what is made of words of health that others signed, whatever they liked to say in them; and of
-- how many signers they are kept.
local health_form = require "clients.diagnostics.health_form"
local json = require "core.json"
local others = require "clients.diagnostics.others"
local simloop = require "sim.loop"

describe("a word of health", function()
  it("is read letter by letter: what cannot be is unknown, and what nobody knows is ignored", function()
    local said = health_form.read(json.decode([[{"b":900,"c":2,"d":-1,"l":35,"m":101,"n":[1,2,3],"p":16,"q":7,"s":5,]]
      .. [["t":"hot","u":-1,"w":201,"x":["e:disk_full","f:none","w:","w:a b","e:]] .. ("x"):rep(200) .. [[",7,"+3"]}]]))
    assert.same({ load = 35, power_since = 5, failing = { { level = "error", id = "disk_full" } }, more = 3 }, said)
    for _, data in ipairs { "7", "[1]", "null", '"x"', "{}", '{"x":{"a":1},"n":{"a":1}}', '{"n":[1,-1,0,0]}' } do
      assert.same({ failing = {}, more = 0 }, health_form.read(json.decode(data)), data)
    end
  end)

  it("says what it was made of", function()
    local known = { battery_ratio = 0.634, battery_charging = 0, disk_free_bytes = 2, disk_size_bytes = 100,
      load1 = 1.4, cpu_cores = 4,
      memory_available_bytes = 41, memory_size_bytes = 100, under_voltage = 0, frequency_capped = 0,
      throttled = 1, soft_limited = 0, cpu_temperature_celsius = 71.24, uptime_seconds = 5599, wifi_signal_dbm = -61 }
    local rows = { { id = "hot", level = "warn" }, { id = "disk_full", level = "error" },
      { id = "late", level = "error", under = "disk_full" }, { id = "fine", level = "ok" } }
    local function of(name) return known[name] end
    local data = health_form.data(of, { ok = 1, warn = 1, error = 1, unknown = 0 }, rows, function() return true end)
    assert.equal('{"b":63,"c":0,"d":2,"l":35,"m":41,"n":[1,1,1,0],"p":4,"t":712,"u":93,"w":61,'
      .. '"x":["e:disk_full","w:hot"]}', json.encode(data))
    local said = health_form.read(data)
    assert.same({ 63, false, 71.2, -61, 93 * 60, 4 },
      { said.battery, said.charging, said.temperature, said.wifi, said.uptime, said.power_now })
    known.throttled = nil
    local function may(letter) return letter ~= "b" end
    data = health_form.data(of, { ok = 1, warn = 0, error = 0, unknown = 0 }, {}, may)
    assert.same({}, { data.p, data.b, data.x })
  end)

  it("is kept of 1,024 nodes: of a crowd of keys nobody who is listed is forgotten", function()
    local loop, listed = simloop.new(), { ada = true, late = true }
    local one = others.new { loop = loop, id = "me", listed = function(id) return listed[id] or false end }
    local function hear(id)
      one:hear { signer = id, key = id, at = 1, valid_until = 1200, verb = "propose", data = '{"n":[1,0,0,0]}' }
    end
    hear "ada"
    for i = 1, 2000 do hear("key" .. i) end
    assert.equal("ok", one:of "ada".level)
    assert.is_nil(one:of "key2000")
    hear "late"
    assert.same({ "ok", "ok" }, { one:of "ada".level, one:of "late".level })
    assert.same({ 1024, 1024 }, { one:bounds()[1].count, one:bounds()[1].limit })
  end)

  it("of nobody but its signer counts, nor an older one, and none that he took back", function()
    local loop = simloop.new()
    local one = others.new { loop = loop, id = "me", listed = function() return true end }
    local function hear(at, data, more)
      local st = { signer = "ada", key = "ada", at = at, valid_until = 1200, verb = "propose", data = data }
      for name, value in pairs(more or {}) do st[name] = value end
      one:hear(st)
    end
    hear(5, '{"n":[1,0,0,0]}', { key = "bob" })
    hear(5, '{"n":[1,0,0,0]}', { signer = "me", key = "me" })
    assert.same({}, { one:of "ada", one:of "bob", one:of "me" })
    hear(5, '{"n":[1,0,1,0]}')
    hear(4, '{"n":[1,0,0,0]}')
    assert.equal("error", one:of "ada".level)
    hear(6, "null", { verb = "dismiss" })
    assert.is_nil(one:of "ada")
  end)
end)
