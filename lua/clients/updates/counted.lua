-- counted.lua - does a record of updates count, and if not, by which word and why. A pure function of what dcache made
-- of its statements, and of the time; knows no release, run or floor.
local counted = {}

local SHOWN <const> = 4 -- characters at the end of a key by which people tell it from others

--- The ends of IDs, as people are shown keys: "7f3a, 9c1e".
function counted.keys(ids)
  local ends = {}
  for i, id in ipairs(ids) do ends[i] = id:sub(-SHOWN) end
  table.sort(ends)
  return table.concat(ends, ", ")
end

local function is_over(st, low) return st.valid_until * 1000 < low end

-- Why ST, a proposal that says nothing now, does not → word, text
local function fault_of(st, low)
  if st.denied then return "role", ("%s may not sign this"):format(counted.keys { st.signer }) end
  if st.barred ~= nil then return "ended", ("dismissed by %s"):format(counted.keys { st.fault:match "%S+$" }) end
  if is_over(st, low) then return "ended", "its time is over" end
  if st.valid_until * 1000 <= st.at then return "ended", "its signer took it back" end
  return "future", "it is meant for later"
end

-- Why the best proposal ONE of RECORD does not hold → word, text, true where people took it back
local function shortfall(record, one, low)
  if one.malformed then return "form", (one.malformed:gsub("^form: ", "")) end
  if #one.signers > 0 then
    return "threshold", ("%d of %d: %s"):format(#one.signers, record.needed, counted.keys(one.signers))
  end
  local word, text, dismissed
  for _, st in ipairs(one.statements) do
    local its, why = fault_of(st, low)
    -- That one of them may not say it is told only where none may.
    if not word or word == "role" then word, text, dismissed = its, why, st.barred ~= nil or nil end
  end
  return word, text, dismissed
end

-- When was ONE first said → ms
local function said_at(one)
  local first
  for _, st in ipairs(one.statements) do first = math.min(first or st.at, st.at) end
  return first
end

-- When does it end: once fewer than NEEDED of ONE's statements count → ms
local function end_of(one, needed)
  local ends = {}
  for _, st in ipairs(one.statements) do
    if not st.fault then ends[#ends + 1] = st.valid_until * 1000 end
  end
  table.sort(ends, function(a, b) return a > b end)
  return ends[needed] or ends[#ends]
end

-- The next moment (ms of low) at which a statement of RECORD begins or ends to count.
local function till(record, low)
  local soonest = math.maxinteger
  for _, st in ipairs(record.statements) do
    for _, moment in ipairs { st.valid_until * 1000, st.valid_from * 1000 } do
      if moment >= low then soonest = math.min(soonest, moment) end
    end
  end
  return soonest
end

-- Nobody proposes anything in RECORD (nil: nobody says anything of it): who started it may have taken it back in the
-- very slot in which he proposed it.
local function nothing_of(record)
  local found = { counts = false, signers = {}, holding = {}, till = math.maxinteger, word = "missing",
    text = "nobody proposes it any more" }
  for _, st in ipairs(record and record.statements or {}) do
    if st.verb == "dismiss" and st.bars then
      found.word, found.text, found.dismissed = "ended", "dismissed by " .. counted.keys { st.signer }, true
      found.till = math.min(found.till, st.valid_until * 1000)
    end
  end
  return found
end

--- What RECORD (dcache:record; nil: nobody says anything of it) comes to while the time is not before LOW (ms):
--- { counts, data, data_text, signers = IDs, at = when it was first said (ms), ends = ms | nil, holding = all proposals
--- that hold, till = ms of LOW when it is to be looked at again }, and where it does not count word and text,
--- dismissed = true where people took it back.
function counted.of(record, low)
  local best = record and record.proposals[1]
  if not best then return nothing_of(record) end
  local found = { counts = best.holds, data = best.data, data_text = best.data_text, signers = best.signers,
    at = said_at(best), holding = {}, till = till(record, low) }
  for _, one in ipairs(record.proposals) do
    if one.holds then found.holding[#found.holding + 1] = one end
  end
  if best.holds then
    found.ends = end_of(best, record.needed)
  else
    found.word, found.text, found.dismissed = shortfall(record, best, low)
  end
  return found
end

--- FOUND counts no more: two different DATA are signed under its key.
function counted.conflict(found)
  local by = {}
  for i, one in ipairs(found.holding) do by[i] = counted.keys(one.signers) end
  return "conflict", #by > 1 and ("two are signed under this number: one by %s, one by %s"):format(by[1], by[2])
    or ("another one was signed under this number before; this one is by %s"):format(counted.keys(found.signers))
end

return counted
