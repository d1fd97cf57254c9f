-- The manual pages: each row of the tables stands in one, and what reads such pages finds no fault.
local arguments = require "cli.arguments"
local cures = require "cures"
local folder = require "spec.folder"
local hooks = require "policy.hooks"
local pages = require "cli.pages"
local roff = require "cli.pages.roff"

local NAMES <const> = { "dt-swarm.8", "dt-swarm-cli.1", "dt-swarm-policy.5", "dt-swarm-lab.7",
  "dt-swarm-channels.7", "dt-swarm-plan.5" }

local function output(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local said = pipe:read "a"
  pipe:close()
  return said
end

-- The page as a terminal of 80 columns shows it; bold is a letter struck twice.
local function shown(text)
  local name = os.tmpname()
  folder.write(name, text)
  local said = output("mandoc -Tutf8 -O width=78 " .. name)
  os.remove(name)
  return (said:gsub(utf8.charpattern .. "\b", ""):gsub("\u{A0}", " "))
end

local function flat(text) return (text:gsub("%s+", " ")) end

describe("the manual pages", function()
  it("are without fault for mandoc, and for groff where it is", function()
    local name = os.tmpname()
    finally(function() os.remove(name) end)
    local groff = os.execute "command -v groff >/dev/null"
    for _, page in ipairs(NAMES) do
      folder.write(name, pages.text(page))
      assert.equal("", output("mandoc -Tlint -W style " .. name), page)
      assert.equal("", groff and output("groff -ww -z -man -Kutf8 " .. name) or "", page)
    end
    folder.write(name, pages.text "dt-swarm.8" .. ".XX\n") -- a fault is found
    assert.truthy(output("mandoc -Tlint -W style " .. name):find "XX")
  end)

  it("tell each command, option, code, word, setting and hook, within 80 columns", function()
    local cli, text = require "cli", {}
    for i, page in ipairs(NAMES) do
      text[i] = shown(pages.text(page))
      for line in text[i]:gmatch "[^\n]+" do assert.is_true(utf8.len(line) <= 80, line) end
      text[i] = flat(text[i])
    end
    local function tells(page, words) assert.truthy(text[page]:find(flat(words), 1, true), words) end
    for _, row in ipairs(require("options").rows) do tells(1, row[1] .. (row[2] and " " .. row[2] or "")) end
    for _, exit in ipairs(require("exits").of "daemon") do tells(1, ("%d %s"):format(exit.code,
      exit.text:gsub("^%l", string.upper))) end
    for _, command in ipairs(cli.commands) do
      if command.hidden then
        assert.is_nil(text[2]:find(command.text, 1, true))
      else
        tells(2, command.text)
        tells(2, "dt-swarm-cli [HOST] " .. command.name)
        for _, option in ipairs(command.options or {}) do tells(2, option[1]) end
        for _, example in ipairs(command.examples or {}) do tells(2, "dt-swarm-cli " .. example[1]) end
      end
    end
    for _, exit in ipairs(cli.exits) do tells(2, ("%d %s"):format(exit.code, exit.text:gsub("^%l", string.upper))) end
    local words, errors = cures.all()
    for _, list in ipairs { words, errors, require("cli.signs").all() } do
      for _, word in ipairs(list) do tells(2, (word.means .. " What to do: " .. word.cure):gsub("`", "")) end
    end
    for _, row in ipairs(hooks.settings) do tells(3, row[1] .. " " .. row[2]) end
    for _, row in ipairs(hooks.hooks) do tells(3, row.path .. "(") end
    tells(3, "FIVE RULES 1. A noun is a setting")
  end)

  -- Each command of a PAGE is understood. → how many it has
  local function typed_on(page)
    local cli, count = require "cli", 0
    for typed in page.commands() do
      local given = {}
      for word in output("printf '%s\\n' " .. typed):gmatch "[^\n]+" do given[#given + 1] = word end
      local command, words = cli.find(given)
      assert.truthy(command, typed)
      assert.truthy(arguments.parse(command, { table.unpack(given, words + 1) }, cli.options))
      count = count + 1
    end
    return count
  end

  it("tell of a lab and of channels only what can be typed", function()
    assert.is_true(typed_on(require "cli.pages.lab") > 15)
    assert.is_true(typed_on(require "cli.pages.channels") > 5)
  end)

  it("show policies that the check finds fine", function()
    local home, count = folder.new(), 0
    finally(home.remove)
    local programs = home.path .. "/dt-swarm/channels"
    output(("mkdir -p %s && printf '#!/bin/sh\\n' >%s/modem && chmod 700 %s/modem"):format(programs, programs,
      programs))
    for text in require("cli.pages.channels").policies() do
      folder.write(home.path .. "/p.lua", text)
      local said = output(("XDG_CONFIG_HOME=%s ./dt-swarm --check %s/p.lua; echo $?"):format(home.path, home.path))
      assert.matches("\n0\n$", said)
      count = count + 1
    end
    assert.equal(3, count)
  end)

  it("show text as it is, whatever roff would make of it", function()
    local page = roff.new("x", 1, "2026-11-28", "0", "is `code` and **strong**")
    local hostile = ".SH not a heading 'x \\fB \\n(.x \"quoted\" a-b ~ ^ – …"
    page:heading "Description"
    page:paragraph(hostile)
    page:code { ".de", "'br", "\\c" }
    page:term(".x", "-y", ".z")
    local text = flat(shown(page:text()))
    for _, words in ipairs { hostile, ".de 'br \\c", ".x -y", ".z", "is code and strong" } do
      assert.truthy(text:find(words, 1, true), words .. "\n" .. text)
    end
  end)

  it("are the same bytes for the same sources, dated by them", function()
    for _, page in ipairs(NAMES) do assert.equal(pages.text(page), pages.text(page)) end
    assert.truthy(pages.text "dt-swarm.8":find(os.date("!%F", require("core").built), 1, true))
    assert.is_nil(pages.text "dt-swarm.1")
  end)
end)
