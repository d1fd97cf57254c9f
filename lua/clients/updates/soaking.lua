-- soaking.lua - is a robot well with what was applied? Looks at its health until it was well for long, or is not well.
-- Counts seconds; keeps nothing and does nothing itself.
local soaking = {}
soaking.__index = soaking

local LOOK <const> = 30 -- s between two looks at the health, at most: the last one comes when the soak is over
local UNKNOWN <const> = 10 * 60 -- s of running beyond the soak after which `unknown` decides
local KEEP <const> = 60 -- s of soak that a power cut may take
local SHORT <const> = 60 -- s: a start that lasts less counts as one more that came to nothing

--- given.loop, checks, healthy  as machine.lua has them
--- given.now  what is under way, as machine.lua keeps it
function soaking.new(given)
  local now = given.now
  local ran = now.ran or 0 -- none: begun by an earlier version
  return setmetatable({
    loop = given.loop,
    checks = given.checks,
    healthy = given.healthy,
    now = now,
    soaked = now.soaked,
    ran = ran,
    starts = now.starts,
    noes = 0,
    began = given.loop:now(),
    kept_soak = now.soaked,
    kept_ran = ran,
  }, soaking)
end

--- One look, GAP s after the last one: → "commit", or "back" and the reason | nil: it goes on
function soaking:look(gap)
  local now = self.now
  local yes, why = self.healthy(now.before, self.checks())
  self.ran = self.ran + gap
  if yes == false then
    self.soaked, self.noes = 0, self.noes + 1
    return self.noes >= 2 and "back" or nil, why
  end
  self.noes = 0
  if yes then self.soaked = self.soaked + gap end
  if yes and self.soaked >= now.soak then return "commit" end
  if self.ran >= now.soak + UNKNOWN then
    return now.unknown == "commit" and "commit" or "back", why or "nobody can tell whether it is healthy"
  end
end

--- What is to be kept of it now: fn(now) | nil: nothing new since the last minute.
function soaking:change()
  local run_long = self.loop:now() - self.began >= SHORT * 1000
  if self.ran // KEEP == self.kept_ran // KEEP and self.soaked >= self.kept_soak
    and not (run_long and self.starts > 0) then
    return nil
  end
  local soaked, ran, starts = self.soaked, self.ran, run_long and 0 or self.starts
  self.kept_soak, self.kept_ran, self.starts = soaked, ran, starts
  return function(now) now.soaked, now.ran, now.starts = soaked, ran, starts end
end

--- s until the next look
function soaking:gap()
  local left = self.now.soak - self.soaked
  return self.noes == 0 and left > 0 and math.min(LOOK, left) or LOOK
end

return soaking
