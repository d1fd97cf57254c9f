-- call.lua - lines of calls a second time, from spec/PROTOCOL.md alone: read, sealed, opened. Keys are the core's.
local box = require "spec.second.box"
local messages = require "spec.second.messages"
local key = require "core.key"

local second = {}

-- The two keys of a call, as the callee makes them from the window's SECRET, or as the caller does from the SEED of EC.
-- → ec, es, key of what the caller says, key of what the callee says
function second.keys(seed, secret, public)
  local ec_scalar = box.blake2b(seed, 32)
  local ec = box.public(ec_scalar)
  local es_scalar = box.blake2b(box.blake2b(ec .. public, 32, secret), 32)
  local es = box.public(es_scalar)
  assert(box.x25519(ec_scalar, es) == box.x25519(es_scalar, ec))
  local both = box.blake2b(box.x25519(ec_scalar, es) .. ec .. es, 64)
  return ec, es, both:sub(33, 64), both:sub(1, 32)
end

local function with(kind, swarm, words) return "dt-swarm/1 " .. kind .. " " .. swarm .. "\n" .. words end

local function nonce(n, salt) return (salt or ("\0"):rep(16)) .. ("<I8"):pack(n) end

-- WORDS, N behind them, and the box of TEXT.
function second.seal(kind, swarm, words, n, call_key, text, salt)
  return words .. " " .. messages.base64url(box.seal(call_key, nonce(n, salt), with(kind, swarm, words), text))
end

function second.open(kind, swarm, line, call_key)
  return box.open(call_key, nonce(line.n or 0, line.salt), with(kind, swarm, line.words), line.box)
end

local function number(digits)
  if not digits:find "^%d+$" or #digits > 16 or (#digits > 1 and digits:sub(1, 1) == "0") then return nil end
  local n = math.tointeger(tonumber(digits))
  return n <= 1 << 53 and n or nil
end

local function box_of(word)
  local size = #word * 6 // 8
  return word ~= "" and messages.unbase64url(word, size) or nil
end

local function words_of(rest)
  local list = {}
  for word in (rest .. " "):gmatch "([^ ]*) " do list[#list + 1] = word end
  return list
end

local read = {}

function read.call(w)
  local ec = messages.unbase64url(w[1], 32)
  if not ec then return nil end
  if w[2] == "open" then return #w == 3 and key.public(w[3]) and { ec = ec, word = "open", node = w[3] } or nil end
  local n = #w == 5 and number(w[4])
  local at, sealed = n and number(w[2]), n and box_of(w[5])
  local numbered = w[3] == "more" or w[3] == "end" or w[3] == "again"
  if not at or not sealed or not (numbered and n > 0 or w[3] == "stop" and n == 0) then return nil end
  return { ec = ec, w = at, word = w[3], n = n, box = sealed, words = table.concat(w, " ", 1, 4) }
end

function read.reply(w)
  if #w == 5 and w[2] == "nonce" then
    local ec, at, es, sig = messages.unbase64url(w[1], 32), number(w[3]), messages.unbase64url(w[4], 32), w[5]
    return ec and at and es and #sig == 86 and not sig:find "[^%w_-]"
      and { word = "nonce", ec = ec, w = at, es = es, signature = sig } or nil
  end
  if #w[1] ~= 11 or w[1]:find "[^%w_-]" then return nil end
  if #w == 3 and w[2] == "refuse" and w[3] == "nonce" then return { word = "refuse" } end
  local sealed = #w == 4 and box_of(w[4])
  if not sealed then return nil end
  local line = { word = w[2], box = sealed, words = table.concat(w, " ", 1, 3) }
  if w[2] == "refuse" then line.salt = messages.unbase64url(w[3], 16) end
  if w[2] == "more" or w[2] == "end" then line.n = number(w[3]) end
  return (line.salt or line.n and line.n > 0) and line or nil
end

-- REST of a KIND → what it says | nil: not of the form
function second.read(kind, rest) return read[kind](words_of(rest)) end

return second
