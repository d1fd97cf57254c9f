-- scan.lua - looks through the store for files that no row knows: hashed, and held where a record names them.
--
-- It deletes none. After a database was lost or damaged this finds all copies again; after a power cut the one that had
-- its name and no row yet. What no record names is left alone. Its functions take content (init.lua) first.
local claim_data = require "dcache.content.claim_data"
local unixfs = require "core.unixfs"
local worker = require "worker"

local scan = {}

local SLICE <const> = 32 -- names that are looked at in a turn: over a network each may take half a millisecond
local LACKS <const> = { EMFILE = true, ENFILE = true, ENOMEM = true, EAGAIN = true, full = true, closed = true }
local DEEP <const> = 2 -- folders beneath the store: NAME~KEY4/YYYY-MM

-- The next name to look at: { path =, depth = } | nil. Folders wait on a stack, with their names.
local function next_name(self, look)
  while look.stack[1] do
    local folder = look.stack[#look.stack]
    folder.names = folder.names or self.disk:list(folder.path == "" and self.store or self.store .. "/" .. folder.path)
      or {}
    folder.at = folder.at + 1
    local name = folder.names[folder.at]
    if name then return folder.path == "" and name or folder.path .. "/" .. name, folder.depth end
    table.remove(look.stack)
  end
end

local function look_at(self, look, path, depth)
  if path:match "([^/]+)$":sub(1, 1) == "." then return end
  local facts = self.disk:stat(self.store .. "/" .. path)
  if not facts then return end
  if facts.kind == "directory" and depth < DEEP then
    look.stack[#look.stack + 1] = { path = path, at = 0, depth = depth + 1 }
  elseif facts.kind == "file" and not self.by_path[path] and not self.by_path[self.store .. "/" .. path] then
    look.unknown[#look.unknown + 1] = path
  end
end

-- What our own record says of the file KEY → its data | nil
local function claims_of(self)
  local own = {}
  for _, record in ipairs(self.statements "share/safe") do
    if record.mine and record.verb ~= "dismiss" then own[record.key] = record.data or {} end
  end
  return own
end

-- → is it held from here on?
local function take(self, look, path, result)
  local key, data = result.cid, look.own[result.cid]
  if not key or self.by_cid[key] or not (data or self.suppliers.holders(key)[1]) then return false end
  local origin = data and claim_data.origin(key, data)
  self:insert { cid = key, path = path, name = path:match "([^/]+)$", identity = result.identity,
    leaves = result.leaves, origin = origin, also = origin and claim_data.other_names(key, data), earlier = true }
  self:check(self.by_cid[key])
  return true
end

local function ended(self, look)
  if look.hasher then look.hasher:close() end
  if #look.unknown > 0 then
    self.log:info("content", "the store was looked through", { found = look.found,
      ["not named by any record"] = #look.unknown - look.found })
  end
  look.done(look.whole)
end

-- One after the other, beside the loop.
local function hash(self, look, i)
  local path = look.unknown[i]
  if self.stopped then return look.hasher and look.hasher:close() end
  if not path then return ended(self, look) end
  if not look.hasher then look.hasher = look.start() end
  local job = look.hasher and look.hasher:run(unixfs.hash, { folder = self.store, name = path }, function(result)
    if self.stopped then return end
    if take(self, look, path, result) then look.found = look.found + 1 end
    look.whole = look.whole and not LACKS[result.word]
    hash(self, look, i + 1)
  end)
  if job then return end
  look.whole = false
  ended(self, look)
end

--- DONE(whole) when all was looked at: at once where little is there and all of it is known. WHOLE: and hashed; not so
--- where this process lacked something. START(threads) → worker.
function scan.start(self, start, done)
  local look = { stack = { { path = "", at = 0, depth = 0 } }, unknown = {}, found = 0, whole = true, done = done,
    start = start or function() return worker.new { loop = self.loop, inline = true } end }
  local function slice()
    for _ = 1, SLICE do
      if self.stopped then return end
      local path, depth = next_name(self, look)
      if not path then
        look.own = claims_of(self)
        return hash(self, look, 1)
      end
      look_at(self, look, path, depth)
    end
    self.loop:post(slice)
  end
  slice()
end

return scan
