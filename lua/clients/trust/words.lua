-- words.lua - what was signed in the buckets of trust, statement by statement, and what of it ends soon. Changes
-- nothing.
local json = require "core.json"
local record = require "core.record"
local slices = require "slices"
local to_json = require "clients.control.to_json"

local words = {}

local DAY <const> = 24 * 60 * 60 * 1000
local SOON <const> = 60 * DAY
local SHORT_LIFE <const> = 61 * DAY -- what was meant to last no longer needs no warning

-- Was ST over from the start, or is it by now?
local function is_over(node, st) return st.valid_until * 1000 <= st.at or st.valid_until * 1000 < node.time:low() end

local function told(node, verdict, st)
  local fault = verdict.faults[st.short]
  return { verb = st.verb, bucket = st.bucket, key = to_json.text(st.key), signer = st.signer,
    data = to_json.value(st.data), life_ms = math.max(0, st.valid_until * 1000 - st.at),
    over = is_over(node, st) or nil,
    fault = fault and to_json.value(fault.text) or nil }
end

--- All of it, in a lab → { words = array of { verb, bucket, key, signer, data, life_ms, over = true where it has
-- ended or was ended, fault = why it does not count, or nil } }
function words.answer(node)
  local list, verdict = {}, node.dcache.trust:verdict()
  for _, st in ipairs(node.dcache.trust:statements()) do
    local is_by_hand = st.bucket ~= "trust/enrolled" -- robots say these again by themselves
    if is_by_hand then list[#list + 1] = told(node, verdict, st) end
    slices.step(0.5)
  end
  return { words = json.array(list) }
end

-- When (ms) the entry ENTRY of the index ends: a grant by its UNTIL, all by when it is forgotten | nil: it says
-- nothing, or was meant to last no longer.
local function end_of(entry, bucket, max_ttl)
  local till = record.ends(entry.at, max_ttl) * 1000
  if bucket == "trust/grants" then till = math.min(till, entry.valid_until * 1000) end
  return not entry.dismiss and till - entry.at >= SHORT_LIFE and till or nil
end

-- How many of BUCKET end before TILL, and the first end.
local function ending(node, bucket, now, till)
  local found, n, first = node.dcache:class_of(bucket), 0, nil
  for _, entry in ipairs(found and node.dcache.index:bucket(bucket) or {}) do
    local at = end_of(entry, bucket, found.class.max_ttl)
    if at and at > now and at < till then n, first = n + 1, math.min(first or at, at) end
  end
  return n, first
end

--- What `status` says of it, in a lab → { ending = how many grants, tokens, revocations and words of a root end within
-- 60 days, ending_ms = until the first does, or nil } | nil: no lab
function words.status(node)
  local now = node.time:proved_now()
  if not node.dcache.trust.lab then return nil end
  local n, first = 0, nil
  for _, bucket in ipairs(now and { "trust/root", "trust/grants", "trust/tokens", "trust/revoked" } or {}) do
    local of_one, at = ending(node, bucket, now, now + SOON)
    n, first = n + of_one, at and math.min(first or at, at) or first
  end
  return { ending = n, ending_ms = first and first - now or nil }
end

return words
