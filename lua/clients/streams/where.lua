-- where.lua - at which place another node is dialled for a stream: never one that a message names. Dials nobody.
local where = {}

-- The far end of a connection of ours to PEER, as it was dialled | nil
local function of_link(peers, peer)
  for _, flow in ipairs(peer.flows) do
    local one = flow.source.channel
    if one.dialled and not one.closed and one.take_over and peers:proved(flow) then
      local entry = one.entry
      if entry and entry.host and entry.port then return entry end
      return one.host and not one.through and { host = one.host, port = one.port } or nil
    end
  end
end

--- Where node ID, with whom a stream is wanted, is dialled: the far end of our own connection to him, else the host
--- that he proved and the TCP port that he signed → { host, port, family, tls, proxy } | nil, text, "address"
function where.of(node, id)
  local peers = node.comms.peers
  local peer = peers.by_id[id]
  local found = peer and of_link(peers, peer)
  if found then return found end
  local host = peer and (peer.tcp or 0) > 0 and peers:hosts(peer)[1]
  if host then return { host = host.host, port = peer.tcp } end
  return nil, "address: this node knows no place where it could dial you", "address"
end

return where
