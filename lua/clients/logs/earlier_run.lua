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

--- The CID under which an earlier run shared the file NAME | nil.
function earlier_run.named(self, name)
  if self.names_before == nil then
    self.names_before = {}
    for cid, record in pairs(earlier_run.statements(self)) do -- any order: a name has one file
      for _, each in ipairs(type(record.data) == "table" and record.data.names or {}) do
        self.names_before[each] = cid
      end
    end
  end
  return self.names_before and self.names_before[name]
end

--- All files of the earlier run were met, or are gone.
function earlier_run.forget_names(self) self.names_before = false end

return earlier_run
