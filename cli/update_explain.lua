-- update_explain.lua - `update explain`: why this robot does or does not begin, each closed gate with what was seen and
-- what opens it. It asks the daemon only, or a robot's through the swarm.
local update_keys = require "dcache.update_keys"
local width = require "cli.width"

local explain = {}

function explain.request(options) return { command = "update explain", run = options.run } end

local PHASES <const> = { unnamed = "not named by the plan", waiting = "staged" }

local COMING <const> = { offered = true, fetching = true, staged = true } -- phases in which files are of interest

-- "41.2 MB from bea on this LAN", "12.0 of 41.2 MB, nobody gives it now"
local function payload_text(payload, s)
  if not payload or not payload.size then return nil end
  local text = payload.done >= payload.size and s.size(payload.size) or s.part(payload.done, payload.size)
  local lan = payload.near and " on this LAN" or ""
  if payload.from then return ("%s from %s%s"):format(text, s:text(payload.from), lan) end
  return payload.done < payload.size and text .. ", nobody gives it now" or text
end

local function say_head(answer, s)
  local is_there = answer.from and answer.release == ("%s/%d"):format((update_keys.run(answer.run)), answer.from)
  local over = answer.from and not is_there and answer.phase ~= "committed" and (" over %d"):format(answer.from) or ""
  local round = answer.round and (", round %d"):format(answer.round) or ""
  local _, _, number = update_keys.run(answer.run)
  local phase = PHASES[answer.phase] or s:text((answer.phase:gsub("_", " ")))
  local payload = COMING[answer.phase] and payload_text(answer.payload, s)
  s:say(("%s%s, run %s%s: %s%s"):format(s:paint("title", s:text(answer.release or answer.run)), over, number, round,
    phase, payload and ", " .. payload or ""))
end

local LABEL <const> = 8 -- columns of the words seen and do, and of short gates

local function beside(s, word, text, colour)
  local space = math.max(LABEL, width.of(word)) + 2
  for i, line in ipairs(width.wrap(s:text(text), s.width - space, true)) do
    s:line(s:paint(colour, width.pad(i == 1 and word or "", space)) .. line)
  end
end

local function say_row(row, s)
  beside(s, s:text((row.code or "state"):gsub("_", " ")), row.what, "title")
  if row.seen then beside(s, "  seen", row.seen, "dim") end
  if row.cure then beside(s, "  do", require "cures".at(row.cure, s.host), "dim") end
end

-- What became of what was committed here.
local function committed_text(answer, s)
  local name, seq = (answer.release or ""):match "^(.*)/(%d+)$"
  local version = s:text(answer.version)
  if not answer.from or tonumber(seq) == answer.from then return ("It is installed: %s."):format(version) end
  return ("It was installed: %s. Now there is %s/%d."):format(version, s:text(name or ""), answer.from)
end

-- What follows from it all.
local function end_text(answer, s)
  local n = #answer.rows
  if answer.phase == "committed" and n == 0 then return committed_text(answer, s) end
  local open = answer.open and answer.open > 0 and (n == 0 and "All gates are open: it begins." or
    ("%d other gate%s open."):format(answer.open, answer.open == 1 and " is" or "s are")) or nil
  local left = n > 0 and answer.left_ms and ("If it cannot use its turn for %s, round %d is next."):format(
    s.span(answer.left_ms), (answer.round or 1) + 1) or nil
  local text = table.concat({ open or left, open and left or nil }, " ")
  return text ~= "" and text or "That is all that is known of it here."
end

--- Prints the answer.
function explain.show(answer, s)
  say_head(answer, s)
  for _, row in ipairs(answer.rows) do say_row(row, s) end
  s:say(end_text(answer, s))
end

return explain
