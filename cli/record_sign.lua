-- record_sign.lua - `record sign BUCKET KEY`: a person signs what is proposed there already.
local record = require "cli.record"

local sign = {}

function sign.run(context, options)
  options.verb = "sign"
  return record.run(context, options)
end

return sign
