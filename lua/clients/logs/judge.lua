-- judge.lua - may a finished file be shared, and under which class? By name, by its owner, by the policy.
local text = require "core.text"
local shares = require "clients.logs.shares"

local judge = {}
local Judge = {}
Judge.__index = Judge

local HOOK <const>, PRIVATE <const> = "clients.logs.share", "clients.logs.private"
local CLASSES = { lab = true, swarm = true, public = true }

-- judge.new{ policy =, loop =, here = fn() → facts, consent = } → judge.
function judge.new(given)
  return setmetatable({
    policy = given.policy, loop = given.loop, here = given.here, consent = given.consent,
  }, Judge)
end

local function to_pattern(glob)
  return "^" .. glob:gsub("[%^%$%(%)%%%.%[%]%+%-]", "%%%0"):gsub("%*", ".*"):gsub("%?", ".") .. "$"
end

-- A pattern speaks of each part of the path: what lies in a private folder is private.
local function is_private(self, name)
  for _, glob in ipairs(self.policy:get(PRIVATE) or {}) do
    local pattern = to_pattern(glob)
    for part in name:gmatch "[^/]+" do
      if part:match(pattern) then return glob end
    end
  end
end

-- Why no record can hold the name, or nil.
local function unfit(file)
  if not utf8.len(file.name) then return "it is not UTF-8" end
  if not text.utf8(file.name) then return "it has characters that a terminal obeys" end
  if not shares.holds_name(file.name, file.info.size) then return "with its folders it is too long" end
end

local function facts(self, file)
  local folder, base = file.name:match "^(.*)/([^/]*)$"
  base = base or file.name
  return {
    name = base, path = file.name, folder = folder or "", size = file.info.size,
    age = (self.loop:now() - file.finished_at) // 1000, type = base:match "^.+%.([^.]+)$",
  }
end

local function here_now(self)
  local copy, permission = {}, {}
  for name, value in pairs(self.here()) do copy[name] = value end
  for name, value in pairs(copy.permission or {}) do permission[name] = value end
  permission.logs = self.consent:logs()
  copy.permission = permission
  return copy
end

-- The class it may be shared under, or "wait", and the policy's reason; or nil, word, why. Then what decided: the path
-- of a setting or hook (nil: neither did), and whether the default answered for the hook.
function Judge:class(file)
  local why_not = unfit(file)
  if why_not then return nil, "name", why_not end
  local private = is_private(self, file.name)
  if private then return nil, "permission", "private, as " .. private, PRIVATE end
  local allowed, why = self.consent:logs()
  if not allowed then return nil, "permission", why end
  local answer, reason, _, by_default = self.policy:explain(HOOK, facts(self, file), here_now(self))
  if answer == "wait" or CLASSES[answer] then return answer, reason, nil, HOOK, by_default end
  return nil, "permission", reason or "the policy says no", HOOK, by_default
end

return judge
