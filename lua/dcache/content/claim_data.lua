-- claim_data.lua - the DATA of a record in share/safe: whose a held file is, and what its origin said of it, so that
-- the claim stands by itself when the origin is gone (spec/PROTOCOL.md). Claims nothing, holds nothing.
local forms = require "dcache.forms"
local json = require "core.json"
local sorted = require "sorted"

local claim_data = {}

local DATA_MOST <const> = 640 -- bytes of a record's DATA
local NAMES_MAX <const> = 256 -- names beside its own that a held file is known by
local TOLD <const> = { "made", "meta", "span", "verdict" } -- what an origin may tell besides

--- DATA of the claim to hold FILE: { origin = claim_data.origin's, also = array of { from, name }, identity }. DOMAIN:
--- what fails together with this node (a text), false: a carrier; nil: it alone. Of the other names as many as fit into
--- MOST bytes (not given: those of a record).
function claim_data.of(file, domain, most)
  local origin, data = file.origin, { domain = domain, size = file.identity.size }
  if not origin then return data end
  data.class, data.from, data.name = origin.class, origin.from, origin.name
  most = most or DATA_MOST
  for _, member in ipairs(TOLD) do
    data[member] = origin[member]
    if #json.encode(data) > most then data[member] = nil end
  end
  local left, also = most - #json.encode(data) - #',"also":[]', {}
  for _, one in ipairs(file.also or {}) do
    local entry = { from = one.from ~= origin.from and one.from or nil, name = one.name }
    local bytes = #json.encode(entry) + (also[1] and 1 or 0)
    if bytes <= left then also[#also + 1], left = entry, left - bytes end
  end
  data.also = also[1] and json.array(also) or nil
  return data
end

--- The origin { class, from = peer ID, name = path, made, meta, span, verdict } of the file KEY, of SAID, a table that
--- has these and may have more; nil where the first three cannot stand in a claim.
function claim_data.origin(key, said)
  if not (said and said.class and said.from and said.name) then return nil end
  local origin = { class = said.class, from = said.from, name = said.name, size = 0 }
  if not forms.read("share/safe", key, origin) then return nil end
  for _, member in ipairs(TOLD) do
    origin[member] = said[member]
    if not forms.read("share/safe", key, origin) then origin[member] = nil end
  end
  origin.size = nil
  return origin
end

--- DATA of the claim to hold what an update needs, which lies at PATH in the store of node ID: whose it is is nobody's
--- matter, so it is from him who holds it.
function claim_data.of_payload(id, path, size) return { class = "lab", from = id, name = path, size = size } end

--- Does SIGNER claim by DATA to hold what an update needs? It is nobody's log, and no copy of one: it goes when no
--- update needs it.
function claim_data.is_of_payload(signer, data) return data.from == signer end

--- Do two origins say the same of the file, but for its name?
function claim_data.same(one, other)
  if one.from ~= other.from or one.class ~= other.class then return false end
  for _, member in ipairs(TOLD) do
    if one[member] ~= other[member] then return false end
  end
  return true
end

--- What fails together with the node of that POLICY (a text), false: it carries copies for others; nil: it alone.
function claim_data.domain(policy)
  local domain = policy:get "clients.logs.domain"
  if domain ~= "" then return domain end
end

local function position(one, origin) return (one.from == origin.from and "" or one.from) .. "\n" .. one.name end

--- The names { from =, name = } of LIST and, from FROM, NAMES, beside that of ORIGIN: each once, in the order that a
--- claim has. Past NAMES_MAX no more are taken in. → the list, its positions in one text (to compare two lists)
function claim_data.also(origin, list, from, names)
  local by, count = {}, 0
  local function take(one)
    local at = position(one, origin)
    if by[at] or count >= NAMES_MAX or one.from == origin.from and one.name == origin.name then return end
    by[at], count = one, count + 1
  end
  for _, one in ipairs(list) do take(one) end
  for _, name in ipairs(names) do take { from = from, name = name } end
  local places, also = sorted.keys(by), {}
  for i, at in ipairs(places) do also[i] = by[at] end
  return also, table.concat(places, "\0")
end

--- The other names in DATA, of a claim to hold the file KEY.
function claim_data.other_names(key, data)
  local list = {}
  for i, one in ipairs(data.also and forms.read("share/safe", key, data) and data.also or {}) do
    list[i] = { from = one.from or data.from, name = one.name }
  end
  return list
end

return claim_data
