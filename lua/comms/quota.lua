-- quota.lua - how much wasted work each source may still cause. Proved, honest sources never feel it.
local bounded = require "bounded"
local token_bucket = require "token_bucket"

local quota = {}
quota.__index = quota

local SOURCES_MAX = 1024

--- given.loop         the event loop, for its clock
--- given.rate         failures a second that a source may cause
--- given.burst        failures at once that a source may cause
--- given.total        failures a second for all sources that are unproved (nil: without bound)
--- given.total_burst  the same at once
function quota.new(given)
  local self = setmetatable({ rate = given.rate, burst = given.burst,
    sources = bounded.new { limit = SOURCES_MAX } }, quota) -- of a flood of sources the oldest go: it meets the total
  function self.now() return given.loop:now() end
  if given.total then
    self.all = token_bucket.new { now = self.now, rate = given.total, burst = given.total_burst }
  end
  return self
end

local function bucket_of(self, principal)
  local bucket = self.sources:get(principal)
  if bucket then return bucket end
  bucket = token_bucket.new { now = self.now, rate = self.rate, burst = self.burst }
  self.sources:put(principal, bucket)
  return bucket
end

-- May this source have one more signature checked? PROVED: its address is known to be a key's. Datagram sources cost
-- nothing to invent, so that unproved ones also share a total.
function quota:allows(principal, proved)
  local bucket = self.sources:get(principal)
  if bucket and bucket:left() < 1 then return false end
  return proved or not self.all or self.all:left() >= 1
end

-- Nothing is held against PRINCIPAL any more, as if it had never been charged: so honest sources cost no memory.
function quota:forget(principal) self.sources:forget(principal) end

-- Checks that were paid for (one, or N) were not wasted.
function quota:refund(principal, n)
  local bucket = self.sources:get(principal)
  if bucket then
    bucket:put_back(n or 1)
    if bucket:left() == self.burst then self:forget(principal) end
  end
  if self.all then self.all:put_back(n or 1) end
end

-- One check, or N, were or may be wasted on that source.
function quota:charge(principal, n)
  bucket_of(self, principal):charge(n or 1)
  if self.all then self.all:charge(n or 1) end
end

return quota
