-- lines.lua - frames on a stream of bytes, both ways. Reads no socket; of meaning it knows one count.
--
-- A frame is one line, but where its KIND is `statements` the line ends in a count N and the next N lines
-- belong to it. The count is of the stream only: a frame's text is the same here and in a datagram.
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
  local n, word = count_statements(body)
  if not n then return nil, word end
  if rest ~= "" and rest ~= tostring(n) then return nil, "form" end
  if rest == "" then head = head .. " " .. n end
  if #head > LINE_MAX then return nil, "long" end
  return head .. "\n" .. body .. "\n"
end

-- -- reading ---------------------------------------------------------------------------------

local Reader = {}
Reader.__index = Reader

function lines.reader()
  return setmetatable({ buffer = "", at = 1, read = 0 }, Reader) -- read: lines so far
end

function Reader:feed(bytes)
  self.buffer, self.at = self.buffer:sub(self.at) .. bytes, 1
end

-- True in the midst of a line or of a frame.
function Reader:half()
  return self.at <= #self.buffer or self.need ~= nil
end

local function next_line(self, most)
  local stop = self.buffer:find("\n", self.at, true)
  if (stop or #self.buffer + 1) - self.at > most then return false end
  if not stop then return nil end
  local line = self.buffer:sub(self.at, stop - 1)
  self.at, self.read = stop + 1, self.read + 1
  return line
end

local function begin(self, line, rest)
  local n = rest:match "^[1-9]%d?%d?$" and math.tointeger(rest)
  if not n or n > STATEMENTS_MAX then return false end
  self.need, self.parts = n, { line:sub(1, #line - #rest - 1) }
  return true
end

local function finish(self)
  local text = table.concat(self.parts, "\n")
  self.need, self.parts = nil, nil
  return text
end

-- The next frame's text; nil if it is not whole yet; false, word, lost for what is none. Where LOST is
-- true nobody can tell any more where the next frame begins, and the stream is of no use.
function Reader:next()
  while true do
    local line = next_line(self, self.need and STATEMENT_MAX or LINE_MAX)
    if line == nil then return nil end
    if not line then return false, "long", true end
    if frame.garbled(line) or line == "" then return false, "form", self.need ~= nil end
    if self.need then
      self.parts[#self.parts + 1] = line
      if #self.parts > self.need then return finish(self) end
    else
      local kind, rest = frame.kind(line)
      if kind ~= "statements" then return line end
      if not begin(self, line, rest) then return false, "form", true end
    end
  end
end

return lines
