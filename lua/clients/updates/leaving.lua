-- leaving.lua - which payloads of updates stay, and when the others go. Removes none.
--
-- What is needed stays, and the last two that were committed of each name, so that a robot can go back. Another one
-- that was installed, or put in by hand, goes a day after it was last needed; what never was of use goes soon, but not
-- at once, since it may be needed again after a moment. Both are kept in STATE/updates/payloads:
--   installed  by NAME the last two, { SEQ, CID } each, the newest first
--   since      by CID when it was last needed (ms), 0: the time was not known; of those that have a day
local kept = require "kept"

local leaving = {}
leaving.__index = leaving

local DAY <const>, SOON <const> = 24 * 60 * 60 * 1000, 10 * 60 * 1000 -- ms
local LAST <const> = 2

--- node (lua/node.lua's state, disk, log, date, atomic_write, time), loop
function leaving.new(given)
  local node = given.node
  local self = setmetatable({ loop = given.loop, time = node.time, unneeded = {},
    kept = given.kept or kept.firm_of(node, "updates/payloads") }, leaving)
  local data = self.kept:read()
  local is_fit = type(data) == "table" and type(data.installed) == "table" and type(data.since) == "table"
  self.data = is_fit and data or { installed = {}, since = {} }
  return self
end

-- What cannot be kept now is kept with the next change.
local function keep(self) self.kept:put_beside(self.data, function() end) end

local function is_among(list, cid)
  for _, one in ipairs(list) do
    if one[2] == cid then return true end
  end
  return false
end

-- CID is what is installed of NAME now. → did that change?
local function note(self, name, seq, cid)
  local list = self.data.installed[name] or {}
  if list[1] and list[1][2] == cid and list[1][1] == seq then return false end
  local new = { { seq, cid } }
  for _, one in ipairs(list) do
    if one[2] ~= cid and #new < LAST then new[#new + 1] = one
    elseif one[2] ~= cid then self.data.since[one[2]] = self.time:proved_now() or 0 end
  end
  self.data.installed[name], self.data.since[cid] = new, nil
  return true
end

--- INSTALLED: by NAME { SEQ, VERSION, CID }, as saved.lua has it.
function leaving:installed(installed)
  local changed = false
  for name, one in pairs(installed) do -- any order
    changed = note(self, name, one[1], one[3]) or changed
  end
  if changed then keep(self) end
end

--- A person put CID in: it has a day.
function leaving:taken(cid)
  self.data.since[cid] = self.time:proved_now() or 0
  keep(self)
end

--- Does CID stay, whoever needs it, for a way back?
function leaving:is_last(cid)
  for _, list in pairs(self.data.installed) do -- any order
    if is_among(list, cid) then return true end
  end
  return false
end

-- It has a day: is that over? While the time is not known it is counted from the beginning of this run.
local function is_day_over(self, cid, since)
  local now = self.time:proved_now()
  if since == 0 and now then
    self.data.since[cid], self.changed, since = now, true, now
  end
  return now and since > 0 and now - since >= DAY or self.loop:now() - self.unneeded[cid] >= DAY
end

-- Nothing is remembered of what is not here any more.
local function forget(self, held)
  local known = {}
  for _, cid in ipairs(held) do known[cid] = true end
  for cid in pairs(self.data.since) do -- any order
    if not known[cid] then self.data.since[cid], self.changed = nil, true end
  end
  for cid in pairs(self.unneeded) do -- any order
    if not known[cid] then self.unneeded[cid] = nil end
  end
end

--- HELD: CIDs of the payloads that are here; needed(cid) → is it? → those that go now, in the order of HELD
function leaving:due(held, needed)
  local go, now = {}, self.loop:now()
  forget(self, held)
  for _, cid in ipairs(held) do
    local since = self.data.since[cid]
    if needed(cid) or self:is_last(cid) then
      self.unneeded[cid] = nil
      if since and since ~= 0 then self.data.since[cid], self.changed = 0, true end -- the day begins anew, later
    else
      self.unneeded[cid] = self.unneeded[cid] or now
      local is_over = since and is_day_over(self, cid, since) or not since and now - self.unneeded[cid] >= SOON
      if is_over then go[#go + 1] = cid end
    end
  end
  if self.changed then keep(self) end
  self.changed = nil
  return go
end

return leaving
