-- validate.lua - holds a value against a JSON Schema (draft 2020-12), as much of it as the files here use. No checks.
local cjson = require "cjson"
local folder = require "spec.folder"

local validate = {}

local KNOWN <const> = { ["$schema"] = true, ["$ref"] = true, ["$defs"] = true, title = true, description = true,
  type = true, const = true, enum = true, properties = true, required = true, items = true, maxItems = true,
  minimum = true, maximum = true, maxLength = true, pattern = true }

local files = {}

--- The schema in spec/schema/NAME.
function validate.schema(name)
  files[name] = files[name] or cjson.decode((assert(folder.read("spec/schema/" .. name), name)))
  return files[name]
end

-- What REF of the schema FILE stands for, and in which file that is.
local function resolve(ref, file)
  local name, path = ref:match "^([^#]*)#?(.*)$"
  local target = name == "" and file or name
  local found = validate.schema(target)
  for part in path:gmatch "[^/]+" do found = assert(found[part], ref) end
  return found, target
end

local function is_array(value) return type(value) == "table" and (value[1] ~= nil or next(value) == nil) end

local TYPES <const> = {
  object = function(value) return type(value) == "table" and value[1] == nil end, array = is_array,
  string = function(value) return type(value) == "string" end,
  boolean = function(value) return type(value) == "boolean" end,
  integer = function(value) return math.tointeger(value) ~= nil and type(value) == "number" end,
}

-- Patterns of the schemas here, as Lua's; an alternative in brackets is several.
local function fits(pattern, text)
  local inner = pattern:match "^%^%((.*)%)%$$"
  for each in (inner or pattern:match "^%^(.*)%$$"):gmatch(inner and "[^|]+" or ".+") do
    if text:find("^" .. each .. "$") then return true end
  end
  return false
end

local check

local function each_member(schema, value, file, path, faults)
  for _, name in ipairs(schema.required or {}) do
    if value[name] == nil then faults[#faults + 1] = path .. " has no " .. name end
  end
  for name, one in pairs(schema.properties or {}) do -- any order
    if value[name] ~= nil then check(one, value[name], file, path .. "." .. name, faults) end
  end
end

local function is_one_of(list, value)
  for _, each in ipairs(list) do
    if each == value then return true end
  end
  return false
end

local function value_out(schema, value)
  return schema.minimum and value < schema.minimum or schema.maximum and value > schema.maximum
end

-- What is wrong with VALUE by the words that compare it.
local function compared(schema, value)
  if schema.type and not TYPES[schema.type](value) then return "is no " .. schema.type end
  if schema.const ~= nil and value ~= schema.const then return "is not " .. tostring(schema.const) end
  if schema.enum and not is_one_of(schema.enum, value) then return "is none of its words" end
  if value_out(schema, value) then return "is out of range" end
  if schema.maxLength and #value > schema.maxLength or schema.maxItems and #value > schema.maxItems then
    return "is too long"
  end
  if schema.pattern and not fits(schema.pattern, value) then return "is not like " .. schema.pattern end
end

function check(schema, value, file, path, faults)
  for word in pairs(schema) do assert(KNOWN[word], file .. " uses " .. word) end -- any order
  if schema["$ref"] then
    local found, where = resolve(schema["$ref"], file)
    check(found, value, where, path, faults)
  end
  local fault = compared(schema, value)
  if fault then
    faults[#faults + 1] = ("%s %s: %s"):format(path, fault, tostring(value))
  elseif type(value) == "table" then
    each_member(schema, value, file, path, faults)
    for i, item in ipairs(schema.items and value or {}) do
      check(schema.items, item, file, ("%s[%d]"):format(path, i), faults)
    end
  end
end

--- What of VALUE is not as the schema NAME says: an array of sentences.
function validate.faults(name, value)
  local faults = {}
  check(validate.schema(name), value, name, "it", faults)
  table.sort(faults)
  return faults
end

return validate
