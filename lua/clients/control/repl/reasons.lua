-- reasons.lua - why things are so, what the policy would answer, what a name means: as the REPL asks. Changes nothing.
local check = require "policy.check"
local cures = require "cures"
local hooks = require "policy.hooks"
local words = require "clients.control.repl.words"
local slices = require "slices"
local sorted = require "sorted"
local things = require "clients.control.things"

local reasons = {}

local ORDER <const> = { "word", "setting", "hook", "file", "peer" }

local function find_reason(node, name)
  for _, kind in ipairs(ORDER) do
    local rows = node.why:of(things.of(things.kind(kind), { name }))
    if rows[1] then return rows end
    slices.step(20)
  end
  return nil, ("nothing is known of %s; say what it is: why(\"file\", …), \"peer\", \"record\", \"setting\", \"hook\"")
    :format(name)
end

--- Rows of why; KIND alone is a name of whatever it may be.
function reasons.why(node, kind, name, key)
  if name == nil then return find_reason(node, kind) end
  local row = things.kind(kind) or things.kind((kind:gsub("s$", ""))) -- "files" is well understood
  if not row or type(name) ~= "string" or row.words == 2 and not key then
    return nil, 'why(kind, name): "file", "peer", "record" (bucket, key), "setting", "hook", "word"'
  end
  local rows = node.why:of(things.of(row, { name, key }))
  if not rows[1] then return nil, ("nothing is known of the %s %s"):format(kind, name) end
  return rows
end

-- == the policy

local function hook_row(path)
  for _, row in ipairs(hooks.hooks) do
    if row.path == path then return row end
  end
end

local function undocumented(row, facts)
  for i, argument in ipairs(row.arguments) do
    local is_table = type(facts[i]) == "table" and not argument.each and hooks.facts[argument[2]]
    for _, text in ipairs(is_table and check.wrong(argument[2], facts[i]) or {}) do
      local name = text:match "^undocumented (.*)$"
      if name then
        return ("%s: no such fact of %s, which are: %s"):format(name, argument[2],
          table.concat(sorted.keys(hooks.facts[argument[2]]), ", "))
      end
    end
  end
end

--- What the policy in force answers to hook PATH about the facts that follow; `here` is this node's unless given.
function reasons.ask(node, path, ...)
  local row, facts = hook_row(path), { ... }
  if not row then
    local all = {}
    for i, one in ipairs(hooks.hooks) do all[i] = one.path end
    return nil, ("%s: no such hook, which are: %s"):format(path, table.concat(all, ", "))
  end
  local wrong = undocumented(row, facts)
  if wrong then return nil, wrong end
  local last = #row.arguments
  if facts[last] == nil and row.arguments[last][2] == "here" then facts[last] = node.here() end
  local done, answer, reason = node.policy:try(path, table.unpack(facts, 1, last))
  slices.step(200) -- the hook may have taken its million instructions
  if not done then return nil, answer end
  return { answer = answer, reason = reason }
end

-- == help

local function overview()
  local lines = {}
  for i, row in ipairs(words.list) do lines[i] = { row.how, row.text } end
  return { event = "facts", facts = lines,
    said = "An expression is printed; x = 1 keeps a value for the lines that follow, local x does not. Nothing is "
      .. "changed from here. Ctrl-C stops what runs, Ctrl-D leaves." }
end

local function of_hook(row)
  local arguments, facts = {}, {}
  for i, argument in ipairs(row.arguments) do
    arguments[i] = argument[1]
    local known = hooks.facts[argument[2]]
    facts[#facts + 1] = { argument[1], known and table.concat(sorted.keys(known), ", ") or argument[2] }
  end
  return { event = "facts", facts = facts, title = ("%s(%s)"):format(row.path, table.concat(arguments, ", ")),
    said = ("Asked when %s. Default: %s."):format(row.asked, row.default) }
end

--- Help about NAME as an event, or about all.
function reasons.help(name)
  for _, row in ipairs(words.list) do
    if row.name == name then return { event = "facts", facts = { { row.how, row.text } } } end
  end
  local hook, setting, cure = hook_row(name), hooks.find(name), type(name) == "string" and cures.of(name)
  if hook then return of_hook(hook) end
  if setting then
    return { event = "facts",
      facts = { { setting[1], setting[4] }, { "form", setting[2] }, { "default", setting[3] } } }
  end
  if cure then return { event = "facts", facts = { { name, cure.means }, { "cure", cure.cure } } } end
  return overview()
end

return reasons
