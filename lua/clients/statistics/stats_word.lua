-- stats_word.lua - says this node's counters to its site, while the owner agrees. Counts nothing, gathers nothing.
--
-- The owner is asked before each word, and each second while one is out; when he does not agree any more, it is taken
-- back. That a word is out is on the disk before it is said: so it does not outlive his no over a restart.
local backoff = require "backoff"
local json = require "core.json"
local text = require "core.text"

local stats_word = {}
stats_word.__index = stats_word

local EACH <const> = 5 * 60 * 1000 -- ms between two words
local TTL <const> = 20 * 60 -- s
local LOOK <const> = 1000 -- ms between two looks whether the owner still agrees
local LOOK_IDLE <const> = 30 * 1000 -- ms between two looks whether he agrees now
local LIST <const> = 1 -- version of the list of counters
local TYPE_MAX <const>, VERSION_MAX <const> = 16, 16 -- bytes

--- given.loop, comms, log
--- given.id       this node's ID
--- given.usage    usage.lua
--- given.facts    fn() → type, version of this node
--- given.consent  fn() → does the owner agree?, why
function stats_word.new(given)
  local self = setmetatable({ bucket = ("pri/%s/stats"):format(given.id), retry_at = 0, backoff = backoff.slow(nil) },
    stats_word)
  for _, name in ipairs { "loop", "comms", "log", "usage", "facts", "consent" } do self[name] = given[name] end
  return self
end

local function short(value, most)
  return type(value) == "string" and #value <= most and text.utf8(value) and value or nil
end

--- DATA as it would go next | nil, why none goes
function stats_word:data()
  local week = self.usage:week_now()
  if not week then return nil, "nobody proves what time it is, so nobody knows the week" end
  local agrees, why = self.consent()
  if not agrees then return nil, why or "the owner does not agree" end
  local kind, version = self.facts()
  local data = self.usage:steps()
  data.list, data.week = LIST, week
  data.type, data.version = short(kind, TYPE_MAX), short(version, VERSION_MAX)
  return data
end

--- DATA as text: what is shown is what goes.
function stats_word:text()
  local data, why = self:data()
  if data and self.full then return nil, "the disk does not take the note that it is told: " .. self.full end
  return data and json.encode(data), why
end

-- ST, WHY: what came of it | nil: it is tried again later.
local function done(self, st, why, what)
  if st then
    self.backoff:reset()
    return true
  end
  self.retry_at = self.loop:now() + self.backoff:next()
  self.log:error("statistics", "could not " .. what, { why = why })
end

local function take_back(self)
  self.said = nil
  local st, why = self.comms:dismiss(self.bucket, {})
  self.back = done(self, st, why, "take the counters back") and self.loop:now()
end

-- The owner does not agree, and this run said nothing since. What an earlier one said is taken back; that it was out is
-- noted until nobody can have it any more.
local function stay_silent(self)
  if not self.usage.out then return end
  local now = self.loop:now()
  if not self.back then return now >= self.retry_at and take_back(self) end
  if now - self.back < TTL * 1000 then return end
  self.back = nil
  self.usage:note_back()
end

-- A word may go once it is on the disk that one is out.
local function note(self)
  if self.noting then return end
  self.noting = true
  self.usage:note_out(function(ok, why)
    self.noting, self.full = nil, not ok and why or nil
    if done(self, ok, why, "note that the counters are told") then self:look() end
  end)
end

--- Is it to be said, or taken back?
function stats_word:look()
  if not self.said and not self.consent() then return stay_silent(self) end -- nearly always: that costs little
  local data = self:data()
  if not data then
    if self.said then take_back(self) end
    return
  end
  local now = self.loop:now()
  if now < self.retry_at or self.said and now - self.said < EACH then return end
  if not self.usage.out or self.noting then return note(self) end
  local st, why = self.comms:propose(self.bucket, data, { ttl = TTL })
  if done(self, st, why, "say the counters") then self.said, self.back = now, nil end
end

local function may_be_out(self) return self.said or self.usage.out and not self.back end

--- Takes back what is out there → was there anything?
function stats_word:forget()
  local was_out = may_be_out(self) and true or false
  if was_out then take_back(self) end
  return was_out
end

function stats_word:start()
  self.timer = self.loop:after(may_be_out(self) and LOOK or LOOK_IDLE, function()
    self:look()
    self:start()
  end)
end

function stats_word:stop()
  if self.timer then self.timer:cancel() end
end

return stats_word
