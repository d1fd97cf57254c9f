-- streams_spec.lua - who is asked over streams and when; requests that wait for one. No bytes move here.
local streams = require "dcache.content.streams"
local sim = require "sim.loop"

describe("streams", function()
  local loop, one, wanted, failed, answers

  before_each(function()
    loop = sim.new()
    wanted, answers = {}, {}
    one = streams.new { loop = loop, log = { debug = function() end }, swarm = "x", dir = "/", refused = function() end,
      gateway = function() return {} end, reach = function() return "lab" end, pump = {} }
    one:use(function(id, fails) wanted[#wanted + 1], failed = id, fails end, function(id) return id ~= "far" end)
  end)

  local function get(id) return one:get(id, {}, function(answer) answers[#answers + 1] = answer end) end

  it("are taken beside HTTP where a node is elsewhere, and for an hour instead of it after three failures in 30 s",
    function()
      assert.equal("too", one:wanted("ada", false))
      assert.is_nil(one:wanted("ada", true), "near: HTTP serves")
      assert.is_nil(one:wanted("far", false), "nobody knows a way")
      one:failed "ada"
      loop:run_until(loop:now() + 40 * 1000)
      one:failed "ada"
      one:failed "ada"
      assert.is_nil(one:wanted("ada", true), "three, but not within 30 s")
      one:failed "ada"
      assert.same({ "near", "only" }, { one:wanted("ada", true), one:wanted("ada", false) }) -- near: HTTP stays
      loop:run_until(loop:now() + 61 * 60 * 1000)
      assert.same({ nil, "too" }, { one:wanted("ada", true), one:wanted("ada", false) })
    end)

  it("are opened once for all who wait, at most 16, and all hear why none came", function()
    for i = 1, 16 do assert.truthy(get "ada", i) end
    local no, _, code = get "ada"
    assert.same({ nil, "full" }, { no, code })
    assert.same({ "ada" }, wanted)
    failed("slow: nobody came", "slow")
    assert.equal(0, #answers, "never at once")
    loop:run_until(loop:now() + 10)
    assert.equal(16, #answers)
    assert.same({ "slow", 0 }, { answers[1].word, answers[1].status })
    get "ada"
    assert.equal(2, #wanted)
  end)

  it("tell nothing of a request that was cancelled", function()
    local first, second = get "ada", get "ada"
    get "ada"
    one:cancel(first)
    failed("closed: x", "closed")
    one:cancel(second) -- as it is about to be told
    loop:run_until(loop:now() + 10)
    assert.equal(1, #answers)
  end)

  it("tell who waits that one came for which there is no room; where there is none nobody is dialled", function()
    get "ada"
    for i = 1, 8 do one.list[i] = { id = "n" .. i } end
    local no, _, code = one:open { id = "ada", asks = true, stream = { close = function() end } }
    assert.same({ nil, "full" }, { no, code })
    loop:run_until(loop:now() + 10)
    assert.equal("full", (answers[1] or {}).word)
    no, _, code = get "ada"
    assert.same({ nil, "full" }, { no, code })
    assert.equal(1, #wanted)
    one.list = {}
    assert.truthy(get "ada")
    assert.equal(2, #wanted)
  end)

  it("are over with the first answer that breaks off, and not with a refusal", function()
    local stopped, asked
    one.pumping = { add = function() return 7, "/x" end, stop = function(_, id) stopped = id end }
    assert(one:open { id = "ada", asks = true, stream = {} })
    one.asking.ada.client = { get = function(_, _, done) asked = done return 1 end, close = function() end }
    get "ada"
    asked { status = 404, word = "missing" }
    assert.is_nil(stopped)
    get "ada"
    asked { status = 200, word = "slow", part = "x" }
    assert.equal(7, stopped)
    assert.same({ "missing", "slow", 0 }, { answers[1].word, answers[2].word, #wanted })
    get "ada"
    assert.same({ "ada" }, wanted)
  end)

  it("go on for others where the request is cancelled that is being answered, and end where none is wanted", function()
    local asked, cancelled = {}, {}
    one.pumping = { add = function() return 7, "/x" end, stop = function() end }
    assert(one:open { id = "ada", asks = true, stream = {} })
    one.asking.ada.client = { get = function(_, _, done)
      asked[#asked + 1] = done
      return #asked
    end, cancel = function(_, id) cancelled[#cancelled + 1] = id end, close = function() end }
    local ids = { get "ada", get "ada", get "ada" }
    one:cancel(ids[1])
    assert.same({}, cancelled)
    one:cancel(ids[2])
    assert.same({ 2 }, cancelled)
    asked[1] { status = 200 }
    assert.same({}, answers)
    asked[3] { status = 200 }
    assert.equal(1, #answers)
    ids = { get "ada", get "ada" } -- of all that are under way none is wanted: the stream need not bring them
    one:cancel(ids[1])
    one:cancel(ids[2])
    assert.same({ 2, 5, 4 }, cancelled)
    assert.equal(0, #one.asking.ada.under_way)
  end)

  it("are no more where nobody opens them", function()
    get "ada"
    one:close()
    loop:run_until(loop:now() + 10)
    assert.equal("closed", answers[1].word)
    assert.same({ nil, "closed: no streams here", "closed" }, { get "ada" })
  end)
end)
