-- streams - the component `content`: sealed streams for files between two nodes, whoever of them can be dialled. It
-- moves no byte (dcache/content/streams.lua does), and decides nothing of files.
local accepting = require "clients.streams.accepting"
local asking = require "clients.streams.asking"
local block = require "clients.streams.block"
local handshake = require "clients.streams.handshake"
local reach = require "dcache.content.reach"
local streams = require "dcache.content.streams"
local to_json = require "clients.control.to_json"
local unnamed = require "clients.streams.unnamed"
local where = require "clients.streams.where"

local client = { name = "streams", needs = { "content", "net" } }
local Client = {}
Client.__index = Client

local function refuse(self, code)
  self.node.refuse(code)
  self.refused[code] = (self.refused[code] or 0) + 1
end

-- What node ID may have over a stream.
local function reach_of(node, id)
  return reach.of { id = id, is_member = node.lab and node.dcache.trust:is_member(id) or false,
    holders = node.policy:get "clients.logs.holders", lines = node.policy:get "routing.channels" }
end

-- A connection that we dialled became a stream with node ID. KEYS are ours.
local function opened(self, id, asks, stream, keys, ahead)
  local host = stream:peer()
  local is_near = host and (self.node.net.is_own(host) or self.node.net.is_near(host)) or false
  if not is_near then stream:congestion "bbr" end
  local ok, text, code = self.streams:open { id = id, asks = asks, stream = stream, keys = keys, ahead = ahead,
    limited = not is_near }
  keys:close()
  if not ok then
    refuse(self, code)
    self.node.log:debug("content", "no stream", { with = id, why = text })
  end
end

-- Somebody who may asked us to dial.
local function dial_back(self, id)
  local place = where.of(self.node, id)
  if not place then return end
  handshake.new(self.loop, self.node, id, place, "serve", function(stream, ...)
    if stream then return opened(self, id, false, stream, ...) end
    local text, code = ...
    refuse(self, code)
    self.node.log:debug("content", "no stream", { with = id, why = text })
  end)
end

local function take(self, message, source, reply)
  if message.kind == "call" and source then return self.accepting:take(message, source, reply) end
  if message.kind == "unreachable" or message.kind == "budget" then return true end -- it is said again, or given up
  local text, code = "kind: no such message is for content", "kind"
  if message.kind == "reply" then
    local ok
    ok, text, code = self.asking:take(message.rest)
    if ok then return true end
  end
  refuse(self, code)
  return nil, text, code
end

local function make(handle)
  local node, self = handle.node, setmetatable({ node = handle.node, loop = handle.loop, refused = {} }, Client)
  local function refused(code) refuse(self, code) end
  self.streams = streams.new { loop = self.loop, log = node.log, dir = node.state, pump = require "core.pump",
    swarm = node.swarm, gateway = function() return node.gateway end,
    reach = function(id) return reach_of(node, id) end, refused = refused }
  self.asking = asking.new { loop = self.loop, node = node, opened = function(...) opened(self, ...) end }
  self.accepting = accepting.new { loop = self.loop, node = node, streams = self.streams, refused = refused,
    asked = function(...) return self.asking:asked(...) end, dial = function(id) dial_back(self, id) end,
    where = function(id) return where.of(node, id) end }
  self.streams:use(function(...) self.asking:connect(...) end, function(id) return self.asking:can(id) end,
    function(id) self.asking:there(id) end)
  return self
end

--- The client, as lua/clients/init.lua has it.
function client.open(handle)
  local self, node = make(handle), handle.node
  node.content:use_streams(self.streams)
  block.register(handle, self.streams)
  handle:component("content", function(...) return take(self, ...) end)
  handle:extend("status", function(answer) answer.streams = self:facts() end)
  handle:keep(node.dcache.trust:on_change(function() self.streams:look_again() end))
  return self
end

--- For `status`: rows of what is open, and refusals by word.
function Client:facts()
  local now, list = self.loop:now(), {}
  for i, row in ipairs(self.streams:rows()) do
    list[i] = { id = row.id, label = self.node.who(row.id).label, asks = row.asks, read = row.read,
      written = row.written, since_ms = now - row.since }
  end
  return { open = list, refused = self.refused, budget = self.streams.rate }
end

--- Servers elsewhere that may not have class `lab`: unnamed.lua's rows.
function Client:unnamed()
  local rows = unnamed.rows(self.node, function(id) return reach_of(self.node, id) end)
  return rows and to_json.value(rows)
end

function Client:apply()
  self.streams:look_again()
  self:start()
end

function Client:start() self.streams:limit(math.tointeger(self.node.policy:get "clients.logs.budget")) end

function Client:stop()
  self.node.content:use_streams(nil)
  self.asking:stop()
  self.accepting:stop()
  self.streams:close()
end

return client
