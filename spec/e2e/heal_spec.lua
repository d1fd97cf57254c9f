-- heal_spec.lua - three LANs behind routers and the server that joins them, cut apart until all have noticed; meanwhile
-- the server's address that all were told goes. One way is left, and all hold the same again. Whole daemons.
local folder = require "spec.folder"
local kept = require "kept"
local key = require "core.key"
local hash = require "core.hash"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local ROBOTS <const> = { "ada", "bob", "carl", "dora" }
local NAT <const> = { north = { "ada", "bob" }, south = { "carl" }, west = { "dora" } }
local LAN <const> = '"/ip4/0.0.0.0/udp/3825/dswarm-line", "/ip4/0.0.0.0/tcp/3825/dswarm-line"'
local NAME <const> = "server.lab.example" -- by which dora's policy names the server; the others' say his first address
local SECOND <const>, THIRD <const> = "198.51.100.101", "198.51.100.102" -- addresses of the server
local SILENT_S <const> = 180 -- after all have noticed
local APART_S <const> = 3 -- in which nothing comes where nothing can
local POLICY <const> = [[
local p = extend "%s"
p.routing.channels = { %s }
p.clients.logs.settle = { least = 0.1 * second, per = 32 * MB, most = 1 * second }
return p
]]

describe("three LANs behind routers, and the server that joins them", function()
  local s, why

  local function within(bar, what, test)
    local took = swarm.within(bar, test)
    assert.is_truthy(took, what .. "\n" .. (s and s:logs() or ""))
    patience.took(what, took, bar)
  end

  -- Dora's machine looks the name up in a file of its own, which it reads anew each time.
  local function name_leads_to(host) folder.write(s.dir .. "/hosts", host .. " " .. NAME .. "\n") end

  local function start(host, base, channels)
    swarm.sh("mkdir -p " .. s:path(host, "share"))
    folder.write(s:path(host, "my.lua"), POLICY:format(base, channels))
    local before = host == "dora" and ([[sh -c 'mount --bind %s/hosts /etc/hosts && exec "$@"' sh]]):format(s.dir)
    s:start(host, s:path(host, "my.lua"), before or nil)
  end

  local function server_has(verb, host)
    s.world:must(("ip -n %s address %s %s/24 dev eth0"):format(s.world:name "server", verb, host))
  end

  setup(function()
    s, why = swarm.new({ "server", table.unpack(ROBOTS) }, nil, { wire = true, nat = NAT, seed = 11, public = true })
    if not s then return end
    s.world:run("server", "sysctl -qw net.ipv4.conf.all.promote_secondaries=1") -- one stays where the first one goes
    server_has("add", SECOND)
    name_leads_to(s.world:address "server")
    start("server", "server", LAN)
    for _, host in ipairs(ROBOTS) do
      start(host, "duckiebot", ('%s, "/%s/tcp/3825/dswarm-line"'):format(LAN,
        host == "dora" and "dns4/" .. NAME or "ip4/" .. s.world:address "server"))
    end
  end)

  teardown(function() if s then s:close() end end)

  -- Names of the files that HOST knows of, as one text.
  local function known(host)
    local names = {}
    for _, file in ipairs((s:ask(host, "report") or { files = {} }).files) do
      table.move(file.names, 1, #file.names, #names + 1, names)
    end
    table.sort(names)
    return table.concat(names, " ")
  end

  -- Every host shares a file whose name begins with PREFIX, and so hears whether anybody is there.
  local function share(prefix)
    for _, host in ipairs { "server", table.unpack(ROBOTS) } do
      folder.write(s:path(host, ("share/%s_%s"):format(prefix, host)), prefix .. host)
    end
  end

  -- Does HOST know all that was shared under PREFIX?
  local function holds(host, prefix) return select(2, known(host):gsub(prefix .. "_%l+", "")) == 1 + #ROBOTS end

  local function all_hold(prefix)
    return function()
      for _, host in ipairs { "server", table.unpack(ROBOTS) } do
        if not holds(host, prefix) then return false end
      end
      return true
    end
  end

  -- Has HOST a connection with the server: one that its policy names, one that it chose, or, at the server, any?
  local function is_joined(host)
    local status = s:ask(host, "status")
    for _, channel in ipairs(status and status.channels or {}) do
      for _, link in ipairs(channel.links or {}) do
        -- Repairs dial by themselves, and say no beacons; where such a one is cut both are silent, and it waits.
        if link.address:find("/ip4/198.", 1, true) and link.heard.beacons > 0 then return true end
      end
      local named = not channel.address:find("0.0.0.0", 1, true)
      if named and channel.kind == "tcp" and channel.state == "up" then return true end
    end
    return status == nil or status.view.links > 0
  end

  local function no_robot_is_joined()
    for _, host in ipairs(ROBOTS) do
      if is_joined(host) then return false end
    end
    return true
  end

  -- A server hears only after a minute that some who dialled it are gone.
  local function none_is_joined() return no_robot_is_joined() and not is_joined "server" end

  -- All have heard where the server can be met, HOST among that.
  local function all_can_find(host)
    local id = s:ask("server", "identity").id
    return function()
      for _, robot in ipairs(ROBOTS) do
        local text = s:cli(robot, ("record show pri/%s/addresses %s"):format(id, id))
        if not text:find("/ip4/" .. host .. "/", 1, true) then return false end
      end
      return true
    end
  end

  local function stay_apart(prefix)
    swarm.sh("sleep " .. APART_S)
    assert.is_truthy(swarm.within(5, no_robot_is_joined))
    for _, host in ipairs { "server", "carl", "dora" } do
      assert.is_false(known(host):find(prefix .. "_ada", 1, true) ~= nil, host)
    end
  end

  -- The server's machine refuses what comes in: so robots notice as soon as they say something.
  local function refuse()
    s.world:run("server", [[nft 'add table inet away; add chain inet away in { type filter hook input priority 0; };
      add rule inet away in tcp flags & rst == 0 reject with tcp reset']])
  end

  it("are one again by the address of the server that is still right, or by its name, without a restart", function()
    if not s then return pending(why) end
    share "first"
    within(15, "all are joined", all_hold "first")
    within(5, "and know all of the server's addresses", all_can_find(SECOND))
    refuse()
    share "meanwhile"
    within(10, "all robots have noticed that the server is away", no_robot_is_joined)
    s.world:cut "server"
    server_has("delete", s.world:address "server")
    name_leads_to(SECOND)
    stay_apart "meanwhile"
    s.world:run("server", "nft delete table inet away")
    s.world:heal "server"
    within(60, "all hold the same again", all_hold "meanwhile")
  end)

  if not SOAK then return end

  it("are one again after minutes of silence, by an address that they only heard of", function()
    if not s then return pending(why) end
    server_has("add", THIRD)
    within(90, "all hear of another address of the server", all_can_find(THIRD))
    s.world:cut "server" -- silently: nobody is told
    share "silent"
    within(150, "all have noticed that nobody answers", none_is_joined)
    server_has("delete", SECOND)
    name_leads_to(THIRD)
    swarm.sh(("sleep %d"):format(SILENT_S))
    stay_apart "silent"
    s.world:heal "server"
    within(60, "all hold the same again", all_hold "silent")
  end)
end)

if not SOAK then return end

describe("a robot that remembers a thousand who are gone", function()
  local DEAD <const>, BURST_S <const>, COUNTED_S <const> = 1000, 30, 150

  it("sends one SYN in five seconds", function()
    local s, why = swarm.new({ "ada" }, nil, { wire = true, nat = { north = { "ada" } }, seed = 12, public = true })
    if not s then return pending(why) end
    finally(function() s:close() end)
    local rows = {}
    for i = 1, DEAD do
      rows[i] = { key.generate(hash.blake2b("dead " .. i)):id(),
        { ("/ip4/203.0.113.%d/tcp/%d/dswarm-line"):format(i % 250 + 1, 3825 + i // 250) } }
    end
    swarm.sh("mkdir -p " .. s:path("ada", "share"))
    folder.write(s:path("ada", "my.lua"), POLICY:format("duckiebot", LAN))
    s:start("ada", s:path("ada", "my.lua"))
    assert.is_truthy(swarm.within(5, function() return s:ask("ada", "status") end), s:log "ada")
    s:stop "ada"
    folder.write(s:path("ada", "state/view"), kept.encode(rows))
    s.world:run("north", "ip route add default dev eth0")
    s.world:run("north", [[nft 'add table inet count; add chain inet count way { type filter hook forward priority 0; };
      add rule inet count way ip daddr 203.0.113.0/24 tcp flags & (syn | ack) == syn counter drop']])
    local function syns()
      return math.tointeger(tonumber(s.world:run("north", "nft list table inet count"):match "packets (%d+)"))
    end
    s:start("ada", s:path("ada", "my.lua"))
    swarm.sh("sleep " .. BURST_S)
    assert.equal(DEAD, (s:ask("ada", "status") or { view = {} }).view.members, s:log "ada")
    local before = syns()
    swarm.sh("sleep " .. COUNTED_S)
    local sent = syns() - before
    print(("# %d SYNs in %d s, %d in the %d s before"):format(sent, COUNTED_S, before, BURST_S))
    assert.is_true(sent >= COUNTED_S / 10, "they are tried") -- else nothing was counted
    assert.is_true(sent <= COUNTED_S / 5 + 2, sent .. " SYNs") -- a dial more at either end
  end)
end)
