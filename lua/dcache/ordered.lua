-- ordered.lua - the kept statements in one order that all nodes agree about, for bundles and checkpoints. No lines.
--
-- Classes come as `root`, `trust`, then the others by name: whoever reads the lines in this order knows who may speak
-- before he meets what they say. Within a class the statement that is forgotten first comes first (END, then short ID),
-- so that what is new changes the end of the list and leaves the beginning as it was.
local said = require "dcache.authority_said"
local slices = require "slices"

local ordered = {}

local FIRST <const> = {}
for i, name in ipairs(said.CLASSES) do FIRST[name] = i end
local LATER <const> = #said.CLASSES + 1
local AT_ONCE = 512 -- short IDs that the index lists in one go

--- Does the class A (its name) come before B?
function ordered.comes_first(a, b)
  local one, other = FIRST[a] or LATER, FIRST[b] or LATER
  return one < other or one == other and a < b
end

--- Names of the kept classes of DCACHE in that order.
function ordered.classes(dcache)
  local names = {}
  for i, class in ipairs(dcache:kept_classes()) do names[i] = class.name end
  table.sort(names, ordered.comes_first)
  return names
end

--- The short IDs of CLASS that are remembered after T (s, Unix), in that order. Long work: in slices where it is a job.
function ordered.ids(dcache, class, t)
  local list, after = {}, ""
  repeat
    local ids = dcache:ids(class, t, after, AT_ONCE)
    for _, short in ipairs(ids) do
      local entry = dcache.index:get(short) -- nil where it went while the loop was let go on
      if entry then list[#list + 1] = (">I8"):pack(entry.ends) .. short end
      slices.step(0.3)
    end
    after = ids[#ids]
  until #ids < AT_ONCE
  slices.sort(list)
  for i, text in ipairs(list) do list[i] = text:sub(9) end
  return list
end

return ordered
