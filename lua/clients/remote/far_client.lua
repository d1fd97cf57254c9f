-- far_client.lua - who calls from another node, as conversation.lua knows a client: lines of answers go into the call.
-- Knows no command, seals nothing.
local conversation = require "clients.control.conversation"

local far_client = {}
far_client.__index = far_client

local UNREAD <const> = 32 * 1024 -- bytes on their way after which an answer that goes on waits
local ALIVE <const> = 8000 -- ms between two signs that an answer is being made: the caller gives up after 30 s

--- OWNER: the service (service.lua), which has loop, log, slices and counts conversations. CALL: the request of
-- routing/call.lua's callee; ANSWER what its reply is written into.
function far_client.new(owner, call, answer)
  local self = setmetatable({ owner = owner, answer = answer, uid = call.caller, since = owner.loop:now(), output = "",
    alive = ALIVE, most = answer:room() }, far_client)
  call.drained = function() self:drained() end
  call.stopped = function() self:close() end
  return self
end

--- REQUEST, a table, is answered by HANDLER(request, reply).
function far_client:run(request, handler)
  self.talk = conversation.new(self, request)
  self.talk:begin(handler)
end

local function has_room(self) return self.answer:room() >= self.most - UNREAD end

local function put(self, bytes)
  if self.closed then return end
  if not self.answer:write(bytes) then return self:close() end
  self.output = has_room(self) and "" or "unread"
  self.owner.ticks:now()
end

--- As client.lua's: a line, a piece of one, the last line. The time for them is the call's.
function far_client:say(text) put(self, text .. "\n") end

function far_client:say_piece(text) put(self, text) end

function far_client:finish(text)
  if self.closed then return end
  self.talk, self.closed = nil, true
  self.answer:finish(text .. "\n")
  self.owner.ticks:now()
end

function far_client.wait() end

--- A caller says nothing beside his request.
function far_client.pass_on() end

function far_client:drained()
  if self.output == "" or self.closed or not has_room(self) then return end
  self.output = ""
  if self.talk then self.talk:drained() end
end

--- He stopped it, or it cannot go on; twice is safe.
function far_client:close()
  if self.closed then return end
  self.closed = true
  if self.talk then self.talk:cancel() end
  self.answer:finish()
  self.owner.ticks:now()
end

return far_client
