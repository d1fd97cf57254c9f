-- folder.lua - a folder of its own for a spec, and files in it with their CIDs. No checks.
local hash = require "core.hash"
local unixfs = require "core.unixfs"
local uv = require "luv"
local worker = require "core.worker"

local folder = {}

-- folder.new() → { path =, remove() }
function folder.new()
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute("mkdir -m 700 '" .. path .. "'"))
  local made = { path = path }
  function made.remove() os.execute("rm -rf '" .. path .. "'") end
  return made
end

function folder.write(path, bytes)
  local file = assert(io.open(path, "wb"))
  assert(file:write(bytes))
  file:close()
end

function folder.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local bytes = file:read "a"
  file:close()
  return bytes
end

-- Puts a copy of the program into PATH, where any user may run it: a checkout in somebody's home may be closed.
function folder.put_program(path)
  assert(os.execute(([[to='%s'; mkdir -p $to/.build && cp -a dt-swarm dt-swarm-cli lua policies cli $to &&
    cp -a .build/core .build/*.so $to/.build && chmod -R a+rX $to]]):format(path)))
end

-- SIZE bytes in which no two MiB are equal, the same for the same SEED.
function folder.bytes(size, seed)
  local random = require("core.random").seeded(seed or 1)
  local parts, left = {}, size
  while left > 0 do
    local n = math.min(left, 65536)
    parts[#parts + 1] = random:bytes(n)
    left = left - n
  end
  return table.concat(parts)
end

local MIB = unixfs.chunk

local function identity_of(path)
  local s = uv.fs_stat(path)
  return { dev = s.dev, ino = s.ino, size = s.size, mtime_ns = s.mtime.sec * 1000000000 + s.mtime.nsec,
    ctime_ns = s.ctime.sec * 1000000000 + s.ctime.nsec }
end

-- SIZE bytes of zeros under FOLDER/NAME, and a byte of its own at each of PLACES. → as hash(), but the zeros are not
-- read, which takes seconds a gigabyte.
function folder.sparse(path, name, size, places)
  local full = path .. "/" .. name
  assert(os.execute(("rm -f '%s'; truncate -s %d '%s'"):format(full, size, full)))
  local file, leaves, zeros = assert(io.open(full, "r+b")), {}, hash.sha256(("\0"):rep(MIB))
  for i = 1, size // MIB do leaves[i] = zeros end
  if size % MIB > 0 then leaves[#leaves + 1] = hash.sha256(("\0"):rep(size % MIB)) end
  for i, place in ipairs(places) do
    file:seek("set", place)
    file:write(string.char(i))
    file:seek("set", place // MIB * MIB)
    leaves[place // MIB + 1] = hash.sha256(file:read(MIB))
  end
  file:close()
  leaves = table.concat(leaves)
  return { cid = unixfs.layout(size, leaves), size = size, leaves = leaves, identity = identity_of(full),
    folder = path, name = name }
end

-- Hashes FOLDER/NAME → { cid =, size =, identity =, leaves =, folder =, name = }, as gateway:serve wants it.
function folder.hash(path, name)
  local pool = assert(worker.new { inline = true })
  assert(unixfs.hash(pool, { folder = path, name = name }))
  local done = assert(pool:collect()[1])
  pool:close()
  assert(done.cid, done.error)
  done.folder, done.name = path, name
  return done
end

return folder
