-- trust - what people ask about who may say what in this lab, and of one record: `trust`, `record`, `stamp`. Signs
-- nothing, judges nothing: dcache/trust.lua and dcache/meaning.lua do that.
local asked_record = require "clients.trust.record"
local keys = require "clients.trust.keys"
local slices = require "slices"
local stamp = require "clients.trust.stamp"
local suppose = require "clients.trust.suppose"
local words = require "clients.trust.words"

local trust = { name = "trust" }

-- { command = "trust" } → all that `trust list` shows; with `words`, what was signed, one by one;
-- with `suppose`, what words that are not yet signed would change.
local function answer_trust(node, request, reply)
  if not node.dcache.trust.lab then
    return reply(nil, "missing: this node is in no lab: everybody counts as a member. To make a lab: lab init NAME; \z
      to go into one: lab join FILE", "missing")
  end
  reply:run(function()
    slices.wait(function(wake) node.dcache.trust:when_worked_out(wake) end) -- what was just handed in is part of it
    if request.words == true then return reply(words.answer(node)) end
    if request.suppose == nil then return reply(keys.answer(node)) end
    local answer, text, code = suppose.answer(node, request)
    reply(answer, text, code)
  end)
end

local function answer_record(node, request, reply)
  reply:run(function()
    local answer, text, code = asked_record.answer(node, request)
    reply(answer, text, code)
  end)
end

local function answer_stamp(node, request, reply)
  local answer, text, code = stamp.answer(node, request)
  reply(answer, text, code)
end

--- The client, as lua/clients/init.lua has it.
function trust.open(handle)
  local node = handle.node
  for name, answer in pairs { trust = answer_trust, record = answer_record, stamp = answer_stamp } do -- any order
    handle:command(name, function(request, reply) answer(node, request, reply) end)
  end
  handle:extend("status", function(answer) answer.trust = words.status(node) end)
  return {}
end

return trust
