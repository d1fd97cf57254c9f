-- checkpoint.lua - writes what this node holds as a checkpoint, serves and announces it. Reads none of others.
--
-- A checkpoint is two files in STATE/checkpoint: machines.txt has all lines of kept classes, cut into leaves by
-- leaves.lua; humans.txt says the same in words. What newcomers read is served by the gateway like any other file.
-- There are some places, STATE/checkpoint/1 to 4, and STATE/checkpoint/current (checkpoint_note.lua) names the one that
-- counts. After a restart that one counts again as long as the same is held: equal sets give equal checkpoints.
local backoff = require "backoff"
local hash = require "core.hash"
local note = require "comms.checkpoint_note"
local slices = require "slices"
local text = require "core.text"
local writer = require "comms.checkpoint_writer"

local checkpoint = {}
checkpoint.__index = checkpoint

local LOOK <const> = 1000 -- ms between two looks whether there is something to write
local FIRST <const> = 10 * 1000 -- ms from the start to the first one: most of what is missed comes by then
local KEEP <const> = 10 * 60 * 1000 -- ms for which the one before is served: somebody may be reading it
local PLACES <const> = 4
local RENEW <const> = 5 * 60 * 1000 -- ms between two announcements

--- GIVEN:
--   loop, random, log
--   disk, dir           core.disk's, the state folder (path)
--   dcache, time        what is held, lua/time.lua
--   id, swarm           text
--   every()             → ms between two at least | false: none is to be written
--   here()              → facts of this node: on battery none is written
--   gateway()           → core.gateway's object | nil: nothing can be served now
--   start(threads)      → a worker for the disk; nil: the loop waits for it
--   atomic_write        lua/atomic_write.lua's
--   publish(cid, words) announces it → the statement | nil; publish(nil): there is none any more
--   say_again(short)    says that statement once more
function checkpoint.new(given)
  local self = setmetatable({ served = {}, retry = backoff.quick(given.random),
    jobs = slices.new(given.loop) }, checkpoint)
  for _, name in ipairs { "loop", "log", "dcache", "time", "id", "every", "here", "gateway", "publish",
    "say_again" } do
    self[name] = given[name]
  end
  self.dir = given.dir .. "/checkpoint"
  self.swarm = given.swarm
  self.note = note.new { disk = given.disk, log = given.log, dir = self.dir, atomic_write = given.atomic_write }
  self.writer = writer.new { disk = given.disk, dir = self.dir, dcache = given.dcache, swarm = given.swarm,
    start = given.start, log = given.log }
  return self
end

-- == serving and telling

local function serve(self, one)
  local gateway = self.gateway()
  if not gateway or one.by == gateway then return end
  local ok, why = gateway:serve { cid = one.cid, folder = ("%s/%d"):format(self.dir, one.place),
    name = writer.MACHINES, identity = one.identity, leaves = one.leaves, sizes = one.sizes, first = writer.HUMANS,
    first_identity = one.first_identity }
  if ok then one.by = gateway else self.log:warn("comms", "a checkpoint cannot be served", { why = why }) end
end

local function withdraw(self, one)
  local gateway = self.gateway()
  if gateway and one.by == gateway then gateway:withdraw(one.cid) end
end

-- Of those before the current one only what was current of late stays.
local function drop_old(self)
  local now, list = self.loop:now(), {}
  for _, one in ipairs(self.served) do
    if one == self.current or now < (one.till or 0) then list[#list + 1] = one else withdraw(self, one) end
  end
  while #list >= PLACES do withdraw(self, table.remove(list, 1)) end
  self.served = list
end

local function announce(self)
  if not self.current.by then return end
  self.told_at = self.loop:now()
  self.said = self.publish(self.current.cid, self.current.words)
end

-- Takes the one with that CID out of those that are served → it | nil
local function take_out(self, cid)
  for i, one in ipairs(self.served) do
    if one.cid == cid then return table.remove(self.served, i) end
  end
end

-- What was MADE counts from here on; where the set came back to what it was, the one that is served already.
local function take(self, made)
  local before, now = self.current, self.loop:now()
  local one = take_out(self, made.cid) or made
  one.digest, one.at, one.till = made.digest, now, nil
  if before and before ~= one then before.till = now + KEEP end
  self.current = one
  self.served[#self.served + 1] = one
  self.found, self.kept_place = nil, nil
  self.note:put(one)
  serve(self, one)
  if before ~= one then announce(self) end
end

-- == when

-- What is held now, in one text: equal texts, equal checkpoints.
local function digest_of(self, t)
  local parts = { self.swarm, "\n" }
  for _, class in ipairs(self.dcache:kept_classes()) do
    parts[#parts + 1] = class.name .. self.dcache:digest(class.name, t)
  end
  return text.base64url(hash.blake2b(table.concat(parts)))
end

local function is_sure(self)
  for _, class in ipairs(self.dcache:kept_classes()) do
    if not self.dcache:sure(class.name) then return false end
  end
  return true
end

local function on_battery(here) return here.battery ~= nil and here.charging ~= true end

-- Is one to be written now, for the set DIGEST? → true | false, why not, for people
local function is_due(self, every, digest)
  local now, last = self.loop:now(), self.tried_at or self.started + math.min(FIRST - every, 0)
  if not self.dcache.trust:is_member(self.id) then return false, "this node is no member of its lab" end
  if not is_sure(self) then return false, "the disk lost records, and no neighbour has shown yet what they were" end
  if on_battery(self.here()) then return false, "this node runs on its battery" end
  if self.current and self.current.digest == digest then return false end
  return now >= math.max(last + every, self.retry_at or 0)
end

local function free_place(self)
  local used = { [self.kept_place or 0] = true }
  for _, one in ipairs(self.served) do used[one.place] = true end
  for place = 1, PLACES do
    if not used[place] then return place end
  end
end

local function failed(self, why)
  self.failure = why
  self.retry_at = self.loop:now() + self.retry:next()
  self.log:warn("comms", "no checkpoint could be written: tried again", { why = why })
end

local function begin(self, t, digest)
  local one, made, why, code = {}, nil, nil, nil
  self.tried_at = self.loop:now()
  self.cancel = self.jobs:start(function()
    slices.wait(function(wake) self.dcache.trust:when_worked_out(wake) end) -- humans.txt says who stands
    made, why, code = self.writer:write(one, free_place(self), t)
  end, function(ok, fault)
    self.cancel = nil
    writer.close_files(one)
    if not ok then return failed(self, fault) end
    if not made then
      if code == "missing" then return end
      return failed(self, why)
    end
    self.retry:reset()
    self.failure, self.retry_at = nil, nil
    one.digest = one.whole and digest or nil
    take(self, one)
  end)
end

-- There is to be none any more.
local function end_all(self)
  if not self.current then return end
  self.current, self.said = nil, nil
  drop_old(self)
  self.publish(nil)
end

--- Writes one if it is time; called by itself each second.
function checkpoint:look()
  local every = self.every()
  drop_old(self)
  if not every then return end_all(self) end
  for _, one in ipairs(self.served) do serve(self, one) end
  local renew = self.current and self.loop:now() - (self.told_at or -RENEW) >= RENEW
  if renew then announce(self) end
  if self.cancel then return end
  local t = self.time:tick()
  local digest = digest_of(self, t)
  local due, why = is_due(self, every, digest)
  self.hindered = why
  if not why and self.found and self.found.digest == digest then return take(self, self.found) end
  if due then begin(self, t, digest) end
end

function checkpoint:start()
  self.started = self.loop:now()
  self.found, self.kept_place = self.note:read()
  self.timer = self.loop:every(LOOK, function() self:look() end)
end

--- Says once more which one counts, for newcomers: soft statements are in no digest that would tell them.
function checkpoint:tell()
  if self.said then self.say_again(self.said.short) end
end

--- For `status`: { cid, words, size, leaves, age_ms, served, writing, why }.
function checkpoint:facts()
  local one = self.current
  if not self.every() then return nil end
  return { cid = one and one.cid, words = one and one.words, size = one and one.size, leaves = one and #one.sizes - 1,
    age_ms = one and self.loop:now() - one.at, served = one and one.by ~= nil, writing = self.cancel ~= nil or nil,
    why = self.failure or self.hindered }
end

function checkpoint:stop()
  if self.timer then self.timer:cancel() end
  if self.cancel then self.cancel() end
  self.writer:close()
end

return checkpoint
