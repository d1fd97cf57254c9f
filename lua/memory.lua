-- memory.lua - memory that nothing uses any more goes back to the system. Knows nobody's data.
local core = require "core"

local memory = {}

local EVERY = 30 * 1000 -- ms
local PAUSE, STEPS = 120, 400 -- Lua's collector: a cycle begins at 1.2 times what lived, and runs in few steps
local GROWN = 256 -- KiB above what was alive after the last full collection

-- Sets the collector and looks every half minute, on loop: a burst of work leaves a heap full of holes.
function memory.start(loop)
  collectgarbage("incremental", PAUSE, STEPS)
  local alive = 0
  return loop:every(EVERY, function()
    if collectgarbage "count" - alive < GROWN then return end
    collectgarbage()
    alive = collectgarbage "count"
    core.trim()
  end)
end

return memory
