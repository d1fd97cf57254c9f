-- machine_spec.lua - one update of a robot, with a kind that the spec gives: forward, back, put off, without health, on
-- a disk that refuses, and over power cuts at every write and verb.
local atomic_write = require "atomic_write"
local backoff = require "backoff"
local disk = require "core.sim"
local kept = require "kept"
local machine = require "clients.updates.machine"
local random = require "core.random"
local saved = require "clients.updates.saved"
local simloop = require "sim.loop"
local worker = require "worker"

local MINUTE <const>, HOUR <const> = 60 * 1000, 3600 * 1000
local CUTS <const> = os.getenv "DT_SWARM_SOAK" and 1000 or 200
local JOB <const> = { run = "demos/42/1", release = "demos/42", kind = "sim", cid = "bafy", version = "2.4", from = 41,
  plan = "bafyplan", tail = "bafyplan", round = 2, soak = 300, unknown = "back" }

-- A robot on disk D whose verbs answer by ANSWER(verb, n) → "ok", "later", "no", "never" (nothing more comes), and why;
-- N counts the verb in this run of the program.
local function robot(d, at, answer)
  local one = { acts = {}, said = {}, health = true, count = {} }
  local loop = simloop.new()
  loop.time = at or 0
  local log = { warn = function() end, info = function() end, once = function() end }
  one.loop = loop
  one.saved = saved.new(kept.new_firm { disk = d, log = log, dir = "/state", name = "state",
    date = function() return "D" end, atomic_write = atomic_write.new { disk = d, log = log,
      start = function() return worker.new { loop = loop, inline = true } end } })
  one.machine = machine.new { loop = loop, log = log, saved = one.saved,
    kinds = function(kind)
      return kind == "sim" and function(verb, now, done)
        one.count[verb] = (one.count[verb] or 0) + 1
        one.acts[#one.acts + 1] = verb
        local said, why = (answer or function() return "ok" end)(verb, one.count[verb], now)
        if said ~= "never" then loop:post(function() done(said, why) end) end
      end or nil
    end,
    say = function(_, status, told)
      local is_more = status.state == "applying" and status.why
      one.said[#one.said + 1] = status.state .. (is_more and ": " .. status.why or "")
      assert.same({ 41, "bafyplan", 2 }, { status.from, status.plan, status.round })
      loop:post(function() told(true) end)
    end,
    checks = function() return { failed = 0 } end,
    healthy = function() return one.health, one.health == false and "sick" or nil end,
    slow = function() return backoff.slow() end,
    ended = function(now, state) one.over = { now.release, state } end }
  function one.run(ms) loop:run_until(loop.time + ms) end
  return one
end

local function new_disk(seed)
  local d = disk.memory(seed or 1)
  assert(d:mkdir "/state")
  assert(d:sync_directory "/")
  return d
end

describe("an update", function()
  it("goes forward: said before each act, committed after its soak, with its floor", function()
    local one = robot(new_disk())
    one.machine:begin(JOB, function() end)
    one.run(4 * MINUTE)
    assert.same({ { "apply", "verify" }, { "applying" } }, { one.acts, one.said })
    one.run(2 * MINUTE)
    assert.same({ { "apply", "verify", "verify", "commit" }, { "applying", "committed" } }, { one.acts, one.said })
    assert.same({ "demos/42", "committed" }, one.over)
    local data = one.saved.data
    assert.same({ { 42, "2.4", "bafy" }, 42, "committed", nil }, { data.installed.demos, data.floor.demos,
      data.runs["demos/42/1"].state, data.now })
  end)

  it("goes back where a verb says no, and keeps that this release failed", function()
    for verb, nth in pairs { apply = 1, verify = 1, ["the last verify"] = 2 } do -- any order
      local one = robot(new_disk(), 0, function(name, n)
        return verb:find(name, 1, true) and n == nth and "no" or "ok", "broken"
      end)
      one.machine:begin(JOB, function() end)
      one.run(6 * MINUTE)
      assert.equal("rollback", one.acts[#one.acts])
      assert.same({ "applying", "rolled_back" }, one.said)
      assert.same({ { "demos/42" }, nil }, { { table.unpack(one.saved.data.failed) }, one.saved.data.floor.demos })
    end
  end)

  it("goes back after two looks without health, not after one; a look that cannot tell is neither", function()
    local one = robot(new_disk())
    one.machine:begin(JOB, function() end)
    one.run(100 * 1000)
    one.health = false
    one.run(30 * 1000)
    one.health = nil
    one.run(2 * MINUTE)
    assert.is_nil(one.over)
    one.health = true
    one.run(4 * MINUTE) -- the no took all that it had soaked
    assert.is_nil(one.over)
    one.run(2 * MINUTE)
    assert.equal("committed", one.over[2])
    one = robot(new_disk())
    one.machine:begin(JOB, function() end)
    one.run(MINUTE)
    one.health = false
    one.run(MINUTE + 1)
    assert.equal("rolled_back", one.over[2])
  end)

  it("looks at once, and again when the soak is over, however short that is", function()
    for soak, looks in pairs { [0] = 1, [10] = 2, [45] = 3 } do -- any order
      local one, job, seen = robot(new_disk()), {}, 0
      for name, value in pairs(JOB) do job[name] = value end
      job.soak = soak
      function one.machine.healthy()
        seen = seen + 1
        return true
      end
      one.machine:begin(job, function() end)
      if soak > 0 then one.run(soak * 1000 - 1) end
      assert.is_nil(one.over)
      one.run(1000)
      assert.same({ "committed", looks }, { one.over and one.over[2], seen })
    end
  end)

  it("does what the plan says where nobody can tell, ten minutes after the soak", function()
    for unknown, state in pairs { back = "rolled_back", commit = "committed" } do -- any order
      local one, job = robot(new_disk()), {}
      for name, value in pairs(JOB) do job[name] = value end
      job.unknown, one.health = unknown, nil
      one.machine:begin(job, function() end)
      one.run(14 * MINUTE)
      assert.is_nil(one.over)
      one.run(2 * MINUTE)
      assert.equal(state, one.over[2])
    end
  end)

  it("does that though each lesson is shorter than the time that it takes", function()
    local d, job = new_disk(), {}
    for name, value in pairs(JOB) do job[name] = value end
    local one = robot(d)
    one.health = nil
    one.machine:begin(job, function() end)
    for _ = 1, 4 do
      one.run(8 * MINUTE)
      if one.over then break end
      one.machine.stopped = true
      one = robot(d, one.loop.time)
      one.health = nil
      one.machine:start()
    end
    assert.equal("rolled_back", one.over and one.over[2])
  end)

  it("asks a verb that puts itself off again, for a day at most", function()
    local one = robot(new_disk(), 0, function(verb, n) return verb == "apply" and n < 5 and "later" or "ok" end)
    one.machine:begin(JOB, function() end)
    one.run(HOUR)
    assert.equal("committed", one.over[2])
    assert.equal(5, one.count.apply)
    one = robot(new_disk(), 0, function(verb) return verb == "apply" and "later" or "ok" end)
    one.machine:begin(JOB, function() end)
    one.run(23 * HOUR)
    assert.is_nil(one.over)
    one.run(3 * HOUR)
    assert.equal("rolled_back", one.over[2])
  end)

  it("tries its end on for ever, and is said to have failed from the third time on", function()
    local works = false
    local one = robot(new_disk(), 0, function(verb)
      return (verb == "apply" or verb == "rollback" and not works) and "no" or "ok", "the folder is read-only"
    end)
    one.machine:begin(JOB, function() end)
    one.run(2 * MINUTE)
    assert.same({ "applying", "applying: rollback came to nothing once: the folder is read-only" }, one.said)
    one.run(10 * HOUR)
    assert.same({ 3, "failed" }, { #one.said, one.said[3] })
    assert.is_nil(one.over)
    works = true
    one.run(2 * HOUR)
    assert.same({ 4, "rolled_back" }, { #one.said, one.said[4] })
  end)

  it("tells when it tries its end again, and does so at once where that is asked; it keeps why it went back", function()
    local works = false
    local one = robot(new_disk(), 0, function(verb)
      return (verb == "apply" or verb == "rollback" and not works) and "no" or "ok", verb .. " is bad"
    end)
    one.machine:begin(JOB, function() end)
    one.run(10 * 1000)
    local now = one.machine:now()
    assert.same({ 1, "rollback is bad", "apply is bad", 50 * 1000 }, { now.failures, now.trouble, now.why,
      one.machine:again_ms() })
    one.run(40 * MINUTE)
    assert.equal("rollback is bad", one.saved.data.runs["demos/42/1"].why)
    local again = one.machine:again_ms()
    assert.is_true(again > MINUTE, again)
    works = true
    one.machine:hurry()
    one.machine:hurry()
    one.run(1000)
    assert.same({ "rolled_back", "apply is bad" }, { one.over[2], one.saved.data.runs["demos/42/1"].why })
  end)

  it("says after a restart, too, what fails, and tries it whether or not there is room to say so", function()
    local works, d = false, new_disk()
    local function answer(verb)
      return (verb == "apply" or verb == "rollback" and not works) and "no" or "ok", "torn"
    end
    local one = robot(d, 0, answer)
    local say = one.machine.say
    function one.machine.say(run, status, told)
      if status.why then return told(nil, "quota: 1,000 words", "quota") end
      say(run, status, told)
    end
    one.machine:begin(JOB, function() end)
    one.run(90 * 1000)
    assert.same({ 2, { "applying" } }, { one.machine:now().failures, one.said })
    one = robot(d, one.loop.time, answer)
    one.machine:start()
    one.run(1000)
    assert.equal("applying: rollback came to nothing 2 times: torn", one.said[1])
    works = true
    one.run(2 * HOUR)
    assert.equal("rolled_back", one.over[2])
  end)

  it("does nothing on a disk that takes nothing, and goes on when it does", function()
    local d = new_disk()
    local one = robot(d)
    local begun
    local function begin() one.machine:begin(JOB, function(ok) begun = ok or false end) end
    d:limit(1)
    begin()
    one.run(5 * HOUR)
    assert.same({ {}, {}, false }, { one.acts, one.said, begun })
    assert.is_nil(one.machine:now())
    d:limit()
    begin()
    one.run(MINUTE)
    assert.same({ { "apply", "verify" }, { "applying" }, true }, { one.acts, one.said, begun })
    d:limit(1)
    one.run(5 * HOUR)
    assert.same({ { "apply", "verify" }, { "applying" } }, { one.acts, one.said })
    assert.truthy(one.machine.trouble)
    d:limit()
    one.run(2 * HOUR)
    assert.is_nil(one.machine.trouble)
    assert.equal("committed", one.over[2])
  end)

  it("starts nothing where the disk does not give the state file, which stays where it is", function()
    local d = new_disk()
    local one = robot(d)
    one.saved:change(function(data) data.floor.demos = 42 end, function() end)
    one.run(MINUTE)
    d:inject { operation = "read", effect = "fail", errno = "EIO" }
    one = robot(d)
    assert.truthy(one.saved.lost:find("EIO", 1, true), one.saved.lost)
    local told
    one.saved:change(function() end, function(ok, _, code) told = { ok, code } end)
    assert.same({ nil, "disk" }, told)
    assert.equal(42, robot(d).saved.data.floor.demos)
  end)

  it("loses none of two changes that are on their way to the disk at once", function()
    local one = robot(new_disk())
    local told = 0
    for _, name in ipairs { "demos", "core", "maps" } do
      one.saved:change(function(data) data.floor[name] = 1 end, function() told = told + 1 end)
    end
    one.run(MINUTE)
    assert.same({ 3, { core = 1, demos = 1, maps = 1 } }, { told, one.saved.data.floor })
  end)

  it("keeps 64 runs: those at or below the floor go first, then the lowest numbers, the one under way never", function()
    local one = robot(new_disk())
    one.saved:change(function(data)
      data.floor.old = 200
      for seq = 1, 80 do data.runs[("demos/%d/1"):format(seq)] = { plan = "p", state = "rejected" } end
      for seq = 1, 10 do data.runs[("old/%d/1"):format(100 + seq)] = { plan = "p", state = "committed" } end
    end, function() end)
    one.run(1000)
    local job = {}
    for name, value in pairs(JOB) do job[name] = value end
    job.run, job.release = "demos/1/2", "demos/1"
    one.machine:begin(job, function() end)
    one.run(1000)
    local n, lowest, has_old = 0, math.huge, false
    for key in pairs(one.saved.data.runs) do
      local name, seq, run = key:match "^(%l+)/(%d+)/(%d+)$"
      n, has_old = n + 1, has_old or name == "old"
      if run == "1" then lowest = math.min(lowest, tonumber(seq)) end
    end
    assert.same({ 64, false, 18 }, { n, has_old, lowest })
    assert.equal("applying", one.saved.data.runs["demos/1/2"].state)
  end)

  it("begins nothing where there is no room to say so, and begins when there is", function()
    local one, told = robot(new_disk()), {}
    local say = one.machine.say
    function one.machine.say(_, _, done) done(nil, "quota: 1,000 words", "quota") end
    one.machine:begin(JOB, function(...) told = { ... } end)
    one.run(MINUTE)
    assert.same({ {}, {}, nil, "quota: 1,000 words" }, { one.acts, one.said, told[1], told[2] })
    assert.same({}, { one.saved.data.now, one.saved.data.runs[JOB.run] })
    one.machine.say = say
    one.machine:begin(JOB, function(...) told = { ... } end)
    one.run(6 * MINUTE)
    assert.same({ true, "committed" }, { told[1], one.over and one.over[2] })
  end)

  it("starts nothing on a state file that was damaged, until it is begun anew", function()
    local d = new_disk()
    assert(d:replace("/state/state", "rubbish\n", 384))
    local one, why = robot(d), nil
    assert.truthy(one.saved.lost)
    one.saved:change(function() end, function(_, text) why = text end)
    assert.truthy(why:find "update forgive")
    one.saved:forgive_all(function() end)
    one.run(MINUTE)
    assert.is_nil(one.saved.lost)
    one.machine:begin(JOB, function() end)
    one.run(6 * MINUTE)
    assert.equal("committed", one.over[2])
  end)

  it("goes back after three starts in a row that lasted under a minute", function()
    local d, at, one = new_disk(), 0, nil
    for start = 1, 5 do
      one = robot(d, at)
      if start == 1 then one.machine:begin(JOB, function() end) else one.machine:start() end
      one.run(30 * 1000)
      at = one.loop.time
      if one.over then break end
      one.machine:stop()
    end
    assert.equal("rolled_back", one.over and one.over[2])
  end)

  -- What happened over all starts may be told in one line of verbs; this is what such a line never has.
  local function check(acts, state)
    local line = " " .. table.concat(acts, " ") .. " "
    assert.is_nil(line:find "rollback .*commit", line)
    assert.is_nil(line:find "commit .*apply", line)
    assert.is_nil(line:find "commit .*rollback", line)
    assert.is_nil(line:find "rollback .*apply", line)
    local last = acts[#acts]
    assert.equal(state == "committed" and "commit" or "rollback", last, line)
  end

  it("begins to apply twice at most, the third start rolls it back", function()
    local d, at, one = new_disk(), 0, nil
    local applied = 0
    for start = 1, 3 do
      one = robot(d, at, function(verb) return verb == "apply" and "never" or "ok" end) -- the power goes in it
      if start == 1 then one.machine:begin(JOB, function() end) else one.machine:start() end
      one.run(MINUTE)
      applied, at = applied + (one.count.apply or 0), one.loop.time
      d = d:crash(start)
    end
    assert.same({ 2, "rolled_back" }, { applied, one.over and one.over[2] })
  end)

  it("ends committed or rolled back over power cuts at any moment: disk, word and acts agree", function()
    local ends = {}
    for seed = 1, CUTS do
      local chance, d, at, all, floor, one = random.seeded(seed), new_disk(seed), 0, {}, 0, nil
      local start = 0
      local function answer(verb)
        if start < 40 and chance:integer(4) == 0 then return "never" end -- the power goes while it acts
        return chance:integer(verb == "verify" and 12 or 5) == 0 and "no" or chance:integer(8) == 0 and "later" or "ok"
      end
      while start < 60 do
        start = start + 1
        one = robot(d, at, answer)
        one.health = chance:integer(20) > 0
        if one.saved.data.floor.demos then floor = math.max(floor, one.saved.data.floor.demos) end
        assert.is_true((one.saved.data.floor.demos or 0) >= floor)
        if start == 1 or not (one.saved.data.now or one.saved.data.runs["demos/42/1"]) then
          one.machine:begin(JOB, function() end)
        else
          one.machine:start()
        end
        one.run(start < 40 and chance:integer(4 * MINUTE) or 30 * HOUR)
        table.move(one.acts, 1, #one.acts, #all + 1, all)
        at = one.loop.time
        local run = one.saved.data.runs["demos/42/1"]
        if not one.saved.data.now and run then break end
        one.machine:stop()
        d = d:crash(seed * 100 + start)
      end
      local state = one.saved.data.runs["demos/42/1"].state
      assert.is_true(state == "committed" or state == "rolled_back", ("seed %d: %s"):format(seed, state))
      check(all, state)
      assert.equal(state == "committed" and 42 or nil, one.saved.data.floor.demos)
      ends[state] = (ends[state] or 0) + 1
    end
    assert.is_true((ends.committed or 0) > CUTS / 10 and (ends.rolled_back or 0) > CUTS / 10)
    print(("    %d runs over power cuts: %d committed, %d rolled back"):format(CUTS, ends.committed, ends.rolled_back))
  end)
end)
