-- checkpoint_parts.lua - builds what reads and what writes checkpoints, for a node whose layers stand. Decides nothing.
local catch_up = require "routing.catch_up"
local checkpoint = require "comms.checkpoint"

local checkpoint_parts = {}

--- Checkpoints of others: read by itself (NODE.catch_up), or as a channel. SUPPLIER(id): as sources.lua has it. → what
-- routing/channels/content.lua is given
function checkpoint_parts.reader(node, supplier)
  local function http() return node.content.http end
  node.catch_up = catch_up.new { loop = node.loop, random = node.random, log = node.log, comms = node.comms,
    dcache = node.dcache, id = node.id, swarm = node.swarm, http = http, peer = supplier,
    add = function(...) return node.routing:add(...) end }
  node.routing.catching_up = function() return node.catch_up:row() end
  return { http = http, swarm = node.swarm, sources = function(cid) return node.catch_up:sources_of(cid) end,
    worked_out = function(fn) node.dcache.trust:when_worked_out(fn) end }
end

--- What NODE holds, for newcomers.
function checkpoint_parts.writer(node)
  local bucket = ("pri/%s/checkpoint"):format(node.id)
  return checkpoint.new { loop = node.loop, random = node.random, log = node.log, disk = node.disk, dir = node.state,
    dcache = node.dcache, time = node.time, id = node.id, swarm = node.swarm, here = node.here, start = node.flusher,
    atomic_write = node.atomic_write, gateway = function() return node.gateway end,
    every = function()
      local seconds = node.policy:get "comms.checkpoint"
      return seconds and math.floor(seconds * 1000)
    end,
    publish = function(cid, words)
      if not cid then return node:publish("dismiss", bucket) end
      return node:publish("propose", bucket, nil, { cid = cid, words = words })
    end }
end

return checkpoint_parts
