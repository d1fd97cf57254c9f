-- stats_word.lua - says this node's counters to its site, while the owner agrees. Counts nothing, gathers nothing.
--
-- The owner is asked before each word, and each second while one is out; when he does not agree any more, it is taken
-- back.
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
  local self = setmetatable({ bucket = ("pri/%s/stats"):format(given.id) }, stats_word)
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
  return data and json.encode(data), why
end

local function take_back(self)
  self.said = nil
  local st, why = self.comms:dismiss(self.bucket, {})
  if not st then self.log:error("statistics", "could not take the counters back", { why = why }) end
end

--- Is it to be said, or taken back?
function stats_word:look()
  if not self.said and not self.consent() then return end -- as it is nearly always: that costs little
  local data = self:data()
  if not data then
    if self.said then take_back(self) end
    return
  end
  if self.said and self.loop:now() - self.said < EACH then return end
  local st, why = self.comms:propose(self.bucket, data, { ttl = TTL })
  if not st then return self.log:error("statistics", "could not say the counters", { why = why }) end
  self.said = self.loop:now()
end

--- Takes back what is out there → was there anything?
function stats_word:forget()
  local was_out = self.said ~= nil
  if was_out then take_back(self) end
  return was_out
end

function stats_word:start()
  self.timer = self.loop:after(self.said and LOOK or LOOK_IDLE, function()
    self:look()
    self:start()
  end)
end

function stats_word:stop()
  if self.timer then self.timer:cancel() end
end

return stats_word
