-- roster.lua - who should be here, and which of them is not: the members that somebody signed for; without a lab those
-- who were heard before. Asks nobody.
local json = require "core.json"
local sorted = require "sorted"

local roster = {}

local ADMIN <const> = 3 -- keys of this level and above are people's

--- The name that a person signed for the key ID, by TRUST (dcache/trust.lua) | nil
function roster.granted_name(trust, id)
  local verdict = trust:verdict()
  local known = verdict and verdict.keys[id]
  return known and known.by and known.name ~= "" and known.name or nil
end

-- Members by ID: what they are called, or false. A token's robots count as soon as they are members.
local function members(verdict)
  local found = {}
  for _, id in ipairs(verdict.standing) do
    local known = verdict.keys[id]
    if known and known.level > 0 and known.level < ADMIN then found[id] = known.name or false end
  end
  return found
end

local function heard(seen)
  local found = {}
  for id, row in pairs(seen.rows) do found[id] = row.name end -- any order: a map comes of it
  return found
end

local AWAY <const> = { left = true, lost = true }

-- A row of a member who was never heard here, nor told of.
local function stranger_to_us(discovery, id, name)
  local note = "never heard here"
  return { id = id, name = name or nil, label = discovery:label(id), status = "lost", near = false, self = false,
    note = note, notes = json.array { note } }
end

--- Rows of those of the roster who are not here, as discovery:nodes has them: who left or is lost, by name, then
--- members who were never heard. → the rows, { of = "members" or "heard", count = how many others the roster has }
function roster.missing(discovery)
  local verdict = discovery.dcache.trust:verdict()
  local wanted, list, count = verdict and members(verdict) or heard(discovery.seen), {}, 0
  wanted[discovery.id] = nil
  for _ in pairs(wanted) do count = count + 1 end -- any order: a sum
  for _, row in ipairs(discovery.rows:list(true)) do
    if wanted[row.id] ~= nil and AWAY[row.status] then list[#list + 1] = row end
    wanted[row.id] = nil
  end
  for _, id in ipairs(sorted.keys(wanted)) do
    list[#list + 1] = stranger_to_us(discovery, id, wanted[id])
  end
  return list, { of = verdict and "members" or "heard", count = count }
end

return roster
