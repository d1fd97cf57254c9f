-- command.lua - dt-swarm-cli(1), from the table of commands, of exits, and of what words mean. Asks nobody.
local help = require "cli.help"
local signs = require "cli.signs"

local command = { name = "dt-swarm-cli", section = 1, about = "asks a node of the swarm what it knows" }

local ENVIRONMENT <const> = {
  { "COLUMNS", "How wide tables are where standard output is no terminal; 80 unless it is set." },
  { "NO_COLOR", "Set to anything: no colour." },
  { "RUNTIME_DIRECTORY, XDG_RUNTIME_DIR, STATE_DIRECTORY, XDG_STATE_HOME", "Where the daemon's socket is looked for, \z
    by the same rules as dt-swarm(8) makes it." },
}

local function options(page, list)
  for _, option in ipairs(list or {}) do page:term(option[1], option[2], option[3]) end
end

local function examples(page, list)
  for _, example in ipairs(list or {}) do page:term("dt-swarm-cli " .. example[1], nil, example[2]) end
end

local function one(page, row)
  page:subheading(row.name)
  page:paragraph(row.text)
  examples(page, row.examples)
  page:usage("dt-swarm-cli", { "[HOST]", row.name, table.unpack(help.words_of(row)) })
  for _, argument in ipairs(row.arguments or {}) do page:term(argument[2], nil, argument[3]) end
  options(page, row.options)
end

local function words(page)
  local titles = { "Words of refusal", "Errors of the system", "Words and signs of tables", "Titles of tables",
    "Checks" }
  for i, list in ipairs(signs.lists()) do
    page:heading(titles[i])
    for _, word in ipairs(list) do page:term(word.word, nil, word.means .. " What to do: " .. word.cure) end
  end
end

function command.write(page)
  local cli = require "cli"
  page:heading "Synopsis"
  page:usage("dt-swarm-cli", { "[HOST]", "COMMAND", "[OPTIONS]" })
  page:heading "Examples"
  examples(page, cli.examples)
  page:heading "Description"
  page:paragraph(help.host)
  page:paragraph "Data goes to standard output, words about it to standard error. A table keeps to the width of the \z
    terminal; where that is narrow the least important columns are left out. The sign – is unknown, never 0."
  page:heading "Commands"
  for _, row in ipairs(cli.commands) do
    if not row.hidden then one(page, row) end
  end
  page:heading "Options of all commands"
  options(page, cli.options)
  page:exits(cli.exits)
  page:heading "Environment"
  for _, row in ipairs(ENVIRONMENT) do page:term(row[1], nil, row[2]) end
  words(page)
  page:see_also { "dt-swarm(8)", "dt-swarm-policy(5)", "dt-swarm-plan(5)", "dt-swarm-channels(7)", "dt-swarm-lab(7)" }
end

return command
