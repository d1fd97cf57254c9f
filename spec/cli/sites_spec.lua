-- sites_spec.lua - how `sites` counts the nodes of `discover`, and what stands on a screen of it.
require "spec.helper"
local show = require "cli.show"
local sites = require "cli.sites"
local text = require "core.text"

local DAY <const> = 24 * 60 * 60 * 1000

local function said(nodes, columns)
  local parts = {}
  local s = show.new { width = columns or 80, escape = text.escape, host = "localhost",
    write = function(part) parts[#parts + 1] = part end }
  sites.show({ nodes = nodes }, s)
  return table.concat(parts)
end

local function node(site, more)
  local one = { site = site, status = "ready", level = "ok", version = "0.1.0", seen_ms = 4000 }
  for name, value in pairs(more or {}) do one[name] = value end -- any order
  return one
end

describe("sites", function()
  it("are the nodes by the site that each names, with states, levels, versions and the oldest age", function()
    assert.equal([[
SITE     NODES   LEVEL                      STATUS            VERSION   OLDEST
room 3       3   1 error, 1 ok, 1 unknown   2 ready, 1 busy   3 0.1.0   17 min
–            1   1 unknown                  1 lost            –            5 h
As far as this node heard.
]], said({ node("room 3"), node("room 3", { status = "busy", level = "error", seen_ms = 17 * 60 * 1000 }),
      { site = "room 3", status = "ready", version = "0.1.0", seen_ms = 1000 },
      { status = "lost", level = "ok", seen_ms = 5 * 60 * 60 * 1000 } }))
  end)

  it("are not asked who is lost for a day, and count strangers to the lab apart", function()
    local stranger = node("evil", { status = "stranger" })
    local found = sites.of { nodes = { node "a", node("a", { status = "lost", seen_ms = DAY + 1 }),
      { status = "lost" }, stranger, stranger } }
    assert.same({ 1, 1, 2 }, { #found.sites, found.sites[1].count, found.strangers })
    assert.matches("\n2 strangers to this lab, of whatever site%.\n", said { node "a", stranger, stranger })
  end)

  it("of which there are too many are those of most nodes; the rest is counted", function()
    local nodes = { node "room", node "room" }
    for i = 1, 10000 do nodes[#nodes + 1] = node(("!%05d\27[2J"):format(i)) end
    local screen = said(nodes)
    assert.matches("\nroom  ", screen)
    assert.matches("\n9937 sites more%.\n", screen)
    assert.equal(1 + 64 + 2, select(2, screen:gsub("\n", "")))
    assert.is_nil(screen:find "\27")
  end)
end)
