-- levels.lua - the level of one check over many looks: what is told is calmer than what is seen. Asks no policy.
--
-- Worse counts when it was seen in two looks (a check may say another number, 0: at once), better when in three. A
-- check that changes more than five times an hour flaps: the worst of that hour stands until it is calm again.
local levels = {}

local BETTER <const>, WORSE <const> = 3, 2 -- looks
local HOUR <const> = 60 * 60 * 1000
local CHANGES_MAX <const> = 5 -- an hour
local RANK <const> = { ok = 1, warn = 2, error = 3 }

--- A check of which nothing is known. Fields: level = what is told ("ok", "warn", "error" or nil, unknown), since = ms
--- of the loop's clock, flapping (boolean), reason = the newest evidence of what is told, where something is wrong.
function levels.new(now) return { since = now, changes = {}, times = 0, flapping = false } end

-- How many looks must agree until SEEN counts.
local function needed(level, seen, hold)
  if level == nil or seen == nil then return RANK[seen] == 1 and 1 or hold or WORSE end
  return RANK[seen] > RANK[level] and (hold or WORSE) or BETTER
end

-- The level that stands without flapping, after a look that saw SEEN.
local function settle(one, seen, hold)
  if seen == one.settled then
    one.times = 0
    return false
  end
  one.times = seen == one.next and one.times + 1 or 1
  one.next = seen
  if one.times < math.max(1, needed(one.settled, seen, hold)) then return false end
  one.settled, one.times = seen, 0
  return true
end

local function forget_old(one, now)
  while one.changes[1] and now - one.changes[1].at >= HOUR do table.remove(one.changes, 1) end
end

-- The worst that stood in the last hour.
local function worst(one)
  local found = one.settled
  for _, change in ipairs(one.changes) do
    if (RANK[change.level] or 0) > (RANK[found] or 0) then found = change.level end
  end
  return found
end

--- A look saw SEEN ("ok", "warn", "error", or nil: unknown) because of REASON (text | nil). HOLD: looks until worse
--- counts; nil: two.
--- → is another level told now? The one before.
function levels.look(one, seen, reason, hold, now)
  local before = one.level
  if settle(one, seen, hold) then
    one.changes[#one.changes + 1] = { at = now, level = seen }
    if #one.changes > 2 * CHANGES_MAX then table.remove(one.changes, 1) end
  end
  forget_old(one, now)
  one.flapping = #one.changes > CHANGES_MAX
  one.level = one.flapping and worst(one) or one.settled
  one.reason = (RANK[one.level] or 0) > RANK.ok and (reason or one.reason) or nil
  if one.level == before then return false end
  one.since = now
  return true, before
end

return levels
