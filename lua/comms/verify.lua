-- verify.lua - whose signatures are checked next: shared fairly by channel, then by source. Takes nothing in.
local threads = require "core.verify"

local verify = {}
verify.__index = verify

local BATCH = 64 -- statements of one job
local JOBS = 4 -- on their way at once
local SOURCE_MAX = 512 -- waiting of one source; a stream that has so many is not read meanwhile
local ALL_MAX = 8192

-- swarm, checks (checks.lua);
-- start() → worker (lua/worker.lua), asked for when first needed; nil: checks at once (virtual time).
function verify.new(given)
  return setmetatable({ swarm = given.swarm, start = given.start, checks = given.checks, channels = {}, by_kind = {},
    by_id = {}, waiting = 0, jobs = 0, pending = {} }, verify)
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

-- A principal is one source by each kind of channel: more connections give him no more turns and no more room.
local function name_of(source) return source.channel.kind .. " " .. source.principal end

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
  queue = { id = name, first = 1, last = 0, statements = 0, paused = {} }
  self.by_id[name] = queue
  push(channel, queue)
  return queue
end

local function wake(queue)
  if not queue.paused[1] or queue.statements >= SOURCE_MAX // 4 then return end
  local paused = queue.paused
  queue.paused = {}
  for _, stream in ipairs(paused) do stream:resume() end
end

-- The next entry and how many of its statements have their turn, of at most ROOM: one while others wait, too.
-- Channels take turns, and within a channel its sources.
local function pop(self, room)
  local alone = not self.channels[2] and length(self.channels[1]) == 1
  local channel = table.remove(self.channels, 1)
  local queue = shift(channel)
  local entry = queue[queue.first]
  local n = alone and math.min(room, entry.last - entry.at + 1) or 1
  entry.at = entry.at + n
  if entry.at > entry.last then shift(queue) end
  if length(queue) > 0 then push(channel, queue) else self.by_id[queue.id] = nil end
  if length(channel) > 0 then table.insert(self.channels, channel) else self.by_kind[channel.kind] = nil end
  queue.statements, self.waiting = queue.statements - n, self.waiting - n
  wake(queue)
  return entry, n
end

local pump

-- SLICES: { entry, from, to } each; BEGUN is nil where no thread will look at them. Who fails over what he is told
-- stops nothing that waits.
local function deliver(self, slices, begun)
  self.jobs = self.jobs - 1
  for _, slice in ipairs(slices) do
    local list = slice.entry.list
    for i = slice.from, slice.to do
      self.pending[list:short(i)] = nil
      if not begun then list:refuse(i, "closed") end
    end
  end
  pump(self)
  for _, slice in ipairs(slices) do slice.entry.done(slice.from, slice.to) end
end

-- What of one entry gets into the same job is one slice of it, since its places go in order.
local function submit(self)
  local slices, by_entry, job, room = {}, {}, { swarm = self.swarm }, BATCH
  while room > 0 and self.waiting > 0 do
    local entry, n = pop(self, room)
    local slice = by_entry[entry]
    if not slice then
      slice = { entry = entry, from = entry.at - n }
      slices[#slices + 1], by_entry[entry] = slice, slice
    end
    slice.to, room = entry.at - 1, room - n
  end
  for _, slice in ipairs(slices) do
    for _, part in ipairs { slice.entry.list, slice.from, slice.to } do job[#job + 1] = part end
  end
  self.jobs = self.jobs + 1
  if not self.worker:run(threads.batches, job, function() deliver(self, slices, true) end) then
    deliver(self, slices, nil)
  end
end

function pump(self)
  while self.waiting > 0 and self.jobs < JOBS and not self.stopped do submit(self) end
end

local function wait(self, queue, entry, source)
  local n = entry.last - entry.at + 1
  push(queue, entry)
  queue.statements, self.waiting = queue.statements + n, self.waiting + n
  if queue.statements < SOURCE_MAX // 2 or not source.channel.pause then return end
  for _, stream in ipairs(queue.paused) do if stream == source.channel then return end end
  table.insert(queue.paused, source.channel)
  source.channel:pause()
end

-- Marks those of the first N of LIST that are being checked already, and those for which there is no room.
-- → how many are left; they come first, and are now in `pending`, which is never larger than ALL_MAX and what is in
-- the jobs on their way.
local function admit(self, list, n, source)
  local queue = self.by_id[name_of(source)]
  local room = math.min(ALL_MAX - self.waiting, SOURCE_MAX - (queue and queue.statements or 0))
  for i = 1, n do
    local short = list:short(i)
    if self.pending[short] then
      list:refuse(i, "duplicate")
    elseif room == 0 then
      list:refuse(i, "full")
    else
      self.pending[short], room = true, room - 1
    end
  end
  return list:part(n)
end

-- Checks the first N of LIST (core.batch), which came over SOURCE: done(from, to) for each piece of them once it was
-- judged: code(place) says how. → how many are begun, the first of LIST; the others of the N have their code already.
function verify:add(list, n, source, done)
  if not self.start then
    self.checks.batch(list, 1, n, self.swarm)
    done(1, n)
    return n
  end
  n = admit(self, list, n, source)
  if n == 0 then return 0 end
  self.worker = self.worker or self.start()
  wait(self, queue_of(self, source), { list = list, at = 1, last = n, done = done }, source)
  if not self.posted then
    self.posted = true
    self.worker.loop:post(function()
      self.posted = false
      pump(self)
    end)
  end
  return n
end

function verify:stop()
  self.stopped = true
  if self.worker then self.worker:close() end
end

return verify
