-- withdrawn_spec.lua - what is withdrawn and dropped by hand: kept over a start, bounded, nothing taken for kept that
-- the disk refused.
local atomic_write = require "atomic_write"
local cid = require "core.cid"
local disk = require "core.disk"
local folder = require "spec.folder"
local hash = require "core.hash"
local kept = require "kept"
local withdrawn = require "clients.logs.withdrawn"

describe("withdrawn files", function()
  local home, real, refuses, over

  before_each(function() home, real, refuses, over = folder.new(), disk.real(), false, {} end)
  after_each(function() home.remove() end)

  local function name(i) return cid.make("raw", hash.sha256(tostring(i))) end

  local function open()
    local log = { warn = function() end, once = function() end, forget = function() end }
    local one = setmetatable({ replace = function(_, ...)
      if refuses then return nil, "disk: full", "ENOSPC" end
      return real:replace(...)
    end }, { __index = function(_, method) return function(_, ...) return real[method](real, ...) end end })
    return withdrawn.new(kept.new_firm { disk = one, log = log, dir = home.path, name = "withdrawn",
      date = function() return "D" end, atomic_write = atomic_write.new { disk = one, log = log } },
      { files = function() return function(key) return over[key] or false end end,
        dropped = function() return function(key) return over[key] or false end end })
  end

  local function told()
    local said = {}
    return function(...) said[#said + 1] = { ... } end, said
  end

  it("come back after a start, with what was dropped by hand", function()
    local one, tell = open(), told()
    one:add(name(1), 7, 1000, tell)
    one:add(name(2), 8, nil, tell)
    one:drop(name(3), tell)
    local again = open()
    assert.same({ [name(1)] = { size = 7, at = 1000 }, [name(2)] = { size = 8 } }, again.files)
    assert.same({ [name(3)] = true }, again.dropped)
    again:cancel(name(1), tell)
    again:want(name(3), tell)
    again = open()
    assert.same({ [name(2)] = { size = 8 } }, again.files)
    assert.same({}, again.dropped)
  end)

  it("are not withdrawn where the disk does not keep it", function()
    local one, tell, said = open(), told()
    refuses = true
    one:add(name(1), 7, 1000, tell)
    assert.is_nil(said[1][1])
    assert.same({}, one.files)
  end)

  it("are a thousand at most", function()
    local one, tell, said = open(), told()
    for i = 1, 999 do one.files[name(i)] = { size = i } end -- not each to the disk
    one:add(name(1000), 5, 5, tell)
    one:add(name(1001), 5, 5, tell)
    assert.is_true(said[1][1])
    assert.equal("full", said[2][3])
    assert.is_nil(one.files[name(1001)])
    one:add(name(5), 5, 5, tell) -- one of them once more
    assert.is_true(said[3][1])
  end)

  it("give the oldest place that matters no more to a new one, and keep it where the disk refuses", function()
    local one, tell, said = open(), told()
    for i = 1, 1000 do
      one.files[name(i)], one.dropped[name(i)] = { size = i, at = 5000 - i }, true
    end
    over = { [name(7)] = true, [name(9)] = true }
    refuses = true
    one:add(name(1001), 5, 9000, tell)
    assert.is_nil(said[1][1])
    assert.truthy(one.files[name(9)] and not one.files[name(1001)])
    refuses = false
    one:add(name(1001), 5, 9000, tell)
    one:drop(name(1001), tell)
    assert.is_true(said[2][1] and said[3][1])
    assert.is_nil(one.files[name(9)])
    assert.truthy(one.files[name(7)] and one.files[name(1001)] and one.dropped[name(1001)])
    one:add(name(1002), 5, 9000, tell)
    one:add(name(1003), 5, 9000, tell)
    assert.same({ true, "full" }, { said[4][1], said[5][3] })
  end)

  it("begin anew from a file that says something else", function()
    for _, line in ipairs { kept.encode { files = { x = { size = 1 } }, dropped = { 5, "y" } }, kept.encode { 5 },
      kept.encode { files = 5, dropped = { a = 1 } } } do
      folder.write(home.path .. "/withdrawn", line)
      local one = open()
      assert.same({ {}, {} }, { one.files, one.dropped })
    end
  end)
end)
