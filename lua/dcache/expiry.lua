-- expiry.lua - when the bytes of statements that ended may go: after a day of proved time. Hides none, knows no index.
--
-- A wrong clock that is believed ends statements too early. They are hidden at once, as by a right clock, but their
-- bytes stay in the journal. If the right time is proved later, or known at the next start, they come back from there.
local expiry = {}
expiry.__index = expiry

local SPARE = 16 << 20 -- bytes of ended segments that may stay where no run ever lasts a day
local STATEMENTS_MAX = 65536 -- whose places are remembered; the bytes of others go with their segments

--- given.journal  core.journal
--- given.time     lua/time.lua
function expiry.new(given)
  return setmetatable({ journal = given.journal, time = given.time, places = {}, count = 0 }, expiry)
end

local function remember(self, place, size)
  if self.count >= STATEMENTS_MAX then return end
  self.count = self.count + 1
  self.places[self.count] = string.pack("<i8i4", place, size) -- a table for each would take four times the room
end

-- The index forgot these statements, { place =, size = } each, as ended or as being of the future.
function expiry:hide(statements)
  self.hidden = self.hidden or #statements > 0
  local settled = self.time:settled()
  for _, one in ipairs(statements) do
    if settled then self.journal:drop(one.place, one.size) else remember(self, one.place, one.size) end
  end
end

local function let_go(self)
  for _, packed in ipairs(self.places) do
    local place, size = string.unpack("<i8i4", packed)
    self.journal:drop(place, size)
  end
  self.places, self.count, self.hidden, self.till, self.beyond = {}, 0, nil, nil, nil
end

-- By proved time it is NOW (seconds), less what late digests need.
function expiry:tidy(now)
  if self.time:settled() then
    if self.hidden then let_go(self) end
    return self.journal:expire(now)
  end
  self.till = now
  self.journal:expire(now, SPARE)
end

-- Statements stamped after NOW (ms) were dropped.
function expiry:future(now) self.beyond = now end

-- Must a line that the index does not know stay, of that END (seconds) and AT (ms)? A statement that a newer one of its
-- slot replaced is not told apart: it stays as long.
function expiry:keeps(ends, at)
  return (self.till and ends <= self.till or self.beyond and at > self.beyond or false) and not self.time:settled()
end

-- Such a line lies elsewhere now.
function expiry:moved(place, size) remember(self, place, size) end

-- Another time was proved. → may what is in the journal be missing in the index?
function expiry:forget()
  local hidden = self.hidden
  self.places, self.count, self.hidden, self.till, self.beyond = {}, 0, nil, nil, nil
  return hidden or false
end

return expiry
