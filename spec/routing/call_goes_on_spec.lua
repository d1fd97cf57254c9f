-- call_goes_on_spec.lua - calls whose answers go on, are stopped, or are listened to by a third host.
require "spec.helper"
local calls = require "spec.routing.calls"
local core = require "core"
local lines = require "routing.call.lines"
local random = require "core.random"
local text = require "core.text"

local MINUTE <const> = 60 * 1000

-- A net whose callee says a piece of text now and then: net.say(text), net.stops.
local function talking(given)
  local net = calls.new(given)
  net.stops = 0
  function net.run(request, answer)
    net.answer = answer
    request.stopped = function() net.stops = net.stops + 1 end
    request.drained = function() net.drained = (net.drained or 0) + 1 end
  end
  return net
end

describe("an answer that goes on", function()
  it("comes piece by piece, in order, for hours, though lines are lost", function()
    local net = talking { seed = 3, loss = 30, doubling = 10, late = 200 }
    local one, told = net:call "watch", {}
    while not net.answer do net:go({ one }, 1000) end
    for i = 1, 600 do
      told[i] = ("event %d\n"):format(i)
      assert.is_true(net.answer:write(told[i]))
      net:go({ one }, i % 50 == 0 and 2 * MINUTE or 3000)
      assert.is_nil(one.ended)
    end
    net:go({ one }, 20 * 1000)
    assert.equal(table.concat(told), one.answer)
    assert.is_true(net.callee:counts().bytes < 4096)
    net.answer:finish "bye"
    net:go { one }
    assert.same({ true, n = 1 }, one.ended)
    assert.same({ watch = 1 }, net.ran)
  end)

  it("waits for who does not read it: full, and drained when there is room", function()
    local net = talking()
    local one = net:call "watch"
    net:go({ one }, 50)
    local piece, wrote = ("x"):rep(10000), 0
    while net.answer:write(piece) do wrote = wrote + 1 end
    assert.is_true(wrote > 60 and wrote < 105, wrote)
    local ok, why, code = net.answer:write(piece)
    assert.is_nil(ok)
    assert.truthy(why)
    assert.equal("full", code)
    net:go({ one }, 5000)
    assert.is_true(net.drained > 0)
    assert.equal(wrote * #piece, #one.answer)
    assert.is_true(net.answer:write(piece))
  end)

  it("does not tire its caller where nothing is to be said: an hour costs little", function()
    local net = talking()
    local one = net:call "watch"
    net:go({ one }, 10 * 1000)
    local before = #net.wire
    net:go({ one }, 60 * MINUTE)
    assert.is_nil(one.ended)
    assert.is_true(#net.wire - before <= 2 * 900 + 900 // 2, #net.wire - before)
  end)
end)

describe("a call that is stopped", function()
  it("ends at the far end, once, and here; nothing of it is left running", function()
    for _, loss in ipairs { 0, 30 } do
      local net = talking { loss = loss, late = 50, seed = 5 }
      local one = net:call "watch"
      while not net.answer do net:go({ one }, 500) end
      net.answer:write "news"
      one.caller:stop()
      net:go { one }
      assert.equal("closed", one.ended[3])
      assert.equal(1, net.stops)
      assert.equal(0, net.callee:counts().running)
      local ok, _, code = net.answer:write "more"
      assert.is_nil(ok)
      assert.equal("closed", code)
      assert.is_nil(one.caller:tick())
    end
  end)

  it("may be stopped by whoever was given the line for it, since the caller was killed", function()
    local net = talking()
    local one = net:call "watch"
    assert.is_nil(one.caller:stop_rest())
    net:go({ one }, 50)
    net:arrive(one, "call", one.caller:stop_rest())
    assert.equal(1, net.stops)
    net:arrive(one, "call", one.caller:stop_rest())
    assert.equal(1, net.stops)
  end)

  it("is stopped by silence: 40 s after a caller who is there no more", function()
    local net = talking()
    local one = net:call "watch"
    net:go({ one }, 5000)
    assert.is_nil(one.ended)
    one.caller:close()
    local wait = net.time
    while net.stops == 0 do net:go({}, 1000) end
    assert.is_true(net.time - wait <= 45 * 1000)
    assert.equal(1, net.refused.closed)
    net:go({}, 5 * MINUTE)
    assert.same({ half = 0, running = 0, kept = 0, bytes = 0 }, net.callee:counts())
    assert.is_nil(net.callee:tick())
  end)

  it("was never asked, where it is stopped before", function()
    local net = talking()
    local one = net:call "watch"
    one.caller:stop()
    assert.equal("closed", one.ended[3])
    net:go({}, 1000)
    assert.same({}, net.ran)
  end)

  it("does not begin again by a recording of its request", function()
    local net = talking()
    local one = net:call "watch"
    net:go({ one }, 50)
    local request
    for _, line in ipairs(net.wire) do
      if line.kind == "call" and line.rest:find(" end ", 1, true) then request = line.rest end
    end
    one.caller:stop()
    net:go { one }
    net:arrive(one, "call", request)
    assert.same({ watch = 1 }, net.ran)
  end)
end)

describe("who records all of it", function()
  -- Does any run of eight bytes of SECRET stand in one of the TEXTS?
  local function seen(secret, texts)
    local all, count = table.concat(texts, "\0"), 0
    for at = 1, #secret - 7 do
      if all:find(secret:sub(at, at + 7), 1, true) then count = count + 1 end
    end
    return count
  end

  it("finds no eight bytes of request or answer, in no spelling; who has the key finds all (control)", function()
    local chance = random.seeded(11)
    local request, answer = text.base64url(chance:bytes(900)), text.base64url(chance:bytes(3000))
    local net, opened = calls.new(), {}
    net.run = function(_, writer) writer:finish(answer) end
    net.change = function(kind, rest, one)
      local line = (kind == "call" and lines.parse_call or lines.parse_reply)(rest)
      if kind == "reply" and line.box then
        opened[#opened + 1] = assert(lines.open_reply(line, net.swarm, one.caller.session.keys))
      end
      return rest
    end
    local one = net:call(request)
    net:go { one }
    assert.equal(answer, one.answer)
    local texts = {}
    for _, line in ipairs(net.wire) do
      texts[#texts + 1] = line.rest
      for word in line.rest:gmatch "%S+" do texts[#texts + 1] = text.unbase64url(word) end
    end
    assert.is_true(#texts > 20)
    assert.equal(0, seen(request, texts))
    assert.equal(0, seen(answer, texts))
    local bytes = text.unbase64url(answer)
    assert.equal(0, seen(bytes, texts))
    assert.equal(#answer - 7, seen(answer, { table.concat(opened) }))
  end)

  it("cannot find two boxes that were sealed alike: no number comes twice with another text", function()
    local boxes, count = {}, 0
    for seed = 1, 20 do
      local net = talking { seed = seed, loss = 30, doubling = 20, late = 300 }
      local one = net:call "watch"
      while not net.answer do net:go({ one }, 500) end
      for i = 1, 60 do
        net.answer:write(("%d "):format(i):rep(400))
        net:go({ one }, 300)
      end
      for _, line in ipairs(net.wire) do
        local name, n, box = line.rest:match "^([%w_-]+) .-(%d+) ([%w_-]+)$"
        if name and not line.rest:find " refuse " and not line.rest:find " nonce " then
          local word = table.concat({ seed, line.kind, name, n }, " ")
          count = count + (boxes[word] and 0 or 1)
          assert.truthy(boxes[word] == nil or boxes[word] == box, name)
          boxes[word] = box
        end
      end
    end
    assert.is_true(count > 1000, count)
  end)
end)

describe("the words of refusal", function()
  it("of calls are on the list", function()
    for _, word in ipairs { "slow", "closed", "full", "replay", "nonce", "address", "long", "quota" } do
      assert.truthy(core.words[word])
    end
  end)
end)
