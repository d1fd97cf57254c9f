-- preflight.lua - what is looked at before anything is made or opened: name, places, addresses. Changes nothing.
local address = require "core.address"
local channels = require "routing.channels"
local hooks = require "policy.hooks"
local route_warnings = require "routing.route_warnings"
local node_name = require "node_name"
local paths = require "paths"
local record = require "core.record"
local core_text = require "core.text"
local shell = require "shell"

local preflight = {}

local LINE_MAX <const> = 1024 -- characters of a line about a route
local SWARM_MAX = 128 -- bytes (core/key.h)
local NO_SWARM = "a swarm's name is 1 to %d ASCII characters, none of them a space"
local CHANGE = { live = "applies while the daemon runs", restart = "has the daemon start anew" }

local function host_name()
  local file = io.open "/proc/sys/kernel/hostname"
  local name = file and file:read "l" or "node"
  if file then file:close() end
  return node_name.like(name:match "^[^.]+" or "node")
end

-- The label of this node: as given, as POLICY has it, or the host's. → name | nil, text.
function preflight.name(given, policy)
  local name = given or policy:get "name" or host_name()
  if name == "" then name = "node" end
  if node_name.is(name) then return name end
  return nil, ("a name is 1 to 32 of A-Z a-z 0-9 . _ - and begins with a letter or digit, not %q"):format(name)
end

-- The address of the gateway in parts: host, port | nil, text.
function preflight.gateway(text)
  local parts = address.parts(text)
  local host, port = parts[1], parts[2]
  if host[1]:find "^ip[46]$" and port and port[1] == "tcp" and not parts[3] then
    return host[2], math.tointeger(tonumber(port[2]))
  end
  return nil, text .. ": files are served at /ip4/A/tcp/P or /ip6/A/tcp/P"
end

local function at(policy, path, message, number)
  local file, line = policy:where(path, number)
  return ("%s:%d: %s: %s"):format(file, line, path, message)
end

-- Are these classes a law? core.record knows; it throws what is wrong.
local function law_fault(policy)
  local ok, err = pcall(record.new, policy:classes())
  return not ok and tostring(err):gsub("^[^:]*:%d+: ", "") or nil
end

-- Can the channel of ENTRY be opened here at all? → true | nil, text
local function check_channel(entry, programs)
  local options, err = channels.read(entry)
  if options and options.program and not programs then return nil, entry.address .. ": no programs run here" end
  if options and options.program then options, err = programs:find(options.program) end
  return options and true, err and (entry.address .. ": " .. err:gsub("^%l+: ", ""):gsub("^" ..
    entry.address:gsub("%p", "%%%0") .. ": ", ""))
end

-- What this daemon cannot do of what POLICY says, a line each: addresses that are well formed, but of nothing here;
-- programs (routing/channels/programs.lua) that may not be run; names and classes that the core does not take.
function preflight.faults(policy, programs)
  local faults = {}
  local function add(path, err, number) faults[#faults + 1] = at(policy, path, err, number) end
  for i, entry in ipairs(policy:get "routing.channels") do
    local ok, err = check_channel(entry, programs)
    if not ok then add("routing.channels", err, i) end
  end
  local gateway = policy:get "clients.logs.gateway"
  local ok, err = true, nil
  if gateway then ok, err = preflight.gateway(gateway) end
  if not ok then add("clients.logs.gateway", err) end
  local name = policy:get "name"
  if name and name ~= "" and not node_name.is(name) then add("name", select(2, preflight.name(name))) end
  local swarm = policy:get "swarm"
  if #swarm > SWARM_MAX or swarm:find "[^!-~]" then add("swarm", NO_SWARM:format(SWARM_MAX)) end
  local law = law_fault(policy)
  if law then add("dcache.classes", law) end
  return faults
end

--- What is odd about the routes of POLICY, a line each, and of which the better one wins. SERIOUS: only what is to be
--- mended. PAUSE: as route_warnings.of has it, or nil.
function preflight.routes(policy, serious, pause)
  local lines = {}
  for _, one in ipairs(route_warnings.of(policy:get "routing.routes", policy:get "routing.channels", pause)) do
    if not (serious and one.harmless) then
      lines[#lines + 1] = core_text.escape(at(policy, "routing.routes", ("%s: %s"):format(one.pattern, one.text),
        one.pattern), LINE_MAX)
    end
  end
  return lines
end

-- What a change of each setting takes that the file of POLICY itself sets: a line for each kind.
function preflight.kinds(policy)
  local paths_of, lines = { live = {}, restart = {} }, {}
  for _, row in ipairs(hooks.settings) do
    local list = paths_of[row.restart and "restart" or "live"]
    if policy:where(row[1]) == policy.name and not row.later then list[#list + 1] = row[1] end
  end
  for _, kind in ipairs { "live", "restart" } do
    local list = table.concat(paths_of[kind], ", ")
    if list ~= "" then lines[#lines + 1] = ("%s: a change of these %s: %s"):format(policy.name, CHANGE[kind], list) end
  end
  return lines
end

-- Is the policy one that came with the program, as it came? SHIPPED: the folder of those.
local function is_shipped(policy, shipped)
  local first = policy.chain and policy.chain[1]
  local file = first and io.open(("%s/%s"):format(shipped, first.path:match "[^/]*$"))
  if not file then return false end
  local text = file:read "a"
  file:close()
  return text == first.text
end

--- What the file of POLICY itself sets that this version does not use yet, a line each; what the program ships in the
-- folder SHIPPED is for later versions, too.
function preflight.unused(policy, shipped)
  local lines = {}
  if is_shipped(policy, shipped) then return lines end
  for _, list in ipairs { hooks.settings, hooks.hooks } do
    for _, row in ipairs(list) do
      local path = row.path or row[1]
      local file = policy:where(path)
      if row.later and file == policy.name then lines[#lines + 1] = at(policy, path, "not used by this version yet") end
    end
  end
  return lines
end

local function share_of(given, policy)
  local folder = given.options.share or policy:get "clients.logs.folder"
  if folder:sub(1, 1) ~= "~" or given.options.share then return folder end
  if given.home then return given.home .. folder:sub(2) end
  return given.place:share() -- which says what is missing
end

--- The folder that POLICY shares, as an absolute path, unless an option names another. → path | nil, text
function preflight.share_of(given, policy)
  local folder, err = share_of(given, policy)
  if not folder or folder:sub(1, 1) == "/" then return folder, err end
  return given.here_folder .. "/" .. folder
end

local function is_beneath(path, folder) return (path .. "/"):sub(1, #folder + 1) == folder .. "/" end

--- The folder of copies that POLICY names, an absolute path | nil: none | nil, text: it cannot be one. SHARE: that of
-- own files; none of the two may lie in the other.
function preflight.store_of(given, policy, share)
  local folder = policy:get "clients.logs.store"
  if not folder then return nil end
  if folder:sub(1, 1) == "~" and given.home then folder = given.home .. folder:sub(2) end
  if folder:sub(1, 1) ~= "/" then folder = given.here_folder .. "/" .. folder end
  folder = folder:gsub("/+", "/"):gsub("(.)/$", "%1")
  if is_beneath(folder, share) or is_beneath(share, folder) then
    return nil, ("clients.logs.store: %s and the shared folder %s lie in each other"):format(folder, share)
  end
  return folder
end

-- Where everything lies, as absolute paths: { state, share, socket, store } | nil, text. Without given.policy: no share
-- and no store.
function preflight.places(given)
  local options, place, found, err = given.options, given.place, {}, nil
  found.state = options.state
  if not found.state then found.state, err = place:state() end
  if not found.state then return nil, err end
  if given.policy then
    found.share, err = preflight.share_of(given, given.policy)
    if not found.share then return nil, err end
    if found.share:sub(1, 1) ~= "/" then found.share = given.here_folder .. "/" .. found.share end
    found.store, err = preflight.store_of(given, given.policy, found.share)
    if err then return nil, err end
  end
  found.socket = options.socket
  if not found.socket then found.socket, err = place:socket(found.state) end
  if not found.socket then return nil, err end
  for name, path in pairs(found) do -- any order
    if path:sub(1, 1) ~= "/" then found[name] = given.here_folder .. "/" .. path end
  end
  local fits
  fits, err = paths.socket_fits(found.socket)
  return fits and found, err
end

-- What the command line calls this daemon by: localhost where it looks first of all, else the socket's path.
function preflight.host(given, places)
  return given.place:sockets()[1] == places.socket and "localhost" or shell.word(places.socket)
end

-- The options that start the same daemon again, as they are typed into a shell.
function preflight.command(given, places)
  local words, options = {}, given.options
  if options.name then words = { "--name", options.name } end
  for _, name in ipairs { "state", "share", "socket" } do
    if options[name] then
      words[#words + 1] = "--" .. name
      words[#words + 1] = places[name]
    end
  end
  if options.verbose then words[#words + 1] = "--verbose" end
  local policy = options.policy
  if policy then words[#words + 1] = policy:sub(1, 1) == "/" and policy or given.here_folder .. "/" .. policy end
  return shell.line(words)
end

-- Is the control socket free, or another daemon's? Asked where the state folder is not there yet: it would be made,
-- and then left behind. → true | nil, text
function preflight.socket_free(net, disk, places)
  if disk:stat(places.state .. "/.") then return true end
  local stream = net.unix_connect(places.socket)
  if not stream then return true end
  stream:close()
  return nil, "EADDRINUSE: " .. places.socket .. " is in use: another daemon answers there; name another with --socket"
end

return preflight
