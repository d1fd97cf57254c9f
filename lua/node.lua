-- node.lua - builds the four layers bottom-up; the only file that knows all of them. Owns no loop.
local clock = require "time"
local refusals = require "refusals"
local journal = require "core.journal"
local dcache = require "dcache"
local comms = require "comms"
local routing = require "routing"
local discovery = require "clients.discovery"

local node = {}
node.__index = node

-- Keeps what must be the same in all parts of a node.
local function base(given)
  local self = setmetatable({ version = given.version, state = given.state, share = given.share, socket = given.socket,
    identity = given.identity, policy = given.policy, loop = given.loop, log = given.log, random = given.random,
    disk = given.disk, worker = given.worker, started = given.loop:now(), started_wall = given.loop:wall() }, node)
  self.id, self.key = given.identity.id, given.identity.key
  self.name = given.name
  self.type = given.type
  self.swarm = self.policy:get "swarm"
  self.refuse, self.refused = refusals.new()
  self.ports = { tcp = 0, http = 0 }
  self.here = given.here
  self.memory = given.memory
  return self
end

local function build_time(self, given)
  self.time = clock.new { loop = self.loop, sync = given.synchronised, build = given.build, saved = given.saved_time,
    setting = self.policy:get "clock", save = given.save_time }
end

local function open_journal(self, classes, given)
  local opened, report, word = journal.open(self.disk, self.state .. "/journal",
    { families = dcache.families(classes), date = given.date() })
  if not opened then return nil, report, word end
  return opened, report
end

local function build_dcache(self, given)
  local classes = self.policy:classes()
  local opened, report, word = open_journal(self, classes, given)
  if not opened then return nil, report, word end
  self.dcache = dcache.new { loop = self.loop, time = self.time, journal = opened, classes = classes, id = self.id,
    key = self.key, swarm = self.swarm, log = self.log, refused = self.refuse,
    flush = self.policy:get "dcache.flush" * 1000 }
  for _, damage in ipairs(report.damaged) do
    self.log:warn("dcache", "journal damaged", { file = damage.file, aside = damage.aside, lines = damage.lines })
    self.dcache:doubt(damage.family)
  end
  return true
end

local function build_comms(self, given)
  local beacon = self.policy:get "comms.beacon"
  local interval = { math.floor(beacon[1] * 1000), math.floor(beacon[2] * 1000) }
  self.comms = comms.new { loop = self.loop, random = self.random, time = self.time, dcache = self.dcache,
    key = self.key, id = self.id, swarm = self.swarm, name = self.name, boot = given.boot, log = self.log,
    refused = self.refuse, policy = self.policy, here = self.here, interval = interval,
    ports = function() return self.ports.tcp, self.ports.http end }
  self.routing = routing.new { loop = self.loop, log = self.log, comms = self.comms, id = self.id,
    refused = self.refuse }
end

local function build_discovery(self)
  self.discovery = discovery.new { loop = self.loop, random = self.random, comms = self.comms, dcache = self.dcache,
    time = self.time, id = self.id, log = self.log, channels = function() return self.routing:channels() end,
    facts = function() return { name = self.name, type = self.type, version = self.version } end }
end

-- Peers' words are witnesses of the time, when they state a clock of their own.
local function listen_for_time(self)
  self.comms:on_word(function(st, source)
    if source and st.bucket == "peer" and st.verb == "propose" then
      self.time:witness(st.signer, st.at, st.data:find('"clock":"own"', 1, true) ~= nil)
    end
  end)
end

-- All effects injected: loop, random, disk, worker, identity, policy, log, here() → facts; name, type, state (folder),
-- boot (a number that grows), build and saved_time (ms), synchronised() → bool. → node | nil, text, word.
function node.new(given)
  local self = base(given)
  build_time(self, given)
  local ok, err, word = build_dcache(self, given)
  if not ok then return nil, err, word end
  build_comms(self, given)
  build_discovery(self)
  listen_for_time(self)
  return self
end

function node:start()
  self.dcache:start()
  self.comms:start()
  self.discovery:start()
end

-- Clean stop: channels first, so that nothing new comes in; then what is in memory goes to the disk.
function node:stop()
  for _, part in ipairs { "control", "logs", "content", "links", "discovery", "comms", "routing", "dcache" } do
    if self[part] and self[part].stop then self[part]:stop() end
  end
end

return node
