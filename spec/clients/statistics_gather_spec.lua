-- statistics_gather_spec.lua - sums of the counters of a site, in which nobody is seen: weeks in virtual time. Whole
-- daemons: spec/e2e/statistics_spec.lua.
local disk = require "core.disk"
local folder = require "spec.folder"
local gather = require "clients.statistics.gather"
local json = require "core.json"
local kept_values = require "spec.kept_values"
local key = require "core.key"
local simloop = require "sim.loop"
local statement = require "core.statement"
local sums = require "clients.statistics.sums"
local text = require "core.text"

local MINUTE <const>, HOUR <const>, DAY <const> = 60 * 1000, 3600 * 1000, 86400 * 1000
local WEEK <const> = 7 * DAY
local FIRST <const> = 2900 -- the week in which all begins

describe("statistics of a site", function()
  local loop, said, home, values, one, wanted, logged, near, others

  local time = { proved_now = function() return FIRST * WEEK + loop.time end }
  local comms = { propose = function(_, bucket, data)
    said[#said + 1] = { bucket = bucket, data = json.encode(data) }
    return {}
  end }

  local function note(_, _, what) logged[#logged + 1] = what end

  -- The daemon starts: what it knew is what is on the disk.
  local function start()
    one = gather.new { loop = loop, comms = comms, log = { info = note, warn = note, error = note },
      random = { bytes = function(_, n) return ("k"):rep(n - 1) .. string.char(loop.time % 251) end }, time = time,
      id = "ID", site = function() return "room" end, is_open = function() return true end,
      wanted = function() return wanted end, is_near = function(id) return near[id] == true end,
      others = function() return others end, kept = values.kept }
    one:start()
  end

  before_each(function()
    loop, said, logged, home, wanted, near, others = simloop.new(), {}, {}, folder.new(), true, {}, 0
    values = kept_values.new { dir = home.path, loop = loop, disk = disk.real() }
    start()
  end)
  after_each(function() home.remove() end)

  -- Its power goes.
  local function cut()
    for _, timer in ipairs(one.timers) do timer:cancel() end
    values.cut()
  end

  local function pass(ms) loop:run_until(loop.time + ms) end

  local function hear(id, on, more)
    local data = { list = 1, week = FIRST + loop.time // WEEK, on = on, starts = 1, type = "duckiebot" }
    for name, value in pairs(more or {}) do data[name] = value end
    one:hear { verb = "propose", signer = id, key = id, data = json.encode(data) }
  end

  local function dismiss(id) one:hear { verb = "dismiss", signer = id, key = id, data = "null" } end

  -- FROM to TO say ON.
  local function crowd(from, to, on, more)
    for i = from, to do hear("robot" .. i, on, more) end
  end

  -- MS after week N is to be published.
  local function run_due(ms, n) loop:run_until((one:due(FIRST + (n or 0)) - FIRST * 604800) * 1000 + ms) end

  local function pass_week() loop:run_until((loop.time // WEEK + 1) * WEEK + DAY + 12 * HOUR + 2 * MINUTE) end

  local function published() return said[1] and json.decode(said[1].data) end

  local function file() return folder.read(home.path .. "/statistics") end

  it("are published a day after the week, cells of fewer than five as -1, robots rounded down", function()
    crowd(1, 7, 4)
    crowd(8, 11, 3)
    hear("robot12", 1)
    loop:run_until(WEEK + DAY - MINUTE)
    assert.same({}, said)
    run_due(2 * MINUTE)
    assert.equal(1, #said)
    assert.same({ -1, -1, -1, -1, 7, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 }, published().on)
    assert.same({ 10, 5, 1, FIRST, "room", true }, { published().robots, published().k, published().list,
      published().week, published().site, published().open })
    pass_week()
    assert.equal(1, #said)
  end)

  it("have as many cells as a counter may have steps, wherever 7, 4 and 1 robots are", function()
    local at = { 0, 5, 14 }
    for _, order in ipairs { { 1, 2, 3 }, { 1, 3, 2 }, { 2, 1, 3 }, { 2, 3, 1 }, { 3, 1, 2 }, { 3, 2, 1 } } do
      local rows, robots = {}, 0
      for i, n in ipairs { 7, 4, 1 } do
        for _ = 1, n do
          robots = robots + 1
          rows["r" .. robots] = { on = at[order[i]], mb = 3, files = robots % 4 }
        end
      end
      local data = sums.of(rows, FIRST)
      local wanted_cells = {}
      for i = 1, 15 do wanted_cells[i] = i == at[order[1]] + 1 and 7 or -1 end
      assert.same(wanted_cells, data.on)
      assert.same({ 25, nil, nil, 10 }, { #data.mb, data.files, data.starts, data.robots })
    end
  end)

  it("of four robots are not published at all, and go", function()
    crowd(1, 4, 3)
    pass_week()
    assert.same({}, said)
    assert.same({}, one.weeks)
    assert.same({ done = FIRST, weeks = {} }, values.get "statistics")
  end)

  it("hold no ID, name or address, neither in the file nor in what is published", function()
    for i = 1, 6 do hear("12D3KooWrobot" .. i, 3, { version = "10.77.0.1" }) end
    one.kept:write()
    local before = file()
    pass_week()
    for _, told in ipairs { before, file(), said[1].data } do
      for _, secret in ipairs { "12D3", "robot1", "10.77", "duckiebot" } do
        assert.is_nil(told:find(secret, 1, true), secret)
      end
    end
  end)

  it("lose the row of who takes it back, from the file at once, and nothing is had by subtraction", function()
    crowd(1, 6, 3)
    one.kept:write()
    local before = file()
    dismiss "robot6"
    pass(1)
    assert.not_equal(before, file())
    hear("robot5", 4)
    dismiss "robot4"
    pass_week()
    assert.same({}, said)
    crowd(1, 9, 3)
    pass_week()
    for i = 1, 9 do dismiss("robot" .. i) end
    pass(3 * DAY)
    assert.equal(1, #said)
  end)

  it("lose the row of who takes it back while they go out", function()
    crowd(1, 6, 3)
    one.kept:write()
    values.hold()
    run_due(2 * MINUTE)
    dismiss "robot6"
    dismiss "robot5"
    values.go_on()
    pass(2 * HOUR)
    assert.same({}, said)
    assert.same({}, values.get "statistics".weeks)
  end)

  it("are written a few times by one who says and takes back without end, or two, and their rows go", function()
    crowd(1, 6, 3)
    one.kept:write()
    local before = values.tries
    for _ = 1, 10 * 60 do
      hear("evil", 3)
      dismiss "evil"
      pass(1000)
    end
    assert.is_true(values.tries - before <= 2, values.tries - before .. " writes in ten minutes")
    before = values.tries
    for i = 1, 6 * 3600 do
      hear("evil" .. i % 2, 3)
      dismiss("evil" .. (i + 1) % 2)
      pass(1000)
      assert.is_true(values.tries - before <= 12 + 6 * (12 + 2) + 1, "writes in six hours")
    end
    dismiss "evil0"
    dismiss "evil1"
    pass(10 * MINUTE)
    assert.equal(6, sums.count(values.get "statistics".weeks[1].rows))
  end)

  it("are published once by a daemon that starts a hundred times", function()
    crowd(1, 6, 3)
    run_due(-2 * MINUTE)
    for i = 1, 100 do
      if i % 2 == 0 then one:stop() else cut() end
      start()
      pass(3 * MINUTE)
      crowd(1, 6, 3, { week = FIRST }) -- an old word of that week
    end
    assert.equal(1, #said)
  end)

  it("are published once by one that starts a hundred times on a full disk, when that has room again", function()
    crowd(1, 6, 3)
    run_due(-2 * MINUTE)
    one.kept:write()
    values.full(true)
    for i = 1, 100 do
      if i % 2 == 0 then one:stop() else cut() end
      start()
      pass(3 * MINUTE)
    end
    assert.same({}, said)
    assert.equal("not published: the disk does not take that it was", logged[#logged])
    local before = values.tries
    pass(DAY)
    assert.same({}, said)
    assert.is_true(values.tries - before <= 24 * 3 + 12, values.tries - before .. " tries to write in a day")
    values.full(false)
    pass(HOUR + MINUTE)
    assert.equal(1, #said)
    for _ = 1, 10 do
      cut()
      start()
      pass(3 * MINUTE)
    end
    assert.equal(1, #said)
  end)

  it("that were on their way to the disk when the daemon stopped are published by the next", function()
    crowd(1, 6, 3)
    one.kept:write()
    values.hold()
    run_due(2 * MINUTE)
    one:stop()
    assert.same({}, said)
    start()
    pass(2 * MINUTE)
    assert.equal(1, #said)
  end)

  it("take no word of another week, of another list, with what is no counter, nor where none are gathered", function()
    hear("a", 3, { week = FIRST + 1 })
    hear("b", 3, { list = 2 })
    hear("c", 15)
    hear("d", -1)
    hear("e", "x")
    hear("i", 1, { mb = 25 })
    hear("j", 1, { files = 21 })
    one:hear { verb = "propose", signer = "f", key = "g", data = '{"list":1,"week":2900}' }
    one:hear { verb = "propose", signer = "f", key = "f", data = "7" }
    wanted = false
    hear("h", 3)
    local rows = one.weeks[FIRST] and one.weeks[FIRST].rows or {}
    assert.is_nil(next(rows))
  end)

  it("begin anew where the file has another form: it is put aside, and said", function()
    local name, row_key = text.base64url(("n"):rep(16)), text.base64url(("k"):rep(32))
    local function week(more)
      local it = { week = FIRST, key = row_key, rows = { [name] = { on = 3 } } }
      for field, value in pairs(more) do it[field] = value end -- any order
      return { done = 0, weeks = { it } }
    end
    local bad = { 7, { weeks = 7 }, { done = 0, weeks = { 5 } }, { weeks = { 5 } }, { done = "x", weeks = {} },
      week { key = "AA" }, week { key = 7 }, week { week = -1 }, week { rows = 7 },
      week { rows = { { on = 3 } } }, week { rows = { [name] = 7 } }, week { rows = { [name] = { on = 15 } } },
      week { rows = { ["12D3KooWQ1vB"] = { on = 3 } } }, { done = 1 << 40, weeks = {} },
      { done = 0, weeks = { week({}).weeks[1], week({}).weeks[1], week({}).weeks[1] } } }
    for i, data in ipairs(bad) do
      values.put("statistics", data)
      start()
      assert.same({ {}, 0 }, { one.weeks, one.done }, "case " .. i)
      assert.is_nil(file(), "case " .. i)
      assert.matches("a file is damaged: begun anew .*statistics%.damaged%-", values.said[i])
    end
    values.put("statistics", week {})
    start()
    assert.same({ [name] = { on = 3 } }, one.weeks[FIRST].rows)
  end)

  it("fit into their file, however many robots there are", function()
    for i = 1, 2 do
      crowd(1, 1100, 14, { drive = 14, record = 14, files = 20, starts = 20, mb = 24 })
      if i == 1 then loop:run_until(WEEK + MINUTE) end
    end
    assert.same({ 1024, 1024 }, { sums.count(one.weeks[FIRST].rows), sums.count(one.weeks[FIRST + 1].rows) })
    one:stop()
    assert.same({}, values.said)
    assert.is_true(#file() > 150000 and #file() <= 256 * 1024, #file() .. " bytes")
    start()
    assert.equal(1024, sums.count(one.weeks[FIRST + 1].rows))
  end)

  it("fit into a record, whatever robots say and the site is called", function()
    local me = key.generate(("s"):rep(32))
    local bucket = ("pri/%s/info/statistics"):format(me:id())
    for _, site in ipairs { ("x"):rep(24), ('"'):rep(24), ("\1"):rep(24), ("é"):rep(12), ("x"):rep(25), "\xff" } do
      local rows = {}
      for i = 1, 1024 do -- as many cells of three digits as there can be
        local e = i <= 1000 and (i - 1) // 100 or 10 + i % 4
        rows["r" .. i] = { drive = e, files = e, mb = e, on = e, record = e, starts = e }
      end
      local data = json.encode(sums.of(rows, FIRST, site, true))
      local st = assert(statement.sign(me, "duckietown", { verb = "propose", bucket = bucket, key = me:id(),
        at = FIRST * WEEK, valid_from = FIRST * 604800, valid_until = FIRST * 604800 + 7 * 86400, data = data }))
      assert.is_true(#st.line <= 1024, #st.line .. " bytes")
    end
  end)

  -- SIGNER published SITE's sums of the week NUMBER.
  local function hear_sums(signer, number, site, more)
    local st = { verb = "propose", signer = signer, key = signer,
      data = json.encode { k = 5, list = 1, robots = 5, site = site, week = number } }
    for name, value in pairs(more or {}) do st[name] = value end -- any order
    one:heard_sums(st)
  end

  it("are published by one node of a site: who hears that another was first tells nothing, nor later", function()
    near.bob = true
    for _, case in ipairs { { "bob" }, { "bob", "hall" }, { "cy", "room" }, { "ID" } } do
      crowd(1, 6, 3)
      one.kept:write()
      local number = FIRST + loop.time // WEEK
      loop:run_until((loop.time // WEEK + 1) * WEEK + DAY - MINUTE) -- between two lazy writes
      hear_sums(case[1], number, case[2])
      pass(1)
      cut()
      start()
      pass_week()
      assert.same({}, said)
    end
  end)

  it("are not kept back by sums of another site, of a week that is not over, or that are none", function()
    near.bob = true
    crowd(1, 6, 3)
    hear_sums("bob", FIRST)
    loop:run_until(WEEK + DAY - 1)
    hear_sums("cy", FIRST)
    hear_sums("cy", FIRST, "hall")
    hear_sums("bob", FIRST + 1)
    hear_sums("bob", FIRST, "room", { verb = "dismiss" })
    hear_sums("bob", FIRST, "room", { key = "else" })
    hear_sums("bob", FIRST, "room", { data = "7" })
    hear_sums("bob", FIRST, "room", { data = '{"week":"x"}' })
    run_due(2 * MINUTE)
    assert.equal(1, #said)
  end)

  it("wait after a start until neighbours could say that one of them was first", function()
    crowd(1, 6, 3)
    one:stop()
    run_due(HOUR)
    others, near.bob = 1, true
    start()
    pass(50 * 1000)
    assert.same({}, said)
    hear_sums("bob", FIRST)
    pass(HOUR)
    assert.same({}, said)
    others = 0
    crowd(1, 6, 3)
    one:stop()
    run_due(HOUR, 1)
    start()
    pass(11 * 1000)
    assert.equal(1, #said)
  end)

  it("lose all rows while they go out, where another was first", function()
    near.bob = true
    crowd(1, 6, 3)
    values.hold()
    run_due(2 * MINUTE)
    hear_sums("bob", FIRST)
    values.go_on()
    pass(HOUR)
    assert.same({}, said)
  end)

  it("of robots that come, go and stop their daemons: one a week at most, of who agreed then", function()
    local state = 7
    local function chance(n)
      state = state * 6364136223846793005 + 1442695040888963407
      return (state >> 33) % n + 1
    end
    local weeks, told = {}, {} -- told: by robot, by week, what nobody took back
    for _ = 1, 10 * 7 * 24 do
      local i, what = chance(12), chance(10)
      if what <= 7 then
        hear("robot" .. i, 3)
        told[i] = told[i] or {}
        told[i][FIRST + loop.time // WEEK] = true
      elseif what <= 8 then
        dismiss("robot" .. i)
        told[i] = nil
      elseif what == 9 then
        one:stop()
        start()
      end
      local before, robots = #said, 0
      pass(HOUR)
      assert.is_true(#said - before <= 1)
      if #said > before then
        local data = json.decode(said[#said].data)
        weeks[#weeks + 1] = data.week
        for _, by_week in pairs(told) do robots = robots + (by_week[data.week] and 1 or 0) end -- any order: a sum
        assert.same({ robots // 5 * 5, robots }, { data.robots, data.on[4] })
      end
    end
    assert.is_true(#weeks >= 3, #weeks .. " weeks were published")
    for i = 2, #weeks do assert.is_true(weeks[i] > weeks[i - 1]) end
  end)
end)
