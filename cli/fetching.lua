-- fetching.lua - one file, from given sources to a given path, for a command that waits. It asks no daemon.
local fetch = require "dcache.content.fetch"
local worker = require "worker"

local fetching = {}

local PATIENCE <const> = 30000 -- ms without a block after which it gives up; what came is kept
local LOOK <const> = 500

local function quiet() end

local function folder_of(path)
  local folder = path:match "^(.*)/[^/]*$"
  return folder == "" and "/" or folder or "."
end

--- Where the blocks of CID are put together: beside TARGET, so that it can be renamed into place.
function fetching.partial(target, cid)
  return ("%s/.%s.part"):format(folder_of(target), cid)
end

-- Fails at once where a disk that refuses would be tried again and again.
local function writable(disk, path)
  local file, message, word = disk:open(path, "create", 420) -- 0644
  if not file then return nil, message, word end
  file:close()
  return true
end

-- A fetch waits for ever for a disk that is full; a person does not.
local function guard(self, key, finish)
  local moved, have = self.loop:now(), nil
  return self.loop:every(LOOK, function()
    local now = self.fetch:status()[1]
    if not now then return end
    if now.done ~= have then moved, have = self.loop:now(), now.done end
    if self.loop:now() - moved < self.patience + LOOK then return end
    self.fetch:cancel(key)
    finish(nil, now.why or "no block came")
  end)
end

local session = {}
session.__index = session

--- GIVEN: loop, disk, patience (ms; 30 s). → what fetches files one after the other: run(given), close().
function fetching.open(given)
  local self = setmetatable({ loop = given.loop, disk = given.disk, patience = given.patience or PATIENCE }, session)
  self.client = require("dcache.content.client").new { loop = self.loop }
  self.fetch = fetch.new {
    loop = self.loop, disk = self.disk, http = self.client, random = require("core.random").system(),
    log = { debug = quiet, info = quiet, warn = quiet, error = quiet }, patience = self.patience,
    sources = function() return self.given.sources end,
    on_progress = function(...) if self.given.on_progress then self.given.on_progress(...) end end,
    partial = function() return self.part end, place = function() return self.given.place() end,
    flusher = function(threads) return worker.new { loop = self.loop, threads = threads } end,
  }
  return self
end

--- GIVEN: cid, size (bytes), name, sources (array of {url=, name=, …}), target (path), place() → the path that it is
-- renamed to at the end, on_progress(done, size, source or nil). Runs the loop until the end. → path | nil, text, word
function session:run(given)
  self.given, self.part = given, fetching.partial(given.target, given.cid)
  local ok, why, kind = writable(self.disk, self.part)
  if not ok then return nil, why, kind end
  local path, message, word, watch
  local function finish(found, ...)
    path = found
    if not found then message, word = ... end
    watch:cancel()
    self.loop:stop()
  end
  ok, why, kind = self.fetch:start(given.cid, given.size, given.name or given.cid, finish)
  if not ok then return nil, why, kind end
  watch = guard(self, given.cid, finish)
  self.loop:run()
  return path, message, word
end

function session:close()
  self.fetch:stop()
  self.client:close()
end

--- One file: what open and run take. → path | nil, text, word
function fetching.run(given)
  local one = fetching.open(given)
  local path, message, word = one:run(given)
  one:close()
  return path, message, word
end

return fetching
