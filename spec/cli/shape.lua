-- shape.lua - the shape of a JSON answer: member names and types, recursively. Asks nobody.
--
-- "text", "number", "true or false"; { name = shape } of an object; { of one } as an array "[]" with the shape of its
-- elements taken together. In a golden file a member may be marked: `name?` may be absent (or its array empty), `*` is
-- the shape of whatever members there are.
local folder = require "spec.folder"
local json = require "core.json"
local sorted = require "sorted"

local shape = {}

local TYPES <const> = { string = "text", number = "number", boolean = "true or false" }

local merge

local function merge_members(into, other)
  for name, one in pairs(other) do into[name] = into[name] and merge(into[name], one) or one end -- any order
  return into
end

function merge(one, other)
  if type(one) == "table" and type(other) == "table" then return merge_members(one, other) end
  if one == "nothing" or other == "nothing" then return one == "nothing" and other or one end
  return one == other and one or ("%s or %s"):format(tostring(one), tostring(other))
end

--- Of VALUE, which core.json decoded.
function shape.of(value)
  if type(value) ~= "table" then return TYPES[type(value)] end
  if json.is_array(value) then
    local each
    for _, item in ipairs(value) do
      local one = shape.of(item)
      each = each and merge(each, one) or one
    end
    return { ["[]"] = each or "nothing" }
  end
  local members = {}
  for name, item in pairs(value) do members[name] = shape.of(item) end -- any order
  return members
end

local function is_empty(found) return type(found) == "table" and found["[]"] == "nothing" end

--- What FOUND has not, or has otherwise, of GOLDEN: an array of sentences. More members are fine.
function shape.differences(golden, found, path, list)
  list, path = list or {}, path or "the answer"
  if golden == "nothing" then return list end -- of what an array may hold nothing was seen
  if type(golden) ~= "table" or type(found) ~= "table" then
    if golden ~= found then list[#list + 1] = ("%s: %s, and it was %s"):format(path, tostring(found),
      type(golden) == "table" and "more than that" or golden) end
    return list
  end
  for _, key in ipairs(sorted.keys(golden)) do
    local name, optional = key:gsub("%?$", "")
    local inside = path .. (name == "[]" and "[]" or "." .. name)
    if name == "*" then
      for _, other in ipairs(sorted.keys(found)) do
        shape.differences(golden[key], found[other], path .. "." .. other, list)
      end
    elseif found[name] == nil then
      if optional == 0 then list[#list + 1] = inside .. ": is gone" end
    elseif not (optional == 1 and is_empty(found[name])) then
      shape.differences(golden[key], found[name], inside, list)
    end
  end
  return list
end

--- GOLDEN brought up to FOUND; marks of the old one stay.
function shape.updated(golden, found)
  if type(golden) ~= "table" or type(found) ~= "table" then return found end
  if golden["*"] then return golden end
  local new = {}
  for name, one in pairs(found) do -- any order
    local key = golden[name .. "?"] ~= nil and name .. "?" or name
    local keeps = golden[key] ~= nil and is_empty(one)
    new[key] = keeps and golden[key] or golden[key] ~= nil and shape.updated(golden[key], one) or one
  end
  for key, one in pairs(golden) do -- any order: what may be absent stays
    if key:find "%?$" and new[key] == nil then new[key] = one end
  end
  return new
end

--- As JSON for people, a member a line.
function shape.text(one, space)
  if type(one) ~= "table" then return ("%q"):format(one) end
  space = space or ""
  local keys, lines = sorted.keys(one), {}
  for i, key in ipairs(keys) do
    lines[i] = ("%s  %q: %s"):format(space, key, shape.text(one[key], space .. "  "))
  end
  if not keys[1] then return "{}" end
  return "{\n" .. table.concat(lines, ",\n") .. "\n" .. space .. "}"
end

local GOLDEN <const> = "spec/cli/golden/%s.json"

--- Adds to FAULTS what is otherwise in FOUND, the shape of an answer of the command NAME, than in its golden file; with
--- DT_SWARM_GOLDEN=1 the file is written anew instead.
function shape.compare(name, found, faults)
  local path = GOLDEN:format((name:gsub(" ", "-")))
  local golden = require("cjson.safe").decode(folder.read(path) or "")
  if os.getenv "DT_SWARM_GOLDEN" then
    folder.write(path, shape.text(shape.updated(golden, found)) .. "\n")
  elseif not golden then
    faults[#faults + 1] = name .. " has no golden file: DT_SWARM_GOLDEN=1 writes it"
  else
    for _, fault in ipairs(shape.differences(golden, found)) do faults[#faults + 1] = name .. ": " .. fault end
  end
end

return shape
