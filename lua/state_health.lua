-- state_health.lua - does the state folder take what is written, and is it still the one that we began with? Said once,
-- by name, with what to do, and once when it is over. Writes nothing itself.
local cures = require "cures"

local state_health = {}
state_health.__index = state_health

local LOOK = 5000 -- ms between two looks whether it is the same folder

-- loop, log, disk, dir = the state folder.
function state_health.new(given)
  local self = setmetatable({ loop = given.loop, log = given.log, disk = given.disk, dir = given.dir }, state_health)
  self.first = self:here()
  return self
end

-- What tells this folder from another under its name: the file that is locked while we run. nil where it is not there.
function state_health:here()
  local facts = self.disk:stat(self.dir .. "/lock")
  return facts and facts.ino and facts.dev .. " " .. facts.ino or nil
end

local function say(self, code, text, cure)
  if self.trouble and self.trouble.word == code then return end
  self.trouble = { word = code, text = text, cure = cure, since = self.loop:now() }
  self.log:error("node", "state folder", { { "folder", self.dir }, { "why", text }, { "cure", cure } })
end

local function over(self)
  if not self.trouble then return end
  self.trouble = nil
  self.log:info("node", "state folder is written again", { folder = self.dir })
end

local WAITS = " What comes meanwhile is kept in memory, and written when that works again."

-- Something was to be written there: WHY it was not ("EROFS: …"), or nil: it was. Neither says anything while the
-- folder is away: check() sees when it is back.
function state_health:told(why)
  if self.trouble and self.trouble.word == "away" then return end
  if not why then return over(self) end
  local code = why:match "^(%w+):" or "disk"
  local known = cures.of(code)
  say(self, code, "it cannot be written: " .. why, (known and known.cure or "Look at its disk.") .. WAITS)
end

-- A disk that is gone may take our writes for long, by the files that are open.
function state_health:check()
  if not self.first then return end
  local now = self:here()
  if now == self.first then
    if self.trouble and self.trouble.word == "away" then over(self) end
    return
  end
  say(self, "away", now and "another folder is in its place" or "its disk is not there",
    "Mount it again, then start the daemon again; what it fetched lies there.")
end

function state_health:start()
  self.timer = self.loop:every(LOOK, function() self:check() end)
end

function state_health:stop()
  if self.timer then self.timer:cancel() end
end

return state_health
