-- part.lua - pieces of frames put together a second time, from spec/PROTOCOL.md alone; one pass over all that came.
-- Bounds of what waits are left out: they are each node's own affair. For specs.
local core_text = require "core.text"
local hash = require "core.hash"

local second = {}

local function read(line)
  local words = {}
  for word in line:gmatch "[^ ]+" do words[#words + 1] = word end
  local name, i, n = words[2], tonumber(words[3] or "x"), tonumber(words[4] or "x")
  if not (i and n) or i < 1 or i > n or n > 64 then return nil end
  local head = ("part %s %d %d "):format(name, i, n)
  if line:sub(1, #head) ~= head or #line == #head or not name:find("^" .. ("[%w_-]"):rep(11) .. "$") then return nil end
  return name, i, n, line:sub(#head + 1)
end

-- LINES: { at = ms, sender =, line = } each, in the order in which they came → for each what it made: a frame, nil
-- where it waits, false where it is refused; the list has as many places (n) as LINES.
function second.join(lines)
  local made, open = { n = #lines }, {}
  for place, each in ipairs(lines) do
    if each.line:sub(1, 5) ~= "part " then
      made[place] = each.line
    else
      local name, i, n, text = read(each.line)
      local key = name and each.sender .. "\n" .. name
      local one = key and open[key]
      if one and each.at - one.at > 60000 then one = nil end
      one = one or { n = n, at = each.at, have = 0, texts = {} }
      if not name or one.n ~= n then
        made[place] = false
      elseif not one.texts[i] then
        one.texts[i], one.have, one.at, open[key] = text, one.have + 1, each.at, one
        if one.have == n then
          local whole = table.concat(one.texts):gsub("\t", "\n")
          local fits = core_text.base64url(hash.blake2b(whole):sub(1, 8)) == name
          made[place], open[key] = fits and not whole:find "[%z\1-\9\11-\31\127]" and whole, nil
        end
      end
    end
  end
  return made
end

return second
