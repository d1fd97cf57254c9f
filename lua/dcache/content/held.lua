-- held.lua - what was written down of a fetched file: name, origin, identity, leaves. Fetches nothing, claims nothing.
--
-- DIR/held/CID: the file's name here, its identity, what its claim says of it (canonical JSON), a line each, and the
-- digests, so that a restart hashes nothing again and still knows whose file it is. Version 1 had no line of the claim.
local cid = require "core.cid"
local forms = require "dcache.forms"
local json = require "core.json"

local held = {}

local HEAD, HEAD_1 = "dt-swarm held 2\n", "dt-swarm held 1\n"
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

-- DATA of the claim to hold FILE (spec/PROTOCOL.md, share/safe): whose it is only where all of that is known.
function held.claim(file)
  local origin, size = file.origin, file.identity.size
  if not origin then return { size = size } end
  return { class = origin.class, from = origin.from, name = origin.name, size = size }
end

-- The origin { class =, from = peer ID, name = path } of the file KEY, where it can stand in a claim; else nil.
function held.origin(key, origin)
  local class, from, name = origin and origin.class, origin and origin.from, origin and origin.name
  if not (class and from and name) then return nil end
  return forms.read("share/safe", key, { class = class, from = from, name = name, size = 0 })
    and { class = class, from = from, name = name } or nil
end

-- file: { cid =, name =, identity =, leaves =, origin = held.origin's }; replacing: lua/replacing.lua's.
-- TOLD(true) or TOLD(nil, text, word).
function held.save(replacing, disk, dir, file, told)
  local ok, err, word = true, nil, nil
  if not disk:stat(dir .. "/held") then ok, err, word = disk:mkdir(dir .. "/held") end
  if not ok then return told(nil, err, word) end
  local numbers = {}
  for i, field in ipairs(FIELDS) do numbers[i] = ("%d"):format(file.identity[field]) end
  replacing:put(path_of(dir, file.cid),
    HEAD .. file.name .. "\n" .. table.concat(numbers, " ") .. "\n" .. json.encode(held.claim(file)) .. "\n"
      .. file.leaves, 384, told) -- 0600
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
  return identity and { cid = key, name = name, identity = identity, leaves = rest,
    origin = held.origin(key, type(data) == "table" and data or nil) }
end

-- All that was written down and can be read, sorted by CID; what cannot be read is not held. Then: could the folder be
-- looked through?
function held.load(disk, dir)
  local list, names, _, word = {}, disk:list(dir .. "/held")
  for _, key in ipairs(names or {}) do
    local bytes = cid.parse(key) and disk:read(path_of(dir, key))
    local file = bytes and parse(key, bytes)
    if file then list[#list + 1] = file end
  end
  return list, names ~= nil or word == "ENOENT"
end

function held.forget(disk, dir, key) return disk:unlink(path_of(dir, key)) end

return held
