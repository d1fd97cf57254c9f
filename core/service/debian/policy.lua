-- policy.lua - how this machine behaves in the swarm. Yours to change: `dt-swarm --check` tries it, and
-- `systemctl reload dt-swarm` puts it in force.
local p = extend "fleet" -- what releases of your lab bring, until then "duckiebot"; or "server", "lab"

-- p.swarm = "lab-3"
-- p.clients.logs.folder = "/home/ada/shared-logs" -- the service must be shown it, too: systemctl edit dt-swarm
--                                                    [Service]
--                                                    BindReadOnlyPaths=/home/ada/shared-logs
return p
