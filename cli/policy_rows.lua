-- policy_rows.lua - what a new policy changes, as a table: settings before and now, and hooks. It says nothing else.
local policy_rows = {}

local COLUMNS <const> = {
  { title = "SETTING, HOOK", least = 12, rank = 1 },
  { title = "BEFORE", cut = "middle", give = true, least = 8, good = 12, rank = 3 },
  { title = "NOW", cut = "middle", give = true, least = 8, good = 12, rank = 2 },
  { title = "CHANGE", give = true, least = 10, rank = 1 },
}

local HOOKS <const> = { added = "new hook", removed = "hook gone", changed = "other hook" }

-- Those that need a restart first, since they matter most.
local function add_settings(rows, changes, s, wants_restart)
  for _, change in ipairs(changes) do
    if (change.effect == "restart") == wants_restart then
      rows[#rows + 1] = { s:text(change.setting), s:text(change.before), s:text(change.now),
        { s:text(change.effect), colour = wants_restart and "warn" or nil } }
    end
  end
end

--- Prints the table of ANSWER (lua/reload_report.lua); nothing where nothing changes.
function policy_rows.show(answer, s)
  local rows = {}
  add_settings(rows, answer.changes, s, true)
  add_settings(rows, answer.changes, s, false)
  for _, hook in ipairs(answer.hooks or {}) do
    local words = hook.effect == "live" and HOOKS[hook.change] or s:text(hook.effect)
    local now = hook.before == hook.now and hook.change == "changed" and "other text" or s:text(hook.now)
    rows[#rows + 1] = { s:text(hook.hook), s:text(hook.before), now, words }
  end
  if rows[1] then s:table(COLUMNS, rows) end
end

--- SETTINGS and HOOKS (arrays; nil: none): "2 settings and 1 hook"; the empty text for none.
function policy_rows.count(settings, hooks, s)
  local parts, m = {}, #(hooks or {})
  if #settings > 0 then parts[1] = s.count(#settings, "setting") end
  if m > 0 then parts[#parts + 1] = s.count(m, "hook") end
  return s.list(parts)
end

--- Prints FAULTS, lines as `ada.lua:31: routing.rotues: no such setting`, one under the other.
function policy_rows.faults(faults, s)
  for _, line in ipairs(faults) do
    local at, text = line:match "^(%S-:%d+: )(.*)$"
    s:say(at and s:paint("title", s:text(at)) .. s:text(text) or s:text(line))
  end
end

--- Prints what ANSWER says of a policy that is fine: which of two routes wins, which rests.
function policy_rows.warnings(answer, s)
  if answer.warnings then policy_rows.faults(answer.warnings, s) end
end

--- Prints FAULTS of a policy that the daemon would not take, and what becomes of it.
function policy_rows.refused(faults, s)
  policy_rows.faults(faults, s)
  s:say(("%s: a reload would be refused, and the policy in force would stay."):format(s.count(#faults, "fault")))
end

return policy_rows
