-- waiting.lua - a robot that is named by a run and waits to begin: looks at its gates on news and each minute, begins,
-- or goes on to the next round where it cannot use its turn. What the gates are is gates.lua's.
local backoff = require "backoff"
local gates = require "clients.updates.gates"
local soon = require "soon"

local waiting = {}
waiting.__index = waiting

local EVERY <const> = 60 * 1000 -- ms between two looks without news
local SOON <const> = 1000 -- ms from the news to the look, so that a turn is asked for once a second at most
local PATIENCE_MOST <const> = 24 * 60 * 60 * 1000 -- ms

local look_in_turn

--- given.loop      the event loop
--- given.patience  s that a turn is not used before it is given up, doubled each time
--- given.look      fn() → gates.lua's rows now
--- given.behind    fn() → does an unresolved robot stand behind this one?
--- given.defer     fn(told): this robot goes on to the next round; told() once that is kept and said
--- given.begin     fn(): all gates are open
--- given.turn      fn(fn): calls it in a turn of the loop of its own (lua/slices.lua); nil: in the next one
function waiting.new(given)
  local self = setmetatable({ deferred = 0, since = given.loop:now() }, waiting)
  self.turn = given.turn or function(fn) given.loop:post(fn) end
  for _, name in ipairs { "loop", "patience", "look", "behind", "defer", "begin" } do self[name] = given[name] end
  self.looking = soon.new(given.loop, SOON, function() look_in_turn(self) end)
  return self
end

-- Is the turn there, and held up by what only this robot can open? A pause is nobody's who waits.
local function is_unused(closed)
  local counts = false
  for _, row in ipairs(closed) do
    if row.gate == "turn" then return false end
    counts = counts or row.gate ~= "paused"
  end
  return counts
end

local function patience_ms(self)
  return backoff.wait(nil, self.deferred, self.patience * 1000, PATIENCE_MOST)
end

local function defer(self)
  self.deferring = true
  self.defer(function()
    self.deferring, self.deferred, self.unused_since = nil, self.deferred + 1, nil
    self:news()
  end)
end

local function look(self)
  if self.stopped or self.deferring or self.begun then return end
  local rows = self.look()
  local closed = gates.closed(rows)
  self.rows = rows
  if not closed[1] then
    self.begun = true
    return self.begin()
  end
  if not (is_unused(closed) and self.behind()) then
    self.unused_since = nil
    return
  end
  self.unused_since = self.unused_since or self.loop:now()
  if self.loop:now() - self.unused_since >= patience_ms(self) then defer(self) end
end

-- Several runs of many robots have much to look at: each does it in a turn of the loop of its own.
function look_in_turn(self)
  if self.queued or self.stopped then return end
  self.queued = true
  self.turn(function()
    self.queued = nil
    look(self)
  end)
end

--- Something changed that a gate may rest on.
function waiting:news() self.looking:ask() end

function waiting:start()
  self.timer = self.loop:every(EVERY, function() look_in_turn(self) end)
  look_in_turn(self)
end

--- ms until it goes on to the next round, if nothing changes | nil: its turn is not there, or nobody waits behind it
function waiting:left_ms()
  return self.unused_since and math.max(0, patience_ms(self) - (self.loop:now() - self.unused_since)) or nil
end

--- ms that its turn is not used before it is given up
function waiting:patience_ms() return patience_ms(self) end

function waiting:stop()
  self.stopped = true
  if self.timer then self.timer:cancel() end
  self.looking:stop()
end

return waiting
