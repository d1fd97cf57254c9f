-- risk.lua - the sums of `report`: how many shared files have no copy elsewhere, are gone at their robot, or have
-- copies on nodes that are off. Reads no file.
local copies = require "clients.control.copies"
local json = require "core.json"

local risk = {}

-- How many files are in the groups for which IS(group) holds, and the one node that alone has each of them | nil.
local function alone(groups, is)
  local n, one, several = 0, nil, false
  for _, group in ipairs(groups) do
    if is(group) then
      n = n + group.n
      several = several or #group.copies ~= 1 or one ~= nil and one ~= group.copies[1]
      one = group.copies[1]
    end
  end
  return n, not several and one or nil
end

-- Files whose other copies are on nodes that are off, and these nodes by ID.
local function off(groups, holder)
  local n, known, list = 0, {}, {}
  for _, group in ipairs(groups) do
    if copies.others_off(group, holder) then
      n = n + group.n
      for _, id in ipairs(group.copies) do
        if not holder(id).here and not known[id] then known[id], list[#list + 1] = true, id end
      end
    end
  end
  table.sort(list)
  return n, list
end

local MOST <const> = 100 -- nodes that are off and are named

--- GROUPS: file_view.groups; HOLDER: of copies.holders. → { at_risk, gone, others_off = files, alone = { files, node }
-- of those at risk that are not gone, gone_at = node, off = nodes }, a node as HOLDER gives it.
function risk.sums(groups, holder)
  local sums = { at_risk = alone(groups, function(group) return #group.copies < 2 end), alone = {} }
  local function node_of(id) return id and holder(id) end
  local id, ids
  sums.alone.files, id = alone(groups, function(group) return #group.copies < 2 and not group.gone end)
  sums.alone.node = node_of(id)
  sums.gone, id = alone(groups, function(group) return group.gone end)
  sums.gone_at = node_of(id)
  sums.others_off, ids = off(groups, holder)
  sums.off = {}
  for i = 1, math.min(#ids, MOST) do sums.off[i] = holder(ids[i]) end
  sums.off = json.array(sums.off)
  return sums
end

return risk
