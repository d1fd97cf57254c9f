-- memory_spec.lua - after a burst of work the heap shrinks by itself, and a node at rest does nothing. No daemon.
local core = require "core"
local simloop = require "sim.loop"
local memory = require "memory"

local function private()
  local file = assert(io.open "/proc/self/smaps_rollup")
  local kib = file:read "a":match "Private_Dirty:%s+(%d+)"
  file:close()
  return math.tointeger(tonumber(kib))
end

describe("memory that nothing uses", function()
  local trim = core.trim
  after_each(function()
    core.trim = trim
    collectgarbage("incremental", 200, 100)
  end)

  it("goes back to the system within half a minute", function()
    local loop = simloop.new()
    memory.start(loop)
    loop:run_until(31000)
    local before = private()
    collectgarbage "stop"
    for i = 1, 200000 do local _ = { tostring(i) } end
    local full = private()
    collectgarbage "restart"
    assert(full > before + 8000, full - before)
    loop:run_until(62000)
    assert(private() < before + (full - before) // 4, ("%d %d %d"):format(before, full, private()))
  end)

  it("is not looked for where nothing was used", function()
    local loop, trims = simloop.new(), 0
    core.trim = function() trims = trims + 1 end
    memory.start(loop)
    loop:run_until(3600 * 1000)
    assert(trims <= 2, trims)
  end)
end)
