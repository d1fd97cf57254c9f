-- client.lua - one client of the control socket: lines in, lines out, one request at a time. Answers nothing itself.
local conversation = require "clients.control.conversation"
local json = require "core.json"

local client = {}
client.__index = client

local LINE <const> = 65536 -- bytes of a request, line feed not counted
local PIECE <const> = 16384
local IDLE <const> = 300000 -- ms without a request, or in which a conversation's reader takes nothing
local LINGER <const> = 1000 -- ms for a client that is turned away to read why
local SLOW <const> = 10000 -- ms for a request to become whole, for the first answer, or for the last to be taken on

--- A client of the user UID on STREAM; OWNER is the control object (its loop, answer, limits).
function client.new(owner, stream, uid)
  local self = setmetatable({ owner = owner, stream = stream, uid = uid, input = "", output = "" }, client)
  local limits = owner.limits or {}
  self.since = owner.loop:now()
  self.idle, self.slow, self.line = limits.idle or IDLE, limits.slow or SLOW, limits.line or LINE
  self.alive = limits.alive
  self.watch = owner.loop:watch(stream:fd(), "r", function(readable, writable)
    if writable and self.talk and self.output == "" then return self:close() end -- nothing waits: it hung up
    if writable then self:flush() end
    if readable and not self.closed then self:read() end
  end)
  self:wait(self.idle)
  return self
end

-- MS from now it is closed, unless something happens before that; nil: no time runs.
function client:wait(ms)
  if self.timer then self.timer:cancel() end
  self.timer = ms and self.owner.loop:after(ms, function()
    if not self.leaving then self.owner:refuse "slow" end
    self:close()
  end)
end

--- An error as the last thing said. What comes after it is read and dropped for a moment: to close a socket
-- with bytes unread would cut the client off before it has read why.
function client:refuse(code, text)
  self.owner:refuse(code)
  self.leaving = true
  self:say(conversation.error_line(code, text))
end

--- Writes a line; whoever is in a conversation asks its has_room before.
function client:say(text)
  self.partial = false
  self.output = self.output .. text .. "\n"
  self:wait(self.leaving and LINGER or self.talk and self.idle or self.slow)
  self:flush()
end

--- Writes a piece of a line that goes on; whoever is in a conversation waits until `output` is empty before the next.
function client:say_piece(text)
  self.partial = false
  self.output = self.output .. text
  self:wait(self.slow)
  self:flush()
end

--- The last line of the conversation: the next request's turn.
function client:finish(text)
  self.talk = nil
  self:say(text)
end

-- Requests come from people's own programs too, whose JSON has spaces and any order of keys.
local function read_json(text)
  local value = json.decode(text)
  if value ~= nil then return value end
  local ok, read = pcall(require("cjson.safe").decode, text)
  return ok and read or nil
end

function client:answer(text)
  local request = read_json(text)
  if type(request) ~= "table" or type(request.command) ~= "string" then
    self.owner:refuse "form"
    return self:say(conversation.error_line("form", 'a request is one line such as {"command":"status"}'))
  end
  self.talk = conversation.new(self, request)
  self:wait(self.slow)
  self.talk:begin(self.owner.answer)
end

-- The time for a line runs from its first byte: one byte now and then does not renew it.
function client:await_line()
  if self.input == "" then return self:wait(self.idle) end
  if not self.partial then self:wait(self.slow) end
  self.partial = true
end

--- Answers the first whole line, if there is one and the last answer has gone out.
function client:step()
  local line, rest = self.input:match "^([^\n]*)\n(.*)$"
  if self.output ~= "" or self.closed or self.leaving or self.talk then return end
  if #(line or self.input) > self.line then
    self.input = ""
    return self:refuse("long", ("a request has at most %d bytes"):format(self.line))
  end
  if not line and self.ended then return self:close() end
  if not line then return self:await_line() end
  self.input = rest
  self.owner.asked = self.owner.asked + 1
  self:answer(line)
end

-- What was said ends here: it is not understood.
local function break_off(self, code, text)
  self.input = ""
  self.talk:cancel()
  self.talk = nil
  self:refuse(code, text)
end

--- Hands whole lines to whoever hears them while he answers.
function client:pass_on()
  while not self.closed and self.talk and self.talk:listens() do
    local line, rest = self.input:match "^([^\n]*)\n(.*)$"
    if #(line or self.input) > self.line then
      return break_off(self, "long", ("a line has at most %d bytes"):format(self.line))
    end
    if not line then
      if self.ended then self.talk:hear(nil) end
      return
    end
    local request = read_json(line)
    if type(request) ~= "table" then return break_off(self, "form", "a line is an object of JSON") end
    self.input = rest
    self.talk:hear(request)
  end
end

-- Reads on, unless the client says no more, or has asked enough for now.
local function watch_input(self)
  local rests = self.ended or self.talk and #self.input > self.line
  self.watch:set(rests and "" or "r")
end

function client:read()
  local bytes, _, code = self.stream:receive(PIECE)
  if not bytes then
    if code ~= "EAGAIN" then self:close() end
    return
  end
  if bytes == "" then return self:ends() end
  if self.leaving then return end
  self.input = self.input .. bytes
  if not self.talk then return self:step() end
  self:pass_on()
  if not self.closed then watch_input(self) end
end

-- The client says no more. It may still read: answers that are being made go to it first.
function client:ends()
  if not self.talk then return self:close() end
  self.ended = true
  watch_input(self)
  self:pass_on()
end

-- While an answer waits to go out nothing is read: a client that does not listen cannot pile up questions.
function client:flush()
  while self.output ~= "" do
    local sent, _, code = self.stream:send(self.output)
    if not sent then
      if code ~= "EAGAIN" then return self:close() end
      return self.watch:set "w"
    end
    self.output = self.output:sub(sent + 1)
  end
  watch_input(self)
  if self.talk then
    self:wait(nil)
    return self.talk:drained()
  end
  self.owner.loop:post(function() self:step() end)
end

--- Ends it; twice is safe.
function client:close()
  if self.closed then return end
  self.closed = true
  if self.talk then self.talk:cancel() end
  if self.timer then self.timer:cancel() end
  self.watch:close()
  self.stream:close()
  self.owner:forget(self)
end

return client
