-- resume.lua - the beginning of a block whose answer broke off: kept, so that the rest alone is asked for. No checks.
--
-- On a path that moves 5 KB/s and breaks each minute, a block of 1 MiB would never come in one answer. Both parts must
-- be from the same source: the block is checked as a whole, and if it is wrong we must know who lied.
local sources = require "dcache.content.sources"
local streams = require "dcache.content.streams"

local resume = {}

local WORTH = 16 * 1024 -- bytes that an answer must have brought to count as going on

local ACCEPT = "application/vnd.ipld.raw"
local NODE_MAX = 65536 -- bytes of an inner node

-- Seconds that hardly anything comes until an answer is given up. Where frames get lost a connection rests for ever
-- longer before it tries again; a new one tries at once.
local PATIENCE = 6

-- Keeps what came with a failed ANSWER of SOURCE. → did it bring enough to ask again at once?
function resume.keep(link, source, answer)
  if not answer.part then return false end
  local had = link.part_of == source.id and #(link.part or "") or 0
  local before = answer.status == 206 and link.part or ""
  link.part, link.part_of = before .. answer.part, source.id
  if #link.part >= (link.most or link.size) then link.part = nil end
  return link.part ~= nil and #link.part - had >= WORTH -- who begins at the beginning each time brings nothing
end

-- What to ask SOURCE for: "N-", or nil for all.
function resume.range(link, source)
  if link.part and link.part_of ~= source.id then link.part = nil end
  return link.part and #link.part .. "-" or nil
end

-- The request for core.http for the block CID of MOST bytes at the source URL; RANGE: "N-", or nil for all.
function resume.options(url, cid, most, range)
  if sources.is_stream(url) then url = streams.URL end
  return { url = ("%s/ipfs/%s?format=raw"):format(url, cid), accept = ACCEPT, max = most, range = range,
    low_seconds = PATIENCE }
end

-- The same with which SOURCE is asked for what is missing of the block: LINK is one of core.unixfs.decode, or
-- { cid =, most = bytes of the block at most }.
function resume.request(link, source)
  local most = link.most or link.height == 0 and link.size or NODE_MAX
  return resume.options(source.url, link.cid, most, resume.range(link, source))
end

-- The bytes of the block, now that an ANSWER came to its end.
function resume.whole(link, answer)
  local part = link.part
  link.part = nil
  return answer.status == 206 and part and part .. answer.body or answer.body
end

return resume
