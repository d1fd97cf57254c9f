-- call.lua - one request over an open stream, one answer back, or several while it goes on. It chooses no daemon.
local json = require "core.json"

local call = {}

local WITHIN <const> = 5000 -- ms
local PARTS <const> = 5 -- of it; however long this process stood still itself (Ctrl-Z, a busy machine), that is one
local MOST <const> = 64 << 20 -- bytes of an answer
local PIECE <const> = 65536

local conversation = {}
conversation.__index = conversation

function conversation:finish(answer, message)
  if self.ended then return end
  self.ended = true
  self.timer:cancel()
  self.watch:close()
  self.stream:close()
  self.told(answer, message)
end

function conversation:send()
  local sent, _, code = self.stream:send(self.output)
  if sent then
    self.output = self.output:sub(sent + 1)
  elseif code ~= "EAGAIN" and code ~= "EPIPE" then
    return self:finish(nil, "hung up")
  end
  -- EPIPE: a daemon that turns a client away says why first, so there is something to read.
  if self.output == "" or code == "EPIPE" then self.watch:set "r" end
end

-- WITHIN_MS from now something has to be heard.
local function await(self)
  if self.timer then self.timer:cancel() end
  local left = PARTS
  self.timer = self.loop:every(self.within_ms / PARTS, function()
    left = left - 1
    if left == 0 then self:finish(nil, ("did not answer within %d s"):format(self.within_ms // 1000)) end
  end)
end

function conversation:receive()
  local bytes, _, code = self.stream:receive(PIECE)
  if not bytes then
    if code ~= "EAGAIN" then self:finish(nil, "hung up") end
    return
  end
  if bytes == "" then return self:finish(nil, "hung up without an answer") end
  if not self.goes_on then await(self) end
  if self.size == 0 and bytes:find "^ +$" and self.working then
    self.working() -- it takes a while, and the daemon lives
    self.working = nil
  end
  self.size = self.size + #bytes
  self.pieces[#self.pieces + 1] = bytes
  if self.size > MOST then return self:finish(nil, "answers with more than can be taken") end
  if bytes:find("\n", 1, true) then self:take() end
end

-- Each whole line is an answer. The last one ends it, and so does one that cannot be read.
function conversation:take()
  local text = table.concat(self.pieces)
  local from, at = 1, text:find("\n", 1, true)
  while at and not self.ended do
    local answer = json.decode((text:sub(from, at - 1):gsub("^ +", "")))
    if type(answer) ~= "table" then return self:finish(nil, "gave an answer that is not understood") end
    if not answer.continues then return self:finish(answer) end
    self.timer:cancel() -- it goes on, for as long as it likes
    self.goes_on = true
    self.told(answer)
    from = at + 1
    at = text:find("\n", from, true)
  end
  self.pieces, self.size = { text:sub(from) }, #text - from + 1
end

-- Texts of a request may have line feeds, as files do, and any other bytes; the protocol's own JSON has none of these.
local function line_of(request) return (json.encode(request) or require "cjson".encode(request)) .. "\n" end

--- Says one more line, REQUEST, to whoever hears it while he answers.
function conversation:tell(request)
  if self.ended then return end
  self.output = self.output .. line_of(request)
  self.watch:set "rw"
end

--- TOLD(the answer's table), or TOLD(nil, what the daemon did instead: "hung up", "did not answer within 5 s"), once,
-- while LOOP runs; several times for a request that asks for answers which go on, the last without `continues`.
-- WITHIN_MS, until the first, and between two signs of life before it: 5 s unless given. WORKING(), or nil: called once
-- when the daemon says that its answer takes a while. → the conversation, whose close() cancels it.
function call.begin(loop, stream, request, within_ms, told, working)
  local self = setmetatable({
    loop = loop, stream = stream, output = line_of(request), pieces = {}, size = 0, told = told,
    within_ms = within_ms or WITHIN, working = working,
  }, conversation)
  await(self)
  self.watch = loop:watch(stream:fd(), "rw", function(readable, writable)
    if writable and self.output ~= "" then self:send() end
    if readable and not self.ended then self:receive() end
  end)
  return self
end

--- Cancels it: TOLD is not called any more.
function conversation:close()
  self.told = function() end
  self:finish()
end

--- The same, waited for: → the answer | nil, what the daemon did instead.
function call.ask(loop, stream, request, within_ms, working)
  return call.wait(loop, function(told) return call.begin(loop, stream, request, within_ms, told, working) end)
end

--- BEGIN(told) begins a request with one answer, which is waited for. → the answer | nil, what happened instead
function call.wait(loop, begin)
  local answer, message
  begin(function(...)
    answer, message = ...
    loop:stop()
  end)
  loop:run()
  return answer, message
end

--- BEGIN(told) begins a request whose answers go on: EACH(answer) for every one, until the last, or until Ctrl-C, which
-- cancels it. → true | nil, what happened instead | nil, nil: Ctrl-C.
function call.follow(loop, begin, each)
  local ended, message
  local talk = begin(function(answer, why)
    if answer then each(answer) end
    if answer and answer.continues then return end
    ended, message = answer ~= nil or nil, why
    loop:stop()
  end)
  local signal = loop:signal("sigint", function()
    talk:close()
    loop:stop()
  end)
  loop:run()
  signal:cancel()
  return ended, message
end

--- Waits for MS → true; false where the person pressed Ctrl-C.
function call.pause(loop, ms)
  return call.wait(loop, function(told)
    local signal
    local timer = loop:after(ms, function()
      signal:cancel()
      told(true)
    end)
    signal = loop:signal("sigint", function()
      timer:cancel()
      signal:cancel()
      told(false)
    end)
  end)
end

return call
