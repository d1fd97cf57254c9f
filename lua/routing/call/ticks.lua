-- call/ticks.lua - has one half of a call look again when something is due there, by an event loop. Knows no line.
local ticks = {}
ticks.__index = ticks

--- LOOP: the event loop. TICK() → ms until it wants to be called again | nil: nothing is due there.
function ticks.new(loop, tick) return setmetatable({ loop = loop, tick = tick }, ticks) end

--- Calls TICK, and sets the clock for what is due next. From inside of TICK, which may tell whoever calls this, it does
--- nothing.
function ticks:now()
  if self.ticking or self.stopped then return end
  self.ticking = true
  local ms = self.tick()
  self.ticking = nil
  if self.timer then self.timer:cancel() end
  self.timer = ms and not self.stopped and self.loop:after(math.max(ms, 1), function()
    self.timer = nil
    self:now()
  end) or nil
end

--- From here on it is not called any more.
function ticks:stop()
  self.stopped = true
  if self.timer then self.timer:cancel() end
  self.timer = nil
end

return ticks
