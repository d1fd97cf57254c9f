-- time.lua - what time it is, and how well that is known. Never steps the system clock, expires nothing itself.
--
-- Proved: our own synchronised clock, unless a quorum contradicts it; or three distinct members who state a source
-- of their own and agree within five minutes (of the latest such three the earliest statement counts): two liars,
-- early or late, prove nothing. Adopted: what the clocks that peers state say (adopted_time.lua).
-- Four uses are kept apart. Judging (is a statement over, has it begun?) and comparing (the T of digests) go by
-- proof, or by the build: nothing heard moves them. Own statements are stamped by the best that there is; ages are
-- exact, about, or unknown. Times are Unix milliseconds; what is not own time runs on by the monotonic clock.
local adopted_time = require "adopted_time"
local listeners = require "listeners"

local time = {}

local MINUTE = 60 * 1000
local QUORUM = 3
local AGREE = 5 * MINUTE -- within which a quorum's statements must lie
local APART = 10 * MINUTE -- further than this is another time; also what is refused as being of the future
local AHEAD = 5 * MINUTE -- how far beyond now our own statements may be stamped
local NEAR = MINUTE -- that far clocks that are right may differ: what lies less ahead is now
local TICK = 16 -- s
local OWN_ERROR = 1000 -- of a synchronised clock
local BEFORE_BUILD = 24 * 60 * MINUTE -- builders' clocks may be a little ahead
local WITNESSES = 64
local WITNESS_AGE = 40 * MINUTE -- presence is remembered for thirty minutes
local LOOK_EVERY = 16 * 1000
local SAVE_EVERY = 60 * MINUTE
local DAY = 24 * 60 * MINUTE
local DOUBT = DAY -- for so long a clock that was contradicted must agree with what was proved

local Time = {}
Time.__index = Time

--- options.loop     the event loop
--- options.sync     fn() → is the system clock synchronised?
--- options.build    ms: no time is earlier
--- options.saved    ms that an earlier run knew, or nil
--- options.setting  "auto" | "system" (believe the system clock)
--- options.save     fn(ms) → true | nil, text, code
--- options.log      lua/log.lua
--- Fields: quality "proved" | "adopted" | "none"; source "own" | "quorum" | "held" | nil; claims = fn() → what clocks
--- peers state now, array of { at = ms }, set by who knows the peers.
function time.new(options)
  local self = setmetatable({
    loop = options.loop, sync = options.sync, save = options.save, log = options.log,
    believe = options.setting == "system", build = options.build, quality = "none",
    adopted = adopted_time.new { loop = options.loop, build = options.build }, witnesses = {}, count = 0,
    proofs = listeners.new(), leaps = listeners.new(),
  }, Time)
  self.floor = { at = math.max(options.build, options.saved or 0), mono = self.loop:now() }
  self.saved = options.saved
  self:refresh()
  self.timer = self.loop:every(LOOK_EVERY, function() self:refresh() end)
  return self
end

-- Each of these two calls fn(ms) from here on, and gives a function that ends it: when time becomes proved, and when a
-- later proof says another time;
function Time:on_proved(fn) return self.proofs:add(fn) end

-- then, too, and when time is adopted or leaps: what was stamped before is of a time that was not.
function Time:on_leap(fn) return self.leaps:add(fn) end

local function run_on(self, anchor) return anchor.at + self.loop:now() - anchor.mono end

-- The clock that our statements are stamped with: the best that is known.
function Time:now()
  if self.source == "own" then
    local wall = self.loop:wall()
    local stepped = wall - self.loop:now() - self.offset
    if stepped <= OWN_ERROR and stepped >= -OWN_ERROR then return wall end
    self:refresh() -- somebody stepped it
    if self.source == "own" then return self.loop:wall() end
  end
  return self.proof and run_on(self, self.proof) or self.adopted:now() or run_on(self, self.floor)
end

-- now, or nil without proof: what is judged as ended or of the future is judged by this.
function Time:proved_now() return self.proof and self:now() or nil end

-- Was one and the same time proved for a day that this process ran? Only then may what ended be wiped out.
function Time:settled()
  return self.proof ~= nil and self.loop:now() - self.since >= DAY
end

-- It is not earlier than this.
function Time:low()
  if not self.proof then return self.build end
  return self:now() - (self.source == "own" and OWN_ERROR or AGREE)
end

-- It is not later than this; nil where nobody can say.
function Time:high()
  if not self.proof then return nil end
  return self:now() + (self.source == "own" and OWN_ERROR or APART)
end

-- T of what is compared (Unix seconds, a multiple of 16): the tick of proved time, without proof that of the build.
function Time:tick() return (self:proved_now() or self.build) // 1000 // TICK * TICK end

-- Is a statement { at = ms, valid_from = s, valid_until = s } valid? Without proof nothing that was taken in waits to
-- begin, and nothing ends but what its signer took back and what was over before this program was made.
function Time:is_valid(st)
  local till = st.valid_until * 1000
  if till <= st.at or till < self:low() then return false end
  local from, now = st.valid_from * 1000, self:proved_now()
  return not now or from <= st.at or from <= now
end

-- How long ago AT (ms; nil: nobody knows) was → ms, true where that is by an adopted time only; nil where nobody can
-- say, or where AT is still to come.
function Time:age(at)
  if self.quality == "none" or not at then return nil end
  local age = self:now() - at
  if age <= -NEAR then return nil end
  return math.max(age, 0), self.quality == "adopted" or nil
end

-- Seconds until SECONDS of Unix time; nil without proof.
function Time:left(seconds)
  local now = self:proved_now()
  return now and seconds - now // 1000
end

-- AT of the next word, after one of AT = LAST (or nil): it grows, but nobody who once was in the future stays there.
-- Where nothing at all is known of the time LAST is the best that there is.
function Time:stamp(last)
  local now = self:now()
  local at = math.max(now, (last or 0) + 1)
  return (at <= now + AHEAD or self.quality == "none") and at or now
end

local function leap(self)
  self.loop:post(function() if self.leaps:any() then self.leaps:call(self:now()) end end)
end

local function forget_stalest(self)
  local stalest
  for id, w in pairs(self.witnesses) do -- any order
    local s = stalest and self.witnesses[stalest]
    if not s or w.mono < s.mono or w.mono == s.mono and id < stalest then stalest = id end
  end
  self.witnesses[stalest] = nil
  self.count = self.count - 1
end

-- An accepted `peer` statement of member ID, stamped AT; OWN_SOURCE: he states a source of his own, the only one that
-- bears witness.
function Time:witness(id, at, own_source)
  if not own_source then return end
  local mono = self.loop:now()
  if not self.witnesses[id] then
    if self.count == WITNESSES then forget_stalest(self) end
    self.count = self.count + 1
  end
  self.witnesses[id] = { at = at, mono = mono }
  self:refresh()
end

-- The same of a statement that was too old or too new to be kept: a later one of him counts more.
function Time:testify(id, at, own_source)
  local known = self.witnesses[id]
  if not known or known.at < at then self:witness(id, at, own_source) end
end

-- What ID said of the time counts no more.
function Time:forget(id)
  if not self.witnesses[id] then return end
  self.witnesses[id], self.count = nil, self.count - 1
end

-- What the witnesses say now, latest first; those who have been silent for long are forgotten.
local function time_evidence(self)
  local mono, list = self.loop:now(), {}
  for id, w in pairs(self.witnesses) do -- any order
    if mono - w.mono > WITNESS_AGE then
      self.witnesses[id] = nil
      self.count = self.count - 1
    else
      list[#list + 1] = run_on(self, w)
    end
  end
  table.sort(list, function(a, b) return a > b end)
  return list
end

local function quorum_time(list)
  for i = 1, #list - QUORUM + 1 do
    local earliest = list[i + QUORUM - 1]
    if list[i] - earliest <= AGREE then return earliest end
  end
end

local function is_supported(list, at)
  local count = 0
  for _, said in ipairs(list) do
    if math.abs(said - at) <= APART then count = count + 1 end
  end
  return count >= QUORUM
end

local function contradicts(list, quorum, at)
  return quorum and math.abs(quorum - at) > APART and not is_supported(list, at)
end

-- Our own clock's time if it counts: it claims to be synchronised, and no quorum says otherwise or did of late.
local function own_time(self, list, quorum, held)
  local wall, mono = self.loop:wall(), self.loop:now()
  if not (self.believe or self.sync()) or wall < self.build - BEFORE_BUILD then return nil end
  if contradicts(list, quorum, wall) then
    self.doubt = mono + DOUBT
    return nil
  end
  local doubted = self.doubt and mono < self.doubt
  if doubted and held and math.abs(held - wall) > APART then return nil end
  return wall
end

-- What can be proved now: a time and where it is from, or nil.
local function prove(self, list)
  local quorum, held = quorum_time(list), self.proof and run_on(self, self.proof)
  if quorum and quorum < self.build - BEFORE_BUILD then quorum = nil end
  local own = own_time(self, list, quorum, held)
  if own then return own, "own" end
  if held and not contradicts(list, quorum, held) then
    local near = quorum and math.abs(quorum - held) <= APART
    return near and math.max(quorum, held) or held, near and "quorum" or "held"
  end
  if quorum then return quorum, "quorum" end
end

local function warn(self, what, facts)
  if self.log then self.log:warn("time", what, facts) end
end

local function keep(self, at)
  if self.saved and at < self.saved - APART then
    warn(self, "saved-ahead", { { "saved", self.saved }, { "proved", at } })
  end
  self.saved, self.saved_mono = at, self.loop:now()
  if not self.save then return end
  local ok, message = self.save(at)
  if not ok then warn(self, "unsaved", { { "why", message } }) end
end

local function adopt(self)
  local what = self.claims and self.adopted:check(self.claims())
  if not what then return end
  self.quality = "adopted"
  if what ~= "change" then leap(self) end
end

-- Whose clocks the adopted time is by now: those of claims() that say it; none where nothing is adopted.
function Time:followed()
  return self.quality == "adopted" and self.claims and self.adopted:agreeing(self.claims()) or {}
end

-- Looks again at what is proved, and what peers' clocks say; called by itself at every witness and every 16 s.
function Time:refresh()
  local mono, before = self.loop:now(), self.proof and run_on(self, self.proof)
  local at, source = prove(self, time_evidence(self))
  self.offset = self.loop:wall() - mono
  if not at then return adopt(self) end
  self.proof, self.source, self.quality = { at = at, mono = mono }, source, "proved"
  if before and math.abs(at - before) > APART then warn(self, "contradicted", { { "was", before }, { "is", at } }) end
  if not before or math.abs(at - before) > APART then
    self.since = mono
    keep(self, at)
    self.loop:post(function() if self.proofs:any() then self.proofs:call(self:now()) end end)
    leap(self)
  elseif mono - self.saved_mono >= SAVE_EVERY then
    keep(self, at)
  end
end

--- What is wrong with this machine's clock: "unsynchronised", "early" (before this program was made), or nil.
function Time:fault()
  if not (self.believe or self.sync()) then return "unsynchronised" end
  return self.loop:wall() < self.build - BEFORE_BUILD and "early" or nil
end

--- SETTING: "auto" | "system" (believe the system clock), as for new.
function Time:set(setting)
  self.believe = setting == "system"
  self:refresh()
end

-- Saves what is proved and looks no more.
function Time:close()
  if not self.timer then return end
  self.timer:cancel()
  self.timer = nil
  if self.proof then keep(self, self:now()) end
end

return time
