-- every_channel_spec.lua - two LANs behind NAT, and what lies between them: a word crosses over each kind of channel in
-- turn, all others cut, and over the next best where one is cut. Real daemons, servers and Kubos.
-- mostly waits: for words that cross each kind of channel in turn
local folder = require "spec.folder"
local kubo_daemon = require "spec.net.kubo_daemon"
local ngircd = require "spec.net.ngircd"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"
local wire = require "spec.net.wire"

-- Each kind of channel, by whom it is offered, and how long a word takes over it at most. Kubo comes first: one that
-- was away is asked again after a minute only.
local WAYS <const> = {
  { kind = "ipfs-pubsub", place = "kubo", bar = 5 },
  { kind = "irc", place = "ircd", bar = 15 },
  { kind = "tcp", place = "server", bar = 15 }, -- which was cut for long: it is dialled again after a minute at most
}
local SILENT_S <const> = 4 -- in which nothing comes where nothing can

local POLICY = [[
local p = extend "%s"
p.routing.channels = { %s }
p.clients.logs.settle = { least = 0.1 * second, per = 32 * MB, most = 1 * second }
return p
]]

describe("two LANs behind NAT", function()
  local s, why, kubos, ircd

  local function start(host, base, channels)
    swarm.sh("mkdir -p " .. s:path(host, "share"))
    folder.write(s:path(host, "my.lua"), POLICY:format(base, channels))
    s:start(host, s:path(host, "my.lua"))
  end

  -- Nothing passes to and from the places of all ways but of KINDS ("tcp", …), which do from here on.
  local cut = {}
  local function open(...)
    local wanted = {}
    for _, kind in ipairs { ... } do wanted[kind] = true end
    for _, way in ipairs(WAYS) do
      local close = not wanted[way.kind]
      if close and not cut[way.place] then s.world:cut(way.place) end
      if cut[way.place] and not close then s.world:heal(way.place) end
      cut[way.place] = close
    end
  end

  -- Frames of TCP that each place that is cut heard so far.
  local function heard_by_cut()
    local counters, list = s.world:counters(), {}
    for _, way in ipairs(WAYS) do
      if cut[way.place] then list[way.place] = wire.sum(counters, way.place, "out", "tcp") end
    end
    return list
  end

  -- The same, once what was on its way has arrived.
  local function settled()
    local now = heard_by_cut()
    while true do
      os.execute "sleep 0.3"
      local before = now
      now = heard_by_cut()
      if pcall(assert.same, before, now) then return now end
    end
  end

  setup(function()
    s, why = swarm.new({ "ada", "bea", "server", "ircd", "kubo" }, nil,
      { wire = true, nat = { gate1 = { "ada" }, gate2 = { "bea" } } })
    if not s then return end
    local address = function(host) return s.world:address(host) end
    kubos = { ada = kubo_daemon.new(s.world, "ada", s:path("ada", "kubo")),
      kubo = kubo_daemon.new(s.world, "kubo", s:path("kubo", "kubo"), {
        { '"API": "[^"]*"', ('"API": "/ip4/%s/tcp/5001"'):format(address "kubo") } }) }
    ircd = ngircd.start { world = s.world, host = "ircd" }
    for _, host in ipairs { "ada", "kubo" } do kubos[host]:start() end
    assert.is_truthy(swarm.within(20, function() return kubos.ada:is_ready() and kubos.kubo:is_ready() end))
    local server = ('"/ip4/%s/tcp/3825/dswarm-line", "/ip4/%s/tcp/6667/irc/#lab/dswarm-line"'):format(address "server",
      address "ircd")
    start("server", "server", '"/ip4/0.0.0.0/tcp/3825/dswarm-line"')
    start("ada", "duckiebot", server .. ', "/ipfs-pubsub/lab/dswarm-line"')
    start("bea", "duckiebot", ('%s, { "/ipfs-pubsub/lab/dswarm-line", api = "/ip4/%s/tcp/5001" }'):format(server,
      address "kubo"))
  end)

  teardown(function()
    if ircd then ircd.remove() end
    if s then s:close() end
  end)

  local function states(host)
    local list = {}
    for _, row in ipairs((s:ask(host, "channels") or { channels = {} }).channels) do
      list[#list + 1] = row.kind .. " " .. row.state
    end
    return table.concat(list, ", ")
  end

  local function within(what, bar, test)
    local took = swarm.within(bar, test)
    assert.is_truthy(took, what .. ":\n" .. s:cli("ada", "channels") .. s:cli("bea", "channels") .. s:logs())
    patience.took(what, took, bar)
  end

  local function row(host, kind)
    for _, one in ipairs(s:ask(host, "channels").channels) do
      if one.kind == kind then return one end
    end
  end

  it("are joined by each channel that their policies name", function()
    if not s then return pending(why) end
    within("all channels are up", 15, function()
      return states "ada" == "tcp up, irc up, ipfs-pubsub up" and states "bea" == "tcp up, irc up, ipfs-pubsub up"
    end)
    kubos.ada:run(("swarm connect /ip4/%s/tcp/4001/p2p/%s"):format(s.world:address "kubo", kubos.kubo.id))
    within("the Kubos hear each other", 10, function() return row("ada", "ipfs-pubsub").members == 1 end)
  end)

  -- A file is shared on HOST: by which way does its word come to the other, within BAR seconds?
  local function crosses(host, to, bar, name)
    folder.write(s:path(host, "share/" .. name), name)
    local via
    within("a word came: " .. name, bar, function()
      via = s:way_of(to, name)
      return via
    end)
    return via
  end

  it("hear each other's words over each kind alone", function()
    if not s then return pending(why) end
    for _, way in ipairs(WAYS) do
      open(way.kind)
      local before = settled()
      for host, to in pairs { ada = "bea", bea = "ada" } do -- any order
        local via = crosses(host, to, way.bar, ("%s by %s.txt"):format(host, way.kind))
        assert.equal(row(to, way.kind).address, via)
      end
      assert.same(before, heard_by_cut())
    end
  end)

  it("hear them over the next best when the quickest is cut, and not at all when none is left", function()
    if not s then return pending(why) end
    open("tcp", "irc")
    within("they share an IRC channel again", 30, function()
      return row("ada", "irc").state == "up" and row("bea", "irc").state == "up"
    end)
    local best = crosses("ada", "bea", 15, "by the best.txt") -- mostly TCP, where it goes by the server
    local other = { [row("bea", "tcp").address] = "irc", [row("bea", "irc").address] = "tcp" }
    assert.is_truthy(other[best], best)
    open(other[best])
    assert.equal(row("bea", other[best]).address, crosses("ada", "bea", 15, "by the next.txt"))
    open()
    folder.write(s:path("ada", "share/by none.txt"), "none")
    within("it was said", 10, function() return s:way_of("ada", "by none.txt") end)
    os.execute("sleep " .. SILENT_S)
    assert.is_nil(s:way_of("bea", "by none.txt"))
  end)
end)
