-- history_spec.lua - the power goes while a node remembers how its body was: of the hours none is lost that was over
-- half an hour before, and the next start goes on. On images of a disk.
local atomic_write = require "atomic_write"
local disk = require "core.sim"
local history = require "clients.diagnostics.history"
local kept = require "kept"
local simloop = require "sim.loop"
local worker = require "worker"

local MINUTE <const>, HOUR <const> = 60 * 1000, 3600 * 1000
local EPOCH <const> = 500000 -- hours since 1970 when all begins
local CUTS <const> = os.getenv "DT_SWARM_SOAK" and 300 or 50
local ALLOWED <const> = 30 * MINUTE

describe("the history of a body after a power cut", function()
  -- A history on disk D, whose loop begins at AT.
  local function open(d, at)
    local loop = simloop.new()
    loop.time = at
    local log = { warn = function(_, _, what) error(what) end }
    local one = { loop = loop }
    one.history = history.new { loop = loop, of = function(name) return name == "load1" and 1.5 or nil end,
      time = { proved_now = function() return EPOCH * HOUR + loop.time end },
      kept = function(name, data)
        return kept.new_lazy { loop = loop, disk = d, log = log, dir = "/state", name = name, data = data,
          date = function() return "D" end, atomic_write = atomic_write.new { disk = d, log = log,
            start = function() return worker.new { loop = loop, inline = true } end } }
      end }
    one.history:start()
    return one
  end

  local function run(one, minutes)
    for _ = 1, minutes do
      one.loop:run_until(one.loop.time + MINUTE)
      one.history:look()
    end
  end

  -- Hours by number, as the next start knows them.
  local function known(d, at)
    local set = {}
    for _, row in ipairs(open(d, at).history:all_hours()) do
      assert.same({ 1.5, 1.5, 1.5 }, row.values[4])
      set[row.hour] = true
    end
    return set
  end

  it("has all hours up to half an hour before, whenever it was", function()
    local least = math.huge
    for seed = 1, CUTS do
      local d = disk.memory(seed)
      assert(d:mkdir "/state")
      assert(d:sync_directory "/")
      local at = 0
      for _ = 1, 3 do -- switched off twice before
        local minutes = 100 + seed * 37 % 400
        local one = open(d, at)
        run(one, minutes)
        at = at + minutes * MINUTE
        d = d:crash(seed + at)
      end
      local hours = known(d, at)
      for hour = 0, (at - ALLOWED) // HOUR - 1 do
        assert.is_true(hours[EPOCH + hour], ("seed %d: hour %d of %d"):format(seed, hour, at // HOUR))
      end
      least = math.min(least, at // HOUR)
    end
    assert.is_true(least >= 5)
  end)
end)
