-- messages.lua - KIND, a blank, REST: what is read of it is written again. The fuzzer's property.
local key = require "core.key"
local checks = require "comms.checks"
local messages = require "comms.messages"

local me = key.generate(("f"):rep(32))

local function refused(text, word) assert(is_word(word) and text:sub(1, #word) == word) end

-- One text for one meaning: what we would have signed for these facts is what was signed.
local function beacon(rest)
  local facts, text, word = messages.parse_beacon(rest)
  if not facts then return refused(text, word) end
  assert(messages.beacon(me, "fuzz", facts):sub(88) == facts.signed, "beacon")
  assert(facts.tcp >= 0 and facts.tcp <= 65535 and facts.http >= 0 and facts.http <= 65535, "ports")
  local good, why, what = checks.signed(facts, "beacon", "fuzz")
  if not good then refused(why, what) end
end

local function pong(rest)
  local facts, text, word = messages.parse_pong(rest)
  if not facts then return refused(text, word) end
  assert(messages.pong(me, "fuzz", facts.nonce, facts.asker, facts):sub(88) == facts.signed, "pong")
  local good, why, what = checks.signed(facts, "pong", "fuzz")
  if not good then refused(why, what) end
end

local function want(rest)
  for _, most in ipairs { 8, 256 } do
    local ids, text, word = messages.parse_want(rest, most)
    if ids then assert(#ids >= 1 and #ids <= most and messages.want(ids) == rest, "want") else refused(text, word) end
  end
end

local function ids(rest)
  local facts, text, word = messages.parse_ids(rest)
  if not facts then return refused(text, word) end
  assert(messages.ids(facts.class, facts.law, facts.t, facts.last, facts.ids) == rest, "ids")
end

local function ranges(rest)
  local facts, text, word = messages.parse_ranges(rest)
  if not facts then return refused(text, word) end
  assert(messages.ranges(facts) == rest, "ranges")
end

local function range(rest)
  local facts, text, word = messages.parse_range(rest)
  if not facts then return refused(text, word) end
  assert(messages.range(facts) == rest and facts.first <= facts.last and facts.last < 1 << facts.bits, "range")
end

local kinds = { beacon = beacon, pong = pong, want = want, ids = ids, ranges = ranges, range = range }

return function(bytes)
  local kind, rest = bytes:match "^(%l+) (.*)$"
  if kinds[kind] then kinds[kind](rest) end
end
