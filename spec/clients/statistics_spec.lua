-- statistics_spec.lua - counters told while the owner agrees: weeks in virtual time. What is made of them in a site:
-- statistics_gather_spec.lua; whole daemons: spec/e2e/consent_spec.lua.
local disk = require "core.disk"
local folder = require "spec.folder"
local json = require "core.json"
local kept = require "kept"
local kept_values = require "spec.kept_values"
local simloop = require "sim.loop"
local stats_word = require "clients.statistics.stats_word"
local usage = require "clients.statistics.usage"

local MINUTE <const>, HOUR <const>, DAY <const> = 60 * 1000, 3600 * 1000, 86400 * 1000
local WEEK <const> = 7 * DAY
local FIRST <const> = 2900 -- the week in which all begins

local quiet = { info = function() end, warn = function() end, error = function() end }

describe("statistics", function()
  local loop, said, agrees, proved, here, home, values

  before_each(function()
    loop, said, agrees, proved, here, home = simloop.new(), {}, true, true, {}, folder.new()
    values = kept_values.new { dir = home.path, loop = loop, disk = disk.real() }
  end)
  after_each(function() home.remove() end)

  local time = { proved_now = function() return proved and FIRST * WEEK + loop.time or nil end }
  local comms = { propose = function(_, bucket, data)
    said[#said + 1] = { bucket = bucket, data = json.encode(data) }
    return {}
  end, dismiss = function(_, bucket)
    said[#said + 1] = { bucket = bucket }
    return {}
  end }

  local function counters()
    return usage.new { loop = loop, time = time, here = function() return here end, kept = values.kept }
  end

  describe("of one node", function()
    local own, word

    -- The daemon starts: what it knew is what is on the disk.
    local function start()
      own = counters()
      word = stats_word.new { loop = loop, comms = comms, log = quiet, id = "ID", usage = own,
        facts = function() return "duckiebot", "0.1.0" end, consent = function() return agrees, "no" end }
      own:start()
      word:start()
    end

    -- It ends: CUT: as with its power.
    local function stop(cut)
      word:stop()
      if cut then values.cut() else own:stop() end
    end

    before_each(start)

    local function pass(ms) loop:run_until(loop.time + ms) end

    it("are steps of two, and what is shown is what goes", function()
      assert.same({ 0, 1, 2, 2, 3, 3, 4 }, { usage.step(0), usage.step(1), usage.step(2), usage.step(3), usage.step(4),
        usage.step(7), usage.step(8) })
      here.driving, here.recording = true, false
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
      stop()
      start()
      assert.equal(60, own.counts.on)
      agrees = false -- so that nobody looks each second
      loop:run_until(WEEK + MINUTE)
      assert.equal(2, own.counts.on)
    end)

    it("are forgotten when that is wanted", function()
      loop:run_until(MINUTE)
      assert.is_true(word:forget())
      own:forget()
      assert.is_nil(said[2].data)
      assert.equal(0, own.counts.starts)
      assert.is_false(word:forget())
    end)

    it("say nothing of what nobody tells, which is not 0, and 0 once somebody says no", function()
      pass(MINUTE)
      assert.is_nil(said[1].data:find "drive")
      assert.is_nil(said[1].data:find "record")
      assert.is_nil(own.counts.drive)
      here.recording = false
      pass(5 * MINUTE)
      assert.is_nil(said[2].data:find "drive")
      assert.is_truthy(said[2].data:find('"record":0', 1, true))
      here.recording = nil
      stop()
      start()
      assert.same({ 0 }, { own.counts.record, own.counts.drive })
      agrees = false -- so that nobody looks each second
      pass(WEEK)
      assert.is_nil(own.counts.record)
    end)

    it("have no more letters than a week has minutes, and than files and starts are told", function()
      own:add("on", 1 << 39)
      own:add("files", 1 << 39)
      own:add("mb", 1 << 39)
      own:add("starts", 1 << 39)
      own:add("drive", 10080)
      assert.same({ drive = 14, files = 20, mb = 24, on = 14, starts = 20 }, own:steps())
    end)

    it("begin anew where the file is none", function()
      for _, data in ipairs { 7, { week = -1 }, { week = 2900, counts = 7 }, { week = 2900, counts = { on = -5 } } } do
        values.put("usage", data)
        values.said = {}
        assert.equal(0, counters().counts.on)
        assert.matches("begun anew .*usage.damaged", values.said[1])
      end
    end)

    local function is_noted() return values.get "usage".out == true end

    it("are said once it is on the disk that they are, and not before", function()
      pass(2 * MINUTE)
      assert.is_true(is_noted())
      stop()
      os.remove(home.path .. "/usage")
      values.hold()
      start()
      said = {}
      pass(HOUR)
      assert.same({}, said)
      values.go_on()
      assert.is_true(is_noted())
      assert.equal(1, #said)
    end)

    it("do not go where the disk takes no note, which is shown, and go once it does", function()
      stop()
      values.full(true)
      start()
      pass(3 * HOUR)
      assert.same({}, said)
      local data, why = word:text()
      assert.is_nil(data)
      assert.matches("the disk does not take the note that it is told: .*ENOSPC", why)
      assert.is_true(values.tries <= 3 * 6 + 12, values.tries .. " tries to write in three hours")
      values.full(false)
      pass(HOUR + MINUTE)
      assert.is_true(#said > 1)
      assert.is_string((word:text()))
    end)

    it("do not outlive the owner's no over a restart, however it came to be", function()
      for _, cut in ipairs { true, false } do
        agrees = true
        pass(MINUTE)
        assert.is_string(said[#said].data)
        stop(cut)
        said, agrees = {}, false
        start()
        pass(2000)
        assert.same({ { bucket = "pri/ID/stats" } }, said) -- a dismissal
        pass(HOUR)
        assert.equal(1, #said)
        assert.is_false(is_noted())
        stop()
        start()
        pass(HOUR)
        assert.equal(1, #said)
      end
    end)

    it("are taken back again by a run that began before all could hear that", function()
      pass(MINUTE)
      agrees = false
      pass(10 * MINUTE)
      assert.equal(2, #said)
      stop(true)
      start()
      pass(2000)
      assert.equal(3, #said)
      assert.is_nil(said[3].data)
    end)

    it("stay out over a restart where the owner agrees, also while nobody proves the time", function()
      pass(MINUTE)
      stop(true)
      said, proved = {}, false
      start()
      pass(MINUTE)
      assert.same({}, said)
      proved = true
      pass(2000)
      assert.equal(1, #said)
      assert.is_string(said[1].data)
    end)

    it("are taken back where the file that would say so is damaged, or of another version or form", function()
      for _, line in ipairs { "x\n", (kept.encode {}:gsub('schema":1', 'schema":2')), kept.encode(7) } do
        stop()
        said, agrees = {}, false
        folder.write(home.path .. "/usage", line)
        start()
        pass(2000)
        assert.equal(1, #said)
        assert.is_nil(said[1].data)
      end
    end)

    it("are forgotten by a run that did not say them", function()
      pass(MINUTE)
      stop(true)
      said = {}
      start()
      assert.is_true(word:forget())
      assert.equal(1, #said)
      assert.is_false(word:forget())
    end)
  end)

  it("are shown and forgotten on their machine alone: no member reads from afar what the owner may not have let go",
    function()
      local marks = {}
      local handle = { node = {}, command = function(_, name, _, more) marks[name] = more or {} end }
      require "clients.statistics.requests"(handle, {})
      for _, name in ipairs { "stats", "stats-forget" } do assert.is_string(marks[name].here, name) end
    end)
end)
