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

local function slot(st) return st.key .. " " .. st.signer end

-- What was said of tokens in BEFORE, statements by short ID → by slot, in which each is there once
local function slots_of(before)
  local slots = {}
  for _, one in pairs(before) do -- any order
    if one.bucket == BUCKET then slots[slot(one)] = one end
  end
  return slots
end

-- Since when ST cancels its token. A signer who says it again does not let the token count once more. BEFORE: what he
-- said there until now | nil
local function since(self, st, before)
  local now = self.loop:now()
  if not before or before.verb == "propose" then return { key = st.key, at = now, old = before } end
  return self.since[before.short] or { key = st.key, at = now - GRACE }
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
    if is_cancelling(st) then self.since[st.short] = { key = st.key, at = self.loop:now() - GRACE } end
  end
end

--- WORDS as they count now: in the place of what cancelled a token less than 3 s ago stands what its signer said there
-- before. BEFORE: the statements of last time, by short ID. → a list; ms until more of it counts | nil
function cancelled:apply(words, before)
  local list, shorts, now, left, slots = {}, {}, self.loop:now(), nil, nil
  for _, st in ipairs(words) do
    local one = st
    if is_cancelling(st) then
      if not self.since[st.short] then
        slots = slots or slots_of(before)
        self.since[st.short] = since(self, st, slots[slot(st)])
      end
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
    if one.key == token and self.loop:now() - one.at < GRACE then return true end
  end
  return false
end

return cancelled
