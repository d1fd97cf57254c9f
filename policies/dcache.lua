-- dcache.lua - which records are kept, and what they mean. Defaults of the `dcache` section.
local p = ...
local dcache = p.dcache

-- The law: constants that all nodes of a swarm share; a digest names them. Another number for `max_ttl` is
-- another class with other buckets. `slots` is for each signer; `kept` is on disk and reconciled, the rest
-- lives in memory and is renewed; `site` stays on the LAN.
dcache.classes = {
  trust    = { max_ttl = 400 * day,    size = 1024, slots = 1000,  kept = true,  scope = "swarm" },
  updates  = { max_ttl = 90 * day,     size = 1024, slots = 1000,  kept = true,  scope = "swarm" },
  share    = { max_ttl = 30 * day,     size = 1024, slots = 20000, kept = true,  scope = "swarm" },
  state    = { max_ttl = 7 * day,      size = 1024, slots = 200,   kept = true,  scope = "swarm" },
  presence = { max_ttl = 20 * minute,  size = 1024, slots = 8,     kept = false, scope = "swarm" },
  health   = { max_ttl = 20 * minute,  size = 400,  slots = 8,     kept = false, scope = "site" },
}

-- The meaning: who is listened to when a record is read. Roles, or "2 of trusted", or "1 of release" for those whose
-- grant has that tag; `owner` signs his own. Without a lab everybody has every role. Where several people care for the
-- robots, write "2 of release" as `propose` of updates/release, updates/rollout and updates/skip, on every node, and
-- give two of them that tag: then one alone can install nothing, and each can still pause.
dcache.buckets = {
  ["peer"]            = { class = "presence", propose = "owner", dismiss = "owner" },
  ["pri/*/checkpoint"] = { class = "presence", propose = "owner", dismiss = "owner" },
  ["pri/*/addresses"] = { class = "presence", propose = "owner", dismiss = "owner" },
  ["pri/*/store"]     = { class = "presence", propose = "owner", dismiss = "owner" },
  ["pri/*/info/…"]    = { class = "state", propose = "owner", dismiss = "owner" },
  ["pri/*/summaries"] = { class = "state", propose = "owner", dismiss = "owner" },
  ["pri/*/health"]    = { class = "health", propose = "owner", dismiss = "owner" },
  ["pri/*/stats"]     = { class = "health", propose = "owner", dismiss = "owner" },
  ["share/files"]     = { class = "share", propose = "member", dismiss = "owner" },
  ["share/safe"]      = { class = "share", propose = "member", dismiss = "owner" },
  ["share/verified"]  = { class = "share", propose = "trusted", dismiss = "owner" },
  ["share/discard"]   = { class = "share", propose = "2 of trusted", dismiss = "trusted" },
  ["trust/…"]         = { class = "trust", propose = "admin", dismiss = "admin" },
  ["updates/release"] = { class = "updates", propose = "admin", dismiss = "admin" },
  ["updates/rollout"] = { class = "updates", propose = "admin", dismiss = "admin" },
  ["updates/skip"]    = { class = "updates", propose = "admin", dismiss = "admin" },
  ["updates/pause"]   = { class = "updates", propose = "trusted", dismiss = "admin" },
  ["updates/status"]  = { class = "updates", propose = "member", dismiss = "admin" },
}

dcache.hold = "all"
dcache.disk = 64 * MB
dcache.memory = 16 * MB
dcache.flush = 30 * second

function dcache.holds(record)
  local proposals = 0
  for _, statement in ipairs(record.statements) do
    if statement.allowed and statement.verb == "dismiss" then return false, "dismissed by " .. statement.signer end
    if statement.allowed and statement.verb == "propose" then proposals = proposals + 1 end
  end
  return proposals >= record.needed, proposals .. " of " .. record.needed .. " signers"
end
