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
