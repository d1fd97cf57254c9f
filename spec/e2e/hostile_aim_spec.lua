-- hostile_aim_spec.lua - a third host that somebody would have others shoot at: what reaches it, as its kernel counts.
local garbage = require "spec.e2e.garbage"
local outside = require "spec.e2e.outside"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local COUNT = os.getenv "DT_SWARM_SOAK" and 100000 or 5000
local LISTEN = [[
package.cpath = ".build/?.so;" .. package.cpath
require "core"
local net = require "core.net"
local one = assert(net.listen { host = "0.0.0.0", port = 3826 })
local two = assert(net.listen { host = "0.0.0.0", port = 3825 })
print "listens"
io.stdout:flush()
while true do
  for _, listener in ipairs { one, two } do if listener:accept() then print "somebody came" io.stdout:flush() end end
  os.execute "sleep 0.05"
end
]]

describe("a host that never asked", function()
  local s, why, status, udp

  setup(function()
    s, why = swarm.new { "ada", "mallory", "victim" }
    if not s then return end
    assert(select(2, swarm.sh "make -s .build/flood") == 0)
    local file = assert(io.open(s.dir .. "/replicate.lua", "w"))
    file:write('local p = extend "server"\nfunction p.clients.logs.fetch() return 5, "everything" end\nreturn p\n')
    file:close()
    swarm.sh(("cp policies/*.lua %s"):format(s.dir))
    s:start("ada", s.dir .. "/replicate.lua")
    assert(swarm.within(10, function() return s:ask("ada", "status") end), s:log "ada")
    status = s:ask("ada", "status")
    for _, channel in ipairs(status.channels) do
      if channel.address:find "^/ip4/.*/udp/" then udp = channel end
    end
    -- Mallory speaks with the victim's address, and keeps quiet when somebody asks whose it is.
    for _, command in ipairs { "sysctl -qw net.ipv4.conf.all.arp_ignore=1",
      "sysctl -qw net.ipv4.conf.all.arp_announce=2",
      ("ip address add %s/32 dev lo"):format(s.world:address "victim") } do
      local text, fine = s.world:run("mallory", command)
      assert(fine, text)
    end
    s.world:run("ada", "ping -c1 -W1 " .. s.world:address "victim")
    s.running.listen = s.world:spawn("victim", ("lua5.4 -e '%s'"):format(LISTEN))
    assert(swarm.within(5, function() return s.running.listen.output() == "listens\n" end), s.running.listen.output())
  end)

  teardown(function() if s then s:close() end end)

  local function received(host)
    return tonumber((s.world:run(host, "cat /sys/class/net/eth0/statistics/rx_bytes"):match "%d+"))
  end

  -- Mallory sends so many of the kinds that fit, as FROM. → bytes she sent, bytes the victim got, seconds that it took.
  local function shoot(only, from, rate, count)
    local file = s.dir .. "/aim"
    assert(garbage.write(file, status.node.id, status.time.now, only) > 0)
    local before, sent, begun = received "victim", s:sent "mallory", patience.now()
    local text, fine = s.world:run("mallory", ("FLOOD_FROM=%s .build/flood %s 3825,%d %d %d 1 %s"):format(
      s.world:address(from), s.world:address "ada", udp.port, count or COUNT, rate, file))
    assert(fine, text)
    swarm.within(5, function() return outside.waiting(s.running.ada.pid) == 0 end) -- else she answers in the next case
    os.execute "sleep 1"
    return s:sent "mallory" - sent, received "victim" - before, patience.now() - begun
  end

  for _, case in ipairs { { "pings, a few", "^ping$", 40, 200 }, { "pings", "^ping$" }, { "wants", "^want$" },
    { "beacons, replayed", "^replayed beacon$" }, { "lines that end nowhere", "^unreachable", 400, 200 },
    { "everything", nil } } do
    it("gets at most three times the bytes of forged questions: " .. case[1], function()
      if not s then return pending(why) end
      local sent, got, seconds = shoot(case[2], "victim", case[3] or 2000, case[4])
      print(("%s: %d bytes were sent in the victim's name, %d came to it"):format(case[1], sent, got))
      assert.is_true(got <= 3 * sent, got .. " bytes for " .. sent)
      assert.is_true(got <= 200000 * (seconds + 2), got .. " bytes") -- the medium's budget, and beacons
    end)
  end

  it("is not dialled, nor asked for a file, for a beacon and a record that name its ports from its address", function()
    if not s then return pending(why) end
    shoot("^aimed", "victim", 50, 200)
    local heard
    assert.is_truthy(swarm.within(5, function()
      heard = s:ask("ada", "discover")
      return #heard.nodes == 2 and #s:ask("ada", "report").files == 1
    end), "it was believed as far as a signature goes")
    assert.is_false(heard.nodes[2].via.proved)
    os.execute "sleep 1"
    assert.equal("listens\n", s.running.listen.output())
    assert.is_true(s.running.listen.alive())
  end)

  it("gets nothing at all for a FROM that names its address", function()
    if not s then return pending(why) end
    local _, got, seconds = shoot("^from an address", "mallory", 2000)
    assert.is_true(got < 20000 + 1000 * seconds, got .. " bytes, and beacons are a few hundred each")
  end)

  it("was ada's neighbour all the time (control)", function()
    if not s then return pending(why) end
    local sent = garbage.write(s.dir .. "/aim", status.node.id, status.time.now, "^ping$")
    assert.equal(1, sent)
    assert.is_true(received "victim" > 1000)
    local text, fine = s.world:run("ada", ("lua5.4 -e '%s'"):format([[
      package.cpath = ".build/?.so;" .. package.cpath
      require "core"
      local stream = require "core.net".connect { host = "]] .. s.world:address "victim" .. [[", port = 3826 }
      os.execute "sleep 0.3"
      assert(stream:finished())]]))
    assert.is_true(fine, text)
    assert.is_truthy(swarm.within(2, function() return s.running.listen.output():find "somebody came" end))
  end)
end)
