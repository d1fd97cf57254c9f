-- health_form.lua - the DATA of a `health` word, both ways: from what is measured and checked here, and to what others
-- may be shown of it. Says nothing.
--
-- Integers under letters, so that all fits into 150 bytes: b battery %, c charging, d free % of the share's disk,
-- l load of a core %, m memory available %, n how many checks are [ok, warn, error, unknown], p what is wrong with the
-- power now and s since boot (1 under-voltage, 2 capped, 4 throttled, 8 soft limit), t 0.1 °C, u minutes up, w Wi-Fi
-- -dBm, x the failing checks, worst first, and last "+N" where N more do not fit. What is unknown is left out.
local json = require "core.json"

local health_form = {}

local DATA_MAX <const> = 150 -- bytes
local ID_MAX <const> = 20 -- bytes of a check's ID
local POWER <const> = { "under_voltage", "frequency_capped", "throttled", "soft_limited" }
local LETTERS <const> = { error = "e", warn = "w" }

local function percent(part, whole)
  return part and whole and whole > 0 and math.floor(part * 100 / whole + 0.5) or nil
end

local function scaled(value, times) return value and math.floor(value * times + 0.5) or nil end

-- Bits of what is wrong with the power | nil: one of them is not known
local function power(of, suffix)
  local bits = 0
  for i, name in ipairs(POWER) do
    local value = of(name .. suffix)
    if not value then return nil end
    bits = bits | value << i - 1
  end
  return bits
end

--- Which metric decides whether a letter may be told.
health_form.metric_of = { b = "battery_ratio", c = "battery_charging", d = "disk_free_bytes", l = "load1",
  m = "memory_available_bytes", p = "under_voltage", s = "under_voltage_since_boot", t = "cpu_temperature_celsius",
  u = "uptime_seconds", w = "wifi_signal_dbm" }

--- By how much a letter must move so that it is told before its time.
health_form.steps = { b = 1, c = 1, d = 5, l = 20, m = 10, p = 1, s = 1, t = 30, w = 5 }

-- Letters of what is measured. OF(metric) → value | nil
local function letters(of)
  local load, cores, uptime, signal = of "load1", of "cpu_cores", of "uptime_seconds", of "wifi_signal_dbm"
  return { b = scaled(of "battery_ratio", 100), c = of "battery_charging",
    d = percent(of "disk_free_bytes", of "disk_size_bytes"), l = percent(load, cores),
    m = percent(of "memory_available_bytes", of "memory_size_bytes"), p = power(of, ""), s = power(of, "_since_boot"),
    t = scaled(of "cpu_temperature_celsius", 10), u = uptime and uptime // 60 | 0, w = signal and -signal | 0 }
end

-- "e:disk_full" … of the checks that fail and stand under no other, errors first.
local function failing(rows)
  local list = {}
  for _, level in ipairs { "error", "warn" } do
    for _, row in ipairs(rows) do
      if row.level == level and not row.under then list[#list + 1] = ("%s:%s"):format(LETTERS[level], row.id) end
    end
  end
  return list
end

-- As many of NAMES as fit into DATA.
local function put_failing(data, names)
  if not names[1] then return data end
  for n = #names, 0, -1 do
    local some = table.move(names, 1, n, 1, {})
    if n < #names then some[n + 1] = ("+%d"):format(#names - n) end
    data.x = json.array(some)
    if #json.encode(data) <= DATA_MAX then return data end
  end
  data.x = nil
  return data
end

--- OF(metric) → its value | nil. COUNTS, ROWS: as checks.lua has them. MAY(letter) → does the policy let it be told?
function health_form.data(of, counts, rows, may)
  local data = { n = json.array { counts.ok, counts.warn, counts.error, counts.unknown } }
  for letter, value in pairs(letters(of)) do -- any order: JSON sorts
    if may(letter) then data[letter] = value end
  end
  return put_failing(data, failing(rows))
end

-- == what others said

local RANGES <const> = { b = { 0, 100 }, c = { 0, 1 }, d = { 0, 100 }, l = { 0, 100000 }, m = { 0, 100 },
  p = { 0, 15 }, s = { 0, 15 }, t = { -600, 2000 }, u = { 0, 1 << 40 }, w = { 0, 200 } }
local COUNT_MAX <const> = 10000
local FAILING_MAX <const> = 16
local LEVELS <const> = { e = "error", w = "warn" }

local function within(value, least, most)
  return math.type(value) == "integer" and value >= least and value <= most and value or nil
end

local function counts_of(list)
  if not json.is_array(list) or #list ~= 4 then return nil end
  local counts = {}
  for i, name in ipairs { "ok", "warn", "error", "unknown" } do
    counts[name] = within(list[i], 0, COUNT_MAX)
    if not counts[name] then return nil end
  end
  return counts
end

-- → array of { level, id }, how many more there are
local function failing_of(list)
  local found, more = {}, 0
  for i, word in ipairs(json.is_array(list) and list or {}) do
    local letter, id = tostring(word):match "^([ew]):([%w_]+)$"
    if letter and #id <= ID_MAX and i <= FAILING_MAX then found[#found + 1] = { level = LEVELS[letter], id = id } end
    more = math.max(more, tonumber((tostring(word):match "^%+(%d%d?%d?)$")) or 0)
  end
  return found, more
end

--- DATA, which is whatever its signer liked to say → { battery (%), charging (bool), disk_free (%), load (% of a core),
--- memory (%), power_now, power_since (bits), temperature (°C), uptime (s), wifi (dBm), counts = { ok, warn, error,
--- unknown }, failing = { { level, id } … }, more = how many fail besides }; what is unknown or cannot be is left out.
function health_form.read(data)
  if type(data) ~= "table" or json.is_array(data) then data = {} end
  local function of(letter) return within(data[letter], RANGES[letter][1], RANGES[letter][2]) end
  local charging, tenths, minutes, signal = of "c", of "t", of "u", of "w"
  local list, more = failing_of(data.x)
  return { battery = of "b", charging = charging and charging == 1, disk_free = of "d", load = of "l", memory = of "m",
    power_now = of "p", power_since = of "s", temperature = tenths and tenths / 10, uptime = minutes and minutes * 60,
    wifi = signal and -signal, counts = counts_of(data.n), failing = list, more = more }
end

return health_form
