-- verify_spec.lua - who is checked next: fair by channel and source, bounded, none twice. The worker is the spec's.
local verify = require "comms.verify"
local simloop = require "sim.loop"

local function new()
  local box = { jobs = {}, loop = simloop.new() }
  local worker = { loop = box.loop }
  function worker.run(_, _, list, done)
    table.insert(box.jobs, { list = list, done = done })
    return true
  end
  function worker.close() box.closed = true end
  box.verify = verify.new { swarm = "duckietown", start = function() return worker end }
  return box
end

local function source(kind, id, calls)
  local channel = { kind = kind }
  if calls then
    function channel.pause() calls.paused = (calls.paused or 0) + 1 end
    function channel.resume() calls.resumed = (calls.resumed or 0) + 1 end
  end
  return { channel = channel, id = kind .. " " .. id }
end

local function word(name) return { short = name, bucket = "b", verify = function() return true end } end

-- Finishes all jobs, one after the other; names in the order in which they were checked.
local function finish(box, judge)
  local order = {}
  box.loop:run_until(box.loop.time)
  while box.jobs[1] do
    local job = table.remove(box.jobs, 1)
    local words = {}
    for i, st in ipairs(job.list) do
      order[#order + 1] = st.short
      words[i] = judge and judge(st) or true
    end
    job.done { words = words }
  end
  return order
end

describe("checking signatures", function()
  it("takes channels in turn, and their sources in turn, whoever sends most", function()
    local box, done = new(), 0
    local function add(from, name) assert(box.verify:add(word(name), from, function() done = done + 1 end)) end
    local flood, quiet, stream = source("udp", "flood"), source("udp", "quiet"), source("tcp", "peer")
    for n = 1, 100 do add(flood, "f" .. n) end
    for n = 1, 3 do add(quiet, "q" .. n) end
    for n = 1, 6 do add(stream, "s" .. n) end
    local order = finish(box)
    assert.equal(109, done)
    local at = {}
    for i, name in ipairs(order) do at[name] = i end
    assert.is_true(at.q3 <= 12 and at.s6 <= 12, "the quiet ones were served with the first dozen")
  end)

  it("tells each what became of it", function()
    local box, told = new(), {}
    for n = 1, 4 do
      box.verify:add(word("w" .. n), source("udp", "a"), function(ok, _, why) told[n] = ok or why end)
    end
    finish(box, function(st) return st.short == "w3" and "signature" or true end)
    assert.same({ true, true, "signature", true }, told)
  end)

  it("checks no word twice while it waits, and again once it was judged", function()
    local box = new()
    local from = source("udp", "a")
    assert.is_true(box.verify:add(word "w", from, function() end))
    assert.equal("duplicate", select(3, box.verify:add(word "w", from, function() end)))
    finish(box)
    assert.is_true(box.verify:add(word "w", from, function() end))
  end)

  it("is bounded by source: a datagram source is refused, a stream is not read meanwhile", function()
    local box, calls, refused = new(), {}, 0
    local udp, tcp = source("udp", "a"), source("tcp", "b", calls)
    for n = 1, 600 do
      local ok, _, why = box.verify:add(word("u" .. n), udp, function() end)
      if not ok then
        refused = refused + 1
        assert.equal("full", why)
      end
    end
    assert.equal(600 - 512, refused)
    for n = 1, 300 do assert(box.verify:add(word("t" .. n), tcp, function() end)) end
    assert.equal(1, calls.paused)
    assert.is_nil(calls.resumed)
    finish(box)
    assert.equal(1, calls.resumed)
    assert.equal(0, box.verify.waiting)
    assert.same({}, box.verify.by_id)
    assert.same({}, box.verify.channels)
  end)

  it("gives a host one room, and one turn, for all its streams", function()
    local box, calls = new(), {}
    local streams = {}
    for i = 1, 8 do
      streams[i] = source("tcp", "port " .. i, calls)
      streams[i].host = "10.0.0.9"
    end
    for n = 1, 512 do assert(box.verify:add(word("w" .. n), streams[n % 8 + 1], function() end)) end
    assert.equal("full", select(3, box.verify:add(word "more", streams[1], function() end)))
    assert.equal(8, calls.paused)
    finish(box)
    assert.equal(8, calls.resumed)
    assert.equal(0, box.verify.waiting)
  end)

  it("is bounded in all", function()
    local box, taken = new(), 0
    for n = 1, 9000 do
      if box.verify:add(word("w" .. n), source("udp", tostring(n)), function() end) then taken = taken + 1 end
    end
    assert.equal(8192, taken)
  end)

  it("goes on at once without threads", function()
    local plain, told = verify.new { swarm = "duckietown" }, nil
    plain:add(word "w", source("udp", "a"), function(ok) told = ok end)
    assert.is_true(told)
  end)
end)
