-- till.lua - a loop for specs: runs until something holds, and fails aloud where it does not. No checks.
local loop = require "loop"

local till = {}

-- → loop whose errors fail the spec in which they happen.
function till.loop()
  return loop.new { on_error = function(text) io.stderr:write(text, "\n") error(text) end }
end

local LEAST <const> = 120000 -- ms: what takes a moment at rest may take long on a busy machine

-- Runs L until holds() is true, at most LEAST, or MS where that is more.
function till.holds(L, holds, ms)
  local over
  local timer = L:after(math.max(ms or 0, LEAST), function() over = true L:stop() end)
  local beat = L:every(1, function() if holds() then L:stop() end end)
  if not holds() then L:run() end
  timer:cancel()
  beat:cancel()
  assert(not over or holds(), "it never came to hold")
end

-- Runs L for ms: for what must not happen.
function till.passed(L, ms)
  local timer = L:after(ms, function() L:stop() end)
  L:run()
  timer:cancel()
end

-- A log that keeps its lines.
function till.log()
  local lines = {}
  local log = require("log").new {
    write = function(line) lines[#lines + 1] = line end, wall = function() return 0 end, level = "debug",
  }
  function log.has(_, part)
    for _, line in ipairs(lines) do if line:find(part, 1, true) then return line end end
  end
  log.lines = lines
  return log
end

return till
