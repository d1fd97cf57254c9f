-- own_call.lua - a call that this node makes with its own key for who asks it by the control socket. Carries no line.
--
-- The other side's answer is handed on as it comes, in pieces of its text (base64), and is not read here.
local call = require "routing.call"
local text = require "core.text"
local ticks = require "routing.call.ticks"

local own_call = {}
own_call.__index = own_call

local UNREAD_MAX <const> = 2 * 1024 * 1024 -- bytes that wait for a reader who is slow; then the call is stopped

--- given.node, loop
--- given.id       of the node that is called
--- given.request  text: a line of JSON
--- given.reads    bool: it changes nothing there
--- given.first    ms before the first repeat
--- given.part     plain bytes of a part
--- given.reply    of the control socket (control/conversation.lua)
--- given.tell     fn(rest): sends it as kind `call`
--- given.over     fn(): all is said
-- → a call | nil: it was refused at once, and that was told
function own_call.new(given)
  local self = setmetatable({ reply = given.reply, over = given.over, unread = {}, size = 0 }, own_call)
  local node = given.node
  local why, code
  self.caller, why, code = call.caller { swarm = node.swarm, callee = given.id, component = "control", caller = node.id,
    node = node.id, request = given.request, reads = given.reads, first = given.first, part = given.part,
    now = function() return given.loop:now() end, tell = given.tell,
    sign = function(kind, swarm, signed, done) done(node.key:sign(kind, swarm, signed)) end,
    text = function(piece) self:put(piece) end,
    over = function(...) self:finish(...) end }
  if not self.caller then return self:finish(nil, why, code) end
  given.reply:on_room(function() self:flush() end)
  self.ticks = ticks.new(given.loop, function() return self.caller:tick() end)
  self.ticks:now()
  return self
end

-- Says what waits, as far as its reader takes it.
function own_call:flush()
  while self.unread[1] and self.reply({ bytes = text.base64(self.unread[1]) }, true) do
    self.size = self.size - #table.remove(self.unread, 1)
  end
  if not self.unread[1] and self.ended then self.ended() end
end

function own_call:put(piece)
  if piece == "" then return end
  self.unread[#self.unread + 1], self.size = piece, self.size + #piece
  if self.size > UNREAD_MAX then return self:stop() end
  self:flush()
end

function own_call:finish(ok, why, code)
  self.over()
  self.ended = function()
    self.ended = nil
    if ok then self.reply {} else self.reply(nil, why, code) end
  end
  self:flush()
end

--- A `reply` to it came. → true | nil, text, code
function own_call:take(rest)
  local ok, why, code = self.caller:take(rest)
  self.ticks:now()
  return ok, why, code
end

--- Nobody waits for it any more: the other side is told.
function own_call:stop()
  self.caller:stop()
  self.ticks:now()
end

function own_call:close()
  self.ticks:stop()
  self.caller:close()
end

return own_call
