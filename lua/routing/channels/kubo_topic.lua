-- kubo_topic.lua - a topic that Kubo is to hear for us, for ever: asked, subscribed to, and again. Reads no message.
--
-- Kubo is not ours: it may be away, be restarted, stand still, or be set up so that it cannot serve us. Each try is one
-- life; what answers later than its own life ended counts no more.
local backoff = require "backoff"
local kubo = require "routing.channels.kubo"
local stream_lines = require "routing.channels.stream_lines"

local kubo_topic = {}
kubo_topic.__index = kubo_topic

local LINE_MAX <const> = 65536 -- bytes of a line of Kubo's: a frame in base64, and who said it
local BEGIN_MS <const> = 10 * 1000 -- until a subscription begins
local STEADY_MS <const> = 10 * 1000 -- that it must last before its next end is the first again
local QUICK_TRIES <const> = 6 -- about a minute, in which Kubo may be starting; then *slow*
local PEERS_FIRST <const>, PEERS_MOST <const> = 1000, 30 * 1000 -- ms between two looks at who else is there
-- What a person has to mend, where a cure is known: that is tried again slowly from the first time on. A Kubo that is
-- still starting refuses with the same words, but without a cure.
local BY_HAND <const> = { permission = true, form = true, missing = true }

local start

--- Is what CODE names mended by a person only, as CURE says?
function kubo_topic.by_hand(code, cure) return cure ~= nil and BY_HAND[code] or false end

local function wait_of(self, code, cure)
  self.tries = self.tries + 1
  if kubo_topic.by_hand(code, cure) or self.tries > QUICK_TRIES then return self.slow:next() end
  return self.quick:next()
end

local function stop(self)
  if self.stream then self.stream:close() end
  if self.lines then self.lines:close() end
  if self.timer then self.timer:cancel() end
  self.stream, self.lines, self.timer, self.up, self.peers = nil, nil, nil, false, nil
  self.life = self.life + 1
end

--- FN, which does nothing once this life of the topic is over.
function kubo_topic:in_this_life(fn)
  local life = self.life
  return function(...)
    if life == self.life then fn(...) end
  end
end

--- This life ends because of TEXT, which CURE mends (nil: nothing that we know); the next one begins after a while.
function kubo_topic:fail(text, code, cure)
  local was_up, key = self.up, ("pubsub %s %s"):format(self.address, code)
  if was_up and self.loop:now() - self.since >= STEADY_MS then
    self.tries = 0
    self.quick:reset()
    self.slow:reset()
    self.log:forget(key)
  end
  stop(self)
  self.reason, self.cure = text, cure
  self.log:once(key, "warn", "routing", "a topic waits", { address = self.address, why = text, cure = cure })
  self.timer = self.loop:after(wait_of(self, code, cure), function() start(self) end)
  if was_up then self.told.down(text) end
end

-- Looks who else is on the topic: who is there now has not heard us yet.
local function look(self)
  self.kubo:count_peers(self.topic, self:in_this_life(function(count, ...)
    if not count then return self:fail(...) end
    local before = self.peers or 0
    if count ~= before then self.pace:reset() end
    self.peers = count
    self.timer = self.loop:after(self.pace:next(), function() look(self) end)
    if count > before then self.told.more() end
  end))
end

local function began(self)
  self.timer:cancel()
  self.timer, self.reason, self.cure, self.up, self.since = nil, nil, nil, true, self.loop:now()
  self.log[self.tries > 0 and "info" or "debug"](self.log, "routing", "a topic is heard",
    { address = self.address, kubo = self.facts.version })
  self.pace:reset()
  look(self)
  self.told.up()
end

local function subscribe(self, facts)
  self.facts, self.warning = facts, kubo.outdated(facts.version)
  if self.warning then
    self.log:once("pubsub version " .. facts.version, "warn", "routing", "an old Kubo", { why = self.warning })
  end
  local lines = stream_lines.new { loop = self.loop, most = LINE_MAX, stream = function() return self.stream end,
    on_line = self.told.line, on_long = self.told.long }
  local stream, text, code = self.kubo:subscribe(self.topic, { began = function() began(self) end,
    bytes = function(bytes) lines:feed(bytes) end,
    ended = function(...) self:fail(...) end })
  if not stream then return self:fail(text, code) end
  self.stream, self.lines = stream, lines
  self.timer = self.loop:after(BEGIN_MS, function() self:fail("slow: Kubo does not begin a subscription", "slow") end)
end

function start(self)
  stop(self)
  if self.secret then
    local secret, text, code, cure = self.secret()
    if not secret then return self:fail(text, code, cure) end
    self.kubo:authorise(secret)
  end
  self.kubo:probe(self:in_this_life(function(facts, ...)
    if not facts then return self:fail(...) end
    subscribe(self, facts)
  end))
end

function kubo_topic:start() start(self) end

function kubo_topic:close() stop(self) end

--- loop, random, log
---   kubo             kubo.lua's
---   topic, address   text; the channel's address, for people
---   secret           fn() → what lets us in, as kubo:authorise takes it | nil, text, code, cure; nil: none is needed
---   retry_ms         the first wait before another try (for specs)
---   told             { up(), down(why), more(): others came, line(text), long(): a line was left out }
--- → the topic, which is not heard yet: up = bool, reason, cure, warning = text or nil, facts of Kubo, and peers = how
--- many others are there
function kubo_topic.new(given)
  return setmetatable({ loop = given.loop, log = given.log, kubo = given.kubo, topic = given.topic,
    address = given.address, secret = given.secret, told = given.told, up = false, life = 0, tries = 0,
    quick = backoff.quick(given.random, given.retry_ms), slow = backoff.slow(given.random),
    pace = backoff.quick(given.random, PEERS_FIRST, PEERS_MOST), reason = "Kubo is being asked" }, kubo_topic)
end

return kubo_topic
