-- prefix.lua - does one held file begin with all bytes of another, and then: the shorter one removed. Chooses none.
local cid = require "core.cid"
local store = require "dcache.content.store"
local unixfs = require "core.unixfs"

local prefix = {}

local CHUNK <const> = unixfs.chunk

-- Their leaves' hashes were made of checked bytes: equal up to the last whole leaf of OLDER? → the last hash of that |
-- nil
local function whole_leaves(content, older, newer)
  local n, one, other = older.identity.size // CHUNK * 32, store.leaves(content, older), store.leaves(content, newer)
  return one and other and one:sub(1, n) == other:sub(1, n) and one:sub(-32) or nil
end

-- The bytes of OLDER's last leaf, which is shorter: as many are read of NEWER, and hashed, beside the loop.
local function last_leaf(content, worker, older, newer, digest, done)
  local size = older.identity.size % CHUNK
  local file = content.disk:open(store.path(content, newer), "read")
  if not file then return done(false) end
  local job = worker:run(unixfs.check, { file = file, cid = cid.make("raw", digest),
    offset = older.identity.size - size, size = size }, function(result) done(result.kept == true) end)
  file:close()
  if not job then done(false) end
end

--- Does the held file with the CID NEWER begin with all bytes of OLDER's? done(yes), once; where they cannot be
-- compared, no.
function prefix.test(content, worker, older, newer, done)
  older, newer = content.by_cid[older], content.by_cid[newer]
  if not (older and newer and newer.saved) or older.identity.size >= newer.identity.size then return done(false) end
  local last = whole_leaves(content, older, newer)
  if not last then return done(false) end
  if older.identity.size % CHUNK == 0 then return done(true) end
  last_leaf(content, worker, older, newer, last, done)
end

--- The held file OLDER goes, as NEWER has all its bytes, and its claim is unsaid. A power cut in between leaves a claim
-- without a file, which the next start unsays.
function prefix.let_go(content, older, newer)
  local file, other = content.by_cid[older], content.by_cid[newer]
  local facts = file and other and content.disk:stat(store.path(content, other))
  if not facts or facts.size ~= other.identity.size or facts.mtime_ns ~= other.identity.mtime_ns then return false end
  content:let_go(older, function()
    return content.by_cid[newer] and "continued: its bytes are the beginning of " .. newer or nil
  end)
  return content.by_cid[older] == nil
end

return prefix
