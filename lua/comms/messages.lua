-- messages.lua - what stands in REST of beacon, ping, pong, want, ids, ranges and range, to and fro. Decides nothing.
local node_name = require "node_name"
local text = require "core.text"
local key = require "core.key"
local ranges = require "comms.ranges"

local messages = {}

messages.ids_in_line = 256 -- on a stream
messages.want_in_frame = 8 -- in a datagram

local PORT_MAX = 65535
local COUNT_MAX = 1 << 53

local function form(what) return nil, "form: " .. what, "form" end

local function number(digits, most)
  if not digits or #digits > 16 or not digits:find "^%d+$" or digits:find "^0%d" then return nil end
  local n = math.tointeger(tonumber(digits))
  return n and n <= most and n or nil
end

local function fields(rest)
  local list = {}
  for field in (rest .. " "):gmatch "([^ ]*) " do list[#list + 1] = field end
  return list
end

-- Beacon: SIG ID BOOT COUNT T TCP HTTP NAME CLASS:LAW:DIGEST:N …; FACTS.classes is sorted by name.
function messages.beacon(node_key, swarm, facts)
  local parts = { facts.id, facts.boot, facts.count, facts.t, facts.tcp, facts.http, facts.name }
  for _, class in ipairs(facts.classes) do
    parts[#parts + 1] = ("%s:%s:%s:%d"):format(class.name, text.base64url(class.law),
      text.base64url(class.digest), class.n)
  end
  local words_text = table.concat(parts, " ")
  return node_key:sign("beacon", swarm, words_text) .. " " .. words_text
end

--- What a beacon with these FACTS says, but for COUNT and T: two with the same news tell the same.
function messages.beacon_news(facts)
  local parts = { facts.boot, facts.tcp, facts.http, facts.name }
  for _, class in ipairs(facts.classes) do
    parts[#parts + 1] = ("%s:%s:%s:%d"):format(class.name, class.law, class.digest, class.n)
  end
  return table.concat(parts, " ")
end

local function is_class(field) return #field <= 32 and field:find "^[%l%d-]+$" ~= nil end

local function class_of(field)
  local name, law, digest, n = field:match "^([^:]+):([%w_-]+):([%w_-]+):(%d+)$"
  if not name or not is_class(name) then return nil end
  law, digest, n = text.unbase64url(law), text.unbase64url(digest), number(n, COUNT_MAX)
  if not law or #law ~= 8 or not digest or #digest ~= 16 or not n then return nil end
  return { name = name, law = law, digest = digest, n = n }
end

-- REST → facts with sig and signed text, not verified yet | nil, text, "form".
function messages.parse_beacon(rest)
  local list = fields(rest)
  if #list < 8 or #list > 24 or #list[1] ~= 86 then return form "a beacon's words" end
  local facts = { signature = list[1], signed = rest:sub(88), id = list[2], boot = number(list[3], COUNT_MAX),
    count = number(list[4], COUNT_MAX), t = number(list[5], COUNT_MAX), tcp = number(list[6], PORT_MAX),
    http = number(list[7], PORT_MAX), name = list[8], classes = {} }
  if not (facts.boot and facts.count and facts.t and facts.tcp and facts.http) or facts.t % 16 ~= 0 then
    return form "a beacon's numbers"
  end
  if not node_name.is(facts.name) then return form "a beacon's name" end
  for i = 9, #list do
    local class = class_of(list[i])
    if not class or (i > 9 and class.name <= facts.classes[i - 9].name) then return form "a beacon's classes" end
    facts.classes[i - 8] = class
  end
  return facts
end

local function pong_text(nonce, asker, facts)
  return ("%s %s %s %d %d %d"):format(nonce, asker, facts.id, facts.boot, facts.tcp, facts.http)
end

-- Pong: SIG NONCE ASKER ID BOOT TCP HTTP; signs the nonce and both IDs.
function messages.pong(node_key, swarm, nonce, asker, facts)
  local signed = pong_text(nonce, asker, facts)
  return node_key:sign("pong", swarm, signed) .. " " .. signed
end

function messages.parse_pong(rest)
  local list = fields(rest)
  if #list ~= 7 or #list[1] ~= 86 or not messages.is_nonce(list[2]) then return form "a pong's words" end
  local facts = { signature = list[1], signed = rest:sub(88), nonce = list[2], asker = list[3], id = list[4],
    boot = number(list[5], COUNT_MAX), tcp = number(list[6], PORT_MAX), http = number(list[7], PORT_MAX) }
  if not (facts.boot and facts.tcp and facts.http) then return form "a pong's numbers" end
  return facts
end

-- The ID in a ping's FROM, or nil.
function messages.asker(from)
  local id = from:match "^/dswarm/(%w+)/brain$"
  return id and key.public(id) and id or nil
end

-- What a ping to the component `ping` says, whose FROM relays change: NONCE ASKER → nonce, ID | nil, text, "form".
function messages.parse_ping(rest)
  local list = fields(rest)
  if #list ~= 2 or not messages.is_nonce(list[1]) or not key.public(list[2]) then return form "ping NONCE ASKER" end
  return list[1], list[2]
end

function messages.is_nonce(field)
  local bytes = #field == 22 and text.unbase64url(field)
  return bytes and #bytes == 16 or false
end

local function short_ids(list, first, most)
  local ids = {}
  if #list - first + 1 > most then return nil end
  for i = first, #list do
    local bytes = #list[i] == 22 and text.unbase64url(list[i])
    if not bytes then return nil end
    ids[#ids + 1] = bytes
  end
  return ids
end

local function join_ids(ids)
  local list = {}
  for i, short in ipairs(ids) do list[i] = text.base64url(short) end
  return table.concat(list, " ")
end

-- Want: one to 256 short IDs (8 in a datagram).
function messages.want(ids) return join_ids(ids) end

function messages.parse_want(rest, most)
  local ids = short_ids(fields(rest), 1, most)
  if not ids or #ids == 0 then return form "a want is one or more short IDs" end
  return ids
end

-- Ids: CLASS LAW T more|end, then up to 256 short IDs in order.
function messages.ids(class, law, t, last, ids)
  local head = ("%s %s %d %s"):format(class, text.base64url(law), t, last and "end" or "more")
  return #ids > 0 and head .. " " .. join_ids(ids) or head
end

-- What `ids`, `ranges` and `range` begin with → class, law, t | nil
local function of_class(list)
  local law, t = list[2] and text.unbase64url(list[2]), number(list[3], COUNT_MAX)
  if not is_class(list[1]) or not law or #law ~= 8 or not t or t % 16 ~= 0 then return nil end
  return list[1], law, t
end

function messages.parse_ids(rest)
  local list = fields(rest)
  local class, law, t = of_class(list)
  if not class then return form "ids' head" end
  if list[4] ~= "more" and list[4] ~= "end" then return form "ids go on with more or end" end
  local ids = short_ids(list, 5, messages.ids_in_line)
  if not ids then return form "ids are short IDs, 256 at most" end
  return { class = class, law = law, t = t, last = list[4] == "end", ids = ids }
end

-- Ranges: CLASS LAW T SALT BITS FIRST, then the digests of the ranges from FIRST on, as one word; without it: none of
-- those that were asked about from FIRST on differs.
function messages.ranges(facts)
  local head = ("%s %s %d %s %d %d"):format(facts.class, text.base64url(facts.law), facts.t, text.base64url(facts.salt),
    facts.bits, facts.first)
  return facts.digests == "" and head or head .. " " .. text.base64url(facts.digests)
end

function messages.parse_ranges(rest)
  local list, facts = fields(rest), {}
  facts.class, facts.law, facts.t = of_class(list)
  facts.salt, facts.bits = list[4] and text.unbase64url(list[4]), number(list[5], ranges.bits_most)
  facts.first = facts.bits and number(list[6], (1 << facts.bits) - 1)
  facts.digests = list[7] and text.unbase64url(list[7]) or ""
  if not facts.class or not facts.salt or #facts.salt ~= ranges.salt_size or not facts.first or #list > 7 then
    return form "ranges' head"
  end
  if list[7] and facts.digests == "" or not ranges.fits(facts.digests, facts.bits, facts.first) then
    return form "ranges have digests"
  end
  return facts
end

-- Range: CLASS LAW T BITS FIRST LAST, then all short IDs of the ranges FIRST to LAST, in order.
function messages.range(facts)
  local head = ("%s %s %d %d %d %d"):format(facts.class, text.base64url(facts.law), facts.t, facts.bits, facts.first,
    facts.last)
  return #facts.ids > 0 and head .. " " .. join_ids(facts.ids) or head
end

function messages.parse_range(rest)
  local list, facts = fields(rest), {}
  facts.class, facts.law, facts.t = of_class(list)
  facts.bits = number(list[4], ranges.bits_most)
  facts.last = facts.bits and number(list[6], (1 << facts.bits) - 1)
  facts.first = facts.last and number(list[5], facts.last)
  if not facts.class or not facts.first then return form "a range's head" end
  facts.ids = short_ids(list, 7, messages.ids_in_line)
  if not facts.ids then return form "a range has short IDs, 256 at most" end
  return facts
end

return messages
