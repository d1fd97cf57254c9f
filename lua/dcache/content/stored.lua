-- stored.lua - what is written down about a fetched file: name, origin, identity, leaves. It claims nothing.
--
-- DIR/held/CID: the file's name here, its identity, what its claim says of it (canonical JSON, with all names), a line
-- each, and the digests, so that a restart hashes nothing again and still knows whose file it is. Version 1 had no line
-- of the claim.
local cid = require "core.cid"
local forms = require "dcache.forms"
local json = require "core.json"
local sorted = require "sorted"

local stored = {}

local HEAD, HEAD_1 = "dt-swarm held 2\n", "dt-swarm held 1\n"
local DATA_MOST <const> = 640 -- bytes of a record's DATA
local NAMES_MAX <const> = 256 -- names beside its own that a held file is known by
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

-- DATA of the claim to hold FILE (spec/PROTOCOL.md, share/safe): whose it is only where all of that is known. Of the
-- other names as many as fit into MOST bytes (not given: those of a record).
function stored.claim(file, most)
  local origin, size = file.origin, file.identity.size
  if not origin then return { size = size } end
  local data, also = { class = origin.class, from = origin.from, name = origin.name, size = size }, {}
  local left = (most or DATA_MOST) - #json.encode(data) - #',"also":[]'
  for _, one in ipairs(file.also or {}) do
    local entry = { from = one.from ~= origin.from and one.from or nil, name = one.name }
    local bytes = #json.encode(entry) + (also[1] and 1 or 0)
    if bytes <= left then also[#also + 1], left = entry, left - bytes end
  end
  data.also = also[1] and json.array(also) or nil
  return data
end

local function position(one, origin) return (one.from == origin.from and "" or one.from) .. "\n" .. one.name end

-- The names { from =, name = } of LIST and, from FROM, NAMES, beside that of ORIGIN: each once, in the order that a
-- claim has. Past NAMES_MAX no more are taken in. → the list, its positions in one text (to compare two lists)
function stored.also(origin, list, from, names)
  local by, count = {}, 0
  local function take(one)
    local at = position(one, origin)
    if by[at] or count >= NAMES_MAX or one.from == origin.from and one.name == origin.name then return end
    by[at], count = one, count + 1
  end
  for _, one in ipairs(list) do take(one) end
  for _, name in ipairs(names) do take { from = from, name = name } end
  local places, also = sorted.keys(by), {}
  for i, at in ipairs(places) do also[i] = by[at] end
  return also, table.concat(places, "\0")
end

-- The origin { class =, from = peer ID, name = path } of the file KEY, where it can stand in a claim; else nil.
function stored.origin(key, origin)
  local class, from, name = origin and origin.class, origin and origin.from, origin and origin.name
  if not (class and from and name) then return nil end
  return forms.read("share/safe", key, { class = class, from = from, name = name, size = 0 })
    and { class = class, from = from, name = name } or nil
end

-- file: { cid =, name =, identity =, leaves =, origin = stored.origin's }; atomic_write: atomic_write.lua.
-- TOLD(true) or TOLD(nil, text, code).
function stored.save(atomic_write, disk, dir, file, told)
  local ok, err, code = true, nil, nil
  if not disk:stat(dir .. "/held") then ok, err, code = disk:mkdir(dir .. "/held") end
  if not ok then return told(nil, err, code) end
  atomic_write:put(path_of(dir, file.cid),
    HEAD .. file.name .. "\n" .. stored.identity_text(file.identity) .. "\n"
      .. json.encode(stored.claim(file, math.maxinteger)) .. "\n" .. file.leaves, 384, told) -- 0600
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

local function also_of(key, data)
  local list = {}
  for i, one in ipairs(data.also and forms.read("share/safe", key, data) and data.also or {}) do
    list[i] = { from = one.from or data.from, name = one.name }
  end
  return list
end

local function parse(key, bytes)
  local head, name, numbers, rest = bytes:match "^([^\n]+\n)([^\n]+)\n([%d%- ]+)\n(.*)$"
  local claim
  if head == HEAD then claim, rest = rest:match "^([^\n]*)\n(.*)$" end
  if (head ~= HEAD and head ~= HEAD_1) or not rest or #rest % 32 ~= 0 then return nil end
  local identity, data = identity_of(numbers), claim and json.decode(claim)
  data = type(data) == "table" and data or {}
  local origin = stored.origin(key, data)
  return identity and { cid = key, name = name, identity = identity, leaves = rest, origin = origin,
    also = origin and also_of(key, data) }
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
