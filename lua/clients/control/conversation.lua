-- conversation.lua - one request and its answers: one, or several while it goes on. Knows no command, reads no socket.
--
-- Whoever answers a request is called with it and with this object, `reply`, and may answer at once or later:
--   reply(answer)                           the last answer, a table
--   reply(nil, text, code, candidates, why) the last answer, a refusal: one code of the closed list (core.h), and where
--                                           known what fits, and rows of why (lua/why.lua)
--   reply(answer, true)                     an answer, and more will follow; on the wire it has "continues":true
-- Nothing is queued for a reader who is slow: while one line is still on its way the next such answer is not taken,
-- reply gives false, and on_room tells when there is room again. So a slow reader costs one line of memory.
-- Where the client has more to say meanwhile, whoever answers hears it by on_line; else its next lines wait.
-- An answer that takes long to make is preceded by a space each second, which JSON allows: it is being worked at.
local json = require "core.json"
local slices = require "slices"
local to_json = require "clients.control.to_json"

local conversation = {}
conversation.__index = conversation

local SCHEMA <const> = 1
local ALIVE <const> = 1000 -- ms

--- An error as a line of JSON. TEXT may say again what somebody asked for, whatever bytes that had.
function conversation.error_line(code, text, candidates, why)
  text = to_json.text(text)
  return json.encode { schema = SCHEMA, error = { word = code, text = text, candidates = candidates, why = why } }
    or json.encode { schema = SCHEMA, error = { word = code, text = text } }
end

--- CLIENT (client.lua) asked for REQUEST, a table.
function conversation.new(client, request)
  return setmetatable({ client = client, owner = client.owner, request = request, cancels = {}, rooms = {} },
    conversation)
end

local function call_all(self, list)
  for _, fn in ipairs(list) do
    local ok, fault = pcall(fn)
    if not ok then
      self.owner.log:error("control", "a request failed", { command = self.request.command, reason = fault })
    end
  end
end

local function cancel(self)
  self.over, self.cancelled = true, true
  call_all(self, self.cancels)
end

local function finish(self, line)
  self.over = true
  if self.long then self.owner:end_conversation(self.client.uid) end
  self.client:finish(line)
end

-- The handler threw, or answered with what JSON cannot hold: a fault of ours.
local function fail(self, fault)
  self.owner.log:error("control", "a request failed", { command = self.request.command, reason = fault })
  if self.over then return end
  if self.begun then return self.client:close() end -- half a line is out: no other can follow
  finish(self, conversation.error_line("kind", "the daemon failed at this; its log says where"))
  cancel(self)
end

-- A piece of a line that goes on: the next one is made when this has gone out, so a long answer and a slow reader cost
-- one piece of memory.
local function say_piece(self, piece)
  self.begun = true
  self.client:say_piece(piece)
  if self.over or self.client.output ~= "" then slices.wait(function(wake) self.wake = wake end) end
end

-- ANSWER as a line; it may be an event that others read, too, so it is not changed. Of a long one the last piece.
local function line_of(self, answer, continues)
  local whole = { schema = SCHEMA, command = self.request.command, continues = continues }
  for name, value in pairs(answer) do whole[name] = whole[name] or value end -- any order
  local ok, line = pcall(to_json.line, whole, function(piece) say_piece(self, piece) end)
  if not ok then return fail(self, line) end
  self.begun = nil
  return line
end

local function refuse(self, text, code, candidates, why)
  self.owner:refuse(code)
  finish(self, conversation.error_line(code, (text:gsub("^[%w]+: ", "")), candidates, why))
end

-- The first answer that is not the last: from here on it is one of a limited number.
local function begin_long(self)
  local ok, text, code = self.owner:begin_conversation(self.client.uid)
  if ok then
    self.long = true
    return true
  end
  refuse(self, text, code)
  cancel(self)
end

local function go_on(self, answer)
  if not self.long and not begin_long(self) then return false end
  if not self:has_room() then
    self.wanted = true
    return false
  end
  local line = line_of(self, answer, true)
  if line then self.client:say(line) end
  return line ~= nil
end

--- As the head of this file says. → was it taken?
function conversation:__call(answer, more, code, candidates, why)
  if self.over then return false end
  if answer and more == true then return go_on(self, answer) end
  if not answer then
    refuse(self, more, code, candidates, why)
    return true
  end
  local line = line_of(self, answer)
  if line then finish(self, line) end
  return line ~= nil
end

--- Has the line before gone out, so that the next one would be taken?
function conversation:has_room() return not self.over and not self.begun and self.client.output == "" end

--- fn() once if it ends before its last answer: the client went, there are too many conversations, or the daemon stops.
function conversation:on_cancel(fn)
  if self.cancelled then return fn() end
  table.insert(self.cancels, fn)
end

--- fn() whenever an answer was not taken for want of room, and there is room now.
function conversation:on_room(fn) table.insert(self.rooms, fn) end

--- fn(request) for each line, a table, that the client sends while it goes on; fn(nil): it says no more.
function conversation:on_line(fn)
  self.heard = fn
  self.client:pass_on()
end

--- Does anybody hear what the client says meanwhile?
function conversation:listens() return self.heard ~= nil and not self.over end

--- Called by the client with a line that came meanwhile, or nil at their end.
function conversation:hear(request)
  local ok, fault = pcall(self.heard, request)
  if not ok then fail(self, fault) end
end

local function say_alive(self)
  if self:has_room() and not self.long then self.client:say_piece " " end
end

--- Calls FN() soon, as work in slices (lua/slices.lua), until the conversation ends: an answer that goes over many
-- records is made so.
function conversation:run(fn)
  self.client:wait(nil) -- it is the daemon that works: no time runs against the client
  local alive = self.owner.loop:every(self.client.alive or ALIVE, function() say_alive(self) end)
  local give_up = self.owner.slices:start(fn, function(ok, fault)
    alive:cancel()
    if not ok then fail(self, fault) end
    if not self.over and not self.long then self.client:wait(self.client.slow) end
  end)
  self:on_cancel(function()
    alive:cancel()
    give_up()
  end)
end

--- Calls HANDLER(request, reply), soon.
function conversation:begin(handler)
  self:run(function() handler(self.request, self) end)
end

--- Called by the client when a line has gone out.
function conversation:drained()
  local wake = self.wake
  self.wake = nil
  if wake then return wake() end
  if not self.wanted or self.over or self.begun then return end
  self.wanted = nil
  call_all(self, self.rooms)
end

--- Called by the client when it goes.
function conversation:cancel()
  if self.over then return end
  if self.long then self.owner:end_conversation(self.client.uid) end
  cancel(self)
end

return conversation
