-- policy_show.lua - `policy show`: which policy is in force, since when, and what it says; or all about one setting.
-- It asks the daemon and judges nothing.
local policy_rows = require "cli.policy_rows"

local policy_show = {}

function policy_show.request(options) return { command = "policy-show", setting = options.setting } end

local BY <const> = { start = "since the daemon started", save = "saved", signal = "read at a SIGHUP",
  command = "by policy reload" }

local function by(one, s) return BY[one.source] or s:text(one.source) end

local function head(answer, s)
  local one = answer.policy
  local list = {
    { "file", s:text(one.file) },
    { "hash", ("%s, in force for %s, %s"):format(s:text(one.hash), s.span(one.since_ms), by(one, s)) },
  }
  for i = 2, #answer.chain do
    list[#list + 1] = { i == 2 and "extends" or "", s:text(answer.chain[i].file) }
  end
  list[#list + 1] = { "reloads", ("%d, and %d refused"):format(one.loaded, one.refused) }
  s:line(s:paint("title", s:text(one.name)))
  s:facts(list)
end

local function place(row, s)
  if not row.file then return s.UNKNOWN end
  return row.line and ("%s:%d"):format(s:text(row.file), row.line) or s:text(row.file)
end

local SETTINGS <const> = {
  { title = "SETTING", rank = 1 }, { title = "VALUE", cut = "middle", give = true, least = 10, rank = 1 },
  { title = "AT", give = true, cut = "middle", least = 8, rank = 2 }, { title = "A CHANGE", rank = 3 },
}
local HOOKS <const> = {
  { title = "HOOK", rank = 1 }, { title = "AT", give = true, cut = "middle", least = 8, rank = 2 },
  { title = "NOTE", give = true, optional = true, rank = 3 },
}

local function effect(row, s)
  if row.fixed then return s:text(row.fixed) .. " was given" end
  return row.later and "not used yet" or s:text(row.kind)
end

local function tables(answer, s)
  local rows = {}
  for i, row in ipairs(answer.settings) do
    rows[i] = { s:text(row.setting), s:text(row.value), place(row, s), effect(row, s) }
  end
  if rows[1] then s:table(SETTINGS, rows) end
  rows = {}
  for i, row in ipairs(answer.hooks) do
    local note = row.failed and { "fails: the default answers", colour = "bad" } or row.later and "not asked yet" or ""
    rows[i] = { s:text(row.hook), place(row, s), note }
  end
  if rows[1] then s:table(HOOKS, rows) end
end

-- One setting or hook, all of it.
local function one_setting(row, s)
  s:line(s:paint("title", s:text(row.setting)))
  local list = { { "value", s:text(row.value) }, { "said in", place(row, s) .. (row.given and "" or ", the default") },
    { "what", s:text(row.about) }, { "form", s:text(row.form) }, { "a change", effect(row, s) } }
  if row.given then table.insert(list, 3, { "default", s:text(row.default) }) end
  s:facts(list)
end

local function one_hook(row, s)
  s:line(s:paint("title", s:text(row.hook)))
  local list = { { "said in", place(row, s) .. (row.given and "" or ", the default") },
    { "asked when", s:text(row.asked) }, { "default", s:text(row.default) } }
  if row.later then list[#list + 1] = { "note", "not asked by this version yet" } end
  if row.failed then list[#list + 1] = { "fails", s:text(row.failed), colour = "bad" } end
  s:facts(list)
end

local function refusal(answer, s)
  local refused = answer.policy.refusal
  if not refused then return end
  policy_rows.faults(refused.lines, s)
  s:say(("Refused %s: the file says something else than what is in force."):format(s.ago(refused.since_ms)))
end

--- Prints the answer.
function policy_show.show(answer, s, options)
  local n, m = #answer.settings, #answer.hooks
  if options and options.setting and n + m == 1 then
    if n == 1 then one_setting(answer.settings[1], s) else one_hook(answer.hooks[1], s) end
    return
  end
  if not (options and options.setting) then head(answer, s) end
  tables(answer, s)
  local counted = policy_rows.count(answer.settings, answer.hooks, s)
  if options and options.setting then
    return s:say(("%s below %s; policy show with one of them tells more."):format(counted,
      s:text(options.setting)))
  end
  refusal(answer, s)
  if n + m == 0 then return s:say "It says nothing of its own: all is as policies/README.md says." end
  s:say(("It says %s by itself; all others are as policies/README.md says."):format(counted))
end

return policy_show
