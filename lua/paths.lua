-- paths.lua - where state, socket, share and policies lie, for daemon and command line alike. Opens nothing.
local paths = {}

paths.SOCKET_NAME = "control.sock"
paths.SOCKET_MAX = 107 -- bytes of sun_path less the final zero (unix(7))

--- User ID of this process, from /proc (Linux); nil where it cannot be read.
function paths.uid()
  local file = io.open("/proc/self/status")
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return math.tointeger(text:match("\nUid:%s+%d+%s+(%d+)"))
end

local function absolute(text)
  -- The XDG base directory specification: a relative value is invalid and to be ignored.
  return text and text:sub(1, 1) == "/" and text or nil
end

local function first(list) -- systemd gives several folders joined by colons
  return list and absolute(list:match("^[^:]+"))
end

-- BY: how a place is named; nil: by the option of WHAT.
local function homeless(what, by)
  return nil, ("missing: HOME is not set: no place for %s; name one by %s"):format(what, by or "--" .. what), "missing"
end

local function state(place)
  if first(place.env "STATE_DIRECTORY") then return first(place.env "STATE_DIRECTORY") end
  if place.uid == 0 then return "/var/lib/dt-swarm" end
  local base = absolute(place.env "XDG_STATE_HOME") or place.home and place.home .. "/.local/state"
  if not base then return homeless "state" end
  return base .. "/dt-swarm"
end

--- Folder of a socket that was not named: the service's, the system's, the session's, or beside the state.
local function socket_folder(place, state_folder)
  if first(place.env "RUNTIME_DIRECTORY") then return first(place.env "RUNTIME_DIRECTORY") end
  if place.uid == 0 then return "/run/dt-swarm" end
  local session = absolute(place.env "XDG_RUNTIME_DIR")
  return session and session .. "/dt-swarm" or state_folder
end

local function add(list, path)
  for _, other in ipairs(list) do
    if other == path then return end
  end
  list[#list + 1] = path
end

--- Where the command line looks for a daemon, in this order: the user's places, then the system's.
local function sockets(place)
  local list, state_folder = {}, state(place)
  local folder = socket_folder(place, state_folder)
  if folder then add(list, folder .. "/" .. paths.SOCKET_NAME) end
  if state_folder and place.uid ~= 0 then add(list, state_folder .. "/" .. paths.SOCKET_NAME) end
  add(list, "/run/dt-swarm/" .. paths.SOCKET_NAME)
  return list
end

-- The user's own folder for settings | nil: no home is known.
local function config(place)
  return absolute(place.env "XDG_CONFIG_HOME") or place.home and place.home .. "/.config"
end

-- Where the policy lies that releases bring (clients/updates/kinds/policy.lua). STATE_FOLDER: nil where none was named.
local function fleet(place, state_folder)
  local folder = state_folder or state(place)
  return folder and folder .. "/policies/fleet.lua"
end

--- Policies looked for when none is named: the user's, the system's, the fleet's, the shipped one.
local function policies(place, root, state_folder)
  local list, own = {}, config(place)
  if own then list[1] = own .. "/dt-swarm/policy.lua" end
  list[#list + 1] = "/etc/dt-swarm/policy.lua"
  list[#list + 1] = fleet(place, state_folder) -- nil: there is no place for it
  list[#list + 1] = root .. "/policies/duckiebot.lua"
  return list
end

-- Folders NAME beside the user's policy, and beside the system's; nil: these folders themselves.
local function beside_policy(place, name)
  local list, own, behind = {}, config(place), name and "/" .. name or ""
  if own then list[1] = own .. "/dt-swarm" .. behind end
  list[#list + 1] = "/etc/dt-swarm" .. behind
  return list
end

--- Lab files, the first that is there counts: in the state folder, the user's, the system's.
local function labs(place, state_folder)
  local list, own = { state_folder .. "/lab" }, config(place)
  if own then list[2] = own .. "/dt-swarm/lab" end
  list[#list + 1] = "/etc/dt-swarm/lab"
  return list
end

--- The rules for one process. ENV(name) gives a variable or nil, UID the user's number.
-- Each answers a path, or nil, "missing: text", "missing" where no home is known:
-- p:state() p:socket([state folder]) p:share() p:sockets()
-- p:policies(root, [state folder]) p:fleet([state folder])
-- p:channels() p:secrets(): folders of the programs and of the passwords of channels
-- p:policy_folders(): where the user's and the system's policy lie
-- p:labs(state folder) p:config(): the user's own folder for settings
function paths.new(env, uid)
  local place = { env = env, uid = uid, home = absolute(env "HOME") }
  return {
    state = function() return state(place) end,
    share = function()
      if not place.home then return homeless "share" end
      return place.home .. "/shared-logs"
    end,
    socket = function(_, state_folder)
      local folder = socket_folder(place, state_folder or state(place))
      if not folder then return homeless "socket" end
      return folder .. "/" .. paths.SOCKET_NAME
    end,
    sockets = function() return sockets(place) end,
    policies = function(_, root, state_folder) return policies(place, root, state_folder) end,
    fleet = function(_, state_folder) return fleet(place, state_folder) end,
    channels = function() return beside_policy(place, "channels") end,
    secrets = function() return beside_policy(place, "secrets") end,
    policy_folders = function() return beside_policy(place) end,
    labs = function(_, state_folder) return labs(place, state_folder) end,
    config = function()
      local own = config(place)
      if not own then return homeless("settings", "XDG_CONFIG_HOME") end
      return own .. "/dt-swarm"
    end,
  }
end

--- PATH itself, or nil, "long: …", "long" when a Unix socket cannot have that name.
function paths.socket_fits(path)
  if #path <= paths.SOCKET_MAX then return path end
  return nil, ("long: %s has %d bytes, a socket has room for %d: name a shorter one by --socket")
    :format(path, #path, paths.SOCKET_MAX), "long"
end

return paths
