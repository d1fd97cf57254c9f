-- call_refused_spec.lua - calls that nobody may make, that are not what they were, or too many: each gets its word.
require "spec.helper"
local call = require "routing.call"
local calls = require "spec.routing.calls"
local core = require "core"
local key = require "core.key"
local lines = require "routing.call.lines"
local random = require "core.random"

local MINUTE <const> = 60 * 1000

-- The RESTs of KIND that went over the wire of NET, or of those that hold WORD.
local function said(net, kind, word)
  local list = {}
  for _, line in ipairs(net.wire) do
    if line.kind == kind and line.rest:find(word or "", 1, true) then list[#list + 1] = line.rest end
  end
  return list
end

local hosts = 0

-- A third host says REST to CALLEE; HOST: always the same one, which proved nothing → { true } or { nil, text, code },
-- what comes back
local function third(callee, rest, host)
  local back = {}
  hosts = hosts + 1
  local ok, why, code = callee:take(rest, { component = "control", principal = host or "host " .. hosts,
    proved = not host, tell = function(answer) back[#back + 1] = answer end })
  return { ok, why, code }, back
end

local function code_of(...) return (third(...))[3] end

-- A net on which REQUEST was answered.
local function answered(request, given)
  local net = calls.new(given)
  local one = net:call(request or "hello")
  net:go { one }
  assert.is_true(one.ended[1])
  return net, one
end

describe("a call that was recorded", function()
  it("does not run again: the same answer, until that had to go, then replay, then nonce", function()
    local net = answered()
    local request = said(net, "call", " end ")[1]
    local sent = said(net, "reply", " end ")[1]
    net:go({}, 1000)
    local got, back = third(net.callee, request)
    assert.equal("duplicate", got[3])
    assert.same({ sent }, back)
    for i = 1, 8 do
      local one = net:call("more" .. i, { part = 4096 })
      net.run = function(_, answer) assert(answer:finish(("x"):rep(690 * 1000))) end
      while not net.ran["more" .. i] do net:go({ one }, 1) end -- it reads no more: so all of it has to be kept
    end
    assert.is_true(net.callee:counts().bytes <= 4 << 20)
    got, back = third(net.callee, request)
    assert.equal("replay", got[3])
    assert.equal(1, #back)
    assert.truthy(back[1]:find " refuse ")
    net:go({}, 2 * MINUTE) -- its window is good for as long
    assert.equal("replay", code_of(net.callee, request))
    net:go({}, 2 * MINUTE)
    got, back = third(net.callee, request)
    assert.equal("nonce", got[3])
    assert.same({ lines.refuse_nonce(call.tag(request)) }, back)
    assert.equal(1, net.ran.hello)
  end)

  it("means nothing to another callee, in another swarm, or to a callee who started anew", function()
    local net = answered()
    local request = said(net, "call", " end ")[1]
    for _, other in ipairs { { key = key.generate() }, { swarm = "other" }, {} } do
      local callee = net:new_callee(other)
      assert.equal("nonce", code_of(callee, request))
      third(callee, said(net, "call", " open ")[1]) -- so that it has the window's secret
      assert.equal("signature", code_of(callee, request))
    end
    assert.same({ hello = 1 }, net.ran)
    assert.is_true(#said(net, "call") == 2)
  end)
end)

describe("a line of a call", function()
  it("opens in no other place, and not where a byte of it differs: no line out but one, and nothing runs", function()
    local net = calls.new()
    local one = net:call(("r"):rep(900))
    net.change = function(kind, rest) if kind == "reply" or not rest:find " %d " then return rest end end
    net:go({ one }, 20)
    local parts = said(net, "call", " 0 ")
    assert.equal(3, #parts)
    for _, swapped in ipairs { { " more 1 ", " more 2 " }, { " more 1 ", " end 1 " }, { " more 1 ", " again 1 " },
      { " 0 more ", " 1 more " } } do
      local rest, count = parts[1]:gsub(swapped[1], swapped[2])
      assert.equal(1, count)
      local got, back = third(net.callee, rest)
      assert.truthy(got[3] == "signature" or got[3] == "nonce", got[3])
      assert.is_true(#back <= 1)
    end
    local chance, seen = random.seeded(7), {}
    for i = 1, 3000 do
      local rest = parts[i % 3 + 1]
      local at = 1 + chance:integer(#rest)
      local changed = rest:sub(1, at - 1) .. string.char(33 + chance:integer(94)) .. rest:sub(at + 1)
      if changed ~= rest then
        local got, back = third(net.callee, changed)
        assert.is_nil(got[1], changed)
        assert.truthy(core.words[got[3]])
        assert.is_true(#back <= 1)
        seen[got[3]] = (seen[got[3]] or 0) + 1
      end
    end
    assert.is_true(seen.signature > 1000 and seen.form > 10 and seen.nonce > 0)
    assert.same({}, net.ran)
    for _, rest in ipairs(parts) do third(net.callee, rest) end -- as they were: it runs
    assert.equal(1, net.ran[("r"):rep(900)])
  end)

  it("that comes twice is a duplicate; one that is never whole is slow, and no longer waited for", function()
    local net = calls.new()
    local one = net:call(("r"):rep(900))
    net.change = function(kind, rest) if kind == "reply" or not rest:find " %d " then return rest end end
    net:go({ one }, 20)
    local parts = said(net, "call", " 0 ")
    assert.is_true(third(net.callee, parts[3])[1])
    assert.equal("duplicate", code_of(net.callee, parts[3]))
    assert.equal(1, net.callee:counts().half)
    net:go({}, 11 * 1000)
    assert.equal(0, net.callee:counts().half)
    assert.equal(1, net.refused.slow)
    for _, n in ipairs { 2, 3, 1 } do third(net.callee, parts[n]) end -- in any order
    assert.equal(1, net.ran[("r"):rep(900)])
  end)
end)

describe("a request whose parts do not fit together", function()
  -- Has a caller of his own say PARTS { word, n, text } → code of each; the net
  local function say(parts)
    local net, codes = calls.new(), {}
    local one = net:call("hello", { sign = function() end })
    net:go({ one }, 20)
    local session = one.caller.session
    for i, part in ipairs(parts) do
      codes[i] = code_of(net.callee, lines.call(session, net.swarm, part[1], part[2], part[3])) or "-"
    end
    return codes, net
  end

  it("is refused, and what came of it is forgotten", function()
    local codes, net = say { { "end", 2, "x" }, { "more", 3, "x" } }
    assert.same({ "-", "form" }, codes)
    assert.equal(0, net.callee:counts().half)
    assert.same({ "-", "-", "form" }, (say { { "end", 5, "x" }, { "more", 3, "x" }, { "end", 1, "x" } }))
    assert.same({ "-", "-", "form" }, (say { { "more", 5, "x" }, { "end", 3, "x" }, { "end", 2, "x" } }))
    assert.same({ "form" }, (say { { "end", 1, '{"caller":1}' } }))
    assert.same({ "form" }, (say { { "end", 1, "" } }))
    assert.same({ "form" }, (say { { "end", 1, ("[" ):rep(100) } }))
    assert.same({ "-", "-", "duplicate" }, (say { { "more", 1 << 53, "x" }, { "end", 3, "x" }, { "more", 3, "x" } }))
    assert.same({ "replay" }, (say { { "again", 3, "1" } }))
    assert.same({ "closed" }, (say { { "stop", 0, "" } }))
  end)

  it("is refused where it is longer than 64 KiB, or has more than 128 parts", function()
    local long, many = {}, {}
    for i = 1, 9 do long[i] = { "more", i, ("x"):rep(8192) } end
    for i = 1, 128 do many[i] = { "more", i, "" } end
    local codes, net = say(long)
    assert.same({ "-", "-", "-", "-", "-", "-", "-", "-", "long" }, codes)
    assert.equal(0, net.callee:counts().half)
    codes, net = say(many)
    assert.same({ "-", "long" }, { codes[127], codes[128] })
    assert.equal(0, net.callee:counts().half)
    many[1] = { "end", 1000000, "" } -- who says that so many will come: no more of them are kept
    codes, net = say(many)
    assert.same({ "-", "long" }, { codes[127], codes[128] })
    assert.equal(0, net.callee:counts().half)
  end)
end)

describe("a caller", function()
  local function ended(given, own)
    local net = calls.new(given)
    local one = net:call("hello", own)
    net:go { one }
    return one.ended, net
  end

  it("without a role, or with one too low, is told so by a word that nobody else can say", function()
    for _, word in ipairs { "stranger", "permission" } do
      local got, net = ended { may = function() return nil, word .. ": not for you", word end }
      assert.same({ nil, word .. ": not for you", word, n = 3 }, got)
      assert.same({}, net.ran)
      assert.is_true(net.refused[word] >= 1)
      assert.equal(0, net.callee:counts().kept)
    end
  end)

  it("who signs with another key than he says is nobody", function()
    local other = key.generate()
    local got, net = ended(nil, { sign = function(kind, swarm, text, done) done(other:sign(kind, swarm, text)) end })
    assert.equal("signature", got[3])
    assert.same({}, net.ran)
    got = ended(nil, { sign = function(_, _, _, done) done(nil, "slow: no answer", "slow") end })
    assert.same({ nil, "slow: no answer", "slow", n = 3 }, got)
  end)

  it("who calls another component, or another node, or in another swarm, is not answered by this one", function()
    local got, net = ended { change = function(_, rest, one)
      one.component = "content"
      return rest
    end }
    assert.equal("address", got[3])
    assert.same({}, net.ran)
    for _, own in ipairs { { swarm = "other" }, { callee = key.generate():id() } } do
      got, net = ended(nil, own)
      assert.equal("slow", got[3])
      assert.same({}, net.ran)
    end
  end)

  it("asks for 64 KiB at most", function()
    local net = calls.new()
    local one, why, code = call.caller { swarm = "s", callee = net.callee_key:id(), caller = net.caller_key:id(),
      node = net.caller_key:id(), request = ("x"):rep(65536), now = net.now }
    assert.is_nil(one)
    assert.truthy(why)
    assert.equal("long", code)
  end)

  it("is the 257th within four minutes: full, and later there is room", function()
    local net = calls.new()
    for i = 1, 256 do
      local one = net:call("number " .. i)
      net:go { one }
      assert.is_true(one.ended[1])
    end
    local one = net:call "one more"
    net:go { one }
    assert.equal("full", one.ended[3])
    assert.is_nil(net.ran["one more"])
    assert.is_true(net.refused.full >= 1)
    local other = key.generate(("b"):rep(32))
    local his = net:call("of another", { caller = other:id(), sign = function(kind, swarm, text, done)
      done(other:sign(kind, swarm, text))
    end })
    net:go { his }
    assert.is_true(his.ended[1], "who calls all the time shuts out nobody else")
    net:go({}, 4 * MINUTE)
    local later = net:call "later"
    net:go { later }
    assert.is_true(later.ended[1])
  end)

  it("has two calls that are not whole, all have sixteen: more wait, and are counted", function()
    local net, list = calls.new(), {}
    net.change = function(kind, rest) return (kind == "reply" or not rest:find " end ") and rest or nil end
    for i = 1, 24 do
      list[i] = net:call(("r"):rep(900))
      list[i].principal = "host " .. i // 3
    end
    net:go(list, 500)
    assert.equal(16, net.callee:counts().half)
    assert.is_true(net.refused.full >= 8)
    net.change = nil
    net:go(list)
    for _, one in ipairs(list) do assert.is_true(one.ended[1]) end
    assert.equal(24, net.ran[("r"):rep(900)])
  end)

  it("cannot keep a callee busy: what comes to nothing is paid for, what runs is not", function()
    local net, opened = calls.new(), 0
    for _ = 1, 1000 do
      local one = net:call "never"
      opened = opened + (third(net.callee, lines.open(one.caller.ec, net.caller_key:id()), "one")[1] and 1 or 0)
    end
    assert.is_true(opened >= 60 and opened <= 70, opened)
    assert.is_true(net.refused.quota >= 900)
    for i = 1, 200 do
      local one = net:call("number " .. i)
      one.principal = "somebody else"
      net:go { one }
      assert.is_true(one.ended[1])
    end
    net:go({}, 30 * 1000)
    assert.is_true(third(net.callee, lines.open(net:call "late".caller.ec, net.caller_key:id()), "one")[1])
  end)
end)

describe("an answer", function()
  it("that breaks off is closed, one that never comes slow", function()
    for word, pass in pairs { closed = " more ", slow = " nonce " } do -- any order
      local net = calls.new()
      net.run = function(_, answer) answer:finish(("x"):rep(2000)) end
      net.change = function(kind, rest)
        return (kind == "call" or rest:find(" nonce ", 1, true) or rest:find(pass, 1, true)) and rest or nil
      end
      local one = net:call "hello"
      net:go { one }
      assert.equal(word, one.ended[3])
      assert.is_true(net.time >= 30 * 1000)
    end
  end)

  it("cannot be made by others: not the nonce, not a part, not a refusal but one that runs nothing twice", function()
    local mallory = key.generate()
    local net = calls.new()
    net.change = function(kind, rest, one)
      if kind == "call" then return rest end
      local line = lines.parse_reply(rest)
      if line.word == "nonce" then -- a nonce by somebody else, of another key, comes first
        assert.equal("signature", select(3, one.caller:take(lines.nonce(mallory, net.swarm, line.ec, line.w, line.es))))
        local changed = rest:gsub(" nonce %d+ ", " nonce 7 ")
        assert.equal("signature", select(3, one.caller:take(changed)))
      elseif not one.forged then
        one.forged = true
        local changed = rest:gsub(" end 1 ", " more 1 ")
        assert.equal("signature", select(3, one.caller:take(changed)))
        assert.is_true(one.caller:take(lines.refuse_nonce(line.tag)))
        return nil -- and the true answer is kept back
      end
      return rest
    end
    local one = net:call "hello"
    net:go { one }
    assert.same({ true, n = 1 }, one.ended)
    assert.equal("did hello", one.answer)
    assert.equal(2, #said(net, "call", " open "))
    assert.same({ hello = 1 }, net.ran)
  end)

  it("comes though the window went by while a person's key was asked for: it is opened once more", function()
    local net, signed = calls.new(), nil
    local one = net:call("hello", { sign = function(kind, swarm, text, done)
      if signed then return done(net.caller_key:sign(kind, swarm, text)) end
      signed = function() done(net.caller_key:sign(kind, swarm, text)) end
    end })
    net:go({ one }, 5 * MINUTE)
    assert.is_nil(one.ended)
    signed()
    net:go { one }
    assert.same({ true, n = 1 }, one.ended)
    assert.is_true(net.refused.nonce >= 1)
    assert.same({ hello = 1 }, net.ran)
  end)

  it("is not known where the callee started anew: said so, but what only reads is done again", function()
    for _, reads in ipairs { false, true } do
      local net = calls.new()
      net.change = function(kind, rest, one)
        if kind == "reply" and rest:find " end " and not one.lost then
          one.lost, net.callee = true, net:new_callee()
          return nil
        end
        return rest
      end
      local one = net:call("hello", { reads = reads })
      net:go { one }
      assert.equal(reads and 2 or 1, net.ran.hello)
      if reads then assert.is_true(one.ended[1]) else assert.equal("closed", one.ended[3]) end
    end
  end)
end)
