-- placing.lua - who is to copy a file: the same answer on all nodes that know the same. Asks nobody, keeps nothing.
--
-- Copies are counted by domain: what fails together is one. Of the nodes that could take the file the first ones in its
-- order (rank.lua) are chosen, one a domain, so that nobody has to agree with anybody. Where those do not begin, the
-- others draw turns: a node that only says that it takes files costs 20 minutes.
local rank = require "rank"

local placing = {}

local MOST <const> = 8 -- copies of a file, whatever its owner asks for
local FRESH <const> = 20 * 60 * 1000 -- ms that what a node said of its store is believed
local CALM <const>, TURNS <const> = 10 * 60 * 1000, 10 * 60 * 1000 -- ms without news of a missing copy; then: of turns
local SEEN_MOST <const> = 64 -- domains of a file whose news count: who names ever another holds up nobody for ever
local TAIL <const> = 16 -- characters of a CID by which a node names what it fetches
local CLAIMED <const> = 101 -- more than any percentage

placing.FRESH, placing.TAIL = FRESH, TAIL

--- What a node's copies count as, a text; false: a carrier's, which do not count. TOLD: the `domain` that it tells of
--- itself; TAGS: those of its grant, which go before; nil: it has none.
function placing.domain(id, told, tags)
  if told == false then return false end
  for _, tag in ipairs(tags or {}) do
    local granted = tag:match "^domain:(.+)$"
    if granted then return granted end
  end
  return told ~= nil and told ~= "" and told or id
end

--- ROWS: one for each node that counts, this one, too: { id =, domain = as placing.domain has it, take = does it fetch,
--- free = bytes or nil, doing = { { c = end of a CID, p = percent } }, age = ms since it said so }. → what look() asks
function placing.view(rows)
  local able, doing = {}, {}
  for _, row in ipairs(rows) do
    local fresh = row.domain and row.age <= FRESH
    if fresh and row.take then able[#able + 1] = row end
    for _, one in ipairs(fresh and row.doing or {}) do
      doing[one.c] = doing[one.c] or {}
      table.insert(doing[one.c], { domain = row.domain, percent = one.p or 0 })
    end
  end
  return { able = able, doing = doing }
end

-- Domains that have the file or fetch it: how far each is, and how many have it.
local function taken(file, view)
  local by, claimed, all = {}, 0, 0
  for _, one in ipairs(file.claims) do
    if not by[one] then by[one], claimed, all = CLAIMED, claimed + 1, all + 1 end
  end
  for _, one in ipairs(view.doing[file.cid:sub(-TAIL)] or {}) do
    if not by[one.domain] then all = all + 1 end
    by[one.domain] = math.max(by[one.domain] or 0, one.percent)
  end
  return by, claimed, all
end

-- The nodes that could take it, and the domain of each.
local function eligible(file, view, by)
  local ids, domains = {}, {}
  for _, row in ipairs(view.able) do
    local fits = not row.free or row.free >= file.size
    if fits and not by[row.domain] and not file.sharers[row.id] then
      ids[#ids + 1], domains[row.id] = row.id, row.domain
    end
  end
  return ids, domains
end

-- When a new domain claimed the file, or began it, or came further. BEFORE: what is known of an earlier look | nil.
local function news(by, before, now)
  local known, is_new = before and before.seen or {}, not before
  local has_room = not before or before.count < SEEN_MOST
  for domain, percent in pairs(by) do -- any order
    if (known[domain] or has_room) and percent > (known[domain] or -1) then is_new = true end
  end
  if not is_new then return before end
  local seen, count = {}, 0
  for domain, percent in pairs(known) do seen[domain], count = percent, count + 1 end -- any order
  for domain, percent in pairs(by) do -- any order
    if known[domain] then seen[domain] = math.max(percent, known[domain])
    elseif has_room then seen[domain], count = math.max(percent, 0), count + 1 end
  end
  return { at = now, seen = seen, count = count }
end

-- Has this node's turn come? Each draws a moment in a part of the time that is its own.
local function has_turn(state, place, count, now, unit)
  if not place or now < state.at + CALM then return false end
  state.turn = state.turn or state.at + CALM + math.floor((place - 1 + unit()) * TURNS / count)
  return now >= state.turn
end

local function why_not(answer, by, me)
  if answer.taken >= answer.most then return ("%d others hold or fetch it"):format(answer.taken) end
  if by[me.domain] then return "another node of its domain holds or fetches it" end
  if not answer.place then return "it has no room for it" end
  return ("%d others are chosen"):format(#answer.chosen)
end

-- What is missing is chosen from among those who could take it, the first ones in their order, one a domain; nobody is
-- put in order where nothing is missing and it is nobody's TURN. → is this node one of them?
local function choose(answer, file, view, by, me, turn)
  local domains, need
  answer.able, domains = eligible(file, view, by)
  need = math.max(0, answer.most - answer.taken)
  if need == 0 and not turn then return false end
  answer.chosen, answer.place = rank.first(file.cid, answer.able, need, me.id, function(id) return domains[id] end)
  for _, id in ipairs(answer.chosen) do
    if id == me.id then return true end
  end
  return false
end

--- FILE: { cid, size, most = copies wanted, claims = domains that hold it (an array, some may be there twice),
--- sharers = set of IDs of who has it in his folder }. VIEW: placing.view's. ME: { id, domain = nil or false: this node
--- does not count }. BEFORE: what an earlier look at the same file gave | nil; NOW: ms, of a clock that nobody sets;
--- UNIT() → 0 … 1. → { wanted = is it this node's to copy, why = why not | nil, most, claimed = domains that have it,
--- taken = those and who fetch it, able = nodes that could take it, chosen = those of them that are chosen, place =
--- this one's among the able | nil, where that plays no part }, what to give to the next look
function placing.look(file, view, me, before, now, unit)
  local by, claimed, taken_by = taken(file, view)
  local answer = { wanted = false, most = math.min(file.most, MOST), claimed = claimed, taken = taken_by, able = {},
    chosen = {} }
  if claimed >= answer.most then
    answer.why = ("%d others hold it"):format(claimed)
    return answer
  end
  local state = me.domain and news(by, before, now)
  answer.wanted = choose(answer, file, view, by, me, state and now >= state.at + CALM)
  if not state then
    answer.wanted, answer.why = false, "this node's copies do not count"
    return answer
  end
  answer.wanted = answer.wanted or has_turn(state, answer.place, #answer.able, now, unit)
  answer.why = not answer.wanted and why_not(answer, by, me) or nil
  return answer, state
end

--- A carrier takes what fewer than LEAST domains hold, and lets go of the rest. CLAIMS as in look's FILE.
function placing.carries(claims, least)
  local by, count = {}, 0
  for _, one in ipairs(claims) do
    if not by[one] then by[one], count = true, count + 1 end
  end
  return count < least
end

return placing
