-- duckiebot.lua - a robot. Shares its own logs with the lab, keeps nobody else's, updates at rest.
local p = extend "default"

p.swarm = "duckietown"

p.routing.channels = {
  "/ip4/0.0.0.0/udp/3825/dswarm-line",                    -- everybody on this LAN
  "/ip4/0.0.0.0/tcp/3825/dswarm-line",
  "/ip6/::/udp/3825/dswarm-line",
  "/ip6/::/tcp/3825/dswarm-line",
  -- "/dns4/swarm.lab.example/tcp/3825/dswarm-line",      -- the lab's server, from anywhere
}

p.comms.checkpoint = false                                -- cards wear; servers write what newcomers read

function p.clients.logs.pause(here)
  if here.driving then return true, "driving" end
end

-- A robot is updated when it is known to stand and not to record. What nobody tells is unknown: where no program tells
-- the two facts (`fact driving no --for …`), a policy that knows better says so: `p.clients.updates.ready = nil`
-- leaves these two out.
local ready = p.clients.updates.ready

function p.clients.updates.ready(release, here)
  local fine, why = ready(release, here)
  local closed = {}
  for _, fact in ipairs { "driving", "recording" } do
    if here[fact] then closed[#closed + 1] = fact end
    if here[fact] == nil then closed[#closed + 1] = fact .. " is not known" end
  end
  if not fine then closed[#closed + 1] = why end
  if closed[1] then return false, table.concat(closed, "; ") end
  return true
end

return p
