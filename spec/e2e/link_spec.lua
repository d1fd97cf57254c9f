-- link_spec.lua - a robot that hears no broadcast joins by a stream to the server which its policy names.
local swarm = require "spec.e2e.swarm"

local function policy(path, channels)
  local file = assert(io.open(path, "w"))
  file:write('local p = extend "duckiebot"\np.routing.channels = { ', channels, ' }\nreturn p\n')
  file:close()
end

describe("a robot whose LAN has no broadcast", function()
  local s, why

  setup(function()
    s, why = swarm.new { "server", "ada", "donald" }
    if not s then return end
    local server = s.world:address "server"
    policy(s.dir .. "/server.lua", '"/ip4/0.0.0.0/tcp/3825/dswarm-line"')
    policy(s.dir .. "/robot.lua", ('"/ip4/%s/tcp/3825/dswarm-line"'):format(server))
    s:start("server", s.dir .. "/server.lua")
    s:start("ada", s.dir .. "/robot.lua")
    s:start("donald", s.dir .. "/robot.lua")
  end)

  teardown(function() if s then s:close() end end)

  local function knows(host, list)
    return swarm.within(10, function() return table.concat(s:names(host), " ") == list end)
  end

  local function has(host, name)
    return swarm.within(15, function()
      for _, file in ipairs((s:ask(host, "report") or { files = {} }).files) do
        if file.names[1] == name then return true end
      end
    end)
  end

  it("is found by the server, and finds it", function()
    if not s then return pending(why) end
    assert.is_truthy(knows("ada", "ada server"), s:log "ada")
    assert.is_truthy(knows("server", "ada donald server"), s:log "server")
  end)

  it("gets what another says to the server, and the other what it says", function()
    if not s then return pending(why) end
    swarm.sh(("echo hello > %s/a.txt"):format(s:path("ada", "share")))
    assert.is_truthy(has("donald", "a.txt"), s:log "server")
    swarm.sh(("echo hi > %s/d.txt"):format(s:path("donald", "share")))
    assert.is_truthy(has("ada", "d.txt"), s:log "server")
  end)

  it("dials again when the server went away and came back", function()
    if not s then return pending(why) end
    assert.is_true(s:stop("server", "KILL"))
    swarm.sh(("echo later > %s/b.txt"):format(s:path("ada", "share")))
    assert.is_truthy(has("ada", "b.txt"), s:log "ada")
    s:start("server", s.dir .. "/server.lua")
    assert.is_truthy(has("server", "b.txt"), s:log "ada")
    assert.is_truthy(has("donald", "b.txt"), s:log "donald")
  end)

  it("says which way is not open while it is not", function()
    if not s then return pending(why) end
    assert.is_true(s:stop("server", "TERM"))
    local waiting
    local function find_waiting()
      for _, channel in ipairs(s:ask("ada", "status").channels) do
        if channel.state == "waiting" then waiting = channel end
      end
      return waiting
    end
    assert.is_truthy(swarm.within(10, find_waiting), s:log "ada")
    assert.equal(("/ip4/%s/tcp/3825/dswarm-line"):format(s.world:address "server"), waiting.address)
  end)
end)
