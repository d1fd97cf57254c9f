-- talk.lua - one channel on which repairs are spoken: what is wanted there, and how long things take. Does not choose
-- with whom.
local messages = require "comms.messages"
local ranges = require "comms.ranges"
local wants = require "comms.wants"

local talk = {}
talk.__index = talk

local IDLE, FRAMES_IDLE = 2000, 2 -- ms without news; and so many times what a frame takes on a slow channel
local HEAD, WANT_HEAD, ID = 240, 160, 23 -- bytes of a line before its IDs or digests; of each ID
local BATCH, BATCH_S = 128, 8 -- IDs wanted at once; of a slow channel so many as are answered in that time
local STATEMENT = 256 -- bytes of one, for that
local PAGE = 65536 -- IDs that the store lists at once

--- The name by which the brain of ID is spoken to.
function talk.brain(id) return ("/dswarm/%s/brain"):format(id) end

--- ms that a whole frame takes where the channel is slow.
function talk:frame_ms()
  local channel = self.channel
  return channel.rate and channel.traits.frame_max * 1000 // channel.rate or 0
end

--- ms without news after which there is none.
function talk:idle_ms() return IDLE + FRAMES_IDLE * self:frame_ms() end

local function room(channel) return math.min(channel.traits.line_max, channel.traits.frame_max) end

local function ids_in(channel, head)
  return math.max(1, math.min(messages.ids_in_line, (room(channel) - head) // ID))
end

--- IDs in one line that lists a range.
function talk:ids_in_line() return ids_in(self.channel, HEAD) end

local function batch(channel)
  local most = channel.rate and math.max(4, channel.rate * BATCH_S // STATEMENT) or BATCH
  return math.min(most, ids_in(channel, WANT_HEAD))
end

--- Something is under way here: others wait, and so does the end of our own conversation.
function talk:touch()
  local now = self.loop:now()
  self.busy_till = now + self:idle_ms()
  if self.session then self.session.active = now end
end

--- All short IDs of CLASS at T, sorted.
function talk:ids(class, t)
  local all = {}
  repeat
    local page = self.dcache:ids(class, t, all[#all] or "", PAGE)
    table.move(page, 1, #page, #all + 1, all)
  until #page < PAGE
  return all
end

--- Digests of all ranges of CLASS at T, of which the other side holds THEIRS, as lines: array of facts for
--- messages.ranges
function talk:digests(class, t, theirs)
  local ids = self:ids(class, t)
  local bits, salt, lines = ranges.bits(math.max(#ids, theirs)), self.random:bytes(ranges.salt_size), {}
  local parts = ranges.cut(ids, bits, 0, (1 << bits) - 1)
  local most = math.max(1, (room(self.channel) - HEAD) // ranges.digest_chars)
  for first = 0, #parts - 1, most do
    local digests = {}
    for i = first + 1, math.min(#parts, first + most) do digests[#digests + 1] = ranges.digest(parts[i], salt) end
    lines[#lines + 1] = { class = class, law = self.dcache:law(class), t = t, salt = salt, bits = bits, first = first,
      digests = table.concat(digests) }
  end
  return lines
end

--- GENERATE is pulled as the channel has room. → will it be?
function talk:feed(generate) return self.pull(self.channel, generate) end

local function make_wants(self, given)
  local channel = self.channel
  return wants.new { loop = self.loop, most = batch(channel),
    has = function(short) return self.dcache:has(short) end,
    idle = function() return self:idle_ms() end,
    over = function() return channel.closed end,
    ask = function(shorts, holder)
      given.say(channel, { kind = "want", to = talk.brain(holder), from = talk.brain(self.id),
        rest = messages.want(shorts) })
    end }
end

--- given.channel, loop, random, dcache, id
--- given.feed     fn(channel, generator) → will it be asked?
--- given.say      fn(channel, message)
function talk.new(given)
  local self = setmetatable({ channel = given.channel, loop = given.loop, random = given.random, dcache = given.dcache,
    id = given.id, pull = given.feed, busy_till = 0, asked = {} }, talk)
  self.wants = make_wants(self, given)
  return self
end

return talk
