-- job.lua - what is known of one file that is being fetched: made, begun anew, told. Fetches nothing.
local deadline = require "dcache.content.deadline"
local reasons = require "dcache.content.reasons"
local sources = require "dcache.content.sources"
local suppliers = require "dcache.content.suppliers"
local sorted = require "sorted"
local unixfs = require "core.unixfs"

local job = {}

local WINDOW = 2000 -- ms over which a rate is taken
local STILL = 5000 -- ms without a block after which nothing moves: then there is no rate

-- Nothing of the file is there. Links are a stack: the first to fetch is the last.
function job.restart(one)
  one.have, one.leaves, one.file, one.checking, one.finishing = 0, {}, nil, nil, nil
  one.links = { { cid = one.cid, size = one.size, offset = 0, height = unixfs.height(one.size) } }
end

-- now: ms of the loop.
function job.new(key, size, name, done, now)
  local one = { cid = key, size = size, name = name, done = done, flying = {}, in_flight = 0, came = 0, since = now,
    before = { at = now, came = 0 }, mark = { at = now, came = 0 } }
  job.restart(one)
  return one
end

-- Whom to ask for it, and how long it may keep its place. FETCHER: fetch.lua's; PRESSED as its start has it.
function job.supply(one, fetcher, pressed)
  local loop = fetcher.loop
  one.suppliers = suppliers.new { loop = loop, random = fetcher.random,
    list = function() return fetcher.sources(one.cid) end }
  one.deadline = deadline.new { loop = loop, most = fetcher.timeout, stall = fetcher.stall, alone = fetcher.alone,
    silent = function() return fetcher.silent and one.suppliers:all_failed() and fetcher.silent(one.came) or nil end,
    pressed = function() return not pressed or pressed() or one.suppliers:nobody() end }
end

-- BYTES came over the network.
function job.came(one, bytes, now)
  one.came, one.came_at = one.came + bytes, now
  if now - one.mark.at < WINDOW then return end
  one.before, one.mark = one.mark, { at = now, came = one.came }
end

-- Bytes a second over the last seconds | nil: nothing moves, or not for long enough to tell.
local function rate(one, now)
  local past = now - one.before.at
  if not one.came_at or now - one.came_at > STILL or past <= 0 then return nil end
  return (one.came - one.before.came) * 1000 // past
end

-- Something was asked of SOURCE.
function job.asked(one, source, now)
  one.source = source
  if one.waits then one.waits, one.since = false, now end
end

-- The peer ID may have another address now: requests that are under way to the old one are begun anew, since no answer
-- would come for long. → 0 (ms until they may be) | nil: there was none
function job.moved(one, id)
  local url, wait = one.suppliers:address(id), nil
  for _, request in ipairs(sorted.keys(one.flying)) do
    local link = one.flying[request]
    local is_of_him = url and link.source.id == id and not sources.is_stream(link.source.url)
    if is_of_him and link.source.url ~= url then
      link.client:cancel(request)
      one.flying[request], one.in_flight, wait = nil, one.in_flight - 1, 0
      one.links[#one.links + 1] = link
    end
  end
  return wait
end

-- Nobody can be asked now, or the disk takes nothing.
function job.waits(one, now)
  if not one.waits then one.waits, one.since = true, now end
end

-- { cid =, name =, size =, done = bytes, state = "fetching" or "waits", source = who is asked, or was last | nil,
-- source_id = his peer ID, via = "http" or "stream", rate = bytes/s | nil, reason = what keeps it, or did last | nil,
-- word = that as a word | nil, since_ms = ms that it has been in this state }
function job.row(one, now)
  return { cid = one.cid, name = one.name, size = one.size, done = one.have,
    state = one.waits and "waits" or "fetching", source = one.source and reasons.who(one.source),
    source_id = one.source and one.source.id, word = one.word,
    via = one.source and (sources.is_stream(one.source.url) and "stream" or "http"),
    reason = one.why or one.waits and reasons.NOBODY or nil,
    rate = not one.waits and rate(one, now) or nil, since_ms = now - one.since }
end

function job.rows(list, now)
  local rows = {}
  for i, one in ipairs(list) do rows[i] = job.row(one, now) end
  return rows
end

-- Bytes that the files of LIST will still take from the disk.
function job.reserved(list)
  local sum = 0
  for _, one in ipairs(list) do
    sum = sum + one.size - math.max(one.have, one.file and one.file.before or 0)
  end
  return sum
end

-- What the log says of it.
function job.trouble(one)
  return { name = one.name, done = one.have, size = one.size, why = one.why or reasons.NOBODY }
end

return job
