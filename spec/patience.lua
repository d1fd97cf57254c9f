-- patience.lua - waits as long as a busy machine needs, and measures what a loop did, not what others did. No checks.
local uv = require "luv"

local patience = {}

-- A bar in seconds is for a machine at rest; a spec waits so many times as long before it says that nothing came.
patience.TIMES = 6

-- The least bar for what several processes have to do: each of them waits for a processor on a busy machine.
patience.LEAST = 5

-- Seconds of a clock that never goes back.
function patience.now() return uv.hrtime() / 1e9 end

local NO_ANSWER <const> = "attempt to index a nil value"

-- What TEST returns | nil, fault: it looked into an answer that was not there, as a daemon gives none that only starts;
-- it may hold later. Any other fault is thrown at once: what must never be is seen by one look.
function patience.look(test)
  local where
  local ok, found = xpcall(test, function(fault)
    where = debug.traceback("", 2)
    return fault
  end)
  if ok then return found end
  if type(found) == "string" and found:find(NO_ANSWER, 1, true) then return nil, found end
  print((where:gsub("\n", "\n# ")))
  error(found, 0)
end

-- Seconds until TEST holds (what it returned comes second), or nil after TIMES × BAR seconds. Asks each PAUSE s (0.1).
function patience.within(bar, test, pause)
  local began = patience.now()
  while true do
    local found, fault = patience.look(test)
    if found then return patience.now() - began, found end
    uv.sleep(math.floor((pause or 0.1) * 1000))
    if patience.now() - began > bar * patience.TIMES then
      if fault then print("# the last look: " .. fault) end
      return nil
    end
  end
end

-- What MEASURE() gives, which is to be less than BAR: the least of up to five times, since a machine that stands still
-- only adds.
function patience.least(bar, measure)
  local least, tries = math.huge, 0
  repeat least, tries = math.min(least, measure()), tries + 1 until least < bar or tries == 5
  return least
end

-- Says what something took beside its bar, as a comment among the test results; a bar that load moved fails nothing.
function patience.took(what, seconds, bar)
  print(("# %s: %.2f s (at rest at most %g s)"):format(what, seconds, bar))
end

-- ms that the host of this virtual machine had its processors (proc(5), stat: `steal`), 0 if unknown.
local function stolen()
  local file <close> = io.open "/proc/stat"
  local ticks = file and (file:read "l" or ""):match("^cpu" .. (" +%d+"):rep(7) .. " +(%d+)")
  return (tonumber(ticks) or 0) * 10
end

-- ms in which this thread could have run and others had the processors (proc(5), schedstat), 0 if unknown.
local function kept_waiting()
  local file = io.open "/proc/thread-self/schedstat"
  if not file then return 0 end
  local _, waited = file:read("n", "n")
  file:close()
  return (waited or 0) / 1e6 + stolen()
end

-- Beats each 5 ms of LOOP from now on. → stop() → the longest time in ms between two of them, less what the thread
-- waited for a processor meanwhile.
function patience.beats(loop)
  local last, waited, longest = uv.hrtime() / 1e6, kept_waiting(), 0
  local function beat()
    local now, w = uv.hrtime() / 1e6, kept_waiting()
    longest = math.max(longest, now - last - (w - waited))
    last, waited = now, w
  end
  local timer = loop:every(5, beat)
  return function()
    timer:cancel()
    beat()
    return longest
  end
end

return patience
