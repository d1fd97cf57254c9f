-- hostile_udp_spec.lua - garbage in datagrams, fast: each is counted, memory and answers stay what they were.
-- runs alone: memory is counted
local garbage = require "spec.e2e.garbage"
local outside = require "spec.e2e.outside"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local SOAK = os.getenv "DT_SWARM_SOAK"
local COUNT = SOAK and 1000000 or 150000
local ANSWER, FOUND = 1, 30 -- s, at rest; a busy machine may take several times as long
local MB = 1024 * 1024

describe("a daemon under a flood of garbage", function()
  local s, why, status, udp, pid, file

  local function look()
    status = assert(s:ask("ada", "status"))
    for _, channel in ipairs(status.channels) do
      if channel.address:find "^/ip4/.*/udp/" then udp = channel end
    end
    return status
  end

  setup(function()
    s, why = swarm.new { "ada", "mallory", "honest", "fethry", "gladstone" }
    if not s then return end
    assert(select(2, swarm.sh "make -s .build/flood") == 0)
    s:start "ada"
    assert(swarm.within(10, function() return s:ask("ada", "status") end), s:log "ada")
    pid, file = s.running.ada.pid, s.dir .. "/garbage"
    s:warm "ada"
    look()
    assert(garbage.write(file, status.node.id, status.time.now) >= 20)
    garbage.write(file .. "-forged", status.node.id, status.time.now, "^forged, known")
    for host = 10, 73 do s.world:run("mallory", ("ip address add 10.77.0.%d/24 dev eth0"):format(host)) end
    s.world:run("mallory", "ip route add local 10.77.8.0/22 dev lo") -- a thousand addresses of one liar
    s.world:run("ada", "ip route add 10.77.8.0/22 via " .. s.world:address "mallory")
  end)

  teardown(function() if s then s:close() end end)

  local function sum()
    local n = udp.datagrams.taken
    for _, count in pairs(udp.datagrams.refused) do n = n + count end -- a sum
    return n
  end

  -- Its own broadcasts that it did not hear itself: these were dropped, too.
  local function unheard()
    local n = -udp.heard_own
    for _, interface in ipairs(udp.interfaces) do n = n + interface.sent end
    return n
  end

  -- Looks until nothing is on its way any more, its own broadcasts neither: twice the same.
  local function calm()
    swarm.within(5, function()
      local n, own = sum(), unheard()
      os.execute "sleep 0.2"
      look()
      return n == sum() and own == unheard()
    end)
  end

  -- Sends COUNT datagrams of the file FROM at RATE a second, from so many addresses, to the shared and the own socket,
  -- with an honest one beside. → what came of it.
  local function flood(count, rate, sources, from)
    look()
    calm()
    local begun = patience.now()
    local before = { n = sum(), unheard = unheard(), drops = outside.drops(pid), memory = outside.memory(pid) }
    local honest = s.world:spawn("honest", ("lua5.4 spec/e2e/honest.lua %s 3825 %s"):format(s.world:address "ada",
      s:path("ada", "state/control.sock")))
    local flooder = s.world:spawn("mallory", ("env FLOOD_FROM=10.77.0.10 .build/flood %s 3825,%d %d %d %d %s")
      :format(s.world:address "ada", udp.port, count, rate, sources, from))
    local peak = outside.peak(pid, flooder.alive)
    honest.stop()
    swarm.within(3, function() return not honest.alive() end)
    calm()
    local tcp_n, tcp_worst, control_n, control_worst = honest.output():match "tcp (%d+) (%d+) control (%d+) (%d+)"
    assert(tcp_n, honest.output())
    return { seconds = patience.now() - begun,
      sent = math.tointeger(tonumber(flooder.output():match "sent (%d+)")), counted = sum() - before.n,
      dropped = outside.drops(pid) - before.drops - (unheard() - before.unheard), memory = peak - before.memory,
      tcp_n = tonumber(tcp_n), tcp_worst = tonumber(tcp_worst), control_n = tonumber(control_n),
      control_worst = tonumber(control_worst) }
  end

  local function tell(what, r)
    print(("%s: sent %d, counted %d, dropped by sockets %d, private memory %+.2f MB, tcp %d answers, worst %d ms, " ..
      "control %d answers, worst %d ms"):format(what, r.sent, r.counted, r.dropped, r.memory / MB, r.tcp_n,
      r.tcp_worst, r.control_n, r.control_worst))
  end

  local function bear(r)
    assert.equal(r.sent, r.counted + r.dropped)
    assert.is_true(r.memory <= 2 * MB, ("private memory grew by %d bytes"):format(r.memory))
    for what, figures in pairs { ["a pong"] = { r.tcp_n, r.tcp_worst },
      ["a status"] = { r.control_n, r.control_worst } } do
      local worst = figures[2] / 1000
      patience.took("the slowest of " .. figures[1] .. " answers, " .. what, worst, ANSWER)
      assert.is_true(figures[1] > 3 and worst <= ANSWER * patience.TIMES, worst .. " s for " .. what)
    end
  end

  it("counts each datagram by a word, those that the kernel dropped besides", function()
    if not s then return pending(why) end
    local r = flood(COUNT // 10, 4000, 4, file)
    tell("4,000 a second", r)
    bear(r)
    assert.is_true(r.counted > 0)
  end)

  it("goes on under as many as there is room for on the wire", function()
    if not s then return pending(why) end
    local r = flood(COUNT, 0, 64, file)
    tell("as fast as they go", r)
    bear(r)
  end)

  it("checks no more signatures than it should when all are forged, from many addresses", function()
    if not s then return pending(why) end
    local before = (look().refused.signature or 0)
    local r = flood(COUNT // 10, 8000, 64, file .. "-forged")
    tell("forged statements", r)
    bear(r)
    local checked = look().refused.signature - before
    assert.is_true(checked > 100 and checked < 2000 * (r.seconds + 4), checked .. " were checked")
  end)

  for _, case in ipairs { { "one host floods it", "fethry", 2000, 1 },
    { "a thousand addresses flood it, none proved", "gladstone", 8000, 1000 } } do
    it("is found by a newcomer, and finds him, while " .. case[1], function()
      if not s then return pending(why) end
      local flooder = s.world:spawn("mallory", ("env FLOOD_FROM=10.77.8.1 .build/flood %s 3825,%d %d %d %d %s"):format(
        s.world:address "ada", udp.port, case[3] * (FOUND * patience.TIMES + 10), case[3], case[4], file))
      os.execute "sleep 1"
      s:start(case[2])
      local function proved(host, name)
        for _, node in ipairs((s:ask(host, "discover") or { nodes = {} }).nodes) do
          if node.name == name and node.via and node.via.proved then return true end
        end
      end
      local took = swarm.within(FOUND, function() return proved(case[2], "ada") and proved("ada", case[2]) end)
      print(("a newcomer was found after %s s while %s"):format(took, case[1]))
      assert.is_truthy(took, s:cli("ada", "discover --wide") .. s:cli(case[2], "discover --wide") .. s:log(case[2]))
      assert.is_true(flooder.alive())
      flooder.stop "KILL"
      s:stop(case[2])
    end)
  end

  it("has learned nothing from it, and says what it saw", function()
    if not s then return pending(why) end
    for _, word in ipairs { "form", "long", "kind", "address", "hops", "class", "owner", "window", "signature", "quota",
      "replay", "nonce", "unproved" } do
      assert.is_true((udp.datagrams.refused[word] or 0) > 0, "nothing was refused by " .. word)
    end
    local count
    swarm.within(10, function() -- what newcomers say of themselves may still be on its way
      count = 0
      for _, class in ipairs(look().classes) do count = count + class.count end
      return count >= 6
    end)
    assert.is_true(count >= 6 and count <= 9,
      count .. " words: its own presence, addresses and health, and the newcomers', is all there is")
    assert.is_nil(s:log("ada"):find("\27", 1, true))
    assert.is_nil(s:log("ada"):find("error", 1, true), s:log "ada")
    assert.is_true(#s:log "ada" < 10000, #s:log "ada")
    local text = s:cli("ada", "status") .. s:cli("ada", "discover")
    assert.is_nil(text:find "[%z\1-\9\11-\31\127]")
  end)
end)
