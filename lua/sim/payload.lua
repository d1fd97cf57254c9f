-- payload.lua - files of releases in the simulator: each comes after a time, and stays on a machine's disk. What stands
-- for lua/clients/updates/fetching.lua, with its methods; no byte of a file but of plans is there.
local listeners = require "listeners"

local payload = {}
payload.__index = payload

local RATE <const> = 1000 -- bytes a ms that a node is given
local LEAST <const> = 1000 -- ms that any fetch takes

--- What a fleet has: by CID the bytes of plans.
function payload.new(plans) return setmetatable({ plans = plans, held = {} }, payload) end

local one = {}
one.__index = one

--- For NODE, whose disk is called by its ID.
function payload:of(node)
  self.held[node.id] = self.held[node.id] or {}
  return setmetatable({ all = self, loop = node.loop, held = self.held[node.id], news = listeners.new(),
    under_way = {} }, one)
end

function one:want(cid, size)
  if self.held[cid] or self.under_way[cid] then return end
  self.under_way[cid] = self.loop:after(LEAST + size // RATE, function()
    self.under_way[cid], self.held[cid] = nil, size
    self.news:call(cid)
  end)
end

function one:state(cid)
  local size = self.held[cid]
  return { done = size or 0, size = size, missing = not (size or self.under_way[cid]) and "nobody was asked" or nil }
end

function one:path(cid) return self.held[cid] and "/payload/" .. cid or nil end

function one:read(cid) return self.held[cid] and self.all.plans[cid] or nil end

function one:verify(_, done) self.loop:post(function() done(true) end) end

function one.space(_, _, size, unpacked) return size + (unpacked or 0), 1 << 40 end

function one.disk_path() return "/payload" end

function one.keep() end

function one:on_news(fn) return self.news:add(fn) end

function one.start() end

function one:stop()
  for _, timer in pairs(self.under_way) do timer:cancel() end -- any order
end

return payload
