-- lone_lines.lua - messages as lines that stand each for itself, for pipes that may lose some. Reads no pipe.
--
-- A statement stands alone on its line: a head and a count before it, as TCP has them (lines.lua), would make the loss
-- of one line that of two, and the wait for the last of a frame one without end. A head begins with /, * or ~, and a
-- statement with its signature in base64url, which has none of these.
local batch = require "core.batch"
local envelope = require "routing.envelope"
local limits = require "core".limits

local lone_lines = { LINE_MAX = limits.line }

local MOST = 64 -- statements that are handed on together
local SKIPPED_MAX = 1 << 22 -- bytes of a line that is too long, then it counts as one more

local function garbled(line) return line == "" or line:find "[%z\1-\31\127]" ~= nil end

local is_head = envelope.may_begin

local function check(line, most)
  if garbled(line) then return "form" end
  return #line > most and "long" or nil
end

--- MESSAGE { head =, kind =, body = } → bytes for the pipe | nil, "form" | "long".
function lone_lines.encode(message)
  local code = check(message.head, lone_lines.LINE_MAX)
  if not code and not is_head(message.head) then code = "form" end
  if code then return nil, code end
  if message.kind ~= "statements" then return message.head .. "\n" end
  for _, line in ipairs(message.body or {}) do
    code = check(line, limits.statement) or is_head(line) and "form"
    if code then return nil, code end
  end
  if not (message.body and message.body[1]) then return nil, "form" end
  return table.concat(message.body, "\n") .. "\n"
end

local Reader = {}
Reader.__index = Reader

function lone_lines.reader() return setmetatable({ rest = "", at = 1 }, Reader) end

--- BYTES came behind what waits.
function Reader:feed(bytes)
  self.rest, self.at = self.rest:sub(self.at) .. bytes, 1
end

-- The next whole line | nil | false: it is longer than any, and is left out up to its end
local function next_line(self)
  local feed = self.rest:find("\n", self.at, true)
  local size = (feed or #self.rest + 1) - self.at
  local too_long = size > lone_lines.LINE_MAX
  if not feed and not too_long then return nil end
  local line, skipped = self.rest:sub(self.at, self.at + size - 1), self.skipping
  self.at = self.at + size + (feed and 1 or 0)
  self.skipping = not feed
  if skipped then
    self.skipped = self.skipped + size
    if feed then return next_line(self) end
    if self.skipped < SKIPPED_MAX then return nil end -- counted when it began
    self.skipped = 0
    return false
  end
  self.skipped = 0
  if too_long then return false end
  return line
end

-- The line LINE and all statements that came whole behind it, as one message.
local function statements(self, line)
  local list = { line }
  while #list < MOST do
    local at = self.at
    local more = next_line(self)
    if not more or garbled(more) or is_head(more) then
      if more then self.at = at end
      if more == false then self.lost = true end
      break
    end
    list[#list + 1] = more
  end
  local text = table.concat(list, "\n")
  local message = envelope.read "* - 8 statements"
  message.list, message.why, message.code = batch.new(text)
  return message, #text
end

--- The next message (envelope.read), statements as its `list` (core.batch), and its size; nil while none is whole;
-- false, code for a line that is none: the next one may be good.
function Reader:next()
  if self.lost then
    self.lost = nil
    return false, "long"
  end
  local line = next_line(self)
  if line == nil then return nil end
  if not line then return false, "long" end
  if garbled(line) then return false, "form" end
  if not is_head(line) then return statements(self, line) end
  return envelope.read(line), #line
end

return lone_lines
