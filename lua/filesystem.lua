-- filesystem.lua - on which file system a folder is now, in words that are the same after a restart. Remembers none.
local text = require "core.text"

local filesystem = {}
filesystem.__index = filesystem

-- filesystem.new{ mount = core.mount, folder =, apart = are folders of one file system told apart } → filesystem.
-- After look(): id and text (for people), or word and why where the folder is not there or may not be
-- read; moved: it is another folder than at the look before.
function filesystem.new(given)
  return setmetatable({ mount = given.mount, folder = given.folder, apart = given.apart }, filesystem)
end

-- File systems that number their folders anew each time that they are mounted.
local RENUMBERED = { vfat = true, msdos = true, exfat = true, overlay = true, ["9p"] = true }

-- Which folder of its file system it is.
local function folder_of(found)
  if found.mounted then return found.root or "/" end
  local renumbered = RENUMBERED[found.type] or (found.type or ""):find "^fuse"
  local number = not renumbered and found.inode or found.path
  return number and "#" .. number or nil
end

-- The number of a device changes when a stick is plugged in again, the file system's own stays. What is mounted from
-- the same file system may be another part of it; and a folder on which something was mounted is another one without.
local function id_of(found, apart)
  local parts = { found.type or "?", found.uuid or found.id or found.source or "?" }
  if apart or found.mounted then parts[3] = folder_of(found) end
  return text.escape(table.concat(parts, " "))
end

-- Of what is not mounted here, the folder tells more than the disk, which has many.
local function text_of(found)
  local source = found.source or "a file system"
  if found.type and found.type ~= source then source = ("%s (%s)"):format(source, found.type) end
  if not found.mounted and found.path then source = ("%s, in %s"):format(source, found.path) end
  return text.escape(source)
end

local TROUBLES = { ENOENT = "it is missing", ENOTDIR = "it is no folder", EACCES = "this user may not read it" }

--- Does CODE mean that the folder is there, but is none that this user may read? Mounting it again would not help.
function filesystem.is_unusable(code) return code == "EACCES" or code == "EPERM" or code == "ENOTDIR" end

-- → true when it is another place than at the last look, or is there no more, or again. Costs three calls of the
-- kernel where nothing changed.
function filesystem:check()
  local key, why, code = self.mount.key(self.folder)
  if key and key == self.key then return false end
  local before_id, before_word, found = self.id, self.word, nil
  if key then found, why, code = self.mount.of(self.folder) end
  self.key = found and key
  self.moved = self.apart and found ~= nil and self.inode ~= nil and found.inode ~= self.inode
  self.inode = found and found.inode
  self.id, self.text = found and id_of(found, self.apart) or nil, found and text_of(found) or nil
  self.word, self.why = not found and code or nil, not found and (TROUBLES[code] or why) or nil
  return self.moved or self.id ~= before_id or self.word ~= before_word
end

return filesystem
