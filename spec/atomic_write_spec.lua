-- atomic_write_spec.lua - whole files put in others' places: on a thread, in order, or in the loop where there is none.
local disk = require "core.disk"
local folder = require "spec.folder"
local loop = require "loop"
local pools = require "core.worker"
local atomic_write = require "atomic_write"
local worker = require "worker"

describe("atomic_write", function()
  local home, L, d, warned
  before_each(function()
    home, d, warned = folder.new(), disk.real(), {}
    L = loop.new { on_error = error }
  end)
  after_each(function()
    L:close()
    home.remove()
  end)

  local function new(start)
    local log = { warn = function(_, _, what) warned[#warned + 1] = what end }
    return atomic_write.new { disk = d, start = start, log = log }
  end
  local function beside() return worker.new { loop = L } end
  local function path(name) return home.path .. "/" .. name end

  it("puts them there in the order asked for, tells each, and closes the mode", function()
    local r, told = new(beside), {}
    for i = 1, 20 do
      r:put(path "a", "bytes " .. i, 384, function(ok)
        told[#told + 1] = ok and i
        if #told == 20 then L:stop() end
      end)
    end
    assert.same({}, told)
    L:run()
    for i = 1, 20 do assert.equal(i, told[i]) end
    assert.equal("bytes 20", folder.read(path "a"))
    assert.equal(384, d:stat(path "a").mode)
    assert.is_nil(d:stat(path "a.new"))
    r:close()
  end)

  it("tells what the disk refused, by word", function()
    local r, said = new(beside), nil
    r:put(path "no/a", "x", 384, function(...)
      said = { ... }
      L:stop()
    end)
    L:run()
    assert.is_nil(said[1])
    assert.matches("^ENOENT: ", said[2])
    assert.equal("ENOENT", said[3])
    r:close()
  end)

  it("waits at its close for what is written, begins nothing, and works in the loop from then on", function()
    local r, told = new(beside), 0
    d:slow(300)
    local function count() told = told + 1 end
    r:put(path "a", "one", 384, count)
    while not d:stat(path "a.new") and not d:stat(path "a") do os.execute "sleep 0.01" end -- it may be past by now
    r:put(path "b", "two", 384, count)
    r:close()
    assert.equal("one", folder.read(path "a"))
    assert.is_nil(folder.read(path "b"))
    assert.equal(0, told)
    r:put(path "b", "three", 384, count)
    assert.equal(1, told)
    assert.equal("three", folder.read(path "b"))
  end)

  it("works in the loop where no thread is to be had, and says so once", function()
    local r, told = new(function() return nil, "EAGAIN: worker" end), 0
    for _ = 1, 2 do r:put(path "a", "x", 384, function(ok) told = told + (ok and 1 or 0) end) end
    assert.equal(2, told)
    assert.equal(1, #warned)
  end)

  it("refuses a job without its parts", function()
    local pool <close> = assert(pools.new { inline = true })
    assert.has_error(function() disk.replacing(pool, { disk = d, path = path "a" }) end)
    assert.has_error(function() disk.replacing(pool, { path = path "a", bytes = "x" }) end)
    assert.has_error(function() disk.replacing(pool, "a") end)
  end)
end)
