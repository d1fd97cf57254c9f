-- health_word.lua - says how this node's body is to the nodes of its site: when that changed, and again. No judge.
local checks = require "clients.diagnostics.checks"
local health_form = require "clients.diagnostics.health_form"
local json = require "core.json"
local metrics = require "policy.metrics"

local health_word = {}
health_word.__index = health_word

local PERIOD <const> = 60 * 1000 -- ms between two words whose values alone changed
local OF_EACH <const> = 500 -- ms of the period for each node that speaks: a LAN carries two words a second
local RENEW <const> = 5 * 60 * 1000 -- a word goes at least so often, but for a period that is longer
local CHANGE_EACH <const> = 4 * 1000 -- ms between two words because of changes
local CALM <const> = { times = 1 } -- of what is no change: who loses a frame of it hears the next one

--- given.loop, comms, log, random
--- given.id      this node's ID
--- given.values  values.lua
--- given.checks  checks.lua
--- given.spoken  fn() → of how many others a word counts here, as a LAN's newest ones do
--- given.policy  fn() → the policy in force
--- given.here    fn() → facts of this node
function health_word.new(given)
  local self = setmetatable({ bucket = ("pri/%s/health"):format(given.id) }, health_word)
  for _, name in ipairs { "loop", "comms", "log", "random", "values", "checks", "spoken", "policy", "here" } do
    self[name] = given[name]
  end
  return self
end

--- ms between two words whose values alone changed
function health_word:period() return math.max(PERIOD, OF_EACH * (1 + self.spoken())) end

-- ms after which a word goes also where nothing changed
local function renewal(self) return math.max(RENEW, self:period()) end

-- Does the policy let the metric NAME out?
local function may_tell(self, name)
  local metric, row = self.values:get(name), metrics.by_name[name]
  local fact = { id = name, value = metric.value, unit = row.unit or "", quality = metric.quality, class = row.class }
  return self.policy():ask("clients.diagnostics.tell", fact, self.here()) ~= false
end

--- DATA as it would go now.
function health_word:data()
  local function may(letter) return may_tell(self, health_form.metric_of[letter]) end
  local rows = self.checks:rows()
  return health_form.data(function(name) return self.values:get(name).value end, checks.counts_of(rows), rows, may)
end

-- Did what the checks say change since it was told?
local function is_other_level(self, data)
  local said = self.data_said
  return json.encode(said.n) ~= json.encode(data.n) or json.encode(said.x or json.array {}) ~=
    json.encode(data.x or json.array {})
end

local function say(self, data)
  local is_calm = self.data_said and not is_other_level(self, data)
  local st, why = self.comms:propose(self.bucket, data, is_calm and CALM or nil)
  if not st then return self.log:error("diagnostics", "could not say how it is", { why = why }) end
  self.data_said, self.said = data, self.loop:now()
end

local function moved(self, data)
  for letter, step in pairs(health_form.steps) do -- any order
    local now, said = data[letter], self.data_said[letter]
    if (now == nil) ~= (said == nil) or now and math.abs(now - said) >= step then return true end
  end
  return false
end

-- ms from the last word to the next, which says DATA
local function wait_for(self, data)
  if is_other_level(self, data) then return CHANGE_EACH end
  return moved(self, data) and self:period() or renewal(self)
end

local function later(self, ms)
  if self.timer then self.timer:cancel() end
  self.timer = self.loop:after(ms, function()
    self.timer = nil
    self:look()
  end)
end

--- Something may be another way now: it is said, or soon, or not at all.
function health_word:look()
  if self.stopped then return end
  local data = self:data()
  local age, wait = self.said and self.loop:now() - self.said, self.said and wait_for(self, data)
  if not age or age >= wait then
    say(self, data)
    age, wait = 0, renewal(self)
  end
  later(self, wait - age)
end

--- Somebody is heard for the first time, who missed what was said before: he is told within a period, and none is cut
--- short for him, so that a LAN carries no more than else, however many there are and come.
function health_word:newcomer()
  if self.welcome or self.stopped then return end
  local now, period = self.loop:now(), self:period()
  local wait = math.max(self.random:integer(period), (self.said or now) + period - now)
  self.welcome = self.loop:after(wait, function()
    self.welcome = nil
    if not self.said or self.said > now then return end -- he heard that
    say(self, self:data())
    later(self, renewal(self))
  end)
end

--- The time is another one now: what was said bears the wrong one.
function health_word:new_time()
  if self.said and not self.stopped then say(self, self:data()) end
end

function health_word:stop()
  self.stopped = true
  for _, name in ipairs { "timer", "welcome" } do
    if self[name] then self[name]:cancel() end
  end
end

return health_word
