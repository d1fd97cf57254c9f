-- call.lua - one request over an open stream, one answer back, within a time. It chooses no daemon.
local json = require "core.json"

local call = {}

local WITHIN <const> = 5000 -- ms
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

function conversation:receive()
  local bytes, _, code = self.stream:receive(PIECE)
  if not bytes then
    if code ~= "EAGAIN" then self:finish(nil, "hung up") end
    return
  end
  if bytes == "" then return self:finish(nil, "hung up without an answer") end
  self.size = self.size + #bytes
  self.pieces[#self.pieces + 1] = bytes
  if self.size > MOST then return self:finish(nil, "answers with more than can be taken") end
  if not bytes:find("\n", 1, true) then return end
  local answer = json.decode(table.concat(self.pieces):match "^[^\n]*")
  if type(answer) ~= "table" then return self:finish(nil, "gave an answer that is not understood") end
  self:finish(answer)
end

--- TOLD(the answer's table), or TOLD(nil, what the daemon did instead: "hung up", "did not answer within 5 s"), once,
-- while LOOP runs; WITHIN_MS is 5 s unless given.
function call.begin(loop, stream, request, within_ms, told)
  within_ms = within_ms or WITHIN
  local self = setmetatable({
    loop = loop, stream = stream, output = json.encode(request) .. "\n", pieces = {}, size = 0, told = told,
  }, conversation)
  self.timer = loop:after(within_ms, function()
    self:finish(nil, ("did not answer within %d s"):format(within_ms // 1000))
  end)
  self.watch = loop:watch(stream:fd(), "rw", function(readable, writable)
    if writable and self.output ~= "" then self:send() end
    if readable and not self.ended then self:receive() end
  end)
end

--- The same, waited for: → the answer | nil, what the daemon did instead.
function call.ask(loop, stream, request, within_ms)
  local answer, message
  call.begin(loop, stream, request, within_ms, function(...)
    answer, message = ...
    loop:stop()
  end)
  loop:run()
  return answer, message
end

return call
