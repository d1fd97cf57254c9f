-- outbox.lua - what to say next on each channel, pulled when it has budget. Sends nothing itself.
local outbox = {}
outbox.__index = outbox

local STATEMENTS_MAX = 2048 -- a channel
local MESSAGES_MAX = 64 -- beacons and the like, a channel
local FEEDS_MAX = 16
local COPIES = 2 -- verified copies heard on a medium that silence our own
local LAMBDA = 8 -- RFC 5401, for groups up to some thousands
local BACKOFF_MIN = 300 -- ms
local HEAD_ROOM = 32 -- bytes that `* - 8 statements` needs

-- loop, random; refused(word) counts what was dropped. poke(name) is called when something was added.
function outbox.new(given)
  return setmetatable({ loop = given.loop, random = given.random, refused = given.refused, poke = given.poke,
    channels = {}, names = {} }, outbox)
end

local function queues()
  local list = {}
  for urgency = 1, 9 do list[urgency] = { first = 1, last = 0 } end
  return list
end

-- FACTS: { medium = true where others hear what we say, so that foreign words wait and may be silenced }.
function outbox:open(name, facts)
  self.channels[name] = { facts = facts, medium = facts.medium, ready = queues(), waiting = {}, by_slot = {},
    by_id = {}, live = 0, messages = {}, feeds = {}, delay = 0 }
  table.insert(self.names, name)
  table.sort(self.names)
end

function outbox:close(name)
  self.channels[name] = nil
  for i, other in ipairs(self.names) do
    if other == name then return table.remove(self.names, i) end
  end
end

-- RFC 5401 §3.4: exponentially distributed towards the end of MAX, so that few of many speak early.
function outbox.backoff(random, max)
  local scale = math.exp(LAMBDA) - 1
  local x = random:unit() * LAMBDA / max + LAMBDA / (max * scale)
  return math.max(0, math.floor(max / LAMBDA * math.log(x * scale * max / LAMBDA)))
end

local function forget(channel, entry)
  if entry.gone then return end
  entry.gone, channel.live = true, channel.live - 1
  channel.by_slot[entry.slot], channel.by_id[entry.short] = nil, nil
end

local function drop_least(self, channel)
  for urgency = 1, 9 do
    local queue = channel.ready[urgency]
    while queue.first <= queue.last do
      local entry = queue[queue.first]
      queue[queue.first], queue.first = nil, queue.first + 1
      if not entry.gone then
        self.refused "full"
        return forget(channel, entry)
      end
    end
  end
  local entry = table.remove(channel.waiting)
  if entry and not entry.gone then
    self.refused "full"
    forget(channel, entry)
  end
end

local function make_ready(channel, entry)
  local queue = channel.ready[entry.urgency]
  queue.last = queue.last + 1
  queue[queue.last] = entry
end

-- WORD = { short =, slot =, line =, mine = bool }. Foreign words on a medium wait by random back-off.
function outbox:add(name, word, urgency)
  local channel = self.channels[name]
  local old = channel.by_slot[word.slot]
  if old then forget(channel, old) end
  local entry = { short = word.short, slot = word.slot, line = word.line, urgency = urgency, copies = 0 }
  channel.by_slot[word.slot], channel.by_id[word.short] = entry, entry
  channel.live = channel.live + 1
  if channel.medium and not word.mine then
    entry.due = self.loop:now() + outbox.backoff(self.random, math.max(BACKOFF_MIN, 10 * channel.delay))
    table.insert(channel.waiting, entry)
  else
    make_ready(channel, entry)
  end
  if channel.live > STATEMENTS_MAX then drop_least(self, channel) end
  self.poke(name)
end

-- A verified copy of SHORT was heard on that medium.
function outbox:heard(name, short)
  local entry = self.channels[name] and self.channels[name].by_id[short]
  if not entry then return end
  entry.copies = entry.copies + 1
  if entry.copies >= COPIES then forget(self.channels[name], entry) end
end

-- A message that is no statement: { kind =, rest =, to =, from = }. The oldest gives way.
function outbox:say(name, message)
  local channel = self.channels[name]
  if not channel then return end
  local messages = channel.messages
  if #messages >= MESSAGES_MAX then
    table.remove(messages, 1)
    self.refused "full"
  end
  messages[#messages + 1] = message
  self.poke(name)
end

-- GENERATE(bytes) → the next message, nil at its end; asked when nothing else waits. For long lists on a link.
function outbox:feed(name, generate)
  local channel = self.channels[name]
  if not channel then return end
  if #channel.feeds >= FEEDS_MAX then return self.refused "full" end
  table.insert(channel.feeds, generate)
  self.poke(name)
end

local function fed(channel, bytes)
  while channel.feeds[1] do
    local message = channel.feeds[1](bytes)
    if message then return message end
    table.remove(channel.feeds, 1)
  end
end

local function ripen(channel, now)
  local kept = {}
  for _, entry in ipairs(channel.waiting) do
    if not entry.gone and entry.due <= now then
      make_ready(channel, entry)
    elseif not entry.gone then
      kept[#kept + 1] = entry
    end
  end
  channel.waiting = kept
end

local function peek(channel)
  for urgency = 9, 1, -1 do
    local queue = channel.ready[urgency]
    while queue.first <= queue.last do
      local entry = queue[queue.first]
      if not entry.gone then return entry, queue end
      queue[queue.first], queue.first = nil, queue.first + 1
    end
  end
end

local function statements(channel, bytes, most)
  local body, room = {}, bytes - HEAD_ROOM
  local entry, queue = peek(channel)
  while entry and #entry.line + 1 <= room and #body < most do
    body[#body + 1], room = entry.line, room - #entry.line - 1
    queue[queue.first], queue.first = nil, queue.first + 1
    forget(channel, entry)
    entry, queue = peek(channel)
  end
  return #body > 0 and { kind = "statements", rest = channel.medium and "" or tostring(#body), body = body } or nil
end

-- The next message of at most BYTES for the channel, most urgent first; nil when there is none that fits.
function outbox:next(name, bytes)
  local channel = self.channels[name]
  if not channel then return nil end
  if channel.messages[1] then return table.remove(channel.messages, 1) end
  ripen(channel, self.loop:now())
  return statements(channel, bytes, 64) or fed(channel, bytes)
end

-- Milliseconds until there is something to say there; nil when there is nothing.
function outbox:due(name)
  local channel = self.channels[name]
  if not channel then return nil end
  if channel.messages[1] or channel.feeds[1] or peek(channel) then return 0 end
  local least
  for _, entry in ipairs(channel.waiting) do
    if not entry.gone and (not least or entry.due < least) then least = entry.due end
  end
  return least and math.max(0, least - self.loop:now())
end

function outbox:length(name) return self.channels[name] and self.channels[name].live or 0 end

return outbox
