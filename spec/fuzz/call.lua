-- call.lua - lines of `call` and `reply` to both ends of the call that the vectors are of. The fuzzer's property.
local call = require "routing.call"
local key = require "core.key"
local read = require "spec.vectors.read"

local START <const> = 7 * 120 * 1000 + 1 -- ms, in the window of the vectors
local MOST <const> = 64 -- lines that are looked at
local SWARM <const> = "vectors"

local facts, good = {}, {}
for _, line in ipairs(read "call.txt") do
  local kind, rest = line:match "^(%l+) .* | (.*)$"
  local name, value, id = line:match "^(%l+) (%S+) ?(%S*)$"
  if kind == "call" or kind == "reply" then good[#good + 1] = { kind = kind, rest = rest } end
  if not kind then facts[name], facts[name .. " id"] = value, id end
end

local callee_key, caller_key = key.generate(facts.callee), key.generate(facts.caller)

-- "Chance" that gives what the vectors were made with.
local function always(bytes) return { bytes = function(_, n) return bytes:sub(1, n) end } end

local function checked(ok, text, code)
  assert(ok or is_word(code) and text:sub(1, #code) == code, "refused with a word")
end

-- → the callee, in whose window the vectors' call was opened; what it ran and said
local function new_callee(clock)
  local ran, said = {}, {}
  local callee = call.callee { key = callee_key, swarm = SWARM, now = clock.now, random = always(facts.secret),
    refused = function(code) assert(is_word(code), code) end, may = function() return true end,
    run = function(request, answer)
      assert(request.text == '{"command":"status"}' and request.caller == caller_key:id(), "nothing is invented")
      ran[#ran + 1] = request.tag
      answer:write '{"a'
      if clock.time % 2 == 0 then answer:finish '":1}' end
    end }
  clock.time = START
  local function take(rest)
    said = {}
    checked(callee:take(rest, { component = "control", principal = rest:sub(1, 1),
      tell = function(answer) said[#said + 1] = answer end }))
    assert(#said <= 32 and #ran <= 1, "runs once, says little")
  end
  take(good[1].rest)
  return callee, take, ran
end

-- → a caller who asked for what the vectors ask
local function new_caller(clock)
  local heard, ends = "", 0
  local caller = call.caller { swarm = SWARM, callee = callee_key:id(), caller = caller_key:id(), node = facts.node,
    request = '{"command":"status"}', now = clock.now, random = always(facts.seed), tell = function() end,
    sign = function(kind, swarm, text, done) done(caller_key:sign(kind, swarm, text)) end,
    text = function(piece)
      heard = heard .. piece
      assert(('{"a":1}'):sub(1, #heard) == heard, "nothing is invented")
    end,
    over = function(ok, text, code)
      ends = ends + 1
      checked(ok, text, code)
      assert(ends == 1 and (not ok or heard == '{"a":1}'), "whole, and once")
    end }
  caller:tick()
  return caller
end

-- Each line: `c` for the callee, `r` for the caller, `n` for a good nonce first; with a capital a second later.
return function(bytes)
  local clock = { time = 0 }
  function clock.now() return clock.time end
  local callee, take = new_callee(clock)
  local caller, count = new_caller(clock), 0
  for line in bytes:gmatch "[^\n]+" do
    count = count + 1
    if count > MOST then break end
    local to, rest = line:sub(1, 1), line:sub(2)
    if to:find "%u" then clock.time = clock.time + 1001 end
    if to:lower() == "c" then
      take(rest)
    else
      if to:lower() == "n" then caller:take(good[2].rest) end
      checked(caller:take(rest))
      caller:tick()
    end
    callee:tick()
    local counts = callee:counts()
    assert(counts.half <= 16 and counts.kept <= 1 and counts.bytes < 4096, "bounded")
  end
  caller:close()
  callee:close()
end
