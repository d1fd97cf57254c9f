-- metrics.lua - what can be measured of a robot's body: the one table, in the order of showing. Measures nothing.
local metrics = {}

--- name    one name in Lua, in JSON and behind dtswarm_host_ for Prometheus, with its unit at the end
--- unit    text, as people read it; nil: a number without
--- step    a change that is smaller is not told
--- class   "swarm", "lab" or "robot": how far it may go
--- help    what it is, in a few words
metrics.list = {
  { name = "load1", step = 0.2, class = "swarm", help = "processes that run or wait, mean of a minute" },
}

--- The same rows by name.
metrics.by_name = {}
for _, row in ipairs(metrics.list) do metrics.by_name[row.name] = row end

return metrics
