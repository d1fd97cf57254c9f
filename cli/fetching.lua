-- fetching.lua - one file, from given sources to a given path, for a command that waits. Knows no command line.
local fetch = require "dcache.content.fetch"
local amount = require "amount"
local room = require "dcache.content.room"
local watching = require "cli.watching"
local worker = require "worker"

local fetching = {}

local PATIENCE <const> = 30000 -- ms without a block after which it gives up; what came is kept
local SILENT_FIRST <const>, SILENT <const> = 4000, 10000 -- the same where nobody gives anything: nothing came, some did

local function quiet() end

local function folder_of(path)
  local folder = path:match "^(.*)/[^/]*$"
  return folder == "" and "/" or folder or "."
end

--- Where the blocks of CID are put together: beside TARGET, so that it can be renamed into place.
function fetching.partial(target, cid)
  return ("%s/.%s.part"):format(folder_of(target), cid)
end

local CANNOT <const> = {
  ENOENT = "the folder %s is not there", ENOTDIR = "%s is no folder", EACCES = "we may not write to the folder %s",
  EPERM = "we may not write to the folder %s", EROFS = "the disk of %s is read-only", ENOSPC = "the disk of %s is full",
  EDQUOT = "the disk of %s has no room for us: our quota is used up",
}

-- Fails at once where a disk that refuses would be tried again and again. Leaves nothing behind.
local function writable(disk, path)
  local before = disk:stat(path)
  local file, message, word = disk:open(path, "create", 420) -- 0644
  if not file then return nil, CANNOT[word] and CANNOT[word]:format(folder_of(path)) or message, word end
  file:close()
  if not before then disk:unlink(path) end
  return true
end

local session = {}
session.__index = session

--- GIVEN: loop, disk, patience (ms; 30 s), space(path) → free bytes (not given: unknown), ask(request, told(answer or
-- nil, text, word)) without waiting (not given: nobody to ask). → what fetches files one after the other: run(given),
-- close()
function fetching.open(given)
  local self = setmetatable({ loop = given.loop, disk = given.disk, space = given.space, ask = given.ask,
    patience = given.patience or PATIENCE }, session)
  self.client = require("dcache.content.client").new { loop = self.loop }
  self.fetch = fetch.new {
    loop = self.loop, disk = self.disk, http = self.client, random = require("core.random").system(),
    log = { debug = quiet, info = quiet, warn = quiet, error = quiet, once = quiet }, patience = self.patience,
    silent = function(came) return math.min(self.patience, came > 0 and SILENT or SILENT_FIRST) end,
    sources = function() return self.watch.sources end,
    on_progress = function(...) if self.watch then self.watch:progressed(...) end end,
    partial = function() return self.part end, place = function() return self.given.place() end,
    flusher = function(threads) return worker.new { loop = self.loop, threads = threads } end,
  }
  return self
end

-- The halves that it leaves are worth their place, or gone: what of it is there is said.
local function ending(self, message, gone)
  local facts = self.disk:stat(self.part)
  if not facts then return message end
  if gone or facts.size == 0 then
    self.disk:unlink(self.part)
    return message
  end
  return ("%s; %s of %s came and are kept: ask again to go on"):format(message, amount.of(facts.size),
    amount.of(self.given.size))
end

local function begin(self, given, finish)
  local ok, why, word = writable(self.disk, self.part)
  if not ok then return nil, why, word end
  self.fetch.room = room.new { loop = self.loop, path = folder_of(given.target), space = self.space }
  return self.fetch:start(given.cid, given.size, given.name or given.cid, finish)
end

--- GIVEN: cid, size (bytes), name, sources (array of {url=, name=, …}), target (path), place() → the path that it is
-- renamed to at the end, on_row(job.lua's row) now and then. Runs the loop until the end.
-- → path, nil, nil, bytes that were there from an earlier time | nil, text without a full stop, word
function session:run(given)
  self.given, self.part = given, fetching.partial(given.target, given.cid)
  local path, message, word, gone, ended
  local function finish(found, ...)
    if ended then return end
    ended, path = true, found
    if not found then message, word, gone = ... end
    self.watch:stop()
    self.loop:stop()
  end
  self.watch = watching.new { loop = self.loop, ask = self.ask, fetch = self.fetch, cid = given.cid,
    sources = given.sources, on_row = given.on_row, finish = finish, patience = self.patience }
  local facts = self.disk:stat(self.part)
  local ok, why, kind = begin(self, given, finish)
  if not ok then
    self.watch:stop()
    return nil, (why:gsub("^%l+: ", "")), kind
  end
  self.loop:run()
  if path then return path, nil, nil, facts and facts.size or 0 end
  return nil, ending(self, (message:gsub("^%l+: ", "")), gone), word
end

function session:close()
  self.fetch:stop()
  self.client:close()
end

return fetching
