-- update_folders.lua - which folders no update may ever replace: what the system and this node stand on. Replaces none.
local mount = require "core.mount"
local sorted = require "sorted"

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

local function is_in(path, folder) return (path .. "/"):sub(1, #folder + 1) == folder .. "/" end

-- Why PATH, which is not "/" by its form, cannot be replaced | nil. GIVEN: home, state (paths or nil)
local function fault(path, given)
  for _, home in ipairs(homes(given.home)) do
    if home ~= "/" and is_in(home, path) then return home == path and "is a home" or "has a home in it" end
  end
  local state = given.state
  if state and (is_in(path, state) or is_in(state, path)) then return "is the state folder, or in it, or above it" end
  local found = mount.of(path)
  if found and found.mounted then return "is where something is mounted" end
end

--- What is wrong with clients.updates.folders of POLICY on this machine, a line each. FILES: home, and fleet = the
--- policy in the state folder that releases bring.
function update_folders.faults(policy, files)
  local lines, folders = {}, policy:get "clients.updates.folders"
  local state = files.fleet and files.fleet:match "^(.*)/policies/[^/]*$"
  for _, target in ipairs(sorted.keys(folders)) do
    local path = folders[target].path
    local why = fault(path, { home = files.home, state = state })
    if why then
      local file, line = policy:where "clients.updates.folders"
      lines[#lines + 1] = ("%s:%d: clients.updates.folders: %s: %s %s: name a folder that updates alone fill"):format(
        file, line, target, path, why)
    end
  end
  return lines
end

return update_folders
