-- journal_spec.lua - the power goes at every operation of the disk, and what a cut leaves is opened.
local disk = require "core.sim"
local worker = require "core.worker"
local driver = require "spec.crash.driver"

local IMAGES = tonumber(os.getenv "DT_SWARM_CRASH_IMAGES" or "") or 600
local STEPS = 80

-- Odd seeds sync as a node does: begun, run and taken in by turns, other steps between.
local function pool_of(seed) return seed % 2 == 1 and assert(worker.new { inline = true }) or nil end

-- Runs until the power goes at operation `cut`; nil: it never goes.
local function run(seed, cut)
  local d = disk.memory(seed)
  local r = driver.new(d, "state/journal", seed, pool_of(seed))
  if cut then d:inject { nth = cut, effect = "off" } end
  if not r:open() then return r, d end
  for _ = 1, STEPS do
    if not r:step() then break end
  end
  return r, d
end

-- Opens an image; the first try is itself cut short in some images.
local function open(r, image, seed)
  if seed % 3 == 0 then
    image:inject { nth = 1 + seed % 7, effect = "off" }
    driver.new(image, "state/journal", seed):open()
    image = image:crash(seed + 1)
  end
  local other = driver.new(image, "state/journal", seed)
  other.now = r.now
  local report, message = other:open()
  assert(report, message)
  return other, report
end

describe("the journal after a power cut", function()
  it("has every acknowledged word and no foreign one", function()
    local images, torn, noise, points, seed = 0, 0, 0, 0, 0
    while images < IMAGES do
      seed = seed + 1
      local _, whole = run(seed)
      local operations = driver.operations(whole)
      assert(operations >= 40, operations)
      for cut = 1, operations do
        local r, d = run(seed, cut)
        points = points + 1
        for again = 1, 2 do
          local number = images * 2 + again
          local other, report = open(r, d:crash(number), number)
          local wrong = r:compare(other)
          assert(not wrong, ("seed %d cut %d image %d: %s"):format(seed, cut, number, tostring(wrong)))
          noise = noise + #report.damaged
          if number % 3 ~= 0 then -- one cut alone is no damage
            assert.equal(0, #report.damaged, ("seed %d cut %d image %d"):format(seed, cut, number))
          end
          torn = torn + #report.torn
          images = images + 1
        end
      end
    end
    assert(torn > 5, "no image was torn: " .. torn)
    assert(points >= 200)
    assert(noise * 1000 <= images, noise)
  end)

  it("goes on after a cut, and after the next", function()
    for seed = 1, 25 do
      local r, d = run(seed, 20 + seed * 5)
      for life = 1, 4 do
        local other = open(r, d:crash(seed * 10 + life), life + 3)
        assert(not r:compare(other))
        other.said, other.version, other.clock = r.said, r.version, r.clock
        for name, slot in pairs(other.slots) do other.acknowledged[name] = slot end
        other:flush()
        d = other.disk
        d:inject { nth = 10 + life * 7, effect = "off" }
        for _ = 1, 60 do
          if not other:step() then break end
        end
        r = other
      end
    end
  end)

  -- Every operation fails once, in every manner, and the node lives on.
  for _, effect in ipairs { "fail", "tear", "short" } do
    for _, errno in ipairs { "EIO", "ENOSPC" } do
      it("loses no acknowledged word when an operation fails: " .. effect .. " " .. errno, function()
        for seed = 1, 3 do
          local _, whole = run(seed)
          for nth = 1, driver.operations(whole), 2 do
            local d = disk.memory(seed)
            local r = driver.new(d, "state/journal", seed, pool_of(seed))
            d:inject { nth = nth, effect = effect, errno = errno }
            while not r:open() do end
            for _ = 1, STEPS do
              if not r:step() and not pcall(r.journal.status, r.journal) then
                while not r:open() do end
              end
              local wrong = r:compare(r)
              assert(not wrong, ("seed %d operation %d, living: %s"):format(seed, nth, tostring(wrong)))
            end
            if not r:flush() then assert(r:flush()) end
            local other = open(r, d:crash(nth), nth)
            local wrong = r:compare(other)
            assert(not wrong, ("seed %d operation %d: %s"):format(seed, nth, tostring(wrong)))
          end
        end
      end)
    end
  end

  it("opens whatever a disk leaves that lies, and takes nothing foreign", function()
    for seed = 1, 300 do
      local d = disk.memory(seed)
      for n = 1, 12 do d:inject { nth = n * (3 + seed % 9), effect = "forget" } end
      d:inject { nth = 120, effect = "off" }
      local r = driver.new(d, "state/journal", seed, pool_of(seed))
      assert(r:open())
      for _ = 1, STEPS do
        if not r:step() then break end
      end
      local image = d:crash(seed)
      local names = image:list "state/journal" or {}
      local name = names[1 + seed % math.max(#names, 1)]
      if name then -- and a block of it goes bad
        local file = assert(image:open("state/journal/" .. name, "write"))
        file:pwrite(("\n%c\0"):format(seed % 256):rep(50), seed * 37 % 1500)
        file:close()
      end
      local other = open(r, image, seed)
      r.acknowledged = {} -- what such a disk has lost is healed from neighbours
      local wrong = r:compare(other)
      assert(not wrong, wrong)
    end
  end)
end)
