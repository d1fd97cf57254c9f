-- payload_world.lua - a LAN of robots behind an uplink and a desk beyond it, for specs of clients/updates/fetching.lua:
-- each robot runs that, on a content that only counts how many bytes came from whom, under a virtual clock.
local fetching = require "clients.updates.fetching"
local listeners = require "listeners"
local memory = require "core.sim".memory
local random = require "core.random"
local sim_loop = require "sim.loop"

local world = {}
world.__index = world

local BEAT <const> = 100 -- ms

--- options.robots (8), uplink = bytes/s that all share (500,000), lan = bytes/s of each (10,000,000), apart = true: the
--- robots do not hear each other
function world.new(options)
  local self = setmetatable({ loop = sim_loop.new(), uplink = options.uplink or 500000, lan = options.lan or 10000000,
    apart = options.apart, crossed = 0, off = {}, silent = {}, trickle = {}, nodes = {}, names = {} }, world)
  self:add("desk", true)
  for i = 1, options.robots or 8 do self:add("r" .. i, false) end
  return self
end

-- == a content that fetches nothing

local content = {}
content.__index = content

function content:fetch_payload(key, size, _, done, pressed, choose)
  self.jobs[key] = { cid = key, size = size, done = self.have[key] or 0, told = done, pressed = pressed,
    choose = choose }
  self.world.beat = self.world.beat or self.world.loop:every(BEAT, function() self.world:flow() end)
end

function content:sources(key)
  local list = {}
  for _, id in ipairs(self.world.names) do
    local node = self.world.nodes[id]
    if id ~= self.id and node.content.whole[key] and self.world:knows(self.id, id) then
      list[#list + 1] = { id = id, name = id, far = self.far ~= node.content.far }
    end
  end
  return list
end

function content:near(id) return self.far == self.world.nodes[id].content.far end
function content:path_of(key) return self.whole[key] and "/files/" .. key or nil end
function content:size_of(key) return self.whole[key] end
function content:begun(key) return self.have[key] or 0 end
function content.await() end
function content:on_lost(fn) return self.losses:add(fn) end
function content:free() return self.room end
function content:is_payload(key) return self.whole[key] ~= nil end

function content:payloads()
  local list = {}
  for key in pairs(self.whole) do list[#list + 1] = key end -- any order: sorted below
  table.sort(list)
  return list
end

function content:fetching()
  local rows = {}
  for key, job in pairs(self.jobs) do -- any order
    rows[#rows + 1] = { cid = key, done = job.done, source = job.from, rate = job.rate }
  end
  return rows
end

function content:give_up(key, why)
  local job = self.jobs[key]
  self.jobs[key] = nil
  if job then job.told(nil, "permission: " .. why, "permission") end
end

function content:let_go(key, still)
  assert(still())
  self.whole[key] = nil
  self.gone[#self.gone + 1] = key
end

function content:take(path, told)
  self.whole[path] = 1000
  told(path, 1000)
end

-- == the world

function world:knows(one, other) return not self.apart or one == "desk" or other == "desk" end

function world:hears(one, other) return not self.off[one] and not self.off[other] and self:knows(one, other) end

function world:add(id, far)
  local self_content = setmetatable({ world = self, id = id, far = far, whole = {}, have = {}, jobs = {}, gone = {},
    losses = listeners.new() }, content)
  local node = { id = id, loop = self.loop, content = self_content, state = "/state", disk = memory(1),
    random = random.seeded(#self.names + 1), atomic_write = { put = function(_, _, _, _, told) told(true) end },
    log = { info = function() end, warn = function() end, once = function() end },
    time = { proved_now = function() return self.loop:wall() end } }
  node.disk:mkdir "/state"
  node.comms = { on_statement = function() return function() end end,
    peers = { by_id = setmetatable({}, { __index = function(_, name) return { id = name } end }),
      living = function(_, peer) return self:hears(id, peer.id) end } }
  self.nodes[id], self.names[#self.names + 1] = node, id
  if not far then node.fetching = fetching.new { node = node, id = id } end
end

-- bytes/s that one asker has from SOURCE, of whom nobody else asks.
local function rate_of(self, source)
  if self.silent[source.id] or self.off[source.id] then return 0 end
  return self.trickle[source.id] or source.far and self.uplink or self.lan
end

-- Whom a job asks of LIST: who gives most, of several the one it asked before, else the first.
local function from_of(self, job, list)
  local best
  for _, source in ipairs(list) do
    local rate = rate_of(self, source)
    local most = best and rate_of(self, best) or 0
    if rate > most or rate > 0 and rate == most and source.id == job.from then best = source end
  end
  return best
end

local function advance(self, node, job, source, bytes)
  local got = math.min(bytes, job.size - job.done)
  job.done, job.from, job.rate = job.done + got, source.id, bytes * 1000 // BEAT
  node.content.have[job.cid] = job.done
  if source.far then self.crossed = self.crossed + got end
  if job.done < job.size then return end
  node.content.jobs[job.cid], node.content.whole[job.cid] = nil, job.size
  job.told("/files/" .. job.cid, source.id)
end

-- What comes in a beat: of those who ask over the uplink each has his part of it.
function world:flow()
  local asks, any = {}, false
  for _, id in ipairs(self.names) do
    local node = self.nodes[id]
    for _, row in ipairs(self.off[id] and {} or node.content:fetching()) do
      local job = node.content.jobs[row.cid]
      local source = from_of(self, job, job.choose(node.content:sources(row.cid)))
      any = true
      if source then asks[#asks + 1] = { node = node, job = job, source = source } end
    end
  end
  if not any then
    self.beat:cancel()
    self.beat = nil
  end
  local far = 0
  for _, one in ipairs(asks) do far = far + (one.source.far and 1 or 0) end
  for _, one in ipairs(asks) do
    local rate = rate_of(self, one.source) // (one.source.far and far or 1)
    advance(self, one.node, one.job, one.source, rate * BEAT // 1000)
  end
end

--- All robots want KEY of SIZE bytes, which the plan's order names them all for.
function world:want(key, size, more)
  local named = table.move(self.names, 2, #self.names, 1, {})
  for _, id in ipairs(named) do
    local about = { run = "demos/42/1", named = named, name = "demos", seq = 42 }
    for name, value in pairs(more or {}) do about[name] = value end -- any order
    assert(self.nodes[id].fetching:want(key, size, about))
  end
end

--- How many robots have KEY.
function world:have(key)
  local n = 0
  for _, id in ipairs(self.names) do
    if id ~= "desk" and self.nodes[id].content.whole[key] then n = n + 1 end
  end
  return n
end

function world:run(s) self.loop:run_until(self.loop.time + s * 1000) end

return world
