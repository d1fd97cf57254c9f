-- cut_spec.lua - a wire that is cut in the midst of things and healed: nodes under a virtual clock go on by themselves.
local files = require "spec.sim.files"
local sim = require "sim"
local till = require "spec.net.till"

local MIB <const> = 1048576
local RATE <const> = 512 * 1024 -- bytes a second: 8 MiB take a quarter of a minute
local SIZE <const> = 8 * MIB
local MINUTE <const> = 60 * 1000

local policy, one_place = files.policy(), files.policy(1)

-- Two robots and a server that gathers → world, its files
local function three(seed, places)
  local w = sim.new { seed = seed, policy = places or policy, loss = 0.05 }
  local f = files.new(w, RATE)
  for _, name in ipairs { "ada", "donald", "server" } do f:open(w:add(name), name == "server") end
  return w, f
end

-- The same, and a file of ada's half there. → world, its files, the file's CID
local function halfway(seed, places)
  local w, f = three(seed, places)
  w:run(2 * MINUTE) -- until beacons are rare
  local key = f:share(w.nodes[1], "run.bag", SIZE, seed)
  for _ = 1, 600 do
    w:run(100)
    local job = w.nodes[3].content:fetching()[1]
    if job and job.done >= SIZE // 4 then return w, f, key end
  end
  error "it did not come"
end

local function cut(w, ms)
  for _, node in ipairs(w.nodes) do w.cut[node.host] = true end
  w:run(ms)
  w.cut = {}
end

-- Seconds until bytes flow again, and until the file KEY is there; nil where not within MOST.
local function recovered(w, f, key, most)
  local began, before, flow = w.loop:now(), f.came, nil
  for _ = 1, most * 10 do
    w:run(100)
    local past = (w.loop:now() - began) / 1000
    flow = flow or f.came > before and past or nil
    if w.nodes[3].content:holds(key) then return flow, past end
  end
  return flow
end

-- What of it can be known only by a beacon, every 60 s at most, is so: an address is proved for an hour.
local CUTS = { { 8, 35 }, { 60, 35 }, { 100, 35 }, { 300, 35 }, { 1200, 35 }, { 3 * 3600, 65 } }

describe("a file in the midst of which the wire was cut", function()
  for _, case in ipairs(CUTS) do
    local seconds, most = case[1], case[2]
    it(("goes on by itself within %d s after %d s"):format(most, seconds), function()
      for seed = 1, 4 do
        local w, f, key = halfway(seed)
        cut(w, seconds * 1000)
        local flow, done = recovered(w, f, key, 300)
        assert.is_true(flow and flow <= most, ("seed %d: bytes flow after %s s"):format(seed, flow))
        assert.is_true(done and done <= flow + 2 * SIZE // RATE, ("seed %d: there after %s s"):format(seed, done))
      end
    end)
  end

  it("goes on at once when who has it is heard, whatever rest is left", function()
    for seed = 1, 4 do
      local w, f, key = halfway(seed)
      cut(w, 200 * 1000)
      w:run(100)
      for _, node in ipairs(w.nodes) do node.comms.beacon:appear() end -- speaks within half a second
      local flow = recovered(w, f, key, 10)
      assert.is_true(flow and flow <= 3, ("seed %d: bytes flow after %s s"):format(seed, flow))
    end
  end)

  it("comes over a wire that is there for five seconds of each ten", function()
    for seed = 1, 4 do
      local w, f, key = halfway(seed)
      local began = w.loop:now()
      for _ = 1, 30 do
        cut(w, 5000)
        if (recovered(w, f, key, 5)) and w.nodes[3].content:holds(key) then break end
      end
      assert.is_true(w.nodes[3].content:holds(key))
      assert.is_true(w.loop:now() - began <= 40000, ("seed %d: %d ms"):format(seed, w.loop:now() - began))
    end
  end)

  it("goes on where who has it comes back at another address", function()
    for seed = 1, 4 do
      local w, f, key = halfway(seed)
      local ada, offers = w.nodes[1], f.offers["10.0.0.1"]
      w.cut["10.0.0.1"] = true
      w:run(MINUTE)
      ada.host, w.medium.channels[1].host, f.offers["10.0.0.9"] = "10.0.0.9", "10.0.0.9", offers
      ada.comms.beacon:appear() -- as with any new address
      local flow, done = recovered(w, f, key, 300)
      assert.is_true(flow and flow <= 20, ("seed %d: bytes flow after %s s"):format(seed, flow))
      assert.is_truthy(done)
    end
  end)

  it("is said once to wait, and why, when that takes long", function()
    local w, f, key = halfway(1)
    local log = till.log()
    w.nodes[3].content.fetcher.log = log
    cut(w, 8000)
    recovered(w, f, key, 2)
    assert.is_nil(log:has "waits")
    cut(w, 3 * MINUTE)
    local said = log:has "waits"
    assert.truthy(said:find "name=run.bag size=8388608 why=\"[%w~]+ at [%d.]+ does not answer\"", said)
    assert.equal(1, #log.lines)
  end)

  it("gives its place up for others that can be had, and comes later", function()
    local w, f, key = halfway(1)
    local second = f:share(w.nodes[1], "other.bag", SIZE, 11)
    w:run(1000)
    w.cut[w.nodes[1].host] = true
    w:run(MINUTE)
    assert.equal(1, #w.nodes[3].content:fetching())
    local third = f:share(w.nodes[2], "third.bag", MIB, 12)
    local _, done = recovered(w, f, third, 60)
    assert.is_true(done and done <= 8, ("there after %s s"):format(done))
    w.cut = {}
    for _, each in ipairs { key, second } do
      local _, there = recovered(w, f, each, 120)
      assert.is_truthy(there)
    end
  end)

  it("gives up even the only place for a file that can be had", function()
    local w, f = halfway(1, one_place)
    w.cut[w.nodes[1].host] = true
    w:run(MINUTE)
    assert.equal(1, #w.nodes[3].content:fetching(), "it keeps its place while nobody else wants it")
    local third = f:share(w.nodes[2], "third.bag", MIB, 12)
    local _, done = recovered(w, f, third, 60)
    assert.is_true(done and done <= 30, ("there after %s s"):format(done))
  end)

  it("is given up soon when nobody says any more that he has it", function()
    local w, f, key = halfway(2)
    f.deaf[w.nodes[1].host] = true
    w.cut[w.nodes[1].host] = true
    w:run(MINUTE)
    assert.equal(1, #w.nodes[3].content:fetching())
    w.cut = {}
    assert(w.nodes[1].comms:dismiss("share/files", { key = key }))
    w:run(2 * MINUTE)
    assert.same({}, w.nodes[3].content:fetching())
  end)
end)

describe("a wire that is cut while", function()
  it("nodes look for each other: they do afterwards, and fetch", function()
    for seed = 1, 4 do
      local w, f = three(seed)
      w:run(50) -- in the midst of first beacons and proofs
      local key = f:share(w.nodes[1], "run.bag", MIB, seed)
      cut(w, MINUTE)
      for _, node in ipairs(w.nodes) do assert.is_true(#node.discovery:nodes() <= 3) end
      local _, done = recovered(w, f, key, 120)
      assert.is_true(done and done <= 65, ("seed %d: there after %s s"):format(seed, done))
      for _, node in ipairs(w.nodes) do assert.equal(3, #node.discovery:nodes()) end
    end
  end)
end)

describe("who comes and goes", function()
  -- Requests that donald gets in ten minutes in which he is heard in every other six seconds.
  local function asked(prepare)
    local w, f, key = halfway(3)
    w.cut[w.nodes[1].host] = true -- ada, who has it
    local said = { class = "lab", names = { "run.bag" }, size = SIZE }
    assert(w.nodes[2].comms:propose("share/files", said, { key = key }))
    prepare(f, w.nodes[2].host)
    local host = w.nodes[2].host
    for _ = 1, 50 do
      w:run(6000)
      w.cut[host] = true
      w:run(6000)
      w.cut[host] = nil
      w.nodes[2].comms.beacon:appear()
    end
    return f.asked[host] or 0
  end

  it("and gives wrong bytes is not asked more often for it", function()
    local n = asked(function(f, host)
      f.offers[host], f.lies[host] = f.offers["10.0.0.1"], true
    end)
    assert.is_true(n >= 1 and n <= 12, n .. " requests")
  end)

  it("and answers no request is asked about once a second at most", function()
    local n = asked(function(f, host) f.deaf[host] = true end)
    assert.is_true(n >= 50 and n <= 600, n .. " requests")
  end)
end)
