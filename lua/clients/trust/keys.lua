-- keys.lua - the answer to `trust`: who stands in this lab, let in by whom; tokens, strangers, revoked keys. Changes
-- nothing.
local json = require "core.json"
local labels = require "clients.discovery.labels"
local people = require "clients.trust.people"
local slices = require "slices"
local sorted = require "sorted"
local to_json = require "clients.control.to_json"

local keys = {}

local DAY <const> = 24 * 60 * 60 * 1000
local SOON <const> = 60 * DAY -- before a grant ends it is noted
local STRANGERS_MAX <const> = 256

-- Of the key of a robot that a token let in what it says of that: { token =, name =, at = }, the newest.
local function enrol(enrolled, st)
  local known = enrolled[st.signer]
  if known and known.at > st.at then return end
  enrolled[st.signer] = { token = st.data.token, name = st.data.name, at = st.at }
end

-- What is said in the buckets of trust, by the key it is about: enrolled; granted: it has a grant that counts;
-- named: by a grant, also where it is out by now.
local function look_through(node, verdict)
  local enrolled, granted, named = {}, {}, {}
  for _, st in ipairs(node.dcache.trust:statements()) do
    local says = st.verb == "propose" and not st.malformed
    if says and st.bucket == "trust/enrolled" then enrol(enrolled, st) end
    if says and st.bucket == "trust/grants" then
      named[st.key] = st.data.name
      local is_his = verdict.keys[st.key] and st.signer ~= st.key and verdict:stands(st.signer)
      granted[st.key] = granted[st.key] or is_his or nil
    end
    slices.step(0.1)
  end
  return enrolled, granted, named
end

-- What all rows of one answer are made from.
local function gather(node, verdict)
  local heard = {}
  for _, row in ipairs(node.discovery:nodes(true)) do heard[row.id] = row end
  local enrolled, granted, named = look_through(node, verdict)
  return { node = node, verdict = verdict, heard = heard, who = people.of(node, verdict), enrolled = enrolled,
    granted = granted, named = named }
end

-- What the key ID is called, KNOWN as that by a verdict: as whoever let it in signed it, else as it calls itself.
local function name_of(all, id, known)
  for _, one in ipairs { known or false, all.enrolled[id] or false, all.heard[id] or false } do
    if one and one.name and one.name ~= "" then return one.name end
  end
  return all.named[id] ~= "" and all.named[id] or nil
end

local function token_of(all, id)
  local known = all.verdict.keys[id]
  local token = known and known.token or all.enrolled[id] and all.enrolled[id].token
  local found = token and all.verdict.tokens[token]
  return token and { id = token, name = found and found.name or nil } or nil
end

-- Milliseconds until the role of KNOWN ends by a proved clock, negative where it is over | nil: it does not, or nobody
-- knows what time it is.
local function ends_ms(node, known)
  local now = node.time:proved_now()
  return known.until_ms and now and known.until_ms - now or nil
end

local function ending(left)
  if left <= 0 then return "its grant is over" end
  local days = left // DAY
  if days < 2 then return days == 0 and "grant ends today" or "grant ends tomorrow" end
  return ("grant ends in %d days"):format(days)
end

-- Does the token of KNOWN let in more than one? Who has the only place of a token needs nobody else's word.
local function is_shared(all, known)
  local token = known.token and all.verdict.tokens[known.token]
  return token ~= nil and (token.most or 0) ~= 1
end

-- What is noted of the key ID, which stands: words for people, in order.
local function notes_of(all, id, row)
  local notes, known = {}, all.verdict.keys[id]
  if row.used_twice then notes[#notes + 1] = "name used twice" end
  if row.token and not row.signed and is_shared(all, known) then notes[#notes + 1] = "not signed for" end
  if row.role == nil then notes[#notes + 1] = "role is over" end
  local left = row.ends_ms
  if left and left < SOON then notes[#notes + 1] = ending(left) end
  return json.array(notes)
end

-- The row of ID, whose role is that of LEVEL.
local function row_of(all, id)
  local node, known, heard = all.node, all.verdict.keys[id] or {}, all.heard[id] or {}
  local role = node.dcache.trust:role(id)
  local enrolled = all.enrolled[id]
  return { id = id, name = to_json.value(name_of(all, id, known)), role = role, self = id == node.id or nil,
    by = known.by and known.by ~= id and all.who(known.by) or nil,
    token = to_json.value(token_of(all, id)),
    signed = all.granted[id] or known.level == 4 or false, seen_ms = to_json.value(heard.seen_ms),
    seen_about = heard.seen_about, status = heard.status, ends_ms = ends_ms(node, known),
    came = enrolled and enrolled.at or nil, tags = known.tags and to_json.list(known.tags, to_json.value) or nil }
end

-- Gives each row its label, and says who shares his name with another.
local function label_all(...)
  local nodes, times = {}, {}
  for _, rows in ipairs { ... } do
    for _, row in ipairs(rows) do
      nodes[#nodes + 1] = row
      if row.name then times[row.name] = (times[row.name] or 0) + 1 end
    end
  end
  local found, ids, nameless = labels.of(nodes), {}, nil
  for i, row in ipairs(nodes) do ids[i] = row.id end
  for _, row in ipairs(nodes) do
    nameless = nameless or not row.name and labels.all_nameless(ids) or nil
    row.label = found[row.id] or nameless[row.id]
    row.used_twice = row.name and times[row.name] > 1 or nil
  end
end

local function by_name(a, b)
  local one, other = a.name or "\u{10FFFF}", b.name or "\u{10FFFF}"
  if one ~= other then return one < other end
  return a.id < b.id
end

-- Those who stand: roots and admins first, then the others, by name.
local function comes_before(a, b)
  if a.level ~= b.level and math.max(a.level, b.level) >= 3 then return a.level > b.level end
  return by_name(a, b)
end

local function standing(all)
  local rows = {}
  for i, id in ipairs(all.verdict.standing) do
    rows[i] = row_of(all, id)
    rows[i].level = (all.verdict.keys[id] or {}).level or 0
    slices.step()
  end
  slices.sort(rows, comes_before)
  return rows
end

-- Who was heard and does not stand, and who came by a token that has no room for him; this node, too, while it is no
-- member.
local function strangers(all)
  local rows, verdict = {}, all.verdict
  local ids = { [all.node.id] = true }
  for id, row in pairs(all.heard) do -- any order: sorted below; an earlier run may have been in no lab
    if row.status == "stranger" then ids[id] = true end
  end
  for id in pairs(all.enrolled) do ids[id] = true end
  for _, id in ipairs(sorted.keys(ids)) do
    if not verdict:stands(id) and not verdict.revoked[id] and #rows < STRANGERS_MAX then
      rows[#rows + 1] = row_of(all, id)
    end
    slices.step(0.2)
  end
  slices.sort(rows, by_name)
  return rows
end

local function revoked(all)
  local rows = {}
  for _, id in ipairs(sorted.keys(all.verdict.revoked)) do
    local one = all.verdict.revoked[id]
    local row = row_of(all, id)
    row.role, row.by, row.why = nil, all.who(one.by), to_json.value(one.why)
    row.token_revoked = all.verdict.tokens[id] ~= nil or nil
    rows[#rows + 1] = row
    slices.step()
  end
  return rows
end

-- Tokens that count or counted: how many came in by each.
local function tokens(all)
  local came, rows = {}, {}
  for id, one in pairs(all.enrolled) do -- any order: counts
    if all.verdict:stands(id) then came[one.token] = (came[one.token] or 0) + 1 end
  end
  for _, id in ipairs(sorted.keys(all.verdict.tokens)) do
    local one = all.verdict.tokens[id]
    rows[#rows + 1] = { id = id, name = to_json.value(one.name), most = one.most, counts = one.counts or false,
      by = one.by and all.who(one.by) or nil, came = came[id] or 0, over = #(one.over or {}) }
  end
  return rows
end

local function root_of(all)
  local root = all.verdict.root
  return { number = root.number, need = root.need, two = all.verdict.rivals,
    keys = to_json.list(root.keys, all.who) }
end

local function settled_of(trust)
  local ok, text = trust:settled()
  return { yes = ok == true, text = not ok and to_json.value(text) or nil }
end

--- What keys are called, also by a verdict that is not in force. → fn(id, verdict) → name | nil
function keys.names(node)
  local all = gather(node, node.dcache.trust:verdict())
  return function(id, verdict) return to_json.value(name_of(all, id, verdict.keys[id])) end
end

--- NODE is in a lab. → { lab, name, root = { number, need, keys, two = number or nil }, settled = { yes, text }, keys =
-- rows of those who stand, tokens, strangers, revoked }
function keys.answer(node)
  local trust = node.dcache.trust
  local all = gather(node, trust:verdict())
  local rows, others, gone = standing(all), strangers(all), revoked(all)
  label_all(rows, others, gone)
  for _, row in ipairs(rows) do row.notes, row.used_twice = notes_of(all, row.id, row), nil end
  for _, list in ipairs { others, gone } do
    for _, row in ipairs(list) do row.used_twice = nil end
  end
  return { lab = trust.lab.lab, name = trust.lab.name, root = root_of(all), settled = settled_of(trust),
    keys = json.array(rows), tokens = json.array(tokens(all)), strangers = json.array(others),
    revoked = json.array(gone) }
end

return keys
