-- walk.lua - many records looked at in slices, so that the loop goes on meanwhile. Keeps nothing.
local walk = {}

local SLICE = 64 -- records a turn: each is read from the disk

-- fn(record) for each word in BUCKET as it was at the beginning, then done(); → { stop = fn }.
function walk.start(loop, dcache, bucket, fn, done)
  local entries, at, stopped = dcache:entries(bucket), 1, false
  local function slice()
    if stopped then return end
    for _ = 1, SLICE do
      local entry = entries[at]
      if not entry then return done() end
      at = at + 1
      local record = dcache:read(entry)
      if record then fn(record) end
    end
    loop:post(slice)
  end
  loop:post(slice)
  return { stop = function() stopped = true end }
end

return walk
