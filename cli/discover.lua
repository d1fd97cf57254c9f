-- discover.lua - `discover`: who is there, and useful words when nobody is. It asks the daemon only.
local discover = {}

function discover.request() return { command = "discover" } end

local COLUMNS <const> = {
  { title = "NAME", give = true, least = 8 }, { title = "KEY" }, { title = "TYPE", give = true, least = 6 },
  { title = "STATUS" }, { title = "VIA", cut = "middle" }, { title = "SEEN" },
  { title = "FILES", align = "right" }, { title = "NOTE", give = true, optional = true },
}
local STATES <const> = { ready = "good", busy = "warn", quiet = "warn", lost = "bad", left = "dim" }

local function via(other, s)
  if other.self then return "this node" end
  if not other.via then return s.UNKNOWN end
  local trip = other.via.rtt_us and " " .. s.trip(other.via.rtt_us) or ""
  return s:text(other.via.kind) .. trip
end

local function row(other, s)
  return {
    s:text(other.label or other.name), s:key(other.id), s:text(other.type),
    { s:text(other.status), colour = STATES[other.status] }, via(other, s),
    other.self and "now" or s.age(other.seen_ms), other.files and ("%d"):format(other.files) or s.UNKNOWN,
    other.note and s:text(other.note) or "",
  }
end

local AWAY <const> = { left = true, lost = true }

-- How many nodes are here, this one included.
local function here(answer)
  local n = 0
  for _, other in ipairs(answer.nodes) do n = n + (AWAY[other.status] and 0 or 1) end
  return n
end

local function count_of(answer, s)
  local n, words = { left = 0, lost = 0 }, {}
  for _, other in ipairs(answer.nodes) do n[other.status or ""] = (n[other.status or ""] or 0) + 1 end
  for _, status in ipairs { "left", "lost" } do
    if n[status] > 0 then words[#words + 1] = ("%d %s"):format(n[status], status) end
  end
  local all = s.count(here(answer), "node")
  return words[1] and ("%s here, %s."):format(all, table.concat(words, ", ")) or all .. "."
end

local function same(answer, s)
  local facts, count = answer.same, here(answer)
  if not facts or not facts.records then return "" end
  local records = s.count(facts.records, "record")
  if facts.equal and facts.of and facts.of > 0 and facts.equal == facts.of and facts.of == count - 1 then
    local all = count == 2 and "both" or ("all %d"):format(count)
    return (" Same %s on %s (digest %s)."):format(records, all, s:text(facts.digest))
  end
  return (" Same %s on %s of %s (digest %s)."):format(records, facts.equal or s.UNKNOWN,
    s.count(facts.of, "peer"), s:text(facts.digest))
end

-- What was tried and brought nobody, a sentence each.
local function alone(answer, s)
  local tried, on = answer.tried or {}, {}
  for i, name in ipairs(tried.interfaces or {}) do on[i] = s:text(name) end
  local since, unused = s.span(tried.since_ms), s:unused(tried.unused)
  if #on == 0 then return { ("Nobody else in %s. No network interface is up to ask on."):format(since), unused } end
  local words = ("Nobody else in %s. Sent %s on %s, heard %s back."):format(since, s.count(tried.beacons, "beacon"),
    s.list(on), tried.heard or s.UNKNOWN)
  return { words, unused, tried.heard == 0 and "Networks often block broadcast between clients."
    or "What was heard was not accepted; `status` says why." }
end

--- Prints the answer.
function discover.show(answer, s)
  local rows = {}
  for i, other in ipairs(answer.nodes) do rows[i] = row(other, s) end
  if #rows > 1 then
    s:table(COLUMNS, rows)
    return s:say(count_of(answer, s) .. same(answer, s))
  end
  for _, each in ipairs(rows) do each[6], each[7] = "", "" end
  s:table(COLUMNS, rows, true)
  for _, words in ipairs(alone(answer, s)) do
    if words ~= "" then s:say(words) end
  end
end

return discover
