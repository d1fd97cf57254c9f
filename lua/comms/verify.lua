-- verify.lua - whose signature is checked next: shared fairly by channel, then by source. Takes nothing in.
local threads = require "core.verify"

local verify = {}
verify.__index = verify

local BATCH = 32 -- statements of one job
local JOBS = 4 -- on their way at once
local SOURCE_MAX = 512 -- waiting of one source; a stream that has so many is not read meanwhile
local ALL_MAX = 8192

-- swarm; start() → worker (lua/worker.lua), asked for when first needed; nil: checks at once (virtual time).
function verify.new(given)
  return setmetatable({ swarm = given.swarm, start = given.start, channels = {}, by_kind = {}, by_id = {},
    waiting = 0, jobs = 0, pending = {} }, verify)
end

local function push(list, item)
  list.last = list.last + 1
  list[list.last] = item
end

local function shift(list)
  local item = list[list.first]
  list[list.first], list.first = nil, list.first + 1
  return item
end

local function length(list) return list.last - list.first + 1 end

-- A host is one source by each kind of channel: more connections give it no more turns and no more room.
local function name_of(source) return source.host and source.channel.kind .. " " .. source.host or source.id end

-- The queue of a source, in its channel's round; empty queues are in no round.
local function queue_of(self, source)
  local name = name_of(source)
  local queue = self.by_id[name]
  if queue then return queue end
  local kind = source.channel.kind
  local channel = self.by_kind[kind]
  if not channel then
    channel = { kind = kind, first = 1, last = 0 }
    self.by_kind[kind] = channel
    table.insert(self.channels, channel)
  end
  queue = { id = name, first = 1, last = 0, paused = {} }
  self.by_id[name] = queue
  push(channel, queue)
  return queue
end

-- The next entry: channels take turns, and within a channel its sources.
local function pop(self)
  local channel = table.remove(self.channels, 1)
  local queue = shift(channel)
  local entry = shift(queue)
  if length(queue) > 0 then push(channel, queue) else self.by_id[queue.id] = nil end
  if length(channel) > 0 then table.insert(self.channels, channel) else self.by_kind[channel.kind] = nil end
  self.waiting = self.waiting - 1
  if queue.paused[1] and length(queue) < SOURCE_MAX // 4 then
    local paused = queue.paused
    queue.paused = {}
    for _, stream in ipairs(paused) do stream:resume() end
  end
  return entry
end

local pump

local function deliver(self, batch, result)
  self.jobs = self.jobs - 1
  for i, entry in ipairs(batch) do
    self.pending[entry.st.short] = nil
    local word = result.words and result.words[i] or "closed"
    if word == true then entry.done(true) else entry.done(nil, word .. ": " .. entry.st.bucket, word) end
  end
  pump(self)
end

local function submit(self)
  local batch, lines = {}, { swarm = self.swarm }
  while #batch < BATCH and self.waiting > 0 do
    local entry = pop(self)
    batch[#batch + 1], lines[#lines + 1] = entry, entry.st
  end
  self.jobs = self.jobs + 1
  local job = self.worker:run(threads.statements, lines, function(result) deliver(self, batch, result) end)
  if not job then deliver(self, batch, {}) end
end

function pump(self)
  while self.waiting > 0 and self.jobs < JOBS and not self.stopped do submit(self) end
end

local function wait(self, queue, st, source, done)
  push(queue, { st = st, source = source, done = done })
  self.waiting = self.waiting + 1
  self.pending[st.short] = true
  if length(queue) < SOURCE_MAX // 2 or not source.channel.pause then return end
  for _, stream in ipairs(queue.paused) do if stream == source.channel then return end end
  table.insert(queue.paused, source.channel)
  source.channel:pause()
end

-- Checks ST, which came over SOURCE: done(true) or done(nil, text, word), once. → true | nil, text, "full"/"duplicate"
-- when it is not even begun.
function verify:add(st, source, done)
  if not self.start then
    done(st:verify(self.swarm))
    return true
  end
  if self.pending[st.short] then return nil, "duplicate: being checked", "duplicate" end
  local queue = self.by_id[name_of(source)]
  if self.waiting >= ALL_MAX or queue and length(queue) >= SOURCE_MAX then
    return nil, "full: too many wait to be checked", "full"
  end
  self.worker = self.worker or self.start()
  wait(self, queue or queue_of(self, source), st, source, done)
  if not self.posted then
    self.posted = true
    self.worker.loop:post(function()
      self.posted = false
      pump(self)
    end)
  end
  return true
end

function verify:stop()
  self.stopped = true
  if self.worker then self.worker:close() end
end

return verify
