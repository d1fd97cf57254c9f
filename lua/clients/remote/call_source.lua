-- call_source.lua - from whom a line of a call came, and how it is answered, as routing/call has that. Runs no call.
local bounded = require "bounded"
local call = require "routing.call"
local envelope = require "routing.envelope"
local return_labels = require "routing.return_labels"

local call_source = {}
call_source.__index = call_source

local FLOWS_MAX <const> = 256 -- of calls, over which lines came
local PART <const>, STREAM_PART <const> = 512, 4096 -- plain bytes of a part, which fit into any frame; into a stream

--- Of the component NAME of NODE.
function call_source.new(node, name)
  return setmetatable({ node = node, name = name, lines = bounded.new { limit = FLOWS_MAX } }, call_source)
end

-- Bytes of a part that fit all of the way: more where the line came from its caller himself over a stream.
local function part_of(message, source)
  return source.channel.traits.stream and message.hops == envelope.hops_max and STREAM_PART or PART
end

-- How many lines of the call of REST came over SOURCE before this one.
local function lines_before(self, rest, source)
  local key = ("%s %s"):format(call.tag(rest), source.id)
  local count = self.lines:get(key) or 0
  self.lines:put(key, count + 1)
  return count
end

-- What answers a line is said where that came from; what has to be said again with every other line from there to the
-- caller's node, if one knows a way to that, since the way back may be dead. The lines of each flow are counted for
-- themselves: who asks by turns over a way whose other direction is dead and over a good one is answered over that.
local function teller(self, reply, before)
  return function(rest, node, tries)
    local by_id = node and tries > 0 and before % 2 == 1
    local way = by_id and self.node.routing:send { to = ("/dswarm/%s/%s"):format(node, self.name), kind = "reply",
      rest = rest, from = envelope.nobody, hops = envelope.hops_max }
    return way or reply { kind = "reply", rest = rest }
  end
end

--- MESSAGE of kind `call` came over SOURCE, answered by REPLY → FROM, as call/callee.lua's take has it
function call_source:of(message, source, reply)
  local from = { component = self.name, part = part_of(message, source),
    tell = teller(self, reply, lines_before(self, message.rest, source)) }
  from.principal = source.principal
  local peers = self.node.comms.peers
  local account = peers:prover(source) and return_labels.account(message.from)
  if account then from.by, from.principal = from.principal, from.principal .. " " .. account end
  from.proved = source.channel.traits.source_proved or peers:source_proved(source)
  return from
end

return call_source
