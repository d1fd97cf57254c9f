-- failover_spec.lua - a node that two relays reach: one is cut off without a word, then the other. Real daemons.
-- mostly waits: for answers that do not come
local folder = require "spec.folder"
local json = require "core.json"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

-- Nothing but these links: who has none to the other needs a relay.
local POLICY <const> = [[
local p = extend "%s"
p.routing.channels = { %s }
p.comms.links = 0
return p
]]

describe("a node behind two relays", function()
  local s, why, bob
  local of = {} -- ID → host

  local function start(host, base, channels)
    swarm.sh("mkdir -p " .. s:path(host, "share"))
    folder.write(s:path(host, "my.lua"), POLICY:format(base, channels))
    s:start(host, s:path(host, "my.lua"))
    local id
    assert.is_truthy(swarm.within(10, function()
      id = (s:ask(host, "status") or { node = {} }).node.id
      return id
    end), s:logs())
    of[id] = host
    return id
  end

  setup(function()
    s, why = swarm.new({ "ada", "r1", "r2", "bob" }, nil, { wire = true })
    if not s then return end
    for _, host in ipairs { "r1", "r2" } do start(host, "server", '"/ip4/0.0.0.0/tcp/3825/dswarm-line"') end
    local links = ('"/ip4/%s/tcp/3825/dswarm-line", "/ip4/%s/tcp/3825/dswarm-line"'):format(s.world:address "r1",
      s.world:address "r2")
    start("ada", "duckiebot", links)
    -- Then bob: what he says as he comes is passed on to who is known to be there.
    assert.is_truthy(swarm.within(8, function()
      return #s:names "ada" == 3 and #s:names "r1" == 2 and #s:names "r2" == 2
    end), s:logs())
    bob = start("bob", "duckiebot", links)
  end)

  teardown(function() if s then s:close() end end)

  local function ask(command) return json.decode((s:cli("ada", command .. " --json"):gsub("\n$", ""))) end

  -- The relay that a line to bob takes now.
  local function relay()
    local answer = ask("trace " .. bob)
    local first = answer.hops and answer.hops[1]
    return answer.done and first and of[first.id]
  end

  it("is reached by the other one in at most five seconds; then it is said what is wrong with each way", function()
    if not s then return pending(why) end
    local by
    local function reached()
      by = relay()
      return (by == "r1" or by == "r2") and #(ask("route get /dswarm/" .. bob .. "/ping").ways or {}) >= 2
    end
    assert.is_truthy(swarm.within(8, reached), s:cli("ada", "trace " .. bob) .. s:logs())
    s.world:cut(by)
    local began = patience.now()
    local answer = ask("ping " .. bob .. " --count 1")
    local took = patience.now() - began
    assert.equal(1, answer.answered, json.encode(answer))
    patience.took("the next way", took, 5)
    s.world:cut(by == "r1" and "r2" or "r1")
    local try = ask("ping " .. bob .. " --count 1").tries[1]
    assert.equal("slow", try.code)
    for id, host in pairs(of) do -- any order
      if host == "r1" or host == "r2" then assert.truthy(try.why:find(id, 1, true), try.why) end
    end
  end)
end)
