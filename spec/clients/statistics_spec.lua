-- statistics_spec.lua - counters told while the owner agrees, and sums in which nobody is seen: weeks in virtual time.
-- Whole daemons: spec/e2e/consent_spec.lua.
local gather = require "clients.statistics.gather"
local json = require "core.json"
local simloop = require "sim.loop"
local stats_word = require "clients.statistics.stats_word"
local usage = require "clients.statistics.usage"

local MINUTE <const>, HOUR <const>, DAY <const> = 60 * 1000, 3600 * 1000, 86400 * 1000
local WEEK <const> = 7 * DAY
local FIRST <const> = 2900 -- the week in which all begins

local quiet = { info = function() end, error = function(_, _, what) error(what) end }

describe("statistics", function()
  local loop, said, agrees, proved, here, files

  before_each(function()
    loop, said, agrees, proved, here, files = simloop.new(), {}, true, true, {}, {}
  end)

  local time = { proved_now = function() return proved and FIRST * WEEK + loop.time or nil end }
  local comms = { propose = function(_, bucket, data)
    said[#said + 1] = { bucket = bucket, data = json.encode(data) }
    return {}
  end, dismiss = function(_, bucket)
    said[#said + 1] = { bucket = bucket }
    return {}
  end }

  -- A lazy value of which FILES[name] is the file.
  local function kept(name, data)
    local one = { read = function() return files[name] and json.decode(files[name]) end, start = function() end }
    function one.write()
      local now = data()
      if now then files[name] = json.encode(now) end
    end
    one.stop = one.write
    return one
  end

  local function counters()
    return usage.new { loop = loop, time = time, here = function() return here end, kept = kept }
  end

  describe("of one node", function()
    local own, word

    before_each(function()
      own = counters()
      word = stats_word.new { loop = loop, comms = comms, log = quiet, id = "ID", usage = own,
        facts = function() return "duckiebot", "0.1.0" end, consent = function() return agrees, "no" end }
      own:start()
      word:start()
    end)

    it("are steps of two, and what is shown is what goes", function()
      assert.same({ 0, 1, 2, 2, 3, 3, 4 }, { usage.step(0), usage.step(1), usage.step(2), usage.step(3), usage.step(4),
        usage.step(7), usage.step(8) })
      here.driving = true
      agrees = false
      loop:run_until(10 * MINUTE)
      agrees = true
      local text = word:text()
      loop:run_until(loop.time + 31 * 1000)
      assert.equal(text, said[1].data)
      assert.equal('{"drive":4,"files":0,"list":1,"mb":0,"on":4,"record":0,"starts":1,"type":"duckiebot",'
        .. '"version":"0.1.0","week":2900}', said[1].data)
      assert.equal("pri/ID/stats", said[1].bucket)
    end)

    it("are said by nobody who does not agree, nor without a proved time", function()
      agrees = false
      loop:run_until(5 * 5 * MINUTE)
      assert.same({}, said)
      agrees, proved = true, false
      loop:run_until(loop.time + 5 * 5 * MINUTE)
      assert.same({}, said)
      proved = true
      loop:run_until(loop.time + 5 * 5 * MINUTE)
      assert.is_true(#said >= 5 and #said <= 6)
    end)

    it("are taken back within two seconds when the owner does not agree any more, and stay so", function()
      loop:run_until(MINUTE)
      assert.equal(1, #said)
      agrees = false
      loop:run_until(loop.time + 2000)
      assert.equal(2, #said)
      assert.is_nil(said[2].data)
      loop:run_until(loop.time + HOUR)
      assert.equal(2, #said)
    end)

    it("begin from nothing each week, and outlive a restart within it", function()
      loop:run_until(HOUR)
      own:stop()
      own = counters()
      assert.equal(60, own.counts.on)
      loop:run_until(WEEK + MINUTE)
      own:tick()
      assert.equal(1, own.counts.on)
    end)

    it("are forgotten when that is wanted", function()
      loop:run_until(MINUTE)
      assert.is_true(word:forget())
      own:forget()
      assert.is_nil(said[2].data)
      assert.equal(0, own.counts.starts)
      assert.is_false(word:forget())
    end)

    it("begin anew where the file is none", function()
      for _, text in ipairs { "7", '{"week":-1}', '{"week":2900,"counts":7}', '{"week":2900,"counts":{"on":-5}}' } do
        files.usage = text
        assert.equal(0, counters().counts.on)
      end
    end)
  end)

  describe("of a site", function()
    local one, wanted

    local function new()
      one = gather.new { loop = loop, comms = comms, log = quiet, random = { bytes = function(_, n)
        return ("k"):rep(n - 1) .. string.char(loop.time % 251)
      end }, time = time, id = "ID", site = function() return "room" end, is_open = function() return true end,
        wanted = function() return wanted end, kept = kept }
      one:start()
    end

    before_each(function()
      wanted = true
      new()
    end)

    local function hear(id, on, more)
      local data = { list = 1, week = FIRST + loop.time // WEEK, on = on, starts = 1, type = "duckiebot" }
      for name, value in pairs(more or {}) do data[name] = value end
      one:hear { verb = "propose", signer = id, key = id, data = json.encode(data) }
    end

    local function dismiss(id) one:hear { verb = "dismiss", signer = id, key = id, data = "null" } end

    local function pass_week() loop:run_until((loop.time // WEEK + 1) * WEEK + DAY + 2 * MINUTE) end

    local function published() return said[1] and json.decode(said[1].data) end

    it("are published a day after the week, cells of fewer than five as -1, robots rounded down", function()
      for i = 1, 7 do hear("robot" .. i, 4) end
      for i = 8, 11 do hear("robot" .. i, 3) end
      hear("robot12", 1)
      loop:run_until(WEEK + DAY - MINUTE)
      assert.same({}, said)
      pass_week()
      assert.equal(1, #said)
      assert.same({ -1, -1, -1, -1, 7 }, { table.unpack(published().on) })
      assert.same({ 10, 5, 1, FIRST, "room", true }, { published().robots, published().k, published().list,
        published().week, published().site, published().open })
      pass_week()
      assert.equal(1, #said)
    end)

    it("of four robots are not published at all, and go", function()
      for i = 1, 4 do hear("robot" .. i, 3) end
      pass_week()
      assert.same({}, said)
      assert.same({}, one.weeks)
    end)

    it("hold no ID, name or address, neither in the file nor in what is published", function()
      for i = 1, 6 do hear("12D3KooWrobot" .. i, 3, { version = "10.77.0.1" }) end
      one.kept:write()
      pass_week()
      for _, text in ipairs { files.statistics, said[1].data } do
        for _, secret in ipairs { "12D3", "robot1", "10.77", "duckiebot" } do
          assert.is_nil(text:find(secret, 1, true), secret)
        end
      end
    end)

    it("lose the row of who takes it back, from the file at once, and nothing is had by subtraction", function()
      for i = 1, 6 do hear("robot" .. i, 3) end
      one.kept:write()
      local before = files.statistics
      dismiss "robot6"
      assert.not_equal(before, files.statistics)
      hear("robot5", 4)
      dismiss "robot4"
      pass_week()
      assert.same({}, said)
      for i = 1, 9 do hear("robot" .. i, 3) end
      pass_week()
      for i = 1, 9 do dismiss("robot" .. i) end
      loop:run_until(loop.time + 3 * DAY)
      assert.equal(1, #said)
    end)

    it("are published once by a daemon that starts a hundred times", function()
      for i = 1, 6 do hear("robot" .. i, 3) end
      loop:run_until(WEEK + DAY - MINUTE)
      for _ = 1, 100 do
        one:stop()
        new()
        loop:run_until(loop.time + 3 * MINUTE)
        for i = 1, 6 do hear("robot" .. i, 3, { week = FIRST }) end -- an old word of that week
      end
      assert.equal(1, #said)
    end)

    it("take no word of another week, of another list, with what is no counter, nor where none are gathered", function()
      hear("a", 3, { week = FIRST + 1 })
      hear("b", 3, { list = 2 })
      hear("c", 42)
      hear("d", -1)
      hear("e", "x")
      one:hear { verb = "propose", signer = "f", key = "g", data = '{"list":1,"week":2900}' }
      one:hear { verb = "propose", signer = "f", key = "f", data = "7" }
      wanted = false
      hear("h", 3)
      local rows = one.weeks[FIRST] and one.weeks[FIRST].rows or {}
      assert.is_nil(next(rows))
    end)

    it("begin anew where the file is none", function()
      for _, text in ipairs { "7", '{"weeks":7}', '{"weeks":[{"week":1,"key":"AA","rows":{}}]}',
        '{"done":"x","weeks":[{"week":1}]}' } do
        files.statistics = text
        new()
        assert.same({}, one.weeks)
      end
    end)
  end)
end)
