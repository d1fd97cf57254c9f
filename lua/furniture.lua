-- furniture.lua - folders that file systems and desktops put into the root of any disk: nobody's data. Looks at none.
local furniture = {}

local NAMES <const> = { ["lost+found"] = true, [".Trash"] = true, [".Trashes"] = true,
  ["System Volume Information"] = true, ["$RECYCLE.BIN"] = true, [".fseventsd"] = true, [".Spotlight-V100"] = true,
  [".snapshots"] = true }

--- Is NAME, in the root of a disk, such a folder? A trash has its user's number: ".Trash-1000".
function furniture.has(name) return NAMES[name] or name:find "^%.Trash%-%d+$" ~= nil end

return furniture
