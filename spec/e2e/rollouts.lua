-- rollouts.lua - a lab at a desk whose robots have a handler that writes each of its verbs into one log outside, for
-- specs of whole rollouts. Whole daemons. No checks.
local folder = require "spec.folder"
local lab_desk = require "spec.e2e.lab_desk"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local rollouts = {}
rollouts.__index = rollouts

local DESK <const> = [[
local p = extend "duckiebot"
p.clock = "system"
return p
]]
local POLICY <const> = [[
local p = extend "duckiebot"
p.clients.updates.handlers = "%s"
function p.clients.updates.ready(release) return release.in_window == true end
function p.clients.updates.healthy(_, now) return now.failed ~= nil end
return p
]]
local HANDLER <const> = [[
#!/bin/sh
say() { echo "$(date +%%s.%%N) %s $DT_NAME/$DT_SEQ $1" >> %s; }
case $1 in
apply) say apply; sleep 1; cp "$DT_FILE" %s ;;
verify) say verify; test ! -e %s ;;
rollback) cp %s.last %s; say rollback ;;
commit) cp %s %s.last; say commit ;;
*) say "$1" ;;
esac
]]
local PLAN <const> = [[
return {
  release = "%s", robots = { "%s" },
  waves = { { robots = 1, max_unavailable = 1, soak = %d }, { max_unavailable = %d, soak = %d } },
  max_failures = 2, absent = { most = 0 },
}
]]

--- ROBOTS: names; each has the kind `probe`. OPTIONS: as lab_desk.new has them. → r | nil, why there can be none.
--- Fields: desk (lab_desk.lua's).
function rollouts.new(robots, options)
  local desk, why = lab_desk.new(robots, options)
  if not desk then return nil, why end
  local self = setmetatable({ desk = desk, log = desk.swarm.dir .. "/acts" }, rollouts)
  folder.write(self.log, "")
  for _, robot in ipairs(robots) do
    local place, content = desk.swarm:path(robot, "handlers"), desk.swarm:path(robot, "content")
    swarm.sh("mkdir -p -m 755 " .. place)
    folder.write(content .. ".last", "nothing yet")
    folder.write(place .. "/probe", HANDLER:format(robot, self.log, content, desk.swarm:path(robot, "broken"), content,
      content, content, content))
    swarm.sh("chmod 755 " .. place .. "/probe")
    desk:start(robot, POLICY:format(place))
  end
  desk:start("desk", DESK)
  return self
end

--- Waits until the desk knows all robots, and that they are members.
function rollouts:meet()
  local all = #self.desk.robots + 1
  self:within(30, "the desk has heard all robots", "", function()
    for host, process in pairs(self.desk.swarm.running) do
      assert(process.alive(), host .. "\n" .. self.desk.swarm:logs())
    end
    local nodes = (self.desk.swarm:ask("desk", "discover") or { nodes = {} }).nodes
    return #nodes >= all and #(self.desk.swarm:ask("desk", "trust list") or { keys = {} }).keys > all
  end)
end

--- What the handlers of the release KEY did: array of { at = s, robot =, verb = }, by time.
function rollouts:acts(key)
  local list = {}
  for at, robot, release, verb in folder.read(self.log):gmatch "(%S+) (%S+) (%S+) (%S+)\n" do
    if release == key then list[#list + 1] = { at = tonumber(at), robot = robot, verb = verb } end
  end
  table.sort(list, function(a, b) return a.at < b.at end)
  return list
end

--- Of how many robots, and of which by name, the handler did VERB for the release KEY.
function rollouts:count(key, verb)
  local n, who = 0, {}
  for _, act in ipairs(self:acts(key)) do
    if act.verb == verb and not who[act.robot] then n, who[act.robot] = n + 1, true end
  end
  return n, who
end

--- The most robots that were between their first `apply` and the end of their update at once; the order of starts.
function rollouts:down(key)
  local most, now, under, order = 0, 0, {}, {}
  for _, act in ipairs(self:acts(key)) do
    if act.verb == "apply" and under[act.robot] == nil then
      under[act.robot], now, order[#order + 1] = true, now + 1, act.robot
    elseif (act.verb == "commit" or act.verb == "rollback") and under[act.robot] then
      under[act.robot], now = false, now - 1
    end
    most = math.max(most, now)
  end
  return most, order
end

--- A plan file for the release KEY: its first robot alone, then MOST of the others at once, each with SOAK s. → path
function rollouts:plan(key, most, robots, soak)
  return self.desk:file("plan.lua", PLAN:format(key, table.concat(robots, '", "'), soak, most, soak))
end

--- What is said of all, for faults.
function rollouts:words(key)
  local lines = {}
  for _, act in ipairs(self:acts(key)) do lines[#lines + 1] = ("%.1f %s %s"):format(act.at, act.robot, act.verb) end
  lines[#lines + 1] = self.desk:teacher "rollout status"
  for _, robot in ipairs(self.desk.robots) do lines[#lines + 1] = self.desk.swarm:cli(robot, "update explain") end
  return table.concat(lines, "\n") .. self.desk.swarm:logs()
end

--- WHAT of the release KEY holds within BAR s on a machine at rest.
function rollouts:within(bar, what, key, test)
  local took = swarm.within(bar, test)
  if not took then error(what .. "\n" .. self:words(key), 2) end
  patience.took(what, took, bar)
end

--- The row of `rollout status` for the run KEY | nil
function rollouts:run(key)
  for _, run in ipairs((self.desk:ask("rollout status " .. key) or { runs = {} }).runs) do
    if run.run == key then return run end
  end
end

function rollouts:close() self.desk:close() end

return rollouts
