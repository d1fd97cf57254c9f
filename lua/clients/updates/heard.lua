-- heard.lua - who of a plan's robots was not heard for long, by the time that this robot ran. Sends nothing.
local heard = {}

--- ms that NODE ran without hearing ID: no beacon, no answer, no newer word of it.
function heard.silence(node, id)
  local last, peer = node.started, node.comms.peers.by_id[id]
  if peer then last = math.max(last, node.comms.peers:last(peer) or last) end
  local word = node.discovery and node.discovery.said:of(id)
  if word and word.heard then last = math.max(last, word.heard) end
  return node.loop:now() - last
end

--- Those of ORDER (IDs) that were not heard for SECONDS → set of IDs. This node is none of them.
function heard.absent(node, order, seconds)
  local absent, most = {}, seconds * 1000
  for _, id in ipairs(order) do
    if id ~= node.id and heard.silence(node, id) >= most then absent[id] = true end
  end
  return absent
end

return heard
