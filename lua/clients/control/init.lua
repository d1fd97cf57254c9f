-- control - the daemon's Unix socket: who may speak, and how many. It answers nothing itself.
local export = require "clients.control.export"
local kept = require "kept"
local last_seen = require "clients.control.last_seen"
local paths = require "paths"
local client = require "clients.control.client"
local slices = require "slices"
local malformed = require "clients.control.malformed"
local names = require "clients.control.names"
local offer = require "clients.control.offer"
local repl = require "clients.control.repl"
local requests = require "clients.control.requests"
local watch = require "clients.control.watch"
local reasons = require "clients.control.why"

local control = { name = "control", needs = { "net", "socket" }, vital = true }
control.__index = control

local CLIENTS <const> = 32
local CONVERSATIONS_MAX <const>, OF_ONE_MAX <const> = 16, 12 -- that go on at one time: in all, and of one user
local TURNED_AWAY <const> = 8 -- clients beyond those, just long enough to be told so
local LAST <const> = "last" -- file in the state folder that outlives the daemon

--- A control socket, not yet open.
--- options.loop, net (core.net), disk, log
--- options.path        of the socket
--- options.uid         of this process: only it and 0 may speak
--- options.state       folder where "last seen" is kept, or nil
--- options.command     the options that start this daemon again, or nil
--- options.answer      fn(request, reply): answers it now or later (conversation.lua)
--- options.clients     most at one time
--- options.conversations, own_conversations  most at one time, and most of one user
function control.new(options)
  return setmetatable({
    loop = options.loop, net = options.net, disk = options.disk, log = options.log,
    path = options.path, uid = options.uid, state = options.state, command = options.command, answer = options.answer,
    slices = slices.new(options.loop),
    most = options.clients or CLIENTS, limits = options.limits,
    most_conversations = options.conversations or CONVERSATIONS_MAX,
    most_of_one = options.own_conversations or OF_ONE_MAX,
    clients = {}, count = 0, asked = 0, refused = {}, conversations = 0, by_uid = {},
  }, control)
end

--- The client, as lua/clients/init.lua has it: the socket at node.socket, for the user node.uid and root.
function control.open(handle)
  local node = handle.node
  local self = control.new { loop = handle.loop, net = node.net, disk = node.disk, log = node.log, path = node.socket,
    uid = node.uid, state = node.state, command = node.command,
    answer = function(request, reply) node.commands:run(request, reply) end }
  self.malformed = malformed.new { loop = handle.loop, dcache = node.dcache }
  requests(handle, self.malformed)
  names(handle)
  export(handle)
  offer(handle)
  repl(handle)
  watch(handle)
  reasons.register(handle, self)
  local ok, text, code = self:listen()
  if not ok then return nil, text, code end
  return self
end

function control:start() self.malformed:start() end

--- Counts a refusal by its word.
function control:refuse(code)
  self.refused[code] = (self.refused[code] or 0) + 1
end

-- What stands here when the daemon is down, for the command line (lua/clients/control/last_seen.lua).
function control:remember(how)
  local data = self.state and last_seen.data(how, self.loop:wall(), self.path, self.command)
  if not data then return end
  local function put(folder, name)
    return kept.new_firm { disk = self.disk, log = self.log, dir = folder, name = name }:put(data)
  end
  local ok, message = put(self.state, LAST)
  if not ok then self.log:warn("control", "cannot say where it was last seen", { reason = message }) end
  local folder, name = last_seen.beside(self.path)
  if folder and folder ~= self.state then put(folder, name) end
end

-- Why the path could not be had, in words that help.
local function occupied(self)
  local found = self.disk:stat(self.path)
  if found and found.kind ~= "other" and found.kind ~= "socket" then
    return nil, "EEXIST: " .. self.path .. " is there and is no socket; name another with --socket", "EEXIST"
  end
  return nil, "EADDRINUSE: " .. self.path .. " is in use: another daemon answers there; name another with --socket",
    "EADDRINUSE"
end

-- Where its folder cannot be made or written: which, and what helps.
local function no_place(self, message, code)
  local folder, why = self.path:match "^(.*)/[^/]*$" or ".", message:match ": ([^:]*)$" or message
  return nil, ("%s: the control socket cannot be made in %s: %s. Name another place with --socket PATH, or set "
    .. "XDG_RUNTIME_DIR to a folder of your own"):format(code, folder, why), code
end

--- Opens the socket (mode 0600); one that a dead daemon left is replaced. True, or nil, text, code.
function control:listen()
  local fits, message, code = paths.socket_fits(self.path)
  if not fits then return nil, message, code end
  self.disk:mkdir(self.path:match("^(.*)/[^/]*$") or ".")
  self.listener, message, code = self.net.unix_listen(self.path)
  if code == "EADDRINUSE" then return occupied(self) end
  if not self.listener then return no_place(self, message, code) end
  self.watch = self.loop:watch(self.listener:fd(), "r", function() self:accept() end)
  self:remember "running"
  return true
end

local function admit(self, uid)
  if uid ~= self.uid and uid ~= 0 then return nil, "permission", "this socket is its owner's and root's" end
  if self.count >= self.most then return nil, "full", "too many clients; close one" end
  return true
end

--- Takes all who wait, at most as many as there is room for in one turn.
function control:accept()
  for _ = 1, self.most do
    local stream = self.listener:accept()
    if not stream then return end
    if self.count >= self.most + TURNED_AWAY then
      self:refuse "full"
      stream:close()
    else
      local uid = stream:credentials()
      local ok, code, text = admit(self, uid)
      local one = client.new(self, stream, uid)
      self.clients[one] = true
      self.count = self.count + 1
      if not ok then one:refuse(code, text) end
    end
  end
end

--- Called by a client when it has gone.
function control:forget(one)
  if not self.clients[one] then return end
  self.clients[one] = nil
  self.count = self.count - 1
end

--- A conversation of the user UID begins, which has several answers. → true | nil, text, code.
function control:begin_conversation(uid)
  local of_one = self.by_uid[uid] or 0
  if self.conversations >= self.most_conversations or of_one >= self.most_of_one then
    return nil, ("full: %d commands that go on are running, of you %d; end one of them (Ctrl-C where it runs)"):format(
      self.conversations, of_one), "full"
  end
  self.conversations, self.by_uid[uid] = self.conversations + 1, of_one + 1
  return true
end

function control:end_conversation(uid)
  self.conversations = self.conversations - 1
  self.by_uid[uid] = self.by_uid[uid] > 1 and self.by_uid[uid] - 1 or nil
end

--- Plain facts for `status`: clients and conversations now, requests so far, refusals by word.
function control:status()
  return { path = self.path, clients = self.count, conversations = self.conversations, asked = self.asked,
    refused = self.refused }
end

--- Ends all clients, removes the socket, leaves HOW ("stopped cleanly" if nil) behind. Twice is safe.
function control:close(how)
  if not self.listener then return end
  for one in pairs(self.clients) do one:close() end -- any order
  self.watch:close()
  self.listener:close()
  self.listener = nil
  self:remember(how or "stopped cleanly")
end

function control:stop(how)
  if self.malformed then self.malformed:stop() end
  self:close(how)
end

return control
