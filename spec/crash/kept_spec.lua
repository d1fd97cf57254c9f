-- kept_spec.lua - the power goes at each write of a kept value, each byte of its file is spoiled: what is read then.
local disk = require "core.sim"
local driver = require "spec.crash.driver"
local kept = require "kept"
local atomic_write = require "atomic_write"
local simloop = require "sim.loop"
local worker = require "worker"

local PATH = "/state/value"
local IMAGES = os.getenv "DT_SWARM_SOAK" and 400 or 40

-- A value on disk D. Fields: said = what the log was told; value = what a lazy one has now.
local function open(d, kind, more)
  local one = { said = {}, loop = simloop.new() }
  local log = {}
  function log.warn(_, _, what) one.said[#one.said + 1] = what end
  local given = { loop = one.loop, disk = d, log = log, dir = "/state", name = "value",
    date = function() return "D" end, data = function() return one.value end }
  given.atomic_write = atomic_write.new { disk = d, log = log,
    start = function() return worker.new { loop = one.loop, inline = true } end }
  for name, value in pairs(more or {}) do given[name] = value end
  one.kept = kept["new_" .. kind](given)
  return one
end

-- The ways in which a value comes to the disk: fn(one, value), done when it returns.
local WAYS = {
  ["firm, waited for"] = { "firm", function(one, value) one.kept:put(value) end },
  ["firm, beside the loop"] = { "firm", function(one, value)
    one.kept:put_beside(value, function(ok) one.told = ok end)
    one.loop:run_until(one.loop:now() + 10)
  end },
  ["lazy, soon"] = { "lazy", function(one, value)
    one.value = value
    one.kept:soon()
    one.loop:run_until(one.loop:now() + 11000)
  end },
  ["lazy, at a stop"] = { "lazy", function(one, value)
    one.value = value
    one.kept:stop()
  end },
}

local function fresh(seed)
  local d = disk.memory(seed)
  assert(d:mkdir "/state")
  assert(d:sync_directory "/")
  return d
end

describe("a kept value after a power cut", function()
  for way, what in pairs(WAYS) do
    local kind, put = what[1], what[2]

    -- Writes OLD, then NEW while the power goes at operation CUT (nil: it stays). → disk, operations of the second
    local function write(seed, cut)
      local d = fresh(seed)
      put(open(d, kind), { "old" })
      local before = driver.operations(d)
      if cut then d:inject { nth = cut, effect = "off" } end
      local one = open(d, kind)
      one.kept:read()
      put(one, { "new" })
      return d, driver.operations(d) - before, one
    end

    it("is the old one or the new one, and no other: " .. way, function()
      local _, count = write(1)
      assert.is_true(count >= 4, "operations of one write: " .. count)
      local met = { old = 0, new = 0 }
      for cut = 1, count do
        for seed = 1, IMAGES do
          local image = write(seed, cut):crash(cut * 1000 + seed)
          local one = open(image, kind)
          local value = one.kept:read()
          assert.same({}, one.said)
          assert.is_nil(one.kept.lost)
          assert.is_truthy(value and met[value[1]], ("cut %d seed %d: %s"):format(cut, seed, tostring(value)))
          met[value[1]] = met[value[1]] + 1
        end
      end
      assert.is_true(met.old > 0 and met.new > 0, "both were met")
    end)

    it("is there once it was promised: " .. way, function()
      for seed = 1, IMAGES do
        local d, _, one = write(seed)
        if way == "firm, beside the loop" then assert.is_true(one.told) end
        assert.same({ "new" }, open(d:crash(seed), kind).kept:read())
      end
    end)
  end

  it("is not promised where the disk forgets a sync (negative control)", function()
    local lost = 0
    for seed = 1, 40 do
      local d = fresh(seed)
      for n = 1, 8 do d:inject { operation = "sync", nth = n, effect = "forget" } end
      local one = open(d, "firm")
      assert(one.kept:put { "new" })
      local again = open(d:crash(seed), "firm")
      if not again.kept:read() then lost = lost + 1 end
    end
    assert.is_true(lost > 0)
  end)

  it("is put over the old one on a full disk, and a cut there leaves the old, the new or a damaged one", function()
    local met = { old = 0, new = 0, lost = 0 }
    for cut = 1, 12 do
      for seed = 1, IMAGES do
        local d = fresh(seed)
        assert(open(d, "firm").kept:put { "old" })
        d:limit(#d:read(PATH))
        local one = open(d, "firm")
        one.kept:read()
        if cut < 12 then d:inject { nth = cut, effect = "off" } end
        local ok = one.kept:put { "new" }
        if cut == 12 then assert.is_true(ok) end
        local again = open(d:crash(seed), "firm")
        local value = again.kept:read()
        if not value then assert.is_truthy(again.kept.lost) end
        met[value and value[1] or "lost"] = met[value and value[1] or "lost"] + 1
        if cut == 12 then assert.same({ "new" }, value) end
      end
    end
    assert.is_true(met.old > 0 and met.new > 0, "both were met")
  end)
end)

describe("a kept value of which one byte is spoiled", function()
  -- fn(disk, value, bytes) for each byte of its file, spoiled in some ways.
  local function each_spoiled(kind, data, fn)
    local d = fresh(1)
    local one = open(d, kind)
    one.value = data
    if kind == "firm" then assert(one.kept:put(data)) else one.kept:stop() end
    local whole = d:read(PATH)
    for at = 1, #whole do
      for _, change in ipairs { 1, 32, 128 } do
        local spoiled = fresh(1)
        local bytes = whole:sub(1, at - 1) .. string.char(whole:byte(at) ~ change) .. whole:sub(at + 1)
        assert(spoiled:replace(PATH, bytes))
        fn(spoiled, open(spoiled, kind), bytes)
      end
    end
    return #whole
  end

  it("is set aside whole, said, and begun anew; a firm one is lost until it is put again, over starts too", function()
    for _, kind in ipairs { "firm", "lazy" } do
      local bytes_of_file = each_spoiled(kind, { { "a", 12 }, "share" }, function(d, one, bytes)
        assert.is_nil(one.kept:read())
        assert.equal(1, #one.said)
        assert.matches("begun anew", one.said[1])
        local aside = kind == "firm" and one.kept.lost or one.kept.damaged
        local version = bytes:match '"schema":(%d+)'
        aside = aside or PATH .. (".version-%s-D"):format(version)
        assert.equal(bytes, d:read(aside))
        assert.is_nil(d:stat(PATH))
        if kind == "lazy" then return end
        local later = open(d, kind)
        assert.is_nil(later.kept:read())
        assert.same({}, later.said, "it is said once")
        assert.equal(aside, later.kept.lost)
        assert(later.kept:put { "again" })
        assert.is_nil(later.kept.lost)
        local last = open(d, kind)
        assert.same({ "again" }, last.kept:read())
        assert.is_nil(last.kept.lost)
      end)
      assert.is_true(bytes_of_file > 80)
    end
  end)
end)

describe("a kept value", function()
  it("in the form of an earlier version is taken over, and stands in the new form after the next write", function()
    for _, kind in ipairs { "firm", "lazy" } do
      local d = fresh(1)
      assert(d:replace(PATH, "17\n"))
      local old = function(text) return math.tointeger(text:match "^(%d+)\n$") end
      local one = open(d, kind, { old = old })
      one.value = 17
      assert.equal(17, one.kept:read())
      assert.same({}, one.said)
      if kind == "firm" then assert(one.kept:put(17)) else one.kept:stop() end
      assert.equal(kept.encode(17), d:read(PATH))
      assert(d:replace(PATH, "17x\n"))
      assert.is_nil(open(d, kind, { old = old }).kept:read())
      assert.is_truthy(d:read "/state/value.damaged-D")
    end
  end)

  it("over 256 KiB is not written, which is told", function()
    local d, huge = fresh(1), { ("x"):rep(256 * 1024) }
    local one = open(d, "firm")
    local ok, err, word = one.kept:put(huge)
    assert.same({ nil, "long" }, { ok, word })
    assert.matches("262144 is the most", err)
    one = open(d, "lazy")
    one.value = huge
    one.kept:stop()
    assert.same({ "a file cannot be written: tried again" }, one.said)
    assert.is_nil(d:stat(PATH))
  end)

  it("waits for its turn beside the loop: what is put first is there first", function()
    local d = fresh(1)
    local one, told = open(d, "firm"), {}
    for i = 1, 3 do
      one.kept:put_beside({ i }, function(ok)
        assert.is_true(ok)
        told[#told + 1] = i .. " " .. tostring(d:read(PATH) == kept.encode { i } or i < 3)
      end)
    end
    assert.has_error(function() one.kept:put { 4 } end)
    one.loop:run_until(10)
    assert.same({ "1 true", "2 true", "3 true" }, told)
    assert.same({ 3 }, open(d, "firm").kept:read())
  end)
end)
