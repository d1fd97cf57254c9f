-- home_filesystem_spec.lua - where stored files lie is remembered over starts; where that is lost, nothing is deleted.
local disk = require "core.sim"
local home_filesystem = require "dcache.content.home_filesystem"

describe("the file system of stored files", function()
  local d, said
  before_each(function()
    d, said = disk.memory(1), {}
    for _, folder in ipairs { "/state", "/state/held", "/state/files" } do assert(d:mkdir(folder)) end
  end)

  local function open(id)
    local log = { once = function() end, warn = function(_, _, what) said[#said + 1] = what end }
    return home_filesystem.new { disk = d, log = log, dir = "/state", folder = "/state/files",
      date = function() return "D" end, atomic_write = require "atomic_write".new { disk = d, log = log },
      mount = { key = function() return id end,
        of = function() return { mounted = true, id = id, type = "ext4" } end } }
  end

  it("is known at the next start, and from the file of an earlier version", function()
    assert.is_nil((open "one":check()))
    open "one":settle()
    assert.is_true((open "one":check()))
    assert.is_false((open "two":check()))
    local first = open "one"
    assert(d:replace("/state/place", ("dt-swarm place 1\n%s\n"):format(first.id)))
    assert.is_true((open "one":check()))
    assert.is_false((open "two":check()))
    assert.same({}, said)
  end)

  it("is not anywhere where the file is damaged, until a stored file is found as it was, or none is left", function()
    open "one":settle()
    local whole = d:read "/state/place"
    for at = 1, #whole, 3 do
      local spoiled = string.char(whole:byte(at) ~ 1)
      assert(d:replace("/state/place", whole:sub(1, at - 1) .. spoiled .. whole:sub(at + 1)))
      said = {}
      for start = 1, 2 do
        local here, why = open "one":check()
        assert.same({ false, "it is not known where they were: STATE/place was damaged" }, { here, why })
        assert.equal(1, #said, "it is said once, not at start " .. start)
      end
      local one = open "one"
      if at % 2 == 0 then one:settle() else one:leave() end
      assert.equal(at % 2 == 0 or nil, (one:check()))
      one:settle()
    end
    assert.is_true((open "one":check()))
  end)
end)
