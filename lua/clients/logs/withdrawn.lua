-- withdrawn.lua - which own files are withdrawn, which copies were dropped by hand: kept over restarts. Says nothing.
--
-- Of each kind there are 1,000 at most. What is over then gives its place up to what is new, the oldest first.
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

--- KEPT: lua/kept.lua's firm value. OVER.files() and OVER.dropped() → a function (cid) → does it matter no more that
--- this is so?
function withdrawn.new(kept, over)
  local self = setmetatable({ kept = kept, over = over, files = {}, dropped = {} }, withdrawn)
  load(self, (kept:read()))
  return self
end

local function data_of(self)
  return { dropped = json.array(sorted.keys(self.dropped)), files = self.files }
end

-- TABLE[KEY] is VALUE from now on, and the key GOES (or nil) is none. TOLD(true) once that is on the disk; TOLD(nil,
-- text, code): it is not, and nothing changed.
local function change(self, table, key, value, told, goes)
  local before, gone = table[key], goes and table[goes]
  if goes then table[goes] = nil end
  table[key] = value
  self.kept:put_beside(data_of(self), function(ok, text, code)
    if not ok and table[key] == value then table[key] = before end
    if not ok and goes then table[goes] = gone end
    told(ok, text, code)
  end)
end

-- Of KEYS the one whose entry in TABLE is over, and the oldest | nil
local function oldest(table, keys, is_over)
  local found, since
  for _, key in ipairs(keys) do
    local at = type(table[key]) == "table" and table[key].at or 0
    if is_over(key) and (not found or at < since) then found, since = key, at end
  end
  return found
end

-- TABLE[KEY] is VALUE where there is room, or something is OVER. WHAT: what is in it, in words.
local function put(self, table, key, value, told, over, what)
  local keys = sorted.keys(table)
  if table[key] or #keys < MOST then return change(self, table, key, value, told) end
  local goes = oldest(table, keys, over())
  if goes then return change(self, table, key, value, told, goes) end
  told(nil, ("full: %d %s, which is the most; end one of them: --cancel"):format(MOST, what), "full")
end

--- The own file KEY of SIZE bytes is withdrawn at AT (ms, or nil: nobody knows). TOLD as `change` has it.
function withdrawn:add(key, size, at, told)
  put(self, self.files, key, { at = at, size = size }, told, self.over.files, "files are withdrawn")
end

function withdrawn:cancel(key, told) change(self, self.files, key, nil, told) end

--- The copy KEY of another's file is not wanted here, until `want`.
function withdrawn:drop(key, told)
  put(self, self.dropped, key, true, told, self.over.dropped, "copies are dropped by hand")
end

function withdrawn:want(key, told) change(self, self.dropped, key, nil, told) end

return withdrawn
