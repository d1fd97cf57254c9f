-- sources.lua - who can give a file, nearest first: proved hosts of peers whose records say they have it. Asks nobody.
local sources = {}
sources.__index = sources

-- holders(cid) → array of peer IDs; peer(id) → { name =, http = port, hosts = array of { host =, own =, near =,
-- rtt_us = } of proved addresses }, or nil; id: this node's. Its field `streams` (streams.lua, or nil) says who is
-- asked over a stream.
function sources.new(given)
  return setmetatable({ holders = given.holders, peer = given.peer, id = given.id }, sources)
end

--- What node ID says of the file CID, by records that hold: "copy": it holds one that it checked; "own": it shares the
-- file; nil: nothing.
function sources.says(dcache, cid, id)
  local copy = dcache:statement_of("share/safe", cid, id)
  if copy and copy.holds then return "copy" end
  local own = dcache:statement_of("share/files", cid, id)
  return own and own.holds and "own" or nil
end

--- The IDs of those PEERS, an array of { id = }, who say that they have the file CID.
function sources.holders(dcache, peers, cid)
  local list = {}
  for _, peer in ipairs(peers) do list[#list + 1] = sources.says(dcache, cid, peer.id) and peer.id or nil end
  return list
end

-- Loopback, link-local, multicast and nobody's addresses: never somebody else's to name. With a zone a link-local one
-- was heard on an interface of ours; records have none.
function sources.is_local_only(host)
  if host:find(":", 1, true) then
    local low = host:lower()
    if low:find "^fe[89ab]" and low:find "%%." then return false end
    return low == "::1" or low == "::" or low:find "^fe[89ab]" ~= nil or low:find "^ff" ~= nil
      or low:find "^::ffff:" ~= nil
  end
  local first, second = host:match "^(%d+)%.(%d+)%.%d+%.%d+$"
  first, second = tonumber(first), tonumber(second)
  return not first or first == 127 or first == 0 or first >= 224 or (first == 169 and second == 254)
end

local function url_of(host, port)
  if host:find(":", 1, true) then host = "[" .. host:gsub("%%", "%%25", 1) .. "]" end
  return ("http://%s:%d"):format(host, port)
end

local function hosts_of(peer)
  local hosts = {}
  for _, each in ipairs(peer.hosts) do
    if each.own or not sources.is_local_only(each.host) then hosts[#hosts + 1] = each end
  end
  return hosts
end

local function is_near(hosts)
  for _, each in ipairs(hosts) do
    if each.own or each.near then return true end
  end
  return false
end

--- Is the peer ID in a network of ours, at an address that is proved?
function sources:near(id)
  local peer = self.peer(id)
  return peer ~= nil and is_near(hosts_of(peer))
end

-- By HTTP at his hosts, and by a stream where that does not reach him | nil: he can be asked nowhere. tried: HTTP was
-- tried enough, though he is near.
local function source_of(self, id, peer)
  local hosts, urls = hosts_of(peer), {}
  local stream = self.streams and self.streams:wanted(id, is_near(hosts))
  if stream ~= "only" and (peer.http or 0) > 0 then
    for i, each in ipairs(hosts) do urls[i] = url_of(each.host, peer.http) end
  end
  if stream then urls[#urls + 1] = "stream:" .. id end
  local first = hosts[1] or {}
  return urls[1] and { id = id, name = peer.name, url = urls[1], urls = urls, own = first.own or false,
    far = not is_near(hosts), tried = stream == "near" or nil, rtt_us = first.rtt_us or math.maxinteger } or nil
end

--- Is that the URL of a source who is asked over a stream?
function sources.is_stream(url) return url:find("stream:", 1, true) == 1 end

-- → array of { id =, name =, url =, urls = this one and others of his, own = is it this machine?, far = is he in no
-- network of ours?, rtt_us = }, nearest first
function sources:of(cid)
  local list, seen = {}, {}
  for _, id in ipairs(self.holders(cid)) do
    local peer = id ~= self.id and not seen[id] and self.peer(id)
    seen[id] = true
    list[#list + 1] = peer and source_of(self, id, peer) or nil
  end
  table.sort(list, function(a, b)
    if a.own ~= b.own then return a.own end
    if a.rtt_us ~= b.rtt_us then return a.rtt_us < b.rtt_us end
    return a.id < b.id
  end)
  return list
end

return sources
