-- gates.lua - what an update of this robot waits for: each gate as a row, open or not, with what was seen and what
-- would open it. A pure function of what is given; it waits for nothing itself.
local byte_size = require "byte_size"
local span = require "span"

local gates = {}

local SHOWN <const> = 4 -- robots that a row names
local MAKE_ROOM <const> = "Make room on that disk."

local function row(gate, open, what, seen, cure)
  if open then return { gate = gate, open = true } end
  return { gate = gate, open = false, what = what, seen = seen, cure = cure }
end

local LOOK <const> = {}

function LOOK.payload(given)
  local one = given.payload
  if one.done >= one.size then
    return row("payload", one.staged ~= false, "The release is here, and is being made ready.",
      one.why or "its kind looks at it", "Wait.")
  end
  local rate = one.rate and (", %s a second"):format(byte_size.of(one.rate)) or ""
  local source = one.from and " from " .. one.from .. rate or one.missing and "" or ", nobody gives it now"
  return row("payload", false, "The release is not here whole.",
    ("%s of %s%s%s"):format(byte_size.of(one.done), byte_size.of(one.size), source,
      one.missing and "; " .. one.missing or ""),
    "Wait; where it does not move, start a node that holds it.")
end

function LOOK.space(given)
  local one = given.space
  if one.refused then return row("space", false, "There is no room for the release.", one.refused, MAKE_ROOM) end
  return row("space", one.free ~= nil and one.free >= one.need, "There is no room for the release.",
    ("%s free%s, %s needed"):format(one.free and byte_size.of(one.free) or "not known how much is",
      one.path and " on the disk of " .. one.path or "", byte_size.of(one.need)), MAKE_ROOM)
end

function LOOK.disk(given)
  return row("disk", not given.disk, "The disk does not keep what is to be done.", given.disk,
    "Look at dmesg; of a damaged STATE/updates: update forgive --all.")
end

function LOOK.paused(given)
  local one = given.paused
  return row("paused", not one, "The run is paused.", one and ("by %s, for %s: %s"):format(one.by, span.of(one.left_ms),
    one.why), "rollout resume, or wait until the pause ends.")
end

local function names_of(given, list)
  local names = {}
  for i = 1, math.min(#list, SHOWN) do names[i] = given.name(list[i]) end
  local more = list.count and list.count - #names or 0
  return table.concat(names, ", ") .. (more > 0 and (" and %d more"):format(more) or "")
end

local TURN <const> = {}

function TURN.named() return "This robot is not named by the plan.", "the plan's order", "rollout plan --rest" end

function TURN.skipped() return "This robot is skipped in this run.", "a signed skip", "The next run takes it in." end

function TURN.begun() return "This robot has begun in this run.", "its own status", "Wait for its end." end

function TURN.failures(_, one)
  return "The run stopped: too many failed.", ("%d failed, as far as is known; %d may"):format(one.count, one.most),
    "Look at them (rollout status); then start another run."
end

function TURN.absent(_, one)
  return "Too many robots of earlier rounds are away.", ("away: %d; left out may be: %d"):format(one.count, one.most),
    "Switch them on, or sign: rollout skip."
end

function TURN.behind(given, one)
  return "Robots of an earlier round are not done.", names_of(given, one.robots) .. ": not resolved",
    "Wait: it opens when they resolve, or are skipped."
end

function TURN.before(given, one)
  return ("%s before this one %s not done."):format(one.count == 1 and "Another" or ("%d others"):format(one.count),
    one.count == 1 and "is" or "are"), ("%s: not resolved; %d may be down at once"):format(
    names_of(given, one.robots), one.most + 1), "Wait: it opens when one resolves, or is skipped."
end

function LOOK.turn(given)
  local closed = given.turn.closed
  if not closed then return row("turn", true) end
  return row("turn", false, TURN[closed.code](given, closed))
end

function LOOK.go(given)
  return row("go", given.go.yes, "The policy's hook go holds it back.", given.go.why or "no reason given",
    "Another p.clients.updates.go.")
end

function LOOK.clock(given)
  local one = given.clock
  local open = one.quality == "proved" or one.wanted == "adopted" and one.quality == "adopted"
  return row("clock", open, "The time is not known well enough.", ("%s here, the plan wants %s"):format(one.quality,
    one.wanted), "Synchronise the clock (timedatectl set-ntp true), or start a node beside it whose clock is; where \z
    it is right: p.clock = \"system\" in the policy.")
end

function LOOK.settled(given)
  return row("settled", given.settled.yes, "What is known of the lab was not compared yet.", given.settled.why,
    "Start another node of the lab, or wait.")
end

function LOOK.clone(given)
  return row("clone", not given.clone, "Another machine uses the key of this robot.", given.clone,
    "On the copy: identity renew.")
end

function LOOK.busy(given)
  return row("busy", not given.busy, "Another update is under way here.", given.busy, "Wait for its end.")
end

-- What `update go` passes, once.
local function passed(given, seen)
  if not given.passes then return seen end
end

function LOOK.hold(given)
  return row("hold", not passed(given, given.hold), "Somebody holds updates back.", given.hold,
    "Wait for its end, or: fact hold end; once: update go.")
end

-- What opens the gate `ready`, by what keeps it: the facts that nobody tells here, in how many ms a window opens.
local function rest_cure(untold, opens_ms)
  if untold[1] then
    return ("Have a timer tell it (fact %s no --for 10min), or do without by a line of the policy \z
      (p.clients.updates.ready = nil); once: update go."):format(table.concat(untold, " no --for 10min, fact "))
  end
  local hours = opens_ms and ("Its hours (clients.updates.windows) begin in %s"):format(span.of(opens_ms))
  return (hours or "Let it rest") .. ", or once: update go."
end

function LOOK.ready(given)
  local seen = not given.ready.yes and (given.ready.why or "no reason given") or nil
  return row("ready", not passed(given, seen), "The robot is not at rest.", seen,
    rest_cure(given.ready.untold or {}, given.ready.opens_ms))
end

--- The gates in the order in which people are told of them.
gates.ORDER = { "payload", "space", "disk", "paused", "turn", "go", "clock", "settled", "clone", "busy", "hold",
  "ready" }

--- given.payload  { done, size (bytes), rate = bytes/s | nil, from = label | nil, missing = text | nil, staged = false:
---                it is here, and not ready yet, why = text | nil }
--- given.space    { need, free = bytes | nil, path = on the disk of which folder | nil, refused = what its kind said,
---                which a disk kept from making it ready | nil }
--- given.disk     why nothing can be kept | nil
--- given.paused   { by = label, why, left_ms } | nil
--- given.turn     { closed = the reason of turn.lua | nil }, given.name fn(id) → label
--- given.go, settled, ready  { yes, why; of ready untold = facts that it wants and nobody tells,
---                opens_ms = until a window opens | nil }
--- given.clock    { quality, wanted = the plan's clock }
--- given.clone, busy, hold  text | nil
--- given.passes   was `update go` said for this run?
--- → array of { gate, open, what, seen, cure } in that order
function gates.look(given)
  local rows = {}
  for i, name in ipairs(gates.ORDER) do rows[i] = LOOK[name](given) end
  return rows
end

--- Those of ROWS that are closed → array
function gates.closed(rows)
  local list = {}
  for _, one in ipairs(rows) do
    if not one.open then list[#list + 1] = one end
  end
  return list
end

return gates
