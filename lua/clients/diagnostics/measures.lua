-- measures.lua - all that checks may ask of (the facts of kind `metrics`): values of sensors, what this node sees of
-- itself at each look, and what the doctor's probes found lately. Probes nothing.
local board = require "core.board"
local machine = require "clients.doctor.machine"
local network = require "clients.doctor.network"

local measures = {}
measures.__index = measures

local KEPT <const> = 10 * 60 * 1000 -- ms that what a probe found is believed
local LATELY <const> = 60 * 60 * 1000 -- ms in which something happened lately

--- given.loop
--- given.values  values.lua
--- given.node    lua/node.lua's
function measures.new(given)
  return setmetatable({ loop = given.loop, values = given.values, node = given.node, found = {}, kills = {} }, measures)
end

local function add(all, more)
  for name, value in pairs(more) do all[name] = value end -- any order
end

--- The doctor's probes FOUND this (text: a fault; false: none), by name.
function measures:keep(found)
  self.found, self.kept_at = found, self.loop:now()
end

-- A counter says that it happened, not when: what grew from look to look is remembered for an hour, as { at, how many
-- more }. TOTAL: programs that were ended for want of memory, since the machine was started, by its own count.
local function killed(self, total)
  local kills, now = self.kills, self.loop:now()
  if not total then return nil end
  if kills.total and total > kills.total then table.insert(kills, { at = now, more = total - kills.total }) end
  kills.total = total
  local sum = 0
  for i = #kills, 1, -1 do
    if now - kills[i].at < LATELY then sum = sum + kills[i].more else table.remove(kills, i) end
  end
  return sum > 0 and ("%d in the last hour"):format(sum)
end

-- Did the last run of this daemon, which was lately, end as no daemon should? nil: nobody knows
local function crashed(node, now)
  if not node.ending then return nil end
  return node.ending == "crash" and now - node.started < LATELY and "it began anew after a crash"
end

--- By name: a number or a text; false: looked for and not so; nil: unknown.
function measures:all()
  local node, all = self.node, self.values:measures()
  if self.kept_at and self.loop:now() - self.kept_at < KEPT then add(all, self.found) end
  if node.net then add(all, network.look(node.net)) end
  add(all, machine.look(node))
  add(all, machine.disk(node, board))
  all.oom_killed, all.daemon_crashed = killed(self, all.oom_kills_total), crashed(node, self.loop:now())
  return all
end

return measures
