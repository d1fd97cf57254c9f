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

function p.clients.updates.ready(_, here)
  if here.driving ~= false then return false, "driving, or not known to stand" end
  if here.battery and here.battery < 40 then return false, "battery under 40 %" end
end

return p
