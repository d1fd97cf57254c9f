-- frame.lua - what channels share: a message as one text and back, and counters. Opens nothing, sends nothing.
local batch = require "core.batch"
local envelope = require "routing.envelope"

local frame = {}

-- True if there is a control character other than a line feed: no frame has one.
function frame.garbled(text)
  return text:find "[%z\1-\9\11-\31\127]" ~= nil
end

-- MESSAGE { head =, body = } as one text: the head, then each statement behind a line feed.
function frame.text(message)
  local body = message.body
  if not body or not body[1] then return message.head end
  return message.head .. "\n" .. table.concat(body, "\n")
end

-- Bytes of that text.
function frame.size(message)
  local size = #message.head
  for _, line in ipairs(message.body or {}) do size = size + 1 + #line end
  return size
end

-- TEXT as frame.text makes it → message with its statements as `list` (core.batch); with `why` and `code` where it is
-- of another form.
function frame.read(text)
  local head, tail = text:match "^([^\n]*)\n(.*)$"
  local message = envelope.read(head or text)
  if not tail or message.code then return message end
  if message.kind == "statements" then
    message.list, message.why, message.code = batch.new(tail)
  else
    message.why, message.code = "form: only statements have lines", "form"
  end
  return message
end

-- Counters of one direction.
function frame.counters()
  return { frames = 0, bytes = 0, beacons = 0 }
end

-- MESSAGE went, or came, in SIZE bytes.
function frame.count(counters, message, size)
  counters.frames = counters.frames + 1
  counters.bytes = counters.bytes + size
  if message.kind == "beacon" then counters.beacons = counters.beacons + 1 end
end

-- Adds what FROM counted to INTO.
function frame.add(into, from)
  for _, name in ipairs { "frames", "bytes", "beacons" } do into[name] = into[name] + from[name] end
end

-- One refusal by CODE, because of TEXT, in the counters of OF { refused = { [code] = n } }. → nil, text, code
function frame.refuse(of, code, text)
  of.refused[code] = (of.refused[code] or 0) + 1
  return nil, code .. ": " .. text, code
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

-- The same for counters by code.
function frame.add_codes(into, from)
  for code, n in pairs(from) do into[code] = (into[code] or 0) + n end -- any order: sums only
end

return frame
