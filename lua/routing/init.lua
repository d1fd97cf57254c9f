-- init.lua - the dispatcher: frames to components, words to channels that have budget. Decides no content.
local batch = require "core.batch"
local envelope = require "routing.envelope"
local quota = require "comms.quota"

local routing = {}
routing.__index = routing

local ANSWER_FACTOR = 3 -- over UDP nothing unproved gets more than three times what it sent
local ANSWERS = { rate = 0.2, burst = 4 } -- a second and host that proved no address
local PULL_MAX = 32 -- frames to one channel in a turn

-- loop, log, comms, id, refused(code), export = { component = true }.
function routing.new(given)
  local self = setmetatable({ components = {}, by_name = {}, list = {}, timers = {}, serial = 0 }, routing)
  for _, name in ipairs { "loop", "log", "comms", "id", "refused" } do self[name] = given[name] end
  self.answers = quota.new { loop = self.loop, rate = ANSWERS.rate, burst = ANSWERS.burst }
  self.components.brain = function(...) return self.comms:receive(...) end
  self.comms.poke = function(name) self:poke(name) end
  self.comms.tell = function(source, message) return self:tell(source, message) end
  self.comms.near = function(host) return self:near(host) end
  return self
end

-- fn(message, source, reply) gets what is addressed to /dswarm/<this node>/NAME: true or "later", or nil, text,
-- word when nothing of it was taken; it counts its refusals.
function routing:component(name, fn) self.components[name] = fn end

local function component_of(self, to)
  if to == envelope.everybody then return self.components.brain end
  local id, name = to:match "^/dswarm/([^/]+)/([^/]+)$"
  if id ~= self.id and id ~= "*" then return nil end
  return self.components[name]
end

local function send_to(self, source, message)
  local channel = source.channel
  if channel.closed then return nil, "closed: that channel has gone", "closed" end
  if channel.kind == "tcp" then
    self.comms.outbox:say(channel.name, message)
    return true
  end
  return channel:send(envelope.format(message), source)
end

-- Bytes that an answer may have: to an unproved datagram source three times what it sent, and nothing from the last
-- frame that the medium leaves to our own words; nil, text, code where that host was answered often enough.
local function room_for(self, source)
  local channel = source.channel
  if not channel.medium or self.comms.peers:source_proved(source) then return math.maxinteger end
  if source.host and not source.own then
    if not self.answers:allows(source.host, true) then return nil, "quota: that host had its answers", "quota" end
    self.answers:charge(source.host)
  end
  local room = ANSWER_FACTOR * source.received
  if channel.bucket and channel.bucket:available() < channel.frame_max + room then
    return nil, "budget: the rest is for our own words", "budget"
  end
  return room
end

-- Sends one message back along the flow it answers; an unproved datagram source gets little.
local function reply_to(self, source, asked)
  local room, err, code
  return function(message)
    if not room then room, err, code = room_for(self, source) end
    if not room then return nil, err, code end
    message.to, message.hops = asked.from, envelope.hops_max
    message.from = message.from or envelope.nobody
    local size = #envelope.format(message)
    if size > room then
      return nil, "unproved: the answer is larger than three times the question", "unproved"
    end
    room = room - size
    return send_to(self, source, message)
  end
end

local function no_reply() return nil, "address: no reply was wanted", "address" end

-- Its statements as a batch (core.batch), where it has any | nil, text, code.
local function statements(message, text, list)
  if not (text or list) then return true end
  if message.kind ~= "statements" then return nil, "form: only statements have lines", "form" end
  local err, code
  if not list then list, err, code = batch.new(text) end
  message.list = list
  return list, err, code
end

-- To which component a frame goes, as a message | nil, text, code.
local function read(self, frame, list)
  local head, text = envelope.split(frame)
  local message, err, code = envelope.parse(head)
  if not message then return nil, err, code end
  local component = component_of(self, message.to)
  if not component then return nil, "address: no such component", "address" end
  list, err, code = statements(message, text, list)
  if not list then return nil, err, code end
  return message, component
end

-- A frame came in; LIST has its statements where the channel read them already. Nothing in it is believed here.
-- → true | nil, text, code when nothing of it was taken.
function routing:frame(channel, source, frame, list)
  local message, component, code = read(self, frame, list)
  if not message then
    if list then list:close() end
    self.refused(code)
    self.log:debug("routing", "refused", { from = source.address, why = component })
    return nil, component, code
  end
  local reply = message.from == envelope.nobody and no_reply or reply_to(self, source, message)
  local ok, err
  ok, err, code = component(message, source, reply)
  if message.list and ok ~= "later" then message.list:close() end
  if channel.on_handled then channel.on_handled(source) end
  return ok, err, code
end

-- Sends MESSAGE over the flow SOURCE: on a stream by way of its queue, as a datagram at once.
function routing:tell(source, message)
  local ok, err, code = send_to(self, source, message)
  if not ok then self.refused(code) end
  return ok, err, code
end

local function pull(self, channel)
  for _ = 1, PULL_MAX do
    if channel:budget() < channel.frame_max then return end -- on_room comes when there is room for any frame
    local message = self.comms:next(channel.name, channel.frame_max)
    if not message then return self:wait(channel) end
    local ok, _, code = channel:send(envelope.format(message), nil)
    if not ok then self.refused(code) end
  end
  self.loop:post(function() self:poke(channel.name) end)
end

-- Is HOST in a network of an interface of ours?
function routing:near(host)
  for _, channel in ipairs(self.list) do
    if channel.near and channel:near(host) then return true end
  end
  return false
end

-- Looks again when the next waiting word of the channel ripens.
function routing:wait(channel)
  local due = self.comms:due(channel.name)
  if self.timers[channel.name] then self.timers[channel.name]:cancel() end
  self.timers[channel.name] = due and self.loop:after(math.max(1, due), function()
    self.timers[channel.name] = nil
    if self.by_name[channel.name] == channel then pull(self, channel) end
  end)
end

-- The brain has something for that channel: asked for in this turn, once.
function routing:poke(name)
  local channel = self.by_name[name]
  if not channel or channel.poked then return end
  channel.poked = true
  self.loop:post(function()
    channel.poked = nil
    if self.by_name[name] == channel then pull(self, channel) end
  end)
end

-- Takes a channel object in. OPTIONS: medium = true for a broadcast one, quiet = true: repairs only.
function routing:add(channel, options)
  self.serial = self.serial + 1
  channel.name = ("%s %d"):format(channel.kind, self.serial)
  channel.medium = options.medium or false
  self.by_name[channel.name] = channel
  table.insert(self.list, channel)
  channel.on_frame = function(_, source, ...) return self:frame(channel, source, ...) end
  channel.on_room = function() self:poke(channel.name) end
  channel.on_up = function() self.comms.beacon:appear() end
  channel.on_down = function() if channel.closed then self:remove(channel) end end
  self.comms:channel_up { name = channel.name, kind = channel.kind, address = channel.address,
    medium = channel.medium, quiet = options.quiet }
  return channel
end

function routing:remove(channel)
  if self.by_name[channel.name] ~= channel then return end
  self.by_name[channel.name] = nil
  for i, other in ipairs(self.list) do
    if other == channel then table.remove(self.list, i) end
  end
  if self.timers[channel.name] then self.timers[channel.name]:cancel() end
  self.timers[channel.name] = nil
  self.comms:channel_down(channel.name)
end

-- Facts of each channel, in the order they were added; streams are told with the server that has them.
function routing:channels()
  local list = {}
  for _, channel in ipairs(self.list) do
    if channel.kind ~= "tcp" then list[#list + 1] = channel:status() end
  end
  for _, status in ipairs(self.statuses and self.statuses() or {}) do list[#list + 1] = status end
  return list
end

function routing:stop()
  while self.list[1] do
    local channel = self.list[1]
    channel:close()
    self:remove(channel)
  end
end

return routing
