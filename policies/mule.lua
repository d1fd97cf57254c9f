-- mule.lua - a laptop that is carried about: brings files of robots to servers that they cannot reach, keeps none.
local p = extend "duckiebot"

p.clients.updates.ready = nil                             -- a laptop need not be known to stand: the default's

p.clients.logs.domain = false                             -- its copies are nobody's: they are on their way

-- The servers. What these claim goes from the laptop; without this line, and without a lab that grants the tag
-- `storage`, it goes on carrying all, since anybody could claim it.
-- p.clients.logs.holders = { "12D3KooW…" }

function p.clients.logs.fetch(file, here)
  if not file.wanted then return false, file.why end
  if (here.store_free or 0) < file.size + 5 * GB then return false, "the policy keeps 5 GB free" end
  return file.age and file.age > 1 * day and 3 or 7, "newest first"
end

return p
