-- events_spec.lua - what `watch` says of a lab: who came in by whom, who left it and why, roots, and that roles act.
require "spec.helper"
local events = require "cli.events"
local show = require "cli.show"
local text = require "core.text"

local ID <const> = "12D3KooWQ1vBqFLAZ3qVVXRcrkzRAFQoeUtzuNZn7KXkJ9WT7f3a"

-- The line of EVENT, without its time.
local function said(event)
  local parts = {}
  local s = show.new { width = 80, escape = text.escape, host = "localhost",
    write = function(part) parts[#parts + 1] = part end }
  event.topic = "trust"
  events.run({ show = s, world = { flush = function() end }, follow = function(_, _, fn) fn(event) end },
    { words = {} })
  return (table.concat(parts):gsub("^– +trust +", ""):gsub("\n$", ""))
end

describe("watch trust", function()
  it("says who came in and by whom, who left and why, roots, and when roles are acted on", function()
    assert.equal("member    duckie07 7f3a, let in by token images",
      said { event = "member", id = ID, name = "duckie07", by = ID, token = "images" })
    assert.equal("member    7f3a, let in by 7f3a", said { event = "member", id = ID, by = ID })
    assert.equal("member    7f3a", said { event = "member", id = ID, name = "" })
    assert.equal("stranger  duckie07 7f3a: lost", said { event = "stranger", id = ID, name = "duckie07", why = "lost" })
    assert.equal("root      number 2 is in force", said { event = "root", number = 2 })
    assert.equal("settled   compared with ada", said { event = "settled", why = "compared with ada" })
  end)

  it("shows no escapes of a terminal that a name or a reason has", function()
    for _, event in ipairs { { event = "member", id = ID, name = "a\27[2J", token = "b\27[2J" },
      { event = "stranger", id = ID, name = "a", why = "c\27]0;x\7" } } do
      assert.is_nil(said(event):find("\27", 1, true))
    end
  end)
end)
