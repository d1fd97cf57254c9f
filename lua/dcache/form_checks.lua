-- form_checks.lua - what the forms of DATA ask of their members. A fault is a text; nil is none.
local cid = require "core.cid"

local form_checks = {}

--- Is VALUE text that looks like a peer ID? Whether it is a good key is for who reads its signature.
function form_checks.is_id(value)
  return type(value) == "string" and #value == 52 and value:find "^12D3KooW%w+$" ~= nil
end

function form_checks.is_cid(value) return type(value) == "string" and cid.parse(value) ~= nil end

--- Is VALUE a whole number within LEAST to MOST?
function form_checks.is_within(value, least, most)
  return math.type(value) == "integer" and value >= least and value <= most
end

--- The set of the WORDS of a text.
function form_checks.set(words)
  local members = {}
  for word in words:gmatch "%S+" do members[word] = true end
  return members
end

--- DATA has no other members than those of the set ALLOWED.
function form_checks.extra_fault(data, allowed)
  for member in pairs(data) do -- any order
    if not allowed[member] then return "a member that no version has" end
  end
end

--- DATA has the members MUST, perhaps those of MAY (words of a text), and no other.
function form_checks.members_fault(data, must, may)
  local fault = form_checks.extra_fault(data, form_checks.set(must .. " " .. (may or "")))
  if fault then return fault end
  for name in must:gmatch "%S+" do
    if data[name] == nil then return "it has no " .. name end
  end
end

return form_checks
