-- policy.lua - `policy show|check|diff|reload|confirm|rollback`, and what `status` says of the policy. It reads none,
-- and puts none in force.
local changes = require "policy.changes"
local edit_distance = require "edit_distance"
local hooks = require "policy.hooks"
local json = require "core.json"
local to_json = require "clients.control.to_json"
local trial = require "trial"

local policy = {}

local function ago(node, at) return math.max(node.loop:wall() - at, 0) end

-- Which policy is in force, and what became of a newer one.
function policy.facts(node)
  local one, reload = node.policy, node.reload
  local refusal = reload.refusal
  local tried, fallen
  if node.trial then tried, fallen = node.trial:facts() end
  return { name = to_json.value(one.name), file = to_json.value(one.file), hash = one.hash,
    since_ms = ago(node, reload.in_force.at), source = reload.in_force.source,
    uid = reload.in_force.who and reload.in_force.who.uid,
    failed = to_json.list(one:failed_hooks(), to_json.value),
    trial = tried, fallen = fallen, trials = node.trial and node.trial.counts,
    loaded = reload.counts.loaded, refused = reload.counts.refused,
    refusal = refusal and { lines = to_json.list(refusal.lines, to_json.text), since_ms = ago(node, refusal.at),
      source = refusal.source, hash = refusal.hash } or nil }
end

local function texts_of(one)
  return to_json.list(one.chain, function(text)
    return { name = to_json.text(text.name), file = to_json.text(text.path), bytes = #text.text }
  end)
end

-- A setting in force. DEFAULT: its value where nobody changes it.
local function setting_row(node, row, default)
  local path = row[1]
  local value = node.policy:get(path)
  local file, line, shipped = node.policy:where(path)
  local is_default = changes.is_equal(value, default)
  local given = not shipped and file ~= nil or not is_default
  if given and shipped then file, line = node.policy.name, nil end -- a table that was changed in place
  return { setting = path, value = to_json.text(changes.words(row, value, is_default and {} or default)),
    default = to_json.text(changes.words(row, default, is_default and {} or value)), given = given,
    file = file and to_json.text(file), line = line, shipped = shipped or nil,
    kind = row.restart and "restart" or "live", form = row[2], about = row[4],
    fixed = node.reload.fixed[path], later = row.later }
end

local function hook_row(node, row)
  local file, line, shipped = node.policy:where(row.path)
  return { hook = row.path, file = to_json.text(file), line = line, given = not shipped, default = row.default,
    asked = row.asked, failed = to_json.value(node.policy.failed[row.path]), later = row.later }
end

local function is_given(row) return row.given end

local function filter(rows, keep)
  local kept = {}
  for _, row in ipairs(rows) do
    if keep(row) then kept[#kept + 1] = row end
  end
  return json.array(kept)
end

local function all_rows(node)
  local defaults, settings, questions = node.reload.files:defaults(), {}, {}
  for i, row in ipairs(hooks.settings) do settings[i] = setting_row(node, row, defaults[row[1]]) end
  for i, row in ipairs(hooks.hooks) do questions[i] = hook_row(node, row) end
  return settings, questions
end

-- "; did you mean comms.beacon?", or nothing where no path is near WORD, whole or by its last name.
local function suggestion(word, ...)
  local best, least = nil, #word // 3 + 1
  for _, rows in ipairs { ... } do
    for _, row in ipairs(rows) do
      local path = row.setting or row.hook
      local edits = math.min(edit_distance(word:sub(1, 64), path), edit_distance(word:sub(1, 64), path:match "[^.]+$"))
      if edits < least then best, least = path, edits end
    end
  end
  return best and ("; did you mean %s?"):format(best) or ""
end

-- What is given in the policy's files; or with request.setting (a path, or a section) all about it.
local function show(node, request, reply)
  local settings, questions = all_rows(node)
  local wanted, keep = request.setting, is_given
  if type(wanted) == "string" then
    keep = function(row)
      local path = row.setting or row.hook
      return path == wanted or path:sub(1, #wanted + 1) == wanted .. "."
    end
  end
  local answer = { policy = policy.facts(node), chain = texts_of(node.policy), settings = filter(settings, keep),
    hooks = filter(questions, keep) }
  if not wanted or answer.settings[1] or answer.hooks[1] then return reply(answer) end
  reply(nil, ("missing: no setting or hook is called %s%s"):format(to_json.text(tostring(wanted)),
    suggestion(tostring(wanted), settings, questions)), "missing")
end

-- FILE of a request: a whole path, or none for the policy that a reload would read.
local function try(node, request, reply)
  local path = request.file
  if path ~= nil and (type(path) ~= "string" or path:sub(1, 1) ~= "/") then
    return reply(nil, "form: file is a whole path, which begins with /", "form")
  end
  node.reload:try(path, function(answer, ...)
    if not answer then return reply(nil, ...) end
    answer.faults = to_json.list(answer.faults, to_json.text)
    reply(answer)
  end)
end

-- Seconds in which a reload has to be confirmed | nil: it need not be | nil, what is wrong
local function confirm_of(wanted)
  if wanted == true then return trial.SECONDS end
  local seconds = math.tointeger(wanted)
  if wanted == nil or seconds and seconds >= 1 and seconds <= trial.SECONDS_MAX then return seconds end
  return nil, ("form: a change is confirmed within 1 to %d seconds"):format(trial.SECONDS_MAX)
end

-- Whoever asks by this connection, and since when (loop:now()) it is there.
local function who_asks(reply)
  local client = reply.client
  return { uid = client and client.uid, since = client and client.since or 0 }
end

-- To read any file of a machine is for those who are on it.
local TRIES <const> = { reads = true, here = function(request)
  return request.file ~= nil and "a file is tried where it lies: ssh there" or nil
end }

--- Registers them with the client's HANDLE.
return function(handle)
  local node = handle.node
  handle:command("reload", function(request, reply)
    local seconds, why = confirm_of(request.confirm)
    if why then return reply(nil, why, "form") end
    node.reload:run({ source = "command", who = who_asks(reply), confirm = seconds }, reply)
  end)
  handle:command("policy-confirm", function(_, reply) node.trial:confirm(who_asks(reply), reply) end)
  handle:command("policy-rollback", function(_, reply) node.trial:rollback(who_asks(reply), reply) end)
  handle:command("policy-show", function(request, reply) show(node, request, reply) end, { reads = true })
  for _, name in ipairs { "policy-check", "policy-diff" } do
    handle:command(name, function(request, reply) try(node, request, reply) end, TRIES)
  end
  handle:extend("status", function(answer) answer.policy = policy.facts(node) end)
end
