-- folder.lua - a folder of its own for a spec, and files in it with their CIDs. No checks.
local unixfs = require "core.unixfs"
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

-- Hashes FOLDER/NAME → { cid =, size =, identity =, leaves =, folder =, name = }, as gateway:offer wants it.
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
