-- stream_lines_spec.lua - how a call becomes a stream, beside a second implementation: the vector, and changes of it.
require "spec.helper"
local envelope = require "routing.envelope"
local key = require "core.key"
local lines = require "routing.call.lines"
local read = require "spec.vectors.read"
local seal = require "core.seal"
local second = require "spec.second.call"
local stream = require "spec.second.stream"
local text = require "spec.codecs"

local SWARM <const> = "vectors"

local facts, said, parts = {}, {}, {}
for _, line in ipairs(read "stream.txt") do
  local side, rest = line:match "^([DA]): (.*)$"
  local of, n, plain, hex = line:match "^part ([DA]) (%d+) (.*) | (%x+)$"
  if side then
    said[#said + 1] = { side = side, line = rest }
  elseif of then
    parts[#parts + 1] = { side = of, n = tonumber(n), plain = plain == "-" and "" or plain, bytes = text.unhex(hex) }
  else
    local name, value = line:match "^(%l+) (.*)$"
    facts[name] = value
  end
end

local d, a = key.generate(facts.dials), key.generate(facts.accepts)
local pair = seal.pair(facts.seed)
local their_pair = seal.secret(facts.secret):pair(pair:public(), a:public())
local session = { ec = pair:public(), es = their_pair:public(), w = 7, keys = pair:keys("caller", their_pair:public()) }
local theirs = their_pair:keys("callee", pair:public())
local tag = lines.tag(text.base64url(session.ec) .. " ")
local _, _, call_key, reply_key = second.keys(facts.seed, facts.secret, a:public())

local function head(to, from, kind, rest)
  return envelope.head { to = to, from = from, hops = 0, kind = kind, rest = rest }
end

local function content_of(one) return ("/dswarm/%s/content"):format(one:id()) end

local function request()
  local whole = lines.request { caller = d:id(), component = "content", node = d:id(), request = facts.request,
    sig = d:sign("call", SWARM, lines.to_sign(session, a:id(), facts.request)) }
  return lines.call(session, SWARM, "end", 1, whole)
end

describe("the vector of a stream", function()
  it("is said by us, line by line and part by part", function()
    local from_d = function(rest) return head(content_of(a), content_of(d), "call", rest) end
    local from_a = function(rest) return head(content_of(d), envelope.nobody, "reply", rest) end
    assert.same({ from_d(lines.open(session.ec, d:id())), from_a(lines.nonce(a, SWARM, session.ec, 7, session.es)),
      from_d(request()), from_a(lines.reply(tag, SWARM, "end", 1, theirs, "{}")) },
      { said[1].line, said[2].line, said[3].line, said[4].line })
    for _, part in ipairs(parts) do
      local keys = part.side == "D" and session.keys or theirs
      local box = keys:seal(part.n, ("dt-swarm/1 stream %s\n"):format(SWARM), part.plain)
      assert.equal(text.hex(part.bytes), text.hex((">s2"):pack(box)), part.side .. part.n)
    end
    assert.equal(6, #parts)
  end)

  it("is read and made by the second implementation", function()
    for _, part in ipairs(parts) do
      local own = part.side == "D" and call_key or reply_key
      assert.equal(text.hex(part.bytes), text.hex(stream.seal(SWARM, part.n, own, part.plain)))
      assert.same({ part.plain, "next" }, { stream.open(SWARM, part.n, own, part.bytes .. "next") })
      assert.is_nil(stream.open(SWARM, part.n, own, part.bytes:sub(1, -2)))
      assert.same({ false, "signature" }, { stream.open(SWARM, part.n + 1, own, part.bytes) })
      assert.same({ false, "signature" }, { stream.open("other", part.n, own, part.bytes) })
    end
    assert.same({ false, "form" }, { stream.open(SWARM, 2, call_key, "\0\15" .. ("x"):rep(15)) })
    assert.same({ false, "form" }, { stream.open(SWARM, 2, call_key, "\64\17") })
  end)
end)
