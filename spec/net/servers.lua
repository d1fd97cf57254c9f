-- servers.lua - real servers for specs: where their programs are, started, ended. Knows no server's settings.
--
-- A server runs on a host of a world (namespaces.lua), or, without one, on this machine at 127.0.0.1 and a port that
-- nobody has, where specs without a network of their own reach it.
local folder = require "spec.folder"
local loopback = require "spec.loopback"
local patience = require "spec.patience"

local servers = {}

local place -- of the programs; false: there are none

--- The folder of the programs, as Debian lays them out | nil: they cannot be had here
function servers.place()
  if place == nil then
    local pipe = io.popen "spec/net/servers.sh"
    place = pipe:read "l" or false
    pipe:close()
  end
  return place or nil
end

--- The command that runs program NAME, one of usr/sbin or usr/bin; nil where it cannot be had.
function servers.program(name)
  local root = servers.place()
  for _, where in ipairs { "sbin", "bin" } do
    local path = root and ("%s/usr/%s/%s"):format(root, where, name)
    local file = path and io.open(path)
    if file then
      file:close()
      return ("env LD_LIBRARY_PATH=%s/usr/lib/$(uname -m)-linux-gnu:%s/lib/$(uname -m)-linux-gnu %s"):format(root, root,
        path)
    end
  end
end

--- A TCP port of 127.0.0.1 that nobody has now.
servers.free_port = loopback.free_port

-- World:spawn for this machine itself.
local function spawn(command)
  local path = os.tmpname()
  os.execute(("( exec %s >%s 2>&1 </dev/null & echo $! >%s.pid )"):format(command, path, path))
  local process = { pid = math.tointeger(tonumber(folder.read(path .. ".pid"))) }
  os.remove(path .. ".pid")
  function process.output() return folder.read(path) or "" end
  function process.alive()
    local stat = folder.read(("/proc/%d/stat"):format(process.pid))
    return stat ~= nil and stat:match "^.*%) (%a)" ~= "Z"
  end
  function process.stop(signal)
    if process.alive() then os.execute(("kill -%s %d 2>/dev/null"):format(signal or "TERM", process.pid)) end
  end
  function process.remove() os.remove(path) end
  return process
end

-- /proc/net/tcp of the process: does it listen at PORT? Asked there, a server sees no connection of ours.
local function listens(pid, port)
  local wanted = (":%04X 0+:0000 0A "):format(port)
  for _, family in ipairs { "tcp", "tcp6" } do
    if (folder.read(("/proc/%d/net/%s"):format(pid, family)) or ""):find(wanted) then return true end
  end
  return false
end

--- Starts a server, and waits until it listens.
---   world, host  where, or nil: on this machine
---   command      what is run; port: at which it then listens; before: words that stand before it, or nil
---   files        { name = text } that are written into its folder first; in them and in COMMAND %s is that folder
--- → { address, port, folder, output() what it printed, alive(), stop([signal]) waits for its end, start() again,
---     remove() ends it and takes its folder away }
function servers.start(given)
  local made = folder.new()
  local one = { address = given.world and given.world:address(given.host) or "127.0.0.1", port = given.port,
    folder = made.path }
  local process
  os.execute(("chmod 755 '%s'"):format(made.path))
  for name, text in pairs(given.files or {}) do -- any order
    folder.write(made.path .. "/" .. name, (text:gsub("%%s", made.path)))
  end
  function one.output() return process.output() end
  function one.alive() return process.alive() end
  function one.stop(signal)
    process.stop(signal)
    return patience.within(5, function() return not process.alive() end) ~= nil
  end
  function one.start()
    local command = (given.before and given.before .. " " or "") .. given.command:gsub("%%s", made.path)
    if process and process.remove then process.remove() end
    process = given.world and given.world:spawn(given.host, command) or spawn(command)
    one.pid = process.pid
    local up = patience.within(5, function() return not process.alive() or listens(process.pid, one.port) end)
    if up and process.alive() then return one end
    local said = process.output()
    one.remove()
    error(("a server did not start: %s\n%s"):format(command, said))
  end
  function one.remove()
    if not one.stop() then one.stop "KILL" end
    if process.remove then process.remove() end
    made.remove()
  end
  return one.start()
end

return servers
