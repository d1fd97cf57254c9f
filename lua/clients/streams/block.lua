-- block.lua - the command `block`: one block over a stream, for who fetches a file on this machine and cannot ask its
-- holder himself. It believes nothing of it, and keeps nothing.
local key = require "core.key"
local resume = require "dcache.content.resume"
local text = require "core.text"

local block = {}

local MOST <const> = 1 << 20 -- bytes
local FIELDS <const> = { "status", "word", "error" }

-- → what core.http is asked | nil, text, "form"
local function read(request)
  local most, cid, from = request.max, request.cid, request.range
  if type(request.of) ~= "string" or not key.public(request.of) then return nil, 'form: "of" is a peer ID', "form" end
  if type(cid) ~= "string" or not cid:find "^%w+$" then return nil, 'form: "cid" is that of a block', "form" end
  if math.type(most) ~= "integer" or most < 1 or most > MOST then
    return nil, 'form: "max" is how many bytes it has at most, 1 MiB or less', "form"
  end
  if from ~= nil and not (type(from) == "string" and from:find "^%d+%-$") then
    return nil, 'form: "range" is from where on, such as "4096-"', "form"
  end
  return resume.options(("stream:" .. request.of), cid, most, from)
end

-- ANSWER of core.http as the control socket says it.
local function said(answer)
  local row = { command = "block" }
  for _, name in ipairs(FIELDS) do row[name] = answer[name] end
  row.body, row.part = answer.body and text.base64(answer.body), answer.part and text.base64(answer.part)
  return row
end

--- Registers it with the client's HANDLE; STREAMS: dcache/content/streams.lua's.
function block.register(handle, streams)
  handle:command("block", function(request, reply)
    local options, err, code = read(request)
    if not options then return reply(nil, err, code) end
    local id
    id, err, code = streams:get(request.of, options, function(answer) reply(said(answer)) end)
    if not id then return reply(nil, err, code) end
    reply:on_cancel(function() streams:cancel(id) end)
  end, { here = "each node fetches its own files" })
end

return block
