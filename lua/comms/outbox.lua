-- outbox.lua - what to say next on each channel, pulled when it has budget. Sends nothing itself.
--
-- What was replaced, silenced or dropped leaves its list at once: a channel that nobody pulls, since it has no network,
-- holds as much as lives. The lists are linked in both directions for that.
local linked_list = require "linked_list"
local repeats = require "comms.repeats"
local token_bucket = require "token_bucket"
local urgency = require "comms.urgency"

local push, unlink = linked_list.push, linked_list.unlink

local outbox = {}
outbox.__index = outbox

local STATEMENTS_MAX = 2048 -- a channel; beyond it the least urgent goes first, of these the oldest
local MESSAGES_MAX = 64 -- answers and the like, a channel; the oldest goes first
local BEACON_WAIT = 2000 -- ms that a beacon lets statements go first
-- Of so many bytes of a slow channel one is for beacons, pings and pongs. What comes together in so many seconds may go
-- at once, by who is new there, and may be owed for answers.
local CONTROL, CONTROL_S, CONTROL_LEAST = 20, 2 * 60, 1200 -- bytes
local FEEDS_MAX = 16
local FEED_EACH = 4 -- frames with statements, after which a list has its turn: else repairs might never have one
local BACKOFF, HEAD_ROOM = 300, 32 -- ms, at most; bytes that `* - 8 statements` needs
local MOST_URGENT <const> = urgency.ENDS

-- loop, random; refused(code) counts what was dropped; poke(name): something was added.
function outbox.new(given)
  return setmetatable({ loop = given.loop, random = given.random, refused = given.refused, poke = given.poke,
    channels = {}, names = {}, dropped = 0 }, outbox)
end

local function queues()
  local list = {}
  for i = 1, MOST_URGENT do list[i] = {} end
  return list
end

-- FACTS: medium: bool, others hear what we say, so that foreign statements wait and may be silenced; line_max: bytes
-- of the longest line that it carries (nil: as long as a frame); rate: bytes a second, where it is slow.
function outbox:open(name, facts)
  local share = facts.rate and facts.rate / CONTROL
  local control = share and token_bucket.new { now = function() return self.loop:now() end, rate = share,
    burst = math.max(CONTROL_LEAST, share * CONTROL_S) }
  self.channels[name] = { facts = facts, control = control, medium = facts.medium, ready = queues(), waiting = {},
    by_slot = {}, by_id = {}, live = 0, messages = {}, feeds = {}, unfed = 0 }
  table.insert(self.names, name)
  table.sort(self.names)
end

function outbox:close(name)
  self.channels[name] = nil
  for i, other in ipairs(self.names) do
    if other == name then return table.remove(self.names, i) end
  end
end

local function forget(channel, entry)
  unlink(entry)
  channel.live = channel.live - 1
  channel.by_slot[entry.slot], channel.by_id[entry.short] = nil, nil
end

local function enter(channel, entry)
  channel.live = channel.live + 1
  channel.by_slot[entry.slot], channel.by_id[entry.short] = entry, entry
end

-- The most urgent that is ready, of these the oldest; LEAST: the least urgent.
local function first_ready(channel, least)
  if channel.live == 0 then return nil end
  for i = 1, MOST_URGENT do
    local entry = channel.ready[least and i or MOST_URGENT + 1 - i].first
    if entry then return entry end
  end
end

local function drop(self, word)
  self.dropped = self.dropped + 1
  self.refused(word)
end

-- The oldest that waits and is none of a lab's own words, else the oldest of these.
local function first_waiting(channel)
  local entry = channel.waiting.first
  while entry and entry.urgency >= urgency.TRUST do entry = entry.after end
  return entry or channel.waiting.first
end

local function drop_least(self, channel)
  drop(self, "full")
  local ready = first_ready(channel, true)
  forget(channel, ready and ready.urgency < urgency.TRUST and ready or first_waiting(channel) or ready)
end

-- OLD, which waits in the slot of ST, gives way. → the urgency of ST: no less than what was not said yet had
local function give_way(self, channel, old, st, how_urgent)
  forget(channel, old)
  if old.said then return how_urgent end
  if old.renewed and old.short ~= st.short then drop(self, "full") end
  return math.max(how_urgent, math.min(old.urgency, urgency.TRUST - 1))
end

-- ST = { short, slot, line, mine = bool, wait = ms or nil: at least, renewed = bool: it says what was last said, times
-- and silent_after, as repeats.lua has them, nil: once, and after two }. Others' words on a medium wait by random
-- back-off, but no longer than those that they replace.
function outbox:add(name, st, how_urgent)
  local channel = self.channels[name]
  local old = channel.by_slot[st.slot]
  if old then how_urgent = give_way(self, channel, old, st, how_urgent) end
  local entry = { short = st.short, slot = st.slot, line = st.line, renewed = st.renewed, urgency = how_urgent,
    times = st.times or 1, silent_after = st.silent_after, copies = 0 }
  enter(channel, entry)
  local by_chance = channel.medium and not st.mine
  local wait = (st.wait or 0) + (by_chance and repeats.wait(self.random, BACKOFF) or 0)
  if wait > 0 or by_chance then
    entry.due = self.loop:now() + wait
    if st.wait and st.wait > 0 and old and old.due then entry.due = math.min(old.due, entry.due) end
    if how_urgent == urgency.TRUST then -- in the order in which they came: a token ends after those whom it let in
      entry.due = math.max(entry.due, channel.trust_due or 0)
      channel.trust_due = entry.due
    end
    push(channel.waiting, entry)
  else
    push(channel.ready[how_urgent], entry)
  end
  if channel.live > STATEMENTS_MAX then drop_least(self, channel) end
  self.poke(name)
end

-- Something newer in SLOT came by that channel: what waits there for it is told no more.
function outbox:outdated(name, slot)
  local channel = self.channels[name]
  local entry = channel and channel.by_slot[slot]
  if entry then forget(channel, entry) end
end

-- A verified copy of SHORT was heard on that channel.
function outbox:heard(name, short)
  local entry = self.channels[name] and self.channels[name].by_id[short]
  if entry and repeats.enough(entry, self.channels[name].medium) then forget(self.channels[name], entry) end
end

-- Does SHORT wait to be said there?
function outbox:waits(name, short) return self.channels[name] ~= nil and self.channels[name].by_id[short] ~= nil end

-- A message that is no statement: { kind, rest, to, from }. The oldest gives way; of beacons, which tell what is so
-- now, only the newest waits. → how many wait, where it is none
function outbox:say(name, message)
  local channel = self.channels[name]
  if not channel then return end
  local messages = channel.messages
  if message.kind == "beacon" then
    if not channel.beacon then channel.beacon_till = self.loop:now() + BEACON_WAIT end
    channel.beacon = message
    return self.poke(name)
  end
  if #messages >= MESSAGES_MAX then
    table.remove(messages, 1)
    drop(self, "full")
  end
  messages[#messages + 1] = message
  self.poke(name)
  return #messages
end

-- GENERATE(bytes) → the next message, nil at its end; asked when nothing else waits, for long lists. → will it be?
function outbox:feed(name, generate)
  local channel = self.channels[name]
  if not channel then return false end
  if #channel.feeds >= FEEDS_MAX then
    drop(self, "full")
    return false
  end
  table.insert(channel.feeds, generate)
  self.poke(name)
  return true
end

local function fed(channel, bytes)
  channel.unfed = 0
  while channel.feeds[1] do
    local message = channel.feeds[1](bytes)
    if message then return message end
    table.remove(channel.feeds, 1)
  end
end

local function ripen(channel, now)
  local entry = channel.waiting.first
  while entry do
    local after = entry.after
    if entry.due <= now then
      unlink(entry)
      push(channel.ready[entry.urgency], entry)
    end
    entry = after
  end
end

-- ENTRY goes out; perhaps it is to be said again there, since some may lose it.
local function take(self, channel, entry)
  forget(channel, entry)
  if not repeats.again(entry, self.loop:now(), self.random) then return end
  enter(channel, entry)
  push(channel.waiting, entry)
end

-- Statements for one frame of at most BYTES. A line that fits in no such frame holds up nothing: it is dropped.
local function statements(self, channel, bytes, most)
  local body, room = {}, bytes - HEAD_ROOM
  local longest = math.min(room - 1, channel.facts.line_max or room)
  local entry = first_ready(channel)
  while entry and #body < most do
    local size = #entry.line + 1
    if #entry.line > longest then
      drop(self, "long")
      forget(channel, entry)
    elseif size <= room then
      body[#body + 1], room = entry.line, room - size
      take(self, channel, entry)
    else
      break
    end
    entry = first_ready(channel)
  end
  return #body > 0 and { kind = "statements", body = body } or nil
end

--- May a question go there now (a ping)? It may go before a beacon that waits: there always is one where two have just
--- met, and who is not proved is not repaired with. What it takes beyond the share later beacons wait for.
function outbox:may_control(name)
  local channel = self.channels[name]
  return not (channel and channel.control) or channel.control:left() > -channel.control.burst // 2
end

--- May an answer (a pong) go there, though others have used up the share? Within bounds: it is owed.
function outbox:may_answer(name)
  local channel = self.channels[name]
  return not (channel and channel.control) or channel.control:left() > -channel.control.burst
end

--- BYTES of such a message go there.
function outbox:control(name, bytes)
  local channel = self.channels[name]
  if channel and channel.control then channel.control:charge(bytes) end
end

-- ms until a beacon may go.
local function beacon_wait(channel) return channel.control and channel.control:wait(1) or 0 end

local function may_beacon(channel) return channel.beacon and beacon_wait(channel) == 0 end

local function take_beacon(channel)
  if not may_beacon(channel) then return nil end
  local message = channel.beacon
  channel.beacon = nil
  if channel.control then channel.control:charge(#(message.rest or "") + HEAD_ROOM) end
  return message
end

-- The next message of at most BYTES there, most urgent first | nil. What takes rights away goes before answers, too.
function outbox:next(name, bytes)
  local channel = self.channels[name]
  if not channel then return nil end
  local now = self.loop:now()
  ripen(channel, now)
  local ends = channel.ready[urgency.ENDS].first and statements(self, channel, bytes, 64)
  if ends then return ends end
  if channel.messages[1] then return table.remove(channel.messages, 1) end
  if may_beacon(channel) and now >= channel.beacon_till then return take_beacon(channel) end
  local list = channel.unfed >= FEED_EACH and fed(channel, bytes)
  if list then return list end
  channel.unfed = channel.unfed + 1
  return statements(self, channel, bytes, 64) or take_beacon(channel) or fed(channel, bytes)
end

-- Milliseconds until there is something to say there; nil when there is nothing.
function outbox:due(name)
  local channel = self.channels[name]
  if not channel then return nil end
  local now = self.loop:now()
  if channel.messages[1] or may_beacon(channel) or channel.feeds[1] or first_ready(channel) then return 0 end
  local least, entry = channel.beacon and now + beacon_wait(channel), channel.waiting.first
  while entry do
    least = math.min(least or entry.due, entry.due)
    entry = entry.after
  end
  return least and math.max(0, least - now)
end

function outbox:length(name) return self.channels[name] and self.channels[name].live or 0 end

-- Statements that wait on all channels, and what was given up: { waiting =, dropped = }.
function outbox:counts()
  local waiting = 0
  for _, name in ipairs(self.names) do waiting = waiting + self:length(name) end
  return { waiting = waiting, dropped = self.dropped }
end

return outbox
