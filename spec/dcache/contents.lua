-- contents.lua - for specs: the contents of some nodes, on one loop, in one folder, each with a gateway on loopback.
local content = require "dcache.content"
local disk = require "core.disk"
local folder = require "spec.folder"
local gateway = require "core.gateway"
local log = require "log"
local loop = require "loop"
local random = require "core.random"

local contents = {}
contents.__index = contents

local LONG <const> = 60000 -- ms that a busy machine may take for what takes a moment

--- Fields: loop; home (spec/folder.lua); open, what close() stops; fault, what the loop caught.
function contents.new()
  local self = setmetatable({ home = folder.new(), open = {} }, contents)
  self.loop = loop.new { on_error = function(text)
    self.fault = text
    self.loop:stop()
  end }
  return self
end

--- The content of node NAME; PEERS: { id = port }, all of them holders of everything. options.mute: nothing can be
--- said; options.records: its own statements; the others are those of content.new. → content, gateway, what it said
function contents:node(name, peers, options)
  options = options or {}
  local g, said, ids = assert(gateway.new { host = "127.0.0.1" }), {}, {}
  for id in pairs(peers) do ids[#ids + 1] = id end
  table.sort(ids)
  local one = content.new { loop = self.loop, disk = options.disk or disk.real(), random = random.seeded(1),
    dir = self.home.path .. "/" .. name, flusher = options.flusher,
    log = log.new { wall = function() return 0 end, level = "debug", write = function() end },
    gateway = g, id = name, time = options.time, mount = options.mount, store = options.store, robot = options.robot,
    domain = options.domain, space = options.space,
    publish = function(verb, bucket, key, data, ttl)
      if options.mute then return nil, "disk: no", "disk" end
      said[#said + 1] = { verb = verb, bucket = bucket, key = key, data = data, ttl = ttl }
      return true
    end,
    statements = function() return options.records or {} end, files = options.files,
    holders = function() return ids end,
    peer = function(id)
      return { name = id, http = peers[id], hosts = { { host = "127.0.0.1", own = true, rtt_us = 100 } } }
    end }
  self.open[#self.open + 1] = one
  return one, g, said
end

--- Runs the loop until ASK(done) had done(…) called. → what that was given
function contents:wait(ask)
  local result
  ask(function(...)
    result = table.pack(...)
    self.loop:stop()
  end)
  self:run(LONG)
  assert(result, self.fault or "no answer")
  return table.unpack(result, 1, result.n)
end

--- Runs the loop for MS, or until somebody stops it.
function contents:run(ms)
  local timer = self.loop:after(ms, function() self.loop:stop() end)
  self.loop:run()
  timer:cancel()
end

--- Runs the loop until TEST() holds.
function contents:run_till(test)
  local beat = self.loop:every(20, function() if test() then self.loop:stop() end end)
  self:run(LONG)
  beat:cancel()
  assert(test(), self.fault or "it did not come to that")
end

function contents:close()
  for _, one in ipairs(self.open) do one:stop() end
  self.loop:close()
  self.home.remove()
  assert(not self.fault, self.fault)
end

return contents
