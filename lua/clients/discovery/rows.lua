-- rows.lua - what is told of each node that was heard here: status, way, age. Asks nobody; says nothing to the swarm.
local json = require "core.json"
local slices = require "slices"

local rows = {}
rows.__index = rows

local MINUTE = 60 * 1000
-- Silence after which a node is quiet, then lost: its statements come each five minutes. From afar they come late.
local QUIET = { near = 6 * MINUTE, far = 16 * MINUTE }
local LOST = { near = 11 * MINUTE, far = 21 * MINUTE }

-- loop, comms, dcache, time, names, seen, id.
function rows.new(given)
  local self = setmetatable({}, rows)
  for _, name in ipairs { "loop", "comms", "dcache", "time", "names", "seen", "id" } do self[name] = given[name] end
  return self
end

local function text_or_nothing(value) return type(value) == "string" and value or nil end

-- A word such as "ready"; what else somebody says of his state is not shown.
local function state_of(value)
  return type(value) == "string" and #value <= 16 and value:find "^%l[%l-]*$" and value or nil
end

-- Which policy somebody runs: 8 digits, and ! before them if a newer one was refused there.
local function policy_of(value)
  return type(value) == "string" and value:find "^!?%x%x%x%x%x%x%x%x$" and value or nil
end

--- What matters of the DATA of a `peer` word, which is whatever its signer liked to say.
function rows.facts(data)
  if type(data) ~= "table" then return {} end
  return { name = text_or_nothing(data.name), type = text_or_nothing(data.type),
    version = text_or_nothing(data.version), clock = text_or_nothing(data.clock), state = state_of(data.state),
    policy = policy_of(data.policy), clone = data.clone == true }
end

-- A node tells how it is in its statement; a beacon alone says that it runs.
local function said_by(self, peer)
  local record = self.dcache:statement_of("peer", peer.id, peer.id)
  if record and record.verb == "propose" then return rows.facts(record.data) end
  return peer.word or {}
end

--- Silence (ms) after which a node is { quiet =, lost = }.
function rows.limits(near)
  local distance = near and "near" or "far"
  return { quiet = QUIET[distance], lost = LOST[distance] }
end

--- Milliseconds since PEER was heard: a beacon, an answer, a newer statement of his, or a connection that lives.
function rows:silence(peer) return self.loop:now() - math.max(self.comms.peers:last(peer), peer.said or 0) end

local function status_of(self, peer, said, near)
  if said.clone or self.comms.clones:of(peer.id) then return "clone?" end
  if self.comms.peers:left(peer) then return "left" end
  if not self.comms.peers:stands(peer.id) then return "stranger" end
  local silence, distance = self:silence(peer), near and "near" or "far"
  local is_lost = silence > LOST[distance] or self.comms.peers:deaf(peer) or self.comms.peers:barred(peer)
  if is_lost then return "lost" end
  if silence > QUIET[distance] or self.comms.liveness:unanswered(peer) then return "quiet" end
  return said.state ~= "left" and said.state or "ready"
end

local function via_of(self, peer)
  local flow = self.comms.peers:best(peer) or peer.flows[1]
  if not flow then return nil end
  return { kind = flow.source.channel.kind, address = flow.source.address, host = flow.source.host,
    rtt_us = flow.rtt_us, proved = self.comms.peers:proved(flow) }
end

--- Where else than at HOST (nil: at this node) the key ID is used: "also at 192.168.1.37" | nil
function rows:also_at(id, host)
  local hosts = {}
  for _, other in ipairs(self.comms.clones:of(id) or {}) do
    local name = other.host or other.address
    if name ~= host then hosts[#hosts + 1] = name end
  end
  return hosts[1] and "also at " .. table.concat(hosts, " and ")
end

local function note_of(self, peer, label, via)
  if self.comms.peers:barred(peer) then return "shut out by routing.block" end
  local n, notes = self.comms.liveness:unanswered(peer), { self:also_at(peer.id, via and via.host) }
  if n and n > 0 and not self.comms.peers:left(peer) then
    notes[#notes + 1] = ("asked %s, no answer"):format(n == 1 and "once" or n .. " times")
  end
  if label ~= peer.name then notes[#notes + 1] = "name used twice" end
  return notes[1] and table.concat(notes, "; ") or nil
end

local function row(self, peer, files)
  local seen = self.seen.rows[peer.id] -- knows the type of whom only an earlier run heard speak
  local said, near, label = said_by(self, peer), self.comms.liveness:is_near(peer), self.names:who(peer.id).label
  local via = via_of(self, peer)
  return { id = peer.id, name = peer.name, label = label, type = said.type or seen and seen.type,
    version = said.version, status = status_of(self, peer, said, near), state = said.state, near = near, self = false,
    via = via, seen_ms = self:silence(peer), files = files[peer.id] or 0, boot = peer.boot,
    clock = said.clock, policy = said.policy, note = note_of(self, peer, label, via) }
end

-- Who was heard in an earlier run only, and is not here.
local function absent(self, seen, files)
  local ms, about
  if seen.last > 0 then ms, about = self.time:age(seen.last) end
  return { id = seen.id, name = seen.name, label = self.names:who(seen.id).label, type = seen.type, status = "lost",
    self = false, seen_ms = ms, seen_about = about, files = files[seen.id] or 0, note = "before this daemon started" }
end

-- Strangers come last, of these first who proved an address: keys with any name cost nothing to make.
local function worth(one)
  if one.status ~= "stranger" then return 2 end
  return one.via and one.via.proved and 1 or 0
end

local function by_name(a, b)
  if worth(a) ~= worth(b) then return worth(a) > worth(b) end
  if a.name ~= b.name then return a.name < b.name end
  return a.id < b.id
end

-- Strangers to the lab are listed while they are heard.
local function is_listed(self, peer)
  if not peer.name then return false end
  return self.comms.peers:stands(peer.id) or self:silence(peer) <= LOST.far and not self.comms.peers:left(peer)
end

--- Every peer that was heard in this run, by name; ALL: those of earlier runs, too. Ages are monotonic silence, never
-- UNTIL.
function rows:list(all)
  local list, files = {}, self.dcache:signers "share/files"
  local peers = self.comms.peers.list
  for _, peer in ipairs(table.move(peers, 1, #peers, 1, {})) do -- they may change between two slices
    if is_listed(self, peer) then list[#list + 1] = row(self, peer, files) end
    slices.step(2)
  end
  for _, seen in pairs(all and self.seen.rows or {}) do -- any order: sorted below
    local peer = self.comms.peers.by_id[seen.id]
    if not (peer and peer.name) then list[#list + 1] = absent(self, seen, files) end
  end
  table.sort(list, by_name)
  return list
end

--- SIGNER said a statement of himself, newer than his last: ST. → its facts
function rows:hear(st)
  local facts, peer = rows.facts(st.verb == "propose" and json.decode(st.data)), self.comms.peers.by_id[st.signer]
  if not peer then return facts end
  peer.said, peer.word = self.loop:now(), facts
  self.comms.liveness:lives(peer)
  if facts.state == "left" then self.comms.peers:leave(peer) else peer.gone = nil end
  return facts
end

return rows
