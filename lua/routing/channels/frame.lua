-- frame.lua - what channels may know of a frame: its KIND, and whether it is text at all. No meaning.
local frame = {}

-- KIND and REST of the envelope line `TO FROM HOPS KIND REST` that opens a frame; nil if it has none.
function frame.kind(text)
  return text:match "^[^ \n]+ [^ \n]+ [^ \n]+ ([^ \n]+) ?([^\n]*)"
end

-- True if there is a control character other than a line feed: no frame has one.
function frame.garbled(text)
  return text:find "[%z\1-\9\11-\31\127]" ~= nil
end

-- Counters of one direction.
function frame.counters()
  return { frames = 0, bytes = 0, beacons = 0 }
end

-- One frame whose first line opens TEXT; SIZE bytes in all where TEXT is not all of it.
function frame.count(counters, text, size)
  counters.frames = counters.frames + 1
  counters.bytes = counters.bytes + (size or #text)
  if frame.kind(text) == "beacon" then counters.beacons = counters.beacons + 1 end
end

-- What became of datagrams: taken + the sum of refused = all that came from others.
function frame.judgements() return { taken = 0, refused = {} } end

-- Counts one datagram by what its receiver answered: nil, text, code where nothing of it was taken, "later" where that
-- is not known yet.
function frame.judged(judgements, ok, _, code)
  if ok == "later" then return end
  if code then
    judgements.refused[code] = (judgements.refused[code] or 0) + 1
  else
    judgements.taken = judgements.taken + 1
  end
end

function frame.copy(counts)
  local copied = {}
  for code, n in pairs(counts) do copied[code] = n end -- into a table again: order plays no part
  return copied
end

return frame
