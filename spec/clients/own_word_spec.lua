-- own_word_spec.lua - what a node says of itself in `peer`, and when; whole nodes under a virtual clock.
local json = require "core.json"
local policies = require "spec.policy.policies"
local sim = require "sim"
local statement = require "core.statement"

local SECOND <const> = 1000

describe("what a node says of itself", function()
  local w, ada, bob, here, said
  -- ada says in SAID what she says: { at = ms, data = } each.
  local function start(policy, options)
    w = sim.new { seed = 3, policy = assert(policies.load(policy or 'return extend "duckiebot"')) }
    here, said = {}, {}
    options = options or {}
    options.here = function() return here end
    bob, ada = w:add "bob", w:add("ada", options)
    ada.comms:on_statement("peer", function(st, source)
      if not source then said[#said + 1] = { at = w.loop.time, data = json.decode(st.data) } end
    end)
  end

  local function heard() return bob.dcache:statement_of("peer", ada.id, ada.id) end

  -- Another table of facts, as a later look gives it.
  local function is(name, value)
    local other = {}
    for each, known in pairs(here) do other[each] = known end -- any order
    other[name] = value
    here = other
  end

  it("has its BOOT, and the state that the first of these gives: battery, work, a machine just switched on", function()
    start(nil, { boot = 7 * 65536 + 13 })
    w:run(SECOND)
    assert.same({ boot = 7 * 65536 + 13, clock = "own", name = "ada",
      policy = ada.policy.hash, state = "ready", type = "laptop", version = "sim" }, heard().data)
    for _, step in ipairs { { "uptime", 120, "booting" }, { "busy", true, "busy" }, { "battery", 14.9, "low-battery" },
      { "charging", true, "busy" }, { "battery", 80, "busy" }, { "busy", false, "booting" },
      { "uptime", 121, "ready" } } do
      is(step[1], step[2])
      w:run(61 * SECOND)
      assert.equal(step[3], heard().data.state, step[1])
      assert.equal(step[3] == "low-battery" and "battery 14 %" or nil, heard().data.why)
    end
  end)

  it("says a change soon and again, but at most once in ten seconds, and nothing that is over by then", function()
    start()
    w:run(61 * SECOND)
    for i = 1, 120 do
      is("busy", i % 2 == 1)
      ada.discovery.word:look()
      w:run(SECOND)
    end
    assert.truthy(#said >= 4, #said .. " words")
    for i = 2, #said do
      assert.truthy(said[i].at - said[i - 1].at >= 10 * SECOND, "two words in ten seconds")
    end
    assert.equal("ready", heard().data.state)
  end)

  it("has the reason that whoever made it busy gave, cut to what fits, and the site, as the policy lets it", function()
    start()
    ada.leases = { why = function(_, fact) return fact == "busy" and ("mapping "):rep(5) .. "é" or nil end }
    is("busy", true)
    is("site", "room 3")
    w:run(61 * SECOND)
    assert.same({ "busy", ("mapping "):rep(5), "room 3" }, { heard().data.state, heard().data.why, heard().data.site })
    start [[local p = extend "duckiebot"
      function p.clients.discovery.announce(facts)
        return { name = facts.name, type = ("é"):rep(20), version = ("x"):rep(17) }
      end
      return p]]
    is("site", "room 3")
    w:run(61 * SECOND)
    assert.same({ nil, ("é"):rep(8), ("x"):rep(16) }, { heard().data.site, heard().data.type, heard().data.version })
  end)

  it("says once that another machine has its key, and that none has it any more", function()
    start()
    w:run(61 * SECOND)
    local before = #said
    function ada.comms.clones.own() return true end
    ada.comms.clones.news:call(ada.id)
    assert.same({ before + 1, true }, { #said, said[#said].data.clone })
    ada.comms.clones.news:call(bob.id)
    function ada.comms.clones.own() return false end
    ada.comms.clones.news:call(ada.id)
    assert.same({ before + 2 }, { #said, said[#said].data.clone })
  end)

  it("fits into 484 bytes with each member as long as it may be", function()
    start('local p = extend "duckiebot" p.name = "' .. ("n"):rep(32) .. '" return p')
    local longest = { boot = 1 << 48, clock = "quorum", clone = true, level = "error", name = ("n"):rep(32),
      policy = "!4be19a02", site = ("s"):rep(24), state = "low-battery", type = ("t"):rep(16),
      version = ("v"):rep(16), why = ("w"):rep(40) }
    local st = assert(ada.comms:propose("peer", longest))
    assert.truthy(#st.line <= 484, #st.line .. " bytes")
    assert(statement.parse(st.line))
  end)
end)
