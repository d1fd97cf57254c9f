-- logs_finished_spec.lua - when a file counts as finished, by each signal alone, under a virtual clock. No files.
local finished = require "clients.logs.finished"
local simloop = require "sim.loop"

describe("a file whose openers cannot be asked", function()
  local loop, info, busy, done, f

  before_each(function()
    loop, busy, done = simloop.new(), nil, {}
    info = { kind = "file", dev = 1, ino = 2, size = 10, mtime_ns = 1, ctime_ns = 1 }
    f = finished.new { loop = loop, settle = function() return 2000 end, busy = function() return busy end,
      stat = function()
        local copy = {}
        for field, value in pairs(info) do copy[field] = value end
        return copy
      end,
      done = function(name) done[#done + 1] = name end, lost = function() error "it is there" end }
  end)

  local function write()
    info.size, info.mtime_ns = info.size + 1, info.mtime_ns + 1
    f:touch("a.bag", { modify = true })
  end

  it("is finished soon after its writer closed it", function()
    write()
    loop:run_until(1000)
    f:touch("a.bag", { close_write = true })
    loop:run_until(8000)
    assert.same({ "a.bag" }, done)
  end)

  it("is not finished while its writer rests with the file open, but is not waited for for ever", function()
    write()
    loop:run_until(60 * 60000 - 1000)
    assert.same({}, done)
    loop:run_until(61 * 60000)
    assert.same({ "a.bag" }, done)
  end)

  it("is finished when it was moved there, and begins anew with the next write", function()
    f:touch("a.bag", { moved_to = true })
    loop:run_until(1500)
    write()
    loop:run_until(20000)
    assert.same({}, done)
    f:touch("a.bag", { close_write = true })
    loop:run_until(30000)
    assert.same({ "a.bag" }, done)
  end)

  it("is believed by its times alone where nobody saw a writer, and not while somebody has it open", function()
    busy = true
    f:touch("a.bag")
    loop:run_until(60000)
    assert.same({}, done)
    busy = nil
    loop:run_until(80000)
    assert.same({ "a.bag" }, done)
  end)
end)
