-- clients - what a node does beyond speaking with others: which clients there are, and their life. No client's inside.
--
-- A client is one module: a file, or a folder's init.lua, with
--   name                      what it is called; node[name] is the client while it runs
--   needs                     parts that a node must have for it (an array of names, or fn(node) → boolean), else it
--                             is left out
--   vital                     true: without it the node does not start
--   open(handle) → client     makes it and asks for all that it listens to through the handle (handle.lua)
--                             | nil, text, code: it cannot be here
-- and the client may have the methods start(), stop(how), apply(policy): the policy is another one now, leave(done):
-- the node says to others that it goes, and new_time(), say_again(), put_right() (lua/republish.lua).
-- To add a client is to add it to this list, in the order of their start.
local handle = require "clients.handle"

local clients = {}
clients.__index = clients

local LIST <const> = {
  "clients.leases",
  "clients.membership",
  "clients.discovery",
  "clients.diagnostics",
  "clients.kubos",
  "clients.ping",
  "clients.routes",
  "clients.doctor",
  "clients.statistics",
  "clients.logs.withdraw",
  "clients.streams",
  "clients.logs",
  "clients.logs.pausing",
  "clients.logs.kubo",
  "clients.logs.replication",
  "clients.logs.stores",
  "clients.trust",
  "clients.updates",
  "clients.remote",
  "clients.control",
  "clients.web",
}

--- The clients of NODE, not yet open. MODULES: names to require, those above unless given.
function clients.new(node, modules)
  local self = setmetatable({ node = node, list = {} }, clients)
  for i, path in ipairs(modules or LIST) do self.list[i] = { path = path } end
  return self
end

-- The first line, without the path: what people read of a fault.
local function reason_of(fault) return (tostring(fault):match "^[^\n]*":gsub("^%S*/(lua/)", "%1")) end

local function log_fault(self, one, what, fault)
  self.node.log:error("clients", what, { { "client", one.name or one.path }, { "why", fault } })
end

-- Calls METHOD of the client ONE, if it has it. → true, what it gave | false, the fault.
local function call(one, method, ...)
  if not one.client[method] then return true end
  return xpcall(one.client[method], debug.traceback, one.client, ...)
end

local function close(self, one, how)
  local ok, fault = true, nil
  if one.client then ok, fault = call(one, "stop", how) end
  if not ok then log_fault(self, one, "does not stop as it should", fault) end
  if one.handle then one.handle:close(function(why) log_fault(self, one, "leaves something behind", why) end) end
  one.client, one.handle, one.runs = nil, nil, nil
end

-- The node runs without it, and says so.
local function fail(self, one, fault)
  log_fault(self, one, "does not run", fault)
  one.name = one.name or one.path
  close(self, one)
  one.fault, one.since = reason_of(fault), self.node.loop:now()
end

local function has_all(node, names)
  if type(names) == "function" then return names(node) end
  for _, name in ipairs(names or {}) do
    if not node[name] then return false end
  end
  return true
end

-- Has MODULE make the client, which the node then has by its name. → the client | nil, text, code; may throw.
local function make(self, one, module)
  one.handle = handle.new(self.node, module.name)
  local client, text, code = module.open(one.handle)
  if client then one.handle:provide(module.name, client) end
  return client, text, code
end

-- → true where it is open, left out, or failed though the node can do without | false, text, code.
local function open(self, one)
  local known, module = xpcall(require, debug.traceback, one.path)
  if not known then
    fail(self, one, module)
    return true
  end
  one.name = module.name
  if not has_all(self.node, module.needs) then return true end
  local ok, client, text, code = xpcall(make, debug.traceback, self, one, module)
  if not ok then client, text, code = nil, client, "closed" end
  one.client, one.fault = client, nil
  if client then return true end
  if not module.vital then
    fail(self, one, text)
    return true
  end
  close(self, one)
  return false, text, code
end

local function start(self, one)
  if not one.client or one.runs then return end
  local ok, fault = call(one, "start")
  if ok then one.runs = true else fail(self, one, fault) end
end

--- Opens those that are not open and whose parts are there. → true | nil, text, code: a vital one cannot be here.
function clients:open()
  for _, one in ipairs(self.list) do
    if not one.client and not one.fault then
      local ok, text, code = open(self, one)
      if not ok then return nil, text, code end
    end
  end
  return true
end

--- All that are open begin.
function clients:start()
  self.started = true
  for _, one in ipairs(self.list) do start(self, one) end
end

--- Calls METHOD of each client that has it.
function clients:each(method, ...)
  for _, one in ipairs(self.list) do
    local ok, fault = true, nil
    if one.client then ok, fault = call(one, method, ...) end
    if not ok then log_fault(self, one, "failed at " .. method, fault) end
  end
end

--- POLICY is in force from here on; those that failed are tried again. CHANGED: the paths of settings and hooks that
-- are others, as a set; nil: any may be.
function clients:apply(policy, changed)
  self:each("apply", policy, changed)
  for _, one in ipairs(self.list) do
    if one.fault then
      open(self, one)
      if self.started then start(self, one) end
    end
  end
end

--- Lets all say to others that this node goes; DONE() when each has, or at once.
function clients:leave(done)
  local left = 1
  local function one_left()
    left = left - 1
    if left == 0 then done() end
  end
  for _, one in ipairs(self.list) do
    if one.client and one.client.leave then
      left = left + 1
      local ok, fault = call(one, "leave", one_left)
      if not ok then
        log_fault(self, one, "failed at leave", fault)
        one_left()
      end
    end
  end
  one_left()
end

--- Those that do not run because they failed: { name =, text = why, since = loop's ms } each.
function clients:failed()
  local list = {}
  for _, one in ipairs(self.list) do
    if one.fault then list[#list + 1] = { name = one.name, text = one.fault, since = one.since } end
  end
  return list
end

--- Ends all, the last first. HOW: what the command line says of this node when it is gone; nil: stopped cleanly.
function clients:stop(how)
  for i = #self.list, 1, -1 do close(self, self.list[i], how) end
end

return clients
