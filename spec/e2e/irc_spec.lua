-- irc_spec.lua - robots that have IRC in common alone, over real servers of two kinds. Whole daemons.
-- mostly waits: for IRC servers and their pace
local folder = require "spec.folder"
local inspircd = require "spec.net.inspircd"
local ngircd = require "spec.net.ngircd"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local ROBOTS <const> = { "ada", "bob", "carl", "dora" } -- ada and bob are on ngircd, the others on inspircd

if not (ngircd.found() and inspircd.found()) then
  it("IRC servers", function() pending "NO SERVERS: they cannot be had here (spec/net/servers.sh)" end)
  return
end

describe("two robots that have IRC in common alone", function()
  local s, servers

  after_each(function()
    for _, server in pairs(servers or {}) do server.remove() end -- any order
    if s then s:close() end
  end)

  -- With lines for those SERVERS.
  local function start(robot, ...)
    local lines = {}
    for i, server in ipairs { ... } do
      lines[i] = ('"/ip4/%s/tcp/6667/irc/#lab/dswarm-line"'):format(servers[server].address)
    end
    swarm.sh("mkdir -p " .. s:path(robot, "share"))
    folder.write(s:path(robot, "my.lua"), ([[
local p = extend "duckiebot"
p.routing.channels = { %s }
return p
]]):format(table.concat(lines, ", ")))
    s:start(robot, s:path(robot, "my.lua"))
  end

  local function channel(robot) return (s:ask(robot, "channels") or { channels = { {} } }).channels[1] end

  local function share(name)
    for _, robot in ipairs(ROBOTS) do
      folder.write(s:path(robot, ("share/%s_%s.txt"):format(name, robot)), robot .. name)
    end
  end

  local function known(robot)
    local n = 0
    for _ in ipairs((s:ask(robot, "report") or { files = {} }).files) do n = n + 1 end
    return n
  end

  -- Waits until TEST(robot) holds for all four.
  local function all(what, bar, test)
    local left = { table.unpack(ROBOTS) }
    local took = swarm.within(bar, function()
      while left[1] and test(left[1]) do table.remove(left, 1) end
      return not left[1]
    end)
    if not took then
      for _, robot in ipairs(ROBOTS) do print(robot, (s:cli(robot, "channels"))) end
    end
    assert.is_truthy(took, what .. ": " .. tostring(left[1]) .. "\n" .. s:logs())
    patience.took(what, took, bar)
  end

  -- An operator of ngircd's first server says COMMAND, with %s for the name of the second.
  local function order(command)
    s.world:run("one", ("cd %s && lua5.4 spec/net/irc_say.lua %s 6667 root 0.2 'OPER root secret' '%s'")
      :format(s.here, servers.one.address, command:format(servers.two.name)))
  end

  -- bob lost all that he had, and ada says nothing of her own accord: what he lacks he must ask for.
  local function newcomer()
    assert.is_true(s:stop "ada" and s:stop "bob")
    swarm.sh(("rm -rf %s %s/*"):format(s:path("bob", "state"), s:path("bob", "share")))
    start("ada", "one")
    assert.is_truthy(swarm.within(10, function() return channel "ada".state == "up" end))
    start("bob", "one")
    local took = swarm.within(60, function() return known "bob" == 2 end)
    assert.is_truthy(took, s:logs())
    patience.took("a newcomer has asked for what he lacks", took, 60)
  end

  -- bob has two lines, and the server of the first one stops for good.
  local function other_server()
    assert.is_true(s:stop "bob")
    start("bob", "two", "one")
    assert.is_truthy(swarm.within(10, function() return channel "bob".state == "up" end))
    assert.is_true(servers.two.stop())
    local took = swarm.within(10, function()
      local rows = (s:ask("bob", "channels") or { channels = { {}, {} } }).channels
      return rows[2].state == "up" and rows[1].state == "waiting" and (channel "ada".members or 0) == 2
    end)
    assert.is_truthy(took, s:logs())
    patience.took("the next server", took, 10)
    folder.write(s:path("bob", "share/other.txt"), "by the other server")
    assert.is_truthy(swarm.within(30, function() return known "ada" == 3 end), s:logs())
  end

  it("hold the same after a net split and the restart of a server", function()
    local why
    s, why = swarm.new { "ada", "bob", "carl", "dora", "one", "two", "three" }
    if not s then return pending(why) end
    local two = { name = "two.spec.net", address = s.world:address "two", port = 6667 }
    servers = {
      one = ngircd.start { world = s.world, host = "one", name = "one.spec.net", peers = { two } },
      two = ngircd.start { world = s.world, host = "two", name = two.name, peers = { { name = "one.spec.net" } } },
      three = inspircd.start { world = s.world, host = "three" },
    }
    start("ada", "one")
    start("bob", "two")
    start("carl", "three")
    start("dora", "three")
    all("four robots joined", 10, function(robot) return channel(robot).members == 2 end)
    order "SQUIT %s :x"
    assert.is_true(servers.three.stop())
    all("all are cut off", 5, function(robot) return (channel(robot).members or 0) < 2 end)
    assert.equal("up", channel "ada".state)
    assert.is_truthy(swarm.within(10, function()
      local row = channel "carl"
      return row.state == "waiting" and row.reason:find "^%w+: "
    end), s:cli("carl", "channels"))
    share "first"
    servers.three.start()
    order "CONNECT %s"
    all("they hold the same", 20, function(robot) return known(robot) == 2 end)
    for _, robot in ipairs(ROBOTS) do
      local row = channel(robot)
      assert.same({ "up", 2, 0 }, { row.state, row.members, row.refused.quota or 0 })
      assert.matches("^d%w+$", row.nick)
    end
    assert.is_truthy(swarm.within(10, function() return table.concat(s:names "ada", " ") == "ada bob" end))
    if SOAK then newcomer() end
    if SOAK then other_server() end
  end)
end)
