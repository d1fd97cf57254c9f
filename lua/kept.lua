-- kept.lua - one small value in a file of the state folder, whole or not at all. Knows no value's meaning.
--
-- STATE/NAME is a line of canonical JSON, {"data":…,"hash":H,"schema":1}: H is the BLAKE2b-256 of the data's text, in
-- base64url. Lazy: what changed goes to the disk every half hour, at a clean stop, and soon after `soon` was called:
-- some such writes may follow each other closely, but no more in the long run than one each five minutes.
-- A power cut takes back that much and no more, since the file is replaced whole.
local hash = require "core.hash"
local json = require "core.json"
local text = require "core.text"

local kept = {}
kept.__index = kept

local SCHEMA = 1
local BYTES_MAX = 256 * 1024
local EVERY = 30 * 60 * 1000 -- ms
local SOON = 10 * 1000 -- ms from `soon` to the disk
local SOON_MOST, EACH = 12, 5 * 60 * 1000 -- of these writes at once; ms until there may be one more

-- loop, disk, log, replacing (lua/replacing.lua), date() → text for the names of damaged files, dir (the
-- state folder), name; data() → what is to be kept now, as core.json can hold it.
function kept.new(given)
  local self = setmetatable({}, kept)
  for _, field in ipairs { "loop", "disk", "log", "replacing", "date", "data" } do self[field] = given[field] end
  self.path, self.haste = given.dir .. "/" .. given.name, SOON_MOST
  return self
end

local function seal(data) return text.base64url(hash.blake2b(json.encode(data))) end

-- The data of a file's TEXT | nil where the file is damaged; nil, N where it is of version N.
local function open(line)
  local value = line:sub(-1) == "\n" and json.decode(line:sub(1, -2))
  local schema = type(value) == "table" and math.tointeger(value.schema)
  if schema and schema > SCHEMA then return nil, schema end
  if schema ~= SCHEMA or value.data == nil then return nil end
  return value.hash == seal(value.data) and value.data or nil
end

-- A name beside PATH that nobody has. VERSION: of what is put aside; nil: it is damaged.
local function aside(self, version)
  local base = ("%s.%s-%s"):format(self.path, version and "version-" .. version or "damaged", self.date())
  local name, n = base, 1
  while self.disk:stat(name) do
    n = n + 1
    name = ("%s-%d"):format(base, n)
  end
  return name
end

--- What was kept by an earlier run | nil: none yet, or the file is damaged, or a newer dt-swarm wrote it. Such a one is
-- put aside and said; self.damaged names a damaged one.
function kept:read()
  local line, err, word = self.disk:read(self.path, BYTES_MAX)
  if word == "ENOENT" then return nil end
  local data, version
  if line then data, version = open(line) end
  if data ~= nil then
    self.written = line
    return data
  end
  if not line and word ~= "long" then -- the disk did not give it: it may be whole
    self.log:warn("node", "a file cannot be read", { file = self.path, why = err })
    return nil
  end
  local name = aside(self, version)
  local ok, why = self.disk:rename(self.path, name)
  if ok and not version then self.damaged = name end
  local what = version and ("a file is of version %d, this dt-swarm knows %d"):format(version, SCHEMA)
    or "a file is damaged"
  self.log:warn("node", what .. ": begun anew", { file = self.path, aside = ok and name or why })
  return nil
end

local function line_of(self)
  local data = self.data()
  return json.encode { data = data, hash = seal(data), schema = SCHEMA } .. "\n"
end

local function told(self, line)
  return function(ok, err)
    if ok then
      self.written, self.failing = line, nil
    elseif not self.failing then
      self.failing = true
      self.log:warn("node", "a file cannot be written: tried again", { file = self.path, why = err })
    end
  end
end

-- Brings what changed to the disk, beside the loop.
function kept:write()
  local line = line_of(self)
  if line == self.written then return end
  self.replacing:put(self.path, line, 384, told(self, line)) -- 0600
end

function kept:start()
  self.timer = self.loop:every(EVERY, function() self:write() end)
end

-- How long a write has to wait now: SOON, unless there were many in the last hour. It counts as done.
local function wait_for(self)
  local now = self.loop:now()
  self.haste = math.min(SOON_MOST, self.haste + (now - (self.counted or now)) / EACH) - 1
  self.counted = now
  return math.max(SOON, math.ceil(-self.haste * EACH))
end

--- What changed matters: it goes to the disk within seconds, but not each time.
function kept:soon()
  if self.waiting or self.stopped then return end
  self.waiting = self.loop:after(wait_for(self), function()
    self.waiting = nil
    self:write()
  end)
end

--- Writes what changed and waits for the disk; nothing is written afterwards. Twice is safe.
function kept:stop()
  if self.stopped then return end
  self.stopped = true
  for _, timer in ipairs { self.timer or false, self.waiting or false } do
    if timer then timer:cancel() end
  end
  self.replacing:close() -- what is being written is there now, and the rest is written here
  self:write()
end

return kept
