-- namespaces_spec.lua - the channels between hosts: two network namespaces on a bridge.
local namespaces = require "spec.net.namespaces"
local patience = require "spec.patience"

-- A host's program: hears for ever, says each frame with what it came by; every 100 ms broadcasts one of its own.
local PROGRAM = [[
package.path = "lua/?.lua;lua/?/init.lua;./?.lua;./?/init.lua;" .. package.path
package.cpath = "%s/?.so;" .. package.cpath
require "core"
io.stdout:setvbuf "line"
local name, port = ...
local loop = require "loop".new { on_error = error }
local log = require "log".new { write = function(l) io.write("log ", l) end, wall = function() return loop:wall() end }
local random = require "core.random".system()
local channel = require "routing.channels.udp".new {
  loop = loop, net = require "core.net", random = random, log = log, port = tonumber(port), retry_ms = 200 }
local stub = require "spec.net.stub"
stub.open(channel, { on_frame = function(_, source, message)
  print("heard", stub.text(message), source.host, source.broadcast, source.own)
  if source.broadcast then channel:send(stub.message("* - 0 pong from-" .. name), source) end
end })
loop:every(100, function() channel:send(stub.message("* - 0 beacon from-" .. name)) end)
loop:signal("sigterm", function() loop:stop() end)
loop:run()
]]

local world, why = namespaces.new { hosts = { "ada", "donald" }, down = { donald = true } }
local program = os.tmpname()
local file = assert(io.open(program, "w"))
file:write((PROGRAM:gsub("%%s", os.getenv "DT_SWARM_BUILD" or ".build", 1)))
file:close()

local function soon(seconds, holds)
  return patience.within(math.max(seconds, patience.LEAST), holds, 0.05) or false
end

describe("hosts on a bridge", function()
  if not world then
    io.stderr:write("SKIPPED spec/routing/namespaces_spec.lua: ", why, "\n")
    return pending("network namespaces: " .. why)
  end
  teardown(function()
    world:close()
    os.remove(program)
  end)

  local ada, donald
  it("do not hear each other while a link is down", function()
    ada = world:spawn("ada", ("lua5.4 %s ada 3825"):format(program))
    donald = world:spawn("donald", ("lua5.4 %s donald 3825"):format(program))
    assert.is_truthy(soon(3, function() return ada.output():find "interface=eth0" end))
    assert.is_truthy(soon(3, function() return donald.output():find "interface=lo" end))
    os.execute "sleep 0.4"
    assert.is_nil(ada.output():find "heard")
    assert.is_nil(donald.output():find "heard")
    assert.is_nil(donald.output():find "eth0")
  end)

  it("use an interface that appears within six seconds, and hear by broadcast and by answer", function()
    world:up "donald"
    local took = soon(6.5, function() return ada.output():find("heard\t* - 0 beacon from-donald", 1, true) end)
    assert.is_truthy(took, ada.output() .. donald.output())
    patience.took("an interface that appears is used", took, 6.5)
    assert.matches("heard\t* - 0 beacon from-donald\t10.77.0.2\ttrue\tfalse", ada.output(), 1, true)
    assert.is_truthy(soon(3, function()
      return donald.output():find("heard\t* - 0 pong from-ada\t10.77.0.1\tfalse\tfalse", 1, true)
    end), donald.output())
    assert.is_nil(ada.output():find "from%-ada") -- itself
  end)

  it("are heard by two daemons on one machine", function()
    local second = world:spawn("ada", ("lua5.4 %s second 3825"):format(program))
    assert.is_truthy(soon(3, function()
      local text = second.output()
      return text:find("beacon from-donald\t10.77.0.2\ttrue\tfalse", 1, true) and
        text:find("beacon from-ada\t10.77.0.1\ttrue\ttrue", 1, true)
    end), second.output())
    second.stop()
    assert.is_truthy(soon(2, function() return not second.alive() end))
  end)

  it("try a port in use again, and say which", function()
    local holder = world:spawn("donald", [[lua5.4 -e '
      package.cpath = "]] .. (os.getenv "DT_SWARM_BUILD" or ".build") .. [[/?.so;" .. package.cpath
      require "core"
      local held = assert(require "core.net".udp { port = 4001 })
      print "held"
      io.stdout:flush()
      for _ = 1, 1200 do os.execute "sleep 0.05" end']])
    assert.is_truthy(soon(2, function() return holder.output():find "held" end), holder.output())
    local late = world:spawn("donald", ("lua5.4 %s late 4001"):format(program))
    assert.is_truthy(soon(2, function() return late.output():find "port in use" end), late.output())
    assert.matches("udp 0.0.0.0 port 4001", late.output(), 1, true)
    holder.stop()
    assert.is_truthy(soon(5, function() return late.output():find "channel up" end), late.output())
  end)

  it("leave nothing behind, not even of a world whose process died", function()
    local left = "dts-999999-1-wire"
    if world.prefix ~= "" then return end -- there it goes with the user namespace
    os.execute("ip netns add " .. left)
    local other = assert(namespaces.new { hosts = {} })
    other:close()
    local pipe = io.popen "ip netns list"
    local list = pipe:read "a"
    pipe:close()
    assert.is_nil(list:find(left, 1, true))
    assert.is_truthy(list:find(world:name "ada", 1, true))
    assert.is_nil(list:find(other:name "wire", 1, true))
  end)
end)
