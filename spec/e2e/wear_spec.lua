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

-- The least that two runs of at most six agree on: by the second at which it ends a run costs the file system one
-- commit more.
local function slot(rate)
  local least, times = math.huge, {}
  for _ = 1, RUNS do
    local pipe = assert(io.popen(("timeout 600 lua5.4 spec/e2e/wear.lua slot%d 2>&1"):format(rate)))
    local text = pipe:read "a"
    local ok, _, code = pipe:close()
    if code == 3 then return nil, text end
    assert.is_true(ok, text)
    local device, kept, last = text:match "^(%d+) (%d+) (%d)\n$"
    assert.is_truthy(device, text)
    assert.same({ "38", "1" }, { kept, last }, "words of others, and the newest of the one, after a start")
    device = math.tointeger(tonumber(device))
    least, times[device] = math.min(least, device), (times[device] or 0) + 1
    if times[least] == 2 then break end
  end
  return least
end

describe("one key that says words without end in one slot", function()
  it("costs the card the same at every rate, and its newest word and all of others are there after a start", function()
    if not is_root() then return pending "a loop mount, and so the device's counter, needs root" end
    local slow, why = slot(10)
    if not slow then return pending("no loop mount is allowed here: " .. why) end
    local quick = slot(os.getenv "DT_SWARM_SOAK" and 1000 or 100)
    assert(slow > 0 and math.abs(quick - slow) <= slow / 10, ("%d bytes, %d at ten words a second"):format(quick, slow))
    assert(quick <= 64 * 1024, quick .. " bytes in three minutes")
  end)
end)
