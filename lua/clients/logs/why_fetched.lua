-- why_fetched.lua - why another node's file is fetched to here or not: rows for lua/why.lua. Fetches nothing.
local byte_size = require "byte_size"
local shell = require "shell"
local span = require "span"

local why_fetched = {}

local HOOK <const> = "clients.logs.fetch"
local MUCH <const>, ROOM_STEP <const> = 1 << 50, 1 << 20 -- bytes: more than any disk has; how exactly room is told

-- The statement by which somebody shares the file CID now | nil
local function record_of(self, cid)
  local record = self.dcache:record("share/files", cid)
  for _, st in ipairs(record and record.statements or {}) do
    if st.holds and not st.mine and st.data then return st end
  end
end

-- How many bytes more free would make the policy want FILE, as it answers to what could be free | nil: no number would.
local function room_wanted(self, file, here)
  local free = here.store_free
  if not free then return nil end
  local function wants(bytes)
    local other = {}
    for name, value in pairs(here) do other[name] = value end -- any order
    other.store_free = bytes
    return (self.policy:ask(HOOK, file, other))
  end
  local low, high = free, MUCH
  if not wants(high) then return nil end
  while high - low > ROOM_STEP do
    local middle = (low + high) // 2
    if wants(middle) then high = middle else low = middle end
  end
  return high - free
end

local function cure_of(self, file, here)
  local room = room_wanted(self, file, here)
  if room then return ("Make %s more room where this node holds files of others."):format(byte_size.of(room)) end
  return ("A hook p.%s that answers 1 to 9 for it, as policies/server.lua has; or: dt-swarm-cli HOST files \z
    get %s"):format(HOOK, shell.word(file.name or file.cid))
end

-- The policy is asked now, with what is known now. HELD: there is a copy here already.
local function asked_now(self, st, held)
  local here, file = self.here(), self:facts_of(st)
  local urgency, reason, code, by_default = self.policy:explain(HOOK, file, here)
  local seen = ("%s fetch: %s (asked now)"):format(self.policy:origin(HOOK, by_default), reason or "no reason given")
  if urgency then
    local what = held and "were it not here, it would be fetched, urgency %d of 9" or "wanted, urgency %d of 9"
    return { code = code, what = what:format(urgency), seen = seen }
  end
  if held then return { code = code, what = "were it not here, it would not be fetched", seen = seen } end
  return { code = code or "permission", what = "not fetched by this node", seen = seen,
    cure = cure_of(self, file, here) }
end

local function waits(row)
  return { code = row.word, what = "did not come yet", seen = ("%s, for %s; tried again in %s"):format(row.reason
    or "no reason known", span.of(row.since_ms), span.of(row.again_ms)) }
end

local function on_its_way(row)
  if row.state == "waits" then
    return { code = row.word, what = "waits, on its way to here", seen = ("%s, for %s; %s of %s came"):format(row.reason
      or "no reason known", span.of(row.since_ms or 0), byte_size.of(row.done or 0), byte_size.of(row.size or 0)) }
  end
  return { what = "on its way to here", seen = ("%s of %s, from %s"):format(byte_size.of(row.done or 0),
    byte_size.of(row.size or 0), row.source or "nobody yet") }
end

local function find(rows, cid)
  for _, row in ipairs(rows) do
    if row.cid == cid then return row end
  end
end

--- SELF: replicate.lua's. → rows about the file CID; HELD: a copy of it is here.
function why_fetched.rows(self, cid, held)
  local st = record_of(self, cid)
  if not st then return {} end
  local coming, rest = find(self.content:fetching(), cid), find(self:waiting(), cid)
  local rows = { asked_now(self, st, held) }
  if coming then
    rows[2] = on_its_way(coming)
  elseif rest then
    rows[2] = waits(rest)
  elseif self.fetch_queue:has(cid) then
    rows[2] = { what = "waits for its turn", seen = ("%d files wait"):format((self.fetch_queue:waiting())) }
  end
  if not self.dcache:sure "share" then
    rows[#rows + 1] = { what = "records in doubt", seen = "this disk lost some, until a neighbour has the same" }
  end
  return rows
end

return why_fetched
