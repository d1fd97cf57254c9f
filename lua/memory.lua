-- memory.lua - memory that nothing uses any more goes back to the system. Knows nobody's data.
local core = require "core"

local memory = {}

local EVERY = 30 * 1000 -- ms
local FIRST = 2000 -- ms: by then the node has started, which leaves much behind
local PAUSE, STEPS = 120, 4 -- Lua's collector: a cycle begins at 1.2 times what lived; then it does as little for each
-- allocation as it can be told: that is many times what lives, and yet some milliseconds where a turn allocates much
local GROWN = 256 -- KiB above what was alive after the last full collection
local STEP = 128 -- KiB: so much of a cycle is done in a turn, about a millisecond
local CYCLES = 2 -- one that had begun before leaves what died since

-- A full collection a step a turn, so that a large heap does not hold up the loop; then DONE().
local function collect(loop, done)
  local cycles = 0
  local function step()
    if collectgarbage("step", STEP) then cycles = cycles + 1 end
    if cycles >= CYCLES then return done() end
    loop:post(step)
  end
  step()
end

-- Sets the collector and looks soon, then every half minute, on loop: a burst of work leaves a heap full of holes.
function memory.start(loop)
  collectgarbage("incremental", PAUSE, STEPS)
  local alive, collecting = 0, false
  local function look()
    if collecting or math.abs(collectgarbage "count" - alive) < GROWN then return end
    collecting = true
    collect(loop, function()
      alive, collecting = collectgarbage "count", false
      core.trim()
    end)
  end
  loop:after(FIRST, look)
  return loop:every(EVERY, look)
end

return memory
