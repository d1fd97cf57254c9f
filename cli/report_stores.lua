-- report_stores.lua - what `report` says of stores and of the own card, and its lines a robot. It asks nobody.
local shell = require "shell"

local report_stores = {}

local SHOWN <const> = 8 -- stores

-- "lab: 12 GB free, takes no more: the policy keeps 20 GB free (1 file, 812 MB)."
local function store(one, s)
  local words, waits = {}, {}
  if one.free then words[1] = s.size(one.free) .. " free" end
  if not one.take then words[#words + 1] = "takes no more" end
  if one.doing > 0 then words[#words + 1] = s.count(one.doing, "file comes", "files come") end
  for i, wait in ipairs(one.waits) do
    waits[i] = ("%s (%s, %s)"):format(s:text(wait.why), s.count(wait.n, "file"), s.size(wait.bytes))
  end
  local why = waits[1] and (words[1] and ": " or "") .. table.concat(waits, "; ") or ""
  s:say(("%s: %s%s."):format(s:who(one.node), table.concat(words, ", "), why))
  return waits[1] ~= nil
end

--- Of each store that waits for something, or takes no more, a sentence; then what would change that.
function report_stores.stores(answer, s)
  local waiting, n = nil, 0
  for _, one in ipairs(answer.stores or {}) do
    if one.waits[1] or not one.take then
      n = n + 1
      if n <= SHOWN and store(one, s) then waiting = waiting or one end
    end
  end
  if n > SHOWN then s:say(("%d more stores wait or take no more."):format(n - SHOWN)) end
  if waiting then
    s:say(("What would change it: %s files why FILE."):format(waiting.self and "dt-swarm-cli " .. s.host
      or "asked at that node, dt-swarm-cli " .. shell.word(s:who(waiting.node))))
  end
end

--- This node itself: does it give nothing now, and does its card fill?
function report_stores.here(answer, s)
  if answer.paused then
    s:say(("Here: paused (%s): no file is given until that is over."):format(s:text(answer.paused)))
  end
  local card = answer.card
  if not card then return end
  s:say(("Here: %sfull in about %s, as it went lately."):format(card.free and s.size(card.free) .. " free, " or "",
    s.span(card.full_ms)))
end

--- What nobody else has, where `at risk` does not say that already.
function report_stores.unsafe(answer, s)
  local alone, n = answer.alone, answer.unsafe or 0
  if n == 0 or alone.node and alone.node.id == answer.self.id and alone.files == n then return end
  s:say(("Not yet safe to switch off %s: %s only there, as far as copies count; files safe names them."):format(
    s:who(answer.self), s.count(n, "file")))
end

local COLUMNS <const> = {
  { title = "ROBOT", give = true, least = 13, cut = "middle", rank = 1 },
  { title = "FILES", align = "right", rank = 3 },
  { title = "SIZE", align = "right", rank = 4 }, { title = "WAITS", give = true, least = 10, rank = 1 },
  { title = "ETA", align = "right", rank = 3 }, { title = "SAFE", rank = 1 },
  { title = "CARD", give = true, least = 10, rank = 2 },
}

local function card_of(one, s)
  local words = { one.disk_free and ("%d %% free"):format(one.disk_free) }
  if one.full_ms then words[#words + 1] = "full in " .. s.span(one.full_ms) end
  return words[1] and { table.concat(words, ", "), colour = one.full_ms and "warn" or nil } or s.UNKNOWN
end

local function row(one, s)
  return { s:who(one.node), ("%d"):format(one.files), s.size(one.bytes),
    one.waiting > 0 and ("%s, %s"):format(s.count(one.waiting, "file"), s.size(one.waiting_bytes)) or "nothing",
    one.eta_ms and s.span(one.eta_ms) or s.UNKNOWN,
    one.safe and { "yes", colour = "good" } or { "no", colour = "warn" }, card_of(one, s) }
end

--- Prints the lines a robot.
function report_stores.robots(answer, s)
  local rows, safe = {}, 0
  for i, one in ipairs(answer.robots) do
    rows[i], safe = row(one, s), safe + (one.safe and 1 or 0)
  end
  if not rows[1] then return s:say "No files are shared." end
  s:table(COLUMNS, rows)
  if answer.more then s:say "These are the first; --json tells behind which ID the next ones are." end
  local of = safe == #rows and "" or ("of %d "):format(safe)
  s:say(("%s: %seach shared file is elsewhere, too."):format(s.count(#rows, "robot"), of))
end

return report_stores
