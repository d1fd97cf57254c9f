-- init.lua - this node's content: what it serves, fetches and claims to hold. Decides nothing of whom to share with.
local quarantine = require "dcache.content.quarantine"
local claim_data = require "dcache.content.claim_data"
local claims = require "dcache.content.claims"
local client = require "dcache.content.http_client"
local fetch = require "dcache.content.fetch"
local file_rows = require "dcache.content.files"
local leaves_of = require "dcache.content.leaves"
local letting_go = require "dcache.content.letting_go"
local listed = require "dcache.content.listed"
local listeners = require "listeners"
local jobs = require "dcache.content.job"
local store = require "dcache.content.store"
local origins = require "dcache.content.origins"
local partials = require "dcache.content.partials"
local payloads = require "dcache.content.payloads"
local place = require "dcache.content.place"
local atomic_write = require "atomic_write"
local disk_space = require "dcache.content.disk_space"
local incoming = require "dcache.content.incoming"
local integrity = require "dcache.content.integrity"
local known = require "dcache.content.known"
local old_files = require "dcache.content.old_files"
local scrub = require "dcache.content.scrub"
local rehash = require "dcache.content.rehash"
local sources = require "dcache.content.sources"
local taking = require "dcache.content.taking"

local content = {}
content.__index = content
for _, methods in ipairs { letting_go, listed, payloads } do
  for name, method in pairs(methods) do content[name] = method end -- any order
end

local LOOK_EVERY = 60 * 1000 -- ms between two looks whether what is held is still there
local SUSPECT_EVERY = 2000 -- ms between two looks at what the gateway could not serve
local STALL = 15 * 1000 -- ms that a file may hold up others while nobody who has it can be asked
local ALONE = 10 * 60 * 1000 -- the same where it holds up nobody: what came of it need not be hashed again
local TTL = 30 * 24 * 60 * 60 -- s that a claim holds; said again after half of it

--- given.loop          the event loop
--- given.disk          core.disk
--- given.log           lua/log.lua
--- given.random        core.random
--- given.dir           the state folder (path)
--- given.id            this node's peer ID (text)
--- given.gateway       core.gateway's object, or nil: nothing is served
--- given.publish       fn(verb, bucket, key, data, ttl in s) → true | nil, text, code
--- given.statements    fn(bucket) → array of { key =, mine =, verb =, data = }
--- given.holders       fn(cid), and given.peer fn(id): as sources.lua has them
--- given.files         fn(fn(record)) → { stop = fn }: each statement of share/files, later and in slices
--- Optional:
--- given.time          lua/time.lua; without it claims are said at each start
--- given.ttl           s that a claim holds (30 days)
--- given.mount         core.mount
--- given.http          http_client.lua's object
--- given.flusher       fn(threads) → worker, see fetch.lua
--- given.atomic_write  lua/atomic_write.lua's object
--- given.space         fn(path) → free bytes, see disk_space.lua
--- given.domain        fn() → what fails together with this node (a text), false: it is a carrier; nil: it alone
--- given.store         folder of the copies, which is not made here (path); nil: STATE/files, which is
--- given.robot         fn(id) → the name of that robot | nil
--- given.said          fn(cid, id) → DATA of what that node shares under the CID | nil
--- given.on_progress   fn(done, size, source, cid), see fetch.lua
--- given.date          fn() → text for the name of a damaged file
function content.new(given)
  local self = setmetatable({ loop = given.loop, disk = given.disk, log = given.log, dir = given.dir,
    time = given.time, gateway = given.gateway, publish = given.publish, statements = given.statements,
    files = given.files, ttl = given.ttl or TTL, list = {}, by_cid = {}, by_path = {},
    expected = {}, bytes = 0, apart = 0, is_apart = {}, awaited = {},
    store = given.store or given.dir .. "/files", is_given = given.store ~= nil,
    start_worker = given.flusher, robot = given.robot or function() end, coming = {}, shared = {}, owed = {},
    unsaid = {}, domain = given.domain or function() end, said = given.said or function() end }, content)
  self.http = given.http or client.new { loop = given.loop }
  self.atomic_write = given.atomic_write
    or atomic_write.new { disk = given.disk, log = given.log, start = given.flusher }
  self.rows = file_rows.open { loop = given.loop, disk = given.disk, log = given.log, dir = given.dir,
    date = given.date, start = given.flusher }
  self.leaves = leaves_of.new { disk = given.disk, atomic_write = self.atomic_write, dir = given.dir }
  old_files.move_place(given.disk, given.dir)
  self.suppliers = sources.new { id = given.id, holders = given.holders, peer = given.peer }
  self.disk_space = disk_space.new { loop = given.loop, path = self.store, space = given.space,
    reserved = function() return self:reserved() end }
  self.partials = partials.new { disk = given.disk, log = given.log, dir = given.dir, store = self.store,
    disk_space = self.disk_space, awaited = self.awaited }
  self.fetcher = fetch.new { loop = given.loop, disk = given.disk, http = self.http, log = given.log,
    random = given.random, dir = given.dir, on_progress = given.on_progress, stall = STALL,
    alone = ALONE, flusher = given.flusher, disk_space = self.disk_space,
    partial = function(cid) return self.partials:folder() .. "/" .. cid end,
    place = function(cid, name) return incoming.place(self, cid, name) end,
    sources = function(cid) return self:chosen_sources(cid) end }
  self.partials.fetcher = self.fetcher
  self.quarantine, self.losses, self.first_files = quarantine.new(given), listeners.new(), listeners.new()
  self.integrity = integrity.new { loop = given.loop, disk = given.disk, atomic_write = self.atomic_write,
    flusher = given.flusher,
    log = given.log, mount = given.mount, date = given.date, dir = given.dir, folder = self.store,
    leaves_of = function(file) return store.leaves(self, file) end,
    path_of = function(file) return store.path(self, file) end, told = function(...) store.checked(self, ...) end }
  self.rehash = rehash.new { loop = given.loop, start = given.flusher }
  self.taking = taking.new { content = self, start = given.flusher }
  self.scrub = scrub.new { content = self, start = given.flusher }
  return self
end

--- FN() → why nothing is fetched now | nil.
function content:use_pause(fn) self.fetcher.paused = fn end

--- Files are asked for over STREAMS (streams.lua), too, from here on; nil: no more.
function content:use_streams(streams) self.fetcher.streams, self.suppliers.streams = streams, streams end

-- fn(cid, damaged) from here on: a copy was lost, as its bytes changed or it is missing. → a function that ends it.
function content:on_lost(fn) return self.losses:add(fn) end

-- fn() from here on, when a file is held where none was. → a function that ends it.
function content:on_holding(fn) return self.first_files:add(fn) end

function content:check(file) store.check(self, file) end

-- Why nothing can be put into the store: it was named by a person, and is not there | nil
function content:store_is_missing()
  return self.is_given and not self.disk:stat(self.store) and "there is no such folder" or nil
end

-- Not held any more: withdrawn at the next block, then unsaid, then forgotten; the bytes are the operator's.
function content:lose(file, why) store.lose(self, file, why) end

-- The gateway is there, later than this was made: what is held is served from here on.
function content:open(gateway)
  self.gateway = gateway
  for _, file in ipairs(self.list) do file.served = nil end
  store.say_partly(self)
  store.check_all(self)
end

-- The time is another one now: claims that went with the other are made again.
function content:say_again()
  claims.remember(self)
  store.check_all(self)
end

-- Statements of ours that this disk did not know came back from others.
function content:put_right()
  self:say_again()
  known.search_again(self)
end

-- Folders are made, and synced, before there is anybody to wait; what fails is tried again when it is needed.
function content:start()
  self.disk:mkdir(self.dir .. "/partial")
  known.load(self)
  known.expect(self)
  if not self.list[1] and not self.is_given then self.disk:mkdir(self.store) end -- else its disk may be away
  claims.remember(self)
  store.check_all(self)
  origins.check(self)
  self.timer = self.loop:every(LOOK_EVERY, function()
    store.check_all(self)
    self.scrub:check()
    if not self.rows.anew then self.leaves:sweep(self.loop) end
  end)
  self.suspecting = self.loop:every(SUSPECT_EVERY, function()
    store.check_suspects(self)
    store.check_away(self)
    store.say_unsaid(self)
  end)
end

-- NAME: the path that its origin gives it. done(path, label of who gave it) once every block is checked, synced and in
-- place, or done(nil, text, code); once, never at once. Codes and pressed as fetch.lua's start has them. ORIGIN: {
-- class =, from = peer ID }, what is claimed of it then, beside the name; or { payload = true, choose = as payloads.lua
-- has it }.
function content:fetch(...) incoming.fetch(self, ...) end

-- The peer ID can be reached again.
function content:back(id) self.fetcher:back(id) end

-- An own file of the share folder: FOLDER/NAME is served until withdraw, to whom CLASS goes ("lab", "swarm", "public").
-- → true | nil, text, code
function content:serve(key, folder, name, identity, leaves, class)
  if not self.gateway then return true end
  local ok, err, code = self.gateway:serve { cid = key, folder = folder, name = name, identity = identity,
    leaves = leaves, class = class }
  if ok then self.shared[key] = true end
  return ok, err, code
end

-- No block of it from here on, but for what is held as a copy of somebody's.
function content:withdraw(key)
  self.shared[key] = nil
  if not self.gateway then return false end
  local was, file = self.gateway:withdraw(key), self.by_cid[key]
  if file then store.serve(self, file) end
  return was
end

-- DATA of the claim to hold FILE.
function content:claim(file)
  if place.is_payload(file.path) then
    return claim_data.of_payload(self.suppliers.id, file.path, file.identity.size)
  end
  return claim_data.of(file, self.domain())
end

-- RECORD: a statement of share/files that was heard, as dcache reads it.
function content:heard(record) origins.learn(self, record) end

-- Does the gateway give the whole of it, as an own file or as a copy?
function content:serves(key)
  return self.gateway ~= nil and (self.shared[key] or self.by_cid[key] ~= nil and not self.disk_space.away) or false
end

--- Is it held, or was it and is looked for (scan.lua)?
function content:holds(key) return self.by_cid[key] ~= nil or self.expected[key] ~= nil end

-- Bytes of those that the peer ID shared.
function content:held_of(id) return origins.bytes(self, id) end

-- Bytes of the file KEY that lie here of a fetch which ended before its time; 0: none.
function content:begun(key) return self.partials:size(key) end

-- Does the disk that fetched files go to take any?
function content:takes() return self.disk_space:takes() end

-- Is the disk not there on which the held files are?
function content:copies_are_away() return self.disk_space.away ~= nil end

-- job.lua's rows, with name = its path at its origin, from = peer ID of that | nil.
function content:fetching()
  local rows = self.fetcher:status()
  for _, row in ipairs(rows) do
    local one = self.coming[row.cid] or row
    row.name, row.from = one.name, one.from
  end
  return rows
end

-- Held copies that turned out damaged and were set aside: quarantine.lua's rows.
function content:damaged() return self.quarantine:list() end

-- What is wrong with the disk that fetched files go to: disk_space.lua's trouble | nil
function content:trouble() return self.disk_space:trouble() end

-- Beginnings of files that are not being fetched, and what is done about them: partials.lua.
function content:partial_files() return self.partials:idle() end
function content:drop(key, why) self.partials:drop(key, why) end
function content:make_room(key) return self.partials:make_room(key) end

-- Bytes that the files which are being fetched will still take from the disk.
function content:reserved() return jobs.reserved(self.fetcher.jobs) end

function content:sources(key) return self.suppliers:of(key) end

-- { served = the gateway's counts or nil, refused = { word = count } of what was fetched }
function content:counts()
  return { served = self.gateway and self.gateway:counts() or nil, refused = self.fetcher.refused }
end

function content:stop()
  self.stopped = true
  for _, timer in ipairs { self.timer or false, self.suspecting or false } do
    if timer then timer:cancel() end
  end
  self.integrity:stop()
  self.scrub:stop()
  self.taking:stop()
  self.rehash:stop()
  if self.learning then self.learning.stop() end
  self.fetcher:stop()
  self.atomic_write:close()
  for _, file in ipairs(self.list) do
    if not file.saved then store.write_down(self, file, function() end) end
  end
  self.rows:stop()
  self.http:close()
  if self.gateway then self.gateway:close() end
end

return content
