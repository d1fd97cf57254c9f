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
local function guard(job)
  local moved, have = job.loop:now(), nil
  return job.loop:every(LOOK, function()
    local now = job.fetch:status()[1]
    if not now then return end
    if now.done ~= have then moved, have = job.loop:now(), now.done end
    if job.loop:now() - moved < job.patience then return end
    job.fetch:cancel(job.cid)
    job.finish(nil, now.why or "no block came")
  end)
end

local function run(job, given)
  local path, message, watch
  function job.finish(found, why)
    path, message = found, why
    if watch then watch:cancel() end
    job.loop:stop()
  end
  local ok, why = job.fetch:start(given.cid, given.size, given.name or given.cid, job.finish)
  if not ok then return nil, why end
  watch = guard(job)
  job.loop:run()
  return path, message
end

--- GIVEN: loop, disk, cid, size (bytes), name, sources (array of {url=, name=, …}), target (path), place() → the
-- path that it is renamed to at the end, on_progress(done, size, source or nil). Runs the loop until the end.
-- → path | nil, text
function fetching.run(given)
  local part = fetching.partial(given.target, given.cid)
  local ok, message = writable(given.disk, part)
  if not ok then return nil, message end
  local client = require("dcache.content.client").new { loop = given.loop }
  local patience = given.patience or PATIENCE
  local job = {
    loop = given.loop, cid = given.cid, patience = patience + LOOK,
    fetch = fetch.new {
      loop = given.loop, disk = given.disk, http = client, random = require("core.random").system(),
      log = { debug = quiet, info = quiet, warn = quiet, error = quiet }, patience = patience,
      sources = function() return given.sources end, on_progress = given.on_progress,
      partial = function() return part end, place = given.place,
      flusher = function(threads) return worker.new { loop = given.loop, threads = threads } end,
    },
  }
  local path
  path, message = run(job, given)
  job.fetch:stop()
  client:close()
  return path, message
end

return fetching
