-- follow.lua - one reader of the event ring: all rows first, then what changes, at his own pace. Makes no event.
--
-- Nothing is queued for a slow reader: what he does not take waits in the ring. Once that goes on without him he is
-- told one `gap` with a count, and then all rows anew. So every conversation that goes on behaves, whatever it tells.
local slices = require "slices"

local follow = {}
follow.__index = follow

-- The next answer that is due | nil: there is none now.
local function next_answer(self)
  if self.busy then return nil end
  if self.at <= #self.list then
    local answer = self.list[self.at]
    self.list[self.at], self.at = false, self.at + 1
    return answer
  end
  for event, topic, at in self.reader.next, self.reader do
    if event.event == "gap" then self.stale = true end
    local answer = self.each(event, topic, at)
    if answer then return answer end
  end
end

-- Tells what is due, as far as it is taken.
local function say(self)
  self.waiting = nil
  while not self.ended do
    self.due = self.due or next_answer(self)
    if not self.due or not self.reply(self.due, true) then return end
    self.due = nil
    if self.stale then self:begin_anew() end
  end
end

-- Makes all rows anew, in slices, and tells them.
function follow:begin_anew()
  self.stale, self.busy, self.list, self.at = nil, true, {}, 1
  self.give_up = self.jobs:start(function() self.list = self.rows() end, function(ok, fault)
    self.busy = nil
    if ok then return say(self) end
    self.reply(nil, "kind: the daemon failed at this; its log says where", "kind")
    error(fault, 0)
  end)
end

--- given.loop, ring (lua/event_ring.lua)
--- given.names   the topics that are read
--- given.reply   the conversation's (conversation.lua)
--- given.each    fn(event, topic, at) → the answer that tells it, or nil: it is not for him
--- given.rows    fn() → answers that tell how all is now, in their order; it may be called in slices
--- given.first   an answer that comes before all, or nil
--- It is called in slices, as conversation.lua calls who answers.
function follow.start(given)
  local ok, text, code = given.ring:begin_watch()
  if not ok then return given.reply(nil, text, code) end
  local self = setmetatable({ loop = given.loop, reply = given.reply, each = given.each, rows = given.rows,
    jobs = slices.new(given.loop), list = {}, at = 1, due = given.first, busy = true }, follow)
  self.reader = given.ring:reader(given.names, function()
    if self.waiting then return end
    self.waiting = true
    self.loop:post(function() say(self) end)
  end)
  given.reply:on_cancel(function()
    self.ended = true
    self.reader:close()
    given.ring:end_watch()
    if self.give_up then self.give_up() end
  end)
  given.reply:on_room(function() say(self) end)
  if self.ended then return end
  say(self)
  given.ring:begin(given.names)
  if self.ended then return end
  self.list = self.rows()
  self.busy = nil
  say(self)
end

return follow
