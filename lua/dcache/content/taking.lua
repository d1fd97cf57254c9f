-- taking.lua - a file of this machine is copied into the store, as a payload: hashed where it lies, copied leaf by
-- leaf, each checked, synced. Judges no file; changes none.
local cid = require "core.cid"
local incoming = require "dcache.content.incoming"
local known = require "dcache.content.known"
local partial = require "dcache.content.partial"
local request = require "dcache.content.request"
local unixfs = require "core.unixfs"
local worker = require "worker"

local taking = {}
taking.__index = taking

local WAITING_MAX <const> = 16
local CHANGED <const> = "moved: the file changed while it was copied"

--- content (init.lua), start(threads) → worker; nil: in the loop
function taking.new(given)
  local loop = given.content.loop
  return setmetatable({ content = given.content, loop = loop, disk = given.content.disk, queue = {},
    start = given.start or function() return worker.new { loop = loop, inline = true } end }, taking)
end

local begin

local function ended(self, ...)
  local job = table.remove(self.queue, 1)
  if job.source then job.source:close() end
  if job.file then job.file:leave(false) end
  if not self.queue[1] then self.worker = self.worker and self.worker:close() end
  job.told(...)
  begin(self)
end

-- The leaf NUMBER of the job's file, as fetch.lua has its links.
local function leaf_of(job, number)
  local offset = (number - 1) * unixfs.chunk
  return { cid = cid.make("raw", job.leaves:sub(number * 32 - 31, number * 32)), offset = offset,
    size = math.min(unixfs.chunk, job.size - offset) }
end

local function hold(self, job, path)
  local content = self.content
  local one = { path = path, payload = true }
  local ok, err, code = incoming.take(content, job.cid, one, content.store .. "/" .. path, job.leaves)
  if ok then return ended(self, job.cid, job.size) end
  content.by_path[path] = nil
  ended(self, nil, err, code)
end

local function finish(self, job)
  local path = known.place_payload(self.content, job.cid, job.name)
  job.file:finish(self.content.store .. "/" .. path, function(ok, err, code)
    if self.stopped then return end
    if ok then return hold(self, job, path) end
    self.content.by_path[path] = nil
    job.file:discard()
    ended(self, nil, code == "length" and CHANGED or err, code == "length" and "moved" or code)
  end)
end

local function copy(self, job, number)
  if (number - 1) * 32 >= #job.leaves then return finish(self, job) end
  job.file:copy(leaf_of(job, number), job.source, function(ok, err, code)
    if self.stopped then return end
    if ok then return copy(self, job, number + 1) end
    job.file:discard()
    ended(self, nil, code == "block" and CHANGED or err, code == "block" and "moved" or code)
  end)
end

-- Its bytes and its name are known. What is held already needs no copy.
local function hashed(self, job, result)
  local content = self.content
  if job.wanted and result.cid then
    return ended(self, result.cid == job.wanted or nil, "block: its bytes are those of another file", "block")
  end
  if not result.cid then return ended(self, nil, result.error, result.word) end
  job.cid, job.size, job.leaves = result.cid, result.size or result.identity.size, result.leaves
  if content:path_of(job.cid) then return ended(self, job.cid, job.size) end
  if content.fetcher.by_cid[job.cid] then return ended(self, nil, "duplicate: it is being fetched", "duplicate") end
  incoming.prepare(content)
  local ok, err, code = content.disk_space:ask(job.cid, job.size)
  content.disk_space:forget(job.cid)
  if not ok then return ended(self, nil, err, code) end
  local folder = content.partials:folder()
  self.disk:unlink(folder .. "/" .. job.cid) -- what came of an earlier try
  job.source, err, code = self.disk:open(job.path, "read")
  if job.source then job.file, err, code = partial.open(self.disk, folder .. "/" .. job.cid, job.size, self.worker) end
  if not job.file then return ended(self, nil, err, code) end
  copy(self, job, 1)
end

function begin(self)
  local job, err, code = self.queue[1], nil, nil
  if not job or job.begun or self.stopped then return end
  job.begun = true
  if not self.worker then self.worker, err, code = self.start(1) end
  local running = self.worker and self.worker:run(unixfs.hash, { folder = job.folder, name = job.base },
    function(result)
      if not self.stopped then hashed(self, job, result) end
    end)
  if not running then ended(self, nil, err or "closed: no thread", code or "closed") end
end

local function add(self, job)
  self.queue[#self.queue + 1] = job
  self.loop:post(function() begin(self) end)
end

--- Is the file at PATH that of the CID KEY? TOLD(true), or TOLD(nil, text, code).
function taking:verify(key, path, told)
  local folder, base = path:match "^(.*)/([^/]+)$"
  add(self, { folder = folder, base = base, wanted = key, told = told })
end

--- As content:take has it.
function taking:begin(path, told)
  local folder, base = path:match "^(/.*)/([^/]+)$"
  if not folder then folder, base = path:match "^(/)([^/]+)$" end
  if not folder or #self.queue >= WAITING_MAX then
    local err = folder and "full: too many files are being taken" or "form: the path of a file begins with /"
    return self.loop:post(function() told(nil, err, err:match "^%w+") end)
  end
  add(self, { path = path, folder = folder, base = base, told = told, name = request.file_name(base, "payload") })
end

function taking:stop()
  self.stopped = true
  for _, job in ipairs(self.queue) do
    if job.source then job.source:close() end
    if job.file then job.file:close() end
  end
  self.queue = {}
  if self.worker then self.worker:close() end
end

return taking
