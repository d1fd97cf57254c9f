-- pulls.lua - a channel with room pulls what waits for it: the brain's words, and lines for others. Chooses neither.
local envelope = require "routing.envelope"
local frame = require "routing.channels.frame"
local slow_lines = require "routing.slow_lines"

local pulls = {}
pulls.__index = pulls

local PULL_MAX <const> = 32 -- frames to one channel in a turn

--- given.loop
--- given.routing   the dispatcher: comms, block, by_name, refused
function pulls.new(given)
  local self = setmetatable({ loop = given.loop, routing = given.routing, timers = {}, poked = {} }, pulls)
  self.lines = slow_lines.new { loop = given.loop, refused = function(code) self.routing.refused(code) end }
  return self
end

-- Looks again when the next waiting statement of the channel ripens.
local function wait(self, one, pull)
  local name = one.name
  local due = self.routing.comms:due(name)
  if self.timers[name] then self.timers[name]:cancel() end
  self.timers[name] = due and self.loop:after(math.max(1, due), function()
    self.timers[name] = nil
    if self.routing.by_name[name] == one then pull(self, one) end
  end)
end

local function send(self, one, source, message)
  local _, code = self.routing.block:keeps(message.to, source)
  if not code then _, _, code = one:send(envelope.headed(message), source) end
  if code then self.routing.refused(code) end
end

local function pull(self, one)
  local most, comms = one.traits.frame_max, self.routing.comms
  local function own() return comms:next(one.name, most) end
  for _ = 1, PULL_MAX do
    if one:budget() < most then return end -- on_room comes when there is room for any frame
    local message, source = self.lines:next(one.name, own)
    if not message then return wait(self, one, pull) end
    send(self, one, source, message)
  end
  self.loop:post(function() self:poke(one.name) end)
end

--- There is something for the channel of that NAME, or room on it: asked for in this turn, once.
function pulls:poke(name)
  local by_name = self.routing.by_name
  if not by_name[name] or self.poked[name] then return end
  self.poked[name] = true
  self.loop:post(function()
    self.poked[name] = nil
    if by_name[name] then pull(self, by_name[name]) end
  end)
end

--- So many messages wait for the channel ONE: where it has room they are said before any is dropped.
function pulls:waits(one, count)
  if count >= PULL_MAX then pull(self, one) end
end

--- MESSAGE, a line for others, waits for its turn on the slow channel ONE: for SOURCE there, or for all who hear it.
--- BY: text, on whose account. → true | nil, text, code
function pulls:line_up(one, source, message, by)
  local text, code = self.routing.block:keeps(message.to, source)
  if text then return nil, text, code end
  local size = frame.size(envelope.headed(message))
  if size > one.traits.frame_max then return nil, ("long: %d bytes for that channel"):format(size), "long" end
  local ok
  ok, text, code = self.lines:put(one.name, message, source, by or "")
  if ok then self:poke(one.name) end
  return ok, text, code
end

--- The channel of that NAME is gone.
function pulls:forget(name)
  if self.timers[name] then self.timers[name]:cancel() end
  self.timers[name] = nil
  self.lines:forget(name)
end

return pulls
