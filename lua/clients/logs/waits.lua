-- waits.lua - why files of others are not here yet, summed by reason: what a store tells. Decides nothing.
local waits = {}

local TURN <const> = "they wait for their turn"
-- Reasons that name a place or a number of this machine, for others.
local SAID <const> = { disk = "no room for them on the disk", missing = "nobody who has them can be reached" }

-- The reason of a file that did not come, as others are told it: ROW as retry.lua has it.
function waits.reason(row) return SAID[row.word] or row.reason or row.word or "no reason known" end

local function add(by_why, why, files, bytes)
  local sum = by_why[why]
  if not sum then
    sum = { why = why, n = 0, bytes = 0 }
    by_why[why], by_why[#by_why + 1] = sum, sum
  end
  sum.n, sum.bytes = sum.n + files, sum.bytes + bytes
end

--- UNWANTED: what the policy does not want (declined.lua's sums); WAITING: what did not come (retry.lua's rows, and
--- those of job.lua that wait); QUEUED: { files, bytes } that wait for their turn. → array of { why, n, bytes }, those
--- of most files first
function waits.sums(unwanted, waiting, queued)
  local by_why = {}
  for _, one in ipairs(unwanted) do add(by_why, one.why, one.files, one.bytes) end
  for _, one in ipairs(waiting) do add(by_why, waits.reason(one), 1, one.size or 0) end
  if queued.files > 0 then add(by_why, TURN, queued.files, queued.bytes) end
  local list = table.move(by_why, 1, #by_why, 1, {})
  table.sort(list, function(a, b)
    if a.n ~= b.n then return a.n > b.n end
    return a.why < b.why
  end)
  return list
end

--- Of this NODE now.
function waits.of(node)
  local replicate = node.replicate
  if not replicate then return {} end
  local waiting = replicate:waiting()
  for _, row in ipairs(node.content:fetching()) do
    if row.state == "waits" then waiting[#waiting + 1] = row end
  end
  return waits.sums(replicate:unwanted(), waiting, replicate:queued())
end

return waits
