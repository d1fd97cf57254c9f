-- why_policy.lua - why a setting has its value and a hook its answer: who gave it, where, and what would change it.
-- Changes nothing.
local changes = require "policy.changes"
local hooks = require "policy.hooks"

local why_policy = {}

local RESTART <const> = "the daemon then starts anew by itself"
local VALUE_MAX <const> = 24 -- bytes of a value that stands beside its name; a longer one has a row of its own
local LIVE <const> = "it applies while the daemon runs"

-- The path without the `p.` that stands before it in a policy.
local function path_of(text) return type(text) == "string" and text:gsub("^p%.", "") or nil end

local function cure_of(policy, path, kind)
  return ("Set p.%s in %s; %s."):format(path, policy.file or policy.name, kind)
end

local function setting_rows(node, row)
  local policy, path = node.policy, row[1]
  local value = changes.words(row, policy:get(path), {})
  local is_long = #value > VALUE_MAX
  local fixed = node.reload and node.reload.fixed[path]
  local rows = { { what = is_long and path or ("%s = %s"):format(path, value), seen = policy:origin(path),
    cure = cure_of(policy, path, row.restart and RESTART or LIVE) } }
  if is_long then rows[2] = { what = "its value", seen = value } end
  rows[#rows + 1] = { what = "what it is", seen = row[4] }
  if fixed then
    rows[#rows + 1] = { what = "not in force", seen = fixed .. " was given when the daemon was started",
      cure = ("Start it without %s."):format(fixed) }
  end
  if row.later then rows[#rows + 1] = { what = "not used by this version yet" } end
  return rows
end

-- A hook that is asked about nothing but this node can be asked now.
local function answer_now(node, row)
  if row.changes or #row.arguments > 1 or row.arguments[1][2] ~= "here" or not node.here then return nil end
  local answer, reason, code, by_default = node.policy:explain(row.path, node.here())
  return { code = code, what = ("answers %s"):format(tostring(answer)), seen = ("%s%s (asked now)"):format(
    node.policy:origin(row.path, by_default), reason and ": " .. reason or "") }
end

local function hook_rows(node, row)
  local policy = node.policy
  local _, _, is_shipped = policy:where(row.path)
  local rows = { { what = row.path, seen = policy:origin(row.path),
    cure = ("%s function p.%s in %s; %s."):format(is_shipped and "Write" or "Change", row.path,
      policy.file or policy.name, LIVE) },
    { what = "asked when", seen = row.asked }, { what = "the default", seen = row.default } }
  rows[#rows + 1] = answer_now(node, row)
  local failed = policy.failed[row.path]
  if failed then
    rows[#rows + 1] = { code = "policy", what = "it failed, and the default answered", seen = failed }
  end
  if row.later then rows[#rows + 1] = { what = "not asked by this version yet" } end
  return rows
end

-- Of a section such as "clients.logs": a row for each setting and hook in it.
local function section_rows(node, path)
  local rows = {}
  for _, list in ipairs { hooks.settings, hooks.hooks } do
    for _, row in ipairs(list) do
      local name = row.path or row[1]
      if name:sub(1, #path + 1) == path .. "." then
        rows[#rows + 1] = { what = name, seen = node.policy:origin(name) }
      end
    end
  end
  return rows
end

--- All paths, for "did you mean".
function why_policy.paths()
  local list = {}
  for _, row in ipairs(hooks.settings) do list[#list + 1] = row[1] end
  for _, row in ipairs(hooks.hooks) do list[#list + 1] = row.path end
  return list
end

--- Rows (lua/why.lua) of THING: { setting = path } or { hook = path }, a section's too | nil
function why_policy.rows(node, thing)
  local path = path_of(thing.setting or thing.hook)
  if not path then return nil end
  local row = hooks.find(path)
  if not row then return thing.setting and section_rows(node, path) or nil end
  if thing.hook then return row.path and hook_rows(node, row) or nil end
  return not row.path and setting_rows(node, row) or nil
end

return why_policy
