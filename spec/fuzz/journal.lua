-- journal.lua - any bytes where a segment stood: opened, nothing invented, the same the second time. The property.
-- Input: `R` and the bytes of a segment; or lines, a zero byte, and damage: two bytes place, one byte to xor.
local disk = require "core.sim"
local journal = require "core.journal"

local FAMILIES = { families = { "long", "short" }, segment = 4096, reserve = 0 }
local NAME = "j/long.00000001.journal"

local function put(d, bytes)
  d:mkdir "j"
  assert(d:replace(NAME, bytes, 384))
end

-- The bytes of a segment that holds LINES, and what they are, as a set.
local function written(lines)
  local d, known, n = disk.memory(1), {}, 0
  local j = assert(journal.open(d, "j", FAMILIES))
  for line in lines:gmatch "[^\n]+" do
    if #line <= 1024 and n < 40 then
      n, known[line] = n + 1, true
      assert(j:append("long", line, 1600 + 16 * n))
    end
  end
  assert(j:flush())
  j:close()
  return d:read(NAME) or "", known
end

local function damaged(bytes, damage)
  local list = { bytes:byte(1, -1) }
  for high, low, change in damage:gmatch "(.)(.)(.)" do
    local at = #list > 0 and (high:byte() * 256 + low:byte()) % #list + 1
    if at then list[at] = list[at] ~ change:byte() end
  end
  for i, byte in ipairs(list) do list[i] = string.char(byte) end
  return table.concat(list)
end

local function held(d, known)
  local j, report, word = journal.open(d, "j", FAMILIES)
  if not j then
    assert(word == "version" or word == "EEXIST", word)
    return nil
  end
  local list, places = {}, {}
  assert(j:replay(function(family, line, place, ends)
    assert(family == "long" and #line <= 1024 and ends >= 0)
    assert(not known or known[line], "a line that nobody wrote")
    list[#list + 1], places[#places + 1] = line, place
  end))
  for i, place in ipairs(places) do assert(j:read(place, #list[i]) == list[i], "read") end
  assert(report.records <= #list, "records")
  return list, j, report
end

return function(bytes)
  local d, known = disk.memory(2), nil
  if bytes:sub(1, 1) == "R" then
    put(d, bytes:sub(2))
  else
    local lines, damage = bytes:match "^([^\0]*)\0?(.*)$"
    bytes, known = written(lines)
    put(d, damaged(bytes, damage))
  end
  local first, j = held(d, known)
  if not first then return end
  assert(j:append("long", "one more", 1 << 30))
  assert(j:flush())
  j:close()
  if known then known["one more"] = true end
  local second, again, report = held(d, known)
  assert(second and #second >= #first + 1, "a line went away")
  assert(#report.damaged == 0, "the same damage twice")
  assert(second[#second] == "one more", "order")
  again:close()
end
