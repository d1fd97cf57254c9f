-- leaves.lua - where the leaves of a checkpoint end: a rule of the lines themselves. Keeps no more than one leaf.
--
-- A leaf ends behind a line whose short ID begins with a zero byte, before it would pass 256 KiB, and with its class.
-- So nodes that hold the same lines cut them at the same places, and a new line changes the leaf that it stands in, and
-- at most the next ones up to such a line: all other leaves keep their CIDs.
local unixfs = require "core.unixfs"

local leaves = {}
leaves.__index = leaves

leaves.MOST = unixfs.piece_max -- bytes of a leaf
leaves.COUNT_MOST = unixfs.links -- of machines.txt

--- Lines come in the order of dcache/ordered.lua.
function leaves.new() return setmetatable({ lines = {}, size = 0 }, leaves) end

-- Ends the leaf that was begun, if any. ENDED: the list that it goes to.
local function cut(self, ended)
  if self.lines[1] then ended[#ended + 1] = table.concat(self.lines, "\n") .. "\n" end
  self.lines, self.size = {}, 0
end

--- LINE (without its line feed) of a statement of CLASS, whose short ID is SHORT, comes next. → array of the leaves
-- that ended by it, as texts: none, one, or two
function leaves:add(class, short, line)
  local ended, size = {}, #line + 1
  if class ~= self.class or self.size + size > leaves.MOST then cut(self, ended) end
  self.class, self.size = class, self.size + size
  self.lines[#self.lines + 1] = line
  if short:byte(1) == 0 then cut(self, ended) end
  return ended
end

--- → the last leaf | nil
function leaves:finish()
  local ended = {}
  cut(self, ended)
  return ended[1]
end

return leaves
