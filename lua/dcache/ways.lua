-- ways.lua - by which way each statement came here, for people: texts that the index remembers by number. Routes
-- nothing.
--
-- The number of an entry's way is kept in memory only. There are few of them, and none is used twice: when they are all
-- given away, what comes by a way that is new is told by its kind, "tcp".
local ways = {}
ways.__index = ways

local MOST <const> = 511 -- as many as the index can tell apart (INDEX_WAYS)
local KINDS <const> = 16 -- of these the last are left for kinds
local JOURNAL <const> = 1

--- The way of what was read in the journal: how it came here before was not kept.
ways.JOURNAL = JOURNAL

function ways.new() return setmetatable({ texts = { [JOURNAL] = "journal" }, numbers = {}, last = JOURNAL }, ways) end

local function give(self, text)
  self.last = self.last + 1
  self.numbers[text], self.texts[self.last] = self.last, text
  return self.last
end

--- The number of the way TEXT of that KIND; 0 where neither can have one any more.
function ways:number(text, kind)
  local known = self.numbers[text]
  if known then return known end
  if self.last < MOST - KINDS then return give(self, text) end
  return self.numbers[kind] or self.last < MOST and give(self, kind) or 0
end

--- The text of NUMBER; nil for 0: that statement was said here, or nobody knows.
function ways:text(number) return self.texts[number] end

return ways
