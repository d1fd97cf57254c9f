-- facts.lua - facts as a policy sees them: strict about names, not to be changed. Runs inside the fence.
local inner = ...
local facts = {}

local RAW, WRAPPED = {}, {} -- keys that no policy can hold: its pairs and names never show them
local rawget, setmetatable = inner.rawget, inner.setmetatable
local schemas, metas, lists = {}, {}, {}
local wrap_field

local function proxy(raw, meta)
  return setmetatable({ [RAW] = raw, [WRAPPED] = false }, meta)
end

--- Wrapped tables are kept, so that a fact is equal to itself.
local function wrapped(self, key, value, field)
  local kept = rawget(self, WRAPPED)
  if not kept then
    kept = {}
    inner.rawset(self, WRAPPED, kept)
  end
  if not kept[key] then kept[key] = wrap_field(field, value) end
  return kept[key]
end

local function refuse_change() error("facts are read-only", 2) end

local function each_pair(self)
  local keys, i = inner.names.keys(rawget(self, RAW)), 0
  return function()
    i = i + 1
    if keys[i] ~= nil then return keys[i], self[keys[i]] end
  end
end

local function new_meta(index)
  return {
    __index = index,
    __newindex = refuse_change,
    __pairs = each_pair,
    __len = function(self) return #rawget(self, RAW) end,
  }
end

--- Free data (a record's, a file's meta): no names are known, so nothing is strict but reading.
local data_meta
data_meta = new_meta(function(self, key)
  local value = rawget(self, RAW)[key]
  if type(value) == "table" then return wrapped(self, key, value, true) end
  return value
end)

local function meta_of(kind)
  if metas[kind] then return metas[kind] end
  local schema = schemas[kind]
  metas[kind] = new_meta(function(self, key)
    local field = schema[key]
    if field == nil then
      error(inner.names.unknown(tostring(key), inner.names.keys(schema), "no such fact of " .. kind), 2)
    end
    local value = rawget(self, RAW)[key]
    if type(value) == "table" then return wrapped(self, key, value, field) end
    return value
  end)
  return metas[kind]
end

local function list_meta(kind)
  lists[kind] = lists[kind] or new_meta(function(self, key)
    if type(key) ~= "number" then error(tostring(key) .. ": no such fact of a list", 2) end
    local value = rawget(self, RAW)[key]
    if value ~= nil then return wrapped(self, key, value, { kind = kind }) end
  end)
  return lists[kind]
end

function wrap_field(field, value)
  if type(field) == "table" and field.kind then return proxy(value, meta_of(field.kind)) end
  if type(field) == "table" and field.each then return proxy(value, list_meta(field.each)) end
  return proxy(value, data_meta)
end

--- Must be called once, with the kinds of hooks.lua.
function facts.know(kinds) schemas = kinds end

function facts.wrap(kind, each, value)
  if type(value) ~= "table" then return value end
  return proxy(value, each and list_meta(kind) or meta_of(kind))
end

--- Plain data again, for the way out.
function facts.plain(value)
  if type(value) ~= "table" then return value end
  local out = {}
  value = rawget(value, RAW) or value
  for _, key in ipairs(inner.names.keys(value)) do out[key] = facts.plain(value[key]) end
  return out
end

--- Which of LIST the answer is, by its place; nil and what was wanted where it is none of them.
function facts.place(list, answer)
  if answer == nil then return nil end
  for i = 1, #list do
    if inner.rawequal(list[i], answer) then return i end
  end
  return nil, "one of those that it was given"
end

--- The part of KIND that is told, as plain data; nil and what was wanted where there is more in it.
function facts.part(kind, answer)
  if type(answer) ~= "table" then return nil, "a table of facts" end
  local out, known = facts.plain(answer), inner.names.keys(schemas[kind])
  for _, key in ipairs(inner.names.keys(out)) do
    if schemas[kind][key] == nil then
      return nil, "known facts (" .. inner.names.unknown(tostring(key), known, "no such fact") .. ")"
    end
  end
  return out
end

return facts
