-- walk.lua - many statements looked at in slices, so that the loop goes on meanwhile. Keeps nothing.
local walk = {}

local SLICE = 64 -- lines a turn: each is read from the disk

-- fn(statement) for each in BUCKET (as dcache:statement_of has them), then done(). What comes meanwhile may be missing;
-- what is renewed meanwhile is met once. → { stop }
function walk.start(loop, dcache, bucket, fn, done)
  local row, stopped = 0, false
  local function slice()
    if stopped then return end
    local list
    list, row = dcache:rows(bucket, row, SLICE)
    for _, one in ipairs(list) do
      fn(one)
      if stopped then return end
    end
    if not row then return done() end
    loop:post(slice)
  end
  loop:post(slice)
  return { stop = function() stopped = true end }
end

return walk
