-- ask.lua - one block asked of one source, by HTTP or over a stream. Judges no answer, tries nothing again.
local resume = require "dcache.content.resume"
local sources = require "dcache.content.sources"

local ask = {}

--- SOURCE is asked by FETCHER (fetch.lua) for what is missing of the block LINK; FRESH: over a new connection, where
--- that makes a difference. DONE(answer) as http_client.lua's get has it. → request | nil, text, code
function ask.block(fetcher, link, source, fresh, done)
  local wanted = resume.request(link, source)
  local is_stream = fetcher.streams and sources.is_stream(source.url)
  wanted.fresh = fresh and not is_stream -- of which there is one
  link.asked, link.source, link.client = fetcher.loop:now(), source, is_stream and fetcher.streams or fetcher.http
  if is_stream then return fetcher.streams:get(source.id, wanted, done) end
  return fetcher.http:get(wanted, done)
end

--- SOURCE did not give it because of CODE, so that JOB asks him later, or elsewhere.
function ask.failed(fetcher, job, source, code)
  local is_unreached = job.suppliers:failed(source, code)
  if is_unreached and fetcher.streams and not sources.is_stream(source.url) then fetcher.streams:failed(source.id) end
end

return ask
