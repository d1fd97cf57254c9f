-- stub.lua - channels, owners and sources made of tables, for specs that need no wire. No checks.
local channel = require "routing.channels.channel"
local envelope = require "routing.envelope"
local source = require "routing.channels.source"

local stub = {}

-- What the two kinds are like that every node has.
stub.TRAITS = {
  udp = { stream = false, medium = true, ordered = false, near = true, source_proved = false, line_max = 1200,
    frame_max = 1200 },
  tcp = { stream = true, medium = false, ordered = true, near = false, source_proved = true, line_max = 8192,
    frame_max = 32768 },
}

local function nothing() end

-- A channel of that KIND ("udp", "tcp") which sends nothing; FIELDS: what it has of its own.
function stub.channel(kind, fields)
  local one = { kind = kind, address = "/ip4/10.9.9.9/" .. kind .. "/3825/dswarm-line", traits = stub.TRAITS[kind],
    name = kind .. " stub", send = function() return true end, budget = function() return math.maxinteger end,
    status = function() return {} end, close = function(self) self.closed = true end, pause = nothing,
    resume = nothing }
  for name, value in pairs(fields or {}) do one[name] = value end
  return one
end

-- FROM HOST over CHANNEL; FIELDS: what is to be otherwise.
function stub.source(one, host, fields)
  local made = { channel = one, principal = host, id = one.kind .. " " .. host, host = host, port = 3825,
    address = ("/ip4/%s/%s/3825/dswarm-line"):format(host, one.kind), broadcast = false, own = false, received = 100 }
  for name, value in pairs(fields or {}) do made[name] = value end
  return source.new(made)
end

-- An owner that does nothing but what PARTS say.
function stub.owner(parts)
  local owner = {}
  for _, name in ipairs { "on_frame", "on_room", "on_up", "on_down" } do owner[name] = parts[name] or nothing end
  return owner
end

local serial = 0

-- Opens CHANNEL for an owner that does nothing but what PARTS say. → the channel
function stub.open(one, parts)
  serial = serial + 1
  assert(channel.open(one, one.kind .. " spec " .. serial, stub.owner(parts)))
  return one
end

-- TEXT, a head and the statements behind it, as a message to send.
function stub.message(text)
  local head, tail = text:match "^([^\n]*)\n(.*)$"
  local message = { head = head or text, kind = envelope.read(head or text).kind, body = tail and {} }
  for line in ((tail or "") .. "\n"):gmatch "([^\n]*)\n" do
    if tail then message.body[#message.body + 1] = line end
  end
  return message
end

-- A message that was read, as text again.
function stub.text(message)
  local head = message.head or envelope.head(message)
  return message.list and head .. "\n" .. message.list:text() or head
end

return stub
