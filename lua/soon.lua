-- soon.lua - of much news at once one look: what is asked for again and again is done once, a moment after the first.
local soon = {}
soon.__index = soon

--- LOOP: the event loop, or the client's; MS: how long the moment is; FN(): what is done
function soon.new(loop, ms, fn) return setmetatable({ loop = loop, ms = ms, fn = fn }, soon) end

--- It is to be done soon, unless that was asked for already.
function soon:ask()
  if self.timer or self.stopped then return end
  self.timer = self.loop:after(self.ms, function()
    self.timer = nil
    self.fn()
  end)
end

--- Was it asked for, and is still to be done?
function soon:is_asked() return self.timer ~= nil end

--- What was asked for is not done. What is asked for from now on is.
function soon:cancel()
  if self.timer then self.timer:cancel() end
  self.timer = nil
end

--- Nothing is done any more.
function soon:stop()
  self.stopped = true
  self:cancel()
end

return soon
