-- ask.lua - who is asked for a block, and how: by HTTP or over a stream, within the budget. Judges no answer.
local jobs = require "dcache.content.job"
local resume = require "dcache.content.resume"
local sources = require "dcache.content.sources"

local ask = {}

local LOOK_AGAIN <const> = 1000 -- ms, while this node pauses

-- Streams keep to the budget by themselves; on the LAN there is none.
local function is_charged(fetcher, source)
  return fetcher.streams and source.far and not sources.is_stream(source.url)
end

--- Whom FETCHER (fetch.lua) asks next for JOB → source | nil, ms until that is to be looked at again; nil, ms, true:
--- nobody is asked so long, whoever could be.
function ask.pick(fetcher, job)
  local why = fetcher.paused and fetcher.paused()
  if why then
    job.why, job.word = "this node pauses: " .. why, "pause"
    jobs.waits(job, fetcher.loop:now())
    return nil, LOOK_AGAIN, true
  end
  local source, ms = job.suppliers:pick()
  local owed = source and is_charged(fetcher, source) and fetcher.streams:charge(0) or 0
  if owed > 0 then return nil, owed, true end
  return source, ms
end

-- What does not come is not charged.
local function settled(fetcher, size, done)
  return function(answer)
    fetcher.streams:charge(#(answer.body or answer.part or "") - size)
    done(answer)
  end
end

--- SOURCE is asked by FETCHER for what is missing of the block LINK; FRESH: over a new connection, where that makes a
--- difference. DONE(answer) as http_client.lua's get has it. → request | nil, text, code
function ask.block(fetcher, link, source, fresh, done)
  local wanted = resume.request(link, source)
  local is_stream = fetcher.streams and sources.is_stream(source.url)
  wanted.fresh = fresh and not is_stream -- of which there is one
  link.asked, link.source, link.client = fetcher.loop:now(), source, is_stream and fetcher.streams or fetcher.http
  if is_stream then return fetcher.streams:get(source.id, wanted, done) end
  if is_charged(fetcher, source) then
    fetcher.streams:charge(wanted.max)
    done = settled(fetcher, wanted.max, done)
  end
  return fetcher.http:get(wanted, done)
end

--- SOURCE did not give it because of CODE, so that JOB asks him later, or elsewhere.
function ask.failed(fetcher, job, source, code)
  local is_unreached = job.suppliers:failed(source, code)
  if is_unreached and fetcher.streams and not sources.is_stream(source.url) then fetcher.streams:failed(source.id) end
end

return ask
