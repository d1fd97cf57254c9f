-- newer.lua - who says on a near medium what its signer has replaced by now missed the newer word, or asks for it
-- (clients/discovery/overdue.lua): he is told it. Soft words only, since of others digests tell. Asks nobody.
local bounded = require "bounded"
local token_bucket = require "token_bucket"

local newer = {}
newer.__index = newer

local APART <const> = 20 * 1000 -- ms between two times that a word is said for that
local WORDS_MAX <const> = 256 -- of which it is known when that was
local RATE <const>, BURST <const> = 1, 16 -- words a second: anybody can say again what he once heard

--- given.loop, dcache
--- given.say_again  fn(name, short): the held statement SHORT is said on the channel NAME, unless others do
function newer.new(given)
  return setmetatable({ loop = given.loop, dcache = given.dcache, say_again = given.say_again,
    said = bounded.new { limit = WORDS_MAX },
    budget = token_bucket.new { now = function() return given.loop:now() end, rate = RATE, burst = BURST } }, newer)
end

local function is_due(self, short)
  local at, now = self.said:get(short), self.loop:now()
  if at and now - at < APART or not self.budget:take(1) then return false end
  self.said:forget(short)
  self.said:put(short, now)
  return true
end

--- What stands at PLACE of LIST (core.batch), which came over SOURCE, is older than what is held here.
function newer:hear(list, place, source)
  local traits = source.channel.traits
  if not (source.broadcast and traits.medium and traits.near) or self.dcache:kept(list:bucket(place)) then return end
  local st = list:statement(place)
  local held = self.dcache:statement_of(st.bucket, st.key, st.signer)
  if held and is_due(self, held.short) then self.say_again(source.channel.name, held.short) end
end

return newer
