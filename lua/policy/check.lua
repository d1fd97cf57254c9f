-- check.lua - asks every hook twice when a policy is read: all known, nothing known. Changes nothing.
local hooks = require "policy.hooks"

local check = {}

local sample

local function sample_field(field, known)
  if type(field) ~= "table" then return field end
  if field.maybe ~= nil then
    if known then return field.maybe end
    return nil
  end
  if field.kind then return sample(field.kind, known) end
  if field.each then return { sample(field.each, known), sample(field.each, known) } end
  return field
end

--- A thing of KIND with all its facts, or with those only that are never unknown.
function sample(kind, known)
  local thing = {}
  if not hooks.facts[kind] then return "/dswarm/12D3KooWQ1vB/brain" end
  for name, field in pairs(hooks.facts[kind]) do thing[name] = sample_field(field, known) end
  return thing
end

check.sample = sample

--- What a caller's FACTS of KIND lack or have too much, sorted; empty where they are as hooks.lua says.
function check.wrong(kind, facts)
  local wrong, fields = {}, hooks.facts[kind]
  for name, field in pairs(fields) do -- in any order: sorted below
    local may_lack = type(field) == "table" and field.maybe ~= nil
    if facts[name] == nil and not may_lack then wrong[#wrong + 1] = "no " .. name end
    local nested = type(field) == "table" and field.kind
    for _, text in ipairs(nested and facts[name] and check.wrong(nested, facts[name]) or {}) do
      wrong[#wrong + 1] = name .. ": " .. text
    end
  end
  for name in pairs(facts) do -- in any order: sorted below
    if fields[name] == nil then wrong[#wrong + 1] = "undocumented " .. name end
  end
  table.sort(wrong)
  return wrong
end

--- hooks.lua as plain data for the fence.
function check.table()
  local data = {}
  for _, name in ipairs { "sections", "policies", "settings", "hooks", "facts", "gone" } do data[name] = hooks[name] end
  return data
end

-- FIRST: what it is asked about; nil: a sample.
local function arguments(row, known, first)
  local list = {}
  for i, argument in ipairs(row.arguments) do
    local thing = i == 1 and first or sample(argument[2], known)
    list[i] = argument.each and { thing, sample(argument[2], known) } or thing
  end
  return list
end

local function ask(f, row, known, first)
  return f:call("ask", row.path, table.unpack(arguments(row, known, first), 1, #row.arguments))
end

-- Where nothing is known nothing is well: asks the hook ROW about each item of its setting. SAY as in `questions`.
local function ask_of_each(f, row, items, say)
  for _, item in ipairs(items or {}) do
    for _, known in ipairs { true, false } do
      local done, answer = ask(f, row, known, item)
      if not done then
        say(row, known, answer)
      elseif not known and answer == "ok" then
        say(row, false, ("says ok of %s; with nothing known it answers nil"):format(item.id))
      end
    end
  end
end

--- Messages of all that is wrong with the hooks of the policy that F has run; WHERE tells their lines, SETTINGS has the
-- values of its settings by path. PAUSE() is called after each hook: who runs beside other work may yield in it.
function check.questions(f, where, settings, pause)
  local messages = {}
  local function say(row, known, message)
    message = message:gsub("^policy: ", "")
    local at, text = message:match "^([^:\n]+:%d+: )(.*)$"
    at = at or ("%s:%d: "):format(where[row.path].file, where[row.path].line)
    messages[#messages + 1] = ("%s%s, asked with %s known: %s"):format(at, row.path,
      known and "everything" or "nothing", text or message)
  end
  for _, row in ipairs(hooks.hooks) do
    local done, answer = ask(f, row, true)
    if not done then say(row, true, answer) end
    done, answer = ask(f, row, false)
    if not done then
      say(row, false, answer)
    elseif row.changes and answer == true then
      local at = where[row.path]
      say(row, false, ("%s:%d: says yes; it changes things, so it must not"):format(at.file, at.line))
    end
    if row.each and done then ask_of_each(f, row, settings[row.each], say) end
    pause()
  end
  return messages
end

return check
