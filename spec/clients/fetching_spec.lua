-- fetching_spec.lua - what updates need, fetched: one copy over the uplink, the others on the LAN; whose turn it is,
-- what is given up, what stays and what goes. A content that only counts (payload_world.lua); whole daemons: e2e/.
local leaving = require "clients.updates.leaving"
local rank = require "rank"
local uplink = require "clients.updates.uplink"
local world = require "spec.clients.payload_world"

local KEY <const> = "bafkreib3u4vfkuuzbkkbxpqqp6dgcfhaqgeecuwn3c4zy6ejnl6hnzv7jm"
local OTHER <const> = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
local THIRD <const> = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
local SIZE <const> = 5000000

describe("what updates need", function()
  local w

  local function lan(options)
    w = world.new(options or {})
    w.nodes.desk.content.whole[KEY] = SIZE
  end

  local function state(id, key) return w.nodes[id].fetching:state(key or KEY) end

  -- Does a robot tell, so that it is counted, that it left one who gave too little?
  local function somebody_left_one()
    for i = 1, 8 do
      if state("r" .. i).slow then return true end
    end
    return false
  end

  it("crosses the uplink once, and is had from a robot of the LAN by all others", function()
    lan()
    w:want(KEY, SIZE)
    w:run(5)
    local first = rank.of(KEY, table.move(w.names, 2, #w.names, 1, {}))[1]
    assert.equal(0, w:have(KEY))
    assert.equal("desk", state(first).from)
    assert.is_false(state(first).near)
    assert.is_true(state(first).done > 0 and state(first).rate > 0)
    local other = first == "r1" and "r2" or "r1"
    assert.equal("turn", state(other).word)
    assert.is_truthy(state(other).missing:find("^%d of this LAN go first", 1))
    w:run(10)
    assert.equal(8, w:have(KEY))
    assert.equal(SIZE, w.crossed)
    assert.equal(SIZE, state(other).done)
    assert.is_true(state(other).near)
    assert.is_nil(state(other).slow)
    assert.is_nil(state(other).missing)
    assert.equal("/files/" .. KEY, w.nodes[other].fetching:path(KEY))
  end)

  it("crosses it for each of them where they do not hear each other: the control", function()
    lan { apart = true, uplink = 4000000 }
    w:want(KEY, SIZE)
    w:run(60)
    assert.equal(8, w:have(KEY))
    assert.equal(8 * SIZE, w.crossed)
  end)

  it("goes on where it was when the source was gone in the middle, however long", function()
    lan()
    w:want(KEY, SIZE)
    w:run(6)
    local half = w.crossed
    assert.is_true(half > 0 and half < SIZE)
    w.off.desk = true
    w:run(3600)
    assert.equal(half, w.crossed)
    assert.equal("missing", state("r1").word == "missing" and "missing" or state("r2").word)
    w.off.desk = nil
    w:run(60)
    assert.equal(8, w:have(KEY))
    assert.equal(SIZE, w.crossed)
  end)

  it("is another one's to fetch when the first is switched off", function()
    lan()
    w:want(KEY, SIZE)
    w:run(4)
    local first = rank.of(KEY, table.move(w.names, 2, #w.names, 1, {}))[1]
    w.off[first] = true
    w:run(30)
    assert.equal(7, w:have(KEY))
    assert.is_true(w.crossed < 2 * SIZE)
  end)

  it("is asked for elsewhere by the next one when the first does not bring it in its time", function()
    lan { uplink = 10000 } -- 500 s for one
    w:want(KEY, SIZE)
    w:run(uplink.share(SIZE) // 1000 - 2)
    local before = 0
    for i = 1, 8 do before = before + (state("r" .. i).done > 0 and 1 or 0) end
    w:run(4)
    local after = 0
    for i = 1, 8 do after = after + (state("r" .. i).done > 0 and 1 or 0) end
    assert.same({ 1, 2 }, { before, after })
  end)

  it("is asked for elsewhere when who is near gives nothing for a minute", function()
    lan()
    w.nodes.r1.content.whole[KEY] = SIZE
    w.silent.r1 = true
    w:want(KEY, SIZE)
    w:run(50)
    assert.equal(0, w.crossed)
    w:run(20)
    assert.is_true(w.crossed > 0)
    w:run(300)
    assert.equal(8, w:have(KEY))
    assert.is_true(w.crossed <= 1.3 * SIZE, w.crossed)
    assert.is_true(somebody_left_one())
  end)

  it("is asked for elsewhere when who is near gives it too slowly to bring it in its time", function()
    lan()
    w.nodes.r1.content.whole[KEY] = SIZE
    w.trickle.r1 = 2000
    w:want(KEY, SIZE)
    w:run(uplink.share(SIZE) // 1000 - 5)
    assert.equal(0, w.crossed)
    assert.same({ "r1", 2000 }, { state("r2").from, state("r2").rate })
    w:run(300)
    assert.equal(8, w:have(KEY))
    assert.is_true(w.crossed <= 1.3 * SIZE, w.crossed)
    assert.is_true(somebody_left_one())
  end)

  it("comes two at once, and a plan does not wait for them", function()
    lan { robots = 1 }
    for _, key in ipairs { OTHER, THIRD, "plan" } do w.nodes.desk.content.whole[key] = key == "plan" and 900 or SIZE end
    for _, key in ipairs { KEY, OTHER, THIRD } do w:want(key, SIZE) end
    w:run(2)
    w:want("plan", 900)
    w:run(2)
    assert.equal(1, w:have "plan")
    local moving, word = 0, nil
    for _, key in ipairs { KEY, OTHER, THIRD } do
      if state("r1", key).done > 0 then moving = moving + 1 else word = state("r1", key).word end
    end
    assert.same({ 2, "busy" }, { moving, word })
    w:run(60)
    assert.same({ 1, 1, 1 }, { w:have(KEY), w:have(OTHER), w:have(THIRD) })
  end)

  it("is not begun without room for it, for what it is unpacked to, and a twentieth more", function()
    lan { robots = 1 }
    local one = w.nodes.r1
    one.content.room = 21 * SIZE // 20 - 1
    w:want(KEY, SIZE)
    w:run(5)
    assert.equal(0, state("r1").done)
    assert.equal("disk", state("r1").word)
    assert.equal("5.2 MB free, 5.2 MB needed", state("r1").missing)
    assert.same({ 21 * (SIZE + 100) // 20, 21 * SIZE // 20 - 1 }, { one.fetching:space(KEY, SIZE, 100) })
    one.content.room = 100 * SIZE
    w:run(15)
    assert.equal(1, w:have(KEY))
    assert.same({ 105, 100 * SIZE }, { one.fetching:space(KEY, SIZE, 100) }) -- it is here
  end)

  it("is given up when no rollout that counts needs it, and gone on with when it is wanted again", function()
    lan { robots = 1 }
    local one = w.nodes.r1
    w:want(KEY, SIZE)
    w:run(4)
    one.fetching:keep({ [OTHER] = true })
    local crossed = w.crossed
    w:run(100)
    assert.equal(crossed, w.crossed)
    assert.equal("nobody here wants it", state("r1").missing)
    w:want(KEY, SIZE)
    w:run(20)
    assert.equal(1, w:have(KEY))
    assert.equal(SIZE, w.crossed)
  end)

  it("is not asked for without end where its size is none of that CID", function()
    lan { robots = 1 }
    local one, tries = w.nodes.r1, 0
    function one.content.fetch_payload(_, _, _, _, done)
      tries = tries + 1
      w.loop:post(function() done(nil, "size: a CID of that kind has no file of that size", "size") end)
    end
    w:want(KEY, SIZE)
    w:run(3600)
    assert.equal(1, tries)
    assert.same({ "size", "a CID of that kind has no file of that size" }, { state("r1").word, state("r1").missing })
  end)

  it("is asked for again where another release says another size of it", function()
    lan { robots = 1 }
    local content = w.nodes.r1.content
    local fetch = content.fetch_payload
    function content.fetch_payload(self, key, size, ...)
      if size == SIZE then return fetch(self, key, size, ...) end
      local _, done = ...
      w.loop:post(function() done(nil, "size: a CID of that kind has no file of that size", "size") end)
    end
    w:want(KEY, SIZE + 1)
    w:run(60)
    assert.equal("size", state("r1").word)
    w:want(KEY, SIZE)
    assert.is_nil(state("r1").word)
    w:run(60)
    assert.equal(1, w:have(KEY))
  end)

  it("is tried again, ever later, where it failed; at once when somebody says that he has it", function()
    lan { robots = 1 }
    local one, tries = w.nodes.r1, 0
    function one.content.fetch_payload(_, _, _, _, done)
      tries = tries + 1
      w.loop:post(function() done(nil, "block: desk gave other bytes than the file's", "block") end)
    end
    w:want(KEY, SIZE)
    w:run(600)
    assert.is_true(tries >= 8 and tries <= 30, tries)
    local before = tries
    one.fetching:heard(KEY)
    w:run(1)
    assert.equal(before + 1, tries)
  end)

  it("is news when it begins and when it is whole, and is fetched anew when it was lost here", function()
    lan { robots = 1 }
    local one, news = w.nodes.r1, 0
    local undo = one.fetching:on_news(function() news = news + 1 end)
    w:want(KEY, SIZE)
    w:run(20)
    assert.equal(2, news)
    undo()
    one.content.whole[KEY], one.content.have[KEY] = nil, nil
    one.content.losses:call(KEY, true)
    w:run(20)
    assert.equal(1, w:have(KEY))
    assert.equal(2 * SIZE, w.crossed)
  end)

  it("is bounded in number, and ends with the client", function()
    lan { robots = 1 }
    local one = w.nodes.r1.fetching
    for i = 1, 64 do assert(one:want("c" .. i, 10, {})) end
    assert.equal("full", select(3, one:want("one more", 10, {})))
    one:want(KEY, SIZE, {})
    one:stop()
    w:run(60)
    assert.equal(0, w.crossed)
  end)

  describe("stays or goes:", function()
    local DAY <const> = 24 * 3600

    local function holding(...)
      lan { robots = 1 }
      for _, key in ipairs { ... } do w.nodes.r1.content.whole[key] = 1000 end
      return w.nodes.r1
    end

    it("the last two of a name stay, the one before goes a day after", function()
      local one = holding("a", "b", "c")
      assert.same({ done = 1000, size = 1000 }, one.fetching:state "a")
      one.fetching:keep({}, { demos = { 1, "1", "a" } })
      one.fetching:keep({}, { demos = { 2, "2", "b" } })
      one.fetching:keep({}, { demos = { 3, "3", "c" } })
      w:run(DAY - 1200)
      assert.same({}, one.content.gone)
      w:run(2400)
      assert.same({ "a" }, one.content.gone)
      w:run(30 * DAY)
      assert.same({ "a" }, one.content.gone)
    end)

    it("what was never installed goes soon, but not while it is needed, nor at the first look", function()
      local one = holding("a", "b")
      one.fetching:keep { a = true }
      w:run(300)
      one.fetching:keep { a = true, b = true } -- needed again
      w:run(3600)
      assert.same({}, one.content.gone)
      one.fetching:keep { a = true }
      w:run(1300)
      assert.same({ "b" }, one.content.gone)
    end)

    it("what a person put in has a day from when it is needed no more", function()
      local one = holding()
      one.fetching:take("/tmp/x", function(cid) assert.equal("/tmp/x", cid) end)
      w:run(DAY - 1200)
      assert.same({}, one.content.gone)
      one.fetching:keep { ["/tmp/x"] = true }
      w:run(3 * DAY)
      one.fetching:keep {}
      w:run(DAY - 1200)
      assert.same({}, one.content.gone)
      w:run(2400)
      assert.same({ "/tmp/x" }, one.content.gone)
    end)

    it("over restarts, and where the time is not known", function()
      local loop, now, kept = require "sim.loop".new(), nil, nil
      local function start()
        return leaving.new { loop = loop, node = { time = { proved_now = function() return now end } },
          kept = { read = function() return kept end, put_beside = function(_, data) kept = data end } }
      end
      local function needed() return false end
      local one = start()
      one:installed { demos = { 1, "1", "a" } }
      one:installed { demos = { 2, "2", "b" } }
      one:installed { demos = { 3, "3", "c" } }
      assert.same({ { 3, "c" }, { 2, "b" } }, kept.installed.demos)
      assert.same({}, one:due({ "a", "b", "c" }, needed))
      loop:run_until(DAY * 500) -- half a day, then a restart
      one, now = start(), 1795357831000
      assert.same({}, one:due({ "a", "b", "c" }, needed)) -- the day begins when the time is known
      now = now + DAY * 1000
      one = start()
      assert.same({ "a" }, one:due({ "a", "b", "c" }, needed))
      assert.same({}, one:due({ "b", "c" }, needed))
      assert.same({}, kept.since)
    end)
  end)
end)
