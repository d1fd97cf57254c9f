-- unnamed.lua - servers elsewhere that may not have class `lab` of this node, and the line that would change it. Sets
-- nothing.
local unnamed = {}

local MOST <const> = 4 -- servers that are told of

local function shares_lab(node)
  for file in node.logs:each_file() do
    if file.class == "lab" and file.cid then return true end
  end
  return false
end

local function address_at(host, port)
  return ("/ip%d/%s/tcp/%d/dswarm-line"):format(host:find(":", 1, true) and 6 or 4, host, port)
end

-- The address by which PEER is met: that of our own line to him, else where he proved to be | nil
local function address_of(peers, peer)
  for _, flow in ipairs(peer.flows) do
    local entry = flow.source.channel.dialled and flow.source.channel.entry
    if entry and peers:proved(flow) then return entry.address end
  end
  local host = (peer.tcp or 0) > 0 and peers:hosts(peer)[1]
  return host and address_at(host.host, peer.tcp) or nil
end

--- REACH(id) → which class that one may have. → array of { id, label, line }; nil where there is none
function unnamed.rows(node, reach)
  local list = {}
  for _, row in ipairs(node.discovery and node.logs and node.discovery:nodes() or {}) do
    local peer = row.type == "server" and not row.near and node.comms.peers.by_id[row.id]
    local address = peer and node.comms.peers:living(peer) and reach(row.id) ~= "lab"
      and address_of(node.comms.peers, peer)
    if address and #list < MOST then
      list[#list + 1] = { id = row.id, label = row.label, line = ("%s/dswarm/%s"):format(address, row.id) }
    end
  end
  return list[1] and shares_lab(node) and list or nil
end

return unnamed
