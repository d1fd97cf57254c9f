-- chain_spec.lua - a line over a chain of channels, through three hosts and back: TCP, then IRC or pubsub, then UDP.
-- Real daemons, a real IRC server and real Kubos; nothing but the command line asks.
-- mostly waits: for an IRC server that reads a line in two seconds
local folder = require "spec.folder"
local json = require "core.json"
local kubo_daemon = require "spec.net.kubo_daemon"
local ngircd = require "spec.net.ngircd"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local TOPIC <const>, UDP <const> = "/ipfs-pubsub/lab/dswarm-line", "/ip4/0.0.0.0/udp/3825/dswarm-line"

-- No links but those that are named: each line takes just the channels of its chain.
local NOT_TODAY <const> = 'function p.routing.relay() return false, "not today" end'
local POLICY <const> = [[
local p = extend "%s"
p.routing.channels = { %s }
p.comms.links = 0
%s
return p
]]

describe("a chain of channels", function()
  local s, why, kubos, ircd, link, room, last
  local ids = {}

  -- Writes the policy of HOST: these channels and no others. → its path
  local function policy(host, base, ...)
    local channels = {}
    for i, address in ipairs { ... } do channels[i] = ("%q"):format(address) end
    swarm.sh("mkdir -p " .. s:path(host, "share"))
    folder.write(s:path(host, "my.lua"), POLICY:format(base, table.concat(channels, ", "), s.more or ""))
    return s:path(host, "my.lua")
  end

  local function at(host, rest) return ("/ip4/%s/%s"):format(s.world:address(host), rest) end

  setup(function()
    s, why = swarm.new({ "ada", "sue", "tim", "bob", "ircd" }, nil, { wire = true, seed = 13 })
    if not s then return end
    kubos = {}
    for _, host in ipairs { "sue", "tim" } do
      kubos[host], why = kubo_daemon.new(s.world, host, s:path(host, "kubo"))
      if not kubos[host] then return end
      kubos[host]:start()
    end
    ircd = ngircd.start { world = s.world, host = "ircd" }
    link, room = at("sue", "tcp/3825/dswarm-line"), at("ircd", "tcp/6667/irc/#lab/dswarm-line")
    last = at("bob", "udp/3825/dswarm-line")
    s:start("sue", policy("sue", "server", "/ip4/0.0.0.0/tcp/3825/dswarm-line", room))
    s:start("tim", policy("tim", "server", room, UDP))
    s:start("ada", policy("ada", "duckiebot", link))
    s:start("bob", policy("bob", "duckiebot", UDP))
    for _, host in ipairs { "ada", "sue", "tim", "bob" } do
      assert.is_truthy(swarm.within(10, function()
        ids[host] = (s:ask(host, "status") or { node = {} }).node.id
        return ids[host]
      end), s:logs())
    end
  end)

  teardown(function()
    if ircd then ircd.remove() end
    if s then s:close() end
  end)

  local function reload(host, ...)
    policy(host, ...)
    local text, code = s:cli(host, "policy reload")
    assert.equal(0, code, text)
  end

  -- What the daemon of ada says of one ping by CHAIN.
  local function ping(chain)
    local text = s:cli("ada", ("ping '%s/dswarm/%s' --count 1 --json"):format(chain, ids.bob))
    return json.decode((text:gsub("\n$", "")))
  end

  -- Both relays see each other on a channel of KIND: who is not there yet is not asked.
  local function met(kind)
    for _, host in ipairs { "sue", "tim" } do
      local row
      for _, one in ipairs((s:ask(host, "channels") or { channels = {} }).channels) do
        if one.kind == kind then row = one end
      end
      local least = kind == "irc" and 2 or 1 -- a topic's members are the others
      if not row or (row.members or 0) < least or row.heard.beacons == 0 then return false end
    end
    return true
  end

  -- Within BAR seconds a ping by CHAIN is answered by bob.
  local function answered(what, bar, kind, chain)
    local answer
    assert.is_truthy(swarm.within(15, function() return met(kind) end), s:logs())
    local took = swarm.within(bar, function()
      answer = ping(chain)
      return answer and answer.answered == 1
    end)
    assert.is_truthy(took, what .. ":\n" .. s:cli("sue", "channels") .. s:cli("tim", "channels") .. s:logs())
    assert.equal(ids.bob, answer.tries[1].id)
    patience.took(what, took, bar)
    print(("# %s: there and back in %.0f ms"):format(what, answer.tries[1].rtt_us / 1000))
  end

  it("carries a ping over TCP, IRC and UDP, and the answer back", function()
    if not kubos or not kubos.tim then return pending(why) end
    answered("a ping over TCP, IRC, UDP", 30, "irc", link .. room .. last)
  end)

  it("carries one over TCP, pubsub and UDP, and the answer back", function()
    if not kubos or not kubos.tim then return pending(why) end
    assert.is_truthy(swarm.within(15, function() return kubos.sue:is_ready() and kubos.tim:is_ready() end))
    kubos.sue:run(("swarm connect /ip4/%s/tcp/4001/p2p/%s"):format(s.world:address "tim", kubos.tim.id))
    reload("sue", "server", "/ip4/0.0.0.0/tcp/3825/dswarm-line", TOPIC)
    reload("tim", "server", TOPIC, UDP)
    answered("a ping over TCP, pubsub, UDP", 30, "ipfs-pubsub", link .. TOPIC .. last)
  end)

  it("is traced: each hop names itself, also he who passes on what all on the topic hear", function()
    if not kubos or not kubos.tim then return pending(why) end
    local text
    assert.is_truthy(swarm.within(10, function()
      text = s:cli("ada", ("trace '%s/dswarm/%s' --json"):format(link .. TOPIC .. last, ids.bob))
      local hops = {}
      for i, hop in ipairs(json.decode((text:gsub("\n$", ""))).hops) do hops[i] = hop.id end
      return table.concat(hops, " ") == table.concat({ ids.sue, ids.tim, ids.bob }, " ")
    end), text)
  end)

  it("ends where the policy of a hop says no, and that hop says so", function()
    if not kubos or not kubos.tim then return pending(why) end
    s.more = NOT_TODAY
    reload("sue", "server", "/ip4/0.0.0.0/tcp/3825/dswarm-line", TOPIC)
    s.more = nil
    local answer = ping(link .. TOPIC .. last)
    assert.same({ 0, "permission", ids.sue }, { answer.answered, answer.tries[1].code, answer.tries[1].id })
  end)

  it("goes no further where a host has no such channel", function()
    if not kubos or not kubos.tim then return pending(why) end
    local answer = ping(link .. room .. last)
    assert.same({ 0, "address", ids.sue }, { answer.answered, answer.tries[1].code, answer.tries[1].id })
  end)
end)
