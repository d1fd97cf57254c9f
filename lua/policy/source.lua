-- source.lua - the texts of a policy: its own file and all that it extends, and what they are called by. Runs none.
local disks = require "core.disk"
local hash = require "core.hash"

local source = {}

local TEXT_MAX = 65536 -- bytes of one text
local CHAIN_MAX = 16 -- texts of one policy
local NAMES_MAX = 64 -- behind extend in one policy, found or not: each is looked for on the disk
local SHOWN = 8 -- hexadecimal digits of a hash that people compare

local WHY = { EISDIR = "it is a folder", ENXIO = "it is no regular file", long = "longer than 64 KiB",
  ELOOP = "its links lead in a circle" }

local real

-- A file of the disk, links followed. → text | nil, why for people, "missing" or "disk"
local function read_file(path)
  real = real or disks.real()
  local text, message, code = real:read(path, TEXT_MAX, true)
  if text then return text end
  return nil, WHY[code] or message:match ": ([^:]*)$" or message, code == "ENOENT" and "missing" or "disk"
end

local function base_name(path) return path:match "([^/]+)$" or path end

--- A file that nobody can mean to be a policy is said as what it is. → nil | why
local function misfit(text)
  if #text > TEXT_MAX then return WHY.long end
  if not text:find "%S" then return "it is empty" end
  local zero = text:find("\0", 1, true)
  if not zero then return nil end
  return ("line %d has a byte 0, so this is no text, or one that was saved by half"):format(
    1 + select(2, text:sub(1, zero):gsub("\n", "")))
end

-- Reads through OPTIONS.read, and notes in LOOKED what was asked for: so others know what to watch.
local function reader(options, looked)
  local read, instead = options.read or read_file, options.instead or {}
  return function(path)
    looked[#looked + 1] = path
    if instead[path] then return instead[path] end
    return read(path)
  end
end

-- The first of OPTIONS.search that exists, but none after OPTIONS.upto; one that exists and cannot be read is a fault,
-- not passed over.
local function find(path, options, read)
  for _, candidate in ipairs(path and { path } or options.search) do
    local text, message, code = read(candidate)
    if text then return candidate, text end
    local advice = path and "" or "; name a policy, or set HOME to a folder of your own"
    if path or code ~= "missing" then return nil, { { file = candidate, text = message .. advice } } end
    if candidate == options.upto then return nil, { { file = candidate, text = message } } end
  end
  return nil, { { file = "no policy", text = "looked at " .. table.concat(options.search, ", ") } }
end

-- Where the policy NAME may lie: `fleet` where releases put it, else all in the FOLDERS.
local function candidates(name, folders)
  local list = { name == "fleet" and folders.fleet or nil }
  for _, folder in ipairs(folders) do list[#list + 1] = folder .. "/" .. name .. ".lua" end
  return list
end

-- The policy NAME as another one extends it: the shipped one, else the one beside. → text, path | nil, fault or nil
local function extended(name, folders, read)
  for _, path in ipairs(candidates(name, folders)) do
    local text, message, code = read(path)
    local why = text and misfit(text) or not text and code ~= "missing" and message
    if why then return nil, { file = name .. ".lua", text = why } end
    if text then return text, path end
  end
end

-- Adds what the last text of CHAIN extends, and what that extends, each once. KNOWN: set of names that were looked for,
-- and at [1] how many. → nil | fault
local function add_extended(chain, known, folders, read)
  for name in chain[#chain].text:gmatch "extend%s*%(?%s*[\"']([%w_-]+)[\"']" do
    local text, path
    if not known[name] then
      known[name], known[1] = true, known[1] + 1
      if known[1] > NAMES_MAX then
        return { file = chain[1].name, text = "it looks for more than 64 policies to extend" }
      end
      text, path = extended(name, folders, read)
      if path and not text then return path end
    end
    if text then
      if #chain == CHAIN_MAX then return { file = chain[1].name, text = "it extends more than 15 policies" } end
      chain[#chain + 1] = { path = path, name = name .. ".lua", text = text }
      local fault = add_extended(chain, known, folders, read)
      if fault then return fault end
    end
  end
end

--- The texts of the policy at PATH, or of the first of OPTIONS.search where PATH is nil: its own, then what it extends
-- in the order met, without the four shipped sections.
-- → array of { path =, name = the file's own, text = } | nil, faults; and then all paths that were looked at.
-- OPTIONS: load.lua's.
function source.read(path, options)
  local looked = {}
  local read = reader(options, looked)
  local file, text = find(path, options, read)
  if not file then return nil, text, looked end
  local name, why = base_name(file), misfit(text)
  if why then return nil, { { file = name, text = why } }, looked end
  local chain = { { path = file, name = name, text = text } }
  local folders = { options.shipped, file:match "^(.*)/[^/]*$" or ".", fleet = options.fleet }
  local fault = add_extended(chain, { 0, default = true }, folders, read)
  if fault then return nil, { fault }, looked end
  return chain, nil, looked
end

--- What people compare to know whether two nodes run the same policy: 8 hexadecimal digits of BLAKE2b-256 of the texts
-- in order, each after its length in bytes and a line feed.
function source.hash(chain)
  local sum = hash.new "blake2b"
  for _, one in ipairs(chain) do sum:update(("%d\n"):format(#one.text)):update(one.text) end
  return (sum:final():sub(1, SHOWN // 2):gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

--- The texts of the four shipped sections in FOLDER by name, and their files as a set | nil, faults.
function source.sections(names, options)
  local texts, files, read = {}, {}, options.read or read_file
  for _, name in ipairs(names) do
    local text, message = read(("%s/%s.lua"):format(options.shipped, name))
    if not text then return nil, { { file = name .. ".lua", text = message } } end
    texts[name], files[name .. ".lua"] = text, true
  end
  return texts, files
end

return source
