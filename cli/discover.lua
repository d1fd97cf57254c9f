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

local function same(answer, s)
  local facts, count = answer.same, #answer.nodes
  if not facts or not facts.records then return "" end
  local records = s.count(facts.records, "record")
  if facts.equal and facts.of and facts.of > 0 and facts.equal == facts.of and facts.of == count - 1 then
    local all = count == 2 and "both" or ("all %d"):format(count)
    return (" Same %s on %s (digest %s)."):format(records, all, s:text(facts.digest))
  end
  return (" Same %s on %s of %s (digest %s)."):format(records, facts.equal or s.UNKNOWN,
    s.count(facts.of, "peer"), s:text(facts.digest))
end

local function alone(answer, s)
  local tried = answer.tried or {}
  local on = {}
  for i, name in ipairs(tried.interfaces or {}) do on[i] = s:text(name) end
  if #on == 0 then
    return ("Nobody else in %s. No network interface is up to ask on."):format(s.span(tried.since_ms))
  end
  local words = ("Nobody else in %s. Sent %s on %s, heard %s back."):format(s.span(tried.since_ms),
    s.count(tried.beacons, "beacon"), s.list(on), tried.heard or s.UNKNOWN)
  if tried.heard == 0 then return words, "Networks often block broadcast between clients." end
  return words, "What was heard was not accepted; `status` says why."
end

--- Prints the answer.
function discover.show(answer, s)
  local rows = {}
  for i, other in ipairs(answer.nodes) do rows[i] = row(other, s) end
  if #rows > 1 then
    s:table(COLUMNS, rows)
    return s:say(("%d nodes."):format(#rows) .. same(answer, s))
  end
  for _, each in ipairs(rows) do each[6], each[7] = "", "" end
  s:table(COLUMNS, rows, true)
  local first, second = alone(answer, s)
  s:say(first)
  if second then s:say(second) end
end

return discover
