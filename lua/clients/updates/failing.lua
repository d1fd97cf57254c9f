-- failing.lua - an update whose end, forward or back, came to nothing so far: what fails and why, when it is tried
-- again, what helps. Tries nothing.
local span = require "span"

local failing = {}

local VERBS <const> = { committing = "commit", rolling_back = "rollback" }
local HANDS <const> = 3 -- failures from which on nobody expects that it mends itself
local CURES <const> = {
  files = "Mend that, or p.clients.updates.folders: the program after it may be another, or none",
  policy = "Mend that",
}

--- What comes to nothing of NOW (machine.lua's), and why | nil: nothing does
function failing.text(now)
  if now.failures == 0 or not VERBS[now.phase] then return nil end
  return ("%s came to nothing %s: %s"):format(VERBS[now.phase], now.failures == 1 and "once"
    or ("%d times"):format(now.failures), now.trouble or now.why or "no reason given")
end

--- When MACHINE tries it again: "in 58 s", "just now"
function failing.when(machine)
  local left = machine:again_ms()
  return left and "in " .. span.of(left) or "just now"
end

--- What helps where an update of UPDATES (init.lua) fails to end.
function failing.cure(updates)
  local now, node = updates.machine:now(), updates.node
  local output = node.state .. "/updates/output"
  local said = now.kind ~= "policy" and node.disk:stat(output) and (" %s has what was printed last."):format(output)
  local what = now.failures < HANDS and "It is tried again %s." or "Hands are needed; it is tried again %s."
  return ("%s%s %s."):format(what:format(failing.when(updates.machine)), said or "",
    CURES[now.kind] or "Mend that, or its handler")
end

return failing
