-- windows_form.lua - what an entry of clients.updates.windows means: when in a week updates may begin. Asks no clock.
local windows_form = {}

windows_form.DAY = 24 * 60 -- minutes

local DAYS <const> = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" } -- in the order of os.date's wday
local WANTED <const> = 'such as "mon-fri 18:00-22:00", "sat 22:00-06:00 utc" or "02:00-04:00": days of a week, if not '
  .. 'each, from when to when, and utc, if not by the time zone of the machine'

local number_of = {}
for i, name in ipairs(DAYS) do number_of[name] = i end

-- "fri-mon" → the set of their numbers | nil
local function read_days(text)
  if text == "" then return { true, true, true, true, true, true, true } end
  local first, last = text:match "^(%l+)%-?(%l*)$"
  local from, to = number_of[first], number_of[last == "" and first or last]
  if not from or not to or text:find "%-$" then return nil end
  local days = {}
  for i = 0, (to - from) % 7 do days[(from - 1 + i) % 7 + 1] = true end
  return days
end

-- "22:30" → minutes of the day | nil
local function read_time(text)
  local hours, minutes = text:match "^(%d%d?):(%d%d)$"
  hours, minutes = tonumber(hours), tonumber(minutes)
  local all = hours and hours * 60 + minutes
  return all and minutes < 60 and all <= windows_form.DAY and all or nil
end

--- TEXT → { days = set of 1 (Sunday) … 7, from, to = minutes of the day; to ≤ from: it ends on the next day,
-- utc = is it by UTC? } | nil, what would be right
function windows_form.read(text)
  local rest, zone = text:lower():match "^%s*(.-)%s*(u?t?c?)%s*$"
  local days, from, to = rest:match "^(%S-)%s*(%d+:%d+)%s*%-%s*(%d+:%d+)$"
  if not days or zone ~= "" and zone ~= "utc" then return nil, WANTED end
  local set = read_days(days)
  from, to = read_time(from), read_time(to)
  if not set then return nil, ("%s is no day of a week; %s"):format(days, WANTED) end
  if not from or not to or from == windows_form.DAY then return nil, "a day goes from 00:00 to 24:00; " .. WANTED end
  if from == to then return nil, "it ends when it begins; the whole day is 00:00-24:00" end
  return { days = set, from = from, to = to, utc = zone == "utc" }
end

return windows_form
