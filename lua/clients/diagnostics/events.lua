-- events.lua - what happened to this node's body and to that of others: told to the event ring, and the last of it kept
-- for who asks. Judges nothing.
--
-- Duckietown's robots leave files in /data/stats/events, {"type":…,"stamp":ns,"data":…}: each becomes one event, once.
local bounded = require "bounded"
local cjson = require "cjson" -- for what others write; core.json reads and writes our own
local hash = require "core.hash"
local json = require "core.json"
local text = require "core.text"
local to_json = require "clients.control.to_json"

local events = {}
events.__index = events

local TOPIC <const> = "health"
local KEPT_MAX <const> = 64 -- events
local PATTERN <const> = "/data/stats/events/*.json"
local FILES_MAX <const> = 64 -- the newest of these files
local DATED_FROM <const> = 1420070400000 -- ms: 2015, before which no such robot was
local AHEAD <const> = 60 * 1000 -- ms that such a stamp may be ahead of the time
local TYPE_MAX <const> = 64 -- bytes

--- given.loop
--- given.ring    lua/event_ring.lua's
--- given.log
--- given.now     fn() → Unix ms, or nil: nobody knows
--- given.known   hashes of files that an earlier run told of: array of texts, or whatever stands there
function events.new(given)
  local self = setmetatable({ loop = given.loop, ring = given.ring, log = given.log, now = given.now, list = {},
    told = bounded.new { limit = FILES_MAX } }, events)
  for _, one in ipairs(json.is_array(given.known) and given.known or {}) do
    if type(one) == "string" then self.told:put(one, true) end
  end
  return self
end

--- EVENT (as core.json can hold it, with a member `event`) happened; ID: to another node, nil: to this one.
function events:add(event, id)
  event.id = id
  table.insert(self.list, { event = event, at = event.at, heard = self.loop:now(), id = id })
  if #self.list > KEPT_MAX then table.remove(self.list, 1) end
  self.ring:add(TOPIC, event)
end

-- How long ago ONE was, ms | nil: its file says when, and nobody knows what time it is, or it says what cannot be
local function age(self, one)
  if not one.at then return one.event.event ~= "told" and self.loop:now() - one.heard or nil end
  local now = self.now()
  return now and one.at <= now + AHEAD and math.max(0, now - one.at) or nil
end

--- The last events of node ID (nil: of this one), the oldest first: { event, age_ms = or nil }.
function events:last(id)
  local found = {}
  for _, one in ipairs(self.list) do
    if one.id == id then found[#found + 1] = { event = one.event, age_ms = age(self, one) } end
  end
  return found
end

-- == files of events

-- → { type, at (ms, nil where the stamp cannot be), hash } | nil, text
local function read(file)
  if file.code then return nil, file.code end
  if file.cut then return nil, "it is longer than 4 KiB" end
  local ok, data = pcall(cjson.decode, file.text)
  if not ok or type(data) ~= "table" or type(data.type) ~= "string" or #data.type > TYPE_MAX then
    return nil, "it is no object with a type"
  end
  local stamp = type(data.stamp) == "number" and math.tointeger(data.stamp // 1000000) or nil
  return { type = to_json.text(data.type), at = stamp and stamp >= DATED_FROM and stamp or nil, stamp = stamp or 0,
    path = file.path, hash = text.base64url(hash.blake2b(file.text):sub(1, 6)) }
end

local function is_newer(a, b)
  if a.stamp ~= b.stamp then return a.stamp > b.stamp end
  return a.path < b.path
end

--- FILES: what a look read at events.pattern (reading.lua's each).
function events:take(files)
  local list = {}
  for _, file in ipairs(files) do
    local one, why = read(file)
    if one then
      list[#list + 1] = one
    else
      self.log:once("event " .. file.path, "warn", "diagnostics", "an event file is not understood",
        { { "file", file.path }, { "why", why } })
    end
  end
  table.sort(list, is_newer)
  for i = math.min(#list, FILES_MAX), 1, -1 do
    local one = list[i]
    if not self.told:get(one.hash) then
      self.told:put(one.hash, true)
      self:add { event = "told", type = one.type, at = one.at }
    end
  end
end

events.pattern = PATTERN

--- Hashes of the files that were told of, for the next run.
function events:known()
  local list = {}
  for i, told in self.told:each() do list[i] = told end
  return json.array(list)
end

return events
