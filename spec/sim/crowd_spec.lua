-- crowd_spec.lua - sixty nodes on one medium of 16 KB a second that loses a tenth: what beacons take of it, and how
-- soon a statement is everywhere, and what it takes to know who is here. In `make soak` ten minutes of statements, and
-- more seeds.
local file_key = require "spec.file_key"
local sim = require "sim"

local SOAK = os.getenv "DT_SWARM_SOAK" ~= nil
local NODES, RATE, LOSS = 60, 16 * 1024, 0.1
local PRESENCE = 1 << 10 -- bytes/s
local STREAM = SOAK and 600 or 60 -- s of one statement every 2 s
local SECOND, MINUTE = 1000, 60 * 1000

local policy, world

local function crowd(seed)
  policy = policy or assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
  local w = sim.new { seed = seed, policy = policy, rate = RATE, loss = LOSS }
  for i = 1, NODES do
    local node = w:add("n" .. i)
    function node.own_addresses()
      return { { address = ("/ip4/%s/tcp/3825/dswarm-line"):format(node.host), own = true, lan = true } }
    end
  end
  w:run(4 * MINUTE) -- until all have proved their addresses to each other, which fills the medium for a while
  return w
end

-- Somebody watches from here on who is there. → fn() → bytes of a second that say who is here, where, and whether he
-- lives, since then
local function watched(w)
  local since, bytes = w.loop.time, 0
  local reader = w.nodes[1].events:reader({ "peers" }, function() end)
  w.nodes[1].discovery.changes:begin()
  for _, one in ipairs(w.medium.channels) do
    local send = one.send
    function one.send(self, message, to)
      local size = (message.kind == "ping" or message.kind == "pong") and #message.rest + 150 or 0 -- TO and FROM
      for _, line in ipairs(message.body or {}) do
        if line:find " propose peer " or line:find " propose pri/%S+/addresses " then size = size + #line + 1 end
      end
      bytes = bytes + size
      return send(self, message, to)
    end
  end
  return function()
    reader:close()
    return bytes * SECOND / (w.loop.time - since)
  end
end

local function share(node, name)
  local data = { class = "lab", names = { name }, size = 1 }
  return assert(node.comms:propose("share/files", data, { key = file_key(name) })).short
end

local function holders(w, short)
  local n = 0
  for _, node in ipairs(w.nodes) do n = n + (node.dcache:has(short) and 1 or 0) end
  return n
end

-- Beacons said so far by all, and their bytes as frames of the medium.
local function beacons(w)
  local n = 0
  for _, node in ipairs(w.nodes) do n = n + node.comms.beacon.sent end
  return n
end

local function beacon_size(w)
  local size
  local beacon = w.nodes[1].comms.beacon
  local say = beacon.say
  function beacon.say(message)
    size = #message.rest + #"* - 8 beacon "
    say(message)
  end
  beacon:appear()
  w:run(SECOND)
  beacon.say = say
  return assert(size, "no beacon was said")
end

-- One statement every 2 s for so long, each by another node. → how many there were, how many of them were not
-- everywhere within 3 s
local function stream(w, name, seconds)
  local late, n, open = 0, 0, {}
  for second = 1, seconds + 3 do
    if second <= seconds and second % 2 == 1 then
      n = n + 1
      local speaker = w.nodes[n % (NODES - 1) + 1] -- the last one is cut off
      open[n] = { short = share(speaker, name .. n), till = second + 3 }
    end
    w:run(SECOND)
    for i = 1, n do
      if open[i].till == second + 1 then
        if holders(w, open[i].short) < NODES - (w.cut[w.nodes[NODES].host] and 1 or 0) then late = late + 1 end
      end
    end
  end
  return n, late
end

describe("a crowd on one medium", function()
  it("says a statement to all within two seconds, and hardly more beacons for it than when idle", function()
    for seed = 1, SOAK and 5 or 1 do
      world = crowd(seed)
      local w = world
      local before = beacons(w)
      w:run(MINUTE)
      local idle = beacons(w) - before
      assert(idle >= NODES, ("%d beacons in an idle minute: somebody is not heard"):format(idle))
      before, w.presence = beacons(w), watched(w)
      local short = share(w.nodes[7], "one")
      w:run(2 * SECOND)
      assert.equal(NODES, holders(w, short), "seed " .. seed)
      w:run(58 * SECOND)
      local more = beacons(w) - before - idle
      assert(more <= 40, ("%d beacons more than the %d of an idle minute"):format(more, idle))
      for _, node in ipairs(w.nodes) do
        assert.equal(NODES, node.discovery:count() + 1, "who is silent while others say the same is still here")
      end
    end
  end)

  it("leaves most of the medium to statements while they come, and has them everywhere soon", function()
    local w = world
    local size, cut = beacon_size(w), w.nodes[NODES]
    local before = beacons(w)
    local n, late = stream(w, "a", STREAM // 2)
    w.cut[cut.host] = true
    local m, later = stream(w, "b", STREAM // 2)
    local rate = (beacons(w) - before) * size / (STREAM + 6)
    assert(rate <= RATE / 4, ("%.0f bytes/s of beacons"):format(rate))
    assert(late + later <= (n + m) // 100, ("%d of %d statements were late"):format(late + later, n + m))
    w.cut[cut.host] = nil
    w:run(10 * SECOND)
    assert.equal(n + m + 1, #cut.dcache:statements "share/files", "who was cut off has all again")
    w:run(SOAK and 30 * MINUTE or 0)
    local presence = w.presence()
    print(("  %.0f bytes/s of presence, addresses and pings while somebody watches"):format(presence))
    assert(presence > 100 and presence <= PRESENCE, "to know who is here takes too much")
  end)

  it("greets a newcomer by a few beacons a second, and he soon knows all", function()
    local w = world
    w:run(MINUTE)
    local before = beacons(w)
    local newcomer = w:add "newcomer"
    w:run(3 * SECOND)
    local said = beacons(w) - before
    print(("  %d beacons in 3 s for a newcomer among %d"):format(said, NODES))
    assert(said <= 40, said .. " beacons for a newcomer")
    w:run(MINUTE)
    assert.equal(NODES, newcomer.discovery:count())
  end)
end)
