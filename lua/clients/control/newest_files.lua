-- newest_files.lua - which files were said last, without a look at all of them each time. Knows slots and times only.
--
-- It keeps some of the newest, and FLOOR: none that it does not keep is newer than that.
local newest = {}
newest.__index = newest

local SPARE <const> = 2 -- times as many are kept as are asked for, since some go
local MOST <const> = 4 -- times: beyond that the oldest of them are left out

function newest.new() return setmetatable({ at = {}, count = 0, wanted = 0, floor = math.maxinteger }, newest) end

local function sorted(self)
  local slots = {}
  for slot in pairs(self.at) do slots[#slots + 1] = slot end -- any order: sorted below
  table.sort(slots, function(a, b)
    if self.at[a] ~= self.at[b] then return self.at[a] > self.at[b] end
    return a < b
  end)
  return slots
end

local function trim(self)
  local slots = sorted(self)
  for i = SPARE * self.wanted + 1, #slots do self.at[slots[i]] = nil end
  self.count = math.min(#slots, SPARE * self.wanted)
  self.floor = math.max(self.floor, self.at[slots[self.count]])
end

--- A file in SLOT was said at AT (ms).
function newest:put(slot, at)
  if at < self.floor then return end
  if not self.at[slot] then self.count = self.count + 1 end
  self.at[slot] = at
  if self.count > MOST * self.wanted then trim(self) end
end

function newest:take_out(slot)
  if not self.at[slot] then return end
  self.at[slot], self.count = nil, self.count - 1
end

--- The slots of the MOST newest of TOTAL | nil: too few are known, and all are to be put in after `begin`.
function newest:first(most, total)
  if self.count < math.min(most, total) then return nil end
  return { table.unpack(sorted(self), 1, most) }
end

--- From here on all are put in, of which MOST will be asked for.
function newest:begin(most)
  self.at, self.count, self.wanted, self.floor = {}, 0, most, math.mininteger
end

return newest
