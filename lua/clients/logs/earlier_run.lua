-- earlier_run.lua - what an earlier run of this node said of its files (shares.lua), read once. Says nothing.
local earlier_run = {}

local BUCKET <const> = "share/files"

--- ms that RECORD holds still; 0: it has no end.
function earlier_run.left_ms(self, record)
  return record.valid_until and record.valid_until * 1000 - self.time:now() or 0
end

--- SELF: shares. → own statements by CID; what this run says about a CID takes it out. A withdrawal says of no file
--- that it is here.
function earlier_run.statements(self)
  if self.before then return self.before end
  self.before = {}
  for _, record in ipairs(self.statements(BUCKET)) do
    local is_here = record.verb == "propose" and not (record.data and record.data.class == "withdrawn")
    if record.mine and is_here then self.before[record.key] = record end
  end
  return self.before
end

return earlier_run
