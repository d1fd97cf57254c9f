-- ping_rows.lua - the commands `ping` and `trace`, as rows of the table in cli/init.lua. No command's inside.
local WHO <const> = { "who", "WHO|ADDRESS", "a node: its name, name~key, the end of its key, its ID; or an address, \z
  through as many channels as it names", kind = "peer" }

return {
  { name = "ping", file = "cli.ping", text = "Whether that node answers, and how fast.",
    examples = { { "ping donald", "by whatever way leads to it" },
      { "ping /ip4/192.168.1.20/udp/3825/dswarm-line", "whoever is there" } },
    arguments = { WHO }, options = { { "--count", "N", "how many questions (4)", kind = "count" } } },
  { name = "trace", file = "cli.ping", text = "Over which hops lines go to that node.",
    examples = { { "trace donald", "who passes on what is sent there" } }, arguments = { WHO } },
}
