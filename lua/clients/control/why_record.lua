-- why_record.lua - why a record holds or not: who says what of it, how old that is, and what would change it. It judges
-- nothing itself (dcache/meaning.lua does).
local slices = require "slices"
local span = require "span"

local why_record = {}

local HOOK <const> = "dcache.holds"
local SAID_MAX <const> = 24 -- statements that are told
local PREFIX <const> = 4 -- characters of a key below which it stands for nothing
local AT_ONCE <const> = 32 -- statements that are read without a break

-- How old it is, and how long it counts.
local function times_of(node, st)
  local ms, about = node.time:age(not st.undated and st.at or nil)
  local now = node.time:proved_now()
  local age = ms and (about and "about " or "") .. span.ago(ms)
  if not now then return (age and age .. ", " or "") .. "no clock here is proved" end
  local left = st.valid_until * 1000 - now
  local over = left > 0 and ("over in %s"):format(span.of(left)) or ("over since %s"):format(span.of(-left))
  return ("%s, %s"):format(age or "undated", over)
end

local CURES <const> = {
  propose = "Its signer can take it back, or say it anew.", dismiss = "Its signer can say it again.",
}

--- TEXT with the names of nodes in the place of their IDs. What is no text stays as it is.
function why_record.named(node, text)
  if type(text) ~= "string" then return text end
  return (text:gsub("12D3KooW%w+", function(id) return #id == 52 and node.who(id).label or nil end))
end

--- What one statement says, as a row.
function why_record.statement(node, st)
  local verb = st.verb == "dismiss" and "dismissed" or "proposed"
  local via = st.via and ", came by " .. st.via:gsub("/dswarm%-line$", "") or ""
  local seen = ("%s, %d bytes%s"):format(times_of(node, st), st.size, via)
  return { what = ("%s by %s"):format(verb, node.who(st.signer).label),
    seen = st.fault and ("%s; it says nothing now: %s"):format(seen, why_record.named(node, st.fault)) or seen,
    cure = st.mine and CURES[st.verb] or nil }
end

local function missing_signers(record)
  local n = record.needed - #record.signers
  if record.holds or n <= 0 then return nil end
  return n == 1 and "One more signer who proposes the same." or ("%d more signers who propose the same."):format(n)
end

-- Whose answer it is whether the record holds.
local function rule_of(node)
  local by = node.policy:origin(HOOK)
  return by:find "^default" and by or by .. " (asked now)"
end

local function told(node, record)
  local rows = { { what = record.holds and "holds" or "does not hold",
    seen = ("%s %s: %s; class %s"):format(rule_of(node), HOOK, why_record.named(node, record.why or "no reason given"),
      record.class),
    cure = missing_signers(record) } }
  if #record.proposals > 1 then
    rows[2] = { what = ("%d proposals"):format(#record.proposals), seen = "its signers propose different things" }
  end
  for i, st in ipairs(record.statements) do
    if i > SAID_MAX then
      rows[#rows + 1] = { what = ("and %d more"):format(#record.statements - SAID_MAX) }
      break
    end
    rows[#rows + 1] = why_record.statement(node, st)
  end
  return rows
end

--- The keys of BUCKET that begin with WORD, or are the ID of a node that is called so; two at most.
function why_record.keys_like(node, bucket, word)
  local found, known, row = {}, {}, 0
  local function fits(key)
    if #word >= PREFIX and key:sub(1, #word) == word then return true end
    local who = node.who(key)
    return who.name == word or who.label == word
  end
  repeat
    local list
    list, row = node.dcache:rows(bucket, row, AT_ONCE)
    for _, st in ipairs(list) do
      if not known[st.key] and fits(st.key) then known[st.key], found[#found + 1] = true, st.key end
    end
    slices.step(4 * AT_ONCE)
  until not row or found[2]
  return found
end

--- Rows (lua/why.lua) of THING: { record = { bucket, key } }, the key whole, its beginning, or a node's name | nil
function why_record.rows(node, thing)
  if type(thing.record) ~= "table" then return nil end
  local bucket, key = thing.record[1], thing.record[2]
  if type(bucket) ~= "string" or type(key) ~= "string" then return nil end
  if not node.dcache:class_of(bucket) then return nil end
  local record = node.dcache:record(bucket, key)
  if record then return told(node, record) end
  local keys = why_record.keys_like(node, bucket, key)
  if keys[2] then
    return { { code = "ambiguous", what = ("%s fits several keys in %s"):format(key, bucket),
      seen = table.concat(keys, ", ") .. ", …" } }
  end
  record = keys[1] and node.dcache:record(bucket, keys[1])
  return record and told(node, record) or nil
end

return why_record
