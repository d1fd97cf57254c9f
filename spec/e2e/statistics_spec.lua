-- statistics_spec.lua - what a server makes of the counters of its site: whole daemons whose wall clocks are
-- libfaketime's, on a disk of their own. Robots are keys that a program here signs with.
-- mostly waits: for starts, and for sums that must not come
local folder = require "spec.folder"
local json = require "core.json"
local kept = require "kept"
local labs = require "spec.labs"
local swarm = require "spec.e2e.swarm"

local WEEK <const>, DAY <const>, HOUR <const> = 604800, 86400, 3600
-- Of the week in which all begins: the next one, since a clock from before the build counts for nothing.
local NUMBER <const> = os.time() // WEEK + 1
local MIDDLE <const> = NUMBER * WEEK + 3 * DAY
local OVER <const> = (NUMBER + 1) * WEEK + DAY + 13 * HOUR
local LOOKED <const> = 12 -- s after a start: it looked

local POLICY <const> = 'local p = extend "server"\np.clock = "system"\np.site = "room"\nreturn p\n'

local function library() return swarm.sh "ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null":match "%S+" end

describe("a server that gathers", function()
  local s, why, me, state

  local function start(at)
    s:start("server", s.dir .. "/p.lua", ("LD_PRELOAD=%s FAKETIME='@%s' DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1"):format(
      library(), os.date("%Y-%m-%d %H:%M:%S", at)))
    assert(s.within(20, function() return s:ask("server", "status") ~= nil end), s:logs())
    me = me or s:ask("server", "discover").nodes[1].id
  end

  local function stop(signal) assert(s:stop("server", signal)) end

  setup(function()
    if not library() then
      why = "libfaketime is not here: core/need.sh test installs it"
      return
    end
    s, why = swarm.new { "server" }
    if not s then return end
    s.sh(("cp policies/*.lua %s"):format(s.dir))
    folder.write(s.dir .. "/p.lua", POLICY)
    state = s:disk("server", "state", 24) .. "/"
  end)
  teardown(function() if s then s:close() end end)

  -- What of robot I is said AT: TOLD = DATA | nil: it is taken back.
  local function line(i, at, told)
    local robot = labs.key("robot " .. i)
    return labs.sign(robot, "duckietown", { bucket = ("pri/%s/stats"):format(robot:id()), at = at * 1000,
      data = told and { list = 1, week = NUMBER, on = told, starts = 1 } }).line
  end

  local function offer(lines)
    local answer = s:request("server", { command = "offer", lines = json.array(lines) })
    for i, result in ipairs(answer.results) do assert.is_nil(result.word, i .. " " .. tostring(result.text)) end
  end

  -- The sums that are held, and how many seconds ago they were said | nil
  local function published()
    local record = s:ask("server", ("record show pri/%s/info/statistics %s"):format(me, me))
    local one = record and record.holds and record.proposals[1]
    return one and { data = one.data, age = one.statements[1].age_ms / 1000 } or nil
  end

  local function fill()
    for _, size in ipairs { "64k", "1k" } do
      s.sh(("dd if=/dev/zero of=%sfull bs=%s oflag=append conv=notrunc; sync -f %sfull"):format(state, size, state))
    end
  end

  -- 12 robots: 7 at 3, 4 at 5, 1 at 14; and one who takes it back, whose row must be in nothing.
  local function crowd()
    local lines = {}
    for i = 1, 13 do lines[i] = line(i, MIDDLE, i <= 7 and 3 or i <= 11 and 5 or 14) end
    offer(lines)
  end

  it("keeps no ID, and drops the row of who takes it back", function()
    if not s then return pending(why) end
    start(MIDDLE)
    crowd()
    stop "TERM"
    local text = folder.read(state .. "statistics")
    local _, rows = text:gsub('"starts"', "")
    assert.equal(13, rows)
    for i = 1, 13 do assert.is_nil(text:find(labs.key("robot " .. i):id(), 1, true)) end
    start(MIDDLE + HOUR)
    offer { line(13, MIDDLE + HOUR) }
    assert(s.within(2, function()
      local _, left = folder.read(state .. "statistics"):gsub('"starts"', "")
      return left == 12
    end), "the row stands in the file")
    stop "TERM"
  end)

  it("publishes nothing on a full disk, says so, and once when that has room, however often it starts", function()
    if not s then return pending(why) end
    fill()
    start(OVER)
    fill() -- what the start gave back
    assert(s.within(LOOKED, function() return s:logs():find "not published: the disk does not take" end), s:logs())
    assert.is_nil(published())
    s.sh(("rm -f %sfull"):format(state)) -- it tries again in a minute, and has none
    stop "KILL"
    start(OVER + HOUR)
    assert(s.within(LOOKED, published), s:logs())
    local cells = json.decode "[-1,-1,-1,7,-1,-1,-1,-1,-1,-1,-1,-1,-1,-1,-1]"
    assert.same({ 10, "room", NUMBER, cells }, { published().data.robots, published().data.site, published().data.week,
      published().data.on })
    for i = 1, 2 do
      stop(i == 1 and "KILL" or "TERM")
      start(OVER + (1 + i) * HOUR)
      os.execute("sleep " .. LOOKED)
      assert.is_true(published().age > i * HOUR - 60, "it was said again")
    end
    stop "TERM"
  end)

  it("begins anew where its file has another form: it is renamed and said, and all else goes on", function()
    if not s then return pending(why) end
    folder.write(state .. "statistics", kept.encode { weeks = { 5 } })
    start(OVER + 9 * HOUR)
    assert.is_truthy(s:logs():find "a file is damaged: begun anew", s:logs())
    assert.is_truthy(s.sh("ls " .. state):find "statistics%.damaged%-")
    assert.is_table(s:ask("server", "stats show"))
    stop "TERM"
  end)
end)
