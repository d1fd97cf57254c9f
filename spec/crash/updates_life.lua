-- updates_life.lua - a robot whose power goes while it is updated: its state file, its machine, its kinds, its policy
-- on trial, on one disk in memory. No checks.
local atomic_write = require "atomic_write"
local backoff = require "backoff"
local disks = require "core.sim"
local event_ring = require "event_ring"
local files = require "clients.updates.kinds.files"
local kept = require "kept"
local listeners = require "listeners"
local machine = require "clients.updates.machine"
local policy = require "clients.updates.kinds.policy"
local policies = require "policy"
local policy_files = require "policy_files"
local programs = require "spec.crash.programs"
local reload = require "reload"
local saved = require "clients.updates.saved"
local simloop = require "sim.loop"
local source = require "policy.source"
local trial_files = require "trial_files"
local worker = require "worker"

local life = {}
life.__index = life

local DATE <const> = function() return "D" end
local SILENT <const> = { error = function() end, warn = function() end, info = function() end, once = function() end }
life.FLEET, life.MARK = "/state/policies/fleet.lua", ".dt-swarm-release"

-- == a policy that is read for real and asked nothing: its texts say which one it is

local real

local function policy_of(chain)
  real = real or assert(policies.load("policies/duckiebot.lua", { shipped = "policies" }))
  return { hash = source.hash(chain), name = chain[1].name, file = chain[1].path, chain = chain, prints = {},
    get = function(_, path) return real:get(path) end, where = function(_, path) return real:where(path) end,
    origin = function() return "here" end, close = function() end }
end

local function files_of(self)
  local d = self.disk
  local named = self.options.unnamed and "/etc/none.lua" or "/etc/policy.lua"
  local one = policy_files.new { path = not self.options.unnamed and named or nil,
    search = { named, life.FLEET, "/shipped/duckiebot.lua" }, shipped = "/shipped", fleet = life.FLEET,
    read_file = function(path)
      local text, why, code = d:read(path, 65536)
      return text, why, code == "ENOENT" and "missing" or "disk"
    end }
  one.load = function(_, chain)
    for _, row in ipairs(chain) do
      if row.text:find "broken" then return nil, { row.name .. ":1: broken" } end
    end
    return policy_of(chain)
  end
  return one
end

-- The disk, and beside it what the kernel says of this process.
local function disk_of(self)
  local said = { ["/proc/sys/kernel/random/boot_id"] = ("b00%d\n"):format(self.boot),
    ["/proc/self/stat"] = "77 (dt) " .. ("%d "):format(1000 + self.process):rep(30) .. "\n" }
  return setmetatable({ read = function(_, path, ...)
    if said[path] then return said[path] end
    return self.disk:read(path, ...)
  end }, { __index = function(_, name) return function(_, ...) return self.disk[name](self.disk, ...) end end })
end

local function put_in_force(now, new)
  for _, name in ipairs { "hash", "name", "file", "chain" } do now[name] = new[name] end
  return true
end

local function start_policy(self, node)
  local own = files_of(self)
  local chain, lines = own:read()
  local found, why = trial_files.open { disk = disk_of(self), log = SILENT, loop = self.loop, date = DATE,
    dir = "/state", files = own, policy = chain and policy_of(chain), faults = lines }
  if not found then return self:is_off() or error(table.concat(why, "\n")) end
  node.policy, node.trial = found.policy, found.trial
  node.apply = function(_, new) return put_in_force(node.policy, new) end
  found.trial:join(node)
  node.reload = reload.new { node = node, files = own, trial = found.trial, fixed = {},
    unfit = function() return {} end, restart = function() error "nothing needs a restart" end }
  found.trial:start(found.failed, found.why)
end

-- == the robot

--- A new machine. OPTIONS:
---   kind       "files" or "policy"
---   job        as machine:begin takes it
---   put        { [path] = content }: what its disk has at first, synced
---   state      what STATE/updates/state has at first
---   sick       is it without health from the update on?
---   no_exchange  does its file system know none?
---   unnamed    did its operator name no policy?
---   check      fn(life, state): called at each word that it says
function life.new(options, seed)
  local self = setmetatable({ options = options, disk = disks.memory(seed), said = {} }, life)
  self.boot, self.process, self.time = 1, 0, 0
  for _, folder in ipairs { "/state/updates", "/state/policies", "/etc", "/shipped", "/data" } do
    assert(self.disk:mkdir(folder))
  end
  for path, content in pairs(options.put) do -- any order
    assert(self.disk:mkdir(path:match "^(.*)/"))
    if content then assert(self.disk:replace(path, content)) end
  end
  assert(self.disk:replace("/state/updates/state", kept.encode(options.state), 384))
  return self
end

-- The disk as the kinds find it.
local function kinds_disk(self)
  if not self.options.no_exchange then return self.disk end
  return setmetatable({ exchange = function() return nil, "ENOSYS: unknown here", "ENOSYS" end },
    { __index = function(_, name) return function(_, ...) return self.disk[name](self.disk, ...) end end })
end

local function kind_of(self, node)
  local given = { node = node, loop = self.loop, disk = kinds_disk(self), log = SILENT, date = DATE, uid = 0,
    dir = "/state",
    atomic_write = node.atomic_write, spawn = programs.on(self.disk, self.loop),
    folders = function() return { demos = { path = "/data/demos" } } end,
    path_of = function() return "/state/payload" end }
  return self.options.kind == "files" and files.new(given) or policy.new(given)
end

local function say(self, status, told)
  if self:is_off() then return self.loop:post(function() told(nil, "disk") end) end
  if status.state ~= self.said[#self.said] then self.said[#self.said + 1] = status.state end
  self.options.check(self, status.state)
  self.loop:post(function() told(true) end)
end

local function healthy(self) return not self.options.sick, self.options.sick and "sick" or nil end

local function new_machine(self, kind)
  return machine.new { loop = self.loop, log = SILENT, saved = self.saved,
    kinds = function() return function(verb, job, done) kind:run(verb, job, done) end end,
    say = function(_, status, told) say(self, status, told) end, checks = function() return { failed = 0 } end,
    healthy = function() return healthy(self) end, slow = function() return backoff.slow() end,
    ended = function() end }
end

-- Stages it and begins, as a robot whose turn it is.
local function begin(self, kind)
  kind:run("stage", self.options.job, function(answer)
    if answer ~= "ok" then return self.loop:after(60000, function() begin(self, kind) end) end
    self.machine:begin(self.options.job, function(ok)
      if not ok then self.loop:after(60000, function() begin(self, kind) end) end
    end)
  end)
end

--- It starts: by another boot, unless CRASHED: then it is another process of the same one.
function life:start(crashed)
  self.process = self.process + 1
  if not crashed then self.boot = self.boot + 1 end
  self.loop = simloop.new()
  self.loop.time = self.time
  local writer = atomic_write.new { disk = self.disk, log = SILENT,
    start = function() return worker.new { loop = self.loop, inline = true } end }
  local node = { loop = self.loop, log = SILENT, disk = self.disk, date = DATE, state = "/state", atomic_write = writer,
    events = event_ring.new(), hook_failures = listeners.new() }
  self.node = node
  if self.options.kind == "policy" then start_policy(self, node) end
  if self:is_off() then return end
  self.saved = saved.new(kept.new_firm { disk = self.disk, log = SILENT, dir = "/state/updates", name = "state",
    date = DATE, atomic_write = writer })
  local kind = kind_of(self, node)
  self.kind, self.machine = kind, new_machine(self, kind)
  if self.machine:now() then return self.machine:start() end
  if not self:state() then begin(self, kind) end
end

--- How the run stands in the state file | nil
function life:state() return (self.saved.data.runs[self.options.job.run] or {}).state end

function life:is_off() return self.disk:stat "/state" == nil end

--- Runs until the update is over, the power is off, or MS are over. → is it over?
function life:run(ms)
  local till = self.loop:now() + ms
  if self:is_off() then return false end
  local function is_over() return self:state() and not self.machine:now() end
  while self.loop:now() < till and not self:is_off() and not is_over() do
    self.loop:run_until(self.loop:now() + 5000)
  end
  self.time = self.loop:now()
  return is_over() or false
end

--- The power goes; SEED: what of the unsynced is left.
function life:crash(seed)
  if self.machine then self.machine:stop() end
  self.disk = self.disk:crash(seed)
end

return life
