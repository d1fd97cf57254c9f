-- windows.lua - may an update begin at this time of the week? A pure function of the policy's windows and the time;
-- the form of a window is policy/windows_form.lua's.
local form = require "policy.windows_form"

local windows = {}

local DAY <const>, WEEK <const> = form.DAY, 7 * form.DAY
local MINUTE_MS <const> = 60 * 1000

-- Minutes since the window ONE began last, at the time AT (fields as of os.date's "*t").
local function minutes_since(one, at)
  local now, least = (at.wday - 1) * DAY + at.hour * 60 + at.min, WEEK
  for day in pairs(one.days) do -- any order: the least counts
    least = math.min(least, (now - (day - 1) * DAY - one.from) % WEEK)
  end
  return least
end

local function minutes_until(one, at)
  local now, least = (at.wday - 1) * DAY + at.hour * 60 + at.min, WEEK
  for day in pairs(one.days) do -- any order: the least counts
    least = math.min(least, ((day - 1) * DAY + one.from - now) % WEEK)
  end
  return least
end

--- Is one of the windows LIST (texts of the policy) open? NOW: the proved time, ms | nil. DATE(format, s): os.date, by
-- which this machine's time zone is known.
-- → true, or: false, or nil where nobody proves the time; ms until one opens | nil
function windows.are_open(list, now, date)
  if not list[1] then return true end
  if not now then return nil end
  local soonest
  for _, text in ipairs(list) do
    local one = assert(form.read(text))
    local at = date(one.utc and "!*t" or "*t", now // 1000)
    if minutes_since(one, at) < (one.to - one.from - 1) % DAY + 1 then return true end
    local left = minutes_until(one, at) * MINUTE_MS - at.sec * 1000
    soonest = math.min(soonest or left, left)
  end
  return false, soonest
end

return windows
