-- kubo_stub.lua - Kubo's RPC as far as pubsub needs it, within the spec's own loop. No checks, and no IPFS.
--
-- Stubs that share a `room` hear each other, as Kubos that are joined do. What a spec changes in a stub counts from the
-- next request on: version, refusal = { status, text }, hangs = bool, unsigned = bool, drops = fn(text) → bool,
-- published_later = fn(reply): when it answers who published.
local core_text = require "core.text"
local uv = require "luv"

local stub = {}
stub.__index = stub

local function reply(connection, status, body)
  connection:write(("HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"):format(status,
    #body, body))
end

local function chunk(text) return ("%x\r\n%s\r\n"):format(#text, text) end

local function say(self, topic, text)
  local line = ('{"from":"%s","data":"u%s","seqno":"uAAE","topicIDs":["%s"]}\n'):format(self.id,
    core_text.base64url(text), topic)
  for _, one in ipairs(self.room) do
    for connection, heard in pairs(one.listeners) do -- any order: each is another program
      if heard == topic and not connection:is_closing() then connection:write(chunk(line)) end
    end
  end
end

local function count_peers(self, topic)
  local list = {}
  for _, one in ipairs(self.room) do
    local hears = false
    for _, heard in pairs(one.listeners) do hears = hears or heard == topic end
    if hears and one ~= self then list[#list + 1] = ('"%s"'):format(one.id) end
  end
  return '{"Strings":[' .. table.concat(list, ",") .. "]}"
end

local ANSWERS = {}

function ANSWERS.version(self) return ('{"Version":"%s","Commit":"","Repo":"18"}'):format(self.version) end

function ANSWERS.id(self)
  return ('{"ID":"%s","Addresses":["/ip4/127.0.0.1/tcp/4001/p2p/%s","/ip4/10.77.0.1/tcp/4002/p2p/%s"]}'):format(
    self.id, self.id, self.id)
end

function ANSWERS.config(self) return ('{"Key":"Pubsub.DisableSigning","Value":%s}'):format(self.unsigned or false) end

ANSWERS["pubsub/peers"] = count_peers

ANSWERS["swarm/connect"] = function(self, target)
  table.insert(self.joined, target)
  return '{"Strings":["connect success"]}'
end

ANSWERS["pubsub/pub"] = function(self, topic, connection, body)
  local text = body:match "\r\n\r\n(.*)\r\n%-%-[^\r\n]+%-%-\r\n$"
  self.published = self.published + 1
  if not (self.drops and self.drops(text)) then say(self, topic, text) end
  if not self.published_later then return "" end
  self.published_later(function() reply(connection, 200, "") end)
end

ANSWERS["pubsub/sub"] = function(self, topic, connection)
  connection:write "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
  self.listeners[connection] = topic
end

local function answer(self, connection, head, body)
  self.asked[#self.asked + 1] = head
  if self.hangs then return end
  if self.refusal then return reply(connection, self.refusal[1], self.refusal[2]) end
  local what, argument = head:match "^POST /api/v0/([%l/]+)%??a?r?g?=?(%S*) "
  local text = ANSWERS[what](self, argument, connection, body)
  if text then reply(connection, 200, text) end
end

local function serve(self, connection)
  local waiting = ""
  connection:read_start(function(_, bytes)
    if not bytes then
      self.listeners[connection] = nil
      if not connection:is_closing() then connection:close() end
      return
    end
    waiting = waiting .. bytes
    while true do
      local head, rest = waiting:match "^(.-\r\n)\r\n(.*)$"
      local size = head and math.tointeger(tonumber(head:match "Content%-Length: (%d+)" or "0"))
      if not head or #rest < size then return end
      waiting = rest:sub(size + 1)
      answer(self, connection, head, rest:sub(1, size))
    end
  end)
end

local function bind(self)
  self.socket = uv.new_tcp()
  assert(self.socket:bind("127.0.0.1", self.port))
  assert(self.socket:listen(16, function()
    local connection = uv.new_tcp()
    self.socket:accept(connection)
    table.insert(self.open, connection)
    serve(self, connection)
  end))
  self.port = self.socket:getsockname().port
  self.api = "/ip4/127.0.0.1/tcp/" .. self.port
end

--- One more in ROOM, an array that all of them are in.
function stub.new(room)
  local self = setmetatable({ room = room, version = "0.43.0", id = "12D3KooWStub" .. #room + 1, listeners = {},
    open = {}, joined = {}, asked = {}, published = 0, port = 0 }, stub)
  table.insert(room, self)
  bind(self)
  return self
end

--- Goes, and all its connections with it.
function stub:stop()
  if self.socket:is_closing() then return end
  self.socket:close()
  for _, connection in ipairs(self.open) do
    if not connection:is_closing() then connection:close() end
  end
  self.open, self.listeners = {}, {}
end

--- Comes back at the same place.
function stub:start() bind(self) end

--- Sends LINE to who hears TOPIC, as it is.
function stub:inject(line)
  for connection in pairs(self.listeners) do connection:write(chunk(line)) end -- any order: one in these specs
end

return stub
