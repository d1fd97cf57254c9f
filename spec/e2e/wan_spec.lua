-- wan_spec.lua - two LANs behind routers that let nobody in, and a server that both dial, over TCP alone; who has IPv6
-- alone dials it, too. Whole daemons.
-- mostly waits: for links that end and come back
local folder = require "spec.folder"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"
local wire = require "spec.net.wire"

local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local HOSTS <const> = { "server", "ada", "bob", "carl", "dora" } -- dora has IPv6 alone, and dials the server, too
local NAT <const> = { north = { "ada", "bob" }, south = { "carl" } }
local LAN <const> = '"/ip4/0.0.0.0/udp/3825/dswarm-line", "/ip4/0.0.0.0/tcp/3825/dswarm-line"'

local function policy(path, base, channels)
  folder.write(path, ('local p = extend "%s"\np.routing.channels = { %s }\nreturn p\n'):format(base, channels))
end

describe("two LANs behind routers, and a server that one of each dials", function()
  local s, why

  local function within(bar, what, test)
    local took = swarm.within(bar, test)
    assert.is_truthy(took, what .. "\n" .. s:cli("bob", "status --json") .. s:cli("server", "channels") .. s:logs())
    patience.took(what, took, bar)
  end

  setup(function()
    s, why = swarm.new(HOSTS, nil, { wire = true, nat = NAT, seed = 5, public = true })
    if not s then return end
    local to_server = (LAN .. ', "/ip4/%s/tcp/3825/dswarm-line"'):format(s.world:address "server")
    local channels = { server = LAN .. ', "/ip6/::/tcp/3825/dswarm-line"', ada = to_server, bob = LAN, carl = to_server,
      dora = '"/ip6/fd00:77::1/tcp/3825/dswarm-line"' }
    for host, number in pairs { server = 1, dora = 5 } do -- any order
      s.world:must(("ip -n %s address add fd00:77::%d/64 dev eth0 nodad"):format(s.world:name(host), number))
    end
    s.world:must(("ip -n %s -4 address flush dev eth0"):format(s.world:name "dora"))
    for _, host in ipairs(HOSTS) do
      swarm.sh("mkdir -p " .. s:path(host, "share"))
      policy(s:path(host, "my.lua"), host == "server" and "server" or "duckiebot", channels[host])
      s:start(host, s:path(host, "my.lua"))
    end
  end)

  teardown(function() if s then s:close() end end)

  it("carry a record of the one to the other", function()
    if not s then return pending(why) end
    within(10, "all are heard of at the server or at home", function()
      return table.concat(s:names "ada", " ") == "ada bob server" and table.concat(s:names "carl", " ") == "carl server"
    end)
    folder.write(s:path("bob", "share/from_bob.txt"), "bob")
    within(10, "from one LAN to the other", function() return s:file("carl", "from_bob.txt") end)
    within(10, "and to who has IPv6 alone", function() return s:file("dora", "from_bob.txt") end)
    local counters = s.world:counters()
    assert.equal(0, wire.sum(counters, "south", "in", "udp"), "over TCP alone")
  end)

  it("say where they can be met", function()
    if not s then return pending(why) end
    local function says(host, of)
      local id = s:ask(of, "identity").id
      local text = s:cli(host, ("record show pri/%s/addresses %s"):format(id, id))
      return text:find(("/ip4/%s/tcp/3825/dswarm-line"):format(s.world:address(of)), 1, true) ~= nil
    end
    within(10, "the server to a robot", function() return says("carl", "server") end)
    within(10, "a robot to the server, though nobody can come in there", function() return says("server", "ada") end)
  end)

  it("are joined by a robot to whom nobody named the server, when the one that was told is gone", function()
    if not s then return pending(why) end
    local function view() return (s:ask("bob", "status") or { view = { links = 0 } }).view end
    within(20, "a link that the view chose", function() return view().links == 1 end)
    within(10, "its other end is proved, so it is remembered", function()
      for _, node in ipairs(s:ask("bob", "discover").nodes) do
        if node.name == "server" and node.via and node.via.proved then return true end
      end
    end)
    s:stop "ada"
    folder.write(s:path("bob", "share/without_ada.txt"), "bob")
    within(10, "over that link", function() return s:file("carl", "without_ada.txt") end)
    s:stop "bob"
    s:start("bob", s:path("bob", "my.lua"))
    folder.write(s:path("bob", "share/without_words.txt"), "bob")
    within(20, "from what it remembers", function() return s:file("carl", "without_words.txt") end)
    within(20, "by one link", function() return view().links == 1 end)
    s:start("ada", s:path("ada", "my.lua"))
  end)

  if not SOAK then return end

  -- The ports of the connections that HOST has with a router, as numbers.
  local function ports(host, router)
    local list = {}
    for _, channel in ipairs((s:ask(host, "status") or { channels = {} }).channels) do
      for _, link in ipairs(channel.links or {}) do
        local from, port = link.address:match "^/ip4/([%d.]+)/tcp/(%d+)/"
        if from == s.world:address(router) then list[#list + 1] = port end
      end
    end
    return list
  end

  -- HOST drops what comes over connections by nftables' RULES, from now on.
  local function drop(host, rules)
    local command = "nft 'add table inet half; add chain inet half in { type filter hook input priority 0; }'; "
    for _, rule in ipairs(rules) do command = command .. ("nft add rule inet half in %s drop; "):format(rule) end
    s.world:run(host, command)
  end

  it("replace a connection of which one way is dropped silently, and lose nothing", function()
    if not s then return pending(why) end
    within(10, "the connection of the south", function() return ports("server", "south")[1] end)
    drop("server", { "ip saddr " .. s.world:address "south" .. " tcp sport " .. ports("server", "south")[1] })
    folder.write(s:path("carl", "share/south_lost.txt"), "carl")
    within(90, "dropped towards the server", function() return s:file("bob", "south_lost.txt") end)
    swarm.sh "sleep 15" -- repairs, which dial by themselves, come to an end
    within(30, "one connection is left", function() return #ports("server", "south") == 1 end)
    local mine = {}
    for port in s.world:run("carl", "ss -tnH dst " .. s.world:address "server"):gmatch "%d+%s+%d+%s+%S+:(%d+)%s" do
      mine[#mine + 1] = "tcp sport 3825 tcp dport " .. port
    end
    drop("carl", mine)
    folder.write(s:path("bob", "share/north_lost.txt"), "bob")
    within(90, "dropped towards the robot", function() return s:file("carl", "north_lost.txt") end)
  end)

  it("take six bytes a second each way on the wire at most while nothing happens", function()
    if not s then return pending(why) end
    swarm.sh "sleep 120"
    local before = s.world:counters()
    swarm.sh "sleep 600"
    local after = s.world:counters()
    for _, fate in ipairs { "in_bytes", "out_bytes" } do
      local a = (wire.sum(after, "south", fate, "tcp") - wire.sum(before, "south", fate, "tcp")) / 600
      print(("# %s of the south's router: %.1f bytes/s of frames"):format(fate, a))
      assert.is_true(a <= 6 + 14 * 3 / 30, a) -- 14 bytes of each frame are the wire's own
    end
  end)
end)
