-- doubts_spec.lua - which classes are in doubt: over starts, from earlier versions' files, where the file is lost.
local sim_disk = require "core.sim"
local doubts = require "dcache.doubts"
local kept = require "kept"

local CLASSES = { { name = "share", kept = true, max_ttl = 30 }, { name = "state", kept = true, max_ttl = 7 },
  { name = "peers", kept = false, max_ttl = 1 } }

describe("doubts about classes", function()
  local d, said
  before_each(function()
    d, said = sim_disk.memory(1), {}
    assert(d:mkdir "/state")
  end)

  local function open()
    local log = {}
    function log.warn(_, _, what) said[#said + 1] = what end
    function log.info(_, _, what, facts) said[#said + 1] = what .. " " .. facts.class end
    function log.once(_, _, _, _, what) said[#said + 1] = what end
    return doubts.new { classes = CLASSES, log = log, kept = kept.new_firm { disk = d, log = log, dir = "/state",
      name = "unsure", date = function() return "D" end, old = doubts.old,
      atomic_write = require "atomic_write".new { disk = d, log = log } } }
  end

  local function names(of)
    local list = {}
    for _, class in ipairs(CLASSES) do list[#list + 1] = of.unsure[class.name] and class.name or nil end
    return table.concat(list, " ")
  end

  it("stand over starts until a neighbour agrees", function()
    assert.equal("", names(open()))
    open():add "30"
    local again = open()
    assert.equal("share", names(again))
    again:start()
    again:lift "share"
    again:lift "share"
    assert.same({ "a neighbour agrees share" }, said)
    assert.equal("", names(open()))
  end)

  it("are taken over from a file of an earlier version", function()
    for text, expected in pairs { ["share state"] = "share state", ["share"] = "share", [""] = "" } do
      assert(d:replace("/state/unsure", text))
      assert.equal(expected, names(open()))
    end
    assert.same({}, said)
  end)

  it("are about every kept class where the file is lost, whichever byte of it was spoiled", function()
    open():add "30"
    local whole = d:read "/state/unsure"
    for at = 1, #whole do
      d = sim_disk.memory(at)
      assert(d:mkdir "/state")
      assert(d:replace("/state/unsure", whole:sub(1, at - 1) .. string.char(whole:byte(at) ~ 1) .. whole:sub(at + 1)))
      said = {}
      assert.equal("share state", names(open()), "byte " .. at)
      assert.equal(1, #said)
      assert.equal("share state", names(open()), "after the next start")
      assert.equal(1, #said)
      local last = open()
      last:start()
      last:lift "share"
      assert.equal("state", names(open()))
    end
  end)
end)
