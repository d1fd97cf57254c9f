-- holders.lua - who may have which file: IDs by CID. The records say who has it when that is asked. Fetches nothing.
local sorted = require "sorted"
local sources = require "dcache.content.sources"

local holders = {}
holders.__index = holders

local HOLDERS_MAX <const> = 64 -- of one file that are counted

-- Field map: { count =, by = set of IDs } by CID, for who goes over all.
function holders.new(dcache) return setmetatable({ dcache = dcache, map = {} }, holders) end

local function note(map, key, signer)
  local of = map[key] or { count = 0, by = {} }
  map[key] = of
  if of.by[signer] or of.count >= HOLDERS_MAX then return false end
  of.by[signer], of.count = true, of.count + 1
  return true
end

--- SIGNER said that he has the file KEY. → is that news of him?
function holders:note(key, signer)
  local is_new = note(self.map, key, signer)
  if self.found then note(self.found, key, signer) end
  return is_new
end

--- All records are looked at anew: who is not noted until finish() is forgotten then.
function holders:begin() self.found = {} end

function holders:finish()
  self.map, self.found = self.found, nil
end

--- The look ends early: all stays as it was known.
function holders:abandon() self.found = nil end

--- IDs, sorted.
function holders:of(key) return sorted.keys(self.map[key] and self.map[key].by or {}) end

--- Those IDs, and those of TRIED (how often each was tried for the file, by ID), who was tried most first.
function holders:by_trials(key, tried)
  local set = {}
  for _, ids in ipairs { self.map[key] and self.map[key].by or {}, tried } do
    for id in pairs(ids) do set[id] = true end -- any order: a set
  end
  local list = sorted.keys(set)
  table.sort(list, function(a, b)
    local one, other = tried[a] or 0, tried[b] or 0
    if one ~= other then return one > other end
    return a < b
  end)
  return list
end

--- Distinct nodes beside ID (nil: all) that say they have the file. → how many, how many of them claim that they
--- checked a copy
function holders:others(key, id)
  local all, checked = 0, 0
  for signer in pairs(self.map[key] and self.map[key].by or {}) do -- any order: they are counted
    local says = signer ~= id and sources.says(self.dcache, key, signer)
    all, checked = all + (says and 1 or 0), checked + (says == "copy" and 1 or 0)
  end
  return all, checked
end

return holders
