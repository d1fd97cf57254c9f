-- checkpoint_parts.lua - builds what reads and what writes checkpoints, for a node whose layers stand. Decides nothing.
local catch_up = require "routing.catch_up"
local checkpoint = require "comms.checkpoint"
local cids = require "core.cid"

local checkpoint_parts = {}

local WELCOME = 1000 -- ms

-- → fn(cid of a leaf) → does NODE's own checkpoint have it?
local function own_leaves(node)
  local of, digests
  return function(key)
    local one = node.checkpoint and node.checkpoint.current
    if not one then return false end
    if of ~= one then
      of, digests = one, {}
      for at = 1, #one.leaves, 32 do digests[one.leaves:sub(at, at + 31)] = true end
    end
    return digests[select(2, cids.parse(key))] == true
  end
end

--- Checkpoints of others: read by itself (NODE.catch_up), or as a channel. SUPPLIER(id): as sources.lua has it. → what
-- routing/channels/content.lua is given
function checkpoint_parts.reader(node, supplier)
  local function http() return node.content.http end
  node.catch_up = catch_up.new { loop = node.loop, random = node.random, log = node.log, comms = node.comms,
    dcache = node.dcache, id = node.id, swarm = node.swarm, http = http, peer = supplier,
    add = function(...) return node.routing:add(...) end, is_own = own_leaves(node) }
  node.routing.catching_up = function() return node.catch_up:row() end
  return { http = http, swarm = node.swarm, sources = function(cid) return node.catch_up:sources_of(cid) end,
    worked_out = function(fn) node.dcache.trust:when_worked_out(fn) end }
end

-- A newcomer hears soon where ONE is, and a crowd of newcomers once.
local function greet(node, one)
  local waiting
  node.comms:on_newcomer(function()
    if waiting or not one.said then return end
    waiting = node.loop:after(WELCOME + node.random:integer(WELCOME), function()
      waiting = nil
      one:tell()
    end)
  end)
end

--- What NODE holds, for newcomers.
function checkpoint_parts.writer(node)
  local bucket = ("pri/%s/checkpoint"):format(node.id)
  local one = checkpoint.new { loop = node.loop, random = node.random, log = node.log, disk = node.disk,
    dir = node.state, dcache = node.dcache, time = node.time, id = node.id, swarm = node.swarm, here = node.here,
    start = node.flusher, atomic_write = node.atomic_write, gateway = function() return node.gateway end,
    every = function()
      local seconds = node.policy:get "comms.checkpoint"
      return seconds and math.floor(seconds * 1000)
    end,
    publish = function(cid, words)
      if not cid then return node:publish("dismiss", bucket) end
      return node:publish("propose", bucket, nil, { cid = cid, words = words })
    end,
    say_again = function(short) node.comms:say_again_everywhere(short, true) end }
  greet(node, one)
  return one
end

return checkpoint_parts
