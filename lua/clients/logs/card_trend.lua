-- card_trend.lua - when a disk will be full, by how what is free on it went down lately. Looks at no disk.
local bounded = require "bounded"

local card_trend = {}
card_trend.__index = card_trend

local NODES_MAX <const> = 1024
local EACH <const> = 10 * 60 * 1000 -- ms between two values that are kept
local KEPT_MAX <const> = 36 -- of those: six hours
local LEAST_MS <const> = 5 * 60 * 1000 -- that the first and the last value lie apart
local MOST_MS <const> = 30 * 24 * 60 * 60 * 1000 -- what lies beyond is no news

--- given.loop
function card_trend.new(given)
  return setmetatable({ loop = given.loop, nodes = bounded.new { limit = NODES_MAX } }, card_trend)
end

--- Of node ID so much is FREE now (bytes, or percent) | nil: unknown, which ends what was known. Where it went up by
--- more than LEAST, which may be chance, room was made, and all begins anew.
function card_trend:put(id, free, least)
  if not free then return self.nodes:forget(id) end
  local known, now = self.nodes:get(id), self.loop:now()
  if not known then
    known = { kept = {} }
    self.nodes:put(id, known)
  end
  local last = known.kept[#known.kept]
  if last and free > known.free + least then known.kept, last = {}, nil end
  known.free, known.at = free, now
  if last and now - last.at < EACH then return end
  table.insert(known.kept, { at = now, free = free })
  if #known.kept > KEPT_MAX then table.remove(known.kept, 1) end
end

--- ms until the disk of node ID is full, as it went lately; LEAST: that went at least, else it may be chance | nil: it
--- does not fill, or nobody knows.
function card_trend:full_in(id, least)
  local known = self.nodes:get(id)
  local first = known and known.kept[1]
  local past, went = first and known.at - first.at or 0, first and first.free - known.free or 0
  if past < LEAST_MS or went < least then return nil end
  local left = math.floor(known.free * past / went)
  return left <= MOST_MS and left or nil
end

return card_trend
