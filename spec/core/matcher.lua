-- matcher.lua - Lua's pattern matcher once more, as lstrlib.c has it, which counts its steps. Matches for no one.
-- A step is one look at a byte of the text, or at 8 bytes of a set.
local matcher = {}

local function class_end(p, i)
  local c = p:sub(i, i)
  if c == "%" then return i + 2 end
  if c ~= "[" then return i + 1 end
  i = i + (p:sub(i + 1, i + 1) == "^" and 2 or 1)
  repeat
    if p:sub(i, i) == "" then error "missing ]" end
    i = i + (p:sub(i, i) == "%" and 2 or 1)
  until p:sub(i, i) == "]"
  return i + 1
end

local function takes(self, s, i, last)
  self.steps = self.steps + 1
  local item = self.pattern:sub(i, last - 1)
  if item:sub(1, 1) == "[" then self.steps = self.steps + #item // 8 end
  local byte = self.text:sub(s, s)
  return byte ~= "" and byte:find("^" .. (item:find "^[%^$(]" and "%" .. item or item)) ~= nil
end

local match

local function expand(self, s, i, last)
  local n = 0
  while takes(self, s + n, i, last) do n = n + 1 end
  while n >= 0 do
    if match(self, s + n, last + 1) then return true end
    n = n - 1
  end
  return false
end

local function least(self, s, i, last)
  while not match(self, s, last + 1) do
    if not takes(self, s, i, last) then return false end
    s = s + 1
  end
  return true
end

local function balance(self, s, i)
  local open, close, depth = self.pattern:sub(i + 2, i + 2), self.pattern:sub(i + 3, i + 3), 1
  if self.text:sub(s, s) ~= open then return nil end
  for at = s + 1, #self.text do
    self.steps = self.steps + 1
    local c = self.text:sub(at, at)
    if c == close then depth = depth - 1 elseif c == open then depth = depth + 1 end
    if depth == 0 then return at + 1 end
  end
end

-- Does the pattern from I on match the text from S on? Captures are not kept: %1 is not for this.
function match(self, s, i)
  local p = self.pattern
  if i > #p then return true end
  local c = p:sub(i, i)
  if c == "(" or c == ")" then return match(self, s, i + 1) end
  if c == "$" and i == #p then return s == #self.text + 1 end
  if p:sub(i, i + 1) == "%b" then
    local after = balance(self, s, i)
    return after ~= nil and match(self, after, i + 4)
  end
  local last = class_end(p, i)
  local times = p:sub(last, last)
  if times == "?" then
    return takes(self, s, i, last) and match(self, s + 1, last + 1) or match(self, s, last + 1)
  end
  if times == "+" then return takes(self, s, i, last) and expand(self, s + 1, i, last) end
  if times == "*" then return expand(self, s, i, last) end
  if times == "-" then return least(self, s, i, last) end
  return takes(self, s, i, last) and match(self, s + 1, last)
end

-- Steps of TEXT:find(PATTERN), and whether it is found.
function matcher.steps(text, pattern)
  local self = { text = text, pattern = pattern, steps = 0 }
  local anchored = pattern:sub(1, 1) == "^"
  for s = 1, anchored and 1 or #text + 1 do
    if match(self, s, anchored and 2 or 1) then return self.steps, true end
  end
  return self.steps, false
end

return matcher
