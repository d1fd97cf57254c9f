-- damage_spec.lua - spoiled files, failed syncs, a full disk: nothing said is lost, nothing deleted.
local disk = require "core.sim"
local driver = require "spec.crash.driver"
local plain = require "spec.crash.plain"

local FOLDER = plain.folder
local open, fill, segments, poke, once = plain.open, plain.fill, plain.segments, plain.poke, plain.once

describe("core.journal", function()
  it("sets a damaged part aside under a dated name and uses the rest", function()
    for seed = 1, 60 do
      local draw, d = driver.generator(seed), disk.memory(seed)
      local j = open(d)
      local _, lines = fill(j, 40)
      assert(j:close())
      j = open(d)
      j:append("long", "last", 6000)
      assert(j:close())
      local path = segments(d)[1 + draw(3)]
      local bytes = d:read(path)
      local at = draw(#bytes - 200)
      poke(d, path, at, string.char((bytes:byte(at + 1) + 1 + draw(255)) % 256))
      local damaged = d:read(path)
      local again, report, found = open(d)
      assert.equal(1, #report.damaged, "seed " .. seed)
      local loss = report.damaged[1]
      assert.equal(path, FOLDER .. "/" .. loss.file)
      assert.equal(loss.file .. ".damaged-2026-11-22", loss.aside)
      assert.equal(damaged, d:read(FOLDER .. "/" .. loss.aside))
      assert.is_nil(d:read(path))
      local held = {}
      for _, line in ipairs(found) do held[line] = true end
      local missing = 0
      for _, line in ipairs(lines) do missing = missing + (held[line] and 0 or 1) end
      assert(missing <= 2 and missing + 2 >= loss.lines, missing)
      assert(held.last)
      assert(again:append("long", "after", 7000))
      assert(again:close())
      local _, quiet, later = open(d)
      assert.same({}, quiet.damaged)
      assert.equal(#found + 1, #later)
    end
  end)

  it("calls no spoiled byte a torn end after a clean stop", function()
    for seed = 1, 40 do
      local draw, d = driver.generator(seed), disk.memory(seed)
      local j = open(d)
      fill(j, 5)
      assert(j:close())
      assert(select(1, open(d)):close()) -- nothing new: nothing is written
      local path = segments(d)[1]
      local bytes = d:read(path)
      local seal = #bytes - bytes:reverse():find("\n", 2, true) + 1
      assert.matches("^%w+%+0 \n$", bytes:sub(seal + 1))
      local at = draw(seal)
      poke(d, path, at, string.char((bytes:byte(at + 1) + 1 + draw(255)) % 256))
      local _, report = open(d)
      assert.equal(1, #report.damaged)
      assert.same({}, report.torn)
    end
  end)

  it("takes no line from another place or another segment", function()
    local d = disk.memory(1)
    local j = open(d)
    fill(j, 40)
    assert(j:close())
    local from, to = segments(d)[1], segments(d)[2]
    poke(d, to, 0, d:read(from))
    local _, report, found = open(d)
    assert.equal(1, #report.damaged)
    local seen = {}
    for _, line in ipairs(found) do
      assert.is_nil(seen[line])
      seen[line] = true
    end
  end)

  it("cuts a torn end off without a word of damage", function()
    local d = disk.memory(1)
    local j = open(d)
    local _, lines = fill(j, 5)
    assert(j:close())
    local path = segments(d)[1]
    local size = d:stat(path).size
    poke(d, path, size, "abcdefgh 5000 half a li")
    local again, report, found = open(d)
    assert.same({}, report.damaged)
    assert.same({ { file = "long.00000001.journal", family = "long", bytes = 23, lines = 1 } }, report.torn)
    assert.same(lines, found)
    assert.equal(size, d:stat(path).size)
    again:append("long", "next", 9)
    assert(again:close())
    assert.equal(6, #select(3, open(d)))
  end)

  it("calls an end torn however much waited for the disk when the power went", function()
    local most, line = 0, ("w"):rep(900) .. " "
    local options = { families = { "long" }, segment = 16 << 20, date = "2026-11-22" }
    for seed = 8, 13 do
      local d = disk.memory(seed)
      local j = open(d, options)
      local _, lines = fill(j, 4)
      assert(j:flush())
      for i = 1, 3500 do assert(j:append("long", line .. i, 9000)) end
      d:inject { operation = "sync", effect = "off" } -- all is written, and the power goes before it is on the disk
      assert(not j:flush())
      local _, report, found = open(d:crash(seed), options)
      assert.same({}, report.damaged, "seed " .. seed)
      assert.same(lines, table.move(found, 1, 4, 1, {}))
      for _, loss in ipairs(report.torn) do most = math.max(most, loss.bytes) end
    end
    assert.is_true(most > 1 << 20, "none lost as much as a MiB: " .. most)
  end)

  it("forgets nothing when a sync fails, and trusts the file no more", function()
    for fails = 1, 4 do
      for seed = 1, 30 do
        local d, errno = disk.memory(seed), seed % 2 == 0 and "ENOSPC" or "EIO" -- a sync has lost its pages with either
        local j = open(d)
        local places, lines = fill(j, 4)
        assert(j:flush())
        for i = 5, 8 do
          lines[i] = "unsynced " .. i
          places[i] = j:append("long", lines[i], 9000)
        end
        for n = 1, fails do d:inject { operation = "sync", nth = n, errno = errno } end
        local failed = 0
        while not j:flush() do
          failed = failed + 1
          assert(j:unsynced() > 0)
          for i, place in ipairs(places) do assert.equal(lines[i], j:read(place, #lines[i])) end
        end
        assert.equal(fails // 2, failed) -- each flush tries twice, the second time in a new segment
        for i, place in ipairs(places) do assert.equal(lines[i], j:read(place, #lines[i])) end
        assert.equal(fails, j:status().failed_syncs)
        local _, report, found = open(d:crash(seed))
        assert.same({}, report.damaged)
        assert.same(lines, once(found)) -- the old segment may have some of them too
      end
    end
  end)

  it("says that the disk is full and loses nothing, and has room for a last word", function()
    local d = disk.memory(1)
    local options = { families = { "long" }, segment = 4096, reserve = 3000, unsynced = 6000 }
    local j = open(d, options)
    local _, lines = fill(j, 10)
    assert(j:flush())
    d:limit(1) -- full from here on
    assert(j:append("long", "dismissed", 9000))
    d:limit(3000 + #d:read(segments(d)[1]) + 10)
    assert(j:flush()) -- into the room that was kept
    assert.is_false(j:status().reserve)
    assert.is_nil(d:stat(FOLDER .. "/reserve"))
    local kept, word = { "dismissed" }
    repeat
      local line = "more " .. #kept .. ("y"):rep(200)
      local place, _, why = j:append("long", line, 9000)
      word = why
      if place then
        kept[#kept + 1] = line
        local ok, _, reason = j:flush()
        assert(ok or reason == "ENOSPC", reason)
      end
    until not place
    assert.equal("full", word)
    assert.equal("ENOSPC", select(3, j:flush()))
    d:limit()
    assert(j:flush())
    local _, _, found = open(d:crash(1), options)
    for _, line in ipairs(kept) do lines[#lines + 1] = line end
    assert.same(lines, found)
  end)
end)
