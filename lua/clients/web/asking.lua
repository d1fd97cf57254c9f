-- asking.lua - a request that the page door has answered by the control socket's commands, as conversation.lua knows a
-- client: one answer, whole. Knows no command, no HTTP.
local conversation = require "clients.control.conversation"

local asking = {}
asking.__index = asking

local BYTES_MAX <const> = 1024 * 1024 -- of an answer
local ALIVE <const> = 60 * 1000 -- ms, longer than any answer may take: no sign of life is needed
local LONG <const> = "more than 1 MiB: ask the control socket, as dt-swarm-cli HOST %s --json does"

--- given.loop, log, slices
--- given.handler  fn(request, reply)
--- given.told     fn(text) | fn(nil, text, code): the answer as a line of JSON with its line feed, once
function asking.new(given, request)
  local self = setmetatable({ loop = given.loop, log = given.log, slices = given.slices, told = given.told,
    command = request.command, output = "", parts = {}, size = 0, alive = ALIVE }, asking)
  self.owner = self
  self.talk = conversation.new(self, request)
  self.talk:begin(given.handler)
  return self
end

local function finish(self, ...)
  if self.over then return end
  self.over = true
  self.told(...)
end

local function take(self, text)
  if self.over then return end
  self.size = self.size + #text
  if self.size > BYTES_MAX then
    finish(self, nil, LONG:format(self.command), "size")
    return self.talk and self.talk:cancel()
  end
  self.parts[#self.parts + 1] = text
end

--- As client.lua's: a piece of the line, and the last of it.
function asking:say_piece(text) take(self, text) end

function asking:finish(text)
  self.talk = nil
  if not self.code and self.size == 0 and text:find '^{"error":' then self.code = "kind" end -- the handler failed
  if self.code then return finish(self, nil, text, self.code) end
  take(self, text .. "\n")
  finish(self, table.concat(self.parts))
end

--- As control/init.lua's: what comes next is a refusal with the word CODE; an answer that goes on is none here.
function asking:refuse(code) self.code = code end

function asking.begin_conversation() return nil, "form: this does not go on", "form" end

function asking.wait() end
function asking.pass_on() end

--- It failed half-way.
function asking:close() finish(self, nil, "the daemon failed at this; its log says where", "kind") end

--- Nobody waits for it any more.
function asking:cancel()
  self.over = true
  if self.talk then self.talk:cancel() end
end

return asking
