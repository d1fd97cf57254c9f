-- urgency.lua - how urgent a statement is on a channel: what the policy says, but that a lab's own words go first.
-- Passes on nothing itself.
--
-- Urgencies are 1 to 9, as the policy gives them. In a lab those of `trust/…` are above all these, and no hook is
-- asked: a policy that lets nothing through would else keep a revocation from where it is needed.
local urgency = {}

urgency.ENDS = 11 -- what takes rights away: it goes before all messages, too. But for a token that is cancelled:
-- grants for its robots were signed before, and go before it
urgency.TRUST = 10

--- The urgency of what VERB says in BUCKET, where no policy is asked about it in the lab of TRUST (dcache/trust.lua);
-- nil where one is.
function urgency.of_trust(trust, verb, bucket)
  if not trust.lab or bucket:sub(1, 6) ~= "trust/" then return nil end
  return (verb == "dismiss" and bucket ~= "trust/tokens" or bucket == "trust/revoked") and urgency.ENDS or urgency.TRUST
end

--- May what is said in BUCKET be said on the channel TO (facts as comms:channel_up has them)? A word of scope `site`
--- leaves by a near one only. It is soft, so no digest counts it, and nobody misses it.
function urgency.may_leave(dcache, bucket, to)
  local found = dcache:class_of(bucket)
  return not found or found.class.scope ~= "site" or to.near == true
end

-- FACTS of a channel (comms:channel_up) as a policy sees them: budget in bytes/s, nil where it has no limit; peers that
-- only it reaches; quiet: seconds since something was heard there.
local function seen(brain, facts)
  return { address = facts.address, kind = facts.kind, budget = facts.rate, cost = facts.cost,
    peers = brain.reach:only(facts.name),
    quiet = facts.heard_at and (brain.loop:now() - facts.heard_at) // 1000 or nil }
end

local OWN <const> = { kind = "own", address = "own" }

--- The urgency of ST that came over the channel FROM (facts as comms:channel_up has them; nil: it is our own) on the
-- channel TO of BRAIN, 1 to 11; false where it is not said there. RENEWED: does it say what was last said there?
function urgency.of(brain, st, from, to, renewed)
  local class = brain.dcache:class_of(st.bucket).class
  if not urgency.may_leave(brain.dcache, st.bucket, to) then return false end
  if not class.kept and from and from.medium and to.medium and from.name == to.name then return false end
  local first = urgency.of_trust(brain.dcache.trust, st.verb, st.bucket)
  if first then return first end
  local age, trust = brain.time:age(st.valid_from > 0 and st.at or nil), brain.dcache.trust
  return brain.policy:ask("comms.rebroadcast", { verb = st.verb, bucket = st.bucket, key = st.key, signer = st.signer,
    class = class.name, mine = st.signer == brain.id, role = trust.lab and trust:role(st.signer, st.at), size = st.size,
    age = age and age // 1000, left = brain.time:left(st.valid_until), renewed = renewed },
    from and seen(brain, from) or OWN, seen(brain, to), brain.here())
end

return urgency
