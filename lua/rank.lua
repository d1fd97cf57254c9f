-- rank.lua - an order of nodes that all compute alike and that nobody chooses, another one for each text. Asks nobody.
local hash = require "core.hash"

local rank = {}

--- The IDs (array of texts, each once) by BLAKE2b-256 of `TEXT SP ID`, the smallest first → a new array. For each TEXT
-- another order, so that what has to be done once is shared among all (spec/PROTOCOL.md, Rank).
function rank.of(text, ids)
  local digests, sorted = {}, {}
  for i, id in ipairs(ids) do
    digests[id], sorted[i] = hash.blake2b(text .. " " .. id), id
  end
  table.sort(sorted, function(a, b) return digests[a] < digests[b] end)
  return sorted
end

--- Is ID one of the first MOST of IDS, which it is in, for TEXT?
function rank.is_among(most, text, ids, id)
  if #ids <= most then return true end
  local order = rank.of(text, ids)
  for i = 1, most do
    if order[i] == id then return true end
  end
  return false
end

return rank
