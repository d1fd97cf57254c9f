-- stored.lua - what is written down about a fetched file: name, origin, identity, leaves. It claims nothing.
--
-- DIR/held/CID: the file's name here, its identity, what its claim says of it (canonical JSON, with all names), a line
-- each, and the digests, so that a restart hashes nothing again and still knows whose file it is. Version 1 had no line
-- of the claim.
local cid = require "core.cid"
local claim_data = require "dcache.content.claim_data"
local json = require "core.json"

local stored = {}

local HEAD, HEAD_1 = "dt-swarm held 2\n", "dt-swarm held 1\n"
local FIELDS = { "dev", "ino", "size", "mtime_ns", "ctime_ns" }

local function path_of(dir, key) return dir .. "/held/" .. key end

-- The file's facts as disk:stat gives them → what tells whether it is still the same.
function stored.identity(facts)
  local identity = {}
  for i, field in ipairs(FIELDS) do identity[FIELDS[i]] = facts[field] end
  return identity
end

--- IDENTITY as a text, which another identity has not.
function stored.identity_text(identity)
  local numbers = {}
  for i, field in ipairs(FIELDS) do numbers[i] = ("%d"):format(identity[field]) end
  return table.concat(numbers, " ")
end

function stored.same(one, other)
  for _, field in ipairs(FIELDS) do
    if one[field] ~= other[field] then return false end
  end
  return true
end

-- file: { cid =, name =, identity =, leaves =, origin = claim_data.origin's }; atomic_write: atomic_write.lua.
-- TOLD(true) or TOLD(nil, text, code).
function stored.save(atomic_write, disk, dir, file, told)
  local ok, err, code = true, nil, nil
  if not disk:stat(dir .. "/held") then ok, err, code = disk:mkdir(dir .. "/held") end
  if not ok then return told(nil, err, code) end
  atomic_write:put(path_of(dir, file.cid),
    HEAD .. file.name .. "\n" .. stored.identity_text(file.identity) .. "\n"
      .. json.encode(claim_data.of(file, nil, math.maxinteger)) .. "\n" .. file.leaves, 384, told) -- 0600
end

local function identity_of(numbers)
  local identity, n = {}, 0
  for number in numbers:gmatch "%S+" do
    n = n + 1
    if FIELDS[n] then identity[FIELDS[n]] = math.tointeger(tonumber(number)) end
  end
  for _, field in ipairs(FIELDS) do
    if not identity[field] then return nil end
  end
  return identity
end

local function parse(key, bytes)
  local head, name, numbers, rest = bytes:match "^([^\n]+\n)([^\n]+)\n([%d%- ]+)\n(.*)$"
  local claim
  if head == HEAD then claim, rest = rest:match "^([^\n]*)\n(.*)$" end
  if (head ~= HEAD and head ~= HEAD_1) or not rest or #rest % 32 ~= 0 then return nil end
  local identity, data = identity_of(numbers), claim and json.decode(claim)
  data = type(data) == "table" and data or {}
  local origin = claim_data.origin(key, data)
  return identity and { cid = key, name = name, identity = identity, leaves = rest, origin = origin,
    also = origin and claim_data.other_names(key, data) }
end

-- All that was written down and can be read, sorted by CID; what cannot be read is not held. Then: could the folder be
-- looked through?
function stored.load(disk, dir)
  local list, names, _, code = {}, disk:list(dir .. "/held")
  for _, key in ipairs(names or {}) do
    local bytes = cid.parse(key) and disk:read(path_of(dir, key))
    local file = bytes and parse(key, bytes)
    if file then list[#list + 1] = file end
  end
  return list, names ~= nil or code == "ENOENT"
end

function stored.forget(disk, dir, key) return disk:unlink(path_of(dir, key)) end

return stored
