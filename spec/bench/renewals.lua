-- renewals.lua - what 200,000 renewals of 40 slots leave in the memory of a node without channels. No pass or fail.
dofile "spec/helper.lua"
local disk, key, statement = require "core.disk", require "core.key", require "core.statement"
local core, folder, sim = require "core", require "spec.folder", require "sim"
local outside = require "spec.e2e.outside"

local SLOTS <const>, RENEWALS <const>, AT_ONCE <const> = 40, 200000, 100

-- Bytes that are this process's own.
local function private() return outside.memory(require "luv".os_getpid()) end

local function rested()
  collectgarbage()
  collectgarbage()
  core.trim()
  return private()
end

local home = folder.new()
local policy = assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
local world = sim.new { seed = 1, policy = policy }
local node = world:add("ada", { disk = disk.real(), state = home.path })
world:run(1000)
collectgarbage("incremental", 120, 4)
local signer = key.generate(("s"):rep(32))

local function say(i)
  local at = node.time:now()
  local st = assert(statement.sign(signer, node.swarm, { verb = "propose", bucket = "share/files", at = at,
    key = ("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7%08d"):format(i % SLOTS), data = '{"class":"lab"}',
    valid_from = at // 16000 * 16, valid_until = (at // 16000 + 6000) * 16 }))
  node.dcache:take_batch(require "core.batch".new(st.line), 1, 1)
end

for i = 1, 5 * SLOTS do
  say(i)
  world:run(1)
end
world:run(60000)
local before = rested()
for i = 1, RENEWALS do
  say(i)
  if i % AT_ONCE == 0 then world:run(1000) else world:run(1) end
end
world:run(60000)
local now, after = private(), rested()
print(("renewals: %d of %d slots, no channel open"):format(RENEWALS, SLOTS))
print(("  %-44s %7.2f MB, %.2f MB after the collector ran"):format("private memory up by (1 MB)",
  (now - before) / 2 ^ 20, (after - before) / 2 ^ 20))
print(("  %-44s %7d"):format("statements held", node.dcache.index:count "share"))
home.remove()
