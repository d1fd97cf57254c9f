-- stamp.lua - what a person's key needs to know before it signs: its last time here, and what time it is. Signs
-- nothing.
local key = require "core.key"

local stamp = {}

-- The highest AT (ms) of the statements of SIGNER that are remembered here, or 0.
local function last_of(index, signer)
  local last = 0
  for _, bucket in ipairs(index:buckets()) do
    local of_him = index:bucket(bucket, signer)
    local newest = of_him[#of_him] -- they are in the order of AT
    last = math.max(last, newest and newest.at or 0)
  end
  return last
end

--- Of request.signer → { last = ms (0: nothing of his is known here), now = ms, quality = of this node's time, swarm =
-- what stands in all that is signed, lab = the lab's or nil } | nil, text, code
function stamp.answer(node, request)
  if type(request.signer) ~= "string" or not key.public(request.signer) then
    return nil, 'form: "signer" is no peer ID', "form"
  end
  return { last = last_of(node.dcache.index, request.signer), now = (node.time:now()), quality = node.time.quality,
    swarm = node.swarm, lab = node.lab and node.lab.lab or nil }
end

return stamp
