-- messages.lua - envelopes and their REST a second time, from spec/PROTOCOL.md alone. Signatures are the core's.
local key = require "core.key"

local second = {}

local DIGITS <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
local VALUES <const> = {}
for i = 1, 64 do VALUES[DIGITS:byte(i)] = i - 1 end

function second.base64url(bytes)
  local out, held, bits = {}, 0, 0
  for i = 1, #bytes do
    held, bits = held << 8 | bytes:byte(i), bits + 8
    while bits >= 6 do
      bits = bits - 6
      local at = (held >> bits & 63) + 1
      out[#out + 1] = DIGITS:sub(at, at)
    end
    held = held & (1 << bits) - 1
  end
  if bits > 0 then
    local at = (held << 6 - bits & 63) + 1
    out[#out + 1] = DIGITS:sub(at, at)
  end
  return table.concat(out)
end

-- The SIZE bytes of TEXT, or nil where it is not their one spelling.
function second.unbase64url(text, size)
  if type(text) ~= "string" or #text ~= (size * 8 + 5) // 6 then return nil end
  local out, held, bits = {}, 0, 0
  for i = 1, #text do
    local value = VALUES[text:byte(i)]
    if not value then return nil end
    held, bits = held << 6 | value, bits + 6
    if bits >= 8 then
      bits = bits - 8
      out[#out + 1] = string.char(held >> bits & 255)
    end
    held = held & (1 << bits) - 1
  end
  return held == 0 and table.concat(out) or nil
end

local function number(digits, most)
  if not digits or not (digits == "0" or digits:find "^[1-9]%d*$") or #digits > 16 then return nil end
  local value = math.tointeger(tonumber(digits))
  return value <= (most or 1 << 53) and value or nil
end

local function tick(digits)
  local value = number(digits)
  return value and value % 16 == 0 and value or nil
end

local function is_class(word) return word and #word <= 32 and word:find "^[a-z0-9-]+$" ~= nil end

local function split(text, by)
  local list = {}
  for part in (text .. by):gmatch("([^" .. by .. "]*)" .. by) do list[#list + 1] = part end
  return list
end

-- The signature in front, the text behind it, and the text's words.
local function signed(rest)
  local signature, behind = rest:match "^([^ ]+) (.*)$"
  if not signature or not second.unbase64url(signature, 64) then return nil end
  return signature, behind, split(behind, " ")
end

local function states(words, first)
  local list = {}
  if #words - first + 1 > 16 then return nil end
  for i = first, #words do
    local part = split(words[i], ":")
    local one = { name = part[1], law = second.unbase64url(part[2], 8), digest = second.unbase64url(part[3], 16),
      n = number(part[4]) }
    local last = list[#list]
    if #part ~= 4 or not is_class(one.name) or not (one.law and one.digest and one.n) then return nil end
    if last and last.name >= one.name then return nil end
    list[#list + 1] = one
  end
  return list
end

local read = {}

function read.beacon(rest)
  local signature, text, words = signed(rest)
  if not signature or #words < 7 then return nil end
  local facts = { signature = signature, text = text, id = words[1], boot = number(words[2]), count = number(words[3]),
    t = tick(words[4]), tcp = number(words[5], 65535), http = number(words[6], 65535), name = words[7],
    classes = states(words, 8) }
  local whole = facts.boot and facts.count and facts.t and facts.tcp and facts.http and facts.classes
  return whole and #facts.name <= 32 and facts.name:find "^%w[%w._-]*$" and facts or nil
end

function read.pong(rest)
  local signature, text, words = signed(rest)
  if not signature or #words ~= 6 or not second.unbase64url(words[1], 16) then return nil end
  local facts = { signature = signature, text = text, nonce = words[1], asker = words[2], id = words[3],
    boot = number(words[4]), tcp = number(words[5], 65535), http = number(words[6], 65535) }
  return facts.boot and facts.tcp and facts.http and facts or nil
end

function read.ping(rest, message)
  local asker = message.from:match "^/dswarm/([^/]+)/brain$"
  return asker and key.public(asker) and second.unbase64url(rest, 16) and { nonce = rest, asker = asker } or nil
end

local function short_ids(words, first)
  local list = {}
  if #words - first + 1 > 256 then return nil end
  for i = first, #words do
    list[#list + 1] = second.unbase64url(words[i], 16)
    if #list ~= i - first + 1 then return nil end
  end
  return list
end

function read.ids(rest)
  local words = split(rest, " ")
  local facts = { class = words[1], law = second.unbase64url(words[2], 8), t = tick(words[3]),
    last = words[4] == "end", ids = short_ids(words, 5) }
  local whole = is_class(facts.class) and facts.law and facts.t and facts.ids
  return whole and (facts.last or words[4] == "more") and facts or nil
end

function read.want(rest)
  local ids = short_ids(split(rest, " "), 1)
  return ids and #ids > 0 and { ids = ids } or nil
end

-- What `ranges` and `range` begin with.
local function of_class(words)
  local facts = { class = words[1], law = second.unbase64url(words[2], 8), t = tick(words[3]) }
  return is_class(facts.class) and facts.law and facts.t and facts or nil
end

function read.ranges(rest)
  local words = split(rest, " ")
  local facts, bits = of_class(words), number(words[5], 16)
  local first, salt = bits and number(words[6], (1 << bits) - 1), second.unbase64url(words[4], 8)
  if not facts or not first or not salt or #words > 7 then return nil end
  local count = words[7] and #words[7] // 8 or 0
  if words[7] and (count == 0 or not second.unbase64url(words[7], count * 6)) then return nil end
  return first + count <= 1 << bits and facts or nil
end

function read.range(rest)
  local words = split(rest, " ")
  local facts, bits, ids = of_class(words), number(words[4], 16), short_ids(words, 7)
  local last = bits and number(words[6], (1 << bits) - 1)
  local first = last and number(words[5], last)
  return facts and first and ids and facts or nil
end

function read.statements(rest) return { n = number(rest, 256) } end

-- LINE → { to, from, hops, kind, facts } | nil, word.
function second.parse(line)
  local to, from, hops, kind, rest = line:match "^([!-~]+) ([!-~]+) (%d) ([a-z]+)(.*)$"
  if not to or rest ~= "" and not rest:find "^ ." then return nil, "form" end
  if hops == "9" then return nil, "hops" end
  if not read[kind] then return nil, "kind" end
  local message = { to = to, from = from, hops = tonumber(hops), kind = kind }
  message.facts = read[kind](rest:sub(2), message)
  if not message.facts then return nil, "form" end
  return message
end

-- nil, or the word by which the signature of a beacon's or pong's FACTS is refused.
function second.fault(kind, facts, swarm)
  local ok, _, word = key.verify(facts.id, kind, swarm, facts.text, facts.signature)
  return not ok and word or nil
end

-- A signed REST: WORDS behind their signature.
function second.signed(owner, kind, swarm, words)
  local text = table.concat(words, " ")
  return owner:sign(kind, swarm, text) .. " " .. text
end

return second
