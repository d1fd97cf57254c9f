-- source.lua - from whom a message came and over which channel: made by channels, here alone. Believes nothing.
local source = {}

--- FIELDS becomes a source, which is not changed any more:
---   channel    the channel that it came by
---   principal  text: who is answerable, as far as the channel can tell: an IP address, a nick, a peer ID. Quotas,
---              answers, proofs and the queues of checks rest on it. A principal that is no IP address begins with the
---              channel's kind and a space, so that a nick never stands for a host.
---   id         text: the flow, that is the way back to exactly this speaker; several flows may have one principal
---   address    text: the flow as a multiaddr, for people and policies
---   received   integer: bytes that came
---   broadcast  bool: do others hear the same?
---   own        bool: does it come from this machine?
---   host, port IP address and port, where the channel has them: only for dialling, and for the channel itself
function source.new(fields)
  if not (fields.channel and fields.principal and fields.id and fields.address and fields.received) then
    error "source: a channel, a principal, an id, an address and received are needed"
  end
  return fields
end

return source
