-- job.lua - what is known of one file that is being fetched: made, begun anew, told. Fetches nothing.
local unixfs = require "core.unixfs"

local job = {}

-- Nothing of the file is there. Links are a stack: the first to fetch is the last.
function job.restart(one)
  one.have, one.leaves, one.file, one.checking, one.finishing = 0, {}, nil, nil, nil
  one.links = { { cid = one.cid, size = one.size, offset = 0, height = unixfs.height(one.size) } }
end

function job.new(key, size, name, done)
  local one = { cid = key, size = size, name = name, done = done, flying = {}, in_flight = 0 }
  job.restart(one)
  return one
end

-- { cid =, name =, size =, done = bytes, rate = bytes/s | nil, source = name | nil, why = the last trouble | nil }
function job.row(one, now)
  local past = one.begun and now - one.begun or 0
  return { cid = one.cid, name = one.name, size = one.size, done = one.have, why = one.why,
    rate = past > 0 and one.have * 1000 // past or nil, source = one.source and (one.source.name or one.source.id) }
end

-- Bytes that those of LIST which have begun will still take from the disk.
function job.reserved(list)
  local sum = 0
  for _, one in ipairs(list) do
    if one.begun then sum = sum + one.size - one.have end
  end
  return sum
end

-- What the log says of it.
function job.trouble(one)
  return { name = one.name, done = one.have, size = one.size, why = one.why or "nobody who has it can be reached" }
end

return job
