-- relays.lua - who brought words of whom, and so may carry lines to him. Sends nothing, and asks nobody.
--
-- A word that its signer renews every few minutes and that another node brings shows that something comes from the
-- signer to that node. Whether the way leads back, too, only an answer tells (way_health.lua).
local bounded = require "bounded"

local relays = {}
relays.__index = relays

local TARGETS_MAX <const> = 1000
local OF_ONE_MAX <const> = 4 -- relays to one node
local KEPT_MS <const> = 20 * 60 * 1000 -- that a relay is remembered: a word is renewed at least as often

--- given.loop
function relays.new(given)
  return setmetatable({ loop = given.loop, targets = bounded.new { limit = TARGETS_MAX } }, relays)
end

--- A word of node ID came by node BY just now. → is BY new among the relays to ID?
function relays:brought(id, by)
  local list, now = self.targets:get(id), self.loop:now()
  if not list then
    list = {}
    self.targets:put(id, list)
  end
  for _, row in ipairs(list) do
    if row.by == by then
      row.heard = now
      return false
    end
  end
  if #list >= OF_ONE_MAX then
    table.sort(list, function(a, b) return a.heard > b.heard end)
    list[#list] = nil
  end
  list[#list + 1] = { by = by, heard = now }
  return true
end

--- Who may carry lines to node ID → array of { by = ID, heard = ms }, who brought a word last first
function relays:to(id)
  local some, after = {}, self.loop:now() - KEPT_MS
  for _, row in ipairs(self.targets:get(id) or {}) do
    if row.heard > after then some[#some + 1] = row end
  end
  table.sort(some, function(a, b)
    if a.heard ~= b.heard then return a.heard > b.heard end
    return a.by < b.by
  end)
  return some
end

--- What is bounded here, as bounded.lua's rows.
function relays:bounds() return { self.targets:row "relays" } end

return relays
