-- cards.lua - how full the disks of shared files are, this node's and those that others tell of, and when each is full.
local card_trend = require "clients.logs.card_trend"

local cards = {}
cards.__index = cards

local LOOK <const> = 60 * 1000 -- ms
local LEAST_BYTES <const>, LEAST_PERCENT <const> = 50000000, 2 -- less is chance

--- given.loop
--- given.id      this node's ID
--- given.free    fn() → bytes free on the disk of the own files | nil
--- given.others  fn() → array of { id, percent = free | nil } of other nodes
function cards.new(given)
  local self = setmetatable({ trend = card_trend.new { loop = given.loop } }, cards)
  for _, name in ipairs { "loop", "id", "free", "others" } do self[name] = given[name] end
  return self
end

function cards:look()
  self.trend:put(self.id, self.free(), LEAST_BYTES)
  for _, one in ipairs(self.others()) do self.trend:put(one.id, one.percent, LEAST_PERCENT) end
end

function cards:start()
  self:look()
  self.timer = self.loop:every(LOOK, function() self:look() end)
end

function cards:stop()
  if self.timer then self.timer:cancel() end
end

--- ms until the disk of node ID is full | nil: it does not fill, or nobody knows.
function cards:full_in(id) return self.trend:full_in(id, id == self.id and LEAST_BYTES or LEAST_PERCENT) end

return cards
