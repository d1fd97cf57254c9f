-- parts.lua - the parts of the brain: made, and tied to each other. Decides nothing.
local beacon = require "comms.beacon"
local confirm = require "comms.confirm"
local intake = require "comms.intake"
local liveness = require "comms.liveness"
local misfits = require "comms.misfits"
local offer = require "comms.offer"
local outbox = require "comms.outbox"
local peers = require "comms.peers"
local proof = require "comms.proof"
local quota = require "comms.quota"
local repair = require "comms.repair"
local time_evidence = require "comms.time_evidence"
local verify = require "comms.verify"

local parts = {}

-- Bad signatures a second and at once, by source and in all; total_burst lines of unproved datagrams wait at most.
local WASTE = { rate = 50, burst = 200, total = 2000, total_burst = 256 }

--- Gives SELF, the brain, all its parts. GIVEN: as comms.new has it. FOREIGN hears of what was taken in, as the intake
-- tells it.
function parts.make(self, given, foreign)
  self.peers = peers.new { loop = self.loop }
  self.misfits = misfits.new { loop = self.loop }
  self.waste = quota.new { loop = self.loop, rate = WASTE.rate, burst = WASTE.burst, total = WASTE.total,
    total_burst = WASTE.total_burst }
  self.time_evidence = time_evidence.new { loop = self.loop, swarm = self.swarm, peers = self.peers,
    dcache = self.dcache, checks = self.checks,
    allowed = function(source) return self:allowed(source) end,
    charge = function(principal) self.waste:charge(principal) end }
  self.verify = verify.new { swarm = self.swarm, start = given.verifier, checks = self.checks }
  self.intake = intake.new { dcache = self.dcache, verify = self.verify, waste = self.waste,
    time_evidence = self.time_evidence,
    refused = self.refused, allowed = function(source) return self:allowed(source) end,
    heard = function(source, short) self.outbox:heard(source.channel.name, short) end,
    taken = foreign }
  self.offers = offer.new { loop = self.loop, intake = self.intake, dcache = self.dcache, waste = self.waste }
  self.outbox = outbox.new { loop = self.loop, random = self.random, refused = self.refused,
    poke = function(name) self.poke(name) end }
  local function facts()
    local tcp, http = self.ports()
    return { id = self.id, boot = self.boot, tcp = tcp, http = http }
  end
  local common = { loop = self.loop, random = self.random, time = self.time, dcache = self.dcache, key = self.key,
    id = self.id, swarm = self.swarm, peers = self.peers, refused = self.refused, log = self.log, facts = facts,
    checks = self.checks }
  local function with(more)
    for name, value in pairs(common) do more[name] = value end
    return more
  end
  self.proof = proof.new(with { tell = function(source, message) return self.tell(source, message) end })
  self.liveness = liveness.new(with { proof = self.proof, near = function(source) return self.near(source) end })
  self.beacon = beacon.new(with { interval = given.interval, name = given.name,
    say = function(message) self:say_everywhere(message) end,
    speaks = function(class) return self.confirm:speaks(class) end })
  self.confirm = confirm.new(with { beacon = self.beacon })
  self.repair = repair.new(with { beacon = self.beacon, confirm = self.confirm,
    dial = function(...) return self.dial(...) end,
    feed = function(link, generator) self.outbox:feed(link.name, generator) end,
    say = function(link, message) self.outbox:say(link.name, message) end,
    broadcast = function(source, short) self:say_again(source.channel.name, short) end })
end

return parts
