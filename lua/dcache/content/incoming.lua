-- incoming.lua - a copy on its way: may it come, where does it lie, is it held now? Fetches no block.
--
-- Its functions take content (init.lua) first.
local claim_data = require "dcache.content.claim_data"
local known = require "dcache.content.known"
local origins = require "dcache.content.origins"
local store = require "dcache.content.store"
local stored = require "dcache.content.stored"

local incoming = {}

-- Is anything held, or was and is looked for?
local function is_known(self) return self.list[1] ~= nil or next(self.expected) ~= nil end

--- Where the file KEY goes now that it is whole → path | nil, text, code: the store is not there
function incoming.place(self, key, name)
  local one = self.coming[key]
  if self:store_is_missing() or is_known(self) and not self.integrity:is_there() then
    store.note_away(self)
    return nil, ("ENOENT: %s: it is not there"):format(self.store), "ENOENT"
  end
  one.path = one.path or one.payload and known.place_payload(self, key, name)
    or known.place(self, key, name, one.origin)
  return self.store .. "/" .. one.path
end

-- → true | nil, text, code
local function take(self, key, one, path, leaves)
  local why = self.bar and self.bar(key, one.from)
  if why then
    self.disk:unlink(path)
    return nil, "permission: " .. why, "permission"
  end
  local facts, err, code = self.disk:stat(path)
  if not facts then return nil, err, code end
  self:insert { cid = key, path = one.path, name = path:match "([^/]+)$", identity = stored.identity(facts),
    leaves = leaves, origin = one.origin, taken = self.time and self.time:now() }
  store.check(self, self.by_cid[key])
  return true
end

-- What is claimed of it, by what ORIGIN (content:fetch) says and its robot shares.
local function origin_of(self, key, name, origin)
  local data = origin and self.said(key, origin.from)
  return data and origins.said(key, origin.from, data, name)
    or origin and claim_data.origin(key, { class = origin.class, from = origin.from, name = name }) or nil
end

local function start(self, key, size, name, done, pressed, origin)
  local one = { name = name, from = origin and origin.from, payload = origin and origin.payload,
    choose = origin and origin.choose }
  local ok, err, code = self.fetcher:start(key, size, name, function(path, leaves, why)
    self.coming[key] = nil
    local taken, who = nil, why
    if path then taken, leaves, why = take(self, key, one, path, leaves) end
    if taken then return done(path, who) end
    if one.path and not self.by_cid[key] then self.by_path[one.path] = nil end
    done(nil, leaves, why)
  end, pressed)
  if not ok then return nil, err, code end
  one.origin, self.coming[key] = not one.payload and origin_of(self, key, name, origin) or nil, one
  return true
end

--- The file KEY is whole, and lies in the store at ONE.path, with those LEAVES (digests) → true | nil, text, code
incoming.take = take

--- Something is about to come into the store: is that there?
function incoming.prepare(self)
  if not is_known(self) and not self.is_given then
    self.integrity.home_filesystem:leave()
  elseif self:store_is_missing() or is_known(self) and not self.integrity:is_there() then
    store.note_away(self)
  end
end

--- content:fetch.
function incoming.fetch(self, key, ...)
  local ok, err, code = nil, "duplicate: it is held", "duplicate"
  if not self.by_cid[key] then
    incoming.prepare(self)
    ok, err, code = start(self, key, ...)
  end
  local done = select(3, ...)
  if not ok then self.loop:post(function() done(nil, err, code) end) end
end

return incoming
