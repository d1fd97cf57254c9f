-- updates_many_spec.lua - three runs of a thousand robots each, all of whose words are known, among 150 releases: what
-- the longest turn of a robot's loop costs, in instructions of Lua, since load moves every clock.
local kit = require "spec.clients.updates_kit"
local listed = require "clients.updates.listed"
local payload = require "sim.payload"
local slices = require "slices"

local ROBOTS <const>, RELEASES <const>, RUNS <const> = 1000, 150, 3
local STEP <const> = 100 -- instructions between two counts
local MOST <const> = 400 * 1000 -- instructions: 20 ms of a processor that does 20 million of them a second
local CLIENTS <const> = { "clients.leases", "clients.membership", "clients.discovery", "clients.updates" }

local counter = { count = 0, most = 0 }

local function tick() counter.count = counter.count + STEP end

-- FN, of whose calls the longest is remembered; work in slices runs in coroutines, each of which is counted, too.
local function counted(fn)
  return function(...)
    counter.count = 0
    debug.sethook(tick, "", STEP)
    fn(...)
    debug.sethook()
    if counter.count > counter.most then
      local info = debug.getinfo(fn, "S")
      counter.most, counter.where = counter.count, ("%s:%d"):format(info.short_src, info.linedefined)
    end
  end
end

-- A loop over LOOP all of whose work is counted.
local function counting(loop)
  local own = setmetatable({}, { __index = function(_, name)
    local value = loop[name]
    if type(value) ~= "function" then return value end
    return function(_, ...) return value(loop, ...) end
  end })
  function own.post(_, fn) return loop:post(counted(fn)) end
  function own.after(_, ms, fn) return loop:after(ms, counted(fn)) end
  function own.every(_, ms, fn) return loop:every(ms, counted(fn)) end
  return own
end

describe("three runs of a thousand robots", function()
  local create = coroutine.create

  setup(function()
    coroutine.create = function(fn) -- luacheck: ignore
      local thread = create(fn)
      debug.sethook(thread, tick, "", STEP)
      return thread
    end
  end)

  teardown(function() coroutine.create = create end) -- luacheck: ignore

  it("hold up no robot's loop: not when they come, nor when roles change, nor when somebody asks", function()
    local all = payload.new {}
    local k = kit.new { robots = ROBOTS, most = ROBOTS, loop = counting, node = { clients = CLIENTS,
      update_kinds = function() return function(_, _, done) done "ok" end end,
      update_fetching = function(node) return all:of(node) end } }
    local function took(what)
      print(("# %s: %d instructions in the longest turn (of at most %d), of %s"):format(what, counter.most, MOST,
        counter.where or "-"))
      assert.is_true(counter.most <= MOST, what)
      counter.most, counter.where = 0, nil
    end
    took "a lab of a thousand"
    local tails = {}
    for i = 1, RELEASES do k:release(("app%d/%d"):format(i % 20, i)) end
    for run = 1, RUNS do
      local key = ("demos/%d/1"):format(run)
      local _, bytes = k:plan(key)
      all.plans[kit.cid(bytes)], tails[run] = bytes, kit.cid(bytes):sub(-8)
      k:rollout(key, k:release("demos/" .. run), bytes)
    end
    took "150 releases"
    for run = 1, RUNS do
      local lines = {}
      for i = 2, ROBOTS do
        lines[#lines + 1] = k.lab:line(k.lab.robots[i].key, { bucket = "updates/status", ttl = 90 * 86400,
          key = ("demos/%d/1"):format(run), data = { plan = tails[run], round = 2, state = "deferred" } })
        if #lines == 64 or i == ROBOTS then
          k:hear(lines)
          lines = {}
        end
      end
    end
    k:run(3 * 60 * 1000)
    local n = 0
    for _ in pairs(k.node.updates.known:statuses("demos/1/1", tails[1])) do n = n + 1 end
    assert.equal(ROBOTS - 1, n)
    took "3,000 words"
    k:hear { k.lab:grant(k.lab.root, k.lab.robots[2].id, "admin", { name = "bea" }) }
    k:run(3 * 60 * 1000)
    took "an admin more"
    k:run(62 * 60 * 1000) -- as long as the plans want to hear a robot
    took "a thousand that are absent"
    local answer
    slices.new(k.node.loop):start(function() answer = listed.of(k.node.updates) end, function() end)
    k:run(10000)
    assert.equal(RUNS, #answer.runs)
    assert.equal(ROBOTS, #answer.runs[1].robots)
    took "what somebody is told who asks"
    k:close()
  end)
end)
