-- trial_life.lua - a node of nothing but policies and a disk: it starts, reloads, crashes, loses power. No checks.
local atomic_write = require "atomic_write"
local disks = require "core.sim"
local event_ring = require "event_ring"
local json = require "core.json"
local listeners = require "listeners"
local simloop = require "sim.loop"
local source = require "policy.source"
local trial_files = require "trial_files"
local worker = require "worker"

local life = {}
life.__index = life

local BOOT_ID = "/proc/sys/kernel/random/boot_id"
local SHIPPED = "shipped"

local function chain_of(text)
  local name = text:sub(1, 8)
  return { { name = name .. ".lua", path = "/p/" .. name, text = text } }
end

life.SHIPPED = source.hash(chain_of(SHIPPED))

-- A policy of one text; its hash is how that begins, but that of the shipped one is the real one. Its swarm stands
-- behind a @.
local function policy_of(chain)
  local text = chain[1].text
  return { hash = text == SHIPPED and life.SHIPPED or text:sub(1, 8), name = chain[1].name, chain = chain,
    get = function() return text:match "@(.*)" or "swarm" end, close = function() end }
end

local function files(self)
  local one = {}
  function one.read_shipped() return chain_of(SHIPPED) end
  function one.load(_, chain)
    if self.unfit[chain[1].text] then return nil, { "refused" } end
    return policy_of(chain)
  end
  function one.fallback(_, swarm)
    self.fallen_swarm = swarm
    local policy = policy_of(chain_of(SHIPPED))
    if swarm then policy.get = function() return swarm end end
    return policy
  end
  return one
end

--- A new machine. FILE: the text of the policy's file, which is its name here; nil: it is broken.
function life.new(file, seed)
  local self = setmetatable({ disk = disks.memory(seed or 1), file = file, boot = 1, process = 0, time = 0, unfit = {},
    events = {} }, life)
  assert(self.disk:mkdir "/state")
  assert(self.disk:sync_directory "/")
  return self
end

local function proc(self)
  local machine = disks.memory(9) -- what the kernel says is no part of the disk
  for _, path in ipairs { "/proc", "/proc/self", "/proc/sys", "/proc/sys/kernel", "/proc/sys/kernel/random" } do
    assert(machine:mkdir(path))
  end
  assert(machine:replace(BOOT_ID, ("b00%d\n"):format(self.boot)))
  local fields = {}
  for i = 1, 30 do fields[i] = i == 20 and 1000 + self.process or 0 end
  assert(machine:replace("/proc/self/stat", ("77 (dt) (swarm) %s\n"):format(table.concat(fields, " "))))
  return machine
end

-- The disk, and beside it what the kernel says.
local function disk_of(self)
  local machine, disk = proc(self), self.disk
  return setmetatable({}, { __index = function(_, name)
    if name == "read" then
      return function(_, path, ...)
        if path:find "^/proc" then return machine:read(path, ...) end
        return disk:read(path, ...)
      end
    end
    if name == "replace" and self.is_broken then
      return function() return nil, "EIO: Input/output error", "EIO" end
    end
    local fn = disk[name]
    return type(fn) == "function" and function(_, ...) return fn(disk, ...) end or fn
  end })
end

local function put_in_force(self, policy)
  self.policy.hash, self.policy.name, self.policy.chain = policy.hash, policy.name, policy.chain
  self.policy.get = policy.get
end

local function node_of(self)
  local node = { events = event_ring.new(), policy = self.policy, hook_failures = listeners.new(),
    atomic_write = atomic_write.new { disk = self.disk, log = self.log,
      start = function() return worker.new { loop = self.loop, inline = true } end } }
  node.reload = { put = function(_, load, _, reply)
    local policy, text, code = load(function() end)
    if not policy then return reply(nil, text, code) end
    put_in_force(self, policy)
    reply { policy = policy.name, hash = policy.hash }
  end }
  local reader
  reader = node.events:reader({ "policy" }, function()
    for event in function() return reader:next() end do self.events[#self.events + 1] = event.event end
  end)
  return node
end

--- Starts it; AGAIN: by the same process. → the text in force
function life:start(again)
  if not again then self.process = self.process + 1 end
  self.said = {}
  self.loop = simloop.new()
  self.loop:run_until(self.time)
  local function say(_, _, what, facts) self.said[#self.said + 1] = what .. " " .. tostring(facts) end
  self.log = { error = say, warn = say, info = say, debug = say }
  local found = assert(trial_files.open { disk = disk_of(self), log = self.log, loop = self.loop,
    date = function() return "D" end, dir = "/state", files = files(self),
    policy = self.file and policy_of(chain_of(self.file)) })
  self.trial, self.policy, self.refusal = found.trial, found.policy, found.refusal
  self.node = node_of(self)
  self.trial:join(self.node)
  self.trial:start(found.failed, found.why)
  return self:in_force()
end

--- The text in force (how it begins).
function life:in_force() return self.policy.hash == life.SHIPPED and SHIPPED or self.policy.hash end

--- Lets time pass, in ms.
function life:wait(ms)
  self.loop:run_until(self.loop:now() + ms)
  self.time = self.loop:now()
end

--- What a reload of TEXT does; HOW as in trial:begin; MEANWHILE() is called while the disk is busy with it.
-- → true | nil, text, code; nothing where the disk does not answer
function life:reload(text, how, meanwhile)
  local policy, answer = policy_of(chain_of(text)), {}
  self.file = text
  self.trial:begin(policy, how or {}, function(...)
    answer = { ... }
    if answer[1] and not (how and how.restart) then put_in_force(self, policy) end
  end)
  if meanwhile then meanwhile() end
  self:wait(5)
  return table.unpack(answer)
end

local function asks(name)
  return function(self, who)
    local answer = {}
    self.trial[name](self.trial, who or { uid = 0, since = self.loop:now() + 1 }, function(...) answer = { ... } end)
    self:wait(5)
    return table.unpack(answer)
  end
end

life.confirm, life.rollback = asks "confirm", asks "rollback"

--- N errors of hooks.
function life:fail(n)
  for _ = 1, n do self.node.hook_failures:call("clients.logs.share", "my.lua:3: boom") end
  self:wait(5)
end

--- The node is gone at once; → the text in force at its next start.
function life:crash()
  self.time = self.time + 1
  return self:start()
end

--- The power goes with it. SEED: of what the disk had not synced.
function life:cut(seed)
  self.disk = self.disk:crash(seed or 1)
  self.boot, self.time = self.boot + 1, 0
  return self:start()
end

--- Somebody stops it; → the text in force at its next start.
function life:stop()
  self.node.atomic_write:close()
  self.trial:stop(true)
  return self:start()
end

--- What is kept, as the next start reads it, or nil.
function life:kept()
  local line = self.disk:read "/state/policy"
  return line and json.decode((line:gsub("\n$", ""))).data
end

return life
