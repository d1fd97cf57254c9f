-- release_record.lua - which proposal of a release or a rollout is meant, where several stand under one number. Signs
-- nothing.
local json = require "core.json"
local text = require "core.text"
local trust = require "cli.trust"

local record = {}

local LEAST <const> = 4 -- characters of a hash
local SHOWN <const> = 8 -- of them, so that several can be told apart
local DATA_SHOWN <const> = 120 -- characters of what is proposed

local function candidates(proposals)
  local list = {}
  for i, one in ipairs(proposals) do
    list[i] = { say = "--hash " .. one.hash:sub(1, SHOWN),
      text = text.escape(json.encode(one.data)):sub(1, DATA_SHOWN) }
  end
  return list
end

--- What is proposed under KEY of BUCKET: the only one, or the one whose hash begins with HASH.
-- → { data, hash, holds, … } | nil, exit code, with words said
function record.one(context, bucket, key, hash)
  local answer, exit = context:ask { command = "record", bucket = bucket, key = key }
  if not answer then return nil, exit end
  local found = {}
  for _, one in ipairs(answer.proposals) do
    if not hash or #hash >= LEAST and one.hash:sub(1, #hash) == hash then found[#found + 1] = one end
  end
  if found[1] and not found[2] then return found[1] end
  if found[2] then
    return trust.refuse(context, ("%d different things are proposed as %s, so none of them counts; say which you mean:")
      :format(#found, key), "conflict", candidates(found))
  end
  return trust.refuse(context, hash and ("nothing is proposed as %s whose hash begins so"):format(key)
    or ("nothing is proposed as %s"):format(key), "missing")
end

return record
