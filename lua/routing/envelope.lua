-- envelope.lua - `TO FROM HOPS KIND REST`, the first line of a message, to and fro. Knows no kind's meaning.
local envelope = {}

envelope.hops_max = 8
envelope.everybody = "*" -- short for /dswarm/*/brain, delivered where it is heard, never relayed
envelope.nobody = "-" -- as FROM: no reply is wanted

-- LINE without its line feed → { to, from, hops, kind, rest } | nil, text, "form"|"hops" (spec/PROTOCOL.md, Envelopes).
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

local LABEL <const> = "^~" .. ("[%w_-]"):rep(22) .. " "

--- Does LINE begin as an envelope does, with an address, `*`, or a return label? Where people talk, too, or where
--- statements stand alone, that tells them apart.
function envelope.may_begin(line) return line:find "^[/*]" ~= nil or line:find(LABEL) ~= nil end

-- LINE as `parse` reads it, for channels, which hand on what they cannot read: then the message has `why` and `code`,
-- its line as `head`, and the kind that it seems to have, since a stream must know how many lines belong to it.
function envelope.read(line)
  local message, why, code = envelope.parse(line)
  if message then return message end
  local kind, rest = line:match "^[^ ]+ [^ ]+ [^ ]+ ([^ ]+) ?(.*)$"
  return { head = line, kind = kind or "", rest = rest or "", why = why, code = code }
end

-- The first line of MESSAGE.
function envelope.head(message)
  local head = ("%s %s %d %s"):format(message.to or "*", message.from or "-", message.hops or 8, message.kind)
  if message.rest and message.rest ~= "" then return head .. " " .. message.rest end
  return head
end

--- MESSAGE with its first line as `head`: from here on only the channel knows how it looks on the wire.
function envelope.headed(message)
  message.head = envelope.head(message)
  return message
end

-- Is MESSAGE for the brain of another node than ID?
function envelope.is_for_another(message, id)
  local to = message.to and message.to:match "^/dswarm/(%w+)/brain$" -- nil where it could not be read
  return to ~= nil and to ~= id
end

--- Is TO a component of one node, without a way to it?
function envelope.is_for_node(to) return to:match "^/dswarm/[^/]+/[^/]+$" ~= nil end

--- Does TO end at a component of that NAME, whoever's and by whatever way?
function envelope.ends_at(to, name)
  return to:match "/dswarm/[^/]+/([^/]+)$" == name
end

-- MESSAGE for the next hop: the same, with one hop less | nil, text, "hops" where it has none left.
function envelope.onward(message)
  if message.hops == 0 then return nil, "hops: passed on too often", "hops" end
  return { to = message.to, from = message.from, hops = message.hops - 1, kind = message.kind, rest = message.rest,
    body = message.body }
end

return envelope
