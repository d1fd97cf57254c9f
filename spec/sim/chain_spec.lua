-- chain_spec.lua - lines that go over several nodes and back, by whole nodes under a virtual clock.
local answers = require "routing.answers"
local messages = require "comms.messages"
local policies = require "spec.policy.policies"
local sim = require "sim"
local sim_links = require "sim.links"
local text = require "core.text"

local POLICY <const> = assert(policies.load 'return extend "duckiebot"')

-- Nodes that share no medium, called by NAMES.
local function world(names)
  local w = sim.new { seed = 5, policy = POLICY }
  for _, name in ipairs(names) do w[name] = w:add(name) end
  for _ = 1, #names do w.medium.channels[1]:close() end
  return w
end

local function join(w, a, b)
  local one, other = sim_links.stream(w.world, a.host, b.host)
  one.dialled, other.dialled = true, false
  a.routing:add(one, {})
  b.routing:add(other, {})
  return one, other
end

-- Node FROM pings ID with that many hops left; `got` has what comes back.
local function ping(w, from, id, hops, nonce)
  if not from.got then
    from.got = {}
    from.routing:component("try", function(message)
      table.insert(from.got, message)
      return true
    end)
  end
  nonce = nonce or text.base64url(w.random:bytes(16))
  local way, why, code = from.routing:send { to = ("/dswarm/%s/ping"):format(id),
    from = ("/dswarm/%s/try"):format(from.id), kind = "ping", rest = nonce .. " " .. from.id, hops = hops }
  return nonce, way, why, code
end

describe("a chain of nodes", function()
  it("carries a ping to who is two hops away, and his pong back; each hop names itself", function()
    local w = world { "ada", "sue", "tim", "bob" }
    join(w, w.ada, w.sue)
    join(w, w.sue, w.tim)
    join(w, w.tim, w.bob)
    w:run(30000)
    local nonce, way, why = ping(w, w.ada, w.bob.id)
    assert.equal(w.sue.id, assert(way, why).by)
    w:run(1000)
    assert.equal("pong", w.ada.got[1].kind)
    local facts = assert(messages.parse_pong(w.ada.got[1].rest))
    assert.same({ nonce, w.bob.id, w.ada.id }, { facts.nonce, facts.id, facts.asker })
    assert.is_true(w.ada.comms.checks.signed(facts, "pong", w.ada.swarm))
    for hops, who in pairs { [0] = w.sue, [1] = w.tim } do
      w.ada.got = {}
      ping(w, w.ada, w.bob.id, hops)
      w:run(1000)
      local word = assert(answers.parse(w.ada.got[1].rest))
      assert.same({ "hops", who.id }, { word.code, word.id })
      assert.is_true(w.ada.comms.checks.signed(word, "unreachable", w.ada.swarm))
    end
  end)
end)
