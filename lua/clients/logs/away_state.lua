-- away_state.lua - on which file system the shared files were, and which of them are away: STATE/away. Decides nothing.
--
-- The file (lua/kept.lua, firm) has { here = { id =, text = }, away = [{ id =, text =, files = "END END …" }, …] }: for
-- each file system the files that are away with it, each by the last ten characters of its CID. What else is known of
-- such a file stands in our own record of it. If the file is lost, nobody knows what is away: then every file that is
-- not found counts as away, until a person says that it is gone.
local backoff = require "backoff"
local json = require "core.json"
local kept = require "kept"

local away_state = {}
away_state.__index = away_state

local OLD = "dt-swarm away 1\n"
local SOON = 5000 -- ms; what a crash takes back is found again by a look

local function tail_of(cid) return cid:sub(-10) end

local function is_place(value)
  return type(value) == "table" and type(value.id) == "string" and type(value.text) == "string"
end

-- The place { id =, text =, tails = { … } } of FILE's file system in GROUPS (by id and text) and LIST, made if needed.
local function group_of(groups, list, id, text)
  local name = id .. "\n" .. text
  if not groups[name] then
    groups[name] = { id = id, text = text, tails = {} }
    list[#list + 1] = groups[name]
  end
  return groups[name].tails
end

-- As json.encode can hold it. HERE = { id =, text = } or nil; ENTRIES: array of { cid, place (its id), text }.
local function data_of(here, entries)
  local groups, list = {}, {}
  for _, entry in ipairs(entries) do
    local tails = group_of(groups, list, entry.place, entry.text)
    tails[#tails + 1] = tail_of(entry.cid)
  end
  for i, group in ipairs(list) do
    list[i] = { id = group.id, text = group.text, files = table.concat(group.tails, " ") }
  end
  return { here = here and { id = here.id, text = here.text } or nil, away = json.array(list) }
end

-- What a file of an earlier version says: OLD, a line of the place, a line for each file.
local function old(text)
  if text:sub(1, #OLD) ~= OLD then return nil end
  local here, entries = nil, {}
  for line in text:sub(#OLD + 1):gmatch "([^\n]*)\n" do
    local value = json.decode(line)
    if is_place(value) then here = value end
    if type(value) == "table" and type(value.cid) == "string" and type(value.place) == "string"
      and type(value.text) == "string" then
      entries[#entries + 1] = value
    end
  end
  return data_of(here, entries)
end

--   loop, disk, log, atomic_write (lua/atomic_write.lua)
--   date()     → text for the name of a damaged file
--   dir, name  of the file
--   now()      → here, entries: what is to be kept, as for data_of
function away_state.new(given)
  return setmetatable({ loop = given.loop, log = given.log, atomic_write = given.atomic_write, now = given.now,
    failures = 0, backoff = backoff.quick(nil, 2 * SOON),
    kept = kept.new_firm { disk = given.disk, log = given.log, date = given.date, dir = given.dir, name = given.name,
      old = old, atomic_write = given.atomic_write } }, away_state)
end

--- → here | nil, a function(cid) → the place { id =, text = } that the file is away with | nil. self.kept.lost: nobody
-- knows.
function away_state:read()
  local data, by_tail = self.kept:read(), {}
  data = type(data) == "table" and data or {}
  for _, place in ipairs(type(data.away) == "table" and data.away or {}) do
    for tail in tostring(place.files or ""):gmatch(is_place(place) and "%S+" or "$^") do by_tail[tail] = place end
  end
  return is_place(data.here) and data.here or nil, function(cid) return by_tail[tail_of(cid)] end
end

local function told(self)
  return function(ok, why)
    self.writing = nil
    if ok then
      self.failures = 0
      self.backoff:reset()
    else
      self.failures = self.failures + 1
      if self.failures == 1 then self.log:warn("logs", "cannot be written", { file = self.kept.path, why = why }) end
    end
    if not ok or self.again then self:changed() end
  end
end

local function write(self)
  self.writing, self.again = true, nil
  self.kept:put_beside(data_of(self.now()), told(self))
end

--- Something changed: soon on the disk.
function away_state:changed()
  self.again = true
  if self.timer or self.writing or self.stopped then return end
  local wait = self.failures == 0 and SOON or self.backoff:next()
  self.timer = self.loop:after(wait, function()
    self.timer = nil
    write(self)
  end)
end

--- Waits for the disk.
function away_state:stop()
  if self.stopped then return end
  self.stopped = true
  if self.timer then self.timer:cancel() end
  self.atomic_write:close()
  self.kept:put_last(data_of(self.now()))
end

return away_state
