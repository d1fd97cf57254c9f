-- typed_line.lua - a line of bash up to the cursor into words, and a word back into what bash may insert there. It runs
-- nothing and expands nothing.
local typed = {}

-- What a shell would take for more than itself is hidden from it by a backslash.
local function bare(text)
  return (text:gsub("[^%w._:/@+,%%=~\x80-\xFF-]", "\\%0"):gsub("^~", "\\~"))
end

-- Within quotes that are open already; nil: such a text cannot stand there.
local function quoted(text, quote)
  if quote == "'" then return (text:gsub("'", "'\\''")) end
  if text:find("!", 1, true) then return nil end -- bash would look for it in its history
  return (text:gsub('[\\$`"]', "\\%0"))
end

local Reader = {}
Reader.__index = Reader

-- Takes the text PLAIN into the current word.
local function take(self, plain) self.word = (self.word or "") .. plain end

-- bash replaces only what stands behind a break; an @ it replaces, too.
local function mark(self, char) self.behind = #(self.word or "") - (char == "@" and 1 or 0) end

function Reader:within(char)
  if char == self.quote then
    self.quote, self.closed = nil, true
  elseif char == "\\" and self.quote == '"' and self.line:find('^[\\$`"]', self.at + 1) then
    self.at = self.at + 1
    take(self, self.line:sub(self.at, self.at))
  else
    take(self, char)
  end
end

function Reader:outside(char)
  if char:find "[ \t\n]" then
    if self.word then self.words[#self.words + 1] = self.word end
    self.word, self.behind, self.closed = nil, 0, false
  elseif char == "\\" then
    self.at = self.at + 1
    take(self, self.line:sub(self.at, self.at))
  elseif char == "'" or char == '"' then
    take(self, "")
    self.quote = char
    mark(self, char)
  else
    take(self, char)
    if self.breaks:find(char, 1, true) then mark(self, char) end
  end
end

--- The LINE up to the cursor; BREAKS: $COMP_WORDBREAKS. → { words = those before the one at the cursor, word = that one
-- ("" for none yet), quote = ' or " that is open, or nil, behind = bytes of it that bash leaves as they are, closed =
-- quotes ended within it }: words as the program would get them.
function typed.read(line, breaks)
  local self = setmetatable({ line = line, breaks = breaks, words = {}, behind = 0, at = 1 }, Reader)
  while self.at <= #line do
    local char = line:sub(self.at, self.at)
    if self.quote then self:within(char) else self:outside(char) end
    self.at = self.at + 1
  end
  self.word = self.word or ""
  return self
end

--- What bash shall put in the place of the word at the cursor so that it becomes TEXT, which begins with it | nil: that
-- cannot be said there.
function typed.insert(at, text)
  if at.closed then return nil end
  local rest = text:sub(at.behind + 1)
  if at.quote then return quoted(rest, at.quote) end
  return bare(rest)
end

return typed
