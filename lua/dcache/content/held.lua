-- held.lua - what was written down of a fetched file: its name, identity and leaves. Fetches nothing, claims nothing.
--
-- DIR/held/CID: three lines and the digests, so that a restart hashes nothing again.
local cid = require "core.cid"

local held = {}

local HEAD = "dt-swarm held 1\n"
local FIELDS = { "dev", "ino", "size", "mtime_ns", "ctime_ns" }

local function path_of(dir, key) return dir .. "/held/" .. key end

-- The file's facts as disk:stat gives them → what tells whether it is still the same.
function held.identity(facts)
  local identity = {}
  for i, field in ipairs(FIELDS) do identity[FIELDS[i]] = facts[field] end
  return identity
end

function held.same(one, other)
  for _, field in ipairs(FIELDS) do
    if one[field] ~= other[field] then return false end
  end
  return true
end

-- file: { cid =, name =, identity =, leaves = }; replacing: lua/replacing.lua's. TOLD(true) or TOLD(nil, text, word).
function held.save(replacing, disk, dir, file, told)
  local ok, err, word = true, nil, nil
  if not disk:stat(dir .. "/held") then ok, err, word = disk:mkdir(dir .. "/held") end
  if not ok then return told(nil, err, word) end
  local numbers = {}
  for i, field in ipairs(FIELDS) do numbers[i] = ("%d"):format(file.identity[field]) end
  replacing:put(path_of(dir, file.cid),
    HEAD .. file.name .. "\n" .. table.concat(numbers, " ") .. "\n" .. file.leaves, 384, told) -- 0600
end

local function parse(key, bytes)
  local name, numbers, leaves = bytes:match("^([^\n]+)\n([%d%- ]+)\n(.*)$", #HEAD + 1)
  if bytes:sub(1, #HEAD) ~= HEAD or not name or #leaves % 32 ~= 0 then return nil end
  local identity, n = {}, 0
  for number in numbers:gmatch "%S+" do
    n = n + 1
    if FIELDS[n] then identity[FIELDS[n]] = math.tointeger(tonumber(number)) end
  end
  for _, field in ipairs(FIELDS) do
    if not identity[field] then return nil end
  end
  return { cid = key, name = name, identity = identity, leaves = leaves }
end

-- All that was written down and can be read, sorted by CID; what cannot be read is not held.
function held.load(disk, dir)
  local list = {}
  for _, key in ipairs(disk:list(dir .. "/held") or {}) do
    local bytes = cid.parse(key) and disk:read(path_of(dir, key))
    local file = bytes and parse(key, bytes)
    if file then list[#list + 1] = file end
  end
  return list
end

function held.forget(disk, dir, key) return disk:unlink(path_of(dir, key)) end

return held
