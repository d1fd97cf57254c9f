-- call/lines.lua - the words of `call` and `reply`, to and fro, and what is sealed or signed with them. Keeps nothing.
local hash = require "core.hash"
local json = require "core.json"
local key = require "core.key"
local text = require "core.text"

local lines = {}

lines.datagram_part = 512 -- plain bytes of a part, where the line may have to fit a datagram
lines.stream_part = 4096 -- where it need not
lines.request_most = 64 * 1024 -- bytes of all parts of a call
lines.again_most = 32 -- numbers in one `again`

local N_MOST <const> = 1 << 53
local TAG <const>, EC <const>, SALT <const> = 11, 43, 22 -- characters
local PART_WORDS <const> = { more = true, ["end"] = true }
local CALL_WORDS <const> = { more = true, ["end"] = true, again = true, stop = true }

local function form(what) return nil, "form: " .. what, "form" end

local function number(digits)
  if #digits > 16 or digits:find "^0%d" then return nil end
  local n = math.tointeger(tonumber(digits))
  return n and n <= N_MOST and n or nil
end

local function bytes_of(word, size)
  local bytes = text.unbase64url(word)
  return bytes and #bytes == size and bytes or nil
end

--- The characters by which both ends, and those between them, know one call: REST of a `call` or a `reply` → tag | nil
function lines.tag(rest)
  local word = rest:match "^([%w_-]+) "
  return word and #word >= TAG and word:sub(1, TAG) or nil
end

-- == call

--- The first line of a call: EC open NODE. EC: 32 bytes; NODE: the ID of the node that the caller is at.
function lines.open(ec, node) return ("%s open %s"):format(text.base64url(ec), node) end

-- The words before the box, and the box.
local function sealed(kind, swarm, words, n, keys, plain)
  local box = keys:seal(n, ("dt-swarm/1 %s %s\n%s"):format(kind, swarm, words), plain)
  return words .. " " .. text.base64url(box)
end

--- EC W WORD N BOX, from SESSION { ec, w, keys }.
function lines.call(session, swarm, word, n, plain)
  local words = ("%s %d %s %d"):format(text.base64url(session.ec), session.w, word, n)
  return sealed("call", swarm, words, n, session.keys, plain)
end

--- REST of a `call` → { ec, tag, word = "open", node } or { ec, tag, word, w, n, box, words } | nil, text, "form"
function lines.parse_call(rest)
  local ec_text, rest_of = rest:match "^([%w_-]+) (.+)$"
  local ec = ec_text and #ec_text == EC and bytes_of(ec_text, 32)
  if not ec then return form "a call begins with a key" end
  local line = { ec = ec, tag = ec_text:sub(1, TAG) }
  local node = rest_of:match "^open (%w+)$"
  if node then
    if not key.public(node) then return form "a call is opened from a node" end
    line.word, line.node = "open", node
    return line
  end
  local w, word, n, box = rest_of:match "^(%d+) (%l+) (%d+) ([%w_-]+)$"
  line.w, line.n, line.box = w and number(w), n and number(n), box and text.unbase64url(box)
  if not (line.w and line.n and line.box and CALL_WORDS[word]) or (word == "stop") ~= (line.n == 0) then
    return form "a call is W more, end, again or stop, N and a box"
  end
  line.word, line.words = word, ("%s %s %s %s"):format(ec_text, w, word, n)
  return line
end

--- The text in the box of such a LINE | nil, text, "signature"
function lines.open_call(line, swarm, keys)
  return keys:open(line.n, ("dt-swarm/1 call %s\n%s"):format(swarm, line.words), line.box)
end

-- == reply

local function nonce_text(ec, w, es, callee)
  return ("%s %d %s %s"):format(text.base64url(ec), w, text.base64url(es), callee)
end

--- EC nonce W ES SIG, signed by the callee's NODE_KEY.
function lines.nonce(node_key, swarm, ec, w, es)
  local signature = node_key:sign("nonce", swarm, nonce_text(ec, w, es, node_key:id()))
  return ("%s nonce %d %s %s"):format(text.base64url(ec), w, text.base64url(es), signature)
end

--- Is a nonce that was read the word of CALLEE? → true | nil, text, code
function lines.check_nonce(line, swarm, callee)
  return key.verify(callee, "nonce", swarm, nonce_text(line.ec, line.w, line.es, callee), line.signature)
end

--- TAG WORD N BOX
function lines.reply(tag, swarm, word, n, keys, plain)
  return sealed("reply", swarm, ("%s %s %d"):format(tag, word, n), n, keys, plain)
end

--- TAG refuse SALT BOX. SALT: 16 bytes of chance, since a call may be refused several times by several words.
function lines.refuse(tag, swarm, salt, keys, why)
  local words = ("%s refuse %s"):format(tag, text.base64url(salt))
  local box = keys:seal(0, ("dt-swarm/1 reply %s\n%s"):format(swarm, words), why, salt)
  return words .. " " .. text.base64url(box)
end

--- TAG refuse nonce: the one refusal that nobody can seal.
function lines.refuse_nonce(tag) return tag .. " refuse nonce" end

local function parse_nonce(ec_text, rest_of)
  local w, es, signature = rest_of:match "^nonce (%d+) ([%w_-]+) ([%w_-]+)$"
  local line = { word = "nonce", ec = bytes_of(ec_text, 32), tag = ec_text:sub(1, TAG), w = w and number(w),
    es = es and bytes_of(es, 32), signature = signature }
  if line.ec and line.w and line.es and #signature == 86 then return line end
  return form "a nonce is EC nonce W ES SIG"
end

--- REST of a `reply` → { tag, word = "nonce", ec, w, es, signature }, { tag, word = "refuse" },
-- { tag, word = "refuse", salt, box, words } or { tag, word = "more"|"end", n, box, words } | nil, text, "form"
function lines.parse_reply(rest)
  local first, rest_of = rest:match "^([%w_-]+) (.+)$"
  if not first then return form "a reply begins with a tag" end
  if #first == EC then return parse_nonce(first, rest_of) end
  if #first ~= TAG then return form "a tag has 11 characters" end
  if rest_of == "refuse nonce" then return { tag = first, word = "refuse" } end
  local word, which, box = rest_of:match "^(%l+) ([%w_-]+) ([%w_-]+)$"
  local line = { tag = first, word = word, box = box and text.unbase64url(box) }
  if line.box and word == "refuse" then
    line.salt = #which == SALT and bytes_of(which, 16)
  elseif line.box and PART_WORDS[word] and which:find "^%d+$" then
    line.n = number(which)
  end
  if not line.salt and (line.n or 0) < 1 then return form "a reply is more, end or refuse, and a box" end
  line.words = ("%s %s %s"):format(first, word, which)
  return line
end

--- The text in the box of such a LINE | nil, text, "signature"
function lines.open_reply(line, swarm, keys)
  return keys:open(line.n or 0, ("dt-swarm/1 reply %s\n%s"):format(swarm, line.words), line.box, line.salt)
end

-- == what is in the boxes

--- What the caller signs by kind `call`: that CALLEE shall do REQUEST, once, in this session { ec, w, es }.
function lines.to_sign(session, callee, request)
  return ("%s %s"):format(nonce_text(session.ec, session.w, session.es, callee),
    text.base64url(hash.blake2b(request)))
end

--- The text whose parts a call carries. REQUEST { caller, component, node, request, sig }: clean text each.
function lines.request(request) return json.encode(request) end

--- → such a table | nil, text, "form"
function lines.parse_request(whole)
  local request = json.decode(whole)
  if type(request) ~= "table" then return form "a call holds a request" end
  for _, name in ipairs { "caller", "component", "node", "request", "sig" } do
    if type(request[name]) ~= "string" then return form("a request has " .. name) end
  end
  if key.public(request.caller) and key.public(request.node) then return request end
  return form "a request names who asks, and the node that he is at"
end

--- WHOLE in parts of at most SIZE bytes; one, and be it empty, at least.
function lines.parts(whole, size)
  local list = {}
  for at = 1, math.max(1, #whole), size do list[#list + 1] = whole:sub(at, at + size - 1) end
  return list
end

--- NEXT and the numbers beyond it that are missing, as `again` has them.
function lines.again(next_n, missing)
  return table.concat({ next_n, table.unpack(missing, 1, lines.again_most) }, " ")
end

--- → NEXT, list | nil, text, "form"
function lines.parse_again(plain)
  local list = {}
  for digits in plain:gmatch "%d+" do list[#list + 1] = number(digits) end
  local next_n = table.remove(list, 1)
  if not next_n or next_n < 1 or #list > lines.again_most or lines.again(next_n, list) ~= plain then
    return form "again is numbers"
  end
  return next_n, list
end

return lines
