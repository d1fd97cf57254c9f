-- lab_status.lua - what `status` says of the lab that a node is in: rows of facts, and sentences. Asks nobody.
local lab = require "dcache.lab"
local trust = require "cli.trust"
local why = require "cli.why"

local lab_status = {}

-- Whose keys the root is: "ada and bea, 2 of 2 must sign".
local function root_of(root, s)
  local names = {}
  for i, one in ipairs(root.keys) do names[i] = s:who(one) end
  local must = #names == 1 and "" or (", %d of %d must sign"):format(root.need, #names)
  return s.list(names) .. must .. (root.number > 1 and (" (root %d)"):format(root.number) or "")
end

--- The rows in place of `swarm`, for show:facts.
function lab_status.rows(one, s)
  local stands = one.member and s:text(one.role) or "no member"
  local rows = { { "lab", ("%s  %s, %s"):format(s:text(one.name), lab.short(one.lab), stands),
    colour = not one.member and "bad" or nil } }
  if one.open then rows[#rows + 1] = { "", s:text(one.open), colour = "bad" } end
  local other = one.policy_swarm
  if other then
    rows[#rows + 1] = { "", ("the swarm of the policy, %s, does not count: the lab file %s does"):format(
      s:text(other.name), s:text(one.file)), colour = "warn" }
  end
  rows[#rows + 1] = { "root", root_of(one.root, s) }
  return rows
end

--- What keeps this node from being a member, or its members from what their roles allow.
function lab_status.say(one, s)
  trust.say_rivals(one, s)
  if one.why then
    why.line({ what = "No member of lab " .. s:text(one.name), seen = one.why.text }, s)
    return why.cure(one.why.cure, s)
  end
  if one.unsettled then s:say(("Roles are not acted on yet: %s."):format(s:text(one.unsettled))) end
end

return lab_status
