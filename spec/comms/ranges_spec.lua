-- ranges_spec.lua - sets of short IDs compared by digests of ranges: what differs is listed, and nothing else.
local hash = require "core.hash"
local ranges = require "comms.ranges"

local SALT <const> = ("s"):rep(ranges.salt_size)

-- N short IDs, sorted, without those that LEAVE_OUT names by number.
local function ids(n, leave_out)
  local list = {}
  for i = 1, n do
    if not (leave_out and leave_out[i]) then list[#list + 1] = hash.blake2b("id " .. i):sub(1, 16) end
  end
  table.sort(list)
  return list
end

local function said(set, bits, salt)
  local digests = {}
  for i, part in ipairs(ranges.cut(set, bits, 0, (1 << bits) - 1)) do digests[i] = ranges.digest(part, salt or SALT) end
  return { digests = table.concat(digests), salt = salt or SALT, bits = bits, first = 0 }
end

-- What the holder of OURS lists to who said THEIRS.
local function listed(ours, theirs, most, waits)
  return ranges.differing(ranges.cut(ours, theirs.bits, 0, (1 << theirs.bits) - 1), theirs, most or 40,
    waits or function() return false end)
end

describe("ranges", function()
  it("hold eight IDs on average, and there are at most 4,096", function()
    local bits = {}
    for i, n in ipairs { 0, 8, 9, 500, 1000, 1000000 } do bits[i] = ranges.bits(n) end
    assert.same({ 0, 0, 1, 6, 7, 12 }, bits)
  end)

  it("of equal sets differ nowhere, also of empty ones", function()
    assert.same({}, listed(ids(500), said(ids(500), 6)))
    assert.same({}, listed({}, said({}, 0)))
  end)

  it("list the one range where one of 1,000 is missing, on either side", function()
    for _, other in ipairs { ids(1000, { [77] = true }), ids(1000) } do
      local list = listed(other, said(#other == 1000 and ids(1000, { [77] = true }) or ids(1000), 7))
      assert.equal(1, #list)
      assert.equal(list[1].first, list[1].last)
      assert.is_true(#list[1].ids < 25, #list[1].ids)
    end
  end)

  it("list only what differs where two that differ are apart, and in each all that stands in it", function()
    local all = ids(500)
    local gaps = { [all[100]] = true, [all[400]] = true }
    local theirs = {}
    for _, short in ipairs(all) do theirs[#theirs + 1] = not gaps[short] and short or nil end
    local list = listed(all, said(theirs, 6))
    assert.equal(2, #list)
    for _, one in ipairs(list) do
      assert.same(ranges.cut(all, 6, one.first, one.last), { one.ids })
    end
  end)

  it("together list everything where nothing is equal, each ID once, and halve what fits in no line", function()
    for _, bits in ipairs { 0, 3, 6 } do
      local all, n = {}, 0
      for _, one in ipairs(listed(ids(500), said({}, bits), 20)) do
        assert.is_true(#one.ids <= 20)
        for _, short in ipairs(one.ids) do
          n = n + (all[short] and 0 or 1)
          all[short] = true
        end
        local parts = ranges.cut(ids(500), one.bits, one.first, one.last)
        local inside = 0
        for _, part in ipairs(parts) do inside = inside + #part end
        assert.equal(inside, #one.ids, "all of the range")
      end
      assert.equal(500, n)
    end
  end)

  it("list no more than a line holds of IDs that somebody made to begin alike", function()
    local all = ids(100)
    for i = 1, 100 do all[#all + 1] = "zz" .. hash.blake2b("made " .. i):sub(1, 14) end
    table.sort(all)
    local longest = 0
    for _, one in ipairs(listed(all, said({}, 0), 20)) do longest = math.max(longest, #one.ids) end
    assert.equal(20, longest)
  end)

  it("leave out of their lists what is said anyway", function()
    local all = ids(100)
    local list = listed(all, said({}, 2), 40, function(short) return short ~= all[50] end)
    assert.same({ { bits = 2, first = 0, last = 3, ids = { all[50] } } }, list)
  end)

  it("differ by the salt, so that nobody makes two sets alike beforehand", function()
    assert.not_equal(said(ids(8), 0).digests, said(ids(8), 0, ("t"):rep(8)).digests)
  end)
end)
