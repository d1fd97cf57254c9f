-- wear.lua - one node of an idle classroom of 40 for virtual hours on a file system of its own. No limits.
-- usage: lua5.4 spec/e2e/wear.lua HOURS     as root; prints one line: DEVICE FILES RECORDS WORDS
--   with DT_SWARM_SENSORS=1 in its environment it has sensors, and so a history
--   bytes at the block device, bytes passed to write(), records held, words heard and said
-- or:    lua5.4 spec/e2e/wear.lua slotRATE[xSLOTS]  one key says RATE words a second in one slot, or in turn in SLOTS,
--   for 2 min: DEVICE KEPT LAST
--   bytes at the device, how many words of others are there after a start, and 1 where his newest is the one held then
-- The file system is a loop mount in a mount namespace of this run, on a file without a name: whatever dies, all goes.
dofile "spec/helper.lua"
local disk = require "core.disk"
local hash = require "core.hash"
local identity = require "identity"
local key = require "core.key"
local random = require "core.random"
local sim = require "sim"
local state = require "state"
local statement = require "core.statement"
local stub = require "spec.net.stub"

local HOUR, MINUTE, SECOND = 3600 * 1000, 60 * 1000, 1000
local ROBOTS, FILES = 40, 50 -- of each robot
local SYNC = 5 * SECOND -- as a journal's commit would
local BOARD = { serial = "10000000cafef00d", mac = "dc:a6:32:00:00:01", card = "mmc-0x1234" }

local function sh(command) assert(os.execute(command), command) end

-- What the device took, in bytes: sectors written, of 512 bytes, is the seventh figure.
local function device_bytes(dir)
  local name
  for line in io.lines "/proc/self/mountinfo" do
    local at, source = line:match "^%d+ %d+ %S+ %S+ (%S+) .* %- %S+ (%S+) "
    if at == dir then name = source:match "loop%d+$" end
  end
  local file, n = assert(io.open(("/sys/block/%s/stat"):format(assert(name, "no loop device")))), {}
  for number in file:read "a":gmatch "%d+" do n[#n + 1] = number end
  file:close()
  return math.tointeger(tonumber(n[7])) * 512
end

-- A machine whose values move with each look.
local function body(world)
  return function()
    local minute = world.loop:now() // MINUTE
    return sim.found({ ["/proc/loadavg"] = ("%d.%02d 0.50 0.50 1/100 7\n"):format(minute % 3, minute % 100),
      ["/proc/uptime"] = ("%d.00 1.00\n"):format(1000 + minute * 60),
      ["/proc/meminfo"] = ("MemTotal: 4000000 kB\nMemAvailable: %d kB\n"):format(1000000 + minute * 977 % 1000000) })
  end
end

local function start(world, d, dir)
  local folder = assert(state.open { disk = d, dir = dir, now = function() return world.loop:wall() end })
  local who = assert(identity.open { disk = d, dir = dir, board = BOARD, key = key, random = random.seeded(1),
    now = function() return world.loop:wall() end })
  local node = world:add("ada", { disk = d, state = dir, identity = who, boot = folder:boot(),
    sensor = os.getenv "DT_SWARM_SENSORS" and body(world) or nil })
  return node, folder
end

-- The 39 others: words of theirs in turn, as signed and checked as any.
local others = {}
for i = 1, ROBOTS - 1 do others[i] = key.generate(hash.blake2b("robot " .. i)) end

local words = 0

local function say(node, who, bucket, name, data, ttl, later)
  local now = node.loop:wall() + (later or 0) -- ms
  words = words + 1
  local st = assert(statement.sign(who, node.swarm, { verb = "propose", bucket = bucket, key = name or who:id(),
    at = now, valid_from = now // 16000 * 16, valid_until = (now // 1000 + ttl) // 16 * 16, data = data }))
  local source = stub.source(stub.channel "tcp", "10.0.0.9")
  assert(node.comms.intake:frame(require "core.batch".new(st.line), source))
end

local function file_of(i, n) return ("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7%04d%04d"):format(i, n) end
local FILE = '{"class":"lab","names":["2026-11-22-10-31-07-camera.bag"],"size":67108864}'
local INFO = '{"board":"Jetson Nano","cores":4,"disk":"31.9 GB","kernel":"4.9.140","memory":"4.1 GB"}'
local PEER = '{"clock":"own","name":"duckiebot-17","type":"duckiebot","version":"0.1.0"}'
local HEALTH = '{"battery":87,"cpu":31,"disk":44,"memory":52,"temperature":61,"uptime":8161}'

local function share(node, i, n) say(node, others[i], "share/files", file_of(i, n), FILE, 30 * 86400 - 16) end
local function info(node, i, n)
  local id = others[i]:id()
  say(node, others[i], ("pri/%s/info/part-%d"):format(id, n), nil, INFO, 7 * 86400 - 16)
end

local function fill(node)
  for i = 1, #others do
    for n = 1, FILES do share(node, i, n) end
    for n = 1, 4 do info(node, i, n) end
  end
  for n = 1, FILES do
    local data = { class = "lab", names = { "own.bag" }, size = n }
    assert(node.comms:propose("share/files", data, { key = file_of(0, n) }))
  end
end

-- Every so many ms of virtual time the next one of COUNT.
local function in_turn(loop, period, count, fn)
  local at = 0
  return loop:every(math.max(1, period // count), function()
    at = at % count + 1
    fn(at)
  end)
end

-- Presence each five minutes, health each minute, what is kept once in half its time to live.
local function renew(world, current)
  local n, loop = #others, world.loop
  in_turn(loop, 5 * MINUTE, n, function(i) say(current(), others[i], "peer", nil, PEER, 1200 - 16) end)
  in_turn(loop, MINUTE, n, function(i)
    say(current(), others[i], ("pri/%s/health"):format(others[i]:id()), nil, HEALTH, 1200 - 16)
  end)
  in_turn(loop, 15 * 24 * HOUR, n * FILES, function(at) share(current(), at % n + 1, at // n % FILES + 1) end)
  in_turn(loop, 84 * HOUR, n * 4, function(at) info(current(), at % n + 1, at // n % 4 + 1) end)
  in_turn(loop, 15 * 24 * HOUR, FILES, function(at)
    words = words + 1
    assert(current().comms:propose("share/files", { class = "lab", names = { "own.bag" }, size = at },
      { key = file_of(0, at) }))
  end)
end

local function run(dir, hours)
  local policy = assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
  local world, d = sim.new { seed = 1, policy = policy }, disk.real()
  local node, folder = start(world, d, dir .. "/state")
  fill(node)
  world:run(MINUTE)
  sh("sync -f " .. dir)
  local device, written, synced, before = device_bytes(dir), d:counts().bytes, d:counts(), words
  renew(world, function() return node end)
  for step = 1, hours * HOUR // SYNC do
    world:run(SYNC)
    if step == hours * HOUR // SYNC // 2 then -- switched off and on again once
      node:stop()
      folder:close()
      table.remove(world.nodes)
      node, folder = start(world, d, dir .. "/state")
    end
    local now, changed = d:counts(), false
    for kind, count in pairs(now) do
      changed = changed or kind ~= "read" and kind ~= "open" and count ~= synced[kind]
    end
    if changed then sh("sync -f " .. dir) end
    synced = now
  end
  local records = 0
  for _, class in ipairs(node.dcache:classes()) do records = records + class.count end
  print(("%d %d %d %d"):format(device_bytes(dir) - device, d:counts().bytes - written, records, words - before))
  node:stop()
  folder:close()
end

-- One signer, RATE words a second, in turn into SLOTS slots.
local function run_slot(dir, rate, slots)
  local policy = assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
  local world, d = sim.new { seed = 1, policy = policy }, disk.real()
  local node, folder = start(world, d, dir .. "/state")
  for i = 2, #others do share(node, i, 1) end
  share(node, 1, 1)
  world:run(MINUTE)
  sh("sync -f " .. dir)
  local device, n = device_bytes(dir), 0
  for step = 1, 2 * MINUTE // 100 do
    for i = 1, rate // 10 do
      n = n % slots + 1
      say(node, others[1], "share/files", file_of(1, n), FILE, 30 * 86400 - 16, i * 100 // (rate // 10) - 1)
    end
    world:run(100)
    if step % 50 == 0 then sh("sync -f " .. dir) end
  end
  local newest = node.dcache:statement_of("share/files", file_of(1, n), others[1]:id()).at
  world:run(MINUTE)
  sh("sync -f " .. dir)
  device = device_bytes(dir) - device
  node:stop()
  folder:close()
  table.remove(world.nodes)
  node, folder = start(world, d, dir .. "/state")
  local kept, last = 0, node.dcache:statement_of("share/files", file_of(1, n), others[1]:id())
  for i = 2, #others do
    kept = kept + (node.dcache:statement_of("share/files", file_of(i, 1), others[i]:id()) and 1 or 0)
  end
  print(("%d %d %d"):format(device, kept, last and last.at == newest and 1 or 0))
  node:stop()
  folder:close()
end

local slot_rate, slots = arg[1]:match "^slot(%d+)x?(%d*)$"
if arg[2] == "inside" and slot_rate then
  return run_slot(arg[3], math.tointeger(slot_rate), math.tointeger(slots) or 1)
end
if arg[2] == "inside" then return run(arg[3], tonumber(arg[1])) end

-- A private mount namespace: when this run is over, or dies, the mount and its device go by themselves.
local INSIDE = [[
set -e
dir=$(mktemp -d "${TMPDIR:-/tmp}/dts-wear.XXXXXX")
trap 'umount "$dir" 2>/dev/null || true; rmdir "$dir" 2>/dev/null || true' EXIT
truncate -s 256M "$dir.img"
mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$dir.img" || { rm -f "$dir.img"; exit 3; }
mount -o loop,noatime "$dir.img" "$dir" || { rm -f "$dir.img"; exit 3; }
rm -f "$dir.img"
lua5.4 spec/e2e/wear.lua HOURS inside "$dir"
]]
local ok, _, code = os.execute(("unshare -m --propagation private sh -c '%s'")
  :format((INSIDE:gsub("HOURS", arg[1]):gsub("'", "'\\''"))))
os.exit(ok and 0 or code)
