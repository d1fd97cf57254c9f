-- reading.lua - what one look (core/host/sensor.c) read, as the parsers ask for it. Understands none of it.
--
-- A parser gets a reading: by text(path) a text, by each(pattern) all that fit. What cannot be told leaves it by
-- unknown(why) or unsupported(what is missing), so that no value is made up.
local sorted = require "sorted"

local reading = {}
reading.__index = reading

local MOST <const> = 1 << 62 -- no counter of a machine is as great
local NONE <const> = { ENOENT = true, ENOTDIR = true, ENODEV = true, ENXIO = true, EOPNOTSUPP = true, ENOTTY = true }
local MORE <const> = "there are more files of sensors than are read"
local REFUSAL <const> = {}

local function leave(quality, why) error(setmetatable({ quality = quality, why = why }, REFUSAL), 0) end

function reading.unknown(why) return leave("unknown", why) end
function reading.unsupported(why) return leave("unsupported", why) end

--- Does CODE, an errno's name, say that this machine has no such thing?
function reading.is_none(code) return NONE[code] == true end

local TROUBLE <const> = { EISDIR = "is a folder", EINVAL = "is no file, or tells nothing", EACCES = "may not be read" }

--- Refuses by ONE, an entry of the look for WHAT (its path or name), that gives nothing.
function reading.failed(what, one)
  if not one or NONE[one.code] then return leave("unsupported", "there is no " .. what) end
  if not one.code then return leave("unknown", what .. " is longer than 4 KiB") end
  return leave("unknown", ("%s %s (%s)"):format(what, TROUBLE[one.code] or "cannot be read", one.code))
end

function reading.garbled(path) return leave("unknown", path .. " is not as it should be") end

--- The text of file PATH, whole (HEAD: its beginning is enough).
function reading:text(path, head)
  local one = self.files[path]
  if not one and self.more then return leave("unknown", MORE) end
  if not one or not one.text or one.cut and not head then return reading.failed(path, one) end
  return one.text
end

--- Of the files whose paths fit PATTERN (`*` stands for any name), in the order of these: { path, text, cut | code }. A
--- folder on the way that cannot be read stands among them: PATTERN itself as path, with its code.
function reading:each(pattern)
  local form, list = "^" .. pattern:gsub("[%-%.]", "%%%0"):gsub("%*", "[^/]*") .. "$", {}
  for _, path in ipairs(sorted.keys(self.files)) do
    local one = self.files[path]
    if path:find(form) then list[#list + 1] = { path = path, text = one.text, cut = one.cut, code = one.code } end
  end
  return list
end

--- Refuses since none of the files that fit PATTERN tells what is asked: WHY is what this machine lacks then. Where one
--- of them or their folder cannot be read, or one is no WORD (a pattern; nil: anything may stand there), nobody knows.
function reading:none(pattern, why, word)
  for _, one in ipairs(self:each(pattern)) do
    if one.code and not NONE[one.code] then return reading.failed(one.path, one) end
    if one.text and word and not one.text:find(word) then return reading.garbled(one.path) end
  end
  return leave(self.more and "unknown" or "unsupported", self.more and MORE or why)
end

--- The number that TEXT of PATH begins with, from LEAST (0) to MOST.
function reading.number(text, path, least, most)
  local value = tonumber((text:match "^%s*(%-?%d+%.?%d*)%s" or text:match "^%s*(%-?%d+%.?%d*)$"))
  if not value or value < (least or 0) or value > (most or MOST) then return reading.garbled(path) end
  return math.tointeger(value) or value
end

--- A parser of PATH, a file that holds one number.
function reading.alone(path, least, most)
  return function(found) return reading.number(found:text(path), path, least, most) end
end

--- RESULT of a look (core/host/sensor.c) as a reading. PLACES: { share =, state = } (paths that were looked at);
--- KEPT: a table that lives from look to look.
function reading.new(result, places, kept)
  result.places, result.kept = places, kept
  return setmetatable(result, reading)
end

--- Calls PARSER(found) → value, quality | nil, quality, why.
function reading:ask(parser)
  local ok, value, quality = pcall(parser, self)
  if ok then return value, quality or "measured" end
  if getmetatable(value) ~= REFUSAL then error(value, 0) end
  return nil, value.quality, value.why
end

return reading
