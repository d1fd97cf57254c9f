-- declined.lua - files that the policy does not want, and why: the newest, summed by reason. Asks no policy.
local byte_size = require "byte_size"
local linked_list = require "linked_list"
local sorted = require "sorted"

local declined = {}
declined.__index = declined

local FILES_MAX = 10000 -- the newest; those before them are forgotten
local REASONS_MAX = 8 -- that are told

--- Field dropped: how many files were forgotten for newer ones.
function declined.new()
  return setmetatable({ files = {}, count = 0, dropped = 0, order = {}, by_why = {}, round = 0, said = {},
    said_count = 0 }, declined)
end

-- All are looked at anew: what is not put until finish() is forgotten then.
function declined:begin() self.round = self.round + 1 end

function declined:finish()
  local file = self.order.first
  while file do
    local following = file.after
    if file.round ~= self.round then self:forget(file.cid) end
    file = following
  end
end

--- Tells LOG that FILE is not fetched because of WHY, once a run for each of the first eight reasons. FREE: bytes
-- where fetched files go, or nil.
function declined:tell(log, file, why, free)
  if self.said[why] or self.said_count >= REASONS_MAX then return end
  self.said[why], self.said_count = true, self.said_count + 1
  log:warn("logs", "files are not fetched", { why = why, example = file.name, free = free and byte_size.of(free) })
end

-- One file more, or less, is declined for that reason.
local function sum(self, why, files, bytes)
  local one = self.by_why[why] or { files = 0, bytes = 0 }
  one.files, one.bytes = one.files + files, one.bytes + bytes
  self.by_why[why] = one.files > 0 and one or nil
end

function declined:put(file, why)
  local size = file.size or 0
  self:forget(file.cid)
  local one = { cid = file.cid, size = size, why = why, round = self.round }
  self.files[file.cid], self.count = one, self.count + 1
  linked_list.push(self.order, one)
  sum(self, why, 1, size)
  if self.count <= FILES_MAX then return end
  self:forget(self.order.first.cid)
  self.dropped = self.dropped + 1
end

function declined:forget(cid)
  local one = self.files[cid]
  if not one then return end
  self.files[cid], self.count = nil, self.count - 1
  linked_list.unlink(one)
  sum(self, one.why, -1, -one.size)
end

--- Why the policy does not want the file CID | nil.
function declined:why(cid) return self.files[cid] and self.files[cid].why end

-- { why =, files = how many, bytes = }, those of most files first; at most 8.
function declined:sums()
  local list = {}
  for i, why in ipairs(sorted.keys(self.by_why)) do
    list[i] = { why = why, files = self.by_why[why].files, bytes = self.by_why[why].bytes }
  end
  table.sort(list, function(a, b)
    if a.files ~= b.files then return a.files > b.files end
    return a.why < b.why
  end)
  return table.move(list, 1, math.min(#list, REASONS_MAX), 1, {})
end

--- As bounded.lua's row.
function declined:row()
  return { name = "declined", count = self.count, limit = FILES_MAX, dropped = self.dropped }
end

return declined
