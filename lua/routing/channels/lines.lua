-- lines.lua - frames on a stream of bytes, both ways. Reads no socket; of meaning it knows one count.
--
-- A frame is one line, but where its KIND is `statements` the line ends in a count N and the next N lines
-- belong to it. The count is of the stream only: a frame's text is the same here and in a datagram.
local frames = require "core.frames"
local frame = require "routing.channels.frame"

local lines = {}

local LINE_MAX = 8192 -- bytes of an envelope line, line feed not counted
local STATEMENT_MAX = 1024
local STATEMENTS_MAX = 256 -- lines of one frame

lines.LINE_MAX, lines.STATEMENT_MAX, lines.STATEMENTS_MAX = LINE_MAX, STATEMENT_MAX, STATEMENTS_MAX

-- -- writing ---------------------------------------------------------------------------------

local function count_statements(body)
  local n = 0
  for line in (body .. "\n"):gmatch "([^\n]*)\n" do
    n = n + 1
    if line == "" then return nil, "form" end
    if #line > STATEMENT_MAX or n > STATEMENTS_MAX then return nil, "long" end
  end
  return n
end

-- Text of a frame → bytes for the stream | nil, "form"|"long".
function lines.encode(text)
  if text == "" or frame.garbled(text) then return nil, "form" end
  local head, body = text:match "^([^\n]*)\n?(.*)$"
  local kind, rest = frame.kind(head)
  if kind ~= "statements" then
    if #text > LINE_MAX then return nil, "long" end
    if text:find("\n", 1, true) then return nil, "form" end
    return text .. "\n"
  end
  local n, code = count_statements(body)
  if not n then return nil, code end
  if rest ~= "" and rest ~= tostring(n) then return nil, "form" end
  if rest == "" then head = head .. " " .. n end
  if #head > LINE_MAX then return nil, "long" end
  return head .. "\n" .. body .. "\n"
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

local function begin(self, line, rest)
  local n = rest:match "^[1-9]%d?%d?$" and math.tointeger(rest)
  if not n or n > STATEMENTS_MAX then return false end
  self.need, self.head, self.before = n, line:sub(1, #line - #rest - 1), self.read
  return true
end

-- The frame whose first line was read, when all its statements are there.
local function statements(self)
  local list, n = self.waiting:statements(self.need)
  if list == false then return false, n, true end
  self.read = self.before + (n or self.need)
  if not list then return nil end
  self.need = nil
  return self.head, list
end

-- The next frame: its one line, or the first one and its statements (core.batch); nil if it is not whole yet; false,
-- word, lost for what is none. Where LOST is true nobody can tell any more where the next frame begins, and the
-- stream is of no use.
function Reader:next()
  if self.need then return statements(self) end
  local line = self.waiting:line(LINE_MAX)
  if line == nil then return nil end
  if not line then return false, "long", true end
  self.read = self.read + 1
  if frame.garbled(line) or line == "" then return false, "form", false end
  local kind, rest = frame.kind(line)
  if kind ~= "statements" then return line end
  if not begin(self, line, rest) then return false, "form", true end
  return statements(self)
end

function Reader:close() self.waiting:close() end

return lines
