-- files_rows.lua - the commands about which files are safe, as rows of the table in cli/init.lua. No command's inside.
return {
  { name = "files why", file = "cli.explain", text = "Why a file is shared, fetched, held, or not, and by whom.",
    examples = { { "files why run-12.bag", "how many copies it has, and why not more" } },
    arguments = {
      { "what", "NAME|CID", "as lists show it: a path, the end of one, ROBOT:PATH, a CID", kind = "file" },
    } },
  { name = "files verify", file = "cli.files_verify", text = "Hash a file of this node anew: is it still what it was?",
    examples = { { "files verify run-12.bag", "an own file, or a copy that is held here" } },
    arguments = { { "file", "NAME|CID", "a path, its last part, or a CID", kind = "file" } } },
  { name = "files safe", file = "cli.files_safe", text = "Is each own file on another node, too? Then 0, else 1.",
    examples = { { "files safe", "may this robot be switched off?" },
      { "files safe --wait 10min && sudo poweroff", "as soon as it may; after ten minutes it stays on" } },
    options = { { "--wait", "TIME", "ask again until each is, for so long at most", kind = "span" } } },
}
