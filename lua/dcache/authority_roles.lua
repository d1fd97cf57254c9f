-- authority_roles.lua - until when a grant lets its holder speak, for authority.lua. Decides nothing about standing.
local said = require "dcache.authority_said"

local roles = {}

roles.NO_END = math.maxinteger -- ms: a role that is not over

-- Retired: granted with an UNTIL that is not after its AT.
local function is_retirement(st) return st.valid_until * 1000 <= st.at end

-- Could SIGNER give LEVEL by a word of AT, and end it? Admins and root keys can, what is below them.
local function can_give(verdict, signer, at, level)
  return verdict:level(signer, at) >= math.max(said.LEVELS.admin, level + 1)
end

-- When was the grant ST of LEVEL ended? Whoever may give a level may end it, by granting it again as over or by a
-- dismissal; what was granted after that is not ended. → ms | nil
local function ended_at(verdict, st, level)
  local room, till = verdict.said["trust/grants"], nil
  local function ends(moment) till = math.min(till or moment, moment) end
  for _, other in ipairs(room.proposed[st.key]) do
    if is_retirement(other) and other.at >= st.at and can_give(verdict, other.signer, other.at, level) then
      ends(other.valid_until * 1000)
    end
  end
  for _, d in ipairs(room.dismissed[st.key] or {}) do
    if said.bars(d, st) and can_give(verdict, d.signer, d.at, level) then ends(d.at) end
  end
  return till
end

-- Until when does ST give LEVEL? → ms, NO_END where it is not over; ms of its end, be it over or not
local function end_of(verdict, st, level)
  if not can_give(verdict, st.signer, st.at, level) then return 0, 0 end
  local own = st.valid_until * 1000
  local till = ended_at(verdict, st, level)
  if till then return math.min(till, own), math.min(till, own) end
  return own < verdict.low and own or roles.NO_END, own
end

local function descending(a, b) return a > b end

--- Notes in VERDICT until when ID has LEVEL by GRANTS, of which NEED have to be good at a time.
function roles.set(verdict, id, level, grants, need)
  local ends, own = {}, {}
  for i, st in ipairs(grants) do ends[i], own[i] = end_of(verdict, st, level) end
  table.sort(ends, descending)
  table.sort(own, descending)
  verdict.ends[id] = verdict.ends[id] or {}
  verdict.ends[id][level] = { ends = ends[need], own = own[need] }
end

return roles
