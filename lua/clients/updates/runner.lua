-- runner.lua - runs a handler of updates: one at a time on this machine, ended in time, the end of its output kept.
-- Knows no release, nor what the end of one means.
--
-- A handler may outlive this daemon: it may be what replaces it. So nothing on which it stands is a part of ours:
-- timeout(1) ends it and all of its process group, tail(1) takes its output, and a lock, which it holds as its
-- descriptor 3, tells the next daemon that it is still at work. A shell that outlives us too puts them together.
local last_line = require "clients.updates.last_line"

local runner = {}
runner.__index = runner

local OUTPUT_MAX <const> = 10 * 1024 -- bytes, of the end of what it wrote
local KILL <const> = 10 -- s from the request to end until it is ended
local LATE <const> = 20 -- s beyond that after which nobody waits for it any more
local REST_MS <const> = 2000 -- from its end until nobody waits for what its children still write
local POLL_MS <const> = 1000 -- between two looks whether another one still runs
local BUSY_MOST <const> = 60 * 1000 -- ms of looking for it at a time
local SLOW <const> = { [124] = true, [137] = true } -- how timeout(1) and KILL end one

-- Lock, pipe and process group are given back in this order: who finds the lock free finds all ended that did not leave
-- the group; who left it may hold the pipe, and then only the output comes late.
local SCRIPT <const> = [[
cd "$4" && unset OLDPWD && rm -f "$5.pipe" && mkfifo -m 600 "$5.pipe" || { echo 126; exit; }
umask 077
tail -c "$6" <"$5.pipe" >"$5" 2>/dev/null 3>&- &
exec 4>"$5.pipe"
rm -f "$5.pipe"
timeout -k "$7" "$1" "$2" "$3" </dev/null >&4 2>&4 4>&- &
group=$!
exec 4>&-
wait $group
code=$?
kill -s KILL -- -$group 2>/dev/null
exec 3>&-
echo $code
exec >&- 2>&-
wait
]]

--- given.loop   the event loop
--- given.disk   core.disk's
--- given.spawn  fn(options) → child (lua/child_process.lua) | nil, text
--- given.dir    absolute path of STATE/updates
function runner.new(given)
  return setmetatable({ loop = given.loop, disk = given.disk, spawn = given.spawn, dir = given.dir }, runner)
end

-- Where the end of what a handler wrote is kept.
function runner:output_path() return self.dir .. "/output" end

--- The last line that the last handler wrote, as it may be printed | nil
function runner:last_line()
  return last_line(self.disk:read(self:output_path(), OUTPUT_MAX) or "")
end

-- An answer comes once, and after a stop none.
local function once(self, timers, done)
  return function(code)
    for _, timer in ipairs(timers) do timer:cancel() end
    local tell = done
    done = nil
    if tell and not self.stopped then tell(code) end
  end
end

local function code_of(said) return tonumber(said:match "^(%d+)\n") end

local function start(self, lock, one, done)
  local said, began, timers = "", self.loop:now(), {}
  local answer = once(self, timers, function(code)
    local is_slow = not code or SLOW[code] and self.loop:now() - began >= one.limit * 1000
    done(is_slow and "slow" or code)
  end)
  local function hear(bytes)
    said = (said .. bytes):sub(1, 8)
    if not code_of(said) or timers[2] then return end
    timers[2] = self.loop:after(REST_MS, function() answer(code_of(said)) end)
  end
  local child, why = self.spawn { path = "/bin/sh", held = lock:number(), inherited = { "PATH" },
    environment = one.environment,
    args = { "-c", SCRIPT, "sh", tostring(one.limit), one.path, one.verb, one.folder, self:output_path(),
      tostring(OUTPUT_MAX), tostring(KILL) },
    on_output = hear, on_error_output = function() end, on_sent = function() end,
    on_exit = function(code) answer(code_of(said) or code ~= 0 and code or 126) end }
  if not child then return done(nil, why) end
  timers[1] = self.loop:after((one.limit + KILL + LATE) * 1000, function() answer(nil) end)
end

--- Runs ONE: { path, verb, folder = that it runs in, environment = array of "NAME=value", limit = s }.
--- DONE(code) when it ended by itself; DONE("slow"): it was ended, or cannot be; DONE("busy"): another one still runs;
--- DONE(nil, text): it could not be started. Nothing is told after stop(), and it runs on.
function runner:run(one, done, waited)
  if self.stopped then return end
  local lock, why, code = self.disk:lock(self.dir .. "/lock")
  if lock then
    self.is_busy = nil
    start(self, lock, one, done)
    return lock:close() -- the child holds it
  end
  if code ~= "EWOULDBLOCK" and code ~= "EAGAIN" then return done(nil, why) end
  self.is_busy, waited = true, waited or 0
  if waited >= BUSY_MOST then return done "busy" end
  self.timer = self.loop:after(POLL_MS, function() self:run(one, done, waited + POLL_MS) end)
end

--- Is another one, which was found at work when this was to run one, still at work?
function runner:is_held()
  if not self.is_busy then return false end
  local lock = self.disk:lock(self.dir .. "/lock")
  if not lock then return true end
  lock:close()
  self.is_busy = nil
  return false
end

function runner:stop()
  self.stopped = true
  if self.timer then self.timer:cancel() end
end

return runner
