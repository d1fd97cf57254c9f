-- init.lua - statistics: how much robots are used, as far as their owners agree. Puts the parts together.
local gather = require "clients.statistics.gather"
local kept = require "kept"
local requests = require "clients.statistics.requests"
local stats_word = require "clients.statistics.stats_word"
local usage = require "clients.statistics.usage"

local statistics = { name = "statistics" }
statistics.__index = statistics

-- Does the owner agree, as the policy reads it? → yes or no, why
local function consent(node)
  local here = node.here()
  if not here.permission then return false, "nothing is known of the owner's permission" end
  local agrees, why = node.policy:ask("clients.statistics.consent", here)
  if agrees then return true end
  return false, why or "the owner's permission (allow_push_stats_data) does not say 1"
end

-- Is the node ID in a network of ours?
local function is_near(node, id)
  local peer = node.comms.peers.by_id[id]
  return peer ~= nil and node.comms.liveness:is_near(peer)
end

--- The client, as lua/clients/init.lua has it. Fields: usage, word, gather.
function statistics.open(handle)
  local node, loop = handle.node, handle.loop
  local keep = kept.lazy_of(node, loop)
  local self = setmetatable({ node = node }, statistics)
  self.usage = usage.new { loop = loop, time = node.time, here = node.here, kept = keep }
  self.word = stats_word.new { loop = loop, comms = node.comms, log = node.log, id = node.id, usage = self.usage,
    facts = function() return node.type, node.version end, consent = function() return consent(node) end }
  self.gather = gather.new { loop = loop, comms = node.comms, log = node.log, random = node.random, time = node.time,
    id = node.id, site = function() return node.here().site end, is_open = function() return node.lab == nil end,
    wanted = function() return node.policy:get "clients.statistics.gather" == true end,
    is_near = function(id) return is_near(node, id) end,
    others = function() return node.discovery and node.discovery:count() or 0 end, kept = keep }
  handle:on_statement("pri/*/stats", function(st) self.gather:hear(st) end)
  handle:on_statement("pri/*/info/statistics", function(st) self.gather:heard_sums(st) end)
  requests(handle, self)
  return self
end

--- An own file of SIZE bytes is shared, and was not before.
function statistics:shared(size)
  self.usage:add "files"
  self.usage:add("mb", size // 1000000)
end

function statistics:start()
  self.usage:start()
  self.word:start()
  self.gather:start()
end

function statistics:stop()
  self.word:stop()
  self.gather:stop()
  self.usage:stop()
end

return statistics
