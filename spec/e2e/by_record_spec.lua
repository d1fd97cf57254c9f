-- by_record_spec.lua - two LANs behind routers that have one channel in common: who lists whom, how far a ping comes.
-- Whole daemons.
-- mostly waits: for servers, and for words that go from LAN to LAN
local folder = require "spec.folder"
local kubo_daemon = require "spec.net.kubo_daemon"
local ngircd = require "spec.net.ngircd"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

-- By each kind ada (in the north) and carl (in the south) have a line; bob and dora, their neighbours, speak on their
-- LAN alone. Those of "cut" have lines of all kinds, of which none leads out of their LAN.
local KINDS <const> = { "tcp", "irc", "ipfs-pubsub", "cut" }
local NUMBERS <const> = { tcp = 1, irc = 2, ["ipfs-pubsub"] = 3, cut = 4 } -- behind the names of their hosts
local TCP <const>, PUBSUB <const> = '"/ip4/SERVER/tcp/3825/dswarm-line"', '"/ipfs-pubsub/lab/dswarm-line"'
local IRC <const> = '{ "/ip4/SERVER/tcp/6667/irc/#lab/dswarm-line", budget = 2 * kB }'
local LINES <const> = { tcp = TCP, irc = IRC, ["ipfs-pubsub"] = PUBSUB,
  cut = ("%s, %s, %s"):format(TCP, IRC, PUBSUB) }
local POLICY <const> = [[
local p = extend "duckiebot"
p.routing.channels = { "/ip4/0.0.0.0/udp/3825/dswarm-line", "/ip4/0.0.0.0/tcp/3825/dswarm-line", %s }
%s
return p
]]
-- There is no lab, so that who joins two networks says that he passes lines on, as servers do.
local PASSES_ON <const> = "function p.routing.relay(envelope) return envelope.proved end"

describe("two LANs that have one channel in common", function()
  local s, why, irc
  local kubos, missing = {}, {}

  local function host(name, kind) return name .. NUMBERS[kind] end

  local function kubo_for(kind)
    local north, south = host("ada", kind), host("carl", kind)
    for _, one in ipairs { north, south } do
      kubos[one], missing[kind] = kubo_daemon.new(s.world, one, s:path(one, "kubo"))
      if not kubos[one] then return end
      kubos[one]:start()
    end
    -- The router of the south lets a Kubo in, and no more.
    s.world:must(("ip netns exec %s nft 'add chain ip nat in { type nat hook prerouting priority dstnat; }; "
      .. "add rule ip nat in iifname eth0 tcp dport 4001 dnat to %s'"):format(s.world:name(host("south", kind)),
      s.world:address(south)))
    assert.is_truthy(swarm.within(30, function() return kubos[north]:is_ready() and kubos[south]:is_ready() end))
    local connect = ("swarm connect /ip4/%s/tcp/4001/p2p/%s"):format(s.world:address(host("south", kind)),
      kubos[south].id)
    assert.is_truthy(swarm.within(10, function() return kubos[north]:run(connect):find "success" end))
  end

  local function start(name, kind, line)
    local one, relay = host(name, kind), line ~= "" and PASSES_ON or ""
    folder.write(s.dir .. "/" .. one .. ".lua", POLICY:format((line:gsub("SERVER", s.world:address "server")), relay))
    s:start(one, s.dir .. "/" .. one .. ".lua")
  end

  setup(function()
    local hosts, nat, names = { "server" }, {}, {}
    for _, kind in ipairs(KINDS) do
      nat[host("north", kind)] = { host("ada", kind), host("bob", kind) }
      nat[host("south", kind)] = { host("carl", kind), host("dora", kind) }
      for _, name in ipairs { "ada", "bob", "carl", "dora" } do
        hosts[#hosts + 1] = host(name, kind)
        names[host(name, kind)] = name
      end
    end
    s, why = swarm.new(hosts, nil, { wire = true, nat = nat, seed = 5, public = true, ipv6 = false, names = names })
    if not s then return end
    swarm.sh(("cp policies/*.lua %s"):format(s.dir))
    s:start("server", "policies/server.lua")
    if ngircd.found() then
      irc = ngircd.start { world = s.world, host = "server" }
    else
      missing.irc = "no ngircd"
    end
    for _, router in ipairs { "north", "south" } do s.world:cut(host(router, "cut")) end
    for _, kind in ipairs(KINDS) do
      if kind == "ipfs-pubsub" then kubo_for(kind) end
      for _, name in ipairs { "bob", "dora" } do start(name, kind, "") end
      for _, name in ipairs { "ada", "carl" } do start(name, kind, LINES[kind]) end
    end
  end)

  teardown(function()
    if irc then irc.remove() end
    if s then s:close() end
  end)

  -- How ONE (a host) lists the node called NAME | nil
  local function row_of(one, name)
    for _, node in ipairs((s:ask(one, "discover") or { nodes = {} }).nodes) do
      if node.name == name then return node end
    end
  end

  local function how(one, name)
    local row = row_of(one, name)
    return row and ("%s%s"):format(row.status, row.via.by and " by " .. row.via.by or "")
  end

  local ACROSS <const> = { ada = "dora", bob = "dora", carl = "bob", dora = "bob" }

  local function all_list_each_other(kind)
    for name, other in pairs(ACROSS) do -- any order
      if how(host(name, kind), other) ~= "ready by record" then return false end
    end
    return true
  end

  local function within(bar, what, kind, test)
    local took, shown = swarm.within(bar, test), {}
    for i, name in ipairs(took and {} or { "ada", "bob", "carl", "dora" }) do
      shown[i] = s:cli(host(name, kind), "discover") .. s:cli(host(name, kind), "channels") .. s:log(host(name, kind))
    end
    assert.is_truthy(took, what .. "\n" .. table.concat(shown, "\n"))
    patience.took(what, took, bar)
  end

  for _, kind in ipairs { "tcp", "irc", "ipfs-pubsub" } do
    it(("list each other's robots by record, and a ping finds its way, over %s"):format(kind), function()
      if not s or missing[kind] then return pending(why or missing[kind]) end
      within(15, "each lists whom it never heard, over " .. kind, kind, function() return all_list_each_other(kind) end)
      assert.equal(kind, row_of(host("ada", kind), "dora").via.kind, "that brought her word")
      local row = row_of(host("bob", kind), "dora")
      assert.is_true(row.seen_ms >= 0 and row.seen_ms < 6 * 60 * 1000, row.seen_ms)
      assert.same({ "dora", "computer", false }, { row.label, row.type, row.near })
      within(5, "who is heard is not by record (control)", kind, function()
        return how(host("bob", kind), "ada") == "ready"
      end)
      local said, code
      within(15, "a ping from LAN to LAN, over " .. kind, kind, function()
        said, code = s:cli(host("bob", kind), "ping dora --count 1")
        return code == 0
      end)
      assert.matches("1 of 1 ping answered by dora " .. row.id:sub(-4), said)
      said = s:cli(host("bob", kind), "discover")
      assert.matches("dora +" .. row.id:sub(-4) .. " .* ready +%S+, by record +%w", said)
      local names = table.concat(s:request(host("bob", kind), { command = "names", of = "peer" }).names, " ")
      assert.truthy((" " .. names .. " "):find(" dora ", 1, true), names)
    end)
  end

  it("list nobody by record where that channel leads nowhere (control)", function()
    if not s then return pending(why) end
    for name, neighbour in pairs { ada = "bob", bob = "ada", carl = "dora", dora = "carl" } do -- any order
      local one, list = host(name, "cut"), {}
      assert.is_truthy(swarm.within(5, function() return how(one, neighbour) == "ready" end), s:log(one))
      for i, node in ipairs(s:ask(one, "discover --all").nodes) do list[i] = node.name end
      assert.same({ name, neighbour }, list)
      local _, code = s:cli(one, "ping " .. (name < "c" and "dora" or "bob") .. " --count 1")
      assert.equal(1, code)
    end
  end)
end)
