-- cancelled.lua - a token that was cancelled a moment ago still counts. Judges nobody.
--
-- Who cancels a token has signed for its robots just before, but those grants may come by another way than the
-- cancelling, and later. Did it count at once, these robots would be strangers for a moment: all that they said would
-- be dropped, and have to come back. Revocations count at once; so does all that was on the disk at the start.
local cancelled = {}
cancelled.__index = cancelled

local BUCKET <const> = "trust/tokens"
local GRACE <const> = 3000 -- ms

cancelled.GRACE = GRACE

function cancelled.new(loop) return setmetatable({ loop = loop, since = {} }, cancelled) end

local function is_cancelling(st) return st.bucket == BUCKET and st.verb == "dismiss" end

-- What the signer of ST said in that slot before, among the statements BEFORE by short ID | nil
local function said_before(st, before)
  for _, one in pairs(before) do -- any order: a slot is there once
    if one.bucket == BUCKET and one.key == st.key and one.signer == st.signer and one.verb == "propose" then
      return one
    end
  end
end

-- Forgets what is not among those of the list any more.
local function keep_only(self, shorts)
  for short in pairs(self.since) do -- any order
    if not shorts[short] then self.since[short] = nil end
  end
end

--- All of WORDS (statements of `trust/…`) was there at the start, so that it counts at once.
function cancelled:begin(words)
  for _, st in ipairs(words) do
    if is_cancelling(st) then self.since[st.short] = { at = self.loop:now() - GRACE } end
  end
end

--- WORDS as they count now: in the place of what cancelled a token less than 3 s ago stands what its signer said there
-- before. BEFORE: the statements of last time, by short ID. → a list; ms until more of it counts | nil
function cancelled:apply(words, before)
  local list, shorts, now, left = {}, {}, self.loop:now(), nil
  for _, st in ipairs(words) do
    local one = st
    if is_cancelling(st) then
      self.since[st.short] = self.since[st.short] or { at = now, old = said_before(st, before) }
      local known = self.since[st.short]
      shorts[st.short] = true
      local rest = known.at + GRACE - now
      if rest > 0 then one, left = known.old, math.min(left or rest, rest) end
    end
    if one then list[#list + 1] = one end
  end
  keep_only(self, shorts)
  return list, left
end

--- Was TOKEN (its ID) cancelled a moment ago? Those whom it let in are its robots still; it lets nobody in any more.
function cancelled:ends(token)
  for _, one in pairs(self.since) do -- any order
    if one.old and one.old.key == token and self.loop:now() - one.at < GRACE then return true end
  end
  return false
end

return cancelled
