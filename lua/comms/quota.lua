-- quota.lua - how much wasted work each source may still cause. Proved, honest sources never feel it.
local quota = {}
quota.__index = quota

local SOURCES_MAX = 1024

-- given.loop; given.rate: failures a second that a source may cause; given.burst at once; given.total a second and
-- given.total_burst at once for all that are unproved, without bound where they are not given.
function quota.new(given)
  return setmetatable({ loop = given.loop, rate = given.rate, burst = given.burst, list = {}, by_principal = {},
    all = { left = given.total_burst or math.huge, at = given.loop:now() }, total = given.total or 0,
    total_burst = given.total_burst or math.huge }, quota)
end

local function refill(bucket, rate, burst, now)
  bucket.left = math.min(burst, bucket.left + (now - bucket.at) * rate / 1000)
  bucket.at = now
end

local function bucket_of(self, principal)
  local bucket = self.by_principal[principal]
  if bucket then return bucket end
  if #self.list >= SOURCES_MAX then -- the oldest entry goes; a flood of sources meets the total
    local oldest = table.remove(self.list, 1)
    self.by_principal[oldest.principal] = nil
  end
  bucket = { principal = principal, left = self.burst, at = self.loop:now() }
  self.by_principal[principal] = bucket
  table.insert(self.list, bucket)
  return bucket
end

-- May this source have one more signature checked? PROVED: its address is known to be a key's. Datagram sources cost
-- nothing to invent, so that unproved ones also share a total.
function quota:allows(principal, proved)
  local bucket, now = self.by_principal[principal], self.loop:now()
  if bucket then
    refill(bucket, self.rate, self.burst, now)
    if bucket.left < 1 then return false end
  end
  if proved then return true end
  refill(self.all, self.total, self.total_burst, now)
  return self.all.left >= 1
end

-- Checks that were paid for (one, or N) were not wasted.
function quota:refund(principal, n)
  local bucket = self.by_principal[principal]
  n = n or 1
  if bucket then bucket.left = math.min(self.burst, bucket.left + n) end
  self.all.left = math.min(self.total_burst, self.all.left + n)
end

-- One check, or N, were or may be wasted on that source.
function quota:charge(principal, n)
  local bucket = bucket_of(self, principal)
  n = n or 1
  refill(bucket, self.rate, self.burst, self.loop:now())
  bucket.left, self.all.left = bucket.left - n, self.all.left - n
end

return quota
