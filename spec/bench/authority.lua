-- authority.lua - what it takes to work out anew who may say what, after one change, in labs of more and more robots;
-- and the longest step of it on the loop. No pass or fail.
dofile "spec/helper.lua"
local labs = require "spec.labs"
local memory = require "memory"
local policy = require "policy"
local sim = require "sim"
local statement = require "core.statement"

local ROUNDS = 10
local LIMIT, STEP_LIMIT = 50, 5 -- ms: what the change may cost for 1,000 robots in all, and in one step

local function hear(node, line)
  local st = assert(statement.parse(line))
  if node.dcache.trust:lets_in(st) then node.dcache.trust:let_in(st.signer) end
  assert(node.dcache:take(st))
end

-- Runs the loop's turns one by one, each measured. → ms in all, ms of the longest, turns
local function turns(w)
  local sum, longest, n = 0, 0, 0
  local run = w.loop.post
  w.loop.post = function(self, fn)
    return run(self, function()
      local start = os.clock() * 1e6
      fn()
      local took = ((os.clock() * 1e6) - start) / 1000
      sum, longest, n = sum + took, math.max(longest, took), n + 1
    end)
  end
  w:run(500)
  w.loop.post = run
  return sum, longest, n
end

-- A node in a lab of COUNT robots, of which the first half was confirmed by grants.
local function world(count)
  local lab = labs.new { name = "robotics", most = count }
  local w = sim.new { seed = 1, policy = assert(policy.load("policies/server.lua", { shipped = "policies" })) }
  local node, ids = w:add("server", { lab = lab.lab }), {}
  for i = 1, count do
    local key = labs.key("robot " .. i)
    ids[i] = key:id()
    hear(node, lab:enrol { key = key, id = ids[i], name = ("duckie%04d"):format(i) })
  end
  for i = 1, count // 2 do
    hear(node, lab:grant(lab.root, ids[i], "member", { name = ("duckie%04d"):format(i), tags = {} }))
  end
  w:run(5000)
  assert(#node.dcache.trust:verdict().standing >= count) -- it may be one of them itself
  return w, node, lab, ids
end

for _, count in ipairs { 30, 300, 1000 } do
  local w, node, lab, ids = world(count)
  memory.start(w.loop) -- as the daemon has it
  collectgarbage()
  local sum, longest, worst, n = 0, 0, 0, 0
  for i = 1, ROUNDS do
    hear(node, lab:grant(lab.root, ids[i], "trusted", { name = "x" .. i }))
    local all, step, steps = turns(w)
    sum, worst, longest, n = sum + all, math.max(worst, all), math.max(longest, step), n + steps
  end
  print(("  %4d robots: %6.1f ms a change (worst %.1f; limit %d), longest step %.2f ms (limit %d), %d steps")
    :format(count, sum / ROUNDS, worst, LIMIT, longest, STEP_LIMIT, n // ROUNDS))
end
