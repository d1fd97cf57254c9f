-- plan_rows.lua - the command `rollout plan`, as a row of the table in cli/init.lua. No command's inside.
return {
  { name = "rollout plan", file = "cli.rollout_plan", text = "What a plan file comes to; nothing is signed.",
    examples = { { "rollout plan friday.lua", "who begins when, and what may be down or fail at most" },
      { "rollout plan friday.lua --simulate --off donald", "played through, where donald is switched off" },
      { "rollout plan friday.lua --rest", "for those alone whom earlier runs did not bring there" },
      { "rollout plan --rest", "whom the runs of each release did not name, or not bring there" } },
    arguments = { { "file", "FILE", "a plan file, in Lua: dt-swarm-plan(5)", "?", kind = "path" } },
    options = { { "--simulate", nil, "play it through with these robots in a simulator" },
      { "--off", "ROBOTS", "with --simulate: these are switched off: a,b", kind = "peer" },
      { "--fail", "ROBOTS", "with --simulate: there the release turns out bad: a,b", kind = "peer" },
      { "--runs", "N", "with --simulate: how often (20 times; fewer of many robots)", kind = "count" },
      { "--rest", nil, "only robots that no run of the release named, or brought there" } } },
}
