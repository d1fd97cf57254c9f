-- replication.lua - the client `replicate`: copies of others' files are fetched where the policy says so, and older
-- versions of a log that goes on let go. It ties its two parts to the node, and does neither itself.
local lazily = require "lazily"
local events = require "clients.logs.events"
local changes = require "policy.changes"
local placement = require "clients.logs.placement"
local replicate = require "clients.logs.replicate"
local superseded = require "clients.logs.superseded"
local why_fetched = lazily "clients.logs.why_fetched"

local replication = { name = "replicate", needs = { "content" } }
local Replication = {}
Replication.__index = Replication

-- ms since node ID was heard, or told of, in this run or before; who never was counts as heard when this one began.
local function silence(node, loop, began, id)
  local peer, discovery, now = node.comms.peers.by_id[id], node.discovery, loop:now()
  local word, seen = discovery and discovery.said:of(id), discovery and discovery.seen.rows[id]
  local heard = math.max(peer and peer.heard or began, word and word.heard or began)
  local age = heard == began and seen and seen.last > 0 and node.time:age(seen.last)
  return math.max(now - heard, age or 0)
end

local function new_placement(handle)
  local node, began = handle.node, handle.loop:now()
  return placement.new { loop = handle.loop, dcache = node.dcache, id = node.id,
    unit = function() return node.random:unit() end,
    setting = function(name) return node.policy:get("clients.logs." .. name) end,
    stores = function() return node.stores and node.stores:rows() or {} end,
    silence = function(id) return silence(node, handle.loop, began, id) end }
end

--- The client, as lua/clients/init.lua has it. The node has its placement.lua as `placing`, and `domain`, fn() → what
--- its copies count as.
function replication.open(handle)
  local node, self = handle.node, setmetatable({}, Replication)
  self.placement = new_placement(handle)
  handle:provide("placing", self.placement)
  handle:provide("domain", function() return node.policy:get "clients.logs.domain" end)
  self.scrub = node.content.scrub
  self.replicate = replicate.new { loop = handle.loop, log = node.log, random = node.random, time = node.time,
    dcache = node.dcache, comms = handle, policy = node.policy, here = node.here, content = node.content,
    placement = self.placement, told = events.fetched(node),
    barred = function(cid, from) return node.withdraw and node.withdraw:barred(cid, from) end,
    names = function(id) return node.who(id).name end, label = function(id) return node.who(id).label end }
  self.scrub:use(function() return node.policy:get "clients.logs.scrub" end)
  handle:on_lost(function(...) self.replicate:lost(...) end)
  if not node.worker then return self end
  self.superseded = superseded.new { loop = handle.loop, content = node.content, worker = node.worker,
    dcache = node.dcache }
  self.replicate:on_fetched(function() self.superseded:soon() end)
  return self
end

function Replication:start()
  self.replicate:start()
  if self.superseded then self.superseded:start() end
end

-- What the wish for others' files rests on: a hook may ask for the facts of the first two.
local RESTS_ON <const> = { "type", "tags", "dcache.buckets", "dcache.holds", "clients.logs.fetch",
  "clients.logs.at_once", "clients.logs.holders", "clients.logs.domain" }

function Replication:apply(_, changed)
  if changes.concern(changed, { "clients.logs.scrub" }) then self.scrub:check() end
  if not changes.concern(changed, RESTS_ON) then return end
  self.placement:apply()
  self.replicate:apply()
end

--- Looks at all files soon: one of them may be fetched now that might not before.
function Replication:look() self.replicate:check() end

function Replication:stop()
  if self.superseded then self.superseded:stop() end
  self.replicate:stop()
end

--- For the answers about files: files that wait and why, how many wait for a turn, what the policy does not want.
function Replication:waiting() return self.replicate:waiting() end
function Replication:queued() return self.replicate:queued() end
function Replication:unwanted() return self.replicate:unwanted() end

--- There is room where there was none: all that is known is looked at again.
function Replication:again() self.replicate:check() end

--- Why the file CID, which another node shares, is here (HELD) or not: rows (lua/why.lua).
function Replication:why(cid, held) return why_fetched.rows(self.replicate, cid, held) end

--- Rows of what is bounded in it (bounded.lua).
function Replication:bounds()
  local rows = self.replicate.retry:bounds()
  rows[#rows + 1] = self.replicate.declined:row()
  table.move(self.placement:bounds(), 1, 1, #rows + 1, rows)
  return rows
end

return replication
