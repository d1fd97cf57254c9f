-- why.lua - why a node counts as ready, quiet, lost or left: rows for lua/why.lua. Asks nobody, decides nothing.
local find = require "clients.control.find"
local span = require "span"

local reasons = {}

local CURES <const> = {
  quiet = "Nothing; `discover` asks it, and after three questions in vain and a minute of silence it is lost.",
  ["clone?"] = "On the copy: dt-swarm-cli identity renew.",
  lost = "See whether it is switched on and in the same network, and what its own `status` says.",
  left = "Start it there.",
  stranger = "If it is your robot: dt-swarm-cli HOST trust grant ROBOT member, or give it the lab file with a token.",
  revoked = "Give it a new key, or lift that: dt-swarm-cli HOST record dismiss trust/revoked ROBOT.",
}
local ELSEWHERE <const> = "Nothing: its records come all the same. Only files are not given from one network to \z
  another."
local NEVER <const> = "heard by an earlier run of this daemon only"

--- The nodes that WORD may mean: a name, a label, an ID or the end of one.
function reasons.matching(nodes, word)
  local found = {}
  for _, one in ipairs(nodes) do
    if find.is_robot(one, word) or find.is_robot(one, "~" .. word) then found[#found + 1] = one end
  end
  return found
end

local function ambiguous(word, nodes)
  local names = {}
  for i, one in ipairs(nodes) do names[i] = one.label end
  return { { code = "ambiguous", what = ("%s fits %d nodes"):format(word, #nodes), seen = table.concat(names, ", ") } }
end

-- The word that revoked the key ID: { why = } | nil
local function revoked(discovery, id)
  local verdict = discovery.dcache.trust:verdict()
  return verdict and verdict.revoked[id]
end

local function why_stranger(discovery, id)
  local word = revoked(discovery, id)
  if not word then return "nobody let its key into this lab: what it says is not kept" end
  return ("its key was revoked%s: what it says is void"):format(word.why ~= "" and (" (%s)"):format(word.why) or "")
end

-- Two machines speak with one key: where, as far as it is known.
local function evidence_of_twins(discovery, row)
  local also = discovery.rows:also_at(row.id, row.via and row.via.host)
  if not also then return "it says so itself: another machine uses its key, too" end
  return ("two machines answer with its key: it is at %s, %s"):format(row.via and row.via.host or "this node", also)
end

-- What was seen that makes him STATUS.
local function evidence(discovery, peer, row)
  local silence, limits = span.ago(row.seen_ms), discovery.rows.limits(row.near)
  local asked = discovery.comms.liveness:unanswered(peer)
  if row.status == "left" then return ("it said %s that it leaves"):format(span.ago(discovery.loop:now()
    - peer.gone.at)) end
  if row.status == "stranger" then return why_stranger(discovery, row.id) end
  if row.status == "clone?" then return evidence_of_twins(discovery, row) end
  local words = ("last word %s; quiet is after %s, lost after %s (%s)"):format(silence, span.of(limits.quiet),
    span.of(limits.lost), row.near and "near" or "far away")
  return asked and ("%s; asked %s since, no answer"):format(words, asked == 1 and "once" or asked .. " times") or words
end

-- Each way by which he was heard, the newest first.
local function ways(discovery, peer, rows)
  local now, peers = discovery.loop:now(), discovery.comms.peers
  for _, flow in ipairs(peer.flows) do
    local proof = peers:proved(flow) and ("address proved %s"):format(span.ago(now - flow.proved))
      or "address not proved: nothing long is sent there"
    local trip = flow.rtt_us and (", %.1f ms there and back"):format(flow.rtt_us / 1000) or ""
    local closed = flow.source.channel.closed and "; that channel is closed" or ""
    rows[#rows + 1] = { what = "by " .. flow.source.channel.kind, seen = ("%s: heard %s, %s%s%s"):format(
      flow.source.address, span.ago(now - flow.heard), proof, trip, closed) }
  end
end

-- By which way his word came here, where only others hear him; nil: no word of his holds here.
local function passed_on(discovery, id)
  local st = discovery.dcache:statement_of("peer", id, id)
  local lives = st and st.holds and type(st.data) == "table" and st.data.state ~= "left"
  return lives and st.via and st.via:gsub("/dswarm%-line$", "") or nil
end

-- What was seen that makes one STATUS of whom only others bring words.
local function evidence_by_record(discovery, row)
  if row.status == "clone?" then return evidence_of_twins(discovery, row) end
  local came = ("%s, by %s"):format(span.ago(row.seen_ms), row.via.kind or "an unknown way")
  if row.status == "left" then return "it said that it leaves, which others passed on: that came " .. came end
  local limits = discovery.rows.limits(false)
  return ("others hear it and pass on what it says: its last word came %s; quiet is after %s, lost after %s"):format(
    came, span.of(limits.quiet), span.of(limits.lost))
end

-- The same of one of whom only others bring words.
local function how_by_record(discovery, row)
  return { what = ("%s is %s, by record"):format(row.label, row.status or "here"),
    seen = evidence_by_record(discovery, row), cure = CURES[row.status] or ELSEWHERE }
end

-- The first row: how he is, and what was seen that makes him so.
local function how(discovery, peer, row)
  if row.via and row.via.by == "record" then return how_by_record(discovery, row) end
  if peer and peer.name then
    local cure = CURES[row.status == "stranger" and revoked(discovery, row.id) and "revoked" or row.status]
    return { what = ("%s is %s"):format(row.label, row.status or "here"), cure = cure,
      seen = evidence(discovery, peer, row) }
  end
  local way = passed_on(discovery, row.id)
  if not way then return { what = row.label .. " is " .. row.status, seen = NEVER, cure = CURES[row.status] } end
  return { what = row.label .. " is elsewhere", seen = "others hear it and pass on what it says, which came by " .. way,
    cure = ELSEWHERE }
end

-- His own record, from which type, version and what he is at are known.
local function record(discovery, id, rows)
  local st = discovery.dcache:statement_of("peer", id, id)
  if not st then
    rows[#rows + 1] = { what = "no record of its own", seen = "its beacons say its name only" }
    return
  end
  local ms = discovery.time:age(not st.undated and st.at or nil)
  local said = type(st.data) == "table" and st.data.state or st.verb
  rows[#rows + 1] = { what = "its record in peer", seen = ("says %s, %s%s"):format(tostring(said),
    ms and span.ago(ms) or "no clock here is proved", st.fault and "; it says nothing now: " .. st.fault or "") }
end

local function rows_of(discovery, row)
  if row.self and row.status == "clone?" then
    return { { what = row.label .. " is clone?", seen = evidence_of_twins(discovery, row), cure = CURES["clone?"] } }
  end
  if row.self then return { { what = row.label .. " is this node", seen = "its state is in `status`" } } end
  local peer = discovery.comms.peers.by_id[row.id]
  local rows = { how(discovery, peer, row) }
  if peer then ways(discovery, peer, rows) end
  record(discovery, row.id, rows)
  if row.note and row.note:find("name used twice", 1, true) then
    rows[#rows + 1] = { what = "name used twice", seen = "another node is called so, too",
      cure = "Give each robot a --name of its own." }
  end
  return rows
end

--- Rows of THING: { peer = a name, label, ID or the end of one } | nil
function reasons.rows(discovery, thing)
  if type(thing.peer) ~= "string" then return nil end
  local found = reasons.matching(discovery:nodes(true), thing.peer)
  if found[2] then return ambiguous(thing.peer, found) end
  return found[1] and rows_of(discovery, found[1]) or nil
end

return reasons
