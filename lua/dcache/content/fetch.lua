-- fetch.lua - files by CID from several sources: every block checked, broken off and gone on with. Publishes nothing.
local ask = require "dcache.content.ask"
local backoff = require "backoff"
local cid = require "core.cid"
local unixfs = require "core.unixfs"
local jobs = require "dcache.content.job"
local partial = require "dcache.content.partial"
local reasons = require "dcache.content.reasons"
local resume = require "dcache.content.resume"
local disk_space = require "dcache.content.disk_space"
local sources = require "dcache.content.sources"
local suppliers = require "dcache.content.suppliers"
local request = require "dcache.content.request"
local worker = require "worker"

local fetch = {}
fetch.__index = fetch

local STORING_MAX, THREADS = 3, 2 -- leaves of a file on their way to the disk; one is checked while another is synced
local JOBS_MAX = 64 -- files at once; how many are good is for who starts them to say
local TAKEN = { "loop", "disk", "http", "log", "random", "sources", "timeout", "stall", "alone", "silent" }

--- given.loop, disk, http (http_client.lua), log, random
--- given.dir          below which files lie unless partial and place say otherwise (path)
--- given.sources      fn(cid) → array of { id =, name =, url =, own = }
--- given.on_progress  fn(done, size, source, cid): after each leaf; or nil
--- given.timeout, stall, alone  ms after which it gives up (deadline.lua's most, stall, alone)
--- given.silent       fn(bytes that came) → the same in ms where each source failed; or nil
--- given.disk_space   disk_space.lua's object; nil: all fits
--- given.partial, place  fn(cid, name) → paths on one file system
--- given.flusher      fn(threads) → a worker for hashing and for the disk; nil: one that works in the loop
--- Its field `streams` (streams.lua, or nil) is asked where a source's URL is that of a stream.
function fetch.new(given)
  local self = setmetatable({ jobs = {}, by_cid = {}, refused = {}, on_progress = given.on_progress or function() end,
    disk_space = given.disk_space or disk_space.new { loop = given.loop, path = given.dir },
    flusher = given.flusher or function() return worker.new { loop = given.loop, inline = true } end,
    partial = given.partial or function(key) return given.dir .. "/partial/" .. key end,
    place = given.place or function(key, name) return given.dir .. "/files/" .. key .. "/" .. name end }, fetch)
  for _, name in ipairs(TAKEN) do self[name] = given[name] end
  return self
end

local pump

local function count(self, code) self.refused[code] = (self.refused[code] or 0) + 1 end

local function call_back(job)
  for id, link in pairs(job.flying) do link.client:cancel(id) end -- the order plays no part
  job.flying, job.in_flight = {}, 0
end

local function remove(self, job)
  job.over = true
  if job.timer then job.timer:cancel() end
  call_back(job)
  if job.file then job.file:leave(job.have > 0) end
  self.by_cid[job.cid] = nil
  for i, each in ipairs(self.jobs) do
    if each == job then table.remove(self.jobs, i) end
  end
end

local function fail(self, job, err, code)
  remove(self, job)
  job.done(nil, err, code)
end

local function later(self, job, ms)
  if job.timer then job.timer:cancel() end
  job.timer = self.loop:after(ms, function()
    job.timer = nil
    pump(self, job)
  end)
end

-- The disk refused. A full one: the file waits elsewhere, so that it holds up no small one that still fits. Else it is
-- said, the block is fetched again, and until then nobody is asked for more.
local function disk_failed(self, job, err, code)
  if job.over then return end
  count(self, "disk")
  job.why, job.word = self.disk_space:refused(code, err), "disk"
  jobs.waits(job, self.loop:now())
  if job.file and job.file.lost and not job.file.placed then
    call_back(job)
    job.file:discard()
    jobs.restart(job)
  end
  if disk_space.is_full(code) then return fail(self, job, "disk: " .. job.why, "disk") end
  if (job.retry_at or 0) > self.loop:now() then return end
  job.disk_backoff = job.disk_backoff or backoff.quick(nil)
  local wait = job.disk_backoff:next()
  job.retry_at = self.loop:now() + wait
  self.log:warn("content", "disk refused", { name = job.name, word = code, why = err, again_ms = wait })
  later(self, job, wait)
end

local function finish(self, job)
  local path, why, word = self.place(job.cid, job.name)
  if not path then return disk_failed(self, job, why, word) end
  job.finishing = true
  job.file:finish(path, function(ok, err, code)
    job.finishing = nil
    if code == "length" then return fail(self, job, err, code) end -- somebody else cut the file
    if not ok then return disk_failed(self, job, err, code) end
    self.disk_space:took()
    remove(self, job)
    job.done(path, table.concat(job.leaves), job.source and reasons.who(job.source))
  end)
end

local function arrived(self, job, leaf, source)
  local _, digest = cid.parse(leaf.cid)
  job.leaves[leaf.offset // unixfs.chunk + 1] = digest
  job.have = job.have + leaf.size
  job.disk_backoff, job.why, job.word = nil, nil, nil
  if source then jobs.came(job, leaf.size, self.loop:now()) end
  job.deadline:arrived()
  self.on_progress(job.have, job.size, source, job.cid)
end

local function give_back(job, link) job.links[#job.links + 1] = link end

-- SILENT: nothing at all came of him.
local function source_failed(self, job, source, code, silent)
  count(self, code)
  job.why, job.word = reasons.of(silent and "closed" or code, source), code
  ask.failed(self, job, source, code)
  if suppliers.is_hostile(code) then
    job.lied = true
    self.log:warn("content", "wrong answer", { name = job.name, source = source.name or source.id, word = code })
  end
end

-- A leaf is hashed on its way to the disk.
local function store(self, job, link, source, bytes)
  local ms = self.loop:now() - link.asked
  job.file:write(link, bytes, function(ok, err, code)
    if code ~= "block" then job.suppliers:gave(source, #bytes, ms) end
    if ok then arrived(self, job, link, source) else give_back(job, link) end
    if code == "block" then source_failed(self, job, source, code)
    elseif not ok then disk_failed(self, job, err, code) end
    pump(self, job)
  end)
end

-- Children go onto the stack so that the first comes off it first.
local function take(self, job, link, source, bytes)
  if link.height == 0 and #bytes == link.size then return store(self, job, link, source, bytes) end
  local children, err, code = unixfs.decode(link.cid, bytes, link.size, link.height)
  if code == "block" then
    give_back(job, link)
    return source_failed(self, job, source, code)
  elseif not children then -- these are the bytes of that CID: no source has better ones
    return fail(self, job, err, code)
  end
  job.suppliers:gave(source, #bytes, self.loop:now() - link.asked)
  for i = #children, 1, -1 do job.links[#job.links + 1] = children[i] end
end

local function answered(self, job, link, source, answer)
  job.flying[answer.id], job.in_flight = nil, job.in_flight - 1
  if answer.word then
    give_back(job, link)
    if resume.keep(link, source, answer) then -- it went on, if not to the end: nobody is to rest for that
      count(self, answer.word)
      job.why, job.word = reasons.of(answer.word, source), answer.word
      job.deadline:moved()
    else
      if sources.is_stream(source.url) then job.deadline:in_vain(self.loop:now() - link.asked) end
      source_failed(self, job, source, answer.word, answer.word == "slow" and (answer.status or 0) == 0)
    end
  else
    take(self, job, link, source, resume.whole(link, answer))
  end
  pump(self, job)
end

local function ask_for(self, job, link, source)
  local id, _, code = ask.block(self, link, source, job.suppliers:is_slow(source),
    function(answer) answered(self, job, link, source, answer) end)
  if not id then
    give_back(job, link)
    return source_failed(self, job, source, code)
  end
  job.flying[id], job.in_flight = link, job.in_flight + 1
  jobs.asked(job, source, self.loop:now())
  job.deadline:asked()
end

-- Nobody can be asked now, or (RESTS) is to be. With something under way its end goes on; else a timer does.
local function wait(self, job, ms, rests)
  if job.in_flight > 0 or job.file.storing > 0 then return end
  if rests then return later(self, job, ms) end
  jobs.waits(job, self.loop:now())
  local left = job.deadline:waits()
  if left <= 0 then
    local code = job.lied and "block" or "missing"
    return fail(self, job, ("%s: %s"):format(code, job.why or reasons.NOBODY), code)
  end
  if job.deadline:is_long() then self.log:once("waits " .. job.cid, "info", "content", "waits", jobs.trouble(job)) end
  later(self, job, math.min(ms + self.random:integer(ms // 4 + 1), left))
end

local function open(self, job)
  local err, code
  if not self.worker then self.worker, err, code = self.flusher(THREADS) end
  if self.worker then
    job.file, err, code = partial.open(self.disk, self.partial(job.cid, job.name), job.size, self.worker)
  end
  return job.file or disk_failed(self, job, err, code)
end

-- What was there before a restart is hashed, leaf by leaf, and not fetched.
local function check_old(self, job, link)
  job.checking = true
  job.file:check(link, function(kept)
    job.checking, link.checked = nil, true
    if kept then arrived(self, job, link) else give_back(job, link) end
    pump(self, job)
  end)
end

-- One step with the next link. → true when there may be another
local function advance(self, job)
  local link = job.links[#job.links]
  if link.height == 0 and not link.checked and link.offset + link.size <= job.file.before then
    table.remove(job.links)
    check_old(self, job, link)
    return false
  end
  local source, ms, rests = ask.pick(self, job)
  if not source then return wait(self, job, ms, rests) end
  table.remove(job.links)
  ask_for(self, job, link, source)
  return not job.over
end

function pump(self, job)
  if job.over or job.checking or job.finishing or (job.retry_at or 0) > self.loop:now() then return end
  if not job.file and not open(self, job) then return end
  while job.in_flight < job.suppliers:width() and job.file.storing < STORING_MAX and #job.links > 0 do
    if not advance(self, job) then return end
  end
  if job.in_flight + job.file.storing + #job.links == 0 then finish(self, job) end
end

local function refusal(self, key, size, name)
  local ok, err, code = request.check(key, size)
  if not ok then return err, code end
  if self.by_cid[key] then return "duplicate: it is being fetched", "duplicate" end
  if #self.jobs >= JOBS_MAX then return "full: too many files are being fetched", "full" end
  ok, err, code = self.disk_space:ask(key, partial.rest(self.disk, self.partial(key, name), size))
  if not ok then return err, code end
end

-- Fetches the file KEY of SIZE bytes and names it NAME; done(path, digests of its leaves, label of who gave it last |
-- nil) or done(nil, text, code), once, never at once; "missing" where nobody could be reached, "block" where one of
-- them lied. pressed() → does anything wait for this one's place? → true | nil, text, code (form, size, duplicate,
-- full; disk: the rest of it does not fit)
function fetch:start(key, size, name, done, pressed)
  name = request.file_name(name, key)
  local err, code = refusal(self, key, size, name)
  if err then return nil, err, code end
  local job = jobs.new(key, size, name, done, self.loop:now())
  jobs.supply(job, self, pressed)
  self.by_cid[key] = job
  self.jobs[#self.jobs + 1] = job
  self.loop:post(function() pump(self, job) end)
  return true
end

-- The peer ID can be reached, again or elsewhere: who asks him in vain asks him anew, soon.
function fetch:back(id)
  for _, job in ipairs(self.jobs) do
    local ms = jobs.moved(job, id) or job.suppliers:back(id)
    if ms and (job.retry_at or 0) <= self.loop:now() then later(self, job, ms) end
  end
end

-- Forgets the job; what came of the file stays for another time. done is not called.
function fetch:cancel(key)
  if self.by_cid[key] then remove(self, self.by_cid[key]) end
end

-- It ends with done(nil, ERR, CODE); what came of the file stays for another time. What is whole by now is finished.
function fetch:give_up(key, err, code)
  local job = self.by_cid[key]
  if job and not job.finishing then fail(self, job, err, code) end
end

-- Facts of each (job.lua's row), in the order of start().
function fetch:status() return jobs.rows(self.jobs, self.loop:now()) end

function fetch:stop()
  while self.jobs[1] do remove(self, self.jobs[1]) end
  if self.worker then self.worker = self.worker:close() end
end

return fetch
