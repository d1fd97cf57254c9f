-- wear_spec.lua - what a node writes to its card, by the device's own counter: in an idle classroom, and under a flood.
local HOURS = os.getenv "DT_SWARM_CRASH_IMAGES" and 24 or 6 -- a day in `make soak`
local LIMIT = 10 << 20 -- bytes a day
local DAYS = HOURS / 24

local function is_root()
  local pipe = assert(io.popen "id -u")
  local id = pipe:read "l"
  pipe:close()
  return id == "0"
end

describe("a node of an idle classroom of 40", function()
  it("writes at most 10 MB a day to the device, and not much more than its words to files", function()
    if not is_root() then return pending "a loop mount, and so the device's counter, needs root" end
    local pipe = assert(io.popen(("timeout 1100 lua5.4 spec/e2e/wear.lua %d 2>&1"):format(HOURS)))
    local text = pipe:read "a"
    local ok, _, code = pipe:close()
    if code == 3 then return pending("no loop mount is allowed here: " .. text) end
    assert.is_true(ok, text)
    local device, files, records, words = text:match "^(%d+) (%d+) (%d+) (%d+)\n$"
    assert.is_truthy(device, text)
    device, files, records, words = device + 0, files + 0, records + 0, words + 0
    assert(records > 2000 and words > 60000 * DAYS, text)
    assert(files > 0 and device >= files, "the device has seen nothing: " .. text)
    assert(device <= LIMIT * DAYS, ("%.1f MB a day"):format(device / DAYS / 2^20))
  end)
end)

local RUNS <const> = 6

-- One run more of RATE words a second, counted in ONE. → true | nil, why it cannot be
local function run_slot(one, rate)
  local pipe = assert(io.popen(("timeout 600 lua5.4 spec/e2e/wear.lua slot%d 2>&1"):format(rate)))
  local text = pipe:read "a"
  local ok, _, code = pipe:close()
  if code == 3 then return nil, text end
  assert.is_true(ok, text)
  local device, kept, last = text:match "^(%d+) (%d+) (%d)\n$"
  assert.is_truthy(device, text)
  assert.same({ "38", "1" }, { kept, last }, "words of others, and the newest of the one, after a start")
  device = math.tointeger(tonumber(device))
  one.least, one.runs = math.min(one.least, device), one.runs + 1
  one.times[device] = (one.times[device] or 0) + 1
  return true
end

local function is_near(a, b) return math.abs(a.least - b.least) <= b.least / 10 end

-- The least of each rate on which two runs of at most six agree: by the second at which it ends a run costs the file
-- system one commit more. Where those of the two rates differ, that may be true of two runs, too: all six are made.
local function slots(rates)
  local list = {}
  for i, rate in ipairs(rates) do
    local one = { least = math.huge, runs = 0, times = {} }
    list[i] = one
    while one.runs < RUNS and one.times[one.least] ~= 2 do
      local ok, why = run_slot(one, rate)
      if not ok then return nil, why end
    end
  end
  for i, rate in ipairs(rates) do
    while list[i].runs < RUNS and not is_near(list[2], list[1]) do run_slot(list[i], rate) end
  end
  return list
end

describe("one key that says words without end in one slot", function()
  it("costs the card the same at every rate, and its newest word and all of others are there after a start", function()
    if not is_root() then return pending "a loop mount, and so the device's counter, needs root" end
    local list, why = slots { 10, os.getenv "DT_SWARM_SOAK" and 1000 or 100 }
    if not list then return pending("no loop mount is allowed here: " .. why) end
    local slow, quick = list[1].least, list[2].least
    assert(slow > 0 and is_near(list[2], list[1]), ("%d bytes, %d at ten words a second"):format(quick, slow))
    assert(quick <= 64 * 1024, quick .. " bytes in three minutes")
  end)
end)
