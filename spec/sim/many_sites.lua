-- many_sites.lua - networks of robots behind routers, and a server that one robot of each network dials: whole nodes
-- under a virtual clock, a tenth of all frames of the networks lost. No checks.
local policies = require "spec.policy.policies"
local sim = require "sim"
local wan = require "sim.wan"

local LOSS <const> = 0.1
local START_MS <const> = 60 * 1000 -- in which all are switched on, one after the other

local many_sites = {}

local function policy(text) return assert(policies.load(text)) end

-- A robot of the site NAME. Fields: is_gone, now_is(facts).
local function add_robot(w, site, name, options)
  local here = { site = name }
  local given = setmetatable({ here = function() return here end }, { __index = options })
  local node = w:add(site, ("r%d-%d"):format(site.number - 1, #site.nodes + 1), given)
  function node.now_is(facts)
    here = facts
    node.discovery.word:look()
  end
  return node
end

--- given.sites, given.robots  how many networks, and robots in each
--- given.seed
--- given.traced               fn(world): before anything is said (nil: nothing)
--- given.joined               fn(world, site): when SITE is made, whose number is its own less one (nil: nothing)
--- given.options              fn(site number, robot number) → options of wan:add (nil: none)
--- → the world (sim/wan.lua), its robots
function many_sites.new(given)
  local robot, server = policy 'return extend "duckiebot"', policy 'return extend "server"'
  local w = wan.new(sim.new { seed = given.seed, policy = robot, loss = LOSS })
  if given.traced then given.traced(w) end
  local middle, robots = w:site("middle", true), {}
  w.hub = w:add(middle, "hub", { policy = server })
  local apart = START_MS // (given.sites * given.robots)
  for s = 1, given.sites do
    local site = w:site("site" .. s)
    if given.joined then given.joined(w, site) end
    for i = 1, given.robots do
      robots[#robots + 1] = add_robot(w, site, "site " .. s, given.options and given.options(s, i))
      w.sim:run(apart)
    end
    w:name(site, site.nodes[1], middle.public)
  end
  return w, robots
end

--- ROBOT leaves, as one does that is switched off.
function many_sites.leave(robot)
  robot.discovery:leave(function()
    robot.is_gone = true
    robot:stop()
  end)
end

return many_sites
