-- record.lua - the merge a second time, from spec/PROTOCOL.md alone: a function of a set of statements.
-- No index, no arrival: what a node must remember whatever it heard first.
local hash = require "core.hash"

local second = {}

function second.ends(class, at)
  local seconds = (at + 999) // 1000 + 600 + class.max_ttl
  return (seconds + 15) // 16 * 16
end

local function slot(st) return hash.blake2b(st.bucket .. " " .. st.key .. " " .. st.signer):sub(1, 8) end

local function is_newer(a, b)
  if a.at ~= b.at then return a.at > b.at end
  return a.short > b.short
end

-- Of one class (`class_of` names it): the newest word of each slot, in shares of `slots` a signer.
local function winners(statements, class)
  local signers, names = {}, {}
  for _, st in ipairs(statements) do
    local own = signers[st.signer]
    if not own then
      own = { slots = {}, newest = {} }
      signers[st.signer], names[#names + 1] = own, st.signer
    end
    local name = slot(st)
    if not own.newest[name] then own.slots[#own.slots + 1] = name end
    if not own.newest[name] or is_newer(st, own.newest[name]) then own.newest[name] = st end
  end
  local kept = {}
  for _, name in ipairs(names) do
    local own = signers[name]
    table.sort(own.slots)
    for i = 1, math.min(#own.slots, class.slots) do kept[#kept + 1] = own.newest[own.slots[i]] end
  end
  return kept
end

-- Sorted short IDs of what is remembered beyond T.
function second.ids(statements, class, t)
  local ids = {}
  for _, st in ipairs(winners(statements, class)) do
    if second.ends(class, st.at) > t then ids[#ids + 1] = st.short end
  end
  table.sort(ids)
  return ids
end

function second.digest(statements, class, t)
  local ids = second.ids(statements, class, t)
  return hash.blake2b(table.concat(ids)):sub(1, 16), #ids
end

-- The canonical text of a class's constants is hashed; patterns sorted by bytes.
function second.law(class)
  local patterns = table.move(class.buckets, 1, #class.buckets, 1, {})
  table.sort(patterns)
  return hash.blake2b(("dt-swarm/1 law\n%s max_ttl=%d size=%d slots=%d %s scope=%s admitted=%s\n%s\n"):format(
    class.name, class.max_ttl, class.size, class.slots, class.kept and "kept" or "soft",
    class.scope or "swarm", class.admitted or "anyone", table.concat(patterns, "\n"))):sub(1, 8)
end

return second
