-- update_folders.lua - which folders no update may ever replace: what the system and this node stand on. Replaces none.
local board = require "core.board"
local mount = require "core.mount"
local sorted = require "sorted"

local trusted_program = require "trusted_program"

local update_folders = {}

local USERS <const> = 1000 -- user IDs from here on are people's; that of `nobody` is none
local NOBODY <const> = 65534

-- The homes of people and of root, by the system's own list.
local function homes(home)
  local list, file = { home }, io.open "/etc/passwd"
  for line in file and file:lines() or function() end do
    local number, folder = line:match "^[^:]*:[^:]*:(%d+):[^:]*:[^:]*:(/[^:]*)"
    number = tonumber(number)
    if number and (number == 0 or number >= USERS and number ~= NOBODY) then list[#list + 1] = folder end
  end
  if file then file:close() end
  return list
end

-- What has files of the system, or of many programs, beside whatever else lies there.
local SYSTEM <const> = { "/bin", "/boot", "/dev", "/etc/dt-swarm/handlers", "/etc/systemd", "/home", "/lib", "/media",
  "/mnt", "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr/bin", "/usr/include", "/usr/lib",
  "/usr/local/bin", "/usr/local/lib", "/usr/sbin", "/usr/share", "/var/cache", "/var/lib", "/var/log", "/var/tmp" }

local function is_in(path, folder) return (path .. "/"):sub(1, #folder + 1) == folder .. "/" end

-- Own files, by the setting that names where they lie: GIVEN.own.
local function fault_of_own(path, given)
  for _, one in ipairs(given.own) do
    if is_in(path, one.path) or is_in(one.path, path) then
      return ("has %s (%s) in it, or lies in that"):format(one.setting, one.path)
    end
  end
end

-- Why PATH, which is not "/" by its form, cannot be replaced | nil. GIVEN: home, state (paths or nil), own
local function fault(path, given)
  for _, home in ipairs(homes(given.home)) do
    if home ~= "/" and is_in(home, path) then return home == path and "is a home" or "has a home in it" end
  end
  local state = given.state
  if state and (is_in(path, state) or is_in(state, path)) then return "is the state folder, or in it, or above it" end
  local found = mount.of(path)
  if found and found.mounted then return "is where something is mounted" end
  for _, folder in ipairs(SYSTEM) do
    if is_in(folder, path) then return "is the system's" end
  end
  return fault_of_own(path, given)
end

-- The folders of files that POLICY names: array of { setting, path }.
local function own_of(policy, home)
  local list = {}
  for _, setting in ipairs { "clients.logs.folder", "clients.logs.store" } do
    local path = policy:get(setting)
    if path and path:sub(1, 1) == "~" and home then path = home .. path:sub(2) end
    if path and path:sub(1, 1) == "/" then
      list[#list + 1] = { setting = setting, path = (path:gsub("/+", "/"):gsub("(.)/$", "%1")) }
    end
  end
  return list
end

-- What is wrong with the folder of TARGET beside those of the others | nil
local function fault_beside(folders, target)
  local path = folders[target].path
  for _, other in ipairs(sorted.keys(folders)) do
    local its = folders[other].path
    if its == path and other < target then return ("is that of %s, too"):format(other) end
    if its ~= path and is_in(path, its) then return ("lies in that of %s"):format(other) end
  end
end

local function lines_of(policy, look)
  local lines, folders = {}, policy:get "clients.updates.folders"
  local file, line = policy:where "clients.updates.folders"
  for _, target in ipairs(sorted.keys(folders)) do
    local why = look(folders[target], target, folders)
    if why then
      lines[#lines + 1] = ("%s:%d: clients.updates.folders: %s: %s"):format(file, line, target, why)
    end
  end
  return lines
end

--- What is wrong with clients.updates.folders of POLICY on this machine, a line each. FILES: home, and fleet = the
--- policy in the state folder that releases bring.
function update_folders.faults(policy, files)
  local given = { home = files.home, state = files.fleet and files.fleet:match "^(.*)/policies/[^/]*$",
    own = own_of(policy, files.home) }
  return lines_of(policy, function(folder, target, folders)
    local why = fault(folder.path, given) or fault_beside(folders, target)
    return why and ("%s %s: name a folder that updates alone fill"):format(folder.path, why)
  end)
end

--- The same of the programs that are run after those folders were exchanged.
function update_folders.program_faults(policy)
  local given = { disk = require "core.disk".real(), uid = require "paths".uid() }
  return lines_of(policy, function(folder)
    return folder.after and select(2, trusted_program.find(given, folder.after)) or nil
  end)
end

local function warning(folder)
  local parent = folder.path:match "^(.*)/"
  parent = parent == "" and "/" or parent
  local ok, _, code = board.may_write(parent)
  if ok then return nil end
  if code == "ENOENT" then return ("there is no folder %s: make it, of the daemon's user"):format(parent) end
  local what = ("dt-swarm may not write in %s (%s)"):format(parent, code)
  if code ~= "EROFS" then return ("%s: chown %s to the daemon's user"):format(what, parent) end
  return ("%s: systemctl edit dt-swarm, [Service], ReadWritePaths=%s; then restart it"):format(what, parent)
end

--- What keeps this process from filling the folders of POLICY, a line each: that may be mended while it is in force.
function update_folders.warnings(policy) return lines_of(policy, warning) end

return update_folders
