-- world_spec.lua - "From one room to the world" as README.md has it: its policies on a server and on robots behind NAT,
-- its session on one of them. A real IRC server with TLS, a real proxy, a real Kubo, and names that are looked up.
-- mostly waits: for daemons, servers and a Kubo that find each other
local certificates = require "spec.net.certificates"
local folder = require "spec.folder"
local kubo_daemon = require "spec.net.kubo_daemon"
local ngircd = require "spec.net.ngircd"
local patience = require "spec.patience"
local proxies = require "spec.net.proxies"
local readme = require "spec.readme"
local swarm = require "spec.e2e.swarm"

local HOSTS <const> = { "server", "irc", "gate", "ada", "bea" }
local PASSWORD <const> = assert(readme.world:match "echo (%w+) >~/.config/dt%-swarm/secrets/irc")

-- Whoever sits at the robot is not root, and meets no daemon of the system's.
local SESSION <const> = [[
mount -t tmpfs tmpfs /run
exec unshare --user --map-user=1000 --map-group=1000 \
  env -i HOME=%s XDG_RUNTIME_DIR=%s/run PATH="$PATH" %s spec/session.lua %s/world.md %s "$PWD"
]]

local blocks = {}
for block in readme.world:gmatch "\n```lua\n(.-)```" do blocks[#blocks + 1] = block end
local SERVER <const>, ROBOT <const>, BY_PROXY <const> = table.unpack(blocks)

if not (ngircd.found() and proxies.found()) then
  it("from one room to the world", function() pending "NO SERVERS (spec/net/servers.sh)" end)
  return
end

describe("from one room to the world", function()
  local s, why, authority, proxy
  local running, kubos = {}, {}

  -- What runs a command where README's names are known, and the spec's authority is the system's.
  local function here(command)
    return ("unshare -m sh -c 'mount --bind %s/hosts /etc/hosts && exec \"$@\"' sh %s"):format(s.dir,
      authority.before(command))
  end

  local function put_policy(host, place, text)
    swarm.sh(("mkdir -p -m 700 %s/secrets"):format(place))
    folder.write(place .. "/policy.lua", text)
    local told, code = s.world:run(host, ("./dt-swarm --check %s/policy.lua"):format(place))
    assert(code, told)
  end

  -- Starts the daemon of HOST with the policy TEXT, as its user's own.
  local function start(host, text)
    local place = s:path(host, "dt-swarm")
    put_policy(host, place, text)
    folder.write(place .. "/secrets/irc", PASSWORD .. "\n")
    swarm.sh(("chmod 600 %s/secrets/irc"):format(place))
    s:start(host, nil, here "")
  end

  local function start_servers()
    local one = authority.issue("irc.example.org", s.world:address "irc")
    running[1] = ngircd.start { world = s.world, host = "irc", password = PASSWORD, tls = one }
    proxy = proxies.socks { world = s.world, host = "gate", before = here "" }
    running[2] = proxy
  end

  setup(function()
    s, why = swarm.new(HOSTS, nil, { wire = true, nat = { gate1 = { "ada" }, gate2 = { "bea" } } })
    if not s then return end
    for _, host in ipairs { "server", "ada" } do
      kubos[host], why = kubo_daemon.new(s.world, host, s:path(host, "ipfs"))
      if not kubos[host] then return end
    end
    kubos.server:start()
    authority = certificates.new()
    folder.write(s.dir .. "/hosts", ("127.0.0.1 localhost\n%s swarm.lab.example\n%s irc.example.org\n"):format(
      s.world:address "server", s.world:address "irc"))
    start_servers()
    start("server", SERVER)
    start("bea", (ROBOT:match "^(.-\n)also " .. BY_PROXY .. "return p\n"):gsub("10%.0%.0%.1:1080",
      proxy.url:match "//(.*)"))
  end)

  teardown(function()
    for _, one in ipairs(running) do one.remove() end
    if s then s:close() end
    if authority then authority.remove() end
  end)

  it("goes as README.md says", function()
    if not kubos.ada then return pending(why) end
    local home = s:path("ada", "home")
    swarm.sh(("mkdir -p -m 700 %s %s/run %s/bin"):format(home, home, home))
    folder.write(home .. "/bin/ipfs", ("#!/bin/sh\nexec %s \"$@\"\n"):format(kubos.ada.command))
    swarm.sh(("chmod 755 %s/bin/ipfs; ln -s $PWD/dt-swarm $PWD/dt-swarm-cli %s/bin"):format(home, home))
    put_policy("ada", home .. "/.config/dt-swarm", ROBOT)
    folder.write(s.dir .. "/world.md", readme.world)
    swarm.sh("mkdir -p " .. s:path("bea", "share"))
    folder.write(s:path("bea", "share/run-7.bag"), "what bea saw")
    assert.truthy(swarm.within(5, function() -- on a link that came up just now IPv6 refuses to speak
      return s.world:run("ada", "ip -6 address show tentative") == ""
    end))
    local began = os.time()
    folder.write(s.dir .. "/session", SESSION:format(home, home, os.getenv "LUA" or "lua5.4", s.dir, home))
    local said, fine = s.world:run("ada", here(("sh %s/session"):format(s.dir)))
    assert.is_true(fine, said .. s:logs())
    patience.took("README's session", os.time() - began, 15)
    local _, steps = said:gsub("ok      %$ ", "")
    assert.equal(select(2, readme.world:gsub("\n%$ ", "")), steps, said)
    assert.matches("udp 3825 on eth0 [%d.]+; tcp 3825; http %d+\n +also by +/dns4/swarm.lab.example/tcp/3825\n",
      s:log "bea")
  end)
end)
