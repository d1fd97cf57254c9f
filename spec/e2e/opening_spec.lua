-- opening_spec.lua - whole daemons whose policy says which channels are open, whose key is expected where, and one
-- address twice: what a person is told, and what goes over them.
-- In soak also a policy for which IRC only helps to begin, with a real server: spec/routing/opening_spec.lua has that
-- under a virtual clock.
-- mostly waits: for channels that open and close
local folder = require "spec.folder"
local ngircd = require "spec.net.ngircd"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local BAR <const> = 120 -- s, for both
local PEERS <const> = { "bob", "carl", "dora" }
local OTHER = require "core.key".generate(("o"):rep(32)):id()

describe("channels of a policy", function()
  local s, why, address

  -- Ada's policy, with MORE lines.
  local function write(more)
    folder.write(s.dir .. "/ada.lua", ('local p = extend "duckiebot"\np.routing.channels = { \z
      { "%s/dswarm/%s", budget = 64 * kB, cost = 3 }, "/ip4/0.0.0.0/tcp/3830/dswarm-line", "%s" }\n%s\nreturn p\n')
      :format(address, OTHER, address, more or ""))
    return s.dir .. "/ada.lua"
  end

  setup(function()
    s, why = swarm.new { "server", "ada" }
    if not s then return end
    address = ("/ip4/%s/tcp/3825/dswarm-line"):format(s.world:address "server")
    folder.write(s.dir .. "/server.lua", 'local p = extend "duckiebot"\n\z
      p.routing.channels = { "/ip4/0.0.0.0/tcp/3825/dswarm-line" }\nreturn p\n')
    s:start("server", s.dir .. "/server.lua")
    s:start("ada", write())
  end)
  teardown(function() if s then s:close() end end)

  local function row(i)
    local answer = s:ask("ada", "channels")
    return answer and answer.channels[i] or {}
  end

  local function via(name) return s:way_of("ada", name) end

  local function share(name) swarm.sh(("echo %s > %s/%s"):format(name, s:path("server", "share"), name)) end

  it("tell whose key answers in place of the expected one, and that an address stands there twice", function()
    if not s then return pending(why) end
    assert.is_truthy(swarm.within(10, function()
      local expected = row(1).expected
      return row(1).state == "up" and expected and expected.others[1]
    end), s:log "ada")
    local one = row(1)
    local server = s:ask("server", "status").node.id
    assert.same({ address, 64000, 3, { 3 } }, { one.address, one.limit, one.cost, one.again })
    assert.same({ id = OTHER, met = false, others = { server } }, one.expected)
    for _, command in ipairs { "channels", "status" } do
      local text = s:cli("ada", command):gsub("%s+", " ")
      assert.matches("is expected there, and " .. server:sub(1, 11) .. "….... is who answers", text)
      assert.matches("routing%.channels%[3%] names it once more", text)
    end
  end)

  it("carry what others say all the same, and each record tells by which one it came", function()
    if not s then return pending(why) end
    share "first.txt"
    assert.is_truthy(swarm.within(10, function() return via "first.txt" end), s:log "ada")
    assert.equal(address, via "first.txt")
    assert.matches("VIA", (s:cli("ada", "record show share/files " .. s:ask("ada", "report").files[1].cid)))
  end)

  it("are closed by the hook routing.open and say so, then nothing comes; and opened again", function()
    if not s then return pending(why) end
    write 'function p.routing.open(c) return not c.address:find "3825", "not in this room" end'
    assert.is_truthy(swarm.within(10, function() return row(1).state == "closed" end), s:log "ada")
    assert.equal("closed by the policy: not in this room", row(1).reason)
    assert.equal("up", row(2).state)
    assert.matches("1 closed by the policy", (s:cli("ada", "channels")))
    share "second.txt"
    assert.is_truthy(swarm.within(10, function()
      local report = s:ask("server", "report")
      return report and report.files[2]
    end))
    swarm.sh "sleep 0.5"
    assert.is_nil(via "second.txt")
    write()
    assert.is_truthy(swarm.within(10, function() return row(1).state == "up" end), s:log "ada")
    share "third.txt"
    assert.is_truthy(swarm.within(10, function() return via "third.txt" == address end), s:log "ada")
  end)
end)

if not os.getenv "DT_SWARM_SOAK" then return end

if not ngircd.found() then
  it("an IRC server", function() pending "NO SERVERS: they cannot be had here (spec/net/servers.sh)" end)
  return
end

describe("IRC that only helps to begin", function()
  local s, server, why

  -- The policy of a robot: IRC, and MORE channels and lines.
  local function write(robot, channels, more)
    folder.write(s:path(robot, "my.lua"), ('local p = extend "duckiebot"\np.routing.channels = { \z
      "/ip4/%s/tcp/6667/irc/#lab/dswarm-line"%s }\n%s\nreturn p\n'):format(server.address, channels, more or ""))
    return s:path(robot, "my.lua")
  end

  setup(function()
    s, why = swarm.new { "ada", "bob", "carl", "dora", "irc" }
    if not s then return end
    server = ngircd.start { world = s.world, host = "irc", name = "irc.spec.net" }
    for _, robot in ipairs { "ada", table.unpack(PEERS) } do swarm.sh("mkdir -p " .. s:path(robot, "share")) end
    s:start("ada", write("ada", ', "/ip4/0.0.0.0/tcp/3825/dswarm-line"', [[
function p.routing.open(channel, here)
  if channel.kind == "irc" and (here.peers or 0) - (channel.peers or 0) >= 3 then return false, "better ways" end
end]]))
    for _, robot in ipairs(PEERS) do s:start(robot, write(robot, "")) end
  end)
  teardown(function()
    if server then server.remove() end
    if s then s:close() end
  end)

  local function irc() return (s:ask("ada", "channels") or { channels = { {} } }).channels[1] end

  local function becomes(state, what)
    local took = swarm.within(BAR, function() return irc().state == state end)
    assert.is_truthy(took, s:cli("ada", "channels") .. s:cli("ada", "discover") .. s:log "ada")
    patience.took(what, took, BAR)
  end

  it("is open while peers are met there alone, closed once three are met by TCP, open when they are lost", function()
    if not s then return pending(why) end
    assert.is_truthy(swarm.within(60, function() return #s:names "ada" == 4 end), s:cli("ada", "channels"))
    assert.equal("up", irc().state)
    for _, robot in ipairs(PEERS) do
      write(robot, (', "/ip4/%s/tcp/3825/dswarm-line"'):format(s.world:address "ada"))
    end
    becomes("closed", "IRC closes after three peers are met by TCP")
    assert.equal("closed by the policy: better ways", irc().reason)
    s:stop("bob", "KILL")
    becomes("up", "IRC opens after one of them is lost")
  end)
end)
