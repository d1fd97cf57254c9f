-- policy.lua - dt-swarm-policy(5): the prose of policies/README.md and the table of settings, hooks and facts.
local hooks = require "policy.hooks"
local markdown = require "cli.pages.markdown"
local prose = require "policy.page"

local policy = { name = "dt-swarm-policy", section = 5, about = "how a node of the swarm decides, in Lua" }

local function settings(page)
  markdown.put(page, prose.settings_text)
  for _, row in ipairs(hooks.settings) do
    page:term(row[1], row[2], ("%s. Default: %s. A change is %s.%s"):format(row[4], row[3],
      row.restart and "`restart`" or "`live`", row.later and " It is used from a later version." or ""))
  end
  markdown.put(page, "\n" .. prose.channels_text)
  markdown.put(page, "\n" .. prose.routes_text)
end

local function questions(page)
  page:heading "Hooks"
  page:paragraph "Each may return its answer and a reason. One marked ! changes things."
  for _, row in ipairs(hooks.hooks) do
    local names = {}
    for i, argument in ipairs(row.arguments) do names[i] = argument[1] end
    page:term(("%s(%s)"):format(row.path, table.concat(names, ", ")), row.changes and "!" or nil,
      ("Asked when %s. Answers: %s. Default: %s.%s"):format(row.asked, prose.answers_of(row), row.default,
        row.later and " It is asked from a later version." or ""))
  end
end

function policy.write(page)
  page:heading "Description"
  markdown.put(page, prose.opening(require("policy.load").names()))
  settings(page)
  questions(page)
  page:heading "Facts"
  page:paragraph "By the argument that has them; those with ? may be unknown, which is nil."
  for _, row in ipairs(prose.facts()) do page:term(row[1], nil, row[2], true) end
  page:see_also { "dt-swarm(8)", "dt-swarm-cli(1)", "dt-swarm-channels(7)" }
end

return policy
