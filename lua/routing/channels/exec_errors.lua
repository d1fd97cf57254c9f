-- exec_errors.lua - what a channel's program says on its standard error: for the log, and bounded. Starts no program.
local core_text = require "core.text"
local token_bucket = require "token_bucket"

local exec_errors = {}
exec_errors.__index = exec_errors

local LOGGED <const> = { rate = 2048, burst = 8000 } -- bytes that are logged, a second and at once
local READ <const> = { rate = 1 << 15, burst = 1 << 16 } -- that are read: who says more has to wait
local LINE_MAX <const>, LAST_MAX <const> = 400, 80 -- characters of a line in the log, and of the last in a reason

-- Its standard error is for who looks for a fault, and may not fill the log.
local function log_line(self, line)
  local shown = core_text.escape(line, LINE_MAX)
  self.last = core_text.escape(line, LAST_MAX)
  if self.logged:take(#shown) then
    self.log:debug("routing", "a channel's program says", { program = self.program, text = shown })
  else
    self.refused.full = (self.refused.full or 0) + 1
  end
end

--- BYTES came.
function exec_errors:take(bytes)
  for line in bytes:gmatch "[^\r\n]+" do log_line(self, line) end
  self.read:charge(#bytes)
  if self.read:left() >= 0 or self.timer then return end
  self.rest(true)
  self.timer = self.loop:after(self.read:wait(0), function()
    self.timer = nil
    self.rest(false)
  end)
end

--- The program is gone.
function exec_errors:cancel()
  if self.timer then self.timer:cancel() end
end

--- For one life of a program.
---   loop, log
---   program         text: its name
---   refused         counters by code: what was not logged counts as "full"
---   rest            fn(is_rest): reads no more of it; goes on
--- → with last = the last line, as people are shown it, or nil
function exec_errors.new(given)
  local function bucket(of)
    return token_bucket.new { now = function() return given.loop:now() end, rate = of.rate, burst = of.burst }
  end
  return setmetatable({ loop = given.loop, log = given.log, program = given.program, refused = given.refused,
    rest = given.rest, logged = bucket(LOGGED), read = bucket(READ) }, exec_errors)
end

return exec_errors
