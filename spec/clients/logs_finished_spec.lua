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

describe("a file that is appended to, and closed each time", function()
  local loop, info, done, f

  before_each(function()
    loop, done, info = simloop.new(), {}, { kind = "file", dev = 1, ino = 2, size = 0, mtime_ns = 1, ctime_ns = 1 }
    f = finished.new { loop = loop, settle = function() return 2000 end, busy = function() return false end,
      stat = function()
        local copy = {}
        for field, value in pairs(info) do copy[field] = value end
        return copy
      end,
      done = function(_, found) done[#done + 1] = found.size end, lost = function() error "it is there" end }
  end)

  local function write(bytes)
    info.size, info.mtime_ns = info.size + bytes, info.mtime_ns + 1
    f:touch("a.log", { close_write = true })
  end

  -- BYTES each EVERY seconds, TIMES; then rest. → the sizes at which it was taken for finished
  local function append(every, times, bytes)
    for _ = 1, times do
      write(bytes or 10)
      loop:run_until(loop:now() + every * 1000)
    end
    return done
  end

  it("goes out once in the beginning, and once when it is calm at last", function()
    append(5, 12)
    assert.same({ 10 }, done)
    local state = f:state "a.log"
    assert.same({ "growing", "appended to after it was finished: waits for 10 s of calm" },
      { state.state, state.reason })
    loop:run_until(loop:now() + 20000)
    assert.same({ 10, 120 }, done)
    assert.is_nil(f:state "a.log")
  end)

  it("has few versions at any pace, and its calm is bounded", function()
    for _, every in ipairs { 3, 11, 29, 55, 90, 240 } do
      done, info.size = {}, 0
      f:forget "a.log"
      assert.is_true(#append(every, 100) <= 9, every .. " s: " .. #done)
      loop:run_until(loop:now() + 601000)
      assert.equal(1000, done[#done], every .. " s")
    end
  end)

  it("is not held up where it grows seldom, is written anew in less bytes, or is another file", function()
    append(3600, 5)
    assert.equal(5, #done)
    append(60, 1, -40)
    assert.equal(10, done[6])
    f:forget "a.log"
    append(4, 1, 5)
    assert.equal(7, #done)
  end)
end)

describe("many files that are due at once", function()
  it("are looked at some in a turn, each of them in the end", function()
    local loop, looks, done = simloop.new(), 0, 0
    local f = finished.new { loop = loop, settle = function() return 1000 end, busy = function() return false end,
      stat = function()
        looks = looks + 1
        return { kind = "file", dev = 1, ino = 2, size = 10, mtime_ns = 1, ctime_ns = 1 }
      end,
      done = function() done = done + 1 end, lost = function() error "it is there" end }
    for i = 1, 500 do f:touch("b" .. i) end
    f:tick()
    assert.is_true(looks > 0 and looks <= 20, looks)
    loop:run_until(5000)
    assert.equal(500, done)
  end)
end)
