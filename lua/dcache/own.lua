-- own.lua - this node's own words: stamped so that each is newer than the last, and signed. Keeps no record.
--
-- Soft words are in no journal, so a node without a clock that starts again could stamp below what it said before,
-- and be refused as older. STATE/stamp is a mark that none of its words has passed.
local json = require "core.json"
local statement = require "core.statement"

local own = {}
own.__index = own

local MARGIN = 4 * 60 * 1000 -- ms from a word that passed the mark to the next: less than words may be ahead
local STEP = 1000 -- the same where the clock stands behind our words: they go on by 1 ms, and starts must not add up
local BELOW = 10 * 60 * 1000 -- a mark that far above our words is of a time that was not

-- time, key, id, swarm, log; last = mark of an earlier run (ms); keep(ms) → true | nil, text, before a word goes out.
function own.new(given)
  local self = setmetatable({ last = given.last or 0, mark = given.last or 0 }, own)
  for _, name in ipairs { "time", "key", "id", "swarm", "log", "keep" } do self[name] = given[name] end
  return self
end

-- An own word of that AT is known: from the journal, or from others who heard it before we were started again.
function own:heard(at) self.last = math.max(self.last, at) end

local function keep_mark(self, at)
  local passed = at > self.mark and self.time.source ~= "own"
  if not self.keep or not (passed or self.mark - at > BELOW) then return end
  self.mark = at + (at > self.time:now() and STEP or MARGIN)
  local ok, err = self.keep(self.mark)
  if not ok then self.log:once("stamp", "warn", "dcache", "time of own words not kept", { why = err }) end
end

-- A signed word for a class of MAX_TTL s; options: key = text | nil (ourselves), ttl = s. → st | nil, text, word.
function own:make(verb, bucket, data, options, max_ttl)
  local at = self.time:stamp(self.last)
  keep_mark(self, at)
  local ttl = verb == "propose" and math.min(options.ttl or max_ttl, max_ttl) or max_ttl
  local from = math.min(at, self.time:now()) // 1000 // 16 * 16 -- it holds now, though it may be stamped ahead
  local till = (at // 1000 + ttl) // 16 * 16
  local st, err, word = statement.sign(self.key, self.swarm, { verb = verb, bucket = bucket,
    key = options.key or self.id, at = at, valid_from = from, valid_until = math.max(from, till),
    data = data ~= nil and json.encode(data) or "null" })
  if st then self.last = at end
  return st, err, word
end

return own
