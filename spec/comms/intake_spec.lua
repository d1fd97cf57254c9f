-- intake_spec.lua - each statement of a frame refused once, by one word; its source charged, its channel told, once.
local batch, key, random, statement = require "core.batch", require "core.key", require "core.random",
  require "core.statement"
local intake, quota, verify = require "comms.intake", require "comms.quota", require "comms.verify"
local simloop = require "sim.loop"
local stub = require "spec.net.stub"

local owner = key.generate(("w"):rep(32))
local made = {}

-- A statement whose key is NAME: `h…` is held, `f…` is forged, `o…` comes too late; `x…` is none.
local function line(name)
  if name:sub(1, 1) == "x" then return name end
  made[name] = made[name] or statement.sign(owner, "duckietown", { verb = "propose", bucket = "b", key = name,
    at = 1700000000000, valid_from = 1699999984, valid_until = 1700000000, data = "{}" }).line
  return made[name]
end

local function refuse_all(list, from, to, letter, word)
  for i = from, to do
    if not list:code(i) and list:statement(i).key:sub(1, 1) == letter then list:refuse(i, word) end
  end
end

-- The store, the worker and the limits are the spec's.
local function new(burst)
  local box = { loop = simloop.new(), jobs = {}, refused = {}, taken = {}, told = {}, heard = 0 }
  box.waste = quota.new { loop = box.loop, rate = 1, burst = burst or 1000, total = 1, total_burst = 256 }
  local worker = { loop = box.loop }
  function worker.run(_, _, job, done)
    table.insert(box.jobs, { slices = job, done = done })
    return true
  end
  box.verify = verify.new { swarm = "duckietown", start = function() return worker end }
  local dcache = {}
  function dcache.check_batch(_, list)
    refuse_all(list, 1, #list, "h", "duplicate")
    return list:part(#list)
  end
  function dcache.take_batch(_, list, from, to)
    refuse_all(list, from, to, "o", "older")
    local n = 0
    for i = from, to do
      if not list:code(i) then
        n = n + 1
        table.insert(box.taken, list:statement(i).key)
      end
    end
    return n, true, false
  end
  box.intake = intake.new { dcache = dcache, verify = box.verify, waste = box.waste,
    time_evidence = { hear = function() end }, newer = { hear = function() end },
    heard = function() box.heard = box.heard + 1 end, taken = function() end,
    refused = function(word) box.refused[word] = (box.refused[word] or 0) + 1 end,
    allowed = function(source) return box.waste:allows(source.principal, source.channel.traits.source_proved) end }
  return box
end

local function source(box, kind, host)
  local channel = stub.channel(kind, { judged = function(_, ...) table.insert(box.told, { ... }) end })
  return stub.source(channel, host, { broadcast = kind == "udp" })
end

local function frame(box, from, names)
  local lines = {}
  for i, name in ipairs(names) do lines[i] = line(name) end
  local list = batch.new(table.concat(lines, "\n"))
  return list, box.intake:frame(list, from)
end

local function finish(box)
  box.loop:run_until(box.loop.time)
  while box.jobs[1] do
    local job = table.remove(box.jobs, 1)
    for i = 1, #job.slices, 3 do refuse_all(job.slices[i], job.slices[i + 1], job.slices[i + 2], "f", "signature") end
    job.done {}
  end
end

local function sum(counts)
  local all = 0
  for _, n in pairs(counts) do all = all + n end -- any order
  return all
end

describe("taking in frames", function()
  it("counts each statement once, whatever becomes of it", function()
    local r, letters = random.seeded(7), { "x", "h", "f", "o", "w", "w" }
    for round = 1, 20 do
      local box, all, late, at_once = new(40), 0, 0, 0
      for _ = 1, 30 do
        local names = {}
        for i = 1, 1 + r:integer(60) do names[i] = letters[1 + r:integer(#letters)] .. r:integer(500) end
        local kind = r:integer(2) == 0 and "udp" or "tcp"
        local list, ok, _, word = frame(box, source(box, kind, "10.0.0." .. r:integer(3)), names)
        all = all + #names
        if ok == "later" then
          late = late + 1
        else
          at_once = at_once + 1
          assert.is_string(word)
          assert.has_error(function() return #list end) -- closed
        end
        if r:integer(4) == 0 then finish(box) end
      end
      finish(box)
      assert.equal(all, #box.taken + sum(box.refused), "round " .. round)
      assert.equal(late, #box.told)
      assert.equal(0, #box.verify.pending)
    end
  end)

  it("holds no refused statement while others of its frame wait", function()
    local box = new()
    local names = { "w1" }
    for i = 2, 256 do names[i] = i % 2 == 0 and "h" .. i or ("x"):rep(1000) end
    local list, ok = frame(box, source(box, "tcp", "10.0.0.1"), names)
    assert.equal("later", ok)
    assert.same({ 1, #line "w1" + 1 }, { #list, list:bytes() })
    finish(box)
    assert.same({ { "w1" }, 128, 127, { { true } } }, { box.taken, box.refused.duplicate, box.refused.form, box.told })
    assert.has_error(function() return #list end)
  end)

  it("charges a datagram source for what was forged, and gives the rest back", function()
    local box = new(100)
    local from = source(box, "udp", "10.0.0.1")
    frame(box, from, { "w1", "f1", "f2", "o1", "h1", "x", "w1" })
    assert.equal(96, box.waste.sources:get("10.0.0.1"):left(), "w1 a second time cost nothing")
    assert.same({ duplicate = 2, form = 1 }, box.refused)
    assert.equal(1, box.heard)
    finish(box)
    assert.equal(98, box.waste.sources:get("10.0.0.1"):left())
    assert.equal(254, box.waste.all:left())
    assert.same({ { true } }, box.told)
  end)

  it("charges a stream when its forgeries are known, and has no more of it checked then", function()
    local box = new(2)
    local from = source(box, "tcp", "10.0.0.1")
    frame(box, from, { "f1", "f2", "w1" })
    assert.is_nil(box.waste.sources:get("10.0.0.1"))
    finish(box)
    assert.equal(0, box.waste.sources:get("10.0.0.1"):left())
    assert.same({ nil, "quota" }, { select(2, frame(box, from, { "w2" })), select(4, frame(box, from, { "w3" })) })
    assert.same({ signature = 2, quota = 2 }, box.refused)
    assert.same({ "w1" }, box.taken)
  end)
end)
