-- journal_spec.lua - lines come back whole, in any order of operations, on both disks.
local disk = require "core.disk"
local sim_disk = require "core.sim"
local journal = require "core.journal"
local worker = require "core.worker"
local driver = require "spec.crash.driver"
local plain = require "spec.crash.plain"

local OPTIONS, FOLDER = plain.options, plain.folder
local open, fill, segments, poke = plain.open, plain.fill, plain.segments, plain.poke

describe("core.journal", function()
  it("reads at once what was appended, before and after it was written", function()
    local d = sim_disk.memory(1)
    local j = open(d)
    local places, lines = fill(j, 60)
    for round = 1, 3 do
      for i, place in ipairs(places) do assert.equal(lines[i], j:read(place, #lines[i])) end
      if round == 2 then assert(j:flush()) end
    end
    assert.equal("disk", select(3, j:read(places[1], 3)))
    assert.equal("missing", select(3, j:read(places[1] + (1 << 40))))
    assert.equal(0, j:unsynced())
    assert(j:close())
    assert(j:close())
    assert.has_error(function() j:flush() end)
    local _, report, found = open(d)
    assert.same(lines, found)
    assert.equal(60, report.records)
    assert.same({}, report.damaged)
    assert.same({}, report.torn)
  end)

  it("is text that says what it is", function()
    local d = sim_disk.memory(1)
    local j = open(d)
    j:append("long", "first", 1600)
    j:flush()
    j:append("short", "second", 3200)
    j:append("long", "third", 1616)
    j:flush()
    assert.same({ "long.00000001.journal", "short.00000002.journal" }, d:list(FOLDER))
    local text = d:read(FOLDER .. "/long.00000001.journal")
    local title, one, two = text:match "^([^\n]*)\n([^\n]*)\n([^\n]*)\n$"
    assert.equal("dt-swarm-journal/1 long 00000001", title)
    assert.matches("^[a-z2-7]+ 1600 first$", one)
    assert.matches("^[a-z2-7]+%+1616 third$", two)
    assert.equal(8, #one:match "^[a-z2-7]+")
    local vectors = assert(io.open "spec/vectors/journal.txt"):read "a"
    assert.equal(vectors, text)
  end)

  it("refuses misuse", function()
    local d = sim_disk.memory(1)
    local j = open(d)
    assert.has_error(function() j:append("other", "x", 1) end)
    assert.has_error(function() j:append("long", "a\nb", 1) end)
    assert.has_error(function() j:append("long", ("x"):rep(1025), 1) end)
    assert.has_error(function() journal.open(d, FOLDER, { families = { "A/B" } }) end)
    assert(j:append("long", ("x"):rep(1024), 1))
    assert(j:flush())
    assert.has_error(function()
      j:replay(function() j:replay(function() end) end)
    end)
  end)

  for _, kind in ipairs { "memory", "real", "memory, syncs by turns", "real, syncs on a thread" } do
    it("keeps what was said through any order of operations: " .. kind, function()
      local real, beside = kind:find "^real", kind:find "syncs"
      for seed = 1, real and 4 or 60 do
        local folder = os.tmpname()
        os.remove(folder)
        local d = real and disk.real() or sim_disk.memory(seed)
        local pool = beside and assert(worker.new { inline = not real })
        local r = driver.new(d, folder .. "/journal", seed, pool or nil)
        assert(r:open())
        for _ = 1, 300 do
          assert(r:step())
          assert(not r:compare(r))
        end
        assert(r:reopen())
        assert(not r:compare(r))
        assert.equal(0, r.journal:status().unsynced)
        r.journal:close()
        if pool then pool:close() end
        if real then os.execute("rm -rf " .. folder) end
      end
    end)
  end

  it("touches nothing of a newer version", function()
    local d = sim_disk.memory(1)
    local j = open(d)
    fill(j, 40)
    assert(j:close())
    poke(d, segments(d)[1], 0, "dt-swarm-journal/2 long 00000001")
    local before = d:counts()
    local none, message, word = journal.open(d, FOLDER, OPTIONS)
    assert.is_nil(none)
    assert.equal("version", word)
    assert.matches("newer", message)
    assert.equal(before.write + before.rename + before.truncate + before.unlink,
      d:counts().write + d:counts().rename + d:counts().truncate + d:counts().unlink)
  end)

  it("lets segments die whole when their latest END has passed", function()
    local d = sim_disk.memory(1)
    local j = open(d)
    local places = fill(j, 40, 100, 5000)
    fill(j, 40, 100, 9000)
    assert(j:flush())
    assert.equal(0, j:expire(4999))
    local removed = j:expire(5000)
    assert(removed >= 2, removed)
    assert.equal("missing", select(3, j:read(places[1])))
    assert(j:flush())
    for seed = 1, 10 do
      local _, report, found = open(d:crash(seed))
      assert.same({}, report.damaged)
      assert(#found >= 40 and #found <= 56, #found)
    end
    assert(j:expire(9000) >= 2)
    assert.same({}, segments(d))
    assert(j:append("long", "new life", 10000))
    assert(j:close())
    assert.same({ "new life" }, (select(3, open(d))))
  end)

  it("compacts in small steps to at most 1.5 times what lives", function()
    local d = sim_disk.memory(1)
    local r = driver.new(d, FOLDER, 5)
    assert(r:open())
    for _ = 1, 1500 do
      assert(r:append())
      if r.version % 5 == 0 then assert(r:flush()) end
      assert(r:compact(2000))
    end
    repeat
      local looked, waits = assert(r:compact(500))
      if waits then assert(r:flush()) end
      assert(not r:compare(r))
    until looked == 0 and not waits
    assert(r:flush())
    local status = r.journal:status()
    local live = 0
    for _, slot in pairs(r.slots) do live = live + #slot.line + 21 end
    assert(status.bytes <= live * 1.5 + 4 * 2048, status.bytes .. " for " .. live)
    assert(not r:compare(r))
    assert(r:reopen())
    assert(not r:compare(r))
  end)

  for what, fault in pairs { ["that cannot be opened"] = { operation = "open", errno = "EACCES" },
    ["of which a part cannot be read"] = { operation = "read", errno = "EIO" }, ["that is whole"] = false } do
    it("lets no line go with a segment " .. what, function()
      local d = sim_disk.memory(1)
      local j = open(d)
      local places, lines = fill(j, 300)
      assert(j:close())
      j = open(d) -- what is compacted is read from the disk
      local alive = {}
      for i, place in ipairs(places) do
        if i % 3 == 0 then alive[lines[i]] = place else j:drop(place, #lines[i]) end
      end
      if fault then
        fault.effect = "fail"
        d:inject(fault)
        fault.nth = 2
        if fault.operation == "read" then d:inject(fault) end -- it is tried a second time
      end
      local failed
      repeat
        local looked, waits = j:compact_step(500, function(line, place) return alive[line] == place end,
          function(line, place) alive[line] = place end)
        failed = failed or looked == nil and waits
        if waits == true then assert(j:flush()) end
      until looked == 0 and not waits
      assert.equal(fault and fault.errno, failed and failed:match "^%u+")
      for line, place in pairs(alive) do assert.equal(line, j:read(place)) end
      assert(j:close())
      local there = {}
      for _, line in ipairs(select(3, open(d))) do there[line] = true end
      for line in pairs(alive) do assert.truthy(there[line], line) end
    end)
  end
end)
