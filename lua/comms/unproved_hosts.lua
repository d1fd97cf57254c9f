-- unproved_hosts.lua - how often a host may be dialled that nothing but somebody's word names. Dials nobody.
--
-- Such a word costs nothing to make, and the host that it names may be a victim who never asked: so it is dialled
-- rarely, however many nodes name it.
local bounded = require "bounded"
local token_bucket = require "token_bucket"

local unproved_hosts = {}
unproved_hosts.__index = unproved_hosts

local DIALS <const> = { rate = 0.05, burst = 3 } -- of one host, a second and at once
local HOSTS_MAX <const> = 256 -- that are remembered

unproved_hosts.WAIT_MS = 20 * 1000 -- for one dial more

--- NOW: fn() → ms
function unproved_hosts.new(now)
  return setmetatable({ now = now, buckets = bounded.new { limit = HOSTS_MAX } }, unproved_hosts)
end

--- May the address ROW (addresses.lua) be dialled now? If so, that is one dial.
function unproved_hosts:take(row)
  if row.proved or row.origin ~= "record" then return true end
  local bucket = self.buckets:get(row.host)
  if not bucket then
    bucket = token_bucket.new { now = self.now, rate = DIALS.rate, burst = DIALS.burst }
    self.buckets:put(row.host, bucket)
  end
  return bucket:take(1)
end

return unproved_hosts
