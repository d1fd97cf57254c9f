-- client.lua - one client of the control socket: a line in, a line out, one at a time. Decides nothing.
local json = require "core.json"

local client = {}
client.__index = client

local LINE <const> = 65536 -- bytes of a request, line feed not counted
local PIECE <const> = 16384
local IDLE <const> = 300000 -- ms without a request
local LINGER <const> = 1000 -- ms for a client that is turned away to read why
local SLOW <const> = 10000 -- ms for a request to become whole, or for an answer to be taken on

local function error_line(code, text, candidates)
  return json.encode { schema = 1, error = { word = code, text = text, candidates = candidates } }
end

--- A client on STREAM; OWNER is the control object (its loop, answer, limits).
function client.new(owner, stream)
  local self = setmetatable({ owner = owner, stream = stream, input = "", output = "" }, client)
  local limits = owner.limits or {}
  self.idle, self.slow, self.line = limits.idle or IDLE, limits.slow or SLOW, limits.line or LINE
  self.watch = owner.loop:watch(stream:fd(), "r", function(readable, writable)
    if writable and self.liveness then return self:close() end -- nothing waits to go out: it hung up
    if writable then self:flush() end
    if readable and not self.closed then self:read() end
  end)
  self:wait(self.idle)
  return self
end

function client:wait(ms)
  if self.timer then self.timer:cancel() end
  self.timer = self.owner.loop:after(ms, function()
    if not self.leaving then self.owner:refuse "slow" end
    self:close()
  end)
end

--- An error as the last thing said. What comes after it is read and dropped for a moment: to close a socket
-- with bytes unread would cut the client off before it has read why.
function client:refuse(code, text)
  self.owner:refuse(code)
  self.leaving = true
  self:say(error_line(code, text))
end

function client:say(text)
  self.partial = false
  self.output = text .. "\n"
  self:wait(self.leaving and LINGER or self.slow)
  self:flush()
end

-- Requests come from people's own programs too, whose JSON has spaces and any order of keys.
local function read_json(text)
  local value = json.decode(text)
  if value ~= nil then return value end
  local ok, read = pcall(require("cjson.safe").decode, text)
  return ok and read or nil
end

-- What `answer` gave, as a line; OK: it did not throw.
local function line_of(owner, request, ok, result, message, code, candidates)
  local line
  if ok and result then ok, line = pcall(json.encode, result) end
  if not ok then
    owner.log:error("control", "a request failed", { command = request.command, reason = line or result })
    return error_line("kind", "the daemon failed at this; its log says where")
  end
  if line then return line end
  owner:refuse(code)
  return error_line(code, message:gsub("^[%w]+: ", ""), candidates)
end

-- An answer that takes its time: START(tell) begins it, and tell is called once with what `answer` would have given.
-- START may give a function that gives it up: it is called when the client goes before. Until then the client waits.
function client:later(request, start)
  local told = false
  self.liveness = true
  self:wait(self.slow)
  local function tell(...)
    if told or self.closed then return end
    told, self.liveness, self.give_up = true, nil, nil
    self:say(line_of(self.owner, request, true, ...))
  end
  local ok, result = pcall(start, tell)
  if not ok and not told then
    told, self.liveness = true, nil
    return self:say(line_of(self.owner, request, false, result))
  end
  if not told then self.give_up = result end
end

function client:answer(text)
  local owner, request = self.owner, read_json(text)
  if type(request) ~= "table" or type(request.command) ~= "string" then
    owner:refuse "form"
    return self:say(error_line("form", 'a request is one line such as {"command":"status"}'))
  end
  local found = table.pack(pcall(owner.answer, request))
  if found[1] and type(found[2]) == "function" then return self:later(request, found[2]) end
  self:say(line_of(owner, request, table.unpack(found, 1, found.n)))
end

-- The time for a line runs from its first byte: one byte now and then does not renew it.
function client:await_line()
  if self.input == "" then return self:wait(self.idle) end
  if not self.partial then self:wait(self.slow) end
  self.partial = true
end

--- Answers the first whole line, if there is one and the last answer has gone out.
function client:step()
  local line, rest = self.input:match("^([^\n]*)\n(.*)$")
  if self.output ~= "" or self.closed or self.leaving or self.liveness then return end
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

function client:read()
  local bytes, _, code = self.stream:receive(PIECE)
  if not bytes then
    if code ~= "EAGAIN" then self:close() end
    return
  end
  if bytes == "" then return self:ends() end
  if self.leaving then return end
  self.input = self.input .. bytes
  if self.liveness and #self.input > self.line then self.watch:set "" end -- enough questions for now
  self:step()
end

-- The client says no more. It may still read: an answer that is being made goes to it first.
function client:ends()
  if not self.liveness then return self:close() end
  self.ended = true
  self.watch:set ""
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
  self.watch:set(self.ended and "" or "r")
  self.owner.loop:post(function() self:step() end)
end

--- Ends it; twice is safe.
function client:close()
  if self.closed then return end
  self.closed = true
  if self.give_up then pcall(self.give_up) end
  if self.timer then self.timer:cancel() end
  self.watch:close()
  self.stream:close()
  self.owner:forget(self)
end

return client
