-- label.lua - return labels: what was made is read as it was made, and nothing else is one. The fuzzer's property.
local labels = require "routing.return_labels"
local random = require "core.random"

local LIFE <const> = 2 * 60 * 1000

-- Each line: a byte that says which flow, and whether a minute passes before it; then FROM.
local function lines_of(bytes)
  local list, now = {}, 0
  for line in bytes:gmatch "[^\n]+" do
    local first, from = line:byte(), line:sub(2):gsub("[^!-~]", "!")
    if first >= 192 then now = now + 60000 end
    list[#list + 1] = { at = now, flow = { id = "udp " .. first % 8 }, from = from == "" and "-" or from }
  end
  return list
end

-- LABEL with another character at PLACE is none.
local function check_changed(one, label, place, byte)
  place = place % #label + 1
  local other = label:sub(1, place - 1) .. string.char(byte) .. label:sub(place + 1)
  local entry, text, word = one:read(other)
  if other == label then return assert(entry) end
  assert(not entry and word == "address" and text:sub(1, 8) == "address:", "an invented label was read")
end

return function(bytes)
  local now, made = 0, {}
  local one = labels.new { loop = { now = function() return now end }, random = random.seeded(#bytes) }
  for i, line in ipairs(lines_of(bytes)) do
    now = line.at
    local text, entry = one:make(line.flow, line.from)
    assert(#text == 23 and text:find "^~[%w_-]+$", "22 characters")
    made[i] = { label = text:sub(2), flow = line.flow, from = line.from, at = entry.at }
    check_changed(one, made[i].label, line.from:byte(-1), line.from:byte())
    for _, old in ipairs(made) do
      local found, _, word = one:read(old.label)
      assert((found ~= nil) == (now - old.at < LIFE), "good for two minutes")
      assert(not found and word == "address" or found.from == old.from and found.source.id == old.flow.id, "another's")
    end
  end
  local found = one:read(bytes)
  for _, old in ipairs(made) do if old.label == bytes then return end end
  assert(not found, "whatever comes is none")
end
