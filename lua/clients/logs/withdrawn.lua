-- withdrawn.lua - which own files are withdrawn, which copies were dropped by hand: kept over restarts. Says nothing.
--
-- STATE/withdrawn is a firm value (lua/kept.lua), {"dropped":[CID …],"files":{CID:{"at":ms,"size":bytes} …}}.
local json = require "core.json"
local cid = require "core.cid"
local sorted = require "sorted"

local withdrawn = {}
withdrawn.__index = withdrawn

local MOST <const> = 1000 -- of either kind

local function is_count(value) return math.type(value) == "integer" and value >= 0 end

local function load(self, data)
  if type(data) ~= "table" then return end
  for key, file in pairs(type(data.files) == "table" and data.files or {}) do -- any order
    if cid.parse(key) and type(file) == "table" and is_count(file.size) then
      self.files[key] = { size = file.size, at = is_count(file.at) and file.at or nil }
    end
  end
  for _, key in ipairs(type(data.dropped) == "table" and data.dropped or {}) do
    if cid.parse(key) then self.dropped[key] = true end
  end
end

--- KEPT: lua/kept.lua's firm value.
function withdrawn.new(kept)
  local self = setmetatable({ kept = kept, files = {}, dropped = {} }, withdrawn)
  load(self, (kept:read()))
  return self
end

local function data_of(self)
  return { dropped = json.array(sorted.keys(self.dropped)), files = self.files }
end

-- TABLE[KEY] is VALUE from now on. TOLD(true) once that is on the disk; TOLD(nil, text, code): it is not, and nothing
-- changed.
local function change(self, table, key, value, told)
  local before = table[key]
  table[key] = value
  self.kept:put_beside(data_of(self), function(ok, text, code)
    if not ok and table[key] == value then table[key] = before end
    told(ok, text, code)
  end)
end

local function is_full(table)
  local n = 0
  for _ in pairs(table) do n = n + 1 end -- any order
  return n >= MOST
end

local function full(what)
  return nil, ("full: %d %s, which is the most; end one of them: --cancel"):format(MOST, what), "full"
end

--- The own file KEY of SIZE bytes is withdrawn at AT (ms, or nil: nobody knows). TOLD as `change` has it.
function withdrawn:add(key, size, at, told)
  if not self.files[key] and is_full(self.files) then return told(full "files are withdrawn") end
  change(self, self.files, key, { at = at, size = size }, told)
end

function withdrawn:cancel(key, told) change(self, self.files, key, nil, told) end

--- The copy KEY of another's file is not wanted here, until `want`.
function withdrawn:drop(key, told)
  if not self.dropped[key] and is_full(self.dropped) then return told(full "copies are dropped by hand") end
  change(self, self.dropped, key, true, told)
end

function withdrawn:want(key, told) change(self, self.dropped, key, nil, told) end

return withdrawn
