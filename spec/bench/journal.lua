-- journal.lua - figures of the journal: opening, appending, how often a byte is written. No pass or fail.
dofile "spec/helper.lua"
local disk = require "core.disk"
local figures = require "spec.figures"
local sim_disk = require "core.sim"
local journal = require "core.journal"

local say = figures.say

local FAMILY, SIZE = "2592000", 350
local folder = os.tmpname()
os.remove(folder)

-- Wall time in seconds, from the kernel: os.clock would not count waiting for the disk.
local function now()
  local file = assert(io.open("/proc/uptime"))
  local up = tonumber(file:read "n")
  file:close()
  return up
end

local function line(i)
  local text = ("%06d "):format(i)
  return text .. ("x"):rep(SIZE - #text)
end

local function open(d, options)
  options = options or {}
  options.families = { FAMILY }
  return assert(journal.open(d, folder, options))
end

local function appending()
  local d, count = disk.real(), 100000
  local j = open(d)
  local start, before = os.clock(), d:counts().bytes
  for i = 1, count do
    assert(j:append(FAMILY, line(i), 1 << 31))
    if j:unsynced() > 65536 then assert(j:flush()) end
  end
  say("append, a sync each 64 KiB", "%.1f µs of processor a record", (os.clock() - start) * 1e6 / count)
  assert(j:flush())
  say("bytes written of bytes of records", "%.2f", (d:counts().bytes - before) / (count * SIZE))
  assert(j:close())
  start = now()
  local clock = os.clock()
  local again, report = open(d)
  say("opened, checked, warm", "%.0f ms for %d records of %d bytes (%.0f ms of processor)",
    (now() - start) * 1000, report.records, SIZE, (os.clock() - clock) * 1000)
  clock = os.clock()
  local bytes = 0
  again:replay(function(_, text) bytes = bytes + #text end)
  say("replayed to Lua", "%.0f ms", (os.clock() - clock) * 1000)
  again:close()
end

local function syncing()
  local d, count = disk.real(), 200
  local j = open(d)
  local start = now()
  for i = 1, count do
    assert(j:append(FAMILY, line(i), 1 << 31))
    assert(j:flush())
  end
  say("append and sync each", "%.2f ms a record", (now() - start) * 1000 / count)
  j:close()
end

-- Slots are renewed by chance, all alike; every 64 KiB are synced; compaction in steps of 8 KiB.
local function renewing()
  local d, slots, renewals, state = sim_disk.memory(1), 20000, 100000, 1
  local j, where = open(d, { reserve = 0 }), {}
  local function draw()
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 64 % slots + 1
  end
  local function alive(text, place) return where[tonumber(text:sub(1, 6))] == place end
  local function moved(text, place) where[tonumber(text:sub(1, 6))] = place end
  local start
  for i = 1, slots + renewals do
    if i == slots + 1 then start = d:counts().bytes end
    local slot = i <= slots and i or draw()
    if where[slot] then j:drop(where[slot], SIZE) end
    where[slot] = assert(j:append(FAMILY, line(slot), 1 << 31))
    if j:unsynced() > 65536 then assert(j:flush()) end
    if i % 16 == 0 then assert(j:compact_step(32768, alive, moved)) end
  end
  assert(j:flush())
  say("uniform renewals: written of renewed", "%.2f with files %.2f times what lives",
    (d:counts().bytes - start) / (renewals * SIZE), j:status().bytes / (slots * SIZE))
  j:close()
end

print "journal"
appending()
os.execute("rm -rf " .. folder)
syncing()
os.execute("rm -rf " .. folder)
renewing()
