-- offer.lua - the command `offer`: statements that were signed elsewhere are handed in here, and get a word each.
--
-- A request: {"command":"offer","lines":[at most 64 statement lines]}. The answer, once all that was taken in is on the
-- disk: {"results":[{} or {"word":"duplicate"} or {"word":"form","text":…} …]}, in the order of the lines.
local comms_offer = require "comms.offer"
local slices = require "slices"
local to_json = require "clients.control.to_json"
local words = require "core".words

-- → true | nil, text, code
local function check(lines)
  if type(lines) ~= "table" or #lines < 1 or #lines > comms_offer.MOST then
    return nil, ("form: lines is a list of 1 to %d statement lines"):format(comms_offer.MOST), "form"
  end
  for _, line in ipairs(lines) do
    if type(line) ~= "string" then return nil, "form: a line is a text", "form" end
  end
  return true
end

local function result_of(result)
  if not result.word then return {} end
  return { word = result.word, text = to_json.text(result.text or words[result.word] or result.word) }
end

--- Registers it with the client's HANDLE.
return function(handle)
  handle:command("offer", function(request, reply)
    local ok, text, code = check(request.lines)
    if not ok then return reply(nil, text, code) end
    local results
    results, text, code = slices.await(function(told) handle.node.comms:offer(request.lines, told) end)
    if not results then return reply(nil, text, code) end
    reply { results = to_json.list(results, result_of) }
  end)
end
