-- kit.lua - a logs client on the real loop, disk, inotify and worker, what it says recorded. No checks.
local disk = require "core.disk"
local logs = require "clients.logs"
local loop = require "loop"
local uv = require "luv"
local atomic_write = require "atomic_write"
local worker = require "worker"

local kit = {}
local Kit = {}
Kit.__index = Kit

local SETTINGS = {
  ["clients.logs.settle"] = { least = 0.15, per = 32 * 1024 * 1024, most = 1 },
  ["clients.logs.private"] = { ".*", "*.key", "id_rsa*" },
  ["clients.logs.permission"] = false,
}

function kit.new()
  local root = assert(uv.fs_mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/logs-XXXXXX"))
  local self = setmetatable({ root = root, share = root .. "/share", said = {}, served = {}, lines = {},
    own = {}, answer = "lab", errors = {}, settings = {}, wall = 1800000000000 }, Kit)
  for name, value in pairs(SETTINGS) do self.settings[name] = value end
  assert(uv.fs_mkdir(self.share, 493))
  return self
end

local function log_of(self)
  local log = {}
  for _, level in ipairs { "debug", "info", "warn", "error" } do
    log[level] = function(_, layer, what) self.lines[#self.lines + 1] = layer .. " " .. what end
  end
  function log.once(_, _, level, layer, what) log[level](nil, layer, what) end
  return log
end

-- What dcache would hold: one word a CID.
local function publish(self, verb, bucket, key, data, ttl)
  if self.broken then return nil, "disk: full", "disk" end
  self.said[#self.said + 1] = { verb = verb, bucket = bucket, key = key, data = data, ttl = ttl }
  self.own[key] = { verb = verb, key = key, data = data, mine = true, at = self.wall,
    valid_until = self.wall // 1000 + ttl }
  return true
end

function Kit:start()
  self.loop = loop.new { on_error = function(text) self.errors[#self.errors + 1] = text end }
  self.worker, self.disk = assert(worker.new { loop = self.loop }), disk.real()
  self.logs = logs.new {
    loop = self.loop, log = log_of(self), disk = self.disk, worker = self.worker, folder = self.share,
    atomic_write = atomic_write.new { disk = self.disk, log = log_of(self),
      start = function() return worker.new { loop = self.loop } end },
    start = function() return worker.new { loop = self.loop } end,
    state = self.root .. "/state", permission = self.permission, ttl = self.ttl,
    here = function() return { id = "x", permission = { stats = true } } end,
    time = { now = function() return self.wall end },
    policy = {
      get = function(_, path) return self.settings[path] end,
      explain = function(_, path, file, here)
        assert(path == "clients.logs.share")
        self.asked = { file = file, here = here }
        if type(self.answer) == "function" then return self.answer(file, here) end
        return self.answer, "so says the spec"
      end,
    },
    publish = function(...) return publish(self, ...) end,
    statements = function()
      local list = {}
      for _, record in pairs(self.own) do list[#list + 1] = record end
      return list
    end,
    serve = function(cid, folder, name, identity, leaves)
      self.served[cid] = { folder = folder, name = name, identity = identity, leaves = leaves }
      return true
    end,
    withdraw = function(cid) self.served[cid] = nil end,
    when_synced = self.when_synced, mount = self.mount, inotify = self.inotify,
  }
  if self.safe_open then self.logs.watch.safe_open = self.safe_open end
  self.logs:start()
end

function Kit:stop()
  if not self.loop then return end
  self.logs:stop()
  self.worker:close()
  self.loop:close()
  self.loop = nil
end

function Kit:close()
  self:stop()
  os.execute("rm -rf " .. self.root)
  assert(#self.errors == 0, self.errors[1])
end

-- Runs the loop until test() is true; false after MS (30 s, for a busy machine).
function Kit:wait(test, ms)
  local ok, timers = false, {}
  timers[1] = self.loop:every(5, function()
    ok = test()
    if ok then self.loop:stop() end
  end)
  timers[2] = self.loop:after(ms or 30000, function() self.loop:stop() end)
  self.loop:run()
  for _, timer in ipairs(timers) do timer:cancel() end
  return ok
end

function Kit:run(ms)
  self:wait(function() return false end, ms)
end

function Kit:file(name)
  for _, file in ipairs(self.logs:files()) do
    if file.name == name then return file end
  end
end

function Kit:reaches(name, state, ms)
  return self:wait(function()
    local file = self:file(name)
    return file and file.state == state
  end, ms)
end

function Kit:write(name, bytes, mode)
  local file = assert(io.open(self.share .. "/" .. name, mode or "wb"))
  file:write(bytes)
  file:close()
end

function Kit:sh(command)
  assert(os.execute("cd " .. self.share .. " && " .. command))
end

-- What was said about a file's CID, as "propose dismiss …".
function Kit:verbs()
  local verbs = {}
  for i, word in ipairs(self.said) do verbs[i] = word.verb end
  return table.concat(verbs, " ")
end

return kit
