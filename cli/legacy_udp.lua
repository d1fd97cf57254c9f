-- legacy_udp.lua - asks today's Duckietown by broadcast: its robots answer on UDP port 11411. Lists none of them.
--
-- The question is {"port", "version"}; the answer goes to that port: {"configuration", "hardware", "name", "type",
-- "version"}. Both are JSON. Whoever hears us may answer anything, so nothing in an answer is taken for well formed.
local cjson = require "cjson" -- for what others write; core.json reads and writes our own
local json = require "core.json"

local legacy_udp = {}

local PORT <const> = 11411
local AGAIN_MS <const> = 700 -- a broadcast is lost easily, so it is said three times
local TIMES <const> = 3
local A_TURN <const>, MOST <const> = 64, 4096 -- datagrams that are read in a turn of the loop, and in all

local FIELDS <const> = { "name", "type", "configuration", "hardware" }
local BYTES <const> = 64 -- of each of these

--- The robot that an answer of BYTES tells of: { name, type, configuration, hardware }, each a text or nil | nil: it is
--- no such answer
function legacy_udp.read(bytes)
  local ok, said = pcall(cjson.decode, bytes)
  if not ok or type(said) ~= "table" then return nil end
  local robot = {}
  for _, field in ipairs(FIELDS) do
    local value = said[field]
    robot[field] = type(value) == "string" and value ~= "" and #value <= BYTES and value or nil
  end
  return robot.name and robot
end

-- Takes what has come, so much a turn that timers have theirs.
local function take(self)
  for _ = 1, A_TURN do
    local bytes, host, code = self.socket:receive()
    if not bytes and code ~= "long" then return end
    self.taken = self.taken + 1
    if self.taken > MOST then return self.watch:set "" end
    local robot = bytes and legacy_udp.read(bytes)
    if robot then
      self.on_robot(robot, host)
    else
      self.odd = self.odd + 1
      self.odd_host = bytes and host or self.odd_host
    end
  end
end

local function say(self)
  for _, one in ipairs(self.ways) do
    self.socket:send(self.question, one.broadcast, PORT, one.index) -- what fails here is tried again
  end
  self.said = self.said + 1
  if self.said < TIMES then self.timer = self.loop:after(AGAIN_MS, function() say(self) end) end
end

-- The interfaces that lead to others, by which a broadcast goes.
local function ways_out(net)
  local list = {}
  for _, one in ipairs(net.interfaces() or {}) do
    if one.family == 4 and one.up and one.broadcast and not one.loopback then list[#list + 1] = one end
  end
  return list
end

--- Asks until finish is called; on_robot(robot, host) for each answer.
--- → asked, with interfaces = their names, odd = answers that were none, odd_host = who sent the last of them;
---   finish() | nil, text, code: no socket
function legacy_udp.ask(net, loop, on_robot)
  local socket, why, code = net.udp { host = "0.0.0.0", port = 0, broadcast = true }
  if not socket then return nil, why, code end
  local self = setmetatable({ loop = loop, socket = socket, on_robot = on_robot, ways = ways_out(net), taken = 0,
    said = 0, odd = 0, interfaces = {} }, { __index = legacy_udp })
  for i, one in ipairs(self.ways) do self.interfaces[i] = one.name end
  self.question = json.encode { version = "1", port = socket:port() }
  self.watch = assert(loop:watch(socket:fd(), "r", function() take(self) end))
  say(self)
  return self
end

function legacy_udp:finish()
  if self.timer then self.timer:cancel() end
  self.watch:close()
  self.socket:close()
end

return legacy_udp
