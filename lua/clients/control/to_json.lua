-- to_json.lua - any table of facts made fit for core.json: integers, clean text, bounded. It chooses nothing.
local json = require "core.json"
local slices = require "slices"
local sorted = require "sorted"
local text = require "core.text"

local to_json = {}

local DEPTH <const> = 6 -- the answer around it may take two more of JSON's eight levels
local ROWS <const> = 10000
local AT_ONCE <const> = 16 -- items of an array that are written without a break
local PIECE <const> = 32 * 1024 -- bytes of a line that go out at once
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

local Rows = {} -- the metatable of rows that are made while they are written

-- ITEMS: an array, or a function that gives one after the other.
local function each_of(items)
  if type(items) == "function" then return items end
  local i = 0
  return function()
    i = i + 1
    return items[i]
  end
end

--- As `list`, for thousands of rows that nobody looks at before they are written; ITEMS may be a function that gives
-- one after the other. In slices each row is made when its turn to be written comes, and gone when it was: so that no
-- heap of small tables waits for the collector, and no text of megabytes.
function to_json.rows(items, each)
  local next_of = each_of(items)
  if slices.running() then return setmetatable({ next = next_of, each = each }, Rows) end
  local rows = {}
  for item in next_of do rows[#rows + 1] = each(item) end
  return json.array(rows)
end

-- Pieces of text, handed on by EMIT when they are long enough.
local function writer(emit)
  local parts, size = {}, 0
  local function write(part)
    parts[#parts + 1], size = part, size + #part
    if size < PIECE then return end
    local piece = table.concat(parts)
    parts, size = {}, 0
    emit(piece)
  end
  return write, function() return table.concat(parts) end
end

local function write_rows(rows, write)
  local comma = "["
  for item in rows.next do
    write(comma .. json.encode(rows.each(item)))
    comma = ","
    slices.step(2)
  end
  write(comma == "[" and "[]" or "]")
end

-- Long arrays are written an item at a time.
local function write_value(value, write)
  if getmetatable(value) == Rows then return write_rows(value, write) end
  if type(value) ~= "table" or not json.is_array(value) or #value < AT_ONCE then return write(json.encode(value)) end
  for i = 1, #value do
    write((i == 1 and "[" or ",") .. json.encode(value[i]))
    slices.step()
  end
  write "]"
end

--- ANSWER as one line of JSON, as core.json writes it: the pieces before the last, of some 32 KiB each, go to EMIT,
-- which may take its time (lua/slices.lua). → the last one
function to_json.line(answer, emit)
  if not slices.running() then return json.encode(answer) end
  local write, rest = writer(emit)
  for i, key in ipairs(sorted.keys(answer)) do
    write((i == 1 and "{" or ",") .. json.encode(key) .. ":")
    write_value(answer[key], write)
  end
  write "}"
  return rest()
end

return to_json
