-- log_spec.lua - lines of the log: their form, their escaping, their rate.
local log = require "log"

describe("log", function()
  local lines, now, l
  before_each(function()
    lines, now = {}, (14 * 3600 + 10 * 60 + 31) * 1000 + 86400000 * 20000
    l = log.new { write = function(line) lines[#lines + 1] = line end, wall = function() return now end }
  end)

  it("is one line a fact, sorted or in the order given", function()
    l:info("policy", "loaded", { hooks = 12, file = "a.lua" })
    l:warn("routing", "port in use", { { "port", 3825 }, { "address", "/ip4/0.0.0.0/udp/3825" } })
    l:error("dcache", "disk")
    assert.same({
      "14:10:31 info  policy   loaded  file=a.lua hooks=12\n",
      "14:10:31 warn  routing  port in use  port=3825 address=/ip4/0.0.0.0/udp/3825\n",
      "14:10:31 error dcache   disk\n",
    }, lines)
  end)

  it("leaves the time to a journal, and tells it the priority", function()
    local into = log.new { write = function(line) lines[#lines + 1] = line end, wall = function() return now end,
      level = "debug", journal = true }
    for _, level in ipairs { "debug", "info", "warn", "error" } do into[level](into, "policy", "loaded") end
    assert.same({ "<7>debug policy   loaded\n", "<6>info  policy   loaded\n", "<4>warn  policy   loaded\n",
      "<3>error policy   loaded\n" }, lines)
  end)

  it("cannot be made to say what was not said", function()
    l:info("x", "y", { name = "ada\n14:10:31 error all lost", nick = "a b", empty = "", quote = 'say "hi"' })
    assert.equal(1, #lines)
    assert.equal(1, select(2, lines[1]:gsub("\n", "")))
    assert.matches('nick="a b"', lines[1], 1, true)
    assert.matches('empty=""', lines[1], 1, true)
    assert.matches('quote="say \\"hi\\""', lines[1], 1, true)
    l:info("x", "y", { red = "\27[31m", broken = "\255", long = ("z"):rep(10000) })
    assert.is_nil(lines[2]:find "[\27\255]")
    assert.is_true(#lines[2] < 400)
  end)

  it("leaves out what is below its level", function()
    l:debug("x", "y")
    assert.same({}, lines)
    local all = log.new { write = function(line) lines[#lines + 1] = line end, wall = function() return 0 end,
      level = "debug" }
    all:debug("x", "y")
    assert.same({ "00:00:00 debug x        y\n" }, lines)
    assert.has_error(function() log.new { level = "loud" } end)
  end)

  it("says a thing once until it is forgotten", function()
    for _ = 1, 3 do l:once("a", "warn", "x", "a") end
    l:once("b", "warn", "x", "b")
    assert.equal(2, #lines)
    l:forget "a"
    l:once("a", "warn", "x", "a")
    assert.equal(3, #lines)
    for i = 1, 3000 do l:once("many " .. i, "debug", "x", "y") end
    assert.is_true(l.said_count <= 1024)
  end)

  it("bounds repeats of one kind, tells how many it left out, and lets others through", function()
    for i = 1, 1000 do l:warn("routing", "refused", { from = i }) end
    assert.equal(10, #lines)
    l:warn("routing", "other")
    assert.equal(11, #lines)
    now = now + 6000
    l:warn("routing", "refused", { from = 1001 })
    assert.matches("from=1001 unsaid=990\n$", lines[12])
    l:warn("routing", "refused")
    assert.equal(12, #lines)
    for i = 1, 1000 do l:warn("routing", "kind " .. i) end
    assert.is_true(l.kind_count <= 256)
  end)

  it("is not silenced for long by a clock that is stepped back", function()
    for _ = 1, 20 do l:warn("x", "y") end
    now = now - 1000000000
    l:warn("x", "y")
    now = now + 6000
    l:warn("x", "y")
    assert.equal(11, #lines)
  end)
end)
