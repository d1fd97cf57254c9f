-- init.lua - discovery: who is here, and telling others that we are. Measures no network.
local lazily = require "lazily"
local json = require "core.json"
local kept = require "kept"
local names = require "clients.discovery.names"
local own_addresses = require "clients.discovery.own_addresses"
local own_word = require "clients.discovery.own_word"
local overdue = require "clients.discovery.overdue"
local requests = require "clients.discovery.requests"
local roster = require "clients.discovery.roster"
local rows = require "clients.discovery.rows"
local said = require "clients.discovery.said"
local seen = require "clients.discovery.seen"
local why = lazily "clients.discovery.why"

local discovery = { name = "discovery" }
discovery.__index = discovery

local WATCHED_LEAST <const>, WATCHED_MOST <const> = 5, 60 -- s of silence after which who is watched is asked

-- loop, comms, dcache, time, id, log, channels() → statuses, facts() → { name, type, version }, kept(name,
-- data()) → lua/kept.lua's, health(id) → what is known of a node's body, body() → level, battery (%) of this one's.
local function new(given)
  local self = setmetatable({}, discovery)
  for _, name in ipairs { "loop", "comms", "dcache", "time", "id", "log", "channels", "facts", "body" } do
    self[name] = given[name]
  end
  self.started = self.loop:now()
  self.seen = seen.new { loop = self.loop, time = self.time, peers = self.comms.peers, id = self.id }
  self.said = said.new { loop = self.loop, peers = self.comms.peers, seen = self.seen }
  self.names = names.new { loop = self.loop, peers = self.comms.peers, seen = self.seen, said = self.said, id = self.id,
    own = function() return self.facts().name end, is_away = function(id) return self.rows:is_away(id) end,
    granted_to = function(id) return roster.granted_name(self.dcache.trust, id) end }
  self.rows = rows.new { loop = self.loop, comms = self.comms, dcache = self.dcache, time = self.time,
    names = self.names, seen = self.seen, said = self.said, id = self.id, health = given.health }
  self.kept = given.kept("seen", function() return self.seen:data() end, nil, "who was seen before")
  local data = self.kept:read()
  if data ~= nil and not self.seen:load(data) then self.kept:reject() end
  return self
end

-- What NODE says of itself; of its policy the hash, with ! before it if a newer one was refused.
local function facts_of(node)
  local refused, hash = node.reload and node.reload.refusal, node.policy.hash
  return { name = node.name, type = node.type, version = node.version, site = node.here().site,
    policy = hash and (refused and "!" or "") .. hash }
end

-- How NODE's body is: level | nil, battery in % | nil.
local function body_of(node)
  local battery = node.here().battery
  return node.diagnostics and node.diagnostics.checks:level(), battery and battery // 1 | 0
end

-- Calls TOLD soon after each event of TOPIC.
local function hear_of(topic, node, loop, told)
  local reader
  reader = node.events:reader({ topic }, function()
    while reader:next() do end
    loop:post(told)
  end)
end

--- The client, as lua/clients/init.lua has it.
function discovery.open(handle)
  local node = handle.node
  local self = new { loop = handle.loop, comms = node.comms, dcache = node.dcache,
    time = node.time, id = node.id, log = node.log, kept = kept.lazy_of(node, handle.loop),
    channels = function() return node.routing:channels() end,
    facts = function() return facts_of(node) end, body = function() return body_of(node) end,
    health = function(id) return node.diagnostics and node.diagnostics.others:of(id) end }
  self.own_addresses = own_addresses.of(node, handle.loop, function() self.word:look_again() end)
  self.overdue = overdue.new { loop = handle.loop, comms = node.comms, dcache = node.dcache, said = self.said }
  self.word = own_word.of(handle, self.facts, self.own_addresses, function() self.names:changed() end)
  handle:on_newcomer(function(peer) self:welcome(peer) end)
  handle:on_statement("peer", function(st, source) if source then self:hear(st, source) end end)
  handle:on_statement("pri/*/addresses", function(st) self.said:met(st) end)
  handle:on_stranger(function(st, source) self.rows:hear(st, source) end)
  handle:on_standing(function(gained) if gained[1] then self.word:admitted() end end)
  handle:provide("who", function(id) return self:who(id) end)
  handle:provide("called", function(name) return self.names:bearers(name) end)
  requests(handle, self)
  -- A policy that was refused is no change of ours, but others are to know.
  hear_of("policy", node, handle.loop, function()
    self:apply()
    self.own_addresses:ask_anew()
  end)
  hear_of("channels", node, handle.loop, function() self.own_addresses:look_soon() end)
  handle:why(function(thing) return why.rows(self, thing) end)
  return self
end

-- Somebody said who he is and how: ST came over SOURCE.
function discovery:hear(st, source)
  if st.signer == self.id then return end -- said before this start, or by a clone
  local word, is_news = self.rows:hear(st, source)
  if not is_news then return end
  self.overdue:heard()
  self:note(st.signer, word.name, word.facts.type)
  if word.facts.state ~= "left" or not self.comms.peers.by_id[st.signer] then return end -- made-up keys may leave, too
  self.log:info("discovery", "left", { name = self:label(st.signer), id = st.signer })
end

-- What outlives this run is told of members only.
function discovery:note(id, name, kind)
  if not self.comms.peers:stands(id) or not self.seen:note(id, name, kind) then return end
  self.names:changed()
  self.kept:soon()
end

--- { id =, name = text or nil, label = what people read } of any node, also of one that is gone for long.
function discovery:who(id) return self.names:who(id) end

--- What people read for node ID.
function discovery:label(id) return self.names:who(id).label end

--- Says what this node is, now (own_word.lua).
function discovery:announce() self.word:announce() end

--- The time is another one now.
function discovery:new_time() self.word:new_time() end

--- Another policy is in force.
function discovery:apply() self.word:look() end

function discovery:start()
  self.kept:start()
  self.word:start()
  self.own_addresses:start()
end

--- Tells all others that we leave; FLUSHED() once all went out, or after half a second.
function discovery:leave(flushed) self.word:leave(flushed) end

function discovery:stop()
  self.word:stop()
  self.own_addresses:stop()
  self.overdue:stop()
  self.kept:stop()
end

-- Soft statements are in no digest: a newcomer hears ours again, soon, and a crowd of newcomers once.
function discovery:welcome(peer)
  self:note(peer.id, peer.name)
  if self.comms.peers:stands(peer.id) then -- keys with any name cost nothing to make
    self.log:info("discovery", "heard", { name = self:label(peer.id), id = peer.id })
  end
  self.word:repeat_soon(peer)
end

local function own_notes(self, facts, reason)
  local notes = {}
  if self.comms.clones:own() then notes[1] = self.rows:also_at(self.id) or "its key is used twice" end
  notes[#notes + 1] = reason
  if self:label(self.id) ~= facts.name then notes[#notes + 1] = "name used twice" end
  return notes
end

local function own_row(self)
  local facts, state, reason = self.facts(), self.word:state()
  local notes, level, battery = own_notes(self, facts, reason), self.body()
  return { id = self.id, name = facts.name, label = self:label(self.id), type = facts.type, site = facts.site,
    version = facts.version, status = self.comms.clones:own() and "clone?" or state, state = state, why = reason,
    self = true, seen_ms = 0, files = self.dcache:signers "share/files"[self.id] or 0, level = level, battery = battery,
    clock = self.time.source or "none", boot = self.comms.boot, policy = facts.policy, notes = json.array(notes),
    note = notes[1] and table.concat(notes, "; ") or nil }
end

-- This node first, then the others, by name; ALL: those whom only earlier runs heard, too.
function discovery:nodes(all)
  local list = self.rows:list(all)
  table.insert(list, 1, own_row(self))
  return list
end

--- Those of the roster (roster.lua) who are not here: rows as `nodes` has them.
function discovery:missing() return roster.missing(self) end

--- Is the node of ROW (as `nodes` has them) here: heard or known by record, no stranger to the lab, and neither gone
--- nor silent for long?
function discovery.is_living(row) return row.status ~= "left" and row.status ~= "lost" and row.status ~= "stranger" end

--- What is bounded here, as bounded.lua's rows.
function discovery:bounds() return self.said:bounds() end

--- How many others live.
function discovery:count()
  local n = 0
  for _, other in ipairs(self.rows:list()) do
    if discovery.is_living(other) then n = n + 1 end
  end
  return n
end

--- Somebody looks, so who was silent for a few seconds is asked. WATCHING: he looks on and on, and of many each is
--- asked more rarely, so that it is no more than one a second. done() when they answered, or after a second. → a
--- function that gives it up
function discovery:probe(done, watching)
  local silent = math.max(WATCHED_LEAST, math.min(WATCHED_MOST, #self.comms.peers.list))
  return self.comms:probe(done, watching and silent * 1000 or nil)
end

-- Of all channels the items of member FIELD, each name once, as EACH makes them.
local function gathered(channels, field, each)
  local list, met = {}, {}
  for _, channel in ipairs(channels) do
    for _, item in ipairs(channel[field] or {}) do
      if not met[item.name] then
        met[item.name] = true
        list[#list + 1] = each(item)
      end
    end
  end
  return list
end

-- Channels that carry nothing now, and why.
local function waiting(channels)
  local list = {}
  for _, channel in ipairs(channels) do
    if channel.state ~= "up" then
      list[#list + 1] = { kind = channel.kind, state = channel.state, reason = channel.reason }
    end
  end
  return list
end

-- What was tried, for an empty list: { since_ms, beacons, heard, interfaces = { name … }, unused = { { name =,
-- reason = } … }, waiting = { { kind =, state =, reason = } … }: channels that are not up, swarm, lab (its name) where
-- this node is in one, unfit = { { host =, count = } … }: hosts whose beacons are none of this swarm, and unfit_once:
-- those of which one alone came }.
function discovery:tried()
  local channels, unfit, once = self.channels(), self.comms.misfits:list()
  return { since_ms = self.loop:now() - self.started, beacons = self.comms.beacon.sent,
    heard = self.comms.beacon.heard, swarm = self.comms.swarm,
    lab = self.dcache.lab and self.dcache.lab.name, unfit = unfit, unfit_once = once,
    waiting = waiting(channels),
    interfaces = gathered(channels, "interfaces", function(one) return one.name end),
    unused = gathered(channels, "unused", function(one) return one end) }
end

--- Is node ID here, and is every statement known here that it has in the class of BUCKET, as its last beacon tells?
function discovery:agrees(id, bucket)
  local peer, found = self.comms.peers.by_id[id], self.dcache:class_of(bucket)
  if not peer or not found or not peer.t or not self.comms.peers:living(peer) then return false end
  self.comms.beacon:judge(peer)
  return peer.verdicts[found.class.name] == "equal"
end

-- How far the others hold the same: { records, digest (4 hex characters), equal, of, here }: so many records are
-- kept, only these are compared; EQUAL of the OF others that could be compared have the same, HERE others are here.
function discovery:same()
  local t, records, digests = self.comms.beacon:tick(), 0, {}
  for i, class in ipairs(self.dcache:kept_classes()) do
    local digest, n = self.dcache:digest(class.name, t)
    records, digests[i] = records + n, digest
  end
  local sync = self.comms:sync()
  local text = require "core.hash".blake2b(table.concat(digests))
  return { records = records, digest = require "core.text".hex(text:sub(1, 2)), equal = sync.equal, of = sync.of,
    here = self:count() }
end

return discovery
