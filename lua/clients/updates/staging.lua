-- staging.lua - has releases that are here made ready by their kind: looked at (`check`), then unpacked beside what is
-- in force (`stage`). One for each place: the newer release has it. Applies nothing.
local staging = {}
staging.__index = staging

--- given.loop
--- given.kinds    fn(kind) → run(verb, job, done) | nil
--- given.is_busy  fn() → is an update under way here, or can none be? Then nothing is made ready.
--- given.slow     fn() → a slow back-off
--- given.news     fn(): one became ready, or may be tried again
function staging.new(given)
  local self = setmetatable({ holders = {}, ready = {} }, staging)
  for _, name in ipairs { "loop", "kinds", "is_busy", "slow", "news" } do self[name] = given[name] end
  return self
end

-- Of a release that its signer took back nothing is known any more but the place that it had.
local function place_of(one)
  local data = one.row.release.data
  if data then one.place = data.kind .. " " .. (data.target or one.row.name) end
  return one.place
end

local function is_newer(a, b)
  if a.row.seq ~= b.row.seq then return a.row.seq > b.row.seq end
  return a.row.run > b.row.run
end

--- Is the release of the run ONE ready to be applied?
function staging:is_staged(one) return self.ready[place_of(one)] == one end

local function try_again_later(self, one, why)
  local timer
  one.stage_why = why
  one.stage_slow = one.stage_slow or self.slow()
  function one.stage_again()
    one.stage_again = nil
    timer:cancel()
    if self.stopped then return end
    if self.holders[place_of(one)] == one then self.holders[place_of(one)] = nil end
    self.news()
  end
  timer = self.loop:after(one.stage_slow:next(), one.stage_again)
end

local function perform(self, one, verb, refused, next)
  local run = self.kinds(one.row.release.data.kind)
  if not run then return refused "its kind is not here any more" end
  run(verb, one:job(), function(answer, why)
    if self.stopped or self.holders[place_of(one)] ~= one then return end
    if answer == "ok" and one.row.release.data then return next() end
    if answer == "later" then return try_again_later(self, one, why) end
    self.holders[place_of(one)] = nil
    refused(why)
  end)
end

--- Has the release of the run ONE made ready. REFUSED(why): it never can be.
function staging:stage(one, refused)
  local place = place_of(one)
  local holder = self.holders[place]
  if self.is_busy() or holder == one then return end
  if holder and is_newer(holder, one) and holder:is_open() then
    one.stage_why = ("%s is made ready in its place"):format(holder.key)
    return
  end
  self.holders[place], self.ready[place], one.stage_why = one, nil, nil
  perform(self, one, "check", refused, function()
    perform(self, one, "stage", refused, function()
      self.ready[place], one.stage_slow = one, nil
      self.news()
    end)
  end)
end

--- What kept the release of the run ONE from being made ready may be mended: where it waits for that, it is tried now.
function staging.hurry(_, one)
  if one.stage_again then one.stage_again() end
end

--- The run ONE is over, or does not count any more: its place is free.
function staging:free(one)
  local place = one.row and one.row.release and place_of(one)
  if not place or self.holders[place] ~= one then return end
  self.holders[place], self.ready[place] = nil, nil
end

function staging:stop() self.stopped = true end

return staging
