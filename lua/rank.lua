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

-- LIST, sorted by `digest` and of MOST at most, with ONE in its place where it is among these.
local function put_in(list, one, most)
  local at = #list + 1
  while at > 1 and one.digest < list[at - 1].digest do at = at - 1 end
  if at <= most then table.insert(list, at, one) end
  list[most + 1] = nil
end

--- The first MOST of that order, the best one of each KIND(id) alone, without putting all in order → array of IDs, the
--- place that ID has among all | nil: it is none of them
function rank.first(text, ids, most, id, kind)
  local best, digests, list, place = {}, {}, {}, nil
  for i, each in ipairs(ids) do
    local digest, of = hash.blake2b(text .. " " .. each), kind(each)
    digests[i] = digest
    if each == id then place = digest end
    if not best[of] or digest < best[of].digest then best[of] = { id = each, digest = digest } end
  end
  for _, one in pairs(best) do put_in(list, one, most) end -- any order: they are put in order
  for i, one in ipairs(list) do list[i] = one.id end
  local before = 0
  for _, digest in ipairs(place and digests or {}) do before = before + (digest < place and 1 or 0) end
  return list, place and before + 1
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
