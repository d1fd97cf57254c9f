-- pages - what is made of the tables and installed: manual pages, and what completes commands. Writes no file.
local core = require "core"
local roff = require "cli.pages.roff"
local shells = require "cli.pages.shells"

local pages = {}

local MANUALS <const> = { "cli.pages.daemon", "cli.pages.command", "cli.pages.policy", "cli.pages.lab",
  "cli.pages.channels", "cli.pages.plan" }

-- File names of the manual pages and who writes each.
local function manuals()
  local by_name = {}
  for _, module in ipairs(MANUALS) do
    local page = require(module)
    by_name[("%s.%d"):format(page.name, page.section)] = page
  end
  return by_name
end

--- The text of the page that is called NAME: "dt-swarm.8", "bash", "zsh" | nil.
function pages.text(name)
  local found = manuals()[name]
  if not found then return shells[name] end
  local page = roff.new(found.name, found.section, os.date("!%F", core.built), core.version, found.about)
  found.write(page)
  return page:text()
end

return pages
