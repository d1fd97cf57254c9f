-- load.lua - finds a policy, runs it in a fence, checks it. Swaps nothing, keeps no policy.
local address = require "core.address"
local fence = require "core.fence"
local hooks = require "policy.hooks"
local policy = require "policy"
local check = require "policy.check"

local load = {}

local TEXT_MAX = 65536 -- bytes of one policy
local INNER = { "names", "form", "facts", "inside" }

local function read_file(path)
  local file, message, errno = io.open(path, "rb")
  if not file then -- io.open's message begins with the path, as ours will
    if message:sub(1, #path + 2) == path .. ": " then message = message:sub(#path + 3) end
    return nil, message, errno == 2 and "missing" or "disk"
  end
  local text, why = file:read(TEXT_MAX + 1)
  file:close()
  if not text and why then return nil, why, "disk" end
  return text or ""
end

local function base_name(path) return path:match "([^/]+)$" or path end

--- What people are told: a fault is { file =, line =, text =, suggestion = }.
local function fault(message, file)
  message = message:gsub("^policy: ", "")
  local at, line, text = message:match "^([^:\n]+):(%d+): (.*)$"
  return { file = at or file, line = math.tointeger(line), text = text or message,
    suggestion = message:match 'did you mean "(.-)"%?' }
end

--- Lines for people, one a fault: `duckiebot.lua:31: routing.rotues: no such setting; did you mean "routes"?`
function load.report(faults)
  local lines = {}
  for i, f in ipairs(faults) do
    lines[i] = ("%s%s: %s"):format(f.file, f.line and ":" .. f.line or "", f.text)
  end
  return lines
end

--- The first of OPTIONS.search that exists; one that exists and cannot be read is a fault, not passed over.
local function find(path, options)
  local read = options.read or read_file
  for _, candidate in ipairs(path and { path } or options.search) do
    local text, message, code = read(candidate)
    if text then return candidate, text end
    local advice = path and "" or "; name a policy, or set HOME to a folder of your own"
    if path or code ~= "missing" then return nil, { { file = candidate, text = message .. advice } } end
  end
  return nil, { { file = "no policy", text = "looked at " .. table.concat(options.search, ", ") } }
end

--- Texts that TEXT extends, and those that they extend: the shipped one, else the one beside.
local function collect(text, sources, folders, read)
  for name in text:gmatch "extend%s*%(?%s*[\"']([%w_-]+)[\"']" do
    for _, folder in ipairs(folders) do
      local found = not sources[name] and read(folder .. "/" .. name .. ".lua")
      if found and #found <= TEXT_MAX then
        sources[name] = found
        collect(found, sources, folders, read)
      end
    end
  end
  return sources
end

local function read_sections(folder, read)
  local texts, files = {}, {}
  for _, name in ipairs(hooks.sections) do
    local text, message = read(("%s/%s.lua"):format(folder, name))
    if not text then return nil, { { file = name .. ".lua", text = message } } end
    texts[name], files[name .. ".lua"] = text, true
  end
  return texts, files
end

local function start_fence(options)
  local f = assert(fence.new { memory = options.memory, instructions = options.instructions })
  for _, name in ipairs(INNER) do
    local path = assert(package.searchpath("policy." .. name, package.path))
    assert(f:load(name, assert(read_file(path)), true))
  end
  return f
end

local function as_tree(settings)
  local tree = {}
  for path, value in pairs(settings) do -- in any order: paths differ
    local node = tree
    for name, dot in path:gmatch "([^.]+)(%.?)" do
      if dot == "" then node[name] = value else node[name] = node[name] or {} end
      node = node[name]
    end
  end
  return tree
end

--- Adds what is wrong with the addresses of SETTINGS: the fence knows their form only as far as text goes.
local function check_addresses(settings, where, messages)
  local function check_address(path, text)
    local good, why = address.check(text)
    local at = where[path]
    if not good then
      messages[#messages + 1] = ("%s:%d: %s: %s: %s"):format(at.file, at.line, path, text,
        (why:gsub("^form: ", "")))
    end
  end
  for _, channel in ipairs(settings["routing.channels"]) do check_address("routing.channels", channel.address) end
  local gateway = settings["clients.logs.gateway"]
  if gateway then check_address("clients.logs.gateway", gateway) end
  return messages
end

--- Runs the policy TEXT and asks it everything twice.
local function try(f, file, text, pause)
  local settings, where = f:call("run", base_name(file), text)
  if not settings then return nil, { fault(where, base_name(file)) } end
  local messages = check_addresses(settings, where, check.questions(f, where, pause))
  if #messages == 0 then return settings, where end
  local faults = {}
  for i, message in ipairs(messages) do faults[i] = fault(message, base_name(file)) end
  return nil, faults
end

--- load(path | nil, options) → policy | nil, faults (load.report makes lines of them).
-- options: shipped = folder of the shipped policies; search = paths tried in order where PATH is nil;
-- read = fn(path) → text | nil, message, "missing" or another word; log; memory, instructions = the fence's;
-- pause = fn(), called now and then (check.lua).
function load.load(path, options)
  local read = options.read or read_file
  local file, text = find(path, options)
  if not file then return nil, text end
  if #text > TEXT_MAX then return nil, { { file = base_name(file), text = "longer than 64 KiB" } } end
  local texts, sections = read_sections(options.shipped, read)
  if not texts then return nil, sections end
  local f = start_fence(options)
  local sources = collect(text, {}, { options.shipped, file:match "^(.*)/[^/]*$" or "." }, read)
  local pause = options.pause or function() end
  assert(f:call("begin", check.table(), texts, sources))
  pause()
  local settings, where = try(f, file, text, pause)
  if not settings then
    f:close()
    return nil, where
  end
  return policy.new({ fence = f, settings = settings, tree = as_tree(settings), where = where, file = file,
    name = base_name(file), sections = sections }, options.log)
end

--- The names that a policy finds as globals, sorted (for .luacheckrc).
function load.names()
  local f = start_fence {}
  local known = assert(f:call("begin", check.table(), {}, {}))
  f:close()
  return known
end

return load
