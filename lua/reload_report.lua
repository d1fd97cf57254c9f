-- reload_report.lua - what a reload says: to who asked, to the log, to those who follow events. Puts nothing in force.
local changes = require "policy.changes"
local json = require "core.json"
local preflight = require "preflight"
local update_folders = require "update_folders"

local reload_report = {}
reload_report.__index = reload_report

local LINES_MAX <const> = 8 -- of one reload in the log

--- NODE: its log and events; FIXED as in reload.lua.
function reload_report.new(node, fixed)
  return setmetatable({ node = node, log = node.log, fixed = fixed }, reload_report)
end

--- What somebody is told whose policy was refused: nil, text, code, nil, rows of why where there are several faults.
function reload_report.refusal(lines)
  if not lines[2] then return nil, "policy: the old policy stays in force: " .. lines[1], "policy" end
  local rows = {}
  for i, line in ipairs(lines) do rows[i] = { code = "policy", what = line } end
  return nil, ("policy: the old policy stays in force: %d faults"):format(#lines), "policy", nil, rows
end

-- What becomes of a change, for people.
local function effect(self, change)
  if self.fixed[change.path] then return ("no effect: %s was given"):format(self.fixed[change.path]) end
  return change.later and "not used by this version yet" or change.kind
end

local function setting_rows(self, list)
  local rows = {}
  for i, change in ipairs(list) do
    local before, now = changes.both(change)
    rows[i] = { setting = change.path, before = before, now = now, kind = change.kind, effect = effect(self, change),
      file = change.file, line = change.line }
  end
  return rows
end

local function at(place) return place.shipped and "default" or ("%s:%d"):format(place.file, place.line) end

local function hook_rows(list)
  local rows = {}
  for i, change in ipairs(list) do
    rows[i] = { hook = change.path, change = change.change, before = at(change.old), now = at(change.new),
      file = change.new.file, line = change.new.line,
      effect = change.later and "not used by this version yet" or "live" }
  end
  return rows
end

local function warnings(policy, pause)
  local lines = json.array(preflight.routes(policy, false, pause))
  for _, line in ipairs(update_folders.warnings(policy)) do lines[#lines + 1] = line end
  return lines
end

--- What changes by the policy NEW, by DIFF (reload.lua), as data: { policy, hash, changes, hooks = rows, restart =
-- paths for which the daemon starts anew, warnings = lines about its routes and folders, summary = in a few words }.
-- PAUSE(), or nil: is called now and then.
function reload_report:answer(new, diff, pause)
  return { policy = new.name, hash = new.hash, changes = json.array(setting_rows(self, diff.list)),
    hooks = json.array(hook_rows(diff.hooks)), restart = json.array(diff.restart),
    warnings = warnings(new, pause),
    summary = changes.summary(diff.list, diff.hooks) }
end

-- What is said of routes, and of folders for updates, once they are others.
local function add_warnings(lines, answer)
  for _, row in ipairs(answer.changes) do
    for _, line in ipairs(answer.warnings) do
      if line:find(": " .. row.setting .. ": ", 1, true) then lines[#lines + 1] = line end
    end
  end
end

local function say_rows(self, answer)
  local lines = {}
  for _, row in ipairs(answer.changes) do
    lines[#lines + 1] = ("%s: %s -> %s, %s (%s:%d)"):format(row.setting, row.before, row.now, row.effect, row.file,
      row.line)
  end
  for _, row in ipairs(answer.hooks) do
    local is_there = row.before == row.now
    lines[#lines + 1] = is_there and ("%s: %s, other text"):format(row.hook, row.now)
      or ("%s: %s -> %s, %s"):format(row.hook, row.before, row.now, row.change)
  end
  add_warnings(lines, answer)
  for i = 1, math.min(#lines, LINES_MAX) do self.log:info("policy", "changed", lines[i]) end
  if #lines > LINES_MAX then self.log:info("policy", "changed", ("and %d more"):format(#lines - LINES_MAX)) end
end

local function add(self, event) self.node.events:add("policy", event) end

--- A policy is in force from here on.
function reload_report:loaded(how, answer)
  self.said = nil
  self.log:info("policy", "loaded", ("%s %s: %s, %d ms"):format(answer.policy, answer.hash, answer.summary, answer.ms))
  say_rows(self, answer)
  add(self, { event = "loaded", policy = answer.policy, hash = answer.hash, changes = #answer.changes,
    hooks = #answer.hooks, ms = answer.ms, summary = answer.summary, source = how.source })
end

--- A policy is fine, and the daemon starts anew for it.
function reload_report:restarting(answer)
  self.said = nil
  self.log:info("policy", "read", ("%s %s: %s; the daemon starts anew for %s"):format(answer.policy, answer.hash,
    answer.summary, table.concat(answer.restart, ", ")))
  say_rows(self, answer)
end

--- A policy was refused: a line for each fault, but the same faults are said once, until they are others.
function reload_report:refused(how, hash, lines)
  local key = table.concat(lines, "\n")
  if self.said == key then return end
  self.said = key
  for i = 1, math.min(#lines, LINES_MAX) do self.log:error("policy", "kept the old one", lines[i]) end
  if #lines > LINES_MAX then
    local more = ("and %d more faults: policy check shows them all"):format(#lines - LINES_MAX)
    self.log:error("policy", "kept the old one", more)
  end
  add(self, { event = "refused", lines = json.array { table.unpack(lines, 1, LINES_MAX) }, faults = #lines,
    source = how.source, hash = hash })
end

--- What was refused is gone: the file says again what is in force.
function reload_report:mended()
  self.said = nil
  self.log:info("policy", "mended", "its file says again what is in force")
  add(self, { event = "mended" })
end

return reload_report
