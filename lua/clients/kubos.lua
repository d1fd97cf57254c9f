-- kubos.lua - joins the Kubo that this node speaks by to those of a few others, so that a topic reaches them. No topic.
--
-- A node's word `pri/ID/addresses` says how its Kubo is called and at which port it listens. The host is not taken from
-- there: it is where that node was proved to be. So nobody makes our Kubo dial a third.
local backoff = require "backoff"
local bounded = require "bounded"
local rank = require "rank"
local soon = require "soon"

local kubos = { name = "kubos" }
kubos.__index = kubos

local LOOK_MS <const> = 10 * 1000
local SOON_MS <const> = 500 -- after somebody can be reached, or said where
local JOINED_MAX <const> = 4 -- others: each chooses other ones, and so all are joined
local AGAIN_MS <const> = 5 * 60 * 1000 -- Kubo says at once where it is joined already
local TRIES_MAX <const> = 64 -- that are remembered

-- What the word of node ID says of its Kubo → peer ID, port | nil
local function told_by(self, id)
  local st = self.dcache:statement_of(("pri/%s/addresses"):format(id), id, id)
  local told = st and st.holds and type(st.data) == "table" and st.data.ipfs
  local name, port = type(told) == "table" and told[1], type(told) == "table" and math.tointeger(told[2])
  local is_name = type(name) == "string" and #name <= 64 and name:find "^%w+$"
  return is_name and port and port > 0 and port < 65536 and name or nil, port
end

-- Where node PEER was proved to be | nil
local function host_of(self, peer)
  for _, each in ipairs(self.peers:living(peer) and self.peers:hosts(peer) or {}) do
    if not each.own then return each.host end
  end
end

-- Those to be joined to, first the best: { id =, name = of its Kubo, host =, port = }
local function chosen(self)
  local ids, list = {}, {}
  for i, peer in ipairs(self.peers.list) do ids[i] = peer.id end
  for _, id in ipairs(rank.of(self.id, ids)) do
    local host = host_of(self, self.peers.by_id[id])
    local name, port
    if host then name, port = told_by(self, id) end
    if name then list[#list + 1] = { id = id, name = name, host = host, port = port } end
    if #list == JOINED_MAX then break end
  end
  return list
end

local function join(self, one)
  local key = ("%s %s %d"):format(one.name, one.host, one.port)
  local try = self.tries:get(key)
  if not try then
    try = { next = 0, backoff = backoff.slow(self.random) }
    self.tries:put(key, try)
  end
  if self.loop:now() < try.next then return end
  try.next = self.loop:now() + AGAIN_MS
  self.channels:meet(one.host, one.name, one.port, function(ok, text)
    if ok then return try.backoff:reset() end
    try.next = self.loop:now() + try.backoff:next()
    self.log:debug("kubos", "not joined", { id = one.id, host = one.host, why = text })
  end)
end

--- Joins it to who should be joined, where it has a Kubo. One that was away comes back alone.
function kubos:look()
  local is_here = self.channels:meeting() ~= nil
  if is_here and not self.is_here then self.tries = bounded.new { limit = TRIES_MAX } end
  self.is_here = is_here
  if not is_here then return end
  for _, one in ipairs(chosen(self)) do join(self, one) end
end

--- given.loop, random, log, id, dcache, peers
--- given.channels  with meeting() and meet(): routing/channels/init.lua
function kubos.new(given)
  local self = setmetatable({}, kubos)
  for _, name in ipairs { "loop", "random", "log", "id", "dcache", "peers", "channels" } do self[name] = given[name] end
  return self
end

kubos.needs = { "channels" }

--- The client, as lua/clients/init.lua has it.
function kubos.open(handle)
  local node = handle.node
  local self = kubos.new { loop = handle.loop, random = node.random, log = node.log, id = node.id,
    dcache = node.dcache, peers = node.comms.peers, channels = node.channels }
  local coming = soon.new(handle.loop, SOON_MS, function() self:look() end)
  local function news() coming:ask() end
  handle:on_back(news)
  handle:keep(node.comms.addresses:on_news(news))
  handle.loop:every(LOOK_MS, function() self:look() end)
  return self
end

return kubos
