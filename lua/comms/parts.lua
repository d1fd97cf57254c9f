-- parts.lua - the parts of the brain: made, and tied to each other. Decides nothing.
local addresses = require "comms.addresses"
local beacon = require "comms.beacon"
local bounded = require "bounded"
local compared = require "comms.compared"
local clones = require "comms.clones"
local confirm = require "comms.confirm"
local conversation = require "comms.conversation"
local far_words = require "comms.far_words"
local intake = require "comms.intake"
local liveness = require "comms.liveness"
local misfits = require "comms.misfits"
local newer = require "comms.newer"
local offer = require "comms.offer"
local outbox = require "comms.outbox"
local peers = require "comms.peers"
local proof = require "comms.proof"
local quota = require "comms.quota"
local reach = require "comms.reach"
local relay = require "comms.relay"
local repair = require "comms.repair"
local spread = require "comms.spread"
local strangers = require "comms.strangers"
local time_evidence = require "comms.time_evidence"
local urgency = require "comms.urgency"
local verify = require "comms.verify"
local view = require "comms.view"

local ASKERS_MAX <const> = 16 -- for who looks whether broadcast comes through

local parts = {}

-- Bad signatures a second and at once, by source and in all; total_burst lines of unproved datagrams wait at most.
local WASTE <const> = { rate = 50, burst = 200, total = 2000, total_burst = 256 }

-- From a frame to records.
local function way_in(self, given, taken)
  local function allowed(source) return self:allowed(source) end
  local function charge(principal) self.waste:charge(principal) end
  self.waste = quota.new { loop = self.loop, rate = WASTE.rate, burst = WASTE.burst, total = WASTE.total,
    total_burst = WASTE.total_burst }
  self.time_evidence = time_evidence.new { loop = self.loop, swarm = self.swarm, peers = self.peers,
    dcache = self.dcache, checks = self.checks, allowed = allowed, charge = charge }
  self.verify = verify.new { swarm = self.swarm, start = given.verifier, checks = self.checks }
  self.strangers = strangers.new { loop = self.loop, swarm = self.swarm, peers = self.peers, dcache = self.dcache,
    checks = self.checks, allowed = allowed, charge = charge, taken = taken }
  self.newer = newer.new { loop = self.loop, dcache = self.dcache,
    say_again = function(name, short) self:say_again(name, short, false, 1) end }
  self.intake = intake.new { dcache = self.dcache, verify = self.verify, waste = self.waste, newer = self.newer,
    time_evidence = self.time_evidence, strangers = self.strangers, refused = self.refused, allowed = allowed,
    heard = function(source, list, place)
      self.outbox:heard(source.channel.name, list:short(place))
      if not self.dcache:kept(list:bucket(place)) then self.copied(source, list, place) end
      if not source.broadcast then self.relay:hear(source.channel.name, list, place) end
    end, taken = taken }
  self.offers = offer.new { loop = self.loop, intake = self.intake, dcache = self.dcache, waste = self.waste }
end

-- What is common to those that ask others and answer them.
local function common(self)
  local function facts()
    local tcp, http = self.ports()
    return { id = self.id, boot = self.boot, tcp = tcp, http = http }
  end
  return { loop = self.loop, random = self.random, time = self.time, dcache = self.dcache, key = self.key,
    id = self.id, swarm = self.swarm, peers = self.peers, refused = self.refused, log = self.log, facts = facts,
    checks = self.checks }
end

-- Who is there, by which ways, and who tells what to whom.
local function neighbours(self)
  self.peers = peers.new { loop = self.loop, stands = function(id) return self.dcache.trust:stands(id) end }
  self.reach = reach.new { loop = self.loop, peers = self.peers }
  self.relay = relay.new { loop = self.loop, id = self.id, peers = self.peers,
    kept = function(bucket) return self.dcache:kept(bucket) end }
  self.far_words = far_words.new { loop = self.loop, dcache = self.dcache, relay = self.relay,
    peers = self.peers, say = function(st, name) spread.on(self, st, nil, { name }) end }
  self.addresses = addresses.new { loop = self.loop, peers = self.peers, id = self.id,
    record = function(id)
      local st = self.dcache:statement_of(addresses.bucket:format(id), id, id)
      return st and st.holds and st.data or nil
    end,
    is_near = function(host) return self.near { host = host } end }
end

-- Links to those who are far.
local function far_links(self, given, with)
  self.view = view.new(with { addresses = self.addresses,
    most = given.links or function() return 0 end,
    is_near = function(peer) return self.liveness:is_near(peer) end,
    is_open = function(channel)
      local open = self.outbox.channels[channel.name]
      return open ~= nil and not open.facts.quiet
    end,
    dial_link = function(...) return self.dial_link(...) end })
end

-- The line of a held statement, if that may go over LINK | nil
local function line_for(self, link, short)
  local line, channel = self.dcache:line(short), self.outbox.channels[link.name]
  local may = line and channel and urgency.may_leave(self.dcache, line:match "^%S+ %l+ (%S+)", channel.facts)
  return may and line or nil
end

-- What finds and mends what is unequal: by dialling, or on the channel itself.
local function repairs(self, with)
  local function feed(channel, generator) return self.outbox:feed(channel.name, generator) end
  local function tell(channel, message) self.outbox:say(channel.name, message) end
  self.repair = repair.new(with { beacon = self.beacon, confirm = self.confirm, feed = feed, say = tell,
    dial = function(...) return self.dial(...) end,
    line = function(link, short) return line_for(self, link, short) end,
    broadcast = function(source, short) self:say_again(source.channel.name, short) end })
  self.conversation = conversation.new(with { gaps = self.repair.gaps, confirm = self.confirm, feed = feed, say = tell,
    waits = function(channel, short) return self.outbox:waits(channel.name, short) end,
    answer = function(channel, short)
      if not self.outbox:waits(channel.name, short) then self:say_again(channel.name, short, true) end
    end })
end

--- Gives SELF, the brain, all its parts. GIVEN: as comms.new has it. FOREIGN hears of what was taken in, as the intake
-- tells it.
function parts.make(self, given, foreign)
  neighbours(self)
  self.misfits = misfits.new { loop = self.loop }
  self.askers = bounded.new { limit = ASKERS_MAX } -- who asked us as a datagram: sources by ID
  way_in(self, given, foreign)
  self.outbox = outbox.new { loop = self.loop, random = self.random, refused = self.refused,
    poke = function(name) self.poke(name) end }
  local function with(more)
    for name, value in pairs(common(self)) do more[name] = value end -- any order
    return more
  end
  self.proof = proof.new(with { share = self.outbox,
    tell = function(source, message) return self.tell(source, message) end })
  self.clones = clones.new(with { proof = self.proof, boot = self.boot })
  self.proof.clones = self.clones
  self.liveness = liveness.new(with { proof = self.proof, near = function(source) return self.near(source) end })
  far_links(self, given, with)
  self.beacon = beacon.new(with { interval = given.interval, name = given.name,
    say = function(message, news) self:say_beacon(message, news) end,
    own_key_at = function(source) self.clones:own_beacon(source) end,
    speaks = function(class) return self.confirm:speaks(class) end })
  self.confirm = confirm.new(with { beacon = self.beacon })
  self.compared = compared.new(with { beacon = self.beacon })
  repairs(self, with)
end

return parts
