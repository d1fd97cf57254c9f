-- init.lua - diagnostics: how the body of this node is, for itself and for others. Measures and judges nothing itself.
local checks = require "clients.diagnostics.checks"
local events = require "clients.diagnostics.events"
local health_word = require "clients.diagnostics.health_word"
local look = require "clients.diagnostics.look"
local machine_word = require "clients.diagnostics.machine_word"
local measures = require "clients.diagnostics.measures"
local others = require "clients.diagnostics.others"
local past = require "clients.diagnostics.past"
local requests = require "clients.diagnostics.requests"
local values = require "clients.diagnostics.values"

local diagnostics = { name = "diagnostics" }
diagnostics.__index = diagnostics

local function names_of(node)
  local names = {}
  for i, one in ipairs(node.net and node.net.interfaces() or {}) do names[i] = one.name end
  return names
end

-- Of event files there may be any number, and a look reads so many files: they come last.
local function more_files()
  local list = table.move(machine_word.files, 1, #machine_word.files, 1, {})
  list[#list + 1] = events.pattern
  return list
end

local function make_look(self, node)
  return look.new { loop = self.loop, sensor = node.sensor, values = self.values, log = node.log,
    worker = function() return node.flusher(1) end,
    every = function() return math.tointeger(node.policy:get "clients.diagnostics.every" * 1000 // 1) end,
    places = function() return { share = node.share, state = node.state } end,
    interfaces = function() return names_of(node) end,
    more = more_files() }
end

local function make_word(self, node)
  return health_word.new { loop = self.loop, comms = node.comms, log = node.log, id = node.id, values = self.values,
    checks = self.checks, here = node.here, random = node.random,
    spoken = function() return self.others:spoken() end, policy = function() return node.policy end }
end

--- The client, as lua/clients/init.lua has it. Fields: values, measures, checks, others; look and word, where the node
--- has sensors.
function diagnostics.open(handle)
  local node = handle.node
  local self = setmetatable({ node = node, loop = handle.loop }, diagnostics)
  self.values = values.new { loop = self.loop }
  self.measures = measures.new { loop = self.loop, values = self.values, node = node }
  self.checks = checks.new { loop = self.loop, policy = function() return node.policy end, here = node.here,
    measures = function() return self.measures:all() end, blind = function() return self.values:blind() end }
  self.others = others.new { loop = self.loop, id = node.id,
    listed = function(id) return node.discovery ~= nil and node.discovery.said:of(id) ~= nil end }
  handle:on_statement("pri/*/health", function(st) self.others:hear(st) end)
  requests(handle, self)
  handle:topic("health", "how bodies are: checks that change, alerts, starts, event files")
  if not node.sensor then return self end
  self.look, self.word = make_look(self, node), make_word(self, node)
  self.look:on_look(function(found)
    if found then
      self.past:read(found)
      self.machine:take(found)
      self.machine:look()
    end
    self.checks:look()
  end)
  handle:on_newcomer(function() self.word:newcomer() end)
  self.past = past.new(self, node, self.loop)
  self.machine = machine_word.new { loop = self.loop, comms = node.comms, log = node.log, id = node.id,
    values = self.values, allowed = function() return (node.here().permission or {}).config end }
  self.parts.past = function(answer, one) self.past:tell(answer, one) end
  self.others:on_word(function(id) self.past:said(id) end)
  self.checks:on_change(function(change) self.past:changed(change) end)
  self.checks:on_look(function()
    self.past:looked()
    self.word:look()
    if node.discovery then node.discovery.word:look() end
  end)
  return self
end

function diagnostics:start()
  if not self.look then return end
  self.past:start()
  self.look:start()
end

function diagnostics:stop()
  if self.look then
    self.look:stop()
    self.word:stop()
    self.past:stop()
  end
  self.checks:stop()
end

--- Another policy is in force.
function diagnostics:apply()
  if self.look then self.look:apply() end
end

--- The time is another one now.
function diagnostics:new_time()
  if self.word then self.word:new_time() end
end

--- What is bounded here, as bounded.lua's rows.
function diagnostics:bounds()
  local rows = self.others:bounds()
  return self.past and table.move(self.past:bounds(), 1, 2, #rows + 1, rows) or rows
end

return diagnostics
