-- lined.lua - tables of a policy whose entries know by which line they came. Runs inside the fence.
--
-- What an operator gets for such a table is an empty one before it, so that each of his writes is noticed.
local inner = ...
local names, where = inner.names, inner.where
local lined = {}

local known = inner.setmetatable({}, { __mode = "k" }) -- what operators have → { entries, items = key → place, last }

--- What operators get for the table VALUE, all of whose entries came at PLACE = { file =, line = }.
function lined.of(value, place)
  local kept = { entries = {}, items = {}, last = place }
  for _, key in ipairs(names.keys(value)) do kept.entries[key], kept.items[key] = value[key], place end
  local shown = inner.setmetatable({}, {
    __index = kept.entries,
    __newindex = function(_, key, entry)
      local file, line = where(2)
      kept.last = { file = file, line = line }
      kept.entries[key], kept.items[key] = entry, kept.last
    end,
    __len = function() return #kept.entries end,
    __pairs = function() return names.pairs(kept.entries) end,
  })
  known[shown] = kept
  return shown
end

--- VALUE as plain data; where it is one of these tables, also { file =, line = (of the last write), items = key →
-- { file =, line = } }.
function lined.plain(value)
  local kept = type(value) == "table" and known[value]
  if not kept then return value end
  return kept.entries, { file = kept.last.file, line = kept.last.line, items = kept.items }
end

return lined
