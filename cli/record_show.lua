-- record_show.lua - `record show BUCKET KEY`: what is proposed, who signed it, who counts, what is missing. It asks the
-- daemon only.
local json = require "core.json"
local sorted = require "sorted"

local record_show = {}

function record_show.request(options) return { command = "record", bucket = options.bucket, key = options.record } end

local COLUMNS <const> = {
  { title = "SIGNER", give = true, least = 8, rank = 1 }, { title = "KEY", rank = 4 }, { title = "ROLE", rank = 3 },
  { title = "AGE", rank = 5 }, { title = "COUNTS", give = true, least = 10, rank = 2 },
  { title = "VIA", cut = "middle", give = true, least = 12, rank = 6 },
}

-- By which way it came here; all addresses end alike.
local function via(st, s) return st.via and (s:text(st.via):gsub("/dswarm%-line$", "")) or "-" end

local function row_of(st, s)
  local counts = st.counts and { "yes", colour = "good" } or { "no: " .. s:text(st.fault or "may not say this"),
    colour = "warn" }
  return { s:who(st.signer), s:key(st.signer.id), s:text(st.signer.role), s.age(st.age_ms, st.age_about), counts,
    via(st, s) }
end

local function value(data, s)
  if type(data) == "string" then return s:text(data) end
  return (s:text(json.encode(data)):gsub('","', '", "'))
end

local function rows_of(list, s)
  local rows = {}
  for i, st in ipairs(list) do rows[i] = row_of(st, s) end
  return rows
end

-- A row for each member of DATA: a long one is broken between its parts.
local function data_rows(data, s)
  if type(data) ~= "table" or json.is_array(data) then return { { "data", value(data, s) } } end
  local rows = {}
  for i, name in ipairs(sorted.keys(data)) do rows[i] = { s:text(name), value(data[name], s) } end
  return rows
end

local function show_proposal(one, number, several, s)
  s:line(("%s%s  %s"):format(several and ("proposal %d, "):format(number) or "", s:paint(one.holds and "good" or "warn",
    one.holds and "holds" or "does not hold"), s:text(one.hash:sub(1, 8))))
  if one.data ~= nil then s:facts(data_rows(one.data, s)) end
  s:table(COLUMNS, rows_of(one.statements, s))
  if one.said > #one.statements then s:say(("and %d more statements."):format(one.said - #one.statements)) end
end

-- Who signs such a record: "2 of trusted".
local function rule(answer)
  local by = answer.by == "anyone" and "anybody" or answer.by == "owner" and "its owner" or answer.by
  return answer.needed == 1 and by or ("%d of %s"):format(answer.needed, by)
end

-- Who could sign what is missing.
local function missing(answer, s)
  local best = answer.proposals[1]
  local n = answer.needed - (best and best.signers or 0)
  if not best or best.holds or n <= 0 or answer.could_count == 0 then return "" end
  local names = {}
  for i, one in ipairs(answer.could) do names[i] = s:who(one) end
  if answer.could_count > #names then names[#names + 1] = ("%d more"):format(answer.could_count - #names) end
  return (" %d more needed; who could sign: %s."):format(n, s.list(names))
end

--- Prints the answer.
function record_show.show(answer, s)
  for i, one in ipairs(answer.proposals) do show_proposal(one, i, answer.proposals[2] ~= nil, s) end
  if answer.dismissals[1] then
    s:line "dismissed"
    s:table(COLUMNS, rows_of(answer.dismissals, s))
  end
  s:say(("%s: %s. Signed by %s, dismissed by %s; class %s.%s"):format(answer.holds and "Holds" or "Does not hold",
    s:text(answer.why), rule(answer), s:text(answer.dismiss), s:text(answer.class), missing(answer, s)))
end

return record_show
