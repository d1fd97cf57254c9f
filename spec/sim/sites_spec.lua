-- sites_spec.lua - many robots in several sites that one server joins: what that takes of each LAN and of each link
-- between sites, how soon a change of one is known to all, and that nobody who lives is lost. Whole nodes under a
-- virtual clock, with a tenth of all frames of the LANs lost. In `make soak` a thousand in twenty sites.
local many_sites = require "spec.sim.many_sites"

local SECOND <const>, MINUTE <const> = 1000, 60 * 1000
local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local SITES <const>, ROBOTS <const> = SOAK and 20 or 5, SOAK and 50 or 20
local MOST <const> = 2.5 * 1024 -- bytes a second
local KNOWN <const> = SOAK and 6 * MINUTE or 5 * MINUTE -- after which all know a change
local ROUNDS <const>, CHANGES <const> = SOAK and 10 or 1, 8

-- Bytes over each way between a site and the server, by the number of the site, from here on. Field `by_public` takes
-- these numbers by the address of the router.
local function count_links(w)
  local links, trace = { by_public = {} }, w.sim.world.trace
  function w.sim.world.trace(form, from, to, text, ...)
    local site = text and (links.by_public[from] or links.by_public[to])
    if site then links[site] = (links[site] or 0) + #text end
    return trace(form, from, to, text, ...)
  end
  return links
end

-- SITES networks of ROBOTS each behind routers, and a server that all of them dial.
local function world()
  return many_sites.new { sites = SITES, robots = ROBOTS, seed = 31, traced = function(w) w.links = count_links(w) end,
    joined = function(w, site) w.links.by_public[site.public] = site.number - 1 end }
end

-- Bytes that were said so far: LANS[site] on its medium, LINKS[site] between its robots and the server.
local function counted(w)
  local list = { lans = {}, links = {} }
  for s = 1, SITES do
    local lan = 0
    for _, one in ipairs(w.by_name["site" .. s].medium.channels) do lan = lan + one.sent.bytes end
    list.lans[s], list.links[s] = lan, w.links[s] or 0
  end
  return list
end

-- The greatest growth from BEFORE to NOW, in bytes a second.
local function rate(before, now, seconds)
  local most = 0
  for s = 1, SITES do most = math.max(most, (now[s] - before[s]) / seconds) end
  return most
end

local function rows(node)
  local by_id = {}
  for _, row in ipairs(node.discovery:nodes()) do by_id[row.id] = row.status or "-" end
  return by_id
end

-- How many rows, on all nodes, are not as STATUS (by ID, of some) has it; how many say that one who lives is lost.
local function wrong(w, status)
  local n, lost = 0, 0
  for _, node in ipairs(w.sim.nodes) do
    local by_id = node.is_gone and {} or rows(node)
    for _, other in ipairs(node.is_gone and {} or w.sim.nodes) do
      local shown = by_id[other.id]
      if status[other.id] and shown ~= status[other.id] then n = n + 1 end
      if shown == "lost" and not other.is_gone then lost = lost + 1 end
    end
  end
  return n, lost
end

-- The robot is ill from now on: its level is told by its `peer` word, since its health stays in its site.
local function fall_ill(robot, levels)
  levels[robot.id] = "error"
  robot.diagnostics.checks.level_now = "error"
  robot.discovery.word:look()
end

-- How many nodes do not have the levels of LEVELS, by ID.
local function wrong_levels(w, levels)
  local n = 0
  for _, node in ipairs(w.sim.nodes) do
    for _, row in ipairs(node.is_gone and {} or node.discovery:nodes()) do
      if levels[row.id] and row.level ~= levels[row.id] then n = n + 1 end
    end
  end
  return n
end

local function change(robot, leaves, status)
  status[robot.id] = leaves and "left" or "busy"
  if leaves then many_sites.leave(robot) else robot.now_is { site = "elsewhere", busy = true } end
end

describe("many robots in several sites", function()
  it("are known to all, how each is within six minutes, and take little of each LAN and link", function()
    local w, robots = world()
    w.sim:run(SOAK and 20 * MINUTE or 5 * MINUTE + 20 * SECOND)
    local before, since, last, worst, most_lost = counted(w), w.sim.loop.time, 0, 0, 0
    local levels, worst_levels = {}, 0
    for round = 1, ROUNDS do
      local status = {}
      for i = 1, CHANGES do
        last = last + 1
        change(robots[last * 37 % #robots + 1], i == 1, status)
      end
      for i = 1, 2 do fall_ill(robots[(last * 53 + i * 29) % #robots + 1], levels) end
      w.sim:run(KNOWN)
      worst_levels = math.max(worst_levels, wrong_levels(w, levels))
      local n, lost = wrong(w, status)
      print(("  round %d: %d rows are wrong, %d of them lost"):format(round, n, lost))
      worst, most_lost = math.max(worst, n), math.max(most_lost, lost)
    end
    local now, seconds = counted(w), (w.sim.loop.time - since) // SECOND
    local lan, link = rate(before.lans, now.lans, seconds), rate(before.links, now.links, seconds)
    print(("  %d nodes in %d sites: %.0f bytes/s on the fullest LAN, %.0f on the fullest way between sites"):format(
      #w.sim.nodes, SITES, lan, link))
    assert.same({ 0, 0, 0 }, { worst, most_lost, worst_levels },
      "a change or a level is not known everywhere, or somebody who lives is lost")
    assert.is_true(lan <= MOST and link <= MOST, "a LAN or a link carries too much")
    assert.is_true(link > 0)
  end)
end)
