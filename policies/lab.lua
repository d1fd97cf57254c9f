-- lab.lua - a robot that sits behind the lab's server; IRC is its last resort, however cheap it looks.
local p = extend "duckiebot"

-- A way to a robot that no broadcast reaches; a robot's name is looked up when the route is used.
-- p.routing.routes["/dswarm/donald/*"] = "/dns4/swarm.lab.example/tcp/3825/dswarm-line/$0"

function p.routing.prefer(_, ways)
  for _, way in ipairs(ways) do                           -- cheapest first, living ones only
    if way.kind ~= "irc" then return way, "not over IRC" end
  end
end

return p
