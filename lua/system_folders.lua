-- system_folders.lua - names of folders that file systems and desktops put into the root of a disk. Opens none.
local system_folders = {}

local NAMES <const> = { ["lost+found"] = true, [".Trash"] = true, [".Trashes"] = true,
  ["System Volume Information"] = true, ["$RECYCLE.BIN"] = true, [".fseventsd"] = true, [".Spotlight-V100"] = true,
  [".snapshots"] = true }

--- Is NAME, in the root of a disk, such a folder? A trash has its user's number: ".Trash-1000".
function system_folders.has(name) return NAMES[name] or name:find "^%.Trash%-%d+$" ~= nil end

return system_folders
