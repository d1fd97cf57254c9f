-- repeats.lua - on a medium that many share: how long a word waits there, how often it is said, when that is enough.
-- Queues nothing, says nothing.
local repeats = {}

local LAMBDA <const> = 8 -- RFC 5401, for groups up to some thousands
local COPIES <const> = 2 -- verified copies heard on a medium that silence our own
local APART <const> = 1000 -- ms between two times that a word is said, and by chance as many more

--- RFC 5401 §3.4: ms, exponentially distributed towards the end of MAX, so that few of many speak early.
function repeats.wait(random, max)
  local scale = math.exp(LAMBDA) - 1
  local x = random:unit() * LAMBDA / max + LAMBDA / (max * scale)
  return math.max(0, math.floor(max / LAMBDA * math.log(x * scale * max / LAMBDA)))
end

--- ENTRY { times = how often it is to be heard there, copies = of others that were heard } was said at NOW (ms).
--- → is it to be said again, at entry.due?
function repeats.again(entry, now, random)
  entry.times = entry.times - 1 - entry.copies
  if entry.times <= 0 then return false end
  entry.copies, entry.said, entry.due = 0, true, now + APART + random:integer(APART)
  return true
end

--- A verified copy of ENTRY { copies, times, said, silent_after = copies that are enough, nil: two } was heard
--- on its channel, a MEDIUM or not. → need it not be said there any more? On a stream it tells that the other side has
--- it.
function repeats.enough(entry, medium)
  entry.copies = entry.copies + 1
  return entry.copies >= (not medium and 1 or entry.said and entry.times or entry.silent_after or COPIES)
end

return repeats
