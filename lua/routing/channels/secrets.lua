-- secrets.lua - passwords of channels, each in a file of its own that only the owner reads. Shows none.
--
-- A policy only names a secret, as `secret "irc"`: so it can be shown, sent and kept without it. The file is read each
-- time that the secret is needed, and another one takes effect with the next connection.
local owned = require "routing.channels.owned"

local secrets = {}
secrets.__index = secrets

local OTHERS_READ <const> = 63 -- 0o077: all bits of group and others
local LONGEST, FILE_MAX <const> = 256, 4096 -- bytes of a secret, and of its file

-- The first line of the file at PATH, without what would end a line of a protocol.
local function first_line(self, path)
  local bytes, text, code = self.disk:read(path, FILE_MAX)
  if code == "EACCES" then
    return nil, ("EACCES: %s: this daemon's user may not read it: make it the owner (chown)"):format(path), code
  end
  if not bytes then return nil, text, code end
  local line = bytes:match "^([^\r\n]*)"
  if #line == 0 or #line > LONGEST or line:find "[%z\1-\31\127]" then
    return nil, ("form: %s: its first line is the secret, of 1 to %d bytes"):format(path, LONGEST), "form"
  end
  return line
end

--- The secret NAME as it is now → text | nil, text, code, what to do (nil: as TEXT or the code says)
function secrets:read(name)
  local path, facts, code, cure = owned.find(self, name)
  if code then return nil, facts, code, cure and "To use it: " .. cure end
  if not path then
    return nil, ('missing: there is no secret "%s"'):format(name), "missing",
      ("Write it into %s/%s, and close that file with chmod 600."):format(self.folders[1], name)
  end
  if facts.mode & OTHERS_READ ~= 0 then
    path, facts, code, cure = owned.refuse(path, "may be read by others than its owner", "chmod 600 " .. path)
    return path, facts, code, "To use it: " .. cure
  end
  return first_line(self, path)
end

--- The same of SET, what secrets.new made, or nil where nobody keeps any.
function secrets.ask(set, name)
  if not set then return nil, "kind: there are no secrets here", "kind" end
  return set:read(name)
end

--- The secrets of this machine's owner, by the paths of PLACE (lua/paths.lua).
function secrets.of(place)
  return secrets.new { disk = require "core.disk".real(), folders = place:secrets(), uid = require "paths".uid() }
end

--- GIVEN: disk, folders, uid, as owned.lua takes them
function secrets.new(given)
  return setmetatable({ disk = given.disk, folders = given.folders, uid = given.uid }, secrets)
end

return secrets
