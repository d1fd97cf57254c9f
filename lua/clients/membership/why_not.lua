-- why_not.lua - why this node is no member of its lab, and what would make it one. Changes nothing.
local people = require "clients.trust.people"

local why_not = {}

local function fault(text, cure, ...) return { text = text, cure = cure:format(...) } end

local GRANT <const> = "On an admin's machine: dt-swarm-cli trust grant %s member"

local function of_token(token, verdict, id)
  local known = verdict.tokens[token.id]
  if not known or not known.counts then
    return fault(("token %s of its lab file lets nobody in: it was cancelled, or nobody who may has signed for it")
      :format(token.name), GRANT, id)
  end
  if verdict:is_over(token.id, id) then
    return fault(("token %s lets in %d robot%s, and this is one more"):format(token.name, known.most,
      known.most == 1 and "" or "s"), GRANT, id)
  end
  return fault(("token %s of its lab file is to let it in, which was not worked out yet"):format(token.name),
    "Wait some seconds, then ask again")
end

--- For NODE: { text =, cure = } | nil: it is a member, or in no lab.
function why_not.of(node)
  local lab, trust, id = node.lab, node.dcache.trust, node.id
  if not lab or trust:is_member(id) then return nil end
  local verdict = trust:verdict()
  local revoked, facts = verdict.revoked[id], verdict.keys[id]
  if revoked then
    return fault(("its key was revoked by %s: %s"):format(people.of(node, verdict)(revoked.by).label, revoked.why),
      "Give it a new key, or lift that on an admin's machine: dt-swarm-cli record dismiss trust/revoked %s", id)
  end
  if facts and facts.until_ms then
    return fault("its grant is over", GRANT, id)
  end
  if lab.token then return of_token(lab.token, verdict, id) end
  return fault("its lab file has no token, and nobody granted it a role", GRANT, id)
end

return why_not
