-- trust - what people ask about who may say what in this lab, and of one record: `trust`, `record`, `stamp`. Signs
-- nothing, judges nothing: dcache/trust.lua and dcache/meaning.lua do that.
local lazily = require "lazily"
local keys = require "clients.trust.keys"
local record = lazily "clients.trust.record"
local slices = require "slices"
local stamp = require "clients.trust.stamp"
local suppose = lazily "clients.trust.suppose"
local words = require "clients.trust.words"

local trust = { name = "trust" }

-- { command = "trust" } → all that `trust list` shows; with `words`, what was signed, one by one;
-- with `suppose`, what words that are not yet signed would change.
local function answer_trust(node, request)
  if not node.dcache.trust.lab then
    return nil, "missing: this node is in no lab: everybody counts as a member. To make a lab: lab init NAME; \z
      to go into one: lab join FILE", "missing"
  end
  slices.wait(function(wake) node.dcache.trust:when_worked_out(wake) end) -- what was just handed in is part of it
  if request.words == true then return words.answer(node) end
  if request.suppose ~= nil then return suppose.answer(node, request) end
  return keys.answer(node)
end

local function answer_record(...) return record.answer(...) end

local ANSWERS <const> = { trust = answer_trust, record = answer_record, stamp = stamp.answer }

--- The client, as lua/clients/init.lua has it.
function trust.open(handle)
  local node = handle.node
  for name, answer in pairs(ANSWERS) do -- any order
    handle:command(name, function(request, reply) reply(answer(node, request)) end, { reads = true })
  end
  handle:extend("status", function(answer) answer.trust = words.status(node) end)
  return {}
end

return trust
