-- signer.lua - this node's own statements: stamped so that each is newer than the last, and signed. Keeps no record.
--
-- Soft statements are not in the journal. So a node that has no clock could, after a restart, stamp its statements
-- below those that it said before, and others would refuse them as older. STATE/stamp is a mark: no statement of ours
-- was ever stamped above it. It is written beside the loop, and a statement above the mark waits until a higher mark is
-- on the disk. If the mark is lost, the next statement makes a new one. If that is too low, others refuse what we say,
-- and tell us what we said before.
local json = require "core.json"
local statement = require "core.statement"

local signer = {}
signer.__index = signer

local MARGIN = 4 * 60 * 1000 -- ms from a statement that passed the mark to the next: less than statements may be ahead
local STEP = 1000 -- the same where the clock stands behind our statements: they go on by 1 ms, and starts add nothing
local BELOW = 10 * 60 * 1000 -- a mark that far above our statements is of a time that was not
local APART = 10 * 60 * 1000 -- ms that make another time (lua/time.lua)

--- given.time, key, id, swarm, log
--- given.last  mark of an earlier run (ms), or nil
--- given.keep  fn(ms, told): told(true) when the mark is on the disk, or told(nil, text)
function signer.new(given)
  local mark = given.last or 0
  local self = setmetatable({ last = mark, last_kept = 0, mark = mark, marking = 0, waiting = {} }, signer)
  for _, name in ipairs { "time", "key", "id", "swarm", "log", "keep" } do self[name] = given[name] end
  return self
end

-- An own statement of that AT is known: from the journal, or from others who heard it before we were started again.
-- KEPT: of a class that is; of these the journal tells what was said last, so that no mark puts them ahead of their
-- time.
function signer:heard(at, kept)
  self.last = math.max(self.last, at)
  if kept then self.last_kept = math.max(self.last_kept, at) end
end

local function go_on(self)
  local list = self.waiting
  self.waiting = {}
  for _, fn in ipairs(list) do fn() end
end

local function keep_mark(self, at)
  local passed = at > self.mark and self.time.source ~= "own"
  if not self.keep or not (passed or self.mark - at > BELOW) then return end
  self.mark = at + (at > self.time:now() and STEP or MARGIN)
  self.marking = self.marking + 1
  self.keep(self.mark, function(ok, err)
    self.marking = self.marking - 1
    if not ok then self.log:once("stamp", "warn", "dcache", "time of own words not kept", { why = err }) end
    if self.marking == 0 then go_on(self) end
  end)
end

--- fn() once the mark of all statements that were made so far is on the disk: at once where it is, and where the disk
-- takes none, since to be silent would be worse. Never after a stop.
function signer:when_marked(fn)
  if self.marking == 0 then return fn() end
  self.waiting[#self.waiting + 1] = fn
end

-- AT of the next statement. A statement that is made again says when it was first said (options.at), if that is newer
-- than what stands in its slot (options.after).
local function stamp(self, options, kept)
  if options.at and options.at > (options.after or 0) then return options.at end
  return self.time:stamp(kept and self.last_kept or self.last)
end

-- FROM: the statement holds now, though it may be stamped ahead. Who knows no time at all says 0, so that nobody
-- takes his AT for the time of day.
local function begins(self, at)
  if self.time.quality == "none" then return 0 end
  return math.min(at, self.time:now()) // 1000 // 16 * 16
end

-- A signed statement for CLASS; options: key = text | nil (ourselves), ttl = s, at and after = ms | nil (see stamp).
-- → st | nil, text, code.
function signer:make(verb, bucket, data, options, class)
  local at = stamp(self, options, class.kept)
  if at ~= options.at then keep_mark(self, at) end
  local ttl = verb == "propose" and math.min(options.ttl or class.max_ttl, class.max_ttl) or class.max_ttl
  local from, till = begins(self, at), (at // 1000 + ttl) // 16 * 16
  local st, err, code = statement.sign(self.key, self.swarm, { verb = verb, bucket = bucket,
    key = options.key or self.id, at = at, valid_from = from, valid_until = math.max(from, till),
    data = data ~= nil and json.encode(data) or "null" })
  if st then
    -- The marks of soft and of kept statements differ, and each follows its own down from a future that was not.
    self.last = (options.at or class.kept) and math.max(self.last, at) or at
    if class.kept then self.last_kept = options.at and math.max(self.last_kept, at) or at end
  end
  return st, err, code
end

-- The time (ms) that our own statement RECORD should bear, if the one it bears is wrong; nil if that is right, or if
-- nothing better is known. MONO: LOOP's time at which this run said it; nil: an earlier run did.
function signer.redate(time, loop, record, mono)
  if time.quality == "none" then return nil end
  local now = time:now()
  local due = mono and now - (loop:now() - mono)
  if due then return (record.undated or math.abs(record.at - due) > APART) and due or nil end
  return (record.undated or record.at > now + APART) and now or nil
end

return signer
