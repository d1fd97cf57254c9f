-- notify.lua - tells the service manager how this daemon does: ready, reloading, stopping, alive. Changes nothing.
--
-- The words are those of sd_notify(3). Where no manager asked for them (no $NOTIFY_SOCKET), nothing is said.
--
-- The watchdog ends a daemon that hangs, so that it is started again. That we live is said by a timer of the loop, so a
-- loop that no longer turns says nothing. It is also left unsaid while a write to the disk began and does not end:
-- such a daemon still answers, and loses what it is told. A disk that answers with an error is no reason: the error is
-- told in `status`, and a new start would not mend it.
local notify = {}
notify.__index = notify

local LOOK_MS = 10 * 1000 -- how often the line for people is made anew, unless the watchdog asks more often

--- given.loop, log
--- given.send         fn(text) → true | nil, text: one message to the manager; nil: nobody listens
--- given.watchdog_ms  the manager ends us when it has not heard for so long that we live; nil: it never does
--- given.still_ms     fn() → ms for which the disk has not answered a write; 0: it has answered all
--- given.line         fn() → what we do, one line for people
function notify.new(given)
  local self = setmetatable({ unstuck = true }, notify)
  for _, name in ipairs { "loop", "log", "send", "watchdog_ms", "still_ms", "line" } do self[name] = given[name] end
  return self
end

--- What $WATCHDOG_USEC says, in ms, or nil.
function notify.watchdog(text)
  local micro = math.tointeger(tonumber(text))
  return micro and micro >= 1000 and micro // 1000 or nil
end

-- → was it taken?
local function say(self, text)
  if not self.send then return true end
  local ok, why = self.send(text)
  if ok then
    self.log:forget "notify"
  else
    self.log:once("notify", "warn", "node", "the service manager takes no word", { why = why })
  end
  return ok
end

-- What the manager waits for is said again at the next look if it was not taken.
local function tell_state(self, text) self.unsaid = not say(self, text) and text or nil end

local function look(self)
  if self.unsaid then tell_state(self, self.unsaid) end
  self:status(self.line())
  self:alive()
end

--- All that others may ask for is open, or open again after a reload.
function notify:ready()
  if not self.send then return end
  self.told = self.line()
  tell_state(self, "READY=1\nSTATUS=" .. self.told)
  if self.timer then return end
  local every = math.min(LOOK_MS, self.watchdog_ms and self.watchdog_ms // 2 or LOOK_MS)
  self.timer = self.loop:every(every, function() look(self) end)
end

--- The policy is read again, or the program starts anew in this process; ready() follows.
function notify:reloading()
  tell_state(self, ("RELOADING=1\nMONOTONIC_USEC=%d"):format(self.loop:micro()))
  self:alive() -- a new start in this process has all of the watchdog's time before it
end

--- The end of it, in good order.
function notify:stopping()
  say(self, "STOPPING=1\nSTATUS=stopping")
  self:close()
end

--- LINE, if it says something new.
function notify:status(line)
  if line == self.told then return end
  self.told = line
  say(self, "STATUS=" .. line)
end

--- Says that we live, if that is so: see above.
function notify:alive()
  if not self.watchdog_ms then return end
  local ms = self.still_ms()
  local unstuck = ms <= self.watchdog_ms
  if unstuck then say(self, "WATCHDOG=1") end
  if unstuck == self.unstuck then return end
  self.unstuck = unstuck
  if unstuck then return self.log:info("node", "the disk answers again") end
  self.log:error("node", "the disk does not answer: the watchdog will end this daemon", { seconds = ms // 1000 })
end

function notify:close()
  if self.timer then self.timer:cancel() end
  self.timer = nil
end

return notify
