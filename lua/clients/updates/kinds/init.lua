-- init.lua - who does what a release of some kind says: `policy` and `files` here, else the handler that the operator
-- installed. Does nothing itself.
local files = require "clients.updates.kinds.files"
local handler = require "clients.updates.kinds.handler"
local policy = require "clients.updates.kinds.policy"
local update_folders = require "update_folders"

local kinds = {}
kinds.__index = kinds

--- given.node     the node
--- given.loop     the event loop of the client (lua/clients/handle.lua)
--- given.spawn    fn(options) → child (lua/child_process.lua) | nil, text; nil: that of the node's loop
--- given.path_of  fn(cid) → absolute path of its file | nil
--- → kinds, called with a kind's name: its verbs, fn(verb, job, done("ok" | "later" | "no", why)) | nil, text, word.
---   Each of `check stage apply verify commit rollback` may be repeated from any point. JOB: what stands in `now` of
---   STATE/updates/state (clients/updates/machine.lua); and path, unpacked, limit.
function kinds.new(given)
  local node = given.node
  local function setting(name) return node.policy:get("clients.updates." .. name) end
  local common = { node = node, loop = given.loop, disk = node.disk, log = node.log, date = node.date, uid = node.uid,
    atomic_write = node.atomic_write, dir = node.state, path_of = given.path_of,
    space = function(path) return node.space and node.space(path) end,
    spawn = given.spawn or function(options) return node.loop:spawn(options) end,
    folders = function() return setting "folders" end, folder = function() return setting "handlers" end }
  for _, line in ipairs(update_folders.warnings(node.policy)) do node.log:warn("updates", "folder", line) end
  return setmetatable({ handlers = handler.new(common),
    own = { files = files.new(common), policy = policy.new(common) } }, kinds)
end

function kinds:__call(kind)
  local one = self.own[kind]
  if not one then return self.handlers(kind) end
  return function(verb, job, done) one:run(verb, job, done) end
end

--- Is a handler still at work that others started, such as an earlier daemon?
function kinds:is_busy() return self.handlers:is_busy() end

--- Nothing is told any more; handlers go on, what else runs ends.
function kinds:stop()
  self.handlers:stop()
  for _, name in ipairs { "files", "policy" } do self.own[name]:stop() end
end

return kinds
