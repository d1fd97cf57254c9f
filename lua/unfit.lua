-- unfit.lua - what of a changed policy cannot apply on this machine: taken ports, unusable folders. Changes nothing.
local block_form = require "policy.block_form"
local listener = require "dcache.content.listener"
local preflight = require "preflight"

local unfit = {}

local PROBE = ".dt-swarm-probe" -- a file that is made and removed at once, to learn whether a folder can be written

-- Can something listen at HOST and PORT? OWN: a port that is ours already. → nil | why not, code
local function port_fault(net, host, port, own)
  local socket, err, code = net.listen { host = host, port = port == own and 0 or port }
  if not socket then return err, code end
  socket:close()
end

local function writable_fault(disk, folder)
  local file, err, code = disk:open(folder .. "/" .. PROBE, "new")
  if file then file:close() end
  if file or code == "EEXIST" then disk:unlink(folder .. "/" .. PROBE) end
  return not file and code ~= "EEXIST" and err or nil
end

-- FOLDER must be one that can be read, or there must be a place where it can be made.
local function folder_fault(disk, folder)
  local names, err, code = disk:list(folder)
  if names then return nil end
  if code ~= "ENOENT" then return err end
  local above = folder
  repeat above = above:match "^(.*)/[^/]*$" or "" until above == "" or disk:stat(above .. "/.")
  return writable_fault(disk, above)
end

--- Does routing.block of POLICY name this node? GIVEN: net, id. → why that cannot be, the number of the entry | nil
function unfit.shuts_itself_out(given, policy)
  for i, text in ipairs(policy:get "routing.block") do
    local kind, what = block_form.read(text)
    local host = kind == "address" and what:match "^/ip[46]/([^/]+)"
    if what == given.id or host and given.net.is_own(host) then
      return ("%s is this node itself%s: take it out, or write it in the others' policies"):format(text,
        host and "'s machine" or ""), i
    end
  end
end

local CHECKS = {
  ["routing.block"] = function(given, policy)
    return (unfit.shuts_itself_out({ net = given.net, id = given.node.id }, policy))
  end,
  ["clients.logs.gateway"] = function(given, policy)
    local wanted = policy:get "clients.logs.gateway"
    if not wanted then return nil end
    local host, port = preflight.gateway(wanted)
    local _, own = given.node.ports()
    local err, code = port_fault(given.net, host, port, own)
    if code == "EADDRINUSE" and port == listener.DEFAULT_PORT then return nil end -- another one is taken then
    return err
  end,
  ["clients.logs.folder"] = function(given, policy)
    local folder, err = given.share_of(policy)
    return folder and folder_fault(given.disk, folder) or err
  end,
}

local function without_word(text) return (text:gsub("^E[A-Z0-9]+: ", "")) end

--- GIVEN: net (core.net), disk, node, share_of(policy) → folder | nil, text. LIST: the changes of POLICY, of
-- policy/changes.lua. → array of lines FILE:LINE: SETTING: why it cannot apply
function unfit.lines(given, policy, list)
  local lines, trouble = {}, given.node.state_health.trouble
  for _, change in ipairs(list) do
    local check = CHECKS[change.path]
    local why = check and check(given, policy)
    if not why and change.kind == "restart" and trouble then
      why = "the daemon cannot start anew while the state folder fails: " .. trouble.text
    end
    if why then
      lines[#lines + 1] = ("%s:%d: %s: %s"):format(change.file, change.line, change.path, without_word(why))
    end
  end
  return lines
end

return unfit
