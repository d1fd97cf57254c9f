-- init.lua - a swarm in one process under a virtual clock: the same Lua and C, seeded. One seed, one run, to the byte.
local hash = require "core.hash"
local random = require "core.random"
local key = require "core.key"
local disk = require "core.sim"
local text = require "core.text"
local simloop = require "sim.loop"
local links = require "sim.links"
local checks = require "sim.checks"
local node = require "node"
local worker = require "worker"

local sim = {}
sim.__index = sim

local NOTHING = {} -- is known about the machine
local BUILD = 1690000000000 -- ms Unix: when the program was made, for nodes without a clock

local silent = {}
for _, level in ipairs { "debug", "info", "warn", "error", "once" } do silent[level] = function() end end
function silent.listen() return function() end end

-- OPTIONS: seed (integer), policy, loss (0…1), delay = { least, most } ms, rate = bytes a second that the medium
-- carries (nil: any number), trace = fn(line), untraced = true: no fingerprint is asked for, which costs time.
function sim.new(options)
  local self = setmetatable({ loop = simloop.new(), random = random.seeded(options.seed or 1), policy = options.policy,
    loss = options.loss or 0, delay = options.delay or { 1, 3 }, nodes = {}, cut = {}, deaf = {},
    sum = hash.new "blake2b",
    checks = checks.new(), lines = 0, seed = options.seed or 1 }, sim)
  self.world = { loop = self.loop,
    delay = function(from, to) return self:delay_of(from, to) end,
    trace = function(format, ...)
      self.lines = self.lines + 1
      if options.untraced then return end
      local line = ("%d "):format(self.loop.time) .. format:format(...)
      self.sum:update(line .. "\n")
      if options.trace then options.trace(line) end
    end }
  self.medium = links.medium(self.world, options.rate)
  return self
end

-- Milliseconds that a frame takes from one host to another; nil when it is lost or the way is cut. Field `cut` has
-- hosts that are off all networks, `deaf` pairs "FROM TO" of which the second hears nothing of the first; `sides`, if
-- set, on which side of a cut each host is.
function sim:delay_of(from, to)
  if self.cut[from.host] or self.cut[to.host] then return nil end
  if next(self.deaf) and self.deaf[from.host .. " " .. to.host] then return nil end
  local sides = self.sides
  if sides and sides[from.host] ~= sides[to.host] then return nil end
  if from.traits.medium and self.random:unit() < self.loss then return nil end
  return self.delay[1] + self.random:integer(self.delay[2] - self.delay[1] + 1)
end

local function dialler(self, joined)
  return function(host, _, done)
    local there = self:by_host(host)
    if not there or self.cut[host] or self.cut[joined.host] then
      return self.loop:after(1000, function() done(nil, "ETIMEDOUT: nobody answers", "ETIMEDOUT") end)
    end
    self.loop:after(self.delay[1], function()
      local here_end, there_end = links.stream(self.world, joined.host, host)
      there.routing:add(there_end, { quiet = true, wakes = true })
      joined.routing:add(here_end, { quiet = true })
      done(here_end)
    end)
  end
end

function sim:by_host(host)
  for _, one in ipairs(self.nodes) do
    if one.host == host then return one end
  end
end

-- The loop of a node whose system clock is MS ahead of the true time.
local function skewed(loop, ms)
  return setmetatable({ wall = function() return loop:wall() + ms end }, { __index = function(_, name)
    return function(_, ...) return loop[name](loop, ...) end
  end })
end

-- Each node has read the lab file by itself: what one of them takes out of it is still there for the next.
local function copy_of(thing)
  if type(thing) ~= "table" then return thing end
  local copy = setmetatable({}, getmetatable(thing))
  for name, value in pairs(thing) do copy[name] = copy_of(value) end -- any order
  return copy
end

local function effects(self, name, options)
  local secret = hash.blake2b(("%d %s"):format(self.seed, name))
  local owner = key.generate(secret)
  return { loop = options.loop or options.ahead and skewed(self.loop, options.ahead) or self.loop,
    random = random.seeded(self.seed * 1000 + #self.nodes + 1), name = name, type = "laptop",
    identity = options.identity or { id = owner:id(), key = owner }, policy = options.policy or self.policy,
    disk = options.disk or disk.memory(self.seed), state = options.state or "/state", boot = options.boot or 1,
    build = options.build or BUILD, log = silent, version = "sim",
    here = options.here or function() return NOTHING end, date = function() return "20260101-000000" end,
    synchronised = function() return options.clock ~= false end, clients = options.clients,
    checks = self.checks, lab = copy_of(options.lab), update_kinds = options.update_kinds,
    update_fetching = options.update_fetching, calendar = function(_, s) return os.date("!*t", s) end }
end

--- What a look finds of a machine that has no sensor at all, but these FILES: text by path; and MORE of what it tells.
function sim.found(files, more)
  local found = { files = {}, disks = {}, interfaces = {}, clock = { code = "ENOSYS" },
    throttled = { code = "ENOENT" } }
  for path, text_of in pairs(files or {}) do found.files[path] = { text = text_of } end -- any order
  for name, value in pairs(more or {}) do found[name] = value end -- any order
  return found
end

local function sensor_of(loop, find)
  return { look = function(_, what, done)
    loop:post(function() done(find(what)) end)
    return true
  end }
end

-- A node on the medium; OPTIONS: clock = false for one without, ahead = ms that its clock is, disk, boot, policy,
-- identity, here = fn() → facts, sensor = fn(what) → what a look at the machine's sensors finds (core/host/sensor.c;
-- `found` makes one of nothing), lab (dcache/lab.lua's), state (folder), build (ms), flusher = fn() → worker, loop
-- (power.lua's: of a machine whose power may go), update_kinds and update_fetching (rollout.lua); for one of several
-- media (wan.lua): host, medium, ready = fn(node, its channel), called before it starts.
function sim:add(name, options)
  local given = effects(self, name, options or {})
  given.disk:mkdir(given.state)
  given.sensor = options and options.sensor and sensor_of(self.loop, options.sensor)
  given.flusher = options and options.flusher or function() return worker.new { loop = given.loop, inline = true } end
  local one = assert(node.new(given))
  options = options or {}
  one.host = options.host or ("10.0.0.%d"):format(#self.nodes + 1)
  one.ports = function() return 3825, 0 end
  local joined = links.join(options.medium or self.medium, one.host)
  joined.routing = one.routing
  one.routing:add(joined, {})
  one.comms.dial = dialler(self, joined)
  table.insert(self.nodes, one)
  if options.ready then options.ready(one, joined) end
  one:start()
  return one
end

-- Runs on by that many virtual milliseconds.
function sim:run(ms) self.loop:run_until(self.loop.time + ms) end

-- Hash of all that went over the wire so far, as hex.
function sim:fingerprint()
  local copy = self.sum:final()
  self.sum = hash.new "blake2b"
  self.sum:update(copy)
  return text.hex(copy)
end

return sim
