-- route_rows.lua - the commands about routes, as rows of the table in cli/init.lua. No command's inside.
local PATTERN <const> = { "pattern", "PATTERN", "an address, or the beginning of one and * behind it; a node by its \z
  name, name~key or ID", kind = "text" }

return {
  { name = "route list", file = "cli.route", text = "The routing table, and by which way each node is reached.",
    default = true, examples = { { "route list", "which way do lines go?" } } },
  { name = "route get", file = "cli.route", text = "Every way to a node or an address, which is taken, and why.",
    examples = { { "route get donald", "which way, and who said so" },
      { "route get /dswarm/donald/ping", "for one component alone" } },
    arguments = { { "who", "WHO|ADDRESS", "a node: its name, name~key, the end of its key, its ID; or an address",
      kind = "peer" } } },
  { name = "route set", file = "cli.route", text = "A route for now, until the daemon starts again.",
    examples = { { "route set '/dswarm/donald/*' '/dswarm/server/$0'", "what is for donald goes by server" } },
    arguments = { PATTERN, { "target", "TARGET", "the way, and $0 behind it: there the address stands; in single \z
      quotes", kind = "text" } } },
  { name = "route unset", file = "cli.route", text = "Take a route out, until the daemon starts again.",
    examples = { { "route unset '/dswarm/donald/*'", "what route set put there, or a line of the policy" } },
    arguments = { PATTERN } },
}
