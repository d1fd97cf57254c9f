-- messages_spec.lua - beacon, ping, pong, want, ids, ranges, range to and fro; bad ones are refused, signatures bind.
local checks = require "comms.checks"
local messages = require "comms.messages"
local key = require "core.key"
local random = require "core.random"

local me, other = key.generate(("a"):rep(32)), key.generate(("b"):rep(32))

local function facts()
  return { id = me:id(), boot = 3, count = 9, t = 1600, tcp = 3825, http = 3826, name = "ada", classes = {
    { name = "share", law = ("l"):rep(8), digest = ("d"):rep(16), n = 12 },
    { name = "trust", law = ("m"):rep(8), digest = ("e"):rep(16), n = 0 } } }
end

local function mutated(r, text)
  local at = 1 + r:integer(#text)
  local byte = string.char(33 + r:integer(94))
  if byte == text:sub(at, at) then return nil end
  return text:sub(1, at - 1) .. byte .. text:sub(at + 1)
end

describe("a beacon", function()
  it("comes back as it was said, and its signature fits", function()
    local rest = messages.beacon(me, "duckietown", facts())
    local got = assert(messages.parse_beacon(rest))
    assert.is_true(checks.signed(got, "beacon", "duckietown"))
    for name, value in pairs(facts()) do assert.same(value, got[name], name) end
    assert.is_true(#rest < 1100, "four classes must fit a frame")
  end)

  it("of another swarm does not verify", function()
    local got = messages.parse_beacon(messages.beacon(me, "duckietown", facts()))
    assert.equal("signature", select(3, checks.signed(got, "beacon", "elsewhere")))
  end)

  it("with any one character changed is refused or does not verify", function()
    local rest, r = messages.beacon(me, "duckietown", facts()), random.seeded(7)
    for _ = 1, 400 do
      local bad = mutated(r, rest)
      local got = bad and messages.parse_beacon(bad)
      if got then assert.is_not_true((checks.signed(got, "beacon", "duckietown"))) end
    end
  end)

  it("is refused when its classes are out of order, its numbers odd or its name no name", function()
    local function refused(change)
      local changed = facts()
      change(changed)
      return select(3, messages.parse_beacon(messages.beacon(me, "duckietown", changed)))
    end
    assert.equal("form", refused(function(f) f.classes[1], f.classes[2] = f.classes[2], f.classes[1] end))
    assert.equal("form", refused(function(f) f.t = 1601 end))
    assert.equal("form", refused(function(f) f.tcp = 65536 end))
    assert.equal("form", refused(function(f) f.name = "a/b" end))
    assert.equal("form", refused(function(f) f.name = "-rf" end))
    assert.equal("form", refused(function(f) f.name = ("x"):rep(33) end))
  end)

  it("has decimal numbers only: no sign, hexadecimal, exponent or control", function()
    local rest = messages.beacon(me, "duckietown", facts())
    local pong = messages.pong(me, "duckietown", ("A"):rep(22), other:id(), facts())
    for _, odd in ipairs { "-3825", "+3825", "0xef1", "3825.0", "38e2", "3825\t", "\v3825", "03825" } do
      local bad, count = rest:gsub(" 3825 ", " " .. odd .. " ")
      assert.equal(1, count)
      assert.equal("form", select(3, messages.parse_beacon(bad)), odd)
      bad = pong:gsub(" 3825 ", " " .. odd .. " ")
      assert.equal("form", select(3, messages.parse_pong(bad)), odd)
    end
    assert.is_not_nil(messages.parse_beacon(rest))
  end)
end)

describe("a pong", function()
  local nonce = ("A"):rep(22)
  it("binds the nonce and both IDs", function()
    local rest = messages.pong(me, "duckietown", nonce, other:id(), facts())
    local got = assert(messages.parse_pong(rest))
    assert.is_true(checks.signed(got, "pong", "duckietown"))
    assert.equal(other:id(), got.asker)
    local forged = messages.parse_pong((rest:gsub(other:id(), me:id())))
    assert.equal("signature", select(3, checks.signed(forged, "pong", "duckietown")))
  end)

  it("is no beacon: a signature of one kind fits no other", function()
    local rest = messages.pong(me, "duckietown", nonce, other:id(), facts())
    local got = messages.parse_pong(rest)
    assert.equal("signature", select(3, key.verify(me:id(), "beacon", "duckietown", got.signed, got.signature)))
  end)
end)

describe("ids and wants", function()
  it("come back as they went", function()
    local ids = { ("x"):rep(16), ("y"):rep(16) }
    assert.same(ids, messages.parse_want(messages.want(ids), 8))
    local got = messages.parse_ids(messages.ids("share", ("l"):rep(8), 160, true, ids))
    assert.same({ class = "share", law = ("l"):rep(8), t = 160, last = true, ids = ids }, got)
    assert.same({}, messages.parse_ids(messages.ids("share", ("l"):rep(8), 160, false, {})).ids)
  end)

  it("of more than the limit are refused", function()
    local ids = {}
    for i = 1, 9 do ids[i] = (tostring(i)):rep(16) end
    assert.equal("form", select(3, messages.parse_want(messages.want(ids), 8)))
    assert.equal("form", select(3, messages.parse_want("", 8)))
  end)

  it("never throw on noise", function()
    local r = random.seeded(11)
    for _ = 1, 5000 do
      local noise = r:bytes(r:integer(300)):gsub("[^ -~]", " ")
      for _, parse in ipairs { messages.parse_beacon, messages.parse_pong, messages.parse_ids } do
        local got, _, word = parse(noise)
        assert.is_true(got ~= nil or word == "form")
      end
      messages.parse_want(noise, 8)
    end
  end)
end)

describe("the vectors of messages", function()
  local envelope = require "routing.envelope"
  local second = require "spec.second.messages"

  -- What the code says of a whole line in swarm `vectors`: "ok", or the word.
  local parse = { beacon = messages.parse_beacon, pong = messages.parse_pong, ids = messages.parse_ids,
    ranges = messages.parse_ranges, range = messages.parse_range,
    want = function(rest) return messages.parse_want(rest, messages.ids_in_line) end }
  local signed = { beacon = true, pong = true }

  function parse.ping(rest, message)
    return messages.asker(message.from) and messages.is_nonce(rest) or nil, nil, "form"
  end

  local function ours(line)
    local message, _, word = envelope.parse(line)
    if not message then return word end
    local read, _, refused = parse[message.kind](message.rest, message)
    if not read then return refused end
    return signed[message.kind] and select(3, checks.signed(read, message.kind, "vectors")) or "ok"
  end

  local function theirs(line)
    local message, word = second.parse(line)
    if not message then return word end
    local signs = message.kind == "beacon" or message.kind == "pong"
    return signs and second.fault(message.kind, message.facts, "vectors") or "ok"
  end

  it("are taken and refused as they say, here and by a second reader", function()
    for _, vector in ipairs(require "spec.vectors.read" "messages.txt") do
      local word, line = vector:match "^(%l+) %S+ (.*)$"
      assert.equal(word, ours(line), line)
      assert.equal(word, theirs(line), line)
    end
  end)

  it("with any one character changed are judged alike by both", function()
    local r = random.seeded(11)
    for _, vector in ipairs(require "spec.vectors.read" "messages.txt") do
      local line = vector:match "^%l+ %S+ (.*)$"
      for _ = 1, 20 do
        local bad = mutated(r, line)
        local kind = bad and bad:match "^%S+ %S+ %S+ (%S+)"
        if kind and parse[kind] then assert.equal(theirs(bad), ours(bad), bad) end
      end
    end
  end)
end)
