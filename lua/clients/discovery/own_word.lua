-- own_word.lua - what this node says of itself in `peer`: when it says it, again, and anew. Lists nobody.
local own_addresses = require "clients.discovery.own_addresses"
local own_state = require "clients.discovery.own_state"
local is_level = require "clients.discovery.said".is_level
local text = require "core.text"

local own_word = {}
own_word.__index = own_word

local RENEW <const> = 5 * 60 * 1000 -- a presence statement lives four renewals
local WELCOME <const> = 2000 -- ms within which a newcomer is told who we are
local WELCOME_AGAIN <const> = 10 * 1000
local CHANGE_EACH <const> = 10 * 1000 -- ms between two statements that something of this node changed
local FACTS_MS <const> = 1100 -- after which the facts of this node show what was told of them (node_facts.lua)
local SITE <const>, TYPE <const>, VERSION <const>, WHY <const> = 24, 16, 16, 40 -- bytes
local LAST_WORDS <const>, TURNS <const> = 500, 5 -- ms that a stop may take; looks in them
local REPEATS <const> = 2 -- how often `left` is said again
local APART <const> = 10 * 60 * 1000 -- ms that make another time (lua/time.lua)

--- given.loop, random, comms, time, log
--- given.facts      fn() → { name, type, version, policy, site }: what this node is
--- given.told       fn() → { type, version, site, level }: of that, and of its health, what the policy lets be known
--- given.here       fn() → facts of this node
--- given.state      fn() → how this node is (own_state.lua), why: text | nil
--- given.addresses  own_addresses.lua's: its word goes out with this one
--- given.renamed    fn(): this node is called otherwise, or is of another type
function own_word.new(given)
  local self = setmetatable({ slow = {} }, own_word)
  for _, name in ipairs { "loop", "random", "comms", "time", "log", "facts", "told", "here", "state", "addresses",
    "renamed" } do
    self[name] = given[name]
  end
  return self
end

-- VALUE as a text of at most BYTES, of which no character is cut | nil
local function short(value, bytes)
  if type(value) ~= "string" or value == "" or not text.utf8(value) then return nil end
  if #value <= bytes then return value end
  local stop = bytes + 1
  while value:byte(stop) & 0xC0 == 0x80 do stop = stop - 1 end -- within a character
  return value:sub(1, stop - 1)
end

-- What may change, and is told then: as this node knows it, not as its policy lets others know; but for the level.
local function changing(self)
  local facts, level, state, why = self.facts(), self.told().level, self.state()
  return { name = facts.name, type = facts.type, policy = facts.policy, site = facts.site, state = state, why = why,
    clone = self.comms.clones:own() or nil, level = is_level(level) and level or nil }
end

-- DATA of what is so NOW (changing). LEFT: this node leaves.
local function data_of(self, now, left)
  local told = self.told()
  return { boot = self.comms.boot, clock = self.time.source or "none", clone = now.clone, level = now.level,
    name = now.name, policy = now.policy, site = short(told.site, SITE), state = left and "left" or now.state,
    type = short(told.type, TYPE), version = short(told.version, VERSION),
    why = not left and short(now.why, WHY) or nil }
end

--- Says it now. LEFT: that this node leaves.
function own_word:announce(left)
  local now = changing(self)
  local data = data_of(self, now, left)
  local st, err = self.comms:propose("peer", data)
  if not st then return self.log:error("discovery", "could not announce", { why = err }) end
  self.word, self.said = st.short, { at = st.at, mono = self.loop:now(), clock = data.clock, now = now }
end

--- Says it once more, as it is, soon; what asks for that meanwhile is answered with it. On slow channels only where
--- PEER, a newcomer, was heard there, or for ALL: there no frame is lost, and there is little room.
function own_word:repeat_soon(peer, all)
  for _, flow in ipairs(peer and peer.flows or {}) do self.slow[flow.source.channel.name] = true end
  self.slow.all = self.slow.all or all
  if self.welcoming then return end
  local rest = self.welcomed and self.welcomed + WELCOME_AGAIN - self.loop:now() or 0
  self.welcoming = self.loop:after(math.max(rest, 0) + self.random:integer(WELCOME), function()
    local slow = self.slow
    self.welcoming, self.welcomed, self.slow = nil, self.loop:now(), {}
    local function fits(facts) return not facts.rate or slow.all or slow[facts.name] end
    if self.word then self.comms:say_again_everywhere(self.word, false, fits) end
    self.addresses:say_again(false, fits)
  end)
end

--- Others came to stand in the lab. They may have refused what we said of ourselves before they knew that we do, and we
--- what they said: all say it again, twice, since not all learn it at once.
function own_word:admitted()
  if not self.word or self.leaving then return end
  self:repeat_soon(nil, true)
  if self.again then self.again:cancel() end
  self.again = self.loop:after(WELCOME_AGAIN, function()
    self.again = nil
    self:repeat_soon(nil, true)
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

-- Is one of MEMBERS another one in NOW than was SAID?
local function differs(now, said, members)
  for _, member in ipairs(members) do
    if now[member] ~= said[member] then return true end
  end
  return false
end

local AT_ONCE <const>, OFTEN <const> = { "name", "type", "site", "clone" }, { "policy", "state", "why", "level" }

--- Something of this node may be another way: by another policy it may be called otherwise, or it is busy now. What may
--- change often is told once in ten seconds.
function own_word:look()
  if not self.said or self.leaving then return end -- it is said at the start
  local now, said = changing(self), self.said.now
  if differs(now, said, { "name", "type" }) then self.renamed() end
  local is_urgent = differs(now, said, AT_ONCE)
  if not is_urgent and not differs(now, said, OFTEN) then return end
  local rest = is_urgent and 0 or self.said.mono + CHANGE_EACH - self.loop:now()
  if rest > 0 then return self:look_later(rest) end
  self:announce()
  self:repeat_soon()
end

--- The same, where the facts of this node were looked at anew since: other facts are another table (node_facts.lua).
function own_word:look_again()
  local here = self.here()
  if here == self.seen then return end
  self.seen = here
  self:look()
end

-- Who changes again and again is not told each time.
function own_word:look_later(ms)
  if self.later then return end
  self.later = self.loop:after(ms, function()
    self.later = nil
    self:look()
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
  self:announce(true)
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

--- The same as `new`, for the client's HANDLE.
function own_word.of(handle, facts, addresses, renamed)
  local node = handle.node
  local self = own_word.new { loop = handle.loop, random = node.random, comms = node.comms, time = node.time,
    log = node.log, facts = facts, told = function() return own_addresses.told(node) end, here = node.here,
    state = function()
      return own_state.of(node.here(), function(fact) return node.leases and node.leases:why(fact) end,
        node.updates and node.updates:updating())
    end, addresses = addresses, renamed = renamed }
  handle:keep(node.comms.clones:on_change(function(id)
    if id == node.id then self:look() end
  end))
  if node.leases then
    handle:keep(node.leases:on_change(function() self:look_later(FACTS_MS) end))
  end
  return self
end

return own_word
