-- wants.lua - short IDs that are missing here and that somebody on one channel holds: asked for until they came.
--
-- Questions and answers may be lost, so each is asked again some times; but where the channel is a medium, others hear
-- the answers too, so what somebody else asked for is only waited for. Few are under way at a time: what is asked
-- waits at the other end for its turn, and might come meanwhile by another way.
local bounded = require "bounded"

local wants = {}
wants.__index = wants

local LOOK = 250 -- ms
local MISSING_MAX = 4096 -- that are remembered of one channel; the rest is found by the next exchange
local TRIES = 4 -- times that one is asked for
local BATCHES = 2 -- questions under way
local HOLDERS_MAX = 64 -- of whom it is known whether they give what they list
local LIES = 64 -- IDs that may not come from somebody of whom none came; what else he listed is forgotten then

--- given.loop
--- given.has   fn(short) → is it held here by now?
--- given.ask   fn(shorts, holder): says that these are wanted of HOLDER, an ID
--- given.idle  fn() → ms without an answer after which what was asked is lost
--- given.most  of one question
--- given.over  fn() → has the channel gone?
function wants.new(given)
  return setmetatable({ loop = given.loop, has = given.has, send = given.ask, idle = given.idle, most = given.most,
    over = given.over, by_short = {}, list = {}, batch = 0, under_way = 0, active = 0,
    holders = bounded.new { limit = HOLDERS_MAX } }, wants)
end

-- How many of those that HOLDER listed came, and how many did not.
local function account(self, holder)
  local one = self.holders:get(holder)
  if not one then
    one = { lost = 0, came = 0 }
    self.holders:put(holder, one)
  end
  return one
end

local function lies(from) return from.lost > LIES and from.came == 0 end

local function forget(self, entry)
  self.by_short[entry.short] = nil
  if entry.batch then self.under_way = self.under_way - 1 end
  entry.batch, entry.gone = nil, true
end

-- What was asked and did not come is asked again, if not too often, and not of who never gave anything.
local function lost(self, entry)
  self.under_way, entry.batch = self.under_way - 1, nil
  local from = account(self, entry.holder)
  from.lost = from.lost + 1
  entry.holder, entry.next_holder = entry.next_holder or entry.holder, entry.holder
  if entry.tries >= TRIES or lies(from) then forget(self, entry) end
end

-- What came by now is missing no more. Answers come in the order of the questions: what an earlier one than an answered
-- one asked for is lost; or everything, where nothing comes any more.
local function sweep(self)
  local answered, now, kept = 0, self.loop:now(), {}
  for _, entry in ipairs(self.list) do
    if self.has(entry.short) then
      local from = account(self, entry.holder)
      from.came = from.came + (entry.batch and 1 or 0)
      if entry.batch and not entry.foreign then answered = math.max(answered, entry.batch) end
      forget(self, entry)
      self.active = now
    end
  end
  local silent = now - self.active > self.idle()
  for _, entry in ipairs(self.list) do
    if not entry.gone and entry.batch and (silent or not entry.foreign and entry.batch < answered) then
      lost(self, entry)
    end
    if not entry.gone then kept[#kept + 1] = entry end
  end
  self.list = kept
end

local function next_question(self)
  local shorts, holder = {}, nil
  for _, entry in ipairs(self.list) do
    if lies(account(self, entry.holder)) then
      forget(self, entry)
    elseif not entry.batch and #shorts < self.most and (not holder or entry.holder == holder) then
      holder = entry.holder
      entry.batch, entry.tries, entry.foreign = self.batch + 1, entry.tries + 1, nil
      shorts[#shorts + 1] = entry.short
    end
  end
  return shorts, holder
end

local function look(self)
  if self.over() then return self:stop() end
  sweep(self)
  local now = self.loop:now()
  while now >= self.from and self.under_way <= (BATCHES - 1) * self.most do
    local shorts, holder = next_question(self)
    if not holder then break end
    self.batch, self.under_way, self.active = self.batch + 1, self.under_way + #shorts, now
    self.send(shorts, holder)
  end
  if not self.list[1] then self:stop() end
end

--- HOLDER (an ID) holds SHORT, which is missing here; it is asked for in DELAY ms, unless somebody else does so before.
-- → is it remembered?
function wants:add(short, holder, delay)
  local entry, from = self.by_short[short], self.loop:now() + delay
  if not entry and #self.list >= MISSING_MAX then return false end
  self.from = self.list[1] and math.min(self.from, from) or from
  if entry then
    entry.next_holder = holder -- who is asked where the first one does not give it
    return true
  end
  entry = { short = short, holder = holder, tries = 0 }
  self.by_short[short] = entry
  self.list[#self.list + 1] = entry
  self.timer = self.timer or self.loop:every(LOOK, function() look(self) end)
  return true
end

--- Somebody else asked HOLDER for SHORT: the answer is for us, too. Of one who never listed it none may come.
function wants:overheard(short, holder)
  local entry = self.by_short[short]
  if not entry or entry.batch or holder ~= entry.holder and holder ~= entry.next_holder then return end
  entry.batch, entry.foreign, entry.tries = self.batch, true, entry.tries + 1
  self.under_way, self.active = self.under_way + 1, self.loop:now()
end

--- How many are missing.
function wants:count() return #self.list end

function wants:stop()
  if self.timer then self.timer:cancel() end
  self.timer, self.list, self.by_short, self.under_way = nil, {}, {}, 0
  self.holders = bounded.new { limit = HOLDERS_MAX }
end

return wants
