-- deadline.lua - how long a file keeps its place while nobody who has it can be asked. Sets no timer, ends nothing.
local deadline = {}
deadline.__index = deadline

--- given.loop     the event loop
--- given.most     ms without progress after which the file is given up (nil: never)
--- given.stall    ms in which nobody could be asked, after which it is given up (nil: never)
--- given.alone    the same while no other file waits for its place (nil: stall)
--- given.pressed  fn() → does another file wait for its place?
--- given.silent   fn() → the most ms without progress while nobody gives anything, or nil: given.most
function deadline.new(given)
  local self = setmetatable({ waited = 0, moved_at = given.loop:now() }, deadline)
  for _, name in ipairs { "loop", "most", "stall", "alone", "silent", "pressed" } do self[name] = given[name] end
  return self
end

-- Something came.
function deadline:moved() self.moved_at = self.loop:now() end

-- A leaf is there.
function deadline:arrived() self.moved_at, self.waited = self.loop:now(), 0 end

-- Somebody could be asked.
function deadline:asked()
  if self.since then self.waited = self.waited + self.loop:now() - self.since end
  self.since = nil
end

-- MS went by in which somebody was asked over a stream that did not come about: that is as if nobody was. Of
-- what was asked at the same time it counts once.
function deadline:in_vain(ms)
  local now = self.loop:now()
  local from, first, last = now - ms, self.vain_from, self.vain_till
  if last and from < last then
    self.waited = self.waited + now - last + math.max(first - from, 0)
    from = math.min(first, from)
  else
    self.waited = self.waited + ms
  end
  self.vain_from, self.vain_till = from, now
end

-- Is it over `stall` that nobody could be asked?
function deadline:is_long()
  local past = self.waited + (self.since and self.loop:now() - self.since or 0)
  return self.stall ~= nil and past >= self.stall
end

-- Nobody can be asked from here on. → ms until it is to be given up
function deadline:waits()
  local now = self.loop:now()
  self.since = self.since or now
  local stall = self.alone and not self.pressed() and self.alone or self.stall
  local most = self.silent and self.silent() or self.most
  return math.min(most and self.moved_at + most or math.maxinteger,
    stall and self.since + stall - self.waited or math.maxinteger) - now
end

return deadline
