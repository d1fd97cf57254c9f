-- reload.lua - `policy reload`: the daemon reads its policy again; what changed, what becomes of it. Reads no policy.
local reload = {}

function reload.request() return { command = "reload" } end

local COLUMNS <const> = {
  { title = "SETTING", least = 12 }, { title = "BEFORE", cut = "middle", give = true, least = 10 },
  { title = "NOW", cut = "middle", give = true, least = 10 }, { title = "CHANGE", least = 7 },
}

local function sum(answer, s)
  local policy, n = s:text(answer.policy), #answer.changes
  if answer.restart[1] then
    return ("%s is fine. The daemon starts anew for %s; ask it again in a few seconds."):format(policy,
      s:text(table.concat(answer.restart, ", ")))
  end
  if n == 0 then return ("%s was read again: no setting changed. Its hooks are in force."):format(policy) end
  return ("%s is in force: %s changed, and its hooks."):format(policy, s.count(n, "setting"))
end

--- Prints the answer.
function reload.show(answer, s)
  local rows = {}
  for i, change in ipairs(answer.changes) do
    rows[i] = { s:text(change.setting), s:text(change.before), s:text(change.now), s:text(change.effect) }
  end
  if rows[1] then s:table(COLUMNS, rows) end
  s:say(sum(answer, s))
end

return reload
