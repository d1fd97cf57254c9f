-- rows.lua - what is told of each other node: how he is, by which way he is known, since when. Asks nobody; says
-- nothing to the swarm.
--
-- A row is of a peer, who was heard here, or of one whose words alone came, passed on by others: "by record".
local address = require "core.address"
local json = require "core.json"
local slices = require "slices"

local rows = {}
rows.__index = rows

local MINUTE = 60 * 1000
-- Silence after which a node is quiet, then lost: its statements come each five minutes, from afar each fifteen.
local QUIET = { near = 6 * MINUTE, far = 18 * MINUTE }
local LOST = { near = 11 * MINUTE, far = 21 * MINUTE }
-- Who does not answer is lost, but a robot that stands still for half a minute is not, though it was silent before that
-- for most of a minute, as between two beacons: so many ms after he was heard last, or was asked first.
local DEAF <const> = { silent = 60 * 1000, asked = 35 * 1000 }
local GONE <const> = 7 * 24 * 60 * MINUTE -- silence after which who is lost is no row any more
local ROWS_MAX <const> = 1024
local SHUT_OUT <const> = "shut out by routing.block"

-- loop, comms, dcache, time, names, seen, said (said.lua), id, health(id) → as clients/diagnostics/others.lua tells, or
-- nil.
function rows.new(given)
  local self = setmetatable({}, rows)
  for _, name in ipairs { "loop", "comms", "dcache", "time", "names", "seen", "said", "id", "health" } do
    self[name] = given[name]
  end
  return self
end

--- Silence (ms) after which a node is { quiet =, lost = }.
function rows.limits(near)
  local distance = near and "near" or "far"
  return { quiet = QUIET[distance], lost = LOST[distance] }
end

--- Milliseconds since PEER was heard: a beacon, an answer, a newer statement of his, or a connection that lives.
function rows:silence(peer)
  local word = self.said:of(peer.id)
  return self.loop:now() - math.max(self.comms.peers:last(peer), word and word.heard or 0)
end

local NO_FACTS <const> = {}

local function facts_of(word) return word and word.facts or NO_FACTS end

-- == how he is

local function is_clone(self, id, facts) return facts.clone or self.comms.clones:of(id) ~= nil end

-- What he says that he is at; that he leaves counts as long as nothing else is heard of him.
local function state_of(facts) return facts.state ~= "left" and facts.state or nil end

-- Did PEER, silent for so many ms, leave so many questions unanswered, for so long, that he is no more?
local function is_deaf(self, peer, silence)
  if not self.comms.peers:deaf(peer) then return false end
  local _, ms = self.comms.liveness:unanswered(peer)
  return silence > DEAF.silent or (ms or 0) > DEAF.asked
end

--- The status of PEER, who was heard here: a word | nil, nothing is known of it.
function rows:status_of(peer)
  local peers, facts = self.comms.peers, facts_of(self.said:of(peer.id))
  if is_clone(self, peer.id, facts) and peers:stands(peer.id) then return "clone?" end
  if peers:left(peer) then return "left" end
  if not peers:stands(peer.id) then return "stranger" end
  local near = self:is_near(peer)
  local silence, distance = self:silence(peer), near and "near" or "far"
  if silence > LOST[distance] or peers:barred(peer) then return "lost" end
  if is_deaf(self, peer, silence) then return "lost" end
  if silence > QUIET[distance] or self.comms.liveness:unanswered(peer) then return "quiet" end
  return state_of(facts)
end

-- The same of one who is known by WORD (said.lua) only.
local function status_by(self, word)
  if is_clone(self, word.id, word.facts) then return "clone?" end
  if word.facts.state == "left" then return "left" end
  local silence = self.loop:now() - word.heard
  if silence > LOST.far or self.comms.peers.shut_out[word.id] then return "lost" end
  return silence > QUIET.far and "quiet" or word.facts.state
end

--- Is PEER near, and not known only by what others bring?
function rows:is_near(peer) return not self.comms.peers:is_elsewhere(peer) and self.comms.liveness:is_near(peer) end

--- Is node ID lost, or did it leave so long ago that it would be?
function rows:is_away(id)
  local peer, word = self.comms.peers.by_id[id], self.said:of(id)
  if peer and peer.name then return self:silence(peer) > LOST.far or self:status_of(peer) == "lost" end
  return not word or self.loop:now() - word.heard > LOST.far or status_by(self, word) == "lost"
end

-- == by which way

local function host_of(text)
  local parts = text and address.check(text) and address.parts(text)
  local kind = parts and parts[1] and parts[1][1]
  return (kind == "ip4" or kind == "ip6") and parts[1][2] or nil
end

-- Where he says that he can be met is a claim.
local function via_record(self, word)
  local place = self.said:place(word.id)
  return { kind = word.kind, by = "record", address = place, host = host_of(place), proved = false }
end

local function via_of(self, peer)
  local word = self.comms.peers:is_elsewhere(peer) and self.said:of(peer.id)
  if word then return via_record(self, word) end
  local flow = self.comms.peers:best(peer) or peer.flows[1]
  if not flow then return nil end
  return { kind = flow.source.channel.kind, address = flow.source.address, host = flow.source.host,
    rtt_us = flow.rtt_us, proved = self.comms.peers:proved(flow) }
end

-- == what is to be noted

--- Where else than at HOST (nil: at this node) the key ID is used: "also at 192.168.1.37" | nil
function rows:also_at(id, host)
  local hosts, known = {}, host and { [host] = true } or {}
  for _, other in ipairs(self.comms.clones:of(id) or {}) do -- one machine has several where it was started anew
    local name = other.host or other.address
    if not known[name] then hosts[#hosts + 1], known[name] = name, true end
  end
  return hosts[1] and "also at " .. table.concat(hosts, " and ")
end

local function note_silence(self, peer, notes)
  local n = self.comms.liveness:unanswered(peer)
  if n and n > 0 and not self.comms.peers:left(peer) then
    notes[#notes + 1] = ("asked %s, no answer"):format(n == 1 and "once" or n .. " times")
  end
end

-- ROW of ID, whose peer may be nil, gets its notes.
local function put_notes(self, row, peer, facts)
  local notes, peers = {}, self.comms.peers
  if peer and peers:barred(peer) or peers.shut_out and peers.shut_out[row.id] then
    notes[1] = SHUT_OUT
  else
    if row.status == "clone?" then
      notes[1] = self:also_at(row.id, row.via and row.via.host) or "its key is used twice"
    end
    if peer then note_silence(self, peer, notes) end
    if facts.why and row.status == facts.state then notes[#notes + 1] = facts.why end
    if row.name and row.label ~= row.name then notes[#notes + 1] = "name used twice" end
  end
  row.notes = json.array(notes)
  row.note = notes[1] and table.concat(notes, "; ") or nil
  return row
end

-- == the rows

-- The members of ROW that tell what was said by WORD, which may be nil; SEEN: what earlier runs knew of him, or nil.
local function put_facts(self, row, word, seen)
  local facts = facts_of(word)
  row.label = self.names:who(row.id).label
  row.type = facts.type or seen and seen.type -- of whom only an earlier run heard speak
  row.version, row.clock, row.policy, row.site = facts.version, facts.clock, facts.policy, facts.site
  row.why, row.state = facts.why, facts.state
  local health = self.health and self.health(row.id)
  if health and not health.stale then
    row.level, row.battery = health.level, health.said.battery
  elseif word and self.loop:now() <= word.valid_till then
    row.level = facts.level
  end
  row.said_ms = word and not word.undated and self.time:age(word.at) or nil
end

local function row_of(self, peer, files)
  local word = self.said:of(peer.id)
  local row = { id = peer.id, name = peer.name, status = self:status_of(peer), near = self:is_near(peer), self = false,
    via = via_of(self, peer), seen_ms = self:silence(peer), files = files[peer.id] or 0, boot = peer.boot }
  put_facts(self, row, word, self.seen.rows[peer.id])
  return put_notes(self, row, peer, facts_of(word))
end

local function row_by(self, word, files)
  local seen = self.seen.rows[word.id]
  local row = { id = word.id, name = word.name or seen and seen.name, status = status_by(self, word), near = false,
    self = false, via = via_record(self, word), seen_ms = self.loop:now() - word.heard, files = files[word.id] or 0,
    boot = word.facts.boot }
  put_facts(self, row, word, seen)
  return put_notes(self, row, nil, word.facts)
end

-- Why there is no row of him who is SEEN, of whom nothing came for SILENCE ms (nil: not in this run)
local function why_absent(silence)
  if not silence then return "before this daemon started" end
  return silence > GONE and "lost for over a week" or ("no room: more than %d others are known"):format(ROWS_MAX)
end

-- Who was heard in an earlier run only, or long ago in this one, or is one of too many.
local function absent(self, seen, files)
  local silence = seen.here and self.loop:now() - seen.heard or nil
  local ms, about = silence, nil
  if not ms and seen.last > 0 then ms, about = self.time:age(seen.last) end
  local note = why_absent(silence)
  return { id = seen.id, name = seen.name, label = self.names:who(seen.id).label, type = seen.type,
    status = (not silence or silence > LOST.far) and "lost" or nil, near = false, self = false, seen_ms = ms,
    seen_about = about, files = files[seen.id] or 0, note = note, notes = json.array { note } }
end

-- Strangers come last, of these first who proved an address: keys with any name cost nothing to make.
local function worth(one)
  if one.status ~= "stranger" then return 2 end
  return one.via and one.via.proved and 1 or 0
end

local function by_name(a, b)
  if worth(a) ~= worth(b) then return worth(a) > worth(b) end
  local name, other = a.name or a.label, b.name or b.label
  if name ~= other then return name < other end
  return a.id < b.id
end

-- Strangers to the lab are listed while they are heard.
local function is_listed(self, peer)
  if not peer.name or self:silence(peer) > GONE then return false end
  return self.comms.peers:stands(peer.id) or self:silence(peer) <= LOST.far and not self.comms.peers:left(peer)
end

local function is_listed_by(self, word, is_there)
  if word.id == self.id or is_there[word.id] or not self.comms.peers:stands(word.id) then return false end
  return self.loop:now() - word.heard <= GONE
end

-- Who is kept where there are too many rows: who proved an address, then who was heard last.
local function is_kept_before(a, b)
  local one, other = a.via and a.via.proved or false, b.via and b.via.proved or false
  if one ~= other then return one end
  if a.seen_ms ~= b.seen_ms then return a.seen_ms < b.seen_ms end
  return a.id < b.id
end

-- Rows of all who were heard, or of whom others brought words, in this run; and a set of their IDs.
local function of_this_run(self, files)
  local list, is_there, peers = {}, {}, self.comms.peers.list
  for _, peer in ipairs(table.move(peers, 1, #peers, 1, {})) do -- they may change between two slices
    if is_listed(self, peer) then list[#list + 1] = row_of(self, peer, files) end
    is_there[peer.id] = peer.name ~= nil
    slices.step(2)
  end
  local words = {}
  for i, _, word in self.said:each() do words[i] = word end
  for _, word in ipairs(words) do
    if is_listed_by(self, word, is_there) then list[#list + 1] = row_by(self, word, files) end
    slices.step(2)
  end
  if #list > ROWS_MAX then
    slices.sort(list, is_kept_before)
    list = table.move(list, 1, ROWS_MAX, 1, {})
  end
  for _, row in ipairs(list) do is_there[row.id] = "listed" end
  return list, is_there
end

--- Every other node that is known by this run, by name; ALL: those of earlier runs, too. Ages are monotonic silence,
--- never UNTIL.
function rows:list(all)
  local files = self.dcache:signers "share/files"
  local list, is_there = of_this_run(self, files)
  for _, seen in pairs(all and self.seen.rows or {}) do -- any order: sorted below
    local is_ours = self.comms.peers:stands(seen.id) -- a key from before it was in the lab is no robot of it
    if is_ours and is_there[seen.id] ~= "listed" then list[#list + 1] = absent(self, seen, files) end
  end
  slices.sort(list, by_name)
  return list
end

--- SIGNER said a statement of himself: ST, which came over SOURCE. → his word now; is it news?
function rows:hear(st, source)
  local word, is_news = self.said:hear(st, source)
  local peer = self.comms.peers.by_id[st.signer]
  if not peer or not is_news then return word, is_news end
  self.comms.liveness:lives(peer)
  if word.facts.state == "left" then self.comms.peers:leave(peer) else peer.gone = nil end
  return word, is_news
end

return rows
