-- readme.lua - README.md as specs read it, its section about the world apart from the rest. No checks.
local folder = require "spec.folder"

local before, world, after = folder.read "README.md":match
  "^(.-\n)## From one room to the world\n(.-\n)(## .*)$"

return {
  home = before .. after, -- what one machine shows by itself
  world = world, -- that section, which needs servers elsewhere (spec/e2e/world_spec.lua)
}
