-- init.lua - a policy that is in force: asks its hooks, hands out its settings. Knows no layer.
local hooks = require "policy.hooks"
local sorted = require "sorted"

local policy = {}
policy.__index = policy

local questions = {}
for _, row in ipairs(hooks.hooks) do questions[row.path] = row end

-- What a policy says of itself.
local OWN <const> = { "name", "file", "chain", "hash", "prints" }

--- A policy from what load.lua found. FROM: fence, settings (by path), where (by path), file, name, sections (file
-- names as a set), chain (its texts) and their hash (source.lua), prints (a hash of each hook, by path). LOG may be
-- nil: log:error(layer, what, facts).
function policy.new(from, log)
  local p = { from = from, log = log, failed = {}, failures = {} }
  for _, name in ipairs(OWN) do p[name] = from[name] end
  p.refused = { policy = 0 }
  return setmetatable(p, policy)
end

--- policy.load(path | nil, options): see load.lua.
function policy.load(path, options)
  return require("policy.load").load(path, options)
end

-- A failure that came from no line of the policy is put down to its hook's first line.
local function with_place(self, path, message)
  local at = self.from.where[path]
  if message:find "^policy: [^:\n]+:%d+: " or not at then return message end
  return ("policy: %s:%d: %s"):format(at.file, at.line, (message:gsub("^policy: ", "")))
end

local function note_failure(self, path, message)
  message = with_place(self, path, message)
  self.refused.policy = self.refused.policy + 1
  self.failures[path] = (self.failures[path] or 0) + 1
  if self.on_failure then self.on_failure(path, message) end
  if self.failed[path] then return end
  self.failed[path] = message
  if self.log then self.log:error("policy", "hook failed", { hook = path, why = message }) end
end

-- Has this `here` crossed the fence? A table that comes for the second time is kept there, so that it need not cross
-- with each question.
local function is_kept(self, here)
  if rawequal(here, self.kept) then return true end
  if not rawequal(here, self.met) then
    self.met = here
    return false
  end
  self.kept = self.from.fence:call("here", here) and here or nil
  return self.kept ~= nil
end

-- DOOR: "ask", or "default" with memory to spare.
local function ask(self, door, row, path, ...)
  local count, fence = #row.arguments, self.from.fence
  local call = door == "default" and fence.rescue or fence.call
  if row.arguments[count][2] ~= "here" or not is_kept(self, (select(count, ...))) then
    return call(fence, door, path, ...)
  end
  local arguments = { ... }
  arguments[count] = true
  return call(fence, door, path, table.unpack(arguments, 1, count))
end

--- Asks hook PATH about the things it takes, `here` last (lua/policy/hooks.lua). `here` is a table that nobody changes:
-- other facts are another table. Returns answer, reason:
-- yes → boolean; urgency → 1…9 or false; one → one of the second argument, or nil where it is empty;
-- part → a table; words → one of them or false. A hook that throws is counted, said once, and the default
-- answers; the third result is "policy" then.
function policy:ask(path, ...)
  local answer, reason, code = self:explain(path, ...)
  return answer, reason, code
end

--- The same with a fourth result: was it the default that answered?
function policy:explain(path, ...)
  local row = questions[path] or error("no such hook: " .. tostring(path), 2)
  local done, answer, reason, by_default = ask(self, "ask", row, path, ...)
  local code
  if not done then
    code = "policy"
    note_failure(self, path, answer)
    done, answer, reason, by_default = ask(self, "default", row, path, ...)
    if not done then answer, reason = nil, answer end
  end
  if row.answers == "one" then answer = answer and (select(2, ...))[answer] or nil end
  return answer, reason, code, by_default == true
end

--- What hook PATH would answer, for a person who asks: as `ask`, but a hook that throws is not counted, nor does the
-- default answer for it. → true, answer, reason | nil, what it threw
function policy:try(path, ...)
  local row = questions[path] or error("no such hook: " .. tostring(path), 2)
  local done, answer, reason = self.from.fence:call("ask", path, ...)
  if not done then return nil, (tostring(answer):gsub("^policy: ", "")) end
  if row.answers == "one" then answer = answer and (select(2, ...))[answer] or nil end
  return true, answer, reason
end

--- The value of setting PATH as plain data (nil where it has none), or for a section a table of all below
-- it. It is the policy's own table: not to be changed.
function policy:get(path)
  local value = self.from.settings[path]
  if value ~= nil then return value end
  local node = self.from.tree
  for name in path:gmatch "[^.]+" do
    node = type(node) == "table" and node[name] or nil
  end
  if node == nil and not hooks.find(path) then error("no such setting: " .. tostring(path), 2) end
  return node
end

--- File and line that gave PATH its value or hook, and whether that is one of the four shipped sections. ITEM: the
--- number of one where it is a list, the key where it is the routes; nil: the line that did the last to it.
function policy:where(path, item)
  local at = self.from.where[path]
  at = at and item and at.items and at.items[item] or at
  if at then return at.file, at.line, self.from.sections[at.file] == true end
end

--- Who gave PATH its value or hook, for people: "duckiebot.lua:31", or "default (clients.lua:40)". BY_DEFAULT: the
-- operator's hook left the answer to the default.
function policy:origin(path, by_default)
  local file, line, shipped = self:where(path)
  if not file then return "default" end
  local place = ("%s:%d"):format(file, line)
  if shipped then return ("default (%s)"):format(place) end
  return by_default and ("default, as %s leaves it open"):format(place) or place
end

--- Classes for core.record, sorted by name:
-- { name =, max_ttl = s, size =, slots =, kept =, scope =, buckets = {…} }.
function policy:classes()
  local classes, buckets, list = self:get "dcache.classes", self:get "dcache.buckets", {}
  for i, name in ipairs(sorted.keys(classes)) do
    local class = classes[name]
    list[i] = { name = name, buckets = {} }
    for constant, value in pairs(class) do list[i][constant] = value end -- in any order
    for bucket, rule in pairs(buckets) do -- in any order: sorted below
      if rule.class == name then list[i].buckets[#list[i].buckets + 1] = bucket end
    end
    table.sort(list[i].buckets)
  end
  return list
end

--- Hooks that failed since this policy is in force, by name: { hook =, count =, why = what the first failure was, with
-- its file and line }.
function policy:failed_hooks()
  local list = {}
  for i, path in ipairs(sorted.keys(self.failed)) do
    list[i] = { hook = path, count = self.failures[path], why = (self.failed[path]:gsub("^policy: ", "")) }
  end
  return list
end

--- Takes the place of the policy in force: whoever holds SELF asks OTHER's hooks from now on. OTHER is spent.
function policy:swap(other)
  local old = self.from
  self.from, self.failed, self.failures = other.from, {}, {}
  for _, name in ipairs(OWN) do self[name] = other[name] end
  self.kept, self.met = nil, nil
  other.from = nil
  old.fence:close()
end

--- Frees the fence; twice is safe. Nothing may be asked afterwards.
function policy:close()
  if self.from then self.from.fence:close() end
end

return policy
