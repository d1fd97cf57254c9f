-- own_word.lua - what this node says of itself in `peer`: when it says it, again, and anew. Lists nobody.
local own_word = {}
own_word.__index = own_word

local RENEW <const> = 5 * 60 * 1000 -- a presence statement lives four renewals
local WELCOME <const> = 2000 -- ms within which a newcomer is told who we are
local WELCOME_AGAIN <const> = 10 * 1000
local POLICY_EACH <const> = 10 * 1000 -- ms between two statements that another policy is in force here
local LAST_WORDS <const>, TURNS <const> = 500, 5 -- ms that a stop may take; looks in them
local REPEATS <const> = 2 -- how often `left` is said again
local APART <const> = 10 * 60 * 1000 -- ms that make another time (lua/time.lua)

--- given.loop, random, comms, time, log
--- given.facts      fn() → { name, type, version, policy }: what this node is
--- given.told       fn() → the same, as far as the policy lets others know
--- given.addresses  own_addresses.lua's: its word goes out with this one
--- given.renamed    fn(): this node is called otherwise, or is of another type
function own_word.new(given)
  local self = setmetatable({}, own_word)
  for _, name in ipairs { "loop", "random", "comms", "time", "log", "facts", "told", "addresses", "renamed" } do
    self[name] = given[name]
  end
  return self
end

--- Says it now. STATE: "ready" unless given.
function own_word:announce(state)
  local facts = self.facts()
  local told = self.told()
  local data = { name = facts.name, type = told.type, version = told.version, clock = self.time.source or "none",
    state = state or "ready", policy = facts.policy }
  local st, err = self.comms:propose("peer", data)
  if not st then return self.log:error("discovery", "could not announce", { why = err }) end
  self.word, self.said = st.short, { at = st.at, mono = self.loop:now(), clock = data.clock,
    name = facts.name, type = facts.type, policy = facts.policy }
end

--- Says it once more, as it is, soon; what asks for that meanwhile is answered with it.
function own_word:repeat_soon()
  if self.welcoming then return end
  local rest = self.welcomed and self.welcomed + WELCOME_AGAIN - self.loop:now() or 0
  self.welcoming = self.loop:after(math.max(rest, 0) + self.random:integer(WELCOME), function()
    self.welcoming, self.welcomed = nil, self.loop:now()
    if self.word then self.comms:say_again_everywhere(self.word) end
    self.addresses:say_again()
  end)
end

--- Others came to stand in the lab. They may have refused what we said of ourselves before they knew that we do, and we
--- what they said: all say it again, twice, since not all learn it at once.
function own_word:admitted()
  if not self.word or self.leaving then return end
  self:repeat_soon()
  if self.again then self.again:cancel() end
  self.again = self.loop:after(WELCOME_AGAIN, function()
    self.again = nil
    self:repeat_soon()
  end)
end

--- The time is another one now: it is said anew where it states a time or a clock that was not.
function own_word:new_time()
  if self.leaving then return end
  local said = self.said
  local at = self.time:now() - self.loop:now() + (said and said.mono or 0) -- what it should have been stamped
  if said and math.abs(at - said.at) <= APART and said.clock == (self.time.source or "none") then return end
  self:announce()
  self:repeat_soon() -- a frame on the air may be lost, and nobody else would say so for minutes
end

--- By another policy this node may be called otherwise, or be of another type.
function own_word:apply()
  local facts, said = self.facts(), self.said
  if not said or self.leaving then return end -- it is said at the start
  local is_other = said.name ~= facts.name or said.type ~= facts.type
  if is_other then self.renamed() elseif said.policy == facts.policy then return end
  local rest = is_other and 0 or said.mono + POLICY_EACH - self.loop:now()
  if rest > 0 then return self:apply_later(rest) end
  self:announce()
  self:repeat_soon()
end

-- A policy that is edited again and again is not told each time.
function own_word:apply_later(ms)
  if self.later then return end
  self.later = self.loop:after(ms, function()
    self.later = nil
    self:apply()
  end)
end

function own_word:start()
  self:announce()
  self.timer = self.loop:every(RENEW, function() self:announce() end)
end

--- Tells all others that we leave. A frame on the air may be lost, so it is said three times; FLUSHED() once all went
--- out, or after half a second.
function own_word:leave(flushed)
  self.leaving = true
  self:stop()
  self:announce "left"
  local turns = 0
  local timer
  timer = self.loop:every(LAST_WORDS // TURNS, function()
    turns = turns + 1
    if turns <= REPEATS and self.word then self.comms:say_again_everywhere(self.word, true) end
    if turns < TURNS and (turns <= REPEATS or not self.comms:silent()) then return end
    timer:cancel()
    flushed()
  end)
end

function own_word:stop()
  for _, name in ipairs { "timer", "welcoming", "later", "again" } do
    if self[name] then self[name]:cancel() end
  end
end

return own_word
