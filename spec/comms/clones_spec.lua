-- clones_spec.lua - which evidence shows that two machines use one key, and which only looks so.
local clones = require "comms.clones"
local loop = require "sim.loop"

local MINUTE <const> = 60 * 1000
local START <const> = 1795358987000 -- Unix ms

describe("evidence of two machines with one key", function()
  local l, one, peer, asked, proved, news

  before_each(function()
    l, asked, proved, news = loop.new(), {}, true, {}
    peer = { id = "12D3KooWpeer", flows = {} }
    local best
    one = clones.new { loop = l, id = "12D3KooWself", boot = 100,
      time = { proved_now = function() return proved and START + l:now() or nil end },
      peers = { by_id = { [peer.id] = peer }, proved = function() return true end, best = function() return best end },
      proof = { check = function(_, _, flow) asked[#asked + 1] = flow end } }
    best = { source = { address = "/ip4/10.0.0.9/udp/9/dswarm-line", host = "10.0.0.9" } }
    one:on_change(function(id) news[#news + 1] = id end)
  end)

  local function run(ms) l:run_until(l.time + ms) end
  local function flow(host)
    return { source = { address = ("/ip4/%s/udp/9/dswarm-line"):format(host), host = host } }
  end
  local first, second = flow "10.0.0.1", flow "10.0.0.2"
  local function answers(boot, from, sent) one:answered(peer, boot, from, sent or l:now()) end

  it("is one BOOT, another, and the first again", function()
    answers(1, first)
    answers(2, second)
    assert.is_nil(one:of(peer.id))
    assert.same({ first }, asked, "who answered before is asked at once")
    run(1000)
    answers(1, first)
    assert.same({ "10.0.0.1", "10.0.0.2" }, { one:of(peer.id)[1].host, one:of(peer.id)[2].host })
    assert.same({ peer.id }, news)
    run(10 * MINUTE)
    assert.is_nil(one:of(peer.id))
    assert.same({ peer.id, peer.id }, news)
  end)

  it("is no restart, none there and back in more than ten minutes, and no late answer of the run before", function()
    answers(1, first)
    run(1000)
    local sent = l:now()
    run(1000)
    answers(2, first)
    answers(1, first, sent) -- asked before the restart, and long on its way
    assert.is_nil(one:of(peer.id))
    run(11 * MINUTE)
    answers(1, first)
    assert.is_nil(one:of(peer.id))
  end)

  it("lasts ten minutes from the last of it", function()
    for i = 0, 6 do
      answers(i % 2, i % 2 == 0 and first or second)
      run(4 * MINUTE)
    end
    assert.equal(2, #one:of(peer.id))
    run(7 * MINUTE)
    assert.is_nil(one:of(peer.id))
  end)

  it("has him asked whose beacon or statement shows another BOOT than he said last, seldom", function()
    answers(1, first)
    one:beacon(peer, 1, first)
    assert.same({}, asked)
    one:beacon(peer, 2, second)
    assert.same({ second }, asked)
    local st = { verb = "propose", bucket = "peer", signer = peer.id, data = '{"boot":2,"name":"ada"}' }
    for _ = 1, 20 do one:statement(st) end
    assert.equal(2, #asked)
  end)

  local function own(boot, at)
    one:own_statement { verb = "propose", bucket = "peer", signer = "12D3KooWself", at = START + at,
      data = ('{"boot":%d,"name":"ada"}'):format(boot) }
  end

  it("is a statement of the own key with another BOOT that is renewed", function()
    run(MINUTE)
    own(7, l:now())
    assert.is_false(one:own())
    run(5 * MINUTE)
    own(7, l:now())
    assert.is_true(one:own())
  end)

  it("is none by statements of before the start, said one after the other, or without proved time", function()
    run(MINUTE)
    for _, at in ipairs { -2 * MINUTE, -MINUTE } do own(7, at) end
    assert.is_false(one:own())
    own(8, MINUTE - 2000)
    own(8, MINUTE - 1000)
    assert.is_false(one:own())
    own(100, l:now())
    run(MINUTE)
    own(100, l:now())
    assert.is_false(one:own())
    proved = false
    for _ = 1, 3 do
      run(5 * MINUTE)
      own(9, l:now())
    end
    assert.is_false(one:own())
  end)

  it("is an answer of the own key with another BOOT, and none with the own", function()
    one:own_answer(100, second)
    assert.is_false(one:own())
    one:own_answer(7, second)
    assert.equal("10.0.0.2", one:of("12D3KooWself")[1].host)
  end)
end)
