-- names.lua - the names that a policy finds: libraries, units, and an order for pairs. Runs inside the fence.
local inner = ...
local names = {}

local RANK = { number = 1, string = 2, boolean = 3 }

local function before(a, b)
  local rank_a, rank_b = RANK[type(a)], RANK[type(b)]
  if rank_a ~= rank_b then return rank_a < rank_b end
  if rank_a == 3 then return not a and b end
  return a < b
end

local function merge(list, from, middle, to, less)
  local merged, left, right = {}, from, middle + 1
  for i = 1, to - from + 1 do
    if right > to or (left <= middle and not less(list[right], list[left])) then
      merged[i], left = list[left], left + 1
    else
      merged[i], right = list[right], right + 1
    end
  end
  table.move(merged, 1, #merged, from, list)
end

local function sort_part(list, from, to, less)
  if from >= to then return end
  local middle = (from + to) // 2
  sort_part(list, from, middle, less)
  sort_part(list, middle + 1, to, less)
  merge(list, from, middle, to, less)
end

--- Sorts in place and keeps equals in their order: Lua's own asks the clock on long lists, and then
-- one seed would not be one run.
function names.sort(list, less)
  sort_part(list, 1, #list, less or function(a, b) return a < b end)
end

--- Keys of TABLE in an order that does not change from run to run: numbers, text, false, true.
function names.keys(table_)
  local keys = {}
  for key in inner.next, table_ do
    if not RANK[type(key)] then error("a key that is a " .. type(key) .. " has no order", 3) end
    keys[#keys + 1] = key
  end
  names.sort(keys, before)
  return keys
end

function names.pairs(table_)
  if type(table_) ~= "table" then error("pairs takes a table, not " .. type(table_), 2) end
  local meta = inner.getmetatable(table_)
  if meta then return meta.__pairs(table_) end
  local keys, i = names.keys(table_), 0
  return function()
    i = i + 1
    return keys[i], table_[keys[i]]
  end
end

--- Whether TEXT fits GLOB, in which * stands for any text and ? for one byte.
function names.matches(text, glob)
  local at, want, star, mark = 1, 1, nil, nil
  while at <= #text do
    local byte = glob:byte(want)
    if byte == 42 then
      star, mark, want = want, at, want + 1
    elseif byte and (byte == 63 or byte == text:byte(at)) then
      at, want = at + 1, want + 1
    elseif star then
      mark = mark + 1
      at, want = mark, star + 1
    else
      return false
    end
  end
  return not glob:find("[^*]", want)
end

--- An error that names what was meant, if anything is near.
function names.unknown(word, known, what)
  if #word > 64 then word = word:sub(1, 64) .. "…" end
  local near = inner.form.suggest(word, known)
  return ("%s: %s%s"):format(word, what, near and ('; did you mean "%s"?'):format(near) or "")
end

local function read_only(library, name)
  return inner.setmetatable({}, {
    __index = library,
    __newindex = function() error(name .. " cannot be changed", 2) end,
    __pairs = function() return names.pairs(library) end,
  })
end

local UNITS = {
  B = 1, kB = 1000, MB = 1000000, GB = 1000000000,
  second = 1, minute = 60, hour = 3600, day = 86400,
}

local function lists(insert)
  local out = { sort = names.sort }
  for name, func in names.pairs(table) do out[name] = func end
  out.insert = insert or out.insert
  return out
end

--- What a policy's chunk has for globals: reads of other names and all writes are errors. MORE: names and values
-- besides; INSERT: its table.insert, or nil.
function names.environment(more, insert)
  local env = {
    assert = assert, error = error, ipairs = ipairs, select = select, tonumber = tonumber,
    tostring = tostring, type = type, pairs = names.pairs, matches = names.matches,
  }
  for name, library in names.pairs { string = string, table = lists(insert), utf8 = utf8, math = math } do
    env[name] = read_only(library, name)
  end
  for name, value in names.pairs(UNITS) do env[name] = value end
  for name, value in names.pairs(more) do env[name] = value end
  return inner.setmetatable({}, {
    __index = function(_, name)
      if env[name] == nil then error(names.unknown(tostring(name), names.keys(env), "no such name"), 2) end
      return env[name]
    end,
    __newindex = function(_, name) error(("%s: write \"local %s\""):format(name, name), 2) end,
    __pairs = function() return names.pairs(env) end,
  }), names.keys(env)
end

return names
