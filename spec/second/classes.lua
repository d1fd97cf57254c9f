-- classes.lua - the classes of the shipped policies as spec/PROTOCOL.md has them in its tables. Reads no policy.
local record = require "spec.second.record"

local classes = {}

-- Rows of the PAGE's table whose title begins with TITLE, as arrays of cells without their back quotes.
function classes.rows(page, title)
  local list = {}
  for line in assert(page:match("\n| " .. title .. "[^\n]*\n|[-|]+\n(.-\n)\n")):gmatch "[^\n]+" do
    local cells = {}
    for cell in line:gmatch "| *([^|]-) *%f[|]" do cells[#cells + 1] = cell:gsub("`", "") end
    list[#list + 1] = cells
  end
  return list
end

-- How well PATTERN fits BUCKET: a text that is greater the more specific it is, or nil.
local function fits(pattern, bucket)
  local rank, segments = {}, {}
  for segment in bucket:gmatch "[^/]+" do segments[#segments + 1] = segment end
  local at = 0
  for part in pattern:gmatch "[^/]+" do
    at = at + 1
    if part == "…" then return segments[at] and table.concat(rank) .. "0" or nil end
    if not segments[at] or part ~= "*" and part ~= segments[at] then return nil end
    rank[#rank + 1] = part == "*" and "1" or "2"
  end
  return at == #segments and table.concat(rank) or nil
end

-- → { list =, of(bucket) → class or nil }; each class has name, max_ttl, size, slots, kept, scope, buckets, law.
function classes.new()
  local file <close> = assert(io.open "spec/PROTOCOL.md")
  local page, list, by_name = file:read "a", {}, {}
  for i, row in ipairs(classes.rows(page, "class | max_ttl")) do
    list[i] = { name = row[1], max_ttl = math.tointeger(tonumber(row[2])), size = math.tointeger(tonumber(row[3])),
      slots = math.tointeger(tonumber(row[4])), kept = row[5] == "kept", scope = row[6], buckets = {} }
    by_name[row[1]] = list[i]
  end
  for _, row in ipairs(classes.rows(page, "bucket | class")) do table.insert(by_name[row[2]].buckets, row[1]) end
  for _, class in ipairs(list) do class.law = record.law(class) end
  local function of(bucket)
    local best, found
    for _, class in ipairs(list) do
      for _, pattern in ipairs(class.buckets) do
        local rank = fits(pattern, bucket)
        if rank and (not best or rank > best) then best, found = rank, class end
      end
    end
    return found
  end
  return { list = list, by_name = by_name, of = of }
end

return classes
