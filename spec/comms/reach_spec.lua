-- reach_spec.lua - what a policy is told of a channel, and that a word of the site stays there; by whole nodes.
local hash = require "core.hash"
local sim = require "sim"
local sim_links = require "sim.links"
local policies = require "spec.policy.policies"

-- Its reasons tell what it was asked.
local POLICY <const> = [[
local p = extend "default"
function p.comms.rebroadcast(record, from, to)
  return 5, ("%s %s from %s to %s: budget %s, peers %s, quiet %s, cost %s"):format(record.bucket, record.class,
    from.kind, to.kind, to.budget, to.peers, to.quiet, to.cost)
end
return p
]]

-- Two hosts that share no medium, joined by streams as the spec wants them.
local function pair()
  local w = sim.new { seed = 3, policy = assert(policies.load(POLICY)) }
  local ada, bob = w:add "ada", w:add "bob"
  w.medium.channels[1]:close()
  w.medium.channels[1]:close()
  return w, ada, bob
end

local function join(w, ada, bob, near, entry, host)
  local a, b = sim_links.stream(w.world, ada.host, host or bob.host)
  local traits = {}
  for name, value in pairs(a.traits) do traits[name] = value end
  traits.near = near
  a.traits, b.traits = traits, traits
  ada.routing:add(a, { entry = entry })
  bob.routing:add(b, {})
  return a, b
end

local function words(node, bucket)
  local list = {}
  for _, st in ipairs(node.dcache:statements(bucket)) do
    if st.signer ~= node.id then list[#list + 1] = st.signer end
  end
  return list
end

describe("a channel as the policy sees it", function()
  it("tells its rate, its cost, since when it is quiet, and how many peers only it reaches", function()
    local w, ada, bob = pair()
    local reasons, policy = {}, ada.comms.policy
    ada.comms.policy = { ask = function(_, ...)
      local answer, why = policy:ask(...)
      reasons[#reasons + 1] = why
      return answer
    end }
    local entry = { address = "/dns4/x/tcp/1/dswarm-line", cost = 3 }
    local a = join(w, ada, bob, false, entry)
    w:run(20000)
    assert.same({ 1, 1, 1 }, { ada.comms.reach:count(), ada.comms.reach:only(a.name), ada.comms.reach:only(entry) })
    local other = join(w, ada, bob, false, nil, "10.9.0.2")
    w:run(20000)
    assert.same({ 1, 0, 0 }, { ada.comms.reach:count(), ada.comms.reach:only(a.name), ada.comms.reach:only(entry) })
    other:close()
    w:run(20000)
    assert.same({ 1, 1 }, { ada.comms.reach:count(), ada.comms.reach:only(entry) })
    ada.comms.outbox.channels[a.name].facts.rate = 150
    assert(ada.comms:propose("share/files", { class = "lab", names = { "a" }, size = 1 },
      { key = require("core.cid").make("raw", hash.blake2b "a") }))
    w:run(100)
    assert.matches("^share/files share from own to tcp: budget 150, peers 1, quiet %d+, cost 3$", reasons[#reasons])
    a:close()
    w:run(2000)
    assert.same({ 0, 0 }, { ada.comms.reach:count(), ada.comms.reach:only(entry) })
  end)
end)

describe("a word of scope site", function()
  it("leaves by a near channel only, also where it is wanted; others leave by any", function()
    for _, near in ipairs { true, false } do
      local w, ada, bob = pair()
      local a = join(w, ada, bob, near)
      w:run(5000)
      local word = assert(ada.comms:propose("pri/" .. ada.id .. "/health", { n = { 1, 0, 0, 0 } }))
      assert(ada.comms:propose("peer", { boot = 1, clock = "none", name = "ada", state = "ready", type = "robot",
        version = "1" }))
      w:run(5000)
      assert.same({ near and { ada.id } or {}, { ada.id } },
        { words(bob, "pri/" .. ada.id .. "/health"), words(bob, "peer") })
      ada.comms:say_again_everywhere(word.short, true)
      local theirs = bob.comms.outbox.names[1]
      bob.comms.repair:ask(bob.routing.by_name[theirs], { word.short })
      w:run(5000)
      assert.equal(near and 1 or 0, #words(bob, "pri/" .. ada.id .. "/health"))
      assert.is_truthy(a)
    end
  end)
end)
