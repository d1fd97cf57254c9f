-- payloads.lua - methods of content (init.lua) for what updates need: files that are fetched, taken in, held, served
-- and claimed as all copies are, but are nobody's logs. Decides neither what is needed nor when it goes.
--
-- They lie in the folder `updates` of the store, by which they are known after a restart, too (place.lua). Their claims
-- are from him who holds them and have no domain (claim_data.lua), and they are in no sum of what a store holds.
local sorted = require "sorted"
local store = require "dcache.content.store"

local payloads = {}

--- As fetch, for a payload. CHOOSE(sources) → those of them who may be asked now, see sources.lua.
function payloads:fetch_payload(key, size, name, done, pressed, choose)
  self:fetch(key, size, name, done, pressed, { payload = true, choose = choose })
end

--- A copy of the file at PATH of this machine is held from here on, as a payload. TOLD(cid, size) once it is, or
--- TOLD(nil, text, code); once, never at once.
function payloads:take(path, told) self.taking:begin(path, told) end

-- Not synced: it is copied from there, and the copy is.
local function write(disk, path, bytes)
  disk:unlink(path) -- an earlier run may have left one
  local file, err, code = disk:open(path, "create", 384) -- 0600
  if not file then return nil, err, code end
  local ok
  ok, err, code = file:pwrite(bytes, 0)
  file:close()
  return ok, err, code
end

--- The same of a file that has these BYTES, few.
function payloads:take_text(bytes, told)
  self.texts = (self.texts or 0) + 1
  local path = ("%s/text-%d"):format(self.partials:folder(), self.texts)
  local ok, err, code = write(self.disk, path, bytes)
  if not ok then return self.loop:post(function() told(nil, err, code) end) end
  self:take(path, function(...)
    self.disk:unlink(path)
    told(...)
  end)
end

--- The held file KEY is hashed. TOLD(true): its bytes are the same; or TOLD(nil, text, code), once, never at once.
--- Where they are not, it is looked at as any copy that a disk spoiled.
function payloads:verify(key, told)
  local file, path = self.by_cid[key], self:path_of(key)
  if not path then
    return self.loop:post(function() told(nil, "missing: it is not here", "missing") end)
  end
  self.taking:verify(key, path, function(ok, err, code)
    if code == "block" and self.by_cid[key] == file then
      file.suspect = true
      self:check(file)
    end
    told(ok, err, code)
  end)
end

--- Who may be asked for the file KEY now: sources.lua's rows.
function payloads:chosen_sources(key)
  local list, one = self.suppliers:of(key), self.coming[key]
  return one and one.choose and one.choose(list) or list
end

--- Is the peer ID in a network of ours?
function payloads:near(id) return self.suppliers:near(id) end

--- Where the whole file KEY lies, which is held here | nil: it is not, or its disk is not there
function payloads:path_of(key)
  local file = self.by_cid[key]
  return file and not file.going and not self.disk_space.away and store.path(self, file) or nil
end

--- Bytes of the held file KEY | nil: it is not held
function payloads:size_of(key)
  local file = self.by_cid[key]
  return file and file.identity.size
end

--- Is the held file KEY one?
function payloads:is_payload(key) return self.is_apart[key] == true end

--- CIDs of those that are held, sorted.
function payloads:payloads() return sorted.keys(self.is_apart) end

--- IS: what came of the file KEY is left alone, though it is not being fetched now, since it is gone on with.
function payloads:await(key, is) self.awaited[key] = is or nil end

--- Bytes that a file which begins now may take | nil: unknown
function payloads:free() return self.disk_space:free() end

--- The folder that it goes to, which may have a disk of its own
function payloads:disk_path() return self.disk_space.path end

return payloads
