-- record_dismiss.lua - `record dismiss BUCKET KEY`: a person signs that it shall not be.
local record = require "cli.record"

local dismiss = {}

function dismiss.run(context, options)
  options.verb = "dismiss"
  return record.run(context, options)
end

return dismiss
