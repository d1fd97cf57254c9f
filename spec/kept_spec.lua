-- kept_spec.lua - a small value in one file: whole, checked, lazy; a damaged one is put aside and said.
local disk = require "core.disk"
local folder = require "spec.folder"
local kept = require "kept"
local atomic_write = require "atomic_write"
local simloop = require "sim.loop"

local MINUTE = 60 * 1000

describe("a kept value", function()
  local home, d, L, said, value

  before_each(function()
    home, d, L, said, value = folder.new(), disk.real(), simloop.new(), {}, { "a", 1 }
  end)
  after_each(function() home.remove() end)

  local function new(on)
    local log = { forget = function() end }
    function log.warn(_, _, what, facts) said[#said + 1] = what .. " " .. (facts.aside or facts.why or "") end
    function log.once(_, _, _, _, what) said[#said + 1] = what end
    return kept.new_lazy { loop = L, disk = on or d, log = log, dir = home.path, name = "seen",
      date = function() return "D" end, data = function() return value end,
      atomic_write = atomic_write.new { disk = on or d, log = log } }
  end

  local function file() return folder.read(home.path .. "/seen") end

  it("comes back after a clean stop, from a line with its hash", function()
    local k = new()
    assert.is_nil(k:read())
    k:stop()
    k:stop()
    assert.equal(('{"data":["a",1],"hash":"%s","schema":1}\n'):format(
      require "core.text".base64url(require "core.hash".blake2b '["a",1]')), file())
    assert.same({ "a", 1 }, new():read())
    assert.equal(384, d:stat(home.path .. "/seen").mode)
    assert.same({}, said)
  end)

  it("is written each half hour where it changed, and not where it did not", function()
    local k = new()
    k:start()
    L:run_until(29 * MINUTE)
    assert.is_nil(d:stat(home.path .. "/seen"))
    L:run_until(31 * MINUTE)
    local first = d:stat(home.path .. "/seen").ino
    L:run_until(95 * MINUTE)
    assert.equal(first, d:stat(home.path .. "/seen").ino)
    value = { "b" }
    L:run_until(125 * MINUTE)
    assert.truthy(file():find('["b"]', 1, true))
  end)

  it("goes to the disk soon where that is asked, but not each time", function()
    local k, writes = new(), 0
    k.atomic_write.put = function(_, _, _, _, told)
      writes = writes + 1
      told(true)
    end
    k:start()
    for i = 1, 120 do
      value = { i }
      k:soon()
      L:run_until(L:now() + 1000)
      if i % 10 == 0 then assert.equal(i // 10, writes) end -- what changed is there 10 s later
    end
    for i = 1, 24 * 3600 do
      value = { i, "still" }
      k:soon()
      L:run_until(L:now() + 1000)
    end
    assert.is_true(writes <= 12 + 24 * (12 + 2) + 1 and writes >= 24 * 12, writes .. " writes in a day of changes")
    L:run_until(L:now() + 70 * MINUTE)
    local before = writes
    value = { "after a calm hour" }
    k:soon()
    L:run_until(L:now() + 11000)
    assert.equal(before + 1, writes)
  end)

  it("of a newer version is put aside as such, and not called damaged", function()
    new():stop()
    local newer = file():gsub('schema":1', 'schema":2')
    folder.write(home.path .. "/seen", newer)
    local k = new()
    assert.is_nil(k:read())
    assert.is_nil(k.damaged)
    local there = home.path .. "/seen.version-2-D"
    assert.same({ "a file is of version 2, this dt-swarm knows 1: begun anew " .. there }, said)
    assert.equal(newer, folder.read(there))
  end)

  it("that is damaged is put aside under a name that nobody has, said, and begun anew", function()
    new():stop()
    local whole = file()
    local bad = { "", "x", whole:sub(1, -3), whole:gsub('"a"', '"b"'), whole:gsub("schema\":1", "schema\":0"), "[]\n",
      ("x"):rep(300 * 1024), '{"data":null,"hash":"","schema":1}\n' }
    for i = 1, #bad do
      said = {}
      folder.write(home.path .. "/seen", bad[i])
      local k = new()
      assert.is_nil(k:read(), "case " .. i)
      local aside = home.path .. "/seen.damaged-D" .. (i > 1 and "-" .. i or "")
      assert.equal(aside, k.damaged)
      assert.same({ "a file is damaged: begun anew " .. aside }, said)
      assert.equal(bad[i], folder.read(aside))
      k:stop()
      assert.equal(whole, file())
    end
  end)

  it("that is a folder is put aside, too", function()
    new():stop()
    local whole = file()
    assert(os.execute(("rm %s/seen && mkdir %s/seen && touch %s/seen/x"):format(home.path, home.path, home.path)))
    local k = new()
    assert.is_nil(k:read())
    assert.same({ "a file is damaged: begun anew " .. home.path .. "/seen.damaged-D" }, said)
    assert.equal("", folder.read(home.path .. "/seen.damaged-D/x"))
    k:stop()
    assert.equal(whole, file())
  end)

  it("that is a pipe is put aside, too, and nobody waits for who writes into it; what is lost with it is said",
    function()
      assert(os.execute(("mkfifo %s/seen"):format(home.path)))
      local k, lost = new(), nil
      k.what, k.log.warn = "who was seen", function(_, _, _, facts) lost = facts.lost end
      assert.is_nil(k:read())
      assert.same({ "who was seen", home.path .. "/seen.damaged-D" }, { lost, k.damaged })
      k:stop()
      assert.truthy(file())
    end)

  it("that a disk does not give stays where it is", function()
    new():stop()
    local whole = file()
    local k = new(setmetatable({ read = function() return nil, "EIO: /seen: Input/output error", "EIO" end },
      { __index = function(_, name) return function(_, ...) return d[name](d, ...) end end }))
    assert.is_nil(k:read())
    assert.is_nil(k.damaged)
    assert.same({ "a file cannot be read EIO: /seen: Input/output error" }, said)
    assert.equal(whole, file())
  end)

  it("is tried again where the disk was full, which is said once", function()
    local k = new()
    k.atomic_write.put = function(_, _, _, _, told) told(nil, "ENOSPC: full", "ENOSPC") end
    k:start()
    L:run_until(95 * MINUTE)
    assert.same({ "a file cannot be written: tried again ENOSPC: full" }, said)
    k.atomic_write.put = nil
    L:run_until(125 * MINUTE)
    assert.truthy(file())
  end)
end)
