-- kept.lua - one small value in a file of the state folder, whole or not at all. Knows no value's meaning.
--
-- The file NAME is one line of canonical JSON, {"data":…,"hash":H,"schema":1}: H is the BLAKE2b-256 of the data's text,
-- in base64url. It is at most 256 KiB and is replaced whole, so a power cut leaves the old value or the new one.
-- A damaged file is renamed and said, and the value begins anew. There are two kinds:
--   firm  the value is on the disk when `put` returns, or when TOLD of `put_beside` is called. After damage the value
--         is `lost` until somebody puts one again: what rests on it must not act before, over restarts too.
--   lazy  the value goes to the disk every half hour, at a clean stop, and soon after `soon` was called: some such
--         writes may follow each other closely, but in the long run there is no more than one in five minutes.
local hash = require "core.hash"
local json = require "core.json"
local text = require "core.text"

local kept = {}
kept.__index = kept

local SCHEMA = 1
local BYTES_MAX = 256 * 1024
local OLD_MAX = 16 * 1024 * 1024 -- bytes of a file in the form of an earlier version
local MODE = 384 -- octal 0600
local EVERY = 30 * 60 * 1000 -- ms
local SOON = 10 * 1000 -- ms from `soon` to the disk
local SOON_MOST, EACH = 12, 5 * 60 * 1000 -- of these writes at once; ms until there may be one more
local NO_FILE = { long = true, EISDIR = true, ENXIO = true } -- no disk's fault, but what somebody put there
local FULL = { ENOSPC = true, EDQUOT = true }

local function undated() return "undated" end

local function nothing() end

local FIELDS = { "disk", "log", "old", "loop", "atomic_write", "data", "what" }

local function new(given, is_firm)
  local self = setmetatable({ firm = is_firm, flying = 0, haste = SOON_MOST }, kept)
  for _, field in ipairs(FIELDS) do self[field] = given[field] end
  self.date = given.date or undated
  self.dir, self.name, self.path = given.dir, given.name, given.dir .. "/" .. given.name
  return self
end

--- A firm value. GIVEN:
--   disk       core.disk's
--   log        lua/log.lua's
--   date()     → text for the names of damaged files; nil: they bear no date
--   dir        the folder, which must be there
--   name       of the file
--   old(text)  → the data of a file in the form of an earlier version | nil; or nil where there never was one
--   atomic_write  lua/atomic_write.lua's; only put_beside needs it
--   what       text: what is lost with the file, for who reads the log | nil
function kept.new_firm(given) return new(given, true) end

--- A lazy value. GIVEN: as for a firm one, and
--   loop       lua/loop.lua's
--   data()     → what is to be kept now, as core.json can hold it; nil: nothing yet
function kept.new_lazy(given) return new(given, false) end

local function seal(data) return text.base64url(hash.blake2b(json.encode(data))) end

--- A firm value in the file NAME of the state folder of NODE (lua/node.lua), for `put_beside`.
function kept.firm_of(node, name)
  return kept.new_firm { disk = node.disk, log = node.log, date = node.date, dir = node.state, name = name,
    atomic_write = node.atomic_write }
end

--- → fn(name, data, old, what): a lazy value in the state folder of NODE (lua/node.lua), whose timers are LOOP's.
function kept.lazy_of(node, loop)
  return function(name, data, old, what)
    return kept.new_lazy { loop = loop, disk = node.disk, log = node.log, date = node.date, dir = node.state,
      name = name, data = data, old = old, what = what, atomic_write = node.atomic_write }
  end
end

--- The line that holds DATA. It throws where core.json cannot hold that.
function kept.encode(data) return json.encode { data = data, hash = seal(data), schema = SCHEMA } .. "\n" end

--- The data of a file's LINE | nil where the file is damaged; nil, N where it is of version N, a later one.
function kept.decode(line)
  local value = line:sub(-1) == "\n" and json.decode(line:sub(1, -2))
  local schema = type(value) == "table" and math.tointeger(value.schema)
  if schema and schema > SCHEMA then return nil, schema end
  if schema ~= SCHEMA or value.data == nil then return nil end
  return value.hash == seal(value.data) and value.data or nil
end

--- A name beside that of the file PATH which nothing on DISK has; WHAT: why it is put aside, DATE: text.
function kept.aside(disk, path, what, date)
  local base = ("%s.%s-%s"):format(path, what, date)
  local name, n = base, 1
  while disk:stat(name) do
    n = n + 1
    name = ("%s-%d"):format(base, n)
  end
  return name
end

-- The first file that an earlier start put aside | nil.
local function find_aside(self)
  local names = self.disk:list(self.dir) or {}
  table.sort(names)
  for _, name in ipairs(names) do
    local rest = name:sub(1, #self.name) == self.name and name:sub(#self.name + 1)
    if rest and (rest:find "^%.damaged%-" or rest:find "^%.version%-") then return self.dir .. "/" .. name end
  end
end

local function put_aside(self, version)
  local name = kept.aside(self.disk, self.path, version and "version-" .. version or "damaged", self.date())
  local ok, why = self.disk:rename(self.path, name)
  if not version then self.damaged = ok and name or self.path end
  self.begun_anew = true
  if self.firm then self.lost = ok and name or self.path end
  local what = version and ("a file is of version %d, this dt-swarm knows %d"):format(version, SCHEMA)
    or "a file is damaged"
  self.log:warn("node", what .. ": begun anew", { file = self.path, aside = ok and name or why, lost = self.what })
end

--- Numbers in the form of earlier versions, as OLD of `new_firm` and `new_lazy`.
function kept.old_number(line) return math.tointeger(line:match "^(%d+)\n$") end

--- What was kept by an earlier run | nil: none yet, or the file is damaged, or a newer dt-swarm wrote it. Such a one is
-- put aside and said; self.damaged names a damaged one. self.lost (firm only): there was a value, and it is not known.
-- → data | nil | nil, text, code: the disk did not give it
function kept:read()
  local line, err, code = self.disk:read(self.path, self.old and OLD_MAX or BYTES_MAX)
  if code == "ENOENT" then
    self.lost = self.firm and find_aside(self) or nil
    return nil
  end
  local data, version
  if line then data, version = kept.decode(line) end
  if data ~= nil then
    self.written = line
    return data
  end
  if line and not version and self.old then data = self.old(line) end
  if data ~= nil then return data end
  if line or NO_FILE[code] then return put_aside(self, version) end
  self.lost = self.firm and self.path or nil -- the disk did not give it: it may be whole
  self.log:warn("node", "a file cannot be read", { file = self.path, why = err })
  return nil, err, code
end

-- The line that holds DATA | nil, text, code.
local function line_of(self, data)
  local line = kept.encode(data)
  if #line <= BYTES_MAX then return line end
  return nil, ("long: %s would have %d bytes, and %d is the most"):format(self.path, #line, BYTES_MAX), "long"
end

-- == firm

local function is_there(self, line) self.written, self.lost = line, nil end

-- Writes over what is there: all that a full disk allows. A power cut in the middle leaves a damaged file, no other
-- value.
local function overwrite(disk, path, line)
  local file, message, code = disk:open(path, "write")
  if not file then return nil, message, code end
  local ok
  ok, message, code = file:pwrite(line, 0)
  if ok then ok, message, code = file:truncate(#line) end
  if ok then ok, message, code = file:sync() end
  file:close()
  return ok and true, message, code
end

--- Keeps DATA: it is on the disk when this returns → true | nil, text, code. The caller waits for the disk, so this is
-- for the time before the loop runs.
function kept:put(data)
  assert(self.flying == 0, "an earlier value is still on its way to the disk")
  local line, err, code = line_of(self, data)
  if not line then return nil, err, code end
  if line == self.written then return true end
  local ok
  ok, err, code = self.disk:replace(self.path, line, MODE)
  if not ok and FULL[code] and self.disk:stat(self.path) then ok, err, code = overwrite(self.disk, self.path, line) end
  if not ok then return nil, err, code end
  is_there(self, line)
  return true
end

--- The same after the files' thread was closed: what was on its way and was not begun is not written any more.
function kept:put_last(data)
  self.flying = 0
  return self:put(data)
end

--- The same beside the loop: TOLD(true) once DATA is on the disk, or TOLD(nil, text, code). What is put first is there
-- first. TOLD is never called after the node has begun to stop.
function kept:put_beside(data, told)
  local line, err, code = line_of(self, data)
  if not line then return told(nil, err, code) end
  if line == self.written and self.flying == 0 then return told(true) end
  self.flying = self.flying + 1
  self.atomic_write:put(self.path, line, MODE, function(ok, why, reason)
    self.flying = self.flying - 1
    if ok then is_there(self, line) end
    told(ok, why, reason)
  end)
end

-- == lazy

local function told_of(self, line)
  return function(ok, err)
    if ok then
      self.written, self.failing = line, nil
    elseif not self.failing then
      self.failing = true
      self.log:warn("node", "a file cannot be written: tried again", { file = self.path, why = err, lost = self.what })
    end
  end
end

--- Brings what changed to the disk, beside the loop. DONE(true) once all of it is there, or DONE(nil, text); never
--- after the node has begun to stop.
function kept:write(done)
  done = done or nothing
  local data = self.data()
  if data == nil then return done(true) end
  local line, err = line_of(self, data)
  local told = told_of(self, line)
  if not line then
    told(nil, err)
    return done(nil, err)
  end
  if line == self.written and self.flying == 0 then return done(true) end
  self.flying, self.sent = self.flying + 1, line
  self.atomic_write:put(self.path, line, MODE, function(ok, why)
    self.flying = self.flying - 1
    told(ok, why)
    done(ok, why)
  end)
end

--- Does PIECE, a text, stand in the file, or may it soon by a write that is on its way?
function kept:holds(piece)
  for _, line in ipairs { self.written or "", self.sent or "" } do
    if line:find(piece, 1, true) then return true end
  end
  return false
end

--- What was read is none of this value's: the file is put aside as a damaged one. (self.begun_anew: one was put aside.)
function kept:reject() put_aside(self) end

function kept:start()
  self.timer = self.loop:every(EVERY, function() self:write() end)
end

-- How long a write has to wait now: LEAST ms, unless there were many in the last hour. It counts as done.
local function wait_for(self, least)
  local now = self.loop:now()
  self.haste = math.min(SOON_MOST, self.haste + (now - (self.counted or now)) / EACH) - 1
  self.counted = now
  return math.max(least, math.ceil(-self.haste * EACH))
end

--- What changed matters: it goes to the disk within seconds (LEAST ms, where there were not many), but not each time.
function kept:soon(least)
  if self.waiting or self.stopped then return end
  self.waiting = self.loop:after(wait_for(self, least or SOON), function()
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
  self.atomic_write:close() -- what is being written is there now, and the rest is written here
  self:write()
end

return kept
