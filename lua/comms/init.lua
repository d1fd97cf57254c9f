-- init.lua - the brain: what to accept, what to say next. Knows channels by name only; Routing pulls.
local listeners = require "listeners"
local token_bucket = require "token_bucket"
local still = require "comms.still"
local checks = require "comms.checks"
local handlers = require "comms.handlers"
local parts = require "comms.parts"
local spread = require "comms.spread"

local comms = {}
comms.__index = comms

-- New kept statements a second and at once that are said once more on the medium on which they were heard.
local ECHO = { rate = 4, burst = 16 }

local foreign

-- Keys came to stand in the lab, or stand there no more: what is compared is another set now, and of the time theirs
-- is another word.
local function standing_changed(self, ...)
  self.strangers:stand_now()
  for _, ids in ipairs { ... } do
    for _, id in ipairs(ids) do self.time_evidence:heard(id) end
  end
  self.beacon:reset()
  self:consider()
end

-- loop, random, time, dcache, key, id, swarm, name, boot, log, refused(code), policy, here() → facts,
-- interval = { shortest, longest } ms, ports() → tcp, http, verifier() → worker or nil (checks at once),
-- checks (checks.lua; nil: that one), links() → how many it dials to who is far (nil: none).
-- Effects that Routing fills in before `start`: poke(channel name), tell(source, message), dial(host, port, done),
-- near(source) → is its host in a network of an own interface?, copied(source, list, place): a copy of a word that its
-- signer renews came there,
-- dial_link(host, port, id, done(channel | nil, text, code), gone(reason)): as routing:use has it.
function comms.new(given)
  local self = setmetatable({ listeners = {}, heeded = {}, own_heard = listeners.new(),
    newcomers = listeners.new() }, comms)
  local loop = given.loop
  self.echo = token_bucket.new { now = function() return loop:now() end, rate = ECHO.rate, burst = ECHO.burst }
  for _, name in ipairs { "loop", "random", "time", "dcache", "key", "id", "swarm", "boot", "log", "refused",
    "policy", "here", "ports" } do
    self[name] = given[name]
  end
  local function nowhere() return nil, "address: no channel yet", "address" end
  self.poke, self.tell, self.dial, self.near = nowhere, nowhere, nowhere, function() return false end
  self.dial_link = function(_, _, _, done) loop:post(function() done(nowhere()) end) end
  self.copied = function() end
  self.checks = given.checks or checks
  parts.make(self, given, function(...) foreign(self, ...) end)
  self:on_statement("pri/*/addresses", function(st) self.addresses:heard(st.signer) end)
  self:on_statement("peer", function(st, source)
    if not source or st.signer == self.id then return end
    self.clones:statement(st)
    spread.note_far(self, st, source)
  end)
  self:on_own(function(st)
    if st.bucket == "peer" then self.clones:own_statement(st) end
  end)
  self:on_standing(function(...) standing_changed(self, ...) end)
  return self
end

function comms:start()
  self.confirm:start()
  self.compared:start()
  self.beacon:start()
  self.view:start()
end

-- Says nothing more of itself, and answers nobody who asks whether we live: the last statements go out.
function comms:leave()
  self.leaving = true
  self.beacon:stop()
end

function comms:stop()
  for _, part in ipairs { "verify", "proof", "clones", "liveness", "beacon", "confirm", "compared", "repair",
    "far_words", "view", "conversation" } do
    self[part]:stop()
  end
end

-- Each of these six calls fn from here on and gives a function that ends it (lua/listeners.lua).

-- fn(st, source) after each statement in BUCKET that was taken in, our own included (source nil). "pri/*/NAME" stands
-- for the buckets of that name of all nodes.
function comms:on_statement(bucket, fn)
  if not self.listeners[bucket] then
    self.listeners[bucket] = listeners.new()
    table.insert(self.heeded, bucket)
  end
  return self.listeners[bucket]:add(fn)
end

-- fn(st) after each statement of our own that came from others: said before we were started again, or by a twin.
function comms:on_own(fn) return self.own_heard:add(fn) end

-- fn(peer) when somebody new, newly booted, or long silent was heard.
function comms:on_newcomer(fn) return self.newcomers:add(fn) end

-- fn(peer) when somebody can be reached at a proved address, for the first time or after some seconds of silence.
function comms:on_back(fn) return self.peers:on_back(fn) end

-- fn(st, source) when a stranger to the lab said who he is: a checked `peer` word, which is not taken in.
function comms:on_stranger(fn) return self.strangers:on_peer(fn) end

-- fn(gained, lost), arrays of IDs, after the keys that stand in the lab changed.
function comms:on_standing(fn) return self.dcache.trust:on_change(fn) end

-- A channel is there: { name =, kind =, address =, via = the way of what comes by it, medium = bool, near = bool,
-- line_max = bytes, rate = bytes/s, cost =, quiet = bool, wakes = bool, alive_at = fn() → ms or nil }, as routing:add
-- has them.
function comms:channel_up(channel)
  self.outbox:open(channel.name, channel)
  if not channel.quiet then self.beacon:appear() end
end

-- PEER, the other side of channel NAME, said a beacon: he is no repair, which needs no news, but wants to hear of us.
function comms:wake(name, peer)
  local channel = self.outbox.channels[name]
  if not channel then return end
  if channel.facts.wakes then channel.facts.quiet = nil end
  self.far_words:met(channel.facts, peer)
end

-- Somebody new, or long silent, is heard on channel NAME: he wants to hear of those who are known by others' words.
function comms:newcomer_on(name)
  local channel = self.outbox.channels[name]
  if channel then self.far_words:newcomer(channel.facts) end
end

--- Nothing of our own accord goes over channel NAME, only answers; or it does again, and is told of us.
function comms:set_quiet(name, quiet)
  local channel = self.outbox.channels[name]
  if not channel then return end
  channel.facts.quiet = quiet
  if not quiet then self.beacon:appear() end
end

function comms:channel_down(name)
  self.outbox:close(name)
  self.relay:forget(name)
  self.far_words:forget(name)
end

-- MESSAGE is a beacon that tells NEWS (messages.beacon_news).
function comms:say_beacon(message, news)
  for _, name in ipairs(self.outbox.names) do
    local facts = self.outbox.channels[name].facts
    if not facts.quiet and still.wants(facts, news, self.loop:now()) then self.outbox:say(name, message) end
  end
end

-- Says a held statement once more on one channel, after the random wait of a medium; MINE: at once, as one's own;
-- SILENT_AFTER: as spread.again has it.
function comms:say_again(name, short, mine, silent_after) spread.again(self, name, short, mine, silent_after) end

-- FITS(facts of a channel) → is it said there? nil: on each.
function comms:say_again_everywhere(short, mine, fits, silent_after)
  for _, name in ipairs(self.outbox.names) do
    local facts = self.outbox.channels[name].facts
    if not facts.quiet and (not fits or fits(facts)) then self:say_again(name, short, mine, silent_after) end
  end
end

-- Has all that was to be said gone out?
function comms:silent()
  for _, name in ipairs(self.outbox.names) do
    if self.outbox:due(name) == 0 then return false end
  end
  return true
end

local function tell_listeners(self, bucket, st, source)
  if self.listeners[bucket] then self.listeners[bucket]:call(st, source) end
end

local function tell_of_own(self, st)
  tell_listeners(self, st.bucket, st, nil)
  local of_all, n = st.bucket:gsub("^pri/[^/]+/", "pri/*/")
  if n > 0 then tell_listeners(self, of_all, st, nil) end
end

local function say_own(self, st, most)
  if self.dcache:kept(st.bucket) then self.beacon:reset() end
  spread.on(self, st, nil, spread.ways(self, nil), most)
end

-- Our own kept statements go on when they are on the disk, so that no power cut takes them back.
local function spread_own(self, st, most)
  self.dcache:when_sayable(st, function() say_own(self, st, most) end)
  self.confirm:took(st)
  tell_of_own(self, st)
end

-- N statements of others were taken in: those without a code at the places FROM … TO of LIST, which came over SOURCE.
-- Each goes on at once to the other channels, and to the clients that listen to its bucket.
function foreign(self, list, from, to, n, any_kept, any_ours, source)
  local names = spread.ways(self, source)
  self.repair:got(source, n)
  self.conversation:got(source, n)
  if any_kept then self.beacon:reset() end
  local all = names[1] or any_ours or any_kept and source.broadcast or self.confirm:listens()
  for i = from, all and to or 0 do
    local st = not list:code(i) and list:statement(i)
    if st then
      self.confirm:took(st)
      spread.from(self, st, source, names)
      if any_ours and st.signer == self.id then self.own_heard:call(st) end
    end
  end
  for _, bucket in ipairs(self.heeded) do
    local i = self.listeners[bucket]:any() and list:next(bucket, from, to)
    while i do
      tell_listeners(self, bucket, list:statement(i), source)
      i = list:next(bucket, i + 1, to)
    end
  end
end

-- A stream's address cannot be invented; a datagram's counts once it was proved.
function comms:allowed(source)
  return self.waste:allows(source.principal, source.channel.traits.source_proved or self.peers:source_proved(source))
end

-- Own statements: BUCKET, DATA (a table; nil dismisses), { key = text | nil (ourselves), ttl = s, times = how often at
-- most it is said on a medium }. → st | nil, text, code.
function comms:propose(bucket, data, options)
  local st, err, code = self.dcache:sign("propose", bucket, data, options or {})
  if not st then return nil, err, code end
  spread_own(self, st, options and options.times)
  return st
end

function comms:dismiss(bucket, options)
  local st, err, code = self.dcache:sign("dismiss", bucket, nil, options or {})
  if not st then return nil, err, code end
  spread_own(self, st)
  return st
end

-- Statements that somebody hands over on this machine: a word for each (offer.lua). They go on as those of others.
function comms:offer(lines, done) self.offers:lines(lines, done) end

-- Something may be unequal: looks soon whom to ask.
function comms:consider()
  self.repair:consider()
  self.conversation:consider()
end

-- An envelope that many hear and that names another node: no fault of who said it.
function comms:overhear(message, source)
  local handler = handlers.overheard[message.kind]
  if handler then handler(self, message, source) end
end

-- An envelope for the brain; statements in message.list. Refusals are counted by code.
-- → true, "later" | nil, text, code.
function comms:receive(message, source, reply)
  local channel = self.outbox.channels[source.channel.name]
  if channel then channel.facts.heard_at = self.loop:now() end
  local handler = handlers[message.kind]
  if not handler then
    self.refused "kind"
    return nil, "kind: nobody here knows " .. message.kind, "kind"
  end
  local ok, err, code = handler(self, message, source, reply)
  if ok then return ok end
  if message.kind ~= "statements" then self.refused(code) end
  self.log:debug("comms", "refused", { kind = message.kind, from = source.address, why = err })
  return nil, err, code
end

-- What to send next on channel NAME, of at most BYTES.
function comms:next(name, bytes) return self.outbox:next(name, bytes) end
function comms:due(name) return self.outbox:due(name) end

-- Asks those near peers who were silent for LEAST ms, or nil; done() when they answered, or after a second. → a
-- function that gives it up
function comms:probe(...) return self.liveness:probe(...) end

-- How far living peers hold the same (beacon.lua).
function comms:sync() return self.beacon:sync() end

return comms
