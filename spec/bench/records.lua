-- records.lua - figures of the record index beside libsodium's bare rate in the same run. No pass or fail.
-- needs: cc pkg-config
dofile "spec/helper.lua"
local key, record, statement = require "core.key", require "core.record", require "core.statement"
local figures = require "spec.figures"

local say = figures.say

local COUNT, VERIFIED = 100000, 20000
local AT = 1767225600000
local CLASS = { name = "share", max_ttl = 2592000, size = 1024, slots = COUNT, kept = true, buckets = { "share/…" } }

-- Microseconds of processor time for each of COUNT calls.
local function cost(count, call)
  collectgarbage()
  local start = os.clock()
  for i = 1, count do call(i) end
  return (os.clock() - start) / count * 1e6
end

-- Microseconds of a bare verification, by a program that does nothing else.
local function bare()
  local program = os.tmpname()
  local flags = "$(pkg-config --cflags --libs libsodium)"
  if not os.execute(("cc -O2 -o %s spec/bench/verify.c %s"):format(program, flags)) then return 0 / 0 end
  local pipe = assert(io.popen(program))
  local figure = tonumber(pipe:read "l")
  pipe:close()
  os.remove(program)
  return figure
end

local function lines()
  local keys, list = {}, {}
  for i = 1, 100 do keys[i] = key.generate(("%032d"):format(i)) end
  for i = 1, COUNT do
    list[i] = statement.sign(keys[i % 100 + 1], "bench", { verb = "propose", bucket = "share/files", at = AT + i,
      key = ("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa%07d"):format(i), valid_from = AT // 1000,
      valid_until = AT // 1000 + 2500000, data = '{"names":["2026-01-01-camera.bag"],"size":123456}' }).line
  end
  return list
end

local function run()
  local list = lines()
  local index = record.new { CLASS }
  local before = index:memory()
  local function take(i)
    local st = statement.parse(list[i])
    if i <= VERIFIED then assert(st:verify "bench") end
    assert(index:put(st, i))
  end
  local peer = bare()
  local accepted = cost(VERIFIED, take)
  local again = bare()
  say("libsodium alone, a line of 230 bytes", "%.0f/s a core (again %.0f/s)", 1e6 / peer, 1e6 / again)
  say("read, verified, put", "%.0f/s a core, %.1f µs beside %.1f", 1e6 / accepted, accepted, peer)
  say("  of libsodium's rate", "%.0f %%", 100 * (peer + again) / 2 / accepted)
  local put = cost(COUNT - VERIFIED, function(i) take(VERIFIED + i) end)
  say("read, put (a journal replayed)", "%.0f/s, %.1f µs", 1e6 / put, put)
  local refused = cost(COUNT, function(i) assert(not index:put(statement.parse(list[i]), i)) end)
  say("duplicates refused", "%.0f/s, %.1f µs", 1e6 / refused, refused)
  say("memory at 100,000 records", "%.1f bytes a record", (index:memory() - before) / COUNT)
  say("first digest of 100,000", "%.1f ms", cost(1, function() index:digest("share", 0) end) / 1000)
  say("memory with the order that digests need", "%.1f bytes a record", (index:memory() - before) / COUNT)
  local st = statement.sign(key.generate(), "bench", { verb = "propose", bucket = "share/files", key = "one",
    valid_from = 0, valid_until = 16, at = AT, data = "1" })
  index:put(st, 0)
  say("digest after one more", "%.1f ms", cost(1, function() index:digest("share", 0) end) / 1000)
  say("digest unchanged", "%.1f µs", cost(1000, function() index:digest("share", 0) end))
end

print "records, one core"
run()
