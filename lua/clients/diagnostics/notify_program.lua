-- notify_program.lua - runs the owner's program `notify` with what happened: one at a time, for ten seconds at most.
-- Chooses no news, and knows none.
--
-- A policy says what is worth telling, and never by which program: that is a file of this name, beside the user's or
-- the system's policy, which only root or this user can change (routing/channels/owned.lua).
local json = require "core.json"

local notify_program = {}
notify_program.__index = notify_program

local NAME <const> = "notify"
local GATHER <const> = 2000 -- ms from the first change until it is told: others may come with it
local MINUTE <const> = 60 * 1000 -- between two runs
local TIME <const> = 10 * 1000 -- ms for one run
local WAITING_MAX <const> = 256 -- changes that wait; the oldest goes first
local OUTPUT_MAX <const> = 64 * 1024 -- bytes that it may write; nobody reads them

--- given.loop, log
--- given.find   fn(name) → path | nil, text, code: the program as it may be run now (routing/channels/programs.lua)
--- given.spawn  fn(options) → child (lua/child_process.lua) | nil, text
function notify_program.new(given)
  return setmetatable({ loop = given.loop, log = given.log, find = given.find, spawn = given.spawn, waiting = {},
    dropped = 0, runs = 0 }, notify_program)
end

--- Is there one? → path | nil, text, code ("missing": there is none; else what is there may not be run)
function notify_program:path() return self.find(NAME) end

-- What is wrong with it is said once, until it is another thing.
local function complain(self, why)
  if self.complained == why then return end
  self.complained = why
  self.log:warn("diagnostics", "notify is not run", { why = why })
end

local function run_later(self)
  if self.timer or self.child or not self.waiting[1] then return end
  local rest = self.ran and self.ran + MINUTE - self.loop:now() or 0
  self.timer = self.loop:after(math.max(GATHER, rest), function()
    self.timer = nil
    self:run()
  end)
end

local function ended(self, code, signal, why)
  self.limit:cancel()
  self.child = nil
  if why or code ~= 0 or signal ~= 0 then
    complain(self, why or ("it ended with %s %d"):format(signal ~= 0 and "signal" or "exit code",
      signal ~= 0 and signal or code))
  else
    self.complained = nil
  end
  run_later(self)
end

-- → true | nil, text
local function start(self, path, line)
  local written, why = 0, nil
  local function stop(reason)
    why = why or reason
    if self.child then self.child:kill() end
  end
  local function count(bytes)
    written = written + #bytes
    if written > OUTPUT_MAX then stop(("it wrote more than %d KiB, and was ended"):format(OUTPUT_MAX // 1024)) end
  end
  local text
  self.child, text = self.spawn { path = path, on_output = count, on_error_output = count, on_sent = function() end,
    on_exit = function(code, signal) ended(self, code, signal, why) end }
  if not self.child then return nil, text end
  self.limit = self.loop:after(TIME, function() stop "it took longer than 10 s, and was ended" end)
  self.child:write(line)
  self.child:end_input()
  return true
end

--- Runs it with what waits.
function notify_program:run()
  local path, why, code = self.find(NAME)
  if not path then
    self.waiting = {}
    if code ~= "missing" then complain(self, why) end
    return
  end
  local line = json.encode { changes = json.array(self.waiting), dropped = self.dropped > 0 and self.dropped or nil,
    schema = 1 } .. "\n"
  self.ran, self.runs = self.loop:now(), self.runs + 1
  local ok
  ok, why = start(self, path, line)
  if ok then
    self.waiting, self.dropped = {}, 0
  else -- this machine has no room for it now: what waits is told a minute later
    complain(self, why)
    run_later(self)
  end
end

--- CHANGE (as core.json can hold it) is to be told, with others of the same minute.
function notify_program:tell(change)
  table.insert(self.waiting, change)
  if #self.waiting > WAITING_MAX then
    table.remove(self.waiting, 1)
    self.dropped = self.dropped + 1
  end
  run_later(self)
end

function notify_program:stop()
  if self.timer then self.timer:cancel() end
  if self.limit then self.limit:cancel() end
  if self.child then self.child:close() end
end

return notify_program
