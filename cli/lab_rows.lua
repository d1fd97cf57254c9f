-- lab_rows.lua - the commands about labs and a person's own key, as rows of the table in cli/init.lua. No command's
-- inside.
local signing = require "cli.sign_options"

local KEY <const>, TO <const>, YES <const> = signing.KEY, signing.TO, signing.YES

return {
  { name = "operator new", file = "cli.operator", text = "Make your own key, with which you sign what you say.",
    examples = { { "operator new", "ssh-keygen asks for a passphrase" } } },
  { name = "operator show", file = "cli.operator", text = "Your own key as a line that an admin can let in.",
    default = true, examples = { { "operator show", "the line to send to an admin" } }, options = { KEY } },
  { name = "lab init", file = "cli.lab_init", text = "Make a lab: its root key, a token, the file for its robots.",
    examples = { { "lab init robotics", "then put robotics.lab on each robot as /etc/dt-swarm/lab" } },
    arguments = { { "name", "NAME", "of the lab", kind = "text" } }, options = { KEY, YES } },
  { name = "lab join", file = "cli.lab_join", text = "Go into the lab of a lab file.",
    examples = { { "lab join robotics.lab", "this node" },
      { "lab join - < robotics.lab", "on a robot: ssh ROBOT dt-swarm-cli lab join - < robotics.lab" } },
    arguments = { { "file", "FILE", "a lab file; -: standard input", kind = "path" } } },
  { name = "lab leave", file = "cli.lab_leave", text = "Leave the lab: this node is in the open swarm again.",
    examples = { { "lab leave", "this node belongs to nobody's lab any more" } }, options = { YES } },
  { name = "lab show", file = "cli.lab_show", text = "The lab that this node is in, and why it is no member.",
    default = true, examples = { { "lab show", "on a robot that is a stranger: what to ask for" } } },
  { name = "lab token", file = "cli.lab_token", text = "Make a token and a lab file for more robots; list tokens.",
    examples = { { "lab token new spare --most 5", "a file that lets in five more robots" },
      { "lab token list", "which tokens there are, and how many came in by each" } },
    arguments = { { "what", "new|list", "make one, or list all", kind = "text" },
      { "name", "NAME", "of the new token", "?", kind = "text" } },
    options = { { "--most", "N", "robots that it lets in (100)", kind = "text" }, KEY, TO, YES } },
}
