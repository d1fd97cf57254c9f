-- verify_spec.lua - who is checked next: fair by channel and source, bounded, none twice. The worker is the spec's.
local batch, key, statement = require "core.batch", require "core.key", require "core.statement"
local random = require "core.random"
local verify = require "comms.verify"
local simloop = require "sim.loop"
local stub = require "spec.net.stub"

local owner = key.generate(("w"):rep(32))
local made = {}

-- A statement whose key is NAME.
local function line(name)
  made[name] = made[name] or statement.sign(owner, "duckietown", { verb = "propose", bucket = "b", key = name,
    at = 1700000000000, valid_from = 1699999984, valid_until = 1700000000, data = "{}" }).line
  return made[name]
end

local function frame(names)
  local lines = {}
  for i, name in ipairs(names) do lines[i] = line(name) end
  return batch.new(table.concat(lines, "\n"))
end

local function new()
  local box = { jobs = {}, loop = simloop.new() }
  local worker = { loop = box.loop }
  function worker.run(_, _, job, done)
    table.insert(box.jobs, { slices = job, done = done })
    return true
  end
  function worker.close() box.closed = true end
  box.verify = verify.new { swarm = "duckietown", start = function() return worker end }
  return box
end

local function source(kind, id, calls)
  local channel = stub.channel(kind, { pause = false, resume = false })
  if calls then
    function channel.pause() calls.paused = (calls.paused or 0) + 1 end
    function channel.resume() calls.resumed = (calls.resumed or 0) + 1 end
  end
  return stub.source(channel, id, { id = kind .. " " .. id, principal = id })
end

local function names(prefix, n)
  local list = {}
  for i = 1, n do list[i] = prefix .. i end
  return list
end

-- Finishes all jobs, one after the other; the jobs' sizes, and names by job in the order of checking.
local function finish(box, judge)
  local order, sizes = {}, {}
  box.loop:run_until(box.loop.time)
  while box.jobs[1] do
    local job, size = table.remove(box.jobs, 1), 0
    for i = 1, #job.slices, 3 do
      local list = job.slices[i]
      for place = job.slices[i + 1], job.slices[i + 2] do
        local name = list:statement(place).key
        order[name], size = #sizes + 1, size + 1
        if judge then judge(list, place, name) end
      end
    end
    sizes[#sizes + 1] = size
    job.done {}
  end
  return order, sizes
end

describe("checking signatures", function()
  it("takes channels in turn, and their sources in turn, whoever sends most", function()
    local box, done = new(), 0
    local function add(from, list)
      return box.verify:add(frame(list), #list, from, function(a, b) done = done + b - a + 1 end)
    end
    for n = 1, 3 do add(source("udp", "flood"), names("f" .. n .. "-", 200)) end
    assert.equal(3, add(source("udp", "quiet"), names("q", 3)))
    assert.equal(6, add(source("tcp", "peer"), names("s", 6)))
    local order, sizes = finish(box)
    assert.equal(512 + 3 + 6, done)
    assert.same({ 1, 1 }, { order.q3, order.s6 }, "the quiet ones were served with the first job")
    assert.is_true(sizes[1] <= 64)
  end)

  it("tells each what became of it, in pieces that make up the whole", function()
    local box, list, pieces = new(), frame(names("w", 100)), {}
    box.verify:add(list, 100, source("udp", "a"), function(from, to) table.insert(pieces, { from, to }) end)
    finish(box, function(checked, place, name) if name == "w3" then checked:refuse(place, "signature") end end)
    assert.same({ { 1, 64 }, { 65, 100 } }, pieces)
    assert.equal("signature", list:code(3))
    assert.is_nil(list:code(4))
  end)

  it("checks no word twice while it waits, and again once it was judged", function()
    local box, from = new(), source("udp", "a")
    local function ignore() end
    assert.equal(2, box.verify:add(frame { "w", "w", "x" }, 3, from, ignore))
    local again = frame { "y", "w" }
    assert.equal(1, box.verify:add(again, 2, from, ignore))
    assert.same({ "y", nil, "w", "duplicate" }, { again:statement(1).key, again:code(1), again:statement(2).key,
      again:code(2) })
    finish(box)
    assert.same({}, box.verify.pending)
    assert.equal(1, box.verify:add(frame { "w" }, 1, from, ignore))
  end)

  it("knows of each word whether it is being checked, whatever comes and goes", function()
    local box, chance, held = new(), random.seeded(3), {}
    local function add(n)
      local all = names("c" .. n .. "-", 10)
      return box.verify:add(frame(all), #all, source("udp", tostring(n)), function() end)
    end
    for _ = 1, 300 do
      local n = chance:integer(60) + 1
      assert.equal(held[n] and 0 or 10, add(n))
      assert.equal(0, add(n), "all of them are being checked now")
      held[n] = true
      if chance:integer(20) == 0 then
        finish(box)
        held = {}
      end
    end
    finish(box)
    assert.same({}, box.verify.pending)
  end)

  it("is bounded by source: a datagram source is refused, a stream is not read meanwhile", function()
    local box, calls, begun = new(), {}, 0
    local udp, tcp, over = source("udp", "a"), source("tcp", "b", calls), nil
    local function ignore() end
    for n = 1, 6 do
      over = frame(names("u" .. n .. "-", 100))
      begun = begun + box.verify:add(over, 100, udp, ignore)
    end
    assert.equal(512, begun)
    assert.same({ nil, "full" }, { over:code(12), over:code(13) })
    for n = 1, 3 do assert.equal(100, box.verify:add(frame(names("t" .. n .. "-", 100)), 100, tcp, ignore)) end
    assert.equal(1, calls.paused)
    assert.is_nil(calls.resumed)
    finish(box)
    assert.equal(1, calls.resumed)
    assert.same({ 0, {}, {}, {} }, { box.verify.waiting, box.verify.pending, box.verify.by_id, box.verify.channels })
  end)

  it("gives a host one room, and one turn, for all its streams", function()
    local box, calls = new(), {}
    local streams = {}
    local function ignore() end
    for i = 1, 8 do
      streams[i] = source("tcp", "10.0.0.9", calls)
      streams[i].id = "tcp 10.0.0.9:" .. i
      assert.equal(64, box.verify:add(frame(names("w" .. i .. "-", 64)), 64, streams[i], ignore))
    end
    local full = frame { "full" }
    assert.equal(0, box.verify:add(full, 1, streams[1], ignore))
    assert.equal("full", full:code(1))
    assert.equal(5, calls.paused, "since there are as many as half the room")
    finish(box)
    assert.equal(5, calls.resumed)
    assert.equal(0, box.verify.waiting)
  end)

  it("is bounded in all", function()
    local box, taken = new(), 0
    for n = 1, 90 do
      local list = frame(names("w" .. n .. "-", 100))
      taken = taken + box.verify:add(list, 100, source("udp", tostring(n)), function() end)
    end
    assert.equal(8192, taken)
  end)

  it("closes what no thread takes any more", function()
    local box, told = new(), nil
    local list = frame { "w" }
    box.verify:add(list, 1, source("udp", "a"), function(from, to) told = { from, to } end)
    box.verify.worker.run = function() return nil, "closed: the worker", "closed" end
    box.loop:run_until(box.loop.time)
    assert.same({ 1, 1 }, told)
    assert.equal("closed", list:code(1))
    assert.same({}, box.verify.pending)
  end)

  it("goes on where somebody fails over what he is told: no stream is paused for ever", function()
    local box, calls, told = new(), {}, 0
    for n = 1, 3 do
      box.verify:add(frame(names("w" .. n .. "-", 100)), 100, source("tcp", "a", calls), function()
        told = told + 1
        error "a listener's fault"
      end)
    end
    assert.equal(1, calls.paused)
    box.loop:run_until(box.loop.time)
    while box.jobs[1] do assert.has_error(function() table.remove(box.jobs, 1).done {} end) end
    assert.same({ 0, {}, 1 }, { box.verify.waiting, box.verify.pending, calls.resumed })
    assert.is_true(told > 1)
  end)

  it("goes on at once without threads", function()
    local plain = verify.new { swarm = "elsewhere", checks = require "comms.checks" }
    local list, told = frame { "w", "x" }, nil
    assert.equal(2, plain:add(list, 2, source("udp", "a"), function(from, to) told = { from, to } end))
    assert.same({ 1, 2 }, told)
    assert.same({ "signature", "signature" }, { list:code(1), list:code(2) })
  end)
end)
