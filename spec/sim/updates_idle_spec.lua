-- updates_idle_spec.lua - a robot that holds the statuses of a thousand in a run and waits for its turn: it writes not
-- one byte for that, hour after hour.
local cid = require "core.cid"
local hash = require "core.hash"
local json = require "core.json"
local labs = require "spec.labs"
local memory = require "core.sim".memory
local payload = require "sim.payload"
local plans = require "clients.updates.plan"
local rollout = require "sim.rollout"
local sim = require "sim"
local text = require "core.text"

local MINUTE <const>, HOUR <const> = 60 * 1000, 60 * 60 * 1000
local ROBOTS <const> = 1000
local MONTH <const> = 30 * 24 * 60 * 60 -- s
local CLIENTS <const> = { "clients.leases", "clients.membership", "clients.discovery", "clients.updates" }

-- Release, rollout and plan of a run in which robot 1 is the last, and all others but one have committed. → lines that
-- let the robots in, the other lines, the plan's CID, its bytes
local function run_of(lab)
  local grants, order, waves = {}, json.array {}, json.array { { robots = ROBOTS, max_unavailable = 1, soak = 60 } }
  for i = 2, ROBOTS do order[i - 1] = lab.robots[i].id end
  order[ROBOTS] = lab.robots[1].id
  local bytes = assert(plans.write { order = order, waves = waves, absent = { after = 3600, most = 0 },
    clock = "proved", max_failures = 2, patience = 600, release = "demos/42", run = 1, unknown = "back",
    swarm = lab.swarm })
  local plan, release = cid.make("raw", hash.sha256(bytes)), { kind = "sim", version = "1",
    artefacts = json.array { json.array { "any", cid.make("raw", hash.sha256 "x"), 1 } } }
  local lines = { lab:line(lab.root, { bucket = "updates/release", key = "demos/42", data = release, ttl = MONTH }),
    lab:line(lab.root, { bucket = "updates/rollout", key = "demos/42/1", ttl = MONTH, data = { plan = plan,
      size = #bytes, release = text.base64url(hash.blake2b(json.encode(release))) } }) }
  for i = 2, ROBOTS do
    grants[#grants + 1] = lab:grant(lab.root, lab.robots[i].id, "member")
    lines[#lines + 1] = lab:line(lab.robots[i].key, { bucket = "updates/status", key = "demos/42/1", ttl = MONTH,
      data = { plan = plan:sub(-8), round = 1, state = i == 3 and "applying" or "committed" } })
  end
  return grants, lines, plan, bytes
end

local function take_all(world, node, lines)
  for i = 1, #lines, 64 do
    local results
    node.comms:offer({ table.unpack(lines, i, math.min(i + 63, #lines)) }, function(list) results = list end)
    for _ = 1, 10 do
      if not results then world:run(1000) end
    end
    for _, one in ipairs(results) do assert.is_nil(one.word) end
  end
  world:run(2000)
end

-- A robot with these LINES and CLIENTS. → it, bytes and operations that its disk was given in an hour at rest
local function at_rest(lab, policy, clients, grants, lines, plan, bytes)
  local world, disk = sim.new { seed = 1, policy = policy }, memory(1)
  local files = payload.new { [plan] = bytes }
  local robot = lab.robots[1]
  local node = world:add("ada", { lab = lab:read(), identity = { id = robot.id, key = robot.key }, disk = disk,
    clients = clients, update_kinds = function(kind) return kind == "sim" and function(_, _, done) done "ok" end end,
    update_fetching = function(one) return files:of(one) end })
  world:run(2000)
  take_all(world, node, grants)
  take_all(world, node, lines)
  world:run(30 * MINUTE)
  local before = disk:counts()
  world:run(HOUR)
  local after, sum = disk:counts(), {}
  for _, name in ipairs { "bytes", "write", "sync", "rename", "open" } do sum[name] = after[name] - before[name] end
  return node, sum
end

describe("a robot that waits for its turn among a thousand", function()
  it("writes no byte for updates in an hour", function()
    local lab = labs.new { name = "robotics", robots = ROBOTS }
    local grants, lines, plan, bytes = run_of(lab)
    local policy = rollout.policy "policies"
    local began = os.clock()
    local node, with = at_rest(lab, policy, CLIENTS, grants, lines, plan, bytes)
    local known = node.updates.known:statuses("demos/42/1", plan:sub(-8))
    local count = 0
    for _ in pairs(known) do count = count + 1 end -- any order
    assert.equal(ROBOTS - 1, count)
    local closed = {}
    for _, row in ipairs(node.updates.runs["demos/42/1"].waiting.rows) do
      if not row.open then closed[#closed + 1] = row.gate end
    end
    assert.same({ "turn" }, closed)
    local _, without = at_rest(lab, policy, { table.unpack(CLIENTS, 1, 3) }, grants, lines, plan, bytes)
    assert.same(without, with)
    print(("    an hour at rest: %d bytes, %d writes with and without updates; %.1f s"):format(with.bytes, with.write,
      os.clock() - began))
  end)
end)
