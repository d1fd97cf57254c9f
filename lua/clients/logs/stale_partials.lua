-- stale_partials.lua - parts of files that nobody continues: when each is removed. Removes only what content lists.
local stale_partials = {}
stale_partials.__index = stale_partials

local GONE_LOOKS = 2 -- looks in a row that nobody shared it: one look may come before the first statement
local IDLE_LOOKS = 24 * 60 -- looks, one a minute, that it was shared and nobody here went on with it

-- content: partial_files() → array of { cid =, size = }, drop(cid, why); log.
function stale_partials.new(given)
  return setmetatable({ content = given.content, seen = {} }, stale_partials)
end

local function too_long(self, cid, is_shared)
  local seen = self.seen[cid] or { gone = 0, idle = 0 }
  seen.gone = is_shared and 0 or seen.gone + 1
  seen.idle = seen.idle + 1
  if seen.gone >= GONE_LOOKS then return nil, "nobody shares it any more" end
  if seen.idle >= IDLE_LOOKS then return nil, "nobody here went on with it for a day" end
  return seen
end

-- Once a look; wanted(cid): it will be gone on with; shared(cid): somebody has it.
function stale_partials:sweep(wanted, shared)
  local seen = {}
  for _, half in ipairs(self.content:partial_files()) do
    if not wanted(half.cid) then
      local why
      seen[half.cid], why = too_long(self, half.cid, shared(half.cid))
      if why then self.content:drop(half.cid, why) end
    end
  end
  self.seen = seen
end

return stale_partials
