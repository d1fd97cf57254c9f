-- returning.lua - peers who can be reached again: what waits for their files is woken soon. Fetches nothing.
--
-- Keys cost nothing to make, so that a crowd of them is gone through together.
local sources = require "dcache.content.sources"

local returning = {}
returning.__index = returning

local SOON = 500 -- ms in which those who come back are gathered
local COPIES_MAX = 16 -- peers whose copies are looked for; the files that they share are, of all

-- loop, dcache, retry (retry.lua).
function returning.new(given)
  return setmetatable({ loop = given.loop, dcache = given.dcache, retry = given.retry }, returning)
end

local function has_copy(self, key, ids)
  for i = 1, math.min(#ids, COPIES_MAX) do
    if sources.says(self.dcache, key, ids[i]) == "copy" then return true end
  end
end

--- The peer ID can be reached again: what he shares, or has a copy of, is tried soon.
function returning:note(id)
  if self.stopped then return end
  self.ids = self.ids or {}
  if self.ids[id] then return end
  self.ids[id], self.ids[#self.ids + 1] = true, id
  self.waking = self.waking or self.loop:after(SOON, function()
    local ids = self.ids
    self.waking, self.ids = nil, nil
    self.retry:back(function(key, signer) return ids[signer] or has_copy(self, key, ids) end)
  end)
end

function returning:stop()
  self.stopped = true
  if self.waking then self.waking:cancel() end
end

return returning
