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
  local absent, most, now, me = {}, seconds * 1000, node.loop:now(), node.id
  if now - node.started < most then return absent end
  local peers, by_id, silence = node.comms.peers, node.comms.peers.by_id, heard.silence
  for _, id in ipairs(order) do -- a thousand, so who was heard costs little
    local peer = by_id[id]
    local is_here = peer and now - (peers:last(peer) or 0) < most
    if not is_here and id ~= me and silence(node, id) >= most then absent[id] = true end
  end
  return absent
end

return heard
