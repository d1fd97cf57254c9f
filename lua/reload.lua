-- reload.lua - the policy read again while the daemon runs: what changed, can it apply; then it does. Reads no file.
--
-- A new policy applies as a whole or not at all. Live settings are changed in place; for a `restart` one the daemon
-- executes itself anew, which applies the others, too. What cannot apply is found before anything changes.
local changes = require "policy.changes"
local json = require "core.json"

local reload = {}
reload.__index = reload

-- GIVEN:
--   node
--   load(pause)          → policy | nil, array of lines: what is wrong with it; it calls pause() now and then
--   unfit(policy, list)  → array of lines: what of the changes LIST (policy/changes.lua) cannot apply on this machine
--   fixed                { [path of a setting] = the option that was given instead of it }
--   restart(why)         the daemon finishes its writes and executes itself anew, in a later turn
function reload.new(given)
  return setmetatable({ node = given.node, loop = given.node.loop, log = given.node.log,
    load = given.load, unfit = given.unfit, fixed = given.fixed,
    restart = given.restart }, reload)
end

local function refusal(lines)
  return nil, ("policy: the old policy stays in force: %s"):format(table.concat(lines, "; ")), "policy"
end

-- What becomes of a change, for people.
local function effect(self, change)
  if self.fixed[change.path] then return ("no effect: %s was given"):format(self.fixed[change.path]) end
  return change.later and "not used by this version yet" or change.kind
end

local function rows(self, list)
  local found = {}
  for i, change in ipairs(list) do
    found[i] = { setting = change.path, before = changes.words(change.row, change.old, change.new),
      now = changes.words(change.row, change.new, change.old), kind = change.kind, effect = effect(self, change),
      file = change.file, line = change.line }
  end
  return found
end

-- Those of LIST that this daemon goes by, and the paths of those that need a restart.
local function in_use(self, list)
  local used, restart = {}, {}
  for _, change in ipairs(list) do
    if not self.fixed[change.path] and not change.later then
      used[#used + 1] = change
      if change.kind == "restart" then restart[#restart + 1] = change.path end
    end
  end
  return used, restart
end

-- → answer | nil, text, "policy"
local function read_and_apply(self)
  local new, lines = self.load(coroutine.yield)
  if not new then return refusal(lines) end
  local list = changes.between(self.node.policy, new)
  local used, restart = in_use(self, list)
  lines = self.unfit(new, used)
  local answer = { policy = new.name, changes = json.array(rows(self, list)), restart = json.array(restart) }
  if not lines[1] and not restart[1] then
    local ok, err = self.node:apply(new, used)
    if ok then return answer end
    lines = { err }
  end
  new:close()
  if lines[1] then return refusal(lines) end
  self.restart(table.concat(restart, ", "))
  return answer
end

local FAILED <const> = "kind: the daemon failed at this; its log says where"

--- Reads the policy again and applies it, a hook a turn, since each may take its million instructions twice.
-- REPLY({ policy = its file, changes = rows, restart = array of the settings for which the daemon executes itself anew
-- }), or REPLY(nil, text, "policy"): nothing changed. Once.
function reload:run(reply)
  if self.running then return reply(nil, "full: the policy is being read already", "full") end
  self.running = true
  local thread = coroutine.create(read_and_apply)
  local function turn(...)
    local done = table.pack(coroutine.resume(thread, ...))
    if coroutine.status(thread) ~= "dead" then return self.loop:post(turn) end
    self.running = nil
    if done[1] then return reply(table.unpack(done, 2, done.n)) end
    self.log:error("policy", "reload failed", { why = debug.traceback(thread, tostring(done[2])) })
    reply(nil, FAILED, "kind")
  end
  turn(self)
end

return reload
