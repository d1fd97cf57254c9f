-- init.lua - the brain: what to accept, what to say next. Knows channels by name only; Routing pulls.
local statement = require "core.statement"
local outbox = require "comms.outbox"
local peers = require "comms.peers"
local quota = require "comms.quota"
local proof = require "comms.proof"
local beacon = require "comms.beacon"
local assent = require "comms.assent"
local repair = require "comms.repair"
local testimony = require "comms.testimony"
local verify = require "comms.verify"

local comms = {}
comms.__index = comms

-- Bad signatures a second and at once, by source and in all; total_burst lines of unproved datagrams wait at most.
local WASTE = { rate = 50, burst = 200, total = 2000, total_burst = 256 }

local function brain_parts(self, given)
  self.peers = peers.new { loop = self.loop }
  self.waste = quota.new { loop = self.loop, rate = WASTE.rate, burst = WASTE.burst, total = WASTE.total,
    total_burst = WASTE.total_burst }
  self.testimony = testimony.new { swarm = self.swarm, peers = self.peers,
    allowed = function(source) return self:allowed(source) end, charge = function(host) self.waste:charge(host) end }
  self.verify = verify.new { swarm = self.swarm, start = given.verifier }
  self.outbox = outbox.new { loop = self.loop, random = self.random, refused = self.refused,
    poke = function(name) self.poke(name) end }
  local function facts()
    local tcp, http = self.ports()
    return { id = self.id, boot = self.boot, tcp = tcp, http = http }
  end
  local common = { loop = self.loop, random = self.random, time = self.time, dcache = self.dcache, key = self.key,
    id = self.id, swarm = self.swarm, peers = self.peers, refused = self.refused, log = self.log, facts = facts }
  local function with(more)
    for name, value in pairs(common) do more[name] = value end
    return more
  end
  self.proof = proof.new(with { tell = function(source, message) return self.tell(source, message) end })
  self.beacon = beacon.new(with { interval = given.interval, name = given.name,
    say = function(message) self:say_everywhere(message) end,
    speaks = function(class) return self.assent:speaks(class) end })
  self.assent = assent.new(with { beacon = self.beacon })
  self:on_word(function(st) self.assent:took(st) end)
  self.repair = repair.new(with { beacon = self.beacon, assent = self.assent,
    dial = function(...) return self.dial(...) end,
    feed = function(link, generator) self.outbox:feed(link.name, generator) end,
    say = function(link, message) self.outbox:say(link.name, message) end,
    broadcast = function(source, short) self:say_again(source.channel.name, short) end })
end

-- loop, random, time, dcache, key, id, swarm, name, boot, log, refused(word), policy, here() → facts,
-- interval = { shortest, longest } ms, ports() → tcp, http, verifier() → worker or nil (checks at once).
-- Effects that Routing fills in before `start`: poke(channel name), tell(source, message), dial(host, port, done).
function comms.new(given)
  local self = setmetatable({ listeners = {} }, comms)
  for _, name in ipairs { "loop", "random", "time", "dcache", "key", "id", "swarm", "boot", "log", "refused",
    "policy", "here", "ports" } do
    self[name] = given[name]
  end
  local function nowhere() return nil, "address: no channel yet", "address" end
  self.poke, self.tell, self.dial = nowhere, nowhere, nowhere
  brain_parts(self, given)
  return self
end

function comms:start()
  self.assent:start()
  self.beacon:start()
end

function comms:stop()
  self.verify:stop()
  self.beacon:stop()
  self.assent:stop()
  self.repair:stop()
end

-- fn(st, source) after each word taken in, our own included (source nil).
function comms:on_word(fn) table.insert(self.listeners, fn) end

-- fn(peer) when somebody new, newly booted, or long silent was heard.
function comms:on_newcomer(fn) self.newcomer = fn end

-- fn(peer) when somebody can be reached at a proved address, for the first time or after some seconds of silence.
function comms:on_back(fn) table.insert(self.peers.on_back, fn) end

-- A channel is there: facts { name =, kind =, address =, medium = bool, quiet = bool }.
function comms:channel_up(channel)
  self.outbox:open(channel.name, channel)
  if not channel.quiet then self.beacon:stir() end
end

function comms:channel_down(name) self.outbox:close(name) end

function comms:say_everywhere(message)
  for _, name in ipairs(self.outbox.names) do
    if not self.outbox.channels[name].facts.quiet then self.outbox:say(name, message) end
  end
end

local function urgency(self, st, from, to)
  local mine = st.signer == self.id
  local soft = not self.dcache:kept(st.bucket)
  if soft and from and from.medium and to.medium and from.name == to.name then return false end
  return self.policy:ask("comms.rebroadcast", { verb = st.verb, bucket = st.bucket, key = st.key, signer = st.signer,
    mine = mine, size = st.size, age = (self.time:now() - st.at) // 1000,
    left = st.valid_until - self.time:now() // 1000 },
    from and { address = from.address, kind = from.kind } or { kind = "own", address = "own" },
    { address = to.address, kind = to.kind }, self.here())
end

local function spread(self, st, source)
  local from = source and self.outbox.channels[source.channel.name]
  if self.dcache:kept(st.bucket) then self.beacon:stir() end
  for _, name in ipairs(self.outbox.names) do
    local facts = self.outbox.channels[name].facts
    if not facts.quiet and not (from and from.facts == facts) then
      local answer = urgency(self, st, from and from.facts, facts)
      if answer then
        self.outbox:add(name, { short = st.short, line = st.line, mine = source == nil,
          slot = st.bucket .. " " .. st.key .. " " .. st.signer }, answer)
      end
    end
  end
end

-- Says a held word once more on one channel, after the random wait of a medium.
function comms:say_again(name, short)
  local line = self.dcache:line(short)
  local st = line and statement.parse(line)
  if not st or not self.outbox.channels[name] then return end
  self.outbox:add(name, { short = short, line = line, slot = st.bucket .. " " .. st.key .. " " .. st.signer }, 5)
end

function comms:say_again_everywhere(short)
  for _, name in ipairs(self.outbox.names) do
    if not self.outbox.channels[name].facts.quiet then self:say_again(name, short) end
  end
end

-- Others' words go on at once; our own kept ones when they are on the disk, so that no power cut takes them back.
local function taken(self, st, source)
  local own = not source and self.dcache:kept(st.bucket)
  if source then self.repair:got(source) end
  if own then self.dcache:when_synced(function() spread(self, st) end) else spread(self, st, source) end
  for _, listener in ipairs(self.listeners) do listener(st, source) end
end

-- A stream's address cannot be invented; a datagram's counts once it was proved.
function comms:allowed(source)
  return self.waste:allows(source.host, source.channel.kind == "tcp" or self.peers:source_proved(source))
end

-- A datagram pays for its check before, and has it back when the signature fits: what waits is bounded, too.
local function pay(self, source) if source.channel.medium then self.waste:charge(source.host) end end

local function settle(self, source, wasted)
  if source.channel.medium and not wasted then self.waste:refund(source.host) end
  if wasted and not source.channel.medium then self.waste:charge(source.host) end
end

local function checked(self, st, source, ok, err, word)
  settle(self, source, not ok and (word == "signature" or word == "key"))
  if ok then ok, err, word = self.dcache:take(st) end
  if not ok then return nil, err, word end
  taken(self, st, source)
  return true
end

local function wanted(self, line, source)
  local st, err, word = statement.parse(line)
  if not st then return nil, err, word end
  local fresh
  fresh, err, word = self.dcache:offer(st)
  if not fresh then
    if word == "duplicate" and source.broadcast then self.outbox:heard(source.channel.name, st.short) end
    self.testimony:hear(st, source, word)
    return nil, err, word
  end
  if not self:allowed(source) then return nil, "quota: too many bad signatures from there", "quota" end
  return st
end

-- One statement line that came over SOURCE: done(true), or done(nil, text, word), once, now or when its signature was
-- checked. A bad one never becomes a record.
function comms:word(line, source, done)
  local st, err, word = wanted(self, line, source)
  if not st then return done(nil, err, word) end
  pay(self, source)
  local begun
  begun, err, word = self.verify:add(st, source, function(...) done(checked(self, st, source, ...)) end)
  if begun then return end
  settle(self, source, false)
  done(nil, err, word)
end

-- Own words: BUCKET, DATA (a table; nil dismisses), { key = text | nil (ourselves), ttl = s }. → st | nil, text, word.
function comms:propose(bucket, data, options)
  local st, err, word = self.dcache:own("propose", bucket, data, options or {})
  if not st then return nil, err, word end
  taken(self, st, nil)
  return st
end

function comms:dismiss(bucket, options)
  local st, err, word = self.dcache:own("dismiss", bucket, nil, options or {})
  if not st then return nil, err, word end
  taken(self, st, nil)
  return st
end

local handlers = {}

-- Each line is counted by itself; the frame is refused, by the word of its first line, when none of them was taken.
-- → true | nil, text, word; or "later": then the channel is told when the last line was checked.
function handlers.statements(self, message, source)
  local left, any, late, first = #message.body, false, false, nil
  if left == 0 then
    self.refused "form"
    return nil, "form: statements without a line", "form"
  end
  local function verdict()
    if any then return true end
    return nil, first.err, first.word
  end
  local function done(ok, err, word)
    left, any = left - 1, any or ok
    if not ok then
      self.refused(word)
      first = first or { err = err, word = word }
    end
    if late and left == 0 and source.channel.judged then source.channel:judged(verdict()) end
  end
  for _, line in ipairs(message.body) do self:word(line, source, done) end
  if left == 0 then return verdict() end
  late = true
  return "later"
end

function handlers.beacon(self, message, source)
  if not self:allowed(source) then return nil, "quota: too many bad signatures from there", "quota" end
  local facts, peer, newcomer, known = self.beacon:hear(message.rest)
  if not facts then
    if newcomer == "signature" or newcomer == "key" then self.waste:charge(source.host) end
    if known and newcomer == "duplicate" then
      self.proof:ask(known, self.peers:flow(known, source), true)
    elseif known then
      self.proof:ask(known, { source = source, patience = 1000 }, true)
    end
    return nil, peer, newcomer
  end
  source.spoke_beacon = true
  local last, away = not newcomer and peer.heard or nil, not self.peers:living(peer)
  self.proof:ask(peer, self.peers:heard(peer, source))
  self.beacon:judge(peer)
  if newcomer or away then
    self.beacon:stir()
    if self.newcomer then self.newcomer(peer) end
  end
  self.peers:back(peer, last)
  self.repair:consider()
  return true
end

function handlers.ping(self, message, source, reply) return self.proof:ping(message, source, reply) end
function handlers.pong(self, message, source)
  local ok, err, word = self.proof:pong(message, source)
  if ok then self.repair:consider() end
  return ok, err, word
end
function handlers.ids(self, message, source) return self.repair:ids(message, source) end
function handlers.want(self, message, source) return self.repair:want(message, source) end

-- An envelope for the brain; BODY lines in message.body. Refusals are counted by word.
-- → true, "later" | nil, text, word.
function comms:receive(message, source, reply)
  local handler = handlers[message.kind]
  if not handler then
    self.refused "kind"
    return nil, "kind: nobody here knows " .. message.kind, "kind"
  end
  local ok, err, word = handler(self, message, source, reply)
  if ok then return ok end
  if message.kind ~= "statements" then self.refused(word) end
  self.log:debug("comms", "refused", { kind = message.kind, from = source.address, why = err })
  return nil, err, word
end

-- What to send next on channel NAME, of at most BYTES.
function comms:next(name, bytes) return self.outbox:next(name, bytes) end
function comms:due(name) return self.outbox:due(name) end

-- How far living peers hold the same (beacon.lua).
function comms:sync() return self.beacon:sync() end

return comms
