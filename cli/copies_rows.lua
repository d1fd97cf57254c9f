-- copies_rows.lua - the commands by which copies go, as rows of the table in cli/init.lua. No command's inside.
local sign_options = require "cli.sign_options"

local YES <const> = { "--yes", nil, "do not ask" }
local CANCEL <const> = { "--cancel", nil, "undo it" }

return {
  { name = "files withdraw", file = "cli.withdraw", text = "Share an own file no more, and have all copies dropped.",
    examples = { { "files withdraw run-12.bag", "who has a copy? Then it asks" },
      { "files withdraw run-12.bag --cancel", "share it again" } },
    arguments = { { "file", "NAME|CID", "one of this node's own files", kind = "file" } },
    options = { YES, CANCEL,
      { "--wait", "TIME", "how long others may take to drop it (5s; at most 1min)", kind = "span" } } },
  { name = "files drop", file = "cli.withdraw", text = "Remove a copy that is held here, and fetch it no more.",
    examples = { { "files drop ada/run-12.bag", "the copy here, nobody else's" },
      { "files drop --cancel CID", "it may be fetched again" } },
    arguments = { { "file", "NAME|CID", "one of the copies of `files list`", kind = "file" } },
    options = { YES, CANCEL } },
  { name = "files discard", file = "cli.discard", text = "Sign, as one of two trusted keys, that all copies go.",
    examples = { { "files discard CID --why 'a student in the picture'", "once two have signed it" } },
    arguments = { { "cid", "CID", "of the file", kind = "file" } },
    options = { { "--why", "TEXT", "a reason, which others see", kind = "text" }, CANCEL, sign_options.YES,
      sign_options.KEY, sign_options.TO } },
}
