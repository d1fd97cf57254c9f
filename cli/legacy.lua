-- legacy.lua - `discover --legacy`: the robots of today's Duckietown, asked by this process. No daemon takes part.
local json = require "core.json"
local to_json = require "clients.control.to_json"
local mdns = require "cli.legacy_mdns"
local udp = require "cli.legacy_udp"

local legacy = {}

local ASKED_MS <const> = 3000
local ROBOTS_MAX <const> = 256

local COLUMNS <const> = {
  { title = "NAME", give = true, least = 13, cut = "middle", rank = 1 },
  { title = "TYPE", give = true, least = 10, rank = 4 }, { title = "STATUS", rank = 3 },
  { title = "ADDRESS", rank = 2 }, { title = "VIA", rank = 5 },
  { title = "CONFIGURATION", give = true, least = 8, rank = 6 },
  { title = "HARDWARE", give = true, least = 8, rank = 7 },
}
local COLOURS <const> = { ready = "good", busy = "warn", booting = "warn" }

-- == what is gathered

local Robots = {}
Robots.__index = Robots

-- The robot KEY | nil: there are too many.
local function one_of(self, list, key)
  local one = list[key]
  if one then return one end
  if self.count == ROBOTS_MAX then
    self.more = true
    return nil
  end
  self.count = self.count + 1
  one = {}
  list[key] = one
  table.insert(list, one)
  return one
end

--- What comes of all who are asked, at most 256 robots.
function legacy.gathered() return setmetatable({ by_udp = {}, by_mdns = {}, count = 0 }, Robots) end

--- ROBOT (legacy_udp.read's) answered from HOST. One name at two addresses is two robots: a name is easily given twice.
function Robots:answered(robot, host)
  local one = one_of(self, self.by_udp, host .. " " .. robot.name)
  if not one then return end
  for field, value in pairs(robot) do one[field] = value end -- any order
  one.address, one.by = host, { "udp" }
end

local RANK <const> = { ready = 1, busy = 2, booting = 3 } -- of a robot that says several the last one is shown

--- mDNS told that (legacy_mdns.read's).
function Robots:told(told)
  local one = one_of(self, self.by_mdns, told.name)
  if not one then return end
  one.name, one.by, one.at = told.name, { "mdns" }, one.at or {}
  one.at[told.address] = true
  if not one.address or told.family == 4 and one.family == 6 then
    one.address, one.family = told.address, told.family
  end
  for _, field in ipairs { "type", "configuration", "hardware" } do one[field] = told[field] or one[field] end
  if told.state and (RANK[told.state] > (RANK[one.state] or 0)) then one.state = told.state end
end

-- Is the robot ONE, which answered, the host OTHER of mDNS? One that has IPv6 addresses only there is so by its name.
local function is_same(one, other)
  return one.name == other.name and (other.at[one.address] or other.family == 6)
end

--- All of them, by name; who answered and is told of by mDNS, too, stands there once.
function Robots:rows()
  local rows = {}
  for _, one in ipairs(self.by_udp) do rows[#rows + 1] = one end
  for _, other in ipairs(self.by_mdns) do
    local found = false
    for _, one in ipairs(self.by_udp) do
      if is_same(one, other) then
        found, one.state, one.by = true, other.state, { "udp", "mdns" }
      end
    end
    if not found then rows[#rows + 1] = other end
  end
  table.sort(rows, function(a, b)
    if a.name ~= b.name then return a.name < b.name end
    return a.address < b.address
  end)
  return rows
end

-- == what is said

local FIELDS <const> = { "name", "type", "configuration", "hardware", "state", "address" }

local function answer_of(rows, robots, asked)
  local list = {}
  for i, one in ipairs(rows) do
    list[i] = { by = json.array(one.by) }
    for _, field in ipairs(FIELDS) do list[i][field] = one[field] and to_json.text(one[field]) end
  end
  return { schema = 1, command = "discover", robots = json.array(list), more = robots.more or nil,
    interfaces = json.array(asked.udp.interfaces), odd = asked.udp.odd + asked.mdns.odd,
    odd_host = asked.udp.odd_host, avahi = to_json.text(asked.mdns.fault or "ok") }
end

local function row_of(one, s)
  return { s:text(one.name), s:text(one.type), { s:text(one.state), colour = COLOURS[one.state] },
    s:text(one.address), table.concat(one.by, ", "), s:text(one.configuration), s:text(one.hardware) }
end

-- Where nobody answered: who was asked.
local function nobody(answer, s)
  if not answer.interfaces[1] then return "No network interface is up, so nobody was asked on UDP port 11411." end
  local names = {}
  for i, name in ipairs(answer.interfaces) do names[i] = s:text(name) end
  return ("Nobody answered in 3 s on UDP port 11411 (%s)%s."):format(s.list(names),
    answer.avahi == "ok" and ", and by mDNS nobody tells of himself" or "")
end

local function show(answer, s)
  local rows = {}
  for i, one in ipairs(answer.robots) do rows[i] = row_of(one, s) end
  if rows[1] then s:table(COLUMNS, rows) end
  local words = { rows[1] and s.count(#rows, "robot") .. " of today's Duckietown"
    .. (answer.more and "; more are not shown." or ".") or nobody(answer, s) }
  if answer.avahi ~= "ok" then words[#words + 1] = ("mDNS: %s."):format(s:text(answer.avahi)) end
  if answer.odd > 0 then
    words[#words + 1] = ("%s%s made no sense."):format(s.count(answer.odd, "answer"),
      answer.odd_host and ", the last from " .. s:text(answer.odd_host) .. "," or "")
  end
  s:say(table.concat(words, " "))
end

--- Asks for three seconds and prints what came; → exit code.
function legacy.run(context, options)
  if context.is_far then
    return context:misused("discover --legacy asks the networks of this machine; for those there: ssh "
      .. context.show.host .. " dt-swarm-cli discover --legacy")
  end
  local loop = context.world.loop()
  local robots = legacy.gathered()
  local by_udp, why, code = udp.ask(context.world.net, loop, function(...) robots:answered(...) end)
  if not by_udp then return select(2, context:refuse(why, code)) end
  local asked = { udp = by_udp, mdns = mdns.ask(loop, function(told) robots:told(told) end) }
  loop:after(ASKED_MS, function() loop.stop() end)
  loop:run()
  asked.udp:finish()
  asked.mdns:finish()
  local answer = answer_of(robots:rows(), robots, asked)
  if options.json then return context:json(answer) end
  show(answer, context.show)
  return context.exit.ok
end

return legacy
