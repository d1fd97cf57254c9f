-- bundle.lua - the form of a bundle: statement lines, then a line that says that nothing is missing. Opens no file.
--
-- `end N HASH`: N lines stand before it, and HASH is the BLAKE2b-256 (base64url) of all bytes before it. Each line
-- bears its own signature, so that every whole line of a damaged bundle is as good as ever; the end only shows the
-- damage.
local hash = require "core.hash"
local limits = require "core".limits
local text = require "core.text"

local bundle = {}

local LINE_MOST = limits.statement -- bytes of a line, line feed not counted

-- == writing

local writer = {}
writer.__index = writer

--- A bundle that begins. → an object with add and finish
function bundle.writer() return setmetatable({ count = 0, sum = hash.new "blake2b" }, writer) end

--- LINES (texts without line feeds) come next. → their bytes
function writer:add(lines)
  if not lines[1] then return "" end
  local bytes = table.concat(lines, "\n") .. "\n"
  self.sum:update(bytes)
  self.count = self.count + #lines
  return bytes
end

--- → the last line
function writer:finish() return ("end %d %s\n"):format(self.count, text.base64url(self.sum:final())) end

--- A whole bundle of LINES.
function bundle.text(lines)
  local one = bundle.writer()
  return one:add(lines) .. one:finish()
end

-- == reading

local reader = {}
reader.__index = reader

--- A bundle that is read a piece at a time. → an object with take and finish
function bundle.reader() return setmetatable({ rest = "", count = 0, number = 0, sum = hash.new "blake2b" }, reader) end

-- A line END that says how many came before and what their hash is.
local function read_end(self, n, told)
  if self.ends then self.more = true end
  self.ends = true
  if math.tointeger(tonumber(n)) ~= self.count then
    self.wrong = ("length: the end speaks of %s lines, and %d came before it"):format(n, self.count)
  elseif not self.more and told ~= text.base64url(self.sum:final()) then
    self.wrong = "block: the lines are not those for which the end was written: something was changed on the way"
  end
end

-- A whole line without its line feed; LONG: it is longer than a statement can be.
local function read_line(self, line, list, long)
  local n, told = line:match "^end (%d+) ([%w_-]+)$"
  self.number = self.number + 1
  if n and not long then return read_end(self, n, told) end
  if self.ends then
    self.more = true
  else
    self.sum:update(line)
    self.sum:update "\n"
  end
  self.count = self.count + 1
  list[#list + 1] = { number = self.number, line = not long and line or nil, code = long and "long" or nil }
end

-- Of a line that is too long only the beginning is kept, so that no file fills the memory.
local function read_long(self, piece)
  if not self.ends then self.sum:update(piece) end
  self.long = (self.long or 0) + #piece
end

--- Bytes of a line that has not ended.
function reader:half() return (self.long or 0) + #self.rest end

--- BYTES come next. → array of { number = 1, 2, 3 …, line = text } for each line that is whole now, with code = "long"
-- in place of a line that no statement can be.
function reader:take(bytes)
  local list, from = {}, 1
  bytes, self.rest = self.rest .. bytes, ""
  while true do
    local at = bytes:find("\n", from, true)
    local size = (at or #bytes + 1) - from
    if not at then
      self.rest = bytes:sub(from)
      if size > LINE_MOST then
        read_long(self, self.rest)
        self.rest = ""
      end
      return list
    end
    read_line(self, bytes:sub(from, at - 1), list, self.long or size > LINE_MOST)
    self.long, from = nil, at + 1
  end
end

--- The file ends. → true | nil, text, code: what is wrong with its end; and the number of a last line that is not whole
function reader:finish()
  local half = (self.rest ~= "" or self.long) and self.number + 1 or nil
  if not self.ends then
    return nil, "length: the end is missing: the file was cut, or is not written to its end yet", "length", half
  end
  if self.more or half then
    return nil, "length: more lines stand behind the end: the file was put together from others", "length", half
  end
  if self.wrong then return nil, self.wrong, self.wrong:match "^%l+" end
  return true
end

return bundle
