-- said_spec.lua - what a node makes of what others say in a conversation, line by line, with parts made up around it.
local hash = require "core.hash"
local key = require "core.key"
local messages = require "comms.messages"
local said = require "comms.said"
local ways_to = require "comms.ways_to"

local BOB <const> = key.generate(hash.blake2b "bob"):id()
local FROM <const> = ("/dswarm/%s/brain"):format(BOB)
local LAW <const>, SALT <const>, OTHER <const> = ("l"):rep(8), ("s"):rep(8), ("o"):rep(8)

describe("what is said in a conversation", function()
  local conversation, talk, source, answered, listed
  before_each(function()
    answered, listed = {}, {}
    source = { channel = { traits = { stream = false, medium = true } } }
    conversation = {
      dcache = { law = function() return LAW end, has = function() return true end },
      peers = { speaks_for = function() return true end },
      confirm = { speaks = function() return true end,
        listed = function(_, _, class) listed[#listed + 1] = class end },
      answer = function(_, short) answered[#answered + 1] = short end,
    }
    ways_to(conversation.peers)
    talk = { touch = function() end, wants = { overheard = function() end },
      session = { peer = { id = BOB }, t = 16, asked = true,
        open = { share = { salt = SALT, lines = { [0] = true, [120] = true } } } } }
  end)

  local function nothing_differs(first, salt)
    local facts = { class = "share", law = LAW, t = 16, salt = salt or SALT, bits = 8, first = first, digests = "" }
    assert.is_true(said.ranges(conversation, talk, { from = FROM, to = "*", rest = messages.ranges(facts) }, source))
  end

  it("tells that nothing differs only as an answer to each line of our digests, the last that we said", function()
    nothing_differs(0, OTHER)
    nothing_differs(120, OTHER)
    nothing_differs(7)
    assert.is_nil(talk.session.answered)
    nothing_differs(0)
    nothing_differs(0)
    assert.same({}, listed)
    nothing_differs(120)
    assert.same({ "share" }, listed)
    assert.is_true(talk.session.answered)
  end)

  it("has us say what was not listed, of much a part, so that no line keeps the loop for long", function()
    for n, bar in pairs { [300] = 300, [5000] = 512 } do -- any order
      local all = {}
      for i = 1, n do all[i] = hash.blake2b("id " .. i):sub(1, 16) end
      table.sort(all)
      function talk.ids() return all end
      answered = {}
      local facts = { class = "share", law = LAW, t = 16, bits = 0, first = 0, last = 0, ids = { all[2] } }
      assert.is_true(said.range(conversation, talk, { from = FROM, to = "*", rest = messages.range(facts) }, source))
      assert.same({ math.min(n - 1, bar), all[1], all[3] }, { #answered, answered[1], answered[2] })
    end
  end)

  it("is refused where who says it is not who he says, before anything of it counts", function()
    function conversation.peers.speaks_for() return false end
    local facts = { class = "share", law = LAW, t = 16, salt = SALT, bits = 8, first = 0, digests = "" }
    local message = { from = FROM, to = "*", rest = messages.ranges(facts) }
    local ok, _, code = said.ranges(conversation, talk, message, source)
    assert.same({ nil, "unproved" }, { ok, code })
    assert.is_nil(talk.session.answered)
  end)

  it("is for streams, and for channels whose speakers are no hosts: the others are dialled", function()
    local facts = { class = "share", law = LAW, t = 16, salt = SALT, bits = 8, first = 0, digests = "" }
    local range = { class = "share", law = LAW, t = 16, bits = 0, first = 0, last = 0, ids = {} }
    function talk.ids() return {} end
    for stream, wanted in pairs { [true] = "nil nil nil", [false] = "kind kind kind" } do -- any order
      source = { host = "10.0.0.7", channel = { traits = { stream = stream, medium = not stream } } }
      local codes = {}
      for kind, rest in pairs { ranges = messages.ranges(facts), range = messages.range(range),
        want = messages.want { ("x"):rep(16) } } do -- any order
        local _, _, code = said[kind](conversation, talk, { from = FROM, to = "*", rest = rest }, source)
        codes[#codes + 1] = tostring(code)
      end
      assert.equal(wanted, table.concat(codes, " "))
    end
  end)
end)
