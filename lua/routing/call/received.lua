-- call/received.lua - the parts of one answer as they came, in order again. Opens no box, sends nothing.
local received = {}
received.__index = received

local AHEAD_MAX <const> = 64 -- parts that are kept though one before them is missing

function received.new() return setmetatable({ next = 1, highest = 0, parts = {} }, received) end

--- Part N, the last one or not → list of texts that are in order now | nil, text, "duplicate"|"full"
function received:put(n, text, last)
  if n < self.next or self.parts[n] then return nil, "duplicate: that part was here already", "duplicate" end
  if n >= self.next + AHEAD_MAX then return nil, "full: too far ahead of what is missing", "full" end
  self.parts[n], self.highest = text, math.max(self.highest, n)
  if last then self.last = n end
  local ready = {}
  while self.parts[self.next] do
    ready[#ready + 1], self.parts[self.next] = self.parts[self.next], nil
    self.next = self.next + 1
  end
  return ready
end

--- Is all of it here?
function received:whole() return self.last ~= nil and self.next > self.last end

--- Is a part missing before one that is here?
function received:gap() return self.highest >= self.next end

--- The numbers that are missing, at most MOST; and BEYOND of those that may follow, where nobody knows the last one.
function received:missing(most, beyond)
  local list, till = {}, self.last or self.highest + beyond
  for n = self.next, till do
    if not self.parts[n] and #list < most then list[#list + 1] = n end
  end
  return list
end

return received
