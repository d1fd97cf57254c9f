-- bootstrap_spec.lua - a policy for which IRC only helps to begin, by whole daemons and a real server: closed once
-- three peers are met by TCP, open again when one is lost (routing/opening_spec.lua: the same under a virtual clock).
local folder = require "spec.folder"
local ngircd = require "spec.net.ngircd"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local BAR <const> = 120 -- s, for both
local PEERS <const> = { "bob", "carl", "dora" }

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
