-- prefix.lua - does one held file begin with all bytes of another, and then: the shorter one removed. Chooses none.
local cid = require "core.cid"
local unixfs = require "core.unixfs"

local prefix = {}

local CHUNK <const> = unixfs.chunk

local function path_of(content, file) return ("%s/files/%s/%s"):format(content.dir, file.cid, file.name) end

-- Their leaves' hashes were made of checked bytes: equal up to the last whole leaf of OLDER?
local function whole_leaves(older, newer)
  local n = older.identity.size // CHUNK * 32
  return older.leaves:sub(1, n) == newer.leaves:sub(1, n)
end

-- The bytes of OLDER's last leaf, which is shorter: as many are read of NEWER, and hashed, beside the loop.
local function last_leaf(content, worker, older, newer, done)
  local size = older.identity.size % CHUNK
  local file = content.disk:open(path_of(content, newer), "read")
  if not file then return done(false) end
  local job = worker:run(unixfs.check, { file = file, cid = cid.make("raw", older.leaves:sub(-32)),
    offset = older.identity.size - size, size = size }, function(result) done(result.kept == true) end)
  file:close()
  if not job then done(false) end
end

--- Does the held file with the CID NEWER begin with all bytes of OLDER's? done(yes), once; where they cannot be
-- compared, no.
function prefix.test(content, worker, older, newer, done)
  older, newer = content.by_cid[older], content.by_cid[newer]
  if not (older and newer and newer.saved) or older.identity.size >= newer.identity.size then return done(false) end
  if not whole_leaves(older, newer) then return done(false) end
  if older.identity.size % CHUNK == 0 then return done(true) end
  last_leaf(content, worker, older, newer, done)
end

--- The held file OLDER goes, as NEWER has all its bytes, and its claim is unsaid. A power cut in between leaves a claim
-- without a file, which the next start unsays.
function prefix.let_go(content, older, newer)
  local file, other = content.by_cid[older], content.by_cid[newer]
  local facts = file and other and content.disk:stat(path_of(content, other))
  if not facts or facts.size ~= other.identity.size or facts.mtime_ns ~= other.identity.mtime_ns then return false end
  content:let_go(older, "continued: its bytes are the beginning of " .. newer)
  return content.by_cid[older] == nil
end

return prefix
