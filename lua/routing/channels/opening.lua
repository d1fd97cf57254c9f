-- opening.lua - which of the channels that the policy names are to be open now: it asks the hook routing.open, each
-- minute and when something changed that the policy can see. Opens and closes none itself.
local opening = {}
opening.__index = opening

local EVERY_MS <const> = 60 * 1000
local LOOK_MS <const> = 2000 -- between two looks at `here`
-- Facts that are others at each look: they are worth no question by themselves.
local DRIFTING <const> = { uptime = true, load = true, temperature = true, disk_free = true, store_free = true }

--- given.loop
--- given.here   fn() → facts of this node
--- given.facts  fn(options) → what the policy sees of the channel of an entry (entry.lua)
--- given.ask    fn(facts, here) → yes, reason: the hook; nil: all channels are open
--- given.closes fn(options) → why it may not be open, whatever the hook says | nil
--- given.due    fn(): it is time to ask again
function opening.new(given)
  local self = setmetatable({ last = {}, asked = given.loop:now() }, opening)
  for _, name in ipairs { "loop", "here", "facts", "ask", "closes", "due" } do self[name] = given[name] end
  return self
end

--- May the channel of OPTIONS be open? ASK: another hook than the one in force. → true | false, text: why not
function opening:may(options, ask)
  local why = self.closes(options)
  if why then return false, why end
  ask = ask or self.ask
  if not ask then return true end
  local yes, reason = ask(self.facts(options), self.here())
  return yes, not yes and "closed by the policy: " .. (reason or "no reason given") or nil
end

local function is_same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for name, value in pairs(a) do -- any order
    if not DRIFTING[name] and not is_same(value, b[name]) then return false end
  end
  for name in pairs(b) do -- any order
    if a[name] == nil and not DRIFTING[name] then return false end
  end
  return true
end

local function look(self)
  local here, now = self.here(), self.loop:now()
  local same = rawequal(here, self.last) or is_same(here, self.last)
  self.last = here
  if same and now - self.asked < EVERY_MS then return end
  self.asked = now
  self.due()
end

--- From the first time on it looks by itself.
function opening:start()
  if not self.timer and self.ask then self.timer = self.loop:every(LOOK_MS, function() look(self) end) end
end

function opening:stop()
  if self.timer then self.timer:cancel() end
  self.timer = nil
end

return opening
