-- fetching.lua - one file, from given sources to a given path, for a command that waits. Knows no command line.
local far_blocks = require "cli.far_blocks"
local fetch = require "dcache.content.fetch"
local byte_size = require "byte_size"
local part_file = require "cli.part_file"
local disk_space = require "dcache.content.disk_space"
local watching = require "cli.watching"
local worker = require "worker"

local fetching = {}

local PATIENCE <const> = 30000 -- ms without a block after which it gives up; what came is kept
local SILENT_FIRST <const>, SILENT <const> = 4000, 10000 -- the same where nobody gives anything: nothing came, some did

local function quiet() end

fetching.partial = part_file.path

local session = {}
session.__index = session

-- Whom the daemon alone can ask goes by it; who is near is asked by this command, too.
local function reachable(self)
  local list = {}
  for _, row in ipairs(self.watch.sources) do
    local urls = { row.stream and self.ask and "stream:" .. row.id or nil }
    urls[#urls + 1] = row.url
    list[#list + 1] = urls[1] and { id = row.id, name = row.name, own = row.own, label = row.label, url = urls[1],
      urls = urls } or nil
  end
  return list
end

--- GIVEN: loop, disk, timeout (ms; 30 s), space(path) → free bytes (not given: unknown), ask(request, told(answer or
-- nil, text, code)) without waiting (not given: nobody to ask). → what fetches files one after the other: run(given),
-- close()
function fetching.open(given)
  local self = setmetatable({ loop = given.loop, disk = given.disk, space = given.space, ask = given.ask,
    timeout = given.timeout or PATIENCE }, session)
  self.client = require("dcache.content.http_client").new { loop = self.loop }
  self.fetch = fetch.new {
    loop = self.loop, disk = self.disk, http = self.client, random = require("core.random").system(),
    log = { debug = quiet, info = quiet, warn = quiet, error = quiet, once = quiet }, timeout = self.timeout,
    silent = function(came)
      return self.watch:silence(math.min(self.timeout, came > 0 and SILENT or SILENT_FIRST))
    end,
    sources = function() return reachable(self) end,
    on_progress = function(...) if self.watch then self.watch:progressed(...) end end,
    partial = function() return self.part end, place = function() return self.given.place() end,
    flusher = function(threads) return worker.new { loop = self.loop, threads = threads } end,
  }
  self.fetch.streams = self.ask and far_blocks.new(self.ask)
  return self
end

-- The partial files that it leaves are worth their place, or gone: what of it is there is said.
local function ending(self, message, gone)
  local facts = self.disk:stat(self.part)
  if not facts then return message end
  if gone or facts.size == 0 then
    self.disk:unlink(self.part)
    return message
  end
  return ("%s; %s of %s came and are kept: ask again to go on"):format(message, byte_size.of(facts.size),
    byte_size.of(self.given.size))
end

-- Nothing began: an empty half is not left behind.
local function tidy(self)
  local facts = self.disk:stat(self.part)
  if facts and facts.size == 0 then self.disk:unlink(self.part) end
end

local function begin(self, given, finish)
  self.fetch.disk_space = disk_space.new {
    loop = self.loop, path = part_file.folder_of(given.target), space = self.space }
  local ok, message, code = self.fetch:start(given.cid, given.size, given.name or given.cid, finish)
  if ok then return true end
  tidy(self)
  return nil, (message:gsub("^%l+: ", "")), code
end

-- Ctrl-C: what came is kept, and how much that is.
local function interrupted(self)
  self.fetch:cancel(self.given.cid)
  local facts = self.disk:stat(self.part)
  tidy(self)
  if not facts or facts.size == 0 then return "stopped; nothing had come yet" end
  return ("stopped; %s are kept, the same command goes on"):format(byte_size.of(facts.size))
end

-- Runs the loop until the end of what began. → path | nil, text, code
local function wait(self, given)
  local path, message, code, gone, ended
  local function finish(found, ...)
    if ended then return end
    ended, path = true, found
    if not found then message, code, gone = ... end
    self.watch:stop()
    self.loop:stop()
  end
  self.watch = watching.new { loop = self.loop, ask = self.ask, fetch = self.fetch, cid = given.cid,
    sources = given.sources, on_row = given.on_row, finish = finish, origin = given.origin, timeout = self.timeout }
  local signal = self.loop:signal("sigint", function() finish(nil, interrupted(self), "EINTR") end)
  local ok, why, kind = begin(self, given, finish)
  if ok then self.loop:run() else finish(nil, why, kind) end
  signal:cancel()
  if path or not ok or code == "EINTR" then return path, message, code end
  if code == "missing" then message = self.watch.why or message end
  return nil, ending(self, (message:gsub("^%l+: ", "")), gone), code
end

--- GIVEN: cid, size (bytes), name, origin (watching.lua's), sources (array of {url=, name=, …}), target (path),
-- place() → the path that it is
-- renamed to at the end, on_row(job.lua's row) now and then. Runs the loop until the end.
-- → path, nil, nil, bytes that were there from an earlier time | nil, text without a full stop, word (of fetch.lua;
-- "EINTR": by Ctrl-C, the text is a whole line)
function session:run(given)
  local part, let_go, code = part_file.take(self.disk, given.target, given.cid)
  if not part then return nil, let_go, code end
  self.given, self.part = given, part
  local facts = self.disk:stat(part)
  local path, message, kind = wait(self, given)
  let_go()
  if path then return path, nil, nil, facts and facts.size or 0 end
  return nil, message, kind
end

function session:close()
  self.fetch:stop()
  self.client:close()
end

return fetching
