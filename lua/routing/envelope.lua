-- envelope.lua - `TO FROM HOPS KIND REST`, the first line of a frame, to and fro. Knows no kind's meaning.
local envelope = {}

envelope.hops_max = 8
envelope.everybody = "*" -- short for /dswarm/*/brain, delivered where it is heard, never relayed
envelope.nobody = "-" -- as FROM: no reply is wanted

-- LINE without its line feed → { to, from, hops, kind, rest } | nil, text, "form" (spec/PROTOCOL.md, Envelope).
function envelope.parse(line)
  local to, from, hops, kind, rest = line:match "^([!-~]+) ([!-~]+) (%d) (%l+)(.*)$"
  if not to then return nil, "form: an envelope is TO FROM HOPS KIND REST", "form" end
  if rest ~= "" then
    if rest:sub(1, 1) ~= " " or rest == " " then return nil, "form: one space before REST", "form" end
    rest = rest:sub(2)
  end
  hops = math.tointeger(tonumber(hops))
  if hops > envelope.hops_max then return nil, "hops: at most 8", "hops" end
  return { to = to, from = from, hops = hops, kind = kind, rest = rest }
end

-- A frame's text: the envelope, then BODY's lines (an array) each behind a line feed.
function envelope.format(message)
  local head = ("%s %s %d %s"):format(message.to or "*", message.from or "-", message.hops or 8, message.kind)
  if message.rest and message.rest ~= "" then head = head .. " " .. message.rest end
  if not message.body or #message.body == 0 then return head end
  return head .. "\n" .. table.concat(message.body, "\n")
end

-- First line of a frame, and the text of the lines behind it; nil where there is none.
function envelope.split(text)
  local head, tail = text:match "^([^\n]*)\n(.*)$"
  return head or text, tail
end

return envelope
