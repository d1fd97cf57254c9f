-- lines.lua - messages on a stream of bytes, both ways. Reads no socket; of meaning it knows one count.
--
-- A message is one line, but where its KIND is `statements` the line ends in a count N and the next N lines
-- belong to it. The count is written here and taken off here: nobody else sees it.
local frames = require "core.frames"
local envelope = require "routing.envelope"

local lines = {}

local LINE_MAX = require "core".limits.line -- bytes of an envelope line, line feed not counted
local STATEMENT_MAX = require "core".limits.statement
local STATEMENTS_MAX = require "core".limits.statements -- lines of one frame

lines.LINE_MAX = LINE_MAX

-- -- writing ---------------------------------------------------------------------------------

local function garbled(line) return line == "" or line:find "[%z\1-\31\127]" ~= nil end

local function check(body)
  if not body or not body[1] then return "form" end
  if #body > STATEMENTS_MAX then return "long" end
  for _, line in ipairs(body) do
    if #line > STATEMENT_MAX then return "long" end
    if garbled(line) then return "form" end
  end
end

-- MESSAGE { head =, kind =, body = } → bytes for the stream | nil, "form"|"long".
function lines.encode(message)
  local head, body = message.head, message.body
  if garbled(head) then return nil, "form" end
  if #head > LINE_MAX then return nil, "long" end
  if message.kind ~= "statements" then
    if body and body[1] then return nil, "form" end
    return head .. "\n"
  end
  local code = not head:find " statements$" and "form" or check(body)
  if code then return nil, code end
  return ("%s %d\n%s\n"):format(head, #body, table.concat(body, "\n"))
end

-- -- reading ---------------------------------------------------------------------------------

local Reader = {}
Reader.__index = Reader

function lines.reader()
  return setmetatable({ waiting = frames.reader(), read = 0 }, Reader) -- read: lines so far
end

function Reader:feed(bytes) self.waiting:feed(bytes) end

-- At most SIZE bytes of STREAM (core.net) → how many, 0 at its end | nil, text, code.
function Reader:receive(stream, size) return self.waiting:receive(stream, size) end

-- True in the midst of a line or of a frame.
function Reader:half() return self.need ~= nil or self.waiting:left() > 0 end

-- MESSAGE is the head of statements: so many lines belong to it as its REST says. The count is the stream's own.
local function begin(self, message, size)
  local rest = message.rest
  local n = rest:match "^[1-9]%d?%d?$" and math.tointeger(rest)
  if not n or n > STATEMENTS_MAX then return false end
  message.rest, message.head = "", message.head and message.head:sub(1, -2 - #rest)
  self.need, self.message, self.size, self.before = n, message, size - #rest - 1, self.read
  return true
end

-- The message whose head was read, when all its statements are there.
local function statements(self)
  local list, n = self.waiting:statements(self.need)
  if list == false then return false, n, true end
  self.read = self.before + (n or self.need)
  if not list then return nil end
  self.need, self.message.list = nil, list
  return self.message, self.size + 1 + list:bytes()
end

-- The next message (envelope.read), with its statements as `list` (core.batch), and its size (frame.size); nil if it is
-- not whole yet; false, code, lost for what is none. Where LOST is true nobody can tell any more where the next message
-- begins, and the stream is of no use.
function Reader:next()
  if self.need then return statements(self) end
  local line = self.waiting:line(LINE_MAX)
  if line == nil then return nil end
  if not line then return false, "long", true end
  self.read = self.read + 1
  if garbled(line) then return false, "form", false end
  local message = envelope.read(line)
  if message.kind ~= "statements" then return message, #line end
  if not begin(self, message, #line) then return false, "form", true end
  return statements(self)
end

function Reader:close() self.waiting:close() end

return lines
