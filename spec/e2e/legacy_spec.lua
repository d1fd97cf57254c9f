-- legacy_spec.lua - `discover --legacy` beside a responder on UDP 11411 and a real avahi; the daemon has no part in it.
-- Whole daemons, from outside.
-- mostly waits: a question takes three seconds
local cjson = require "cjson"
local avahi = require "spec.net.avahi"
local folder = require "spec.folder"
local json = require "core.json"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local HEX_PORT <const> = ":2C93 " -- 11411, as the kernel lists it
local SAID <const> = 4 -- s
local DONALD <const> = "donald +duckiebot +– +10%.77%.0%.2 +udp" -- in the table
local MICKEY <const> = "mickey +watchtower +booting +10%.77%.0%.3 +mdns"
local ODD <const> = 17 -- of six answers to each of three questions, and one service; two may be lost

if not avahi.is_here() then
  it("robots of today's Duckietown", function() pending "NO SERVERS: spec/net/servers.sh says why" end)
  return
end

local function pong(name, more)
  return "'" .. cjson.encode { version = "1", name = name, type = "duckiebot", configuration = more or "DB21M",
    hardware = "jetson_nano" } .. "'"
end

-- An avahi-browse that waits for somebody who does not answer.
local SLOW <const> = [[#!/bin/sh
echo '=;eth0;IPv4;DT::BUSY::minnie;_duckietown._tcp;local;minnie.local;10.77.0.9;8080;'
echo $$ >%s/slow/pid
exec sleep 600
]]

-- Two interfaces that lead to nobody but each other: there is a network, and nobody in it.
local LONELY <const> = "ip link add eth1 type veth peer name eth2; ip address add 10.78.0.1/24 dev eth1; "
  .. "ip link set eth1 up; ip link set eth2 up"

describe("discover --legacy", function()
  local world, answer, said, took

  -- Types it on ada twice, on ada where no avahi-browse is, and on sue, at once. → the answer to --json | nil
  local function ask()
    local began, running = patience.now(), {}
    local function type(name, host, path, words)
      running[name] = world.world:spawn(host, ("env PATH=%s %s/dt-swarm-cli %s discover --legacy %s"):format(path,
        world.here, world:path(host, "state/control.sock"), words or ""))
    end
    local usual = world.dir .. "/avahi-ada/bin:" .. os.getenv "PATH"
    type("json", "ada", usual, "--json")
    type("table", "ada", usual)
    type("bare", "ada", world.dir .. "/bare")
    type("slow", "ada", world.dir .. "/slow:" .. os.getenv "PATH")
    type("sue", "sue", world.dir .. "/bare")
    assert(world.within(SAID, function() return not running.sue.alive() end))
    took, said = patience.now() - began, {}
    for name, process in pairs(running) do -- any order
      assert(world.within(SAID, function() return not process.alive() end), name)
      said[name] = process.output():gsub("\n", name == "table" and "\n" or " ")
    end
    return json.decode((said.json:gsub(" $", "")))
  end

  setup(function()
    local why
    world, why = swarm.new({ "ada", "donald", "mickey", "eve", "sue" }, { sue = true })
    assert(world, why)
    world:start "ada"
    world.world:run("sue", LONELY)
    local function respond(host, answers)
      world.world:spawn(host, "lua5.4 spec/net/legacy_responder.lua " .. answers)
    end
    respond("donald", pong "donald")
    respond("eve", ("'no JSON' '[' '7' '{\"name\":7}' '*' '%s' %s"):format(("{\"a\":"):rep(100),
      pong("evil\27[2J", ("x"):rep(500))))
    local mine = avahi.start(world.world, "ada", world.dir .. "/avahi-ada")
    local theirs = avahi.start(world.world, "mickey", world.dir .. "/avahi-mickey")
    for _, server in ipairs { mine, theirs } do
      assert(world.within(10, function() return server.process.output():find "startup complete" end),
        server.process.output())
    end
    theirs.publish("DT::ROBOT_TYPE::mickey", '{"type": "watchtower"}')
    theirs.publish "DT::BOOTING::mickey"
    theirs.publish "DT::PRESENCE::mickey"
    theirs.publish("DT::ROBOT_CONFIGURATION::mickey", "no JSON; at \"all\"")
    theirs.publish "DT::nonsense"
    -- A PATH with what the command line needs, and no avahi-browse.
    local bare = world.dir .. "/bare"
    swarm.sh(("mkdir -p %s && ln -s $(command -v env) $(command -v sh) $(command -v dirname) %s/"):format(bare, bare))
    swarm.sh(("mkdir -p %s/slow"):format(world.dir))
    folder.write(world.dir .. "/slow/avahi-browse", SLOW:format(world.dir))
    swarm.sh(("chmod 755 %s/slow/avahi-browse"):format(world.dir))
    assert(world.within(20, function() return #world:names "ada" == 1 end), world:logs())
    world.within(20, function() -- until avahi has learned of all services
      answer = ask()
      local mickey = answer.robots[3]
      -- Whatever avahi resolves first, IPv4 or IPv6, is his address.
      return mickey and mickey.state == "booting" and mickey.type and mickey.address == "10.77.0.3"
        and answer.odd >= ODD and answer.avahi == "ok" and said.bare:find "donald" and said.table:find(DONALD)
        and said.table:find "evil" and said.table:find(MICKEY) and said.slow:find "minnie"
        and folder.read(world.dir .. "/slow/pid")
    end)
  end)
  teardown(function() world:close() end)

  it("lists who answers and of whom avahi knows, and says what was odd", function()
    assert.same({
      { name = "donald", type = "duckiebot", configuration = "DB21M", hardware = "jetson_nano",
        address = "10.77.0.2", by = { "udp" } },
      { name = "evil\\x1b[2J", type = "duckiebot", hardware = "jetson_nano", address = "10.77.0.4", by = { "udp" } },
      { name = "mickey", type = "watchtower", state = "booting", address = "10.77.0.3", by = { "mdns" } },
    }, answer.robots)
    assert.is_true(answer.odd >= ODD)
    assert.equal("10.77.0.4", answer.odd_host)
    assert.equal("ok", answer.avahi)
  end)

  it("tells people in a table, and whose answers made no sense", function()
    assert.matches(DONALD, said.table)
    assert.matches(MICKEY, said.table)
    assert.matches("evil\\x1b[2J", said.table, 1, true)
    assert.is_nil(said.table:find("\27", 1, true))
    assert.matches("3 robots of today's Duckietown%.", said.table)
    assert.matches("answers, the last from 10%.77%.0%.4, made no sense%.", (said.table:gsub("\n", " ")))
  end)

  it("lists who answers where there is no avahi, and says so", function()
    assert.matches("donald", said.bare)
    assert.matches("mDNS: avahi-browse is not installed", said.bare, 1, true)
  end)

  it("lists what avahi said in time, says that it is not all, and leaves nothing running", function()
    assert.matches("minnie.- busy +10%.77%.0%.9 +mdns", said.slow)
    assert.matches("mDNS: not all of what it knows could be resolved in time.", said.slow, 1, true)
    local pid = assert(folder.read(world.dir .. "/slow/pid"))
    assert.is_truthy(world.within(5, function() -- one that ended has none any more
      return (folder.read(("/proc/%d/cmdline"):format(pid)) or "") == ""
    end))
  end)

  it("is asked by the command line alone: the daemon leaves the port to the robot's own responder", function()
    local function sockets(host) return world.world:run(host, "cat /proc/net/udp /proc/net/udp6") end
    assert.is_nil(sockets "ada":find(HEX_PORT, 1, true))
    assert.truthy(sockets "donald":find(HEX_PORT, 1, true)) -- the control
  end)

  it("says soon that nobody is there, and asks for no other machine", function()
    assert.matches("Nobody answered in 3 s on UDP port 11411 %(eth1%)", said.sue)
    patience.took("nobody of today's Duckietown", took, SAID)
    local refused, code = swarm.sh(("%s/dt-swarm-cli donald discover --legacy"):format(world.here))
    assert.equal(3, code)
    assert.matches("ssh donald dt-swarm-cli discover --legacy", (refused:gsub("\n", " ")), 1, true)
  end)
end)
