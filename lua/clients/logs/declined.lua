-- declined.lua - files that the policy does not want, and why: summed by reason, told to people. Asks no policy.
local byte_size = require "byte_size"
local sorted = require "sorted"

local declined = {}
declined.__index = declined

local FILES_MAX = 10000
local REASONS_MAX = 8

function declined.new() return setmetatable({ files = {}, count = 0, said = {}, said_count = 0 }, declined) end

-- All are looked at anew: what is not put until finish() is forgotten then.
function declined:begin() self.fresh, self.fresh_count = {}, 0 end

function declined:finish()
  self.files, self.count, self.fresh = self.fresh, self.fresh_count, nil
end

--- Tells LOG that FILE is not fetched because of WHY, once a run for each of the first eight reasons. FREE: bytes
-- where fetched files go, or nil.
function declined:tell(log, file, why, free)
  if self.said[why] or self.said_count >= REASONS_MAX then return end
  self.said[why], self.said_count = true, self.said_count + 1
  log:warn("logs", "files are not fetched", { why = why, example = file.name, free = free and byte_size.of(free) })
end

function declined:put(file, why)
  if self.fresh and not self.fresh[file.cid] and self.fresh_count < FILES_MAX then
    self.fresh[file.cid], self.fresh_count = { size = file.size, why = why }, self.fresh_count + 1
  end
  if not self.files[file.cid] and self.count >= FILES_MAX then return end
  if not self.files[file.cid] then self.count = self.count + 1 end
  self.files[file.cid] = { size = file.size, why = why }
end

function declined:forget(cid)
  if self.files[cid] then self.count = self.count - 1 end
  self.files[cid] = nil
end

--- Why the policy does not want the file CID | nil.
function declined:why(cid) return self.files[cid] and self.files[cid].why end

-- { why =, files = how many, bytes = }, those of most files first; at most 8.
function declined:sums()
  local by_why, list = {}, {}
  for _, cid in ipairs(sorted.keys(self.files)) do
    local file = self.files[cid]
    local sum = by_why[file.why]
    if not sum and #list < REASONS_MAX then
      sum = { why = file.why, files = 0, bytes = 0 }
      by_why[file.why], list[#list + 1] = sum, sum
    end
    if sum then sum.files, sum.bytes = sum.files + 1, sum.bytes + file.size end
  end
  table.sort(list, function(a, b)
    if a.files ~= b.files then return a.files > b.files end
    return a.why < b.why
  end)
  return list
end

return declined
