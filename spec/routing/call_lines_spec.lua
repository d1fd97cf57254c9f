-- call_lines_spec.lua - lines of calls beside a second implementation: vectors, changes of them, boxes both ways.
require "spec.helper"
local box = require "spec.second.box"
local core_hash = require "core.hash"
local key = require "core.key"
local lines = require "routing.call.lines"
local random = require "core.random"
local read = require "spec.vectors.read"
local seal = require "core.seal"
local second = require "spec.second.call"
local text = require "spec.codecs"

local SWARM <const> = "vectors"

local facts, call, bad = {}, {}, {}
for _, line in ipairs(read "call.txt") do
  local kind, word, rest = line:match "^bad (%l+) (%l+) | (.*)$"
  if kind then
    bad[#bad + 1] = { kind = kind, word = word, rest = rest }
  elseif line:find "^call " or line:find "^reply " then
    local which, plain, said = line:match "^(%l+) (.*) | (.*)$"
    call[#call + 1] = { kind = which, plain = plain == "-" and "" or plain, rest = said }
  else
    local name, value, id = line:match "^(%l+) (%S+) ?(%S*)$"
    facts[name] = value
    if id ~= "" then assert(key.generate(value):id() == id) end
  end
end

local callee, caller = key.generate(facts.callee), key.generate(facts.caller)
local pair = seal.pair(facts.seed)
local their_pair = seal.secret(facts.secret):pair(pair:public(), callee:public())
local session = { ec = pair:public(), es = their_pair:public(), w = math.tointeger(tonumber(facts.window)),
  keys = pair:keys("caller", their_pair:public()) }
local theirs = their_pair:keys("callee", pair:public())
local tag = lines.tag(text.base64url(session.ec) .. " ")
local ec, es, call_key, reply_key = second.keys(facts.seed, facts.secret, callee:public())

local parse = { call = lines.parse_call, reply = lines.parse_reply }
local open = {
  call = function(line) return lines.open_call(line, SWARM, theirs) end,
  reply = function(line) return lines.open_reply(line, SWARM, session.keys) end,
}
local keys_of = { call = call_key, reply = reply_key }

-- What the code says of REST of a KIND: "ok", or the word.
local function ours(kind, rest)
  local line, _, word = parse[kind](rest)
  if not line then return word end
  if line.word == "nonce" then return select(3, lines.check_nonce(line, SWARM, callee:id())) or "ok" end
  return not line.box and "ok" or select(3, open[kind](line)) or "ok"
end

-- The same by the page.
local function by_page(kind, rest)
  local line = second.read(kind, rest)
  if not line then return "form" end
  if line.word == "nonce" then
    local said = rest:gsub(" nonce ", " ", 1):gsub(" [^ ]+$", "") .. " " .. callee:id()
    return key.verify(callee:id(), "nonce", SWARM, said, line.signature) and "ok" or "signature"
  end
  return (not line.box or second.open(kind, SWARM, line, keys_of[kind])) and "ok" or "signature"
end

describe("the second implementation's boxes", function()
  it("are those of the RFCs", function()
    local unhex = text.unhex
    assert.equal("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552", text.hex(box.x25519(
      unhex "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
      unhex "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"))) -- RFC 7748, 5.2
    for size = 0, 300, 37 do
      assert.equal(core_hash.blake2b(("b"):rep(size), "key"), box.blake2b(("b"):rep(size), 32, "key"))
    end
  end)
end)

describe("the vectors of calls", function()
  it("have the keys that both sides and the second implementation make", function()
    assert.equal(ec, session.ec)
    assert.equal(es, session.es)
  end)

  it("are opened, and sealed to the byte, here and by the page", function()
    local count = 0
    for _, one in ipairs(call) do
      assert.equal("ok", ours(one.kind, one.rest), one.rest)
      assert.equal("ok", by_page(one.kind, one.rest), one.rest)
      local line, again = parse[one.kind](one.rest), second.read(one.kind, one.rest)
      if line.box then
        count = count + 1
        assert.equal(one.plain, open[one.kind](line))
        assert.equal(one.plain, second.open(one.kind, SWARM, again, keys_of[one.kind]))
        assert.equal(one.rest, second.seal(one.kind, SWARM, again.words, again.n or 0, keys_of[one.kind], one.plain,
          again.salt))
      end
    end
    assert.equal(8, count)
  end)

  it("are what the two halves say", function()
    local said = {}
    for i, one in ipairs(call) do said[i] = one.rest end
    local whole = call[3].plain .. call[4].plain
    local request = lines.parse_request(whole)
    assert.same({ "control", caller:id(), facts.node, '{"command":"status"}' },
      { request.component, request.caller, request.node, request.request })
    assert.is_true(key.verify(caller:id(), "call", SWARM, lines.to_sign(session, callee:id(), request.request),
      request.sig))
    assert.same(said, { lines.open(session.ec, facts.node), lines.nonce(callee, SWARM, session.ec, 7, session.es),
      lines.call(session, SWARM, "more", 1, call[3].plain), lines.call(session, SWARM, "end", 2, call[4].plain),
      lines.call(session, SWARM, "again", 3, lines.again(2, { 4, 5 })), lines.call(session, SWARM, "stop", 0, ""),
      lines.reply(tag, SWARM, "more", 1, theirs, '{"a'), lines.reply(tag, SWARM, "more", 2, theirs, ""),
      lines.reply(tag, SWARM, "end", 3, theirs, '":1}'),
      lines.refuse(tag, SWARM, ("r"):rep(16), theirs, "permission: not for you"), lines.refuse_nonce(tag) })
  end)

  it("that are bad are refused by their word, here and by the page", function()
    assert.is_true(#bad >= 20)
    for _, one in ipairs(bad) do
      assert.equal(one.word, ours(one.kind, one.rest), one.rest)
      assert.equal(one.word, by_page(one.kind, one.rest), one.rest)
    end
  end)

  it("with any one character changed are judged alike by both", function()
    local r, seen = random.seeded(5), {}
    for _ = 1, 25 do
      for _, one in ipairs(call) do
        local at = 1 + r:integer(#one.rest)
        local changed = one.rest:sub(1, at - 1) .. string.char(32 + r:integer(95)) .. one.rest:sub(at + 1)
        local word = ours(one.kind, changed)
        assert.equal(by_page(one.kind, changed), word, changed)
        seen[word] = (seen[word] or 0) + 1
      end
    end
    assert.is_true(seen.form > 10 and seen.signature > 50)
  end)

  it("follow the page's grammar, and those of other form do not", function()
    local abnf = require "spec.second.abnf"
    local file <close> = assert(io.open "spec/PROTOCOL.md")
    local page, blocks = file:read "a", {}
    for block in page:gmatch "\n```abnf\n(.-)\n```" do table.insert(blocks, 1, abnf.parse(block)) end
    while not blocks[1].call do table.remove(blocks, 1) end
    local function look(name)
      for _, rules in ipairs(blocks) do if rules[name] then return rules[name] end end
      return abnf.core[name]
    end
    for _, one in ipairs(call) do
      assert.is_true(abnf.fits(look, one.kind, one.rest), one.rest)
      if one.rest:find " again " then assert.is_true(abnf.fits(look, "again", one.plain)) end
    end
    for _, one in ipairs(bad) do
      local digits = one.rest:find " 9007199254740993 " -- a number has 16 digits; how large it may be is prose
      if one.word == "form" and not digits then
        assert.is_false(abnf.fits(look, one.kind, one.rest), one.rest)
      end
    end
  end)
end)

describe("again", function()
  it("has numbers without zeros before them, 32 beyond the first at most", function()
    local r, many = random.seeded(9), {}
    for i = 1, 40 do many[i] = i + 7 end
    local next_n, list = lines.parse_again(lines.again(7, many))
    assert.equal(7, next_n)
    assert.equal(32, #list)
    for _, wrong in ipairs { "", "0", "x", "1  2", "1 02", " 1", "1 ", "-1", "1 2 x", ("1 "):rep(34) .. "1" } do
      assert.equal("form", select(3, lines.parse_again(wrong)), wrong)
    end
    for _ = 1, 2000 do
      local noise = r:bytes(r:integer(20))
      assert.truthy(lines.parse_again(noise) or select(3, lines.parse_again(noise)) == "form")
    end
  end)
end)
