-- discard.lua - `files discard CID`: a person with a trusted key signs that a file is to be dropped everywhere. It
-- counts once a second one has signed it, too.
local asking = require "cli.asking"
local trust = require "cli.trust"

local discard = {}

-- What others signed about it already: the second key signs the same DATA, or the two would not count together.
local function data_of(context, options)
  local record = context:ask_quietly { command = "record", bucket = "share/discard", key = options.cid }
  local first = record and record.proposals[1]
  local is_read = first and type(first.data) == "table" and type(first.data.why) == "string"
  return is_read and first.data or { why = options.why or "" }
end

function discard.run(context, options)
  local s = context.show
  if not require("core.cid").parse(options.cid) then
    return context:misused(("files discard: %s is no CID of a file"):format(context.show.escape(options.cid)))
  end
  local signer, exit = trust.signer(context, options)
  if not signer then return exit end
  local word = options.cancel and { verb = "dismiss", bucket = "share/discard", key = options.cid }
    or { verb = "propose", bucket = "share/discard", key = options.cid, data = data_of(context, options) }
  if not options.cancel then
    local ok
    ok, exit = asking.sure(context, ("Sign that all copies of this file are to be dropped, in the whole lab? Why: %s")
      :format(word.data.why ~= "" and s:text(word.data.why) or "not said"), options)
    if not ok then return exit end
  end
  local said
  said, exit = trust.say(signer, { word })
  if not said then return exit end
  return trust.finish(context, options, { command = "files discard", cid = options.cid }, {
    options.cancel and "Taken back." or ("Signed: %s is dropped everywhere once two trusted keys have signed it.")
      :format(s:short(options.cid)) })
end

return discard
