-- addresses.lua - where each node may be dialled: by its own record, as it was met, as is remembered. Dials nobody.
--
-- Anybody may sign a record that names a victim's address. So one that nothing proves is dialled by three nodes only,
-- and one in a private range only by those who are in that network themselves.
local address = require "core.address"
local bounded = require "bounded"
local listeners = require "listeners"
local rank = require "rank"
local sources = require "dcache.content.sources"

local addresses = {}
addresses.__index = addresses

local OF_ONE_MAX = 8 -- addresses of one node
local REMEMBERED_MAX = 1024 -- nodes of whom somebody remembers where they were
local FEW = 3 -- nodes that dial what nothing proves
local FEW_MS = 60 * 1000 -- for which it is known who they are: to work it out takes a hash for each peer
local BY_ITSELF_MS = 20 * 1000 -- within which who answers has to prove that he is the one who was dialled
local BUCKET = "pri/%s/addresses"

-- Private ranges; two more are looked at as numbers.
local PRIVATE = { "^10%.", "^192%.168%.", "^f[cd]", "^f[CD]" }

--- Is HOST, an IP address, in a range that means another network to each who reads it?
function addresses.is_private(host)
  for _, pattern in ipairs(PRIVATE) do
    if host:find(pattern) then return true end
  end
  local first, second = host:match "^(%d+)%.(%d+)%."
  first, second = tonumber(first), tonumber(second)
  return first == 172 and second >= 16 and second < 32 or first == 100 and second >= 64 and second < 128 or false
end

-- TEXT, a multiaddr → { host =, port =, address = text } where it is a TCP address in numbers that can be dialled | nil
local function read(text)
  local parts = address.check(text) and address.parts(text)
  if not parts or #parts ~= 3 or parts[2][1] ~= "tcp" or parts[3][1] ~= "dswarm-line" then return nil end
  if parts[1][1] ~= "ip4" and parts[1][1] ~= "ip6" then return nil end
  return { host = parts[1][2], port = math.tointeger(tonumber(parts[2][2])), address = text }
end

local function text_of(host, port)
  return ("/%s/%s/tcp/%d/dswarm-line"):format(host:find(":", 1, true) and "ip6" or "ip4", host, port)
end

--- given.loop, peers, id
--- given.record   fn(id) → DATA of that node's record of addresses | nil
--- given.is_near  fn(host) → is that IP address in a network of an own interface?
function addresses.new(given)
  local self = setmetatable({ news = listeners.new(), remembered = bounded.new { limit = REMEMBERED_MAX },
    few = bounded.new { limit = REMEMBERED_MAX } }, addresses)
  for _, name in ipairs { "loop", "peers", "id", "record", "is_near" } do self[name] = given[name] end
  self.peers:on_back(function(peer) self.news:call(peer.id) end)
  return self
end

-- When that host of PEER was last proved (ms), and have we reached him there?
local function proof_of(self, peer, host)
  local proved, reached = nil, false
  for _, flow in ipairs(peer and peer.flows or {}) do
    if flow.source.host == host and self.peers:proved(flow) then
      proved = math.max(proved or 0, flow.proved)
      reached = reached or flow.source.channel.dialled or false
    end
  end
  return proved, reached
end

local function work_out(self, host)
  local ids = { self.id }
  for _, peer in ipairs(self.peers.list) do
    if self.peers:living(peer) then ids[#ids + 1] = peer.id end
  end
  return rank.is_among(FEW, host, ids, self.id)
end

-- Are we among the few who try HOST, where nothing proves who is there? They are the same whoever names it, since IDs
-- cost nothing: else many made-up ones would have all nodes dial one victim.
local function is_of_few(self, host)
  local known, now = self.few:get(host), self.loop:now()
  if not known or now - known.at >= FEW_MS then
    known = { at = now, answer = work_out(self, host) }
    self.few:put(host, known)
  end
  return known.answer
end

-- Is PEER proved to speak from somewhere, and from no network of ours?
local function is_elsewhere(self, peer)
  local elsewhere = false
  for _, flow in ipairs(peer and peer.flows or {}) do
    if flow.source.host and self.peers:proved(flow) then
      if flow.source.own or self.is_near(flow.source.host) then return false end
      elsewhere = true
    end
  end
  return elsewhere
end

-- May the address that somebody's record names be dialled here?
local function counts(self, peer, row)
  if sources.is_local_only(row.host) then return false end
  if not addresses.is_private(row.host) then return true end
  return self.is_near(row.host) and not is_elsewhere(self, peer)
end

local function put(list, seen, row)
  local key = row.host .. " " .. row.port
  if seen[key] or #list >= OF_ONE_MAX then return end
  seen[key] = true
  list[#list + 1] = row
end

local function from_flows(self, peer, list, seen)
  for _, each in ipairs(peer and (peer.tcp or 0) > 0 and self.peers:hosts(peer) or {}) do
    local proved, reached = proof_of(self, peer, each.host)
    put(list, seen, { host = each.host, port = peer.tcp, origin = "flow", proved = proved, reached = reached,
      address = text_of(each.host, peer.tcp) })
  end
end

local function from_texts(self, peer, texts, origin, list, seen)
  for _, text in ipairs(texts) do
    local row = read(text)
    if row and counts(self, peer, row) then
      row.origin = origin
      row.proved, row.reached = proof_of(self, peer, row.host)
      put(list, seen, row)
    end
  end
end

-- Where we reached him ourselves goes first; then what is in his own record and proved, since a proved host alone may
-- be a router that lets nobody in; last what nothing proves.
local function worth(row)
  if row.reached then return 0 end
  if row.proved then return row.origin == "record" and 1 or 2 end
  return row.origin == "kept" and 3 or 4
end

--- Where node ID may be dialled now → array, the best first, of { host =, port =, address = text, origin = "flow",
--- "record" or "kept", proved = ms of the loop's clock or nil, reached = bool: have we connected to it ourselves? }
function addresses:of(id)
  local peer, list, seen = self.peers.by_id[id], {}, {}
  local record = self.record(id)
  from_texts(self, peer, record and record.at or {}, "record", list, seen)
  from_flows(self, peer, list, seen)
  from_texts(self, peer, self.remembered:get(id) or {}, "kept", list, seen)
  local some = {}
  for i, row in ipairs(list) do
    row.place = i
    if row.proved or row.origin ~= "record" or is_of_few(self, row.host) then some[#some + 1] = row end
  end
  table.sort(some, function(a, b)
    if worth(a) ~= worth(b) then return worth(a) < worth(b) end
    return a.place < b.place
  end)
  return some
end

--- Somebody remembers that node ID was at TEXTS, an array of multiaddrs, once proved.
function addresses:remember(id, texts)
  self.remembered:put(id, table.move(texts, 1, math.min(#texts, OF_ONE_MAX), 1, {}))
  self.news:call(id)
end

--- fn(id) from here on, when it may have changed where that node can be dialled. → a function that ends it
function addresses:on_news(fn) return self.news:add(fn) end

--- The record of node ID is here, or another one.
function addresses:heard(id) self.news:call(id) end

--- CHANNEL was dialled since node ID should be there: it is closed where he does not prove that he is.
function addresses:expect(channel, id)
  self.loop:after(BY_ITSELF_MS, function()
    local peer = self.peers.by_id[id]
    for _, flow in ipairs(not channel.closed and peer and peer.flows or {}) do
      if flow.source.channel == channel and self.peers:proved(flow) then return end
    end
    if not channel.closed then channel:close "key: somebody else answers there" end
  end)
end

--- What is bounded here, as bounded.lua's rows.
function addresses:bounds() return { self.remembered:row "addresses" } end

addresses.bucket = BUCKET

return addresses
