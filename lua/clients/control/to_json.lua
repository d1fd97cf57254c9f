-- to_json.lua - any table of facts made fit for core.json: integers, clean text, bounded. It chooses nothing.
local json = require "core.json"
local slices = require "slices"
local sorted = require "sorted"
local text = require "core.text"

local to_json = {}

local DEPTH <const> = 6 -- the answer around it may take two more of JSON's eight levels
local ROWS <const> = 10000
local AT_ONCE <const> = 16 -- items of an array that are written without a break
local LISTS <const> = { interfaces = true, unused = true, links = true, unfit = true, unfit_once = true,
  waiting = true } -- arrays, even when nothing stands in them

--- Text that JSON can hold: what is no clean UTF-8 is escaped.
function to_json.text(value)
  return text.utf8(value) and value or text.escape(value)
end

local function number(value)
  local whole = math.tointeger(value) or (value == value and math.tointeger(value // 1))
  return whole and whole >= -2 ^ 53 and whole <= 2 ^ 53 and whole or nil
end

local function is_list(value)
  return #value > 0 or next(value) == nil and getmetatable(value) ~= nil
end

local function list(value, depth)
  local result = {}
  for i = 1, math.min(#value, ROWS) do result[i] = to_json.value(value[i], depth - 1) end
  return json.array(result)
end

local function object(value, depth)
  local result = {}
  for key, field in pairs(value) do -- any order: keys are sorted when written
    if LISTS[key] and type(field) == "table" then
      result[key] = list(field, depth)
    elseif type(key) == "string" then
      result[to_json.text(key)] = to_json.value(field, depth - 1)
    end
  end
  return result
end

--- VALUE as JSON can hold it; functions, handles and numbers beyond 2^53 are left out (nil).
function to_json.value(value, depth)
  local kind = type(value)
  if kind == "string" then return to_json.text(value) end
  if kind == "number" then return number(value) end
  if kind == "boolean" then return value end
  if kind ~= "table" then return nil end
  depth = depth or DEPTH
  if depth == 0 then return nil end
  if is_list(value) then return list(value, depth) end
  return object(value, depth)
end

--- The named fields of THING.
function to_json.fields(thing, names)
  local result = {}
  for _, name in ipairs(names) do result[name] = to_json.value(thing[name]) end
  return result
end

--- An array, marked as one even when it is empty; EACH(item) gives what stands in it, or nil to leave it out.
function to_json.list(items, each)
  local result = {}
  for _, item in ipairs(items or {}) do
    if #result == ROWS then break end
    result[#result + 1] = each(item)
    slices.step()
  end
  return json.array(result)
end

local Rows = {} -- the metatable of rows that are text already

--- As `list`, for thousands of rows that nobody looks at before they are written: in slices each becomes text at once,
-- so that no heap of small tables is left for the collector.
function to_json.rows(items, each)
  if not slices.running() then return to_json.list(items, each) end
  local result = setmetatable({}, Rows)
  for _, item in ipairs(items or {}) do
    if #result == ROWS then break end
    result[#result + 1] = json.encode(each(item))
    slices.step(2)
  end
  return result
end

-- Long arrays are written an item at a time.
local function written(value)
  if getmetatable(value) == Rows then return "[" .. table.concat(value, ",") .. "]" end
  if type(value) ~= "table" or not json.is_array(value) or #value < AT_ONCE then return json.encode(value) end
  local items = {}
  for i = 1, #value do
    items[i] = json.encode(value[i])
    slices.step()
  end
  return "[" .. table.concat(items, ",") .. "]"
end

--- ANSWER as one line of JSON, as core.json writes it; in slices, where its arrays are long.
function to_json.line(answer)
  if not slices.running() then return json.encode(answer) end
  local members = {}
  for i, key in ipairs(sorted.keys(answer)) do members[i] = json.encode(key) .. ":" .. written(answer[key]) end
  return "{" .. table.concat(members, ",") .. "}"
end

return to_json
