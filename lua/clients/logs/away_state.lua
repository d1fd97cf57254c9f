-- away_state.lua - on which file system the shared files were, and which of them are away: STATE/away. Decides nothing.
--
-- Text: a line about the place, then one line for each file that is away. If it is lost or damaged, files that are
-- away are taken for deleted; nothing else is lost.
local backoff = require "backoff"
local cid = require "core.cid"
local json = require "core.json"

local away_state = {}
away_state.__index = away_state

local HEAD = "dt-swarm away 1\n"
local SOON = 5000 -- ms; what a crash takes back is found again by a look

-- away_state.new{ loop =, disk =, log =, atomic_write = atomic_write.lua, path =, text = fn() → what to keep }.
function away_state.new(given)
  return setmetatable({ loop = given.loop, disk = given.disk, log = given.log, atomic_write = given.atomic_write,
    path = given.path, text = given.text, failures = 0,
    backoff = backoff.quick(nil, 2 * SOON) }, away_state)
end

-- Made once: there may be 20,000.
local function line_of(entry)
  entry.line = entry.line
    or json.encode { cid = entry.cid, data = entry.data, place = entry.place, text = entry.text } .. "\n"
  return entry.line
end

-- HERE = { id =, text = } or nil; entries { cid, data, place, text }, sorted by whoever gives them. → text
function away_state.format(here, entries)
  local lines = { HEAD, json.encode(here or {}) .. "\n" }
  for _, entry in ipairs(entries) do lines[#lines + 1] = line_of(entry) end
  return table.concat(lines)
end

local function is_entry(value)
  return type(value) == "table" and type(value.cid) == "string" and cid.parse(value.cid) ~= nil
    and type(value.data) == "table" and type(value.data.names) == "table" and type(value.data.names[1]) == "string"
    and math.type(value.data.size) == "integer" and type(value.place) == "string" and type(value.text) == "string"
end

-- → here, entries as format() was given them; nil, {} where nothing is known.
function away_state:read()
  local text, why, code = self.disk:read(self.path)
  if not text then
    if code ~= "ENOENT" then self.log:warn("logs", "cannot be read", { file = self.path, why = why }) end
    return nil, {}
  end
  if text:sub(1, #HEAD) ~= HEAD then return nil, {} end
  self.written = text
  local here, entries = nil, {}
  for line in text:sub(#HEAD + 1):gmatch "([^\n]*)\n" do
    local value = json.decode(line)
    if is_entry(value) then
      entries[#entries + 1] = value
    elseif type(value) == "table" and type(value.id) == "string" and type(value.text) == "string" then
      here = value
    end
  end
  return here, entries
end

local function told(self, text)
  return function(ok, why)
    self.writing = nil
    if ok then
      self.failures, self.written = 0, text
      self.backoff:reset()
    else
      self.failures = self.failures + 1
      if self.failures == 1 then self.log:warn("logs", "cannot be written", { file = self.path, why = why }) end
    end
    if not ok or self.text() ~= text then self:changed() end
  end
end

local function write(self)
  local text = self.text()
  if text == self.written then return end
  self.writing = true
  self.atomic_write:put(self.path, text, 384, told(self, text)) -- 0600
end

-- Something changed: soon on the disk.
function away_state:changed()
  if self.timer or self.writing or self.stopped then return end
  local wait = self.failures == 0 and SOON or self.backoff:next()
  self.timer = self.loop:after(wait, function()
    self.timer = nil
    write(self)
  end)
end

-- Waits for the disk.
function away_state:stop()
  self.stopped = true
  if self.timer then self.timer:cancel() end
  self.atomic_write:close()
  local text = self.text()
  if text ~= self.written then self.disk:replace(self.path, text, 384) end
end

return away_state
