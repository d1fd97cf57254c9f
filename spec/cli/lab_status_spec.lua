-- lab_status_spec.lua - what `status` says of the lab: in which one, how the node stands there, and why not.
require "spec.helper"
local asked = require "spec.clients.asked"
local fake = require "spec.clients.fake_node"
local lab_status = require "cli.lab_status"
local show = require "cli.show"
local text = require "core.text"
local width = require "cli.width"

local ID <const> = "12D3KooWQ1vBqFLAZ3qVVXRcrkzRAFQoeUtzuNZn7KXkJ9WT7f3a"

-- What stands on a screen of so many COLUMNS of the lab ONE.
local function said(one, columns)
  local parts = {}
  local s = show.new { width = columns or 80, escape = text.escape, host = "localhost",
    write = function(part) parts[#parts + 1] = part end }
  s:facts(lab_status.rows(one, s))
  lab_status.say(one, s)
  return table.concat(parts)
end

local function lab(more)
  local one = { name = "robotics", lab = "7Qm2aaaaaaaaaaaaaakd4A", file = "/s/lab", member = true, role = "member",
    root = { number = 1, need = 1, keys = { { id = ID, label = "teacher" } } } }
  for name, value in pairs(more or {}) do one[name] = value end -- any order
  return one
end

describe("status of a lab", function()
  it("names the lab, the node's role there and whose keys the root is", function()
    assert.equal("  lab   robotics 7Qm2…kd4A, member\n  root  teacher\n", said(lab()))
    local two = lab { role = "admin", root = { number = 3, need = 2, keys = { { id = ID, label = "teacher" },
      { id = ID, label = "ada" } } } }
    assert.equal("  lab   robotics 7Qm2…kd4A, admin\n  root  teacher and ada, 2 of 2 must sign (root 3)\n", said(two))
  end)

  it("says why the node is no member, and what would change it", function()
    local words = said(lab { member = false, role = false,
      why = { text = "its grant is over", cure = "on an admin's machine: dt-swarm-cli trust renew" } })
    assert.truthy(words:find("7Qm2…kd4A, no member\n", 1, true), words)
    assert.truthy(words:find("No member of lab robotics: its grant is over.", 1, true), words)
    assert.truthy(words:find("dt-swarm-cli trust renew", 1, true), words)
  end)

  it("says what to type in lines that a shell reads as one", function()
    local command = ("dt-swarm-cli trust grant %s member"):format(ID)
    local none = lab { member = false, role = false, token = false,
      why = { text = "its grant is over", cure = "On an admin's machine: " .. command } }
    for _, columns in ipairs { 40, 80, 120 } do
      local typed = said(none, columns):match "On an admin's machine:%s(.*)\n$"
      assert.equal(command, (typed:gsub(" \\\n +", " "):gsub("^ +", "")))
    end
  end)

  it("says that roles wait, that a root key is stolen, that the policy's swarm does not count", function()
    local waits = "trust not compared with anybody yet; at the latest in 9 min"
    assert.truthy(said(lab { unsettled = waits }, 300):find(("Roles are not acted on yet: %s."):format(waits), 1, true))
    local two = lab()
    two.root.two = 2
    assert.truthy(said(two):find("Two roots 2: a root key is stolen.", 1, true))
    assert.truthy(said(lab { policy_swarm = { name = "lab-3", file = "p.lua", line = 3 } }, 300):find(
      "the swarm of the policy, lab-3, does not count: the lab file /s/lab does", 1, true))
  end)

  it("says once that a root key is stolen, as lab show does", function()
    local one = lab { token = false }
    one.root.two = 2
    local answer = assert(asked.of(fake.node()) { command = "status" })
    answer.lab = one
    for _, file in ipairs { "status", "lab_show" } do
      local parts = {}
      local s = show.new { width = 300, escape = text.escape, write = function(part) parts[#parts + 1] = part end }
      require("cli." .. file).show(answer, s)
      assert.equal(1, select(2, table.concat(parts):gsub("Two roots 2: a root key is stolen%.", "")), file)
    end
  end)

  it("stays within narrow terminals, and prints no name that could move the cursor", function()
    local one = lab { name = "a\27[2J", unsettled = ("it waits "):rep(20), open = ("every user may read it "):rep(5) }
    for columns = 30, 80, 10 do
      local words = said(one, columns)
      for line in words:gmatch "[^\n]+" do assert.is_true(width.of(line) <= columns, line) end
      assert.is_nil(words:find("\27", 1, true))
    end
  end)
end)
