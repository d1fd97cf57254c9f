-- health_rows.lua - the commands about how nodes are, as rows of the table in cli/init.lua. No command's inside.
local WATCH <const> = { "--watch", nil, "stay until Ctrl-C: a terminal is drawn anew, else it is said again" }

return {
  { name = "health", file = "cli.health", text = "How each robot's body is, what fails, what to do.",
    examples = { { "health", "who is ill?" }, { "health donald", "one of them from head to foot" },
      { "health --watch", "the same, drawn anew when it changes" } },
    arguments = { { "robot", "ROBOT", "a name, name~key, or peer ID", "?", kind = "peer" } }, options = { WATCH } },
  { name = "sites", file = "cli.sites", text = "The robots by site: how many, and how they are.",
    examples = { { "sites", "which rooms have trouble?" } } },
  { name = "stats show", file = "cli.stats", text = "What of this node's use is told to its site, byte for byte.",
    default = true, examples = { { "stats show", "before the owner agrees, and after" } } },
  { name = "stats forget", file = "cli.stats_forget", text = "Take back what was told of this node's use.",
    examples = { { "stats forget", "and count from nothing" } } },
}
