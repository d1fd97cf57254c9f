-- store.lua - what content holds: looked at, served, claimed while it is whole, and let go of. Fetches nothing.
--
-- Its functions take content (init.lua) first.
local claims = require "dcache.content.claims"
local known = require "dcache.content.known"
local stored = require "dcache.content.stored"
local sorted = require "sorted"

local store = {}

local LOOK_SLICE <const> = 32 -- files that are looked at in a turn: over a network each may take half a millisecond

--- Where FILE lies; one of an earlier version may be elsewhere than in the store.
function store.path(self, file)
  return file.path:sub(1, 1) == "/" and file.path or self.store .. "/" .. file.path
end

--- The digests of its leaves | nil: they are not known, and it has to be hashed.
function store.leaves(self, file) return file.leaves or self.leaves:read(file.cid, file.identity.size) end

function store.serve(self, file)
  if not self.gateway or self.shared[file.cid] then return true end
  local folder, name = store.path(self, file):match "^(.*)/([^/]+)$"
  local leaves = store.leaves(self, file)
  if not leaves then
    self.integrity:rehash(file)
    return nil, "what is known of its leaves is lost: it is hashed again"
  end
  return self.gateway:serve { cid = file.cid, folder = folder, name = name, identity = file.identity,
    leaves = leaves, class = file.origin and file.origin.class }
end

local function remove(self, file)
  self.by_cid[file.cid], self.by_path[file.path] = nil, nil
  self:count(file, -1)
  for i, each in ipairs(self.list) do
    if each == file then table.remove(self.list, i) end
  end
end

-- Withdrawn at the next block, then unsaid, then forgotten; the file itself is the operator's.
local function lose(self, file, why)
  if self.gateway and not self.shared[file.cid] then self.gateway:withdraw(file.cid) end
  remove(self, file)
  claims.dismiss(self, file.cid)
  self.rows:drop(stored.row(file), function() self.leaves:drop(file.cid) end)
  self.log:warn("content", "no longer held", { name = file.name, cid = file.cid, why = why })
end

local check

-- Asked to go: served no more and unsaid, whatever the disk says; where that keeps it, it is tried again while STILL()
-- says why.
function store.let_go(self, file, still)
  local why = file and still()
  if file and not why then
    file.going = nil
    return check(self, file)
  end
  if not file then return end
  if self.gateway and not self.shared[file.cid] then self.gateway:withdraw(file.cid) end
  file.served, file.going = nil, still
  local ok, err, code = self.disk:unlink(store.path(self, file))
  if ok or code == "ENOENT" then return lose(self, file, why) end
  if file.said or file.renew_at then claims.dismiss(self, file.cid) end
  file.said, file.renew_at = nil, nil
  self.log:once("let go " .. file.cid, "warn", "content", "cannot be removed", { name = file.name, why = err })
end

local function trouble(self, file, what, err)
  self.log:once(what .. " " .. file.cid, "warn", "content", what, { name = file.name, why = err })
end

-- Leaves first, then the row, which names them; both are on the disk when TOLD(true) is called.
function store.write_down(self, file, told)
  local function put(ok, err)
    if not ok or self.by_cid[file.cid] ~= file then return told(nil, err) end
    self.rows:put(stored.row(file), told)
  end
  if file.leaves then self.leaves:keep(file.cid, file.leaves, put) else put(true) end
end

-- Written down beside the loop; what was lost meanwhile stays forgotten.
local function save(self, file)
  if file.saving then return end
  file.saving = true
  local origin, also, identity = file.origin, file.also, file.identity
  store.write_down(self, file, function(ok, err)
    file.saving = nil
    if self.by_cid[file.cid] ~= file then return end
    if not ok then return trouble(self, file, "cannot be written down", err) end
    file.saved = file.origin == origin and file.also == also and file.identity == identity or nil -- else once more
    file.leaves = nil
    check(self, file)
  end)
end

-- Not a copy any more: unsaid, its bytes set aside, and whoever wants it may fetch it again.
local function spoil(self, file, why)
  lose(self, file, "damaged: " .. why)
  local ok, err = self.quarantine:put(store.path(self, file), file)
  if not ok then self.log:warn("content", "stays where it is, not set aside", { name = file.name, why = err }) end
  self.losses:call(file.cid, true)
end

-- Its bytes were hashed: they are the same, if under another identity, or not.
function store.checked(self, file, identity, why)
  if self.by_cid[file.cid] ~= file then return end
  if not identity then return spoil(self, file, why) end
  self.log:info("content", "held file checked again: whole", { name = file.name, cid = file.cid })
  file.identity, file.saved, file.served, file.suspect = identity, nil, nil, nil
  check(self, file)
end

-- Looks whether FILE is what it was, serves it and says so.
function check(self, file)
  if file.going then return store.let_go(self, file, file.going) end
  local state, why = self.integrity:check(file)
  if state == "checked" then
    return self.log:once("check " .. file.cid, "debug", "content", "held file is checked", { name = file.name })
  end
  if state == "unknown" then return trouble(self, file, "cannot be looked at", why) end
  if state == "damaged" then return spoil(self, file, why) end
  if state == "missing" and known.come_home(self, file) then return check(self, file) end
  if state == "missing" then
    lose(self, file, "missing")
    return self.losses:call(file.cid)
  end
  if not file.saved then return save(self, file) end
  if self.held_back and file.earlier then return end
  local ok, err
  if not file.served then
    ok, err = store.serve(self, file)
    if not ok then return trouble(self, file, "cannot be served", err) end
    file.served = true
  end
  ok, err = claims.say(self, file)
  if not ok then trouble(self, file, "not claimed yet", err) end
end

-- A disk that is not there: said, and nothing is fetched to the place where it was.
function store.note_away(self)
  local why, was = self.integrity.away or self:store_is_missing(), self.disk_space.away
  self.disk_space:set_away(why)
  if why and not was then
    self.log:warn("content", "the disk of held files is not there: nothing is unsaid", { why = why })
  elseif was and not why then
    self.log:info("content", "the disk of held files is there again", { path = self.disk_space.path })
  end
end

-- What lies where the store should be, as a text.
local function seen_at(self)
  local facts = self.disk:stat(self.store)
  return facts and ("%d %d"):format(facts.dev or 0, facts.ino or 0) or ""
end

-- While the disk of the store is not there: something else lies in its place now, so all is looked at soon.
function store.check_away(self)
  if not self.disk_space.away then
    self.seen_at = nil
    return
  end
  local now, before = seen_at(self), self.seen_at
  self.seen_at = now
  if not before or before == now then return end
  self.search_at = nil
  store.check_all(self)
end

-- Who asks for what is held and not served yet is to ask again, not to believe that it is not here.
function store.say_partly(self)
  if self.gateway and self.gateway.partly then self.gateway:partly(self.held_back ~= nil and self.list[1] ~= nil) end
end

-- All that is held: a slice at once, the others in later turns.
function store.check_all(self)
  local list, at = table.move(self.list, 1, #self.list, 1, {}), 0
  self.integrity:begin()
  for _, cid in ipairs(sorted.keys(self.owed)) do claims.dismiss(self, cid) end
  local function slice()
    for _ = 1, LOOK_SLICE do
      at = at + 1
      if self.stopped then return end
      if not list[at] then
        self.integrity:finish()
        if next(self.expected) then self.integrity:is_there() end
        store.note_away(self)
        store.say_partly(self)
        return known.search(self)
      end
      if self.by_cid[list[at].cid] == list[at] then check(self, list[at]) end
    end
    self.loop:post(slice)
  end
  slice()
end

-- Claims of which a name was learnt so soon after they were said that it waited.
function store.say_unsaid(self)
  local now = self.loop:now()
  for _, cid in ipairs(sorted.keys(self.unsaid)) do
    local file = self.by_cid[cid]
    if not file then
      self.unsaid[cid] = nil
    elseif not file.renew_at or now >= file.renew_at then
      check(self, file)
    end
  end
end

-- What the gateway found other bytes in, or could not read, is looked at more closely.
function store.check_suspects(self)
  for _, cid in ipairs(self.gateway and self.gateway.suspects and self.gateway:suspects() or {}) do
    local file = not self.shared[cid] and self.by_cid[cid]
    if file then
      file.suspect = true
      check(self, file)
    end
  end
end

store.lose, store.check = lose, check

return store
