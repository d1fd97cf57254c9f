-- journal_sync_spec.lua - a sync beside the loop: what is said, read and let go meanwhile stays as it was.
local disk = require "core.disk"
local sim_disk = require "core.sim"
local journal = require "core.journal"
local worker = require "core.worker"
local plain = require "spec.crash.plain"

local FOLDER = plain.folder

local function open(d)
  return plain.open(d)
end

local function start(seed)
  local d, pool = sim_disk.memory(seed or 1), assert(worker.new { inline = true })
  return d, pool, (open(d))
end

local function survivors(d, seed, spoiled)
  local _, report, found = plain.open(d:crash(seed))
  if not spoiled then assert.same({}, report.damaged) end
  return plain.once(found)
end

local function check(j, places, lines)
  for i, place in ipairs(places) do assert.equal(lines[i], j:read(place, #lines[i])) end
end

local function more(j, places, lines, count)
  for i = #lines + 1, #lines + count do
    lines[i] = ("more %04d %s"):format(i, ("y"):rep(80))
    places[i] = assert(j:append("long", lines[i], 9000 + i))
  end
end

describe("journal.sync", function()
  it("covers what was said when it began, and nothing else waits for it", function()
    local d, pool, j = start()
    local places, lines = plain.fill(j, 40)
    local flown = j:unsynced()
    local before = d:counts().write
    assert(journal.sync(pool, j, "done"))
    assert.equal(before, d:counts().write) -- nothing was done yet
    assert.same({ flown, flown }, { j:unsynced() })
    more(j, places, lines, 40)
    check(j, places, lines)
    local again, _, word = journal.sync(pool, j)
    assert.is_nil(again)
    assert.equal("full", word)
    assert.same({ 80, 0 }, { j:mark() })
    local results = pool:collect()
    assert.same({ "done" }, { results[1].done })
    assert.is_nil(results[1].word)
    assert.same({ 80, 40 }, { j:mark() })
    local left, flying = j:unsynced()
    assert.equal(0, flying)
    assert(left > 0 and left < flown * 2)
    check(j, places, lines)
    for seed = 1, 20 do
      local found = survivors(d, seed)
      assert(#found >= 40, #found)
      for i = 1, 40 do assert.equal(lines[i], found[i]) end
    end
    assert(journal.sync(pool, j))
    pool:collect()
    assert.equal(0, j:unsynced())
    check(j, places, lines)
    assert.equal(80, #survivors(d, 1))
    assert(j:close())
  end)

  it("marks a line only when all before it is on the disk", function()
    local d, pool, j = start()
    for i = 1, 4 do
      assert(j:append("long", "line " .. i, 5000))
      if i == 1 then assert(journal.sync(pool, j)) end
      if i == 2 or i == 3 then pool:collect() end
      if i == 3 then
        assert(journal.sync(pool, j))
        pool:collect()
      end
    end
    assert(j:flush())
    local marks = {}
    for mark, number in d:read(FOLDER .. "/long.00000001.journal"):gmatch "(.)5000 line (%d)" do
      marks[#marks + 1] = mark .. number
    end
    assert.same({ " 1", " 2", " 3", "+4" }, marks)
  end)

  it("forgets nothing when it fails, wherever it fails; places stay good", function()
    for _, fault in ipairs { { "open", 1 }, { "write", 1 }, { "write", 2 }, { "sync", 1 }, { "sync", 2 },
      { "sync_directory", 1 }, { "sync", 1, "ENOSPC" }, { "write", 1, "ENOSPC" }, { "sync", 1, nil, "tear" } } do
      for seed = 1, 20 do
        local d, pool, j = start(seed)
        local places, lines = plain.fill(j, seed % 5)
        if seed % 2 == 0 then assert(j:flush()) end
        more(j, places, lines, 25)
        d:inject { operation = fault[1], nth = fault[2], errno = fault[3], effect = fault[4] }
        assert(journal.sync(pool, j))
        more(j, places, lines, 25)
        local result = pool:collect()[1]
        local message = ("%s %d seed %d"):format(fault[1], fault[2], seed)
        if result.word then assert.equal(fault[3] or "EIO", result.word, message) end
        check(j, places, lines)
        more(j, places, lines, 5)
        for _ = 1, 3 do
          assert(journal.sync(pool, j))
          result = pool:collect()[1]
          check(j, places, lines)
          if not result.word then break end
        end
        assert.is_nil(result.word, message)
        assert.equal(0, j:unsynced())
        local wanted = {}
        for i, line in ipairs(lines) do wanted[i] = line end
        table.sort(wanted)
        assert.same(wanted, survivors(d, seed, true), message)
        assert(j:close())
      end
    end
  end)

  it("is waited for by flush and close; one that has not begun is left to them", function()
    for _, real in ipairs { false, true } do
      local folder = os.tmpname()
      os.remove(folder)
      local d = real and disk.real() or sim_disk.memory(1)
      if real then d:slow(100) end
      local pool = assert(worker.new { inline = not real })
      local options = { families = { "long" }, reserve = 0 }
      local j = assert(journal.open(d, folder, options))
      local places, lines = plain.fill(j, 5)
      assert(journal.sync(pool, j))
      more(j, places, lines, 5)
      assert(j:flush())
      assert.equal(0, j:unsynced())
      check(j, places, lines)
      more(j, places, lines, 5)
      repeat local job, _, word = journal.sync(pool, j) until job or word ~= "full"
      assert(j:close())
      for _, result in ipairs(pool:collect()) do assert(not result.word or result.word == "closed", result.word) end
      local again, report = assert(journal.open(d, folder, options))
      assert.equal(15, report.records)
      assert.same({ {}, {} }, { report.torn, report.damaged })
      again:close()
      pool:close()
      if real then os.execute("rm -rf " .. folder) end
    end
  end)

  it("outlives its pool, and may be left behind with journal and disk", function()
    local d, pool, j = start()
    local places, lines = plain.fill(j, 5)
    assert(journal.sync(pool, j))
    pool:close()
    assert.same({ 5, 0 }, { j:mark() })
    check(j, places, lines)
    assert.equal("closed", select(3, journal.sync(pool, j)))
    assert(j:flush())
    assert.equal(5, #survivors(d, 1))
    for round = 1, 20 do
      local _, other_pool, other = start(round)
      plain.fill(other, 5)
      journal.sync(other_pool, other)
      if round % 2 == 0 then other:close() end
      other_pool, other = nil, nil -- luacheck: ignore
      collectgarbage()
    end
  end)

  it("lets a line that a failed sync has moved be compacted by the place that its caller knows", function()
    local d, _, j = start()
    local places, lines = plain.fill(j, 60)
    d:inject { operation = "sync", nth = 1 }
    assert(j:flush()) -- the first segment's lines are in a new one now
    local known = {}
    for i, line in ipairs(lines) do
      if i % 4 == 0 then known[line] = places[i] else j:drop(places[i], #line) end
    end
    local count, moved = #plain.segments(d), 0
    repeat
      local looked, waits = assert(j:compact_step(4096, function(line, place) return known[line] == place end,
        function(line, place, old)
          assert.equal(known[line], old)
          known[line], moved = place, moved + 1
        end))
      if waits then assert(j:flush()) end
    until looked == 0 and not waits
    assert(moved > 0)
    assert(#plain.segments(d) < count)
    for line, place in pairs(known) do assert.equal(line, j:read(place, #line)) end
    local found = {}
    for _, line in ipairs(survivors(d, 1, true)) do found[line] = true end
    for line in pairs(known) do assert(found[line], line) end
  end)

  it("leaves to the next one what was removed while it ran", function()
    local d, pool, j = start()
    plain.fill(j, 60, 100, 5000)
    assert(j:flush())
    plain.fill(j, 2, 100, 9000)
    assert(journal.sync(pool, j))
    assert(j:expire(5000) > 1)
    assert.is_nil(pool:collect()[1].word)
    assert(journal.sync(pool, j))
    assert.is_nil(pool:collect()[1].word)
    for seed = 1, 20 do assert.same(plain.segments(d), plain.segments(d:crash(seed))) end
  end)

  it("lets go of a compacted segment only when it covers what stands for it", function()
    local d, pool, j = start()
    local places, lines = plain.fill(j, 60)
    assert(j:flush())
    local dead = {}
    for i = 1, 60 do
      if i % 4 > 0 then
        j:drop(places[i], #lines[i])
        dead[lines[i]] = true
      end
    end
    local moved, waited, count = {}, 0, #plain.segments(d)
    local function step()
      return j:compact_step(4096, function(line) return not dead[line] end,
        function(line, place) moved[line] = place end)
    end
    for _ = 1, 200 do
      local looked, waits = assert(step())
      if looked == 0 and not waits then break end
      if waits then
        waited = waited + 1
        local names = #plain.segments(d)
        assert(step()) -- still there however often it is asked
        assert.equal(names, #plain.segments(d))
        for seed = 1, 3 do
          local found = survivors(d, seed)
          for i = 4, 60, 4 do
            local held = false
            for _, line in ipairs(found) do held = held or line == lines[i] end
            assert(held, lines[i])
          end
        end
        assert(journal.sync(pool, j))
        more(j, {}, {}, 1) -- what is said meanwhile puts it off no further
        assert.is_nil(pool:collect()[1].word)
      end
    end
    assert(waited > 1, waited)
    assert(#plain.segments(d) < count)
    for line, place in pairs(moved) do assert.equal(line, j:read(place, #line)) end
    assert(j:close())
  end)
end)
