-- placing_spec.lua - files of robots and 20 stores in 8 domains under a virtual clock: with a partition, stores that
-- die or only say that they copy, and others that claim what they have not, each file has its copies in the end, and
-- few more were made. Whole nodes; what they fetch goes over the simulator's wire.
local hash = require "core.hash"
local key = require "core.key"
local files = require "spec.sim.files"
local policies = require "spec.policy.policies"
local sim = require "sim"

local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local SEEDS <const> = SOAK and 100 or 2
local STORES <const>, DOMAINS <const>, ROBOTS <const> = 20, 8, 4
local COUNT <const> = SOAK and 500 or 48 -- files
local SIZE <const>, MOST <const> = 4096, 3
local MINUTE <const> = 60 * 1000

local POLICY <const> = [[
local p = extend "server"
p.clients.logs.domain = "room-%d"
p.clients.logs.holders = { %s }
function p.clients.logs.fetch(file, here)
  if not file.wanted then return false, file.why end
  if here.store_free < file.size + 64 * kB then return false, "the policy keeps 64 KB free" end
  return 5
end
return p
]]

local function id_of(seed, name) return key.generate(hash.blake2b(("%d %s"):format(seed, name))):id() end

local function name_of(i) return ("store-%02d"):format(i) end

-- W: what a run is made of. → the store number I
local function add_store(w, i, holders)
  local one = { room = w.rooms[i] or 1 << 40 }
  local policy = assert(policies.load(POLICY:format(i % DOMAINS, holders)))
  one.node = w.sim:add(name_of(i), { policy = policy, here = function()
    local content = one.node and one.node.content
    local _, bytes = table.unpack(content and { content:sums() } or { 0, 0 })
    for _, row in ipairs(content and content:fetching() or {}) do bytes = bytes + row.size end
    return { store_free = math.max(0, one.room - bytes) }
  end })
  w.files:open(one.node, true, true)
  one.domain, w.stores[i] = "room-" .. i % DOMAINS, one
  return one
end

-- Says that it takes files, is chosen, and begins none.
local function make_liar(one) one.node.content.fetch = function() end end

local function deafen(w, one, other, yes)
  w.sim.deaf[one .. " " .. other], w.sim.deaf[other .. " " .. one] = yes, yes
end

-- The stores with even numbers hear nothing of the others and of half of the robots.
local function part(w, yes)
  for i = 1, STORES, 2 do
    for j = 2, STORES, 2 do deafen(w, w.stores[i].node.host, w.stores[j].node.host, yes) end
    for j = 2, ROBOTS, 2 do deafen(w, w.stores[i].node.host, w.robots[j].host, yes) end
  end
end

local function share(w, from, to)
  for i = from, to do
    local robot = w.robots[i % ROBOTS + 1]
    w.cids[#w.cids + 1] = w.files:share(robot, ("run-%03d.bag"):format(i), SIZE, w.seed * 1000 + i)
  end
end

local function new(seed)
  local w = { seed = seed, stores = {}, robots = {}, cids = {}, rooms = {} }
  w.sim = sim.new { seed = seed, policy = assert(policies.load 'return extend "duckiebot"') }
  w.files = files.new(w.sim, 10000000)
  local ids = {}
  for i = 1, STORES do ids[i] = ("%q"):format(id_of(seed, name_of(i))) end
  for i = 1, ROBOTS do
    w.robots[i] = w.sim:add("robot-" .. i)
    w.files:open(w.robots[i])
  end
  w.rooms[3], w.rooms[4] = 64000 + 40 * SIZE, 64000 + 10 * SIZE
  for i = 1, STORES do add_store(w, i, table.concat(ids, ", ")) end
  w.stranger = w.sim:add "stranger"
  w.sim:run(MINUTE)
  return w
end

-- Domains in which a file lies.
local function copies(w, cid)
  local met, count = {}, 0
  for _, one in ipairs(w.stores) do
    if one.node.content:holds(cid) and not met[one.domain] then met[one.domain], count = true, count + 1 end
  end
  return count
end

local function lacking(w)
  local count = 0
  for _, cid in ipairs(w.cids) do
    if copies(w, cid) < MOST then count = count + 1 end
  end
  return count
end

describe("20 stores in 8 domains", function()
  for seed = 1, SEEDS do
    it(("hold three copies of each file in the end, and few were made in vain: seed %d"):format(seed), function()
      local w = new(seed)
      make_liar(w.stores[5])
      make_liar(w.stores[6])
      share(w, 1, COUNT // 2)
      for i = 1, COUNT // 2, 5 do
        w.stranger.comms:propose("share/safe", { size = SIZE }, { key = w.cids[i] })
      end
      w.sim:run(2000)
      w.sim.cut[w.stores[7].node.host] = true -- dies amid the first fetches
      w.sim:run(20 * 1000)
      part(w, true)
      share(w, COUNT // 2 + 1, COUNT)
      w.sim:run(3 * MINUTE)
      part(w, nil)
      w.sim.cut[w.stores[8].node.host] = true -- is off for ten minutes
      w.sim:run(10 * MINUTE)
      w.sim.cut[w.stores[8].node.host] = nil
      for _ = 1, 40 do
        if lacking(w) > 0 then w.sim:run(MINUTE) end
      end
      assert.equal(0, lacking(w))
      local times = w.files.came / (MOST * COUNT * SIZE)
      assert.is_true(times <= 1.1, ("%.3f times the bytes that are needed"):format(times))
      for i, room in pairs(w.rooms) do
        local _, bytes = w.stores[i].node.content:sums()
        assert.is_true(bytes <= room - 64000, "over its mark")
      end
    end)
  end
end)
