-- loop_spec.lua - the loop on luv itself: guards, timers, watched sockets, signals, names.
local folder = require "spec.folder"
local loop = require "loop"
local net = require "core.net"
local uv = require "luv"

describe("loop", function()
  local L, errors
  before_each(function()
    errors = {}
    L = loop.new { on_error = function(text) errors[#errors + 1] = text end }
  end)
  after_each(function() L:close() end)

  it("lives on when any callback throws, and tells where", function()
    local seen = {}
    L:after(0, function() error "first" end)
    L:post(function() error "second" end)
    L:post(function() seen[#seen + 1] = "post" end)
    local beats = 0
    L:every(1, function()
      beats = beats + 1
      if beats == 3 then L:stop() end
      error { "not even a string" }
    end)
    L:run()
    assert.equal(3, beats)
    assert.same({ "post" }, seen)
    assert.equal(5, #errors)
    assert.matches("loop_spec.lua:%d+: first", errors[1])
    assert.matches("stack traceback", errors[1], 1, true)
  end)

  it("lives on when on_error itself throws", function()
    L.on_error = function() error "again" end
    local reached
    L:after(0, function() error "x" end)
    L:after(2, function() reached = true end)
    L:run()
    assert.is_true(reached)
  end)

  it("fires timers in order, not early, and never after cancel", function()
    -- Made in the order in which they are due: a machine that pauses between two of them cannot change it.
    local order, began = {}, L:now()
    local never
    L:after(1, function()
      order[#order + 1] = "soon"
      never:cancel()
      never:cancel()
    end)
    never = L:after(2, function() order[#order + 1] = "never" end)
    L:after(5, function() order[#order + 1] = "late" end)
    L:run()
    assert.same({ "soon", "late" }, order)
    assert.is_true(L:now() - began >= 5)
  end)

  it("does not fire early after a long turn", function()
    local began, fired
    L:after(0, function()
      local stop = L:now() + 15
      while L:now() < stop do end
      began = L:now()
      L:after(10, function() fired = L:now() end)
    end)
    L:run()
    assert.is_true(fired - began >= 9)
  end)

  it("runs posts in order, and a post's post in the next turn", function()
    local order = {}
    L:post(function()
      order[#order + 1] = 1
      L:post(function() order[#order + 1] = 3 end)
    end)
    L:post(function() order[#order + 1] = 2 end)
    assert.same({}, order)
    L:run()
    assert.same({ 1, 2, 3 }, order)
  end)

  it("looks at sockets between two posts, however many follow each other", function()
    local a, b = net.udp { host = "127.0.0.1" }, net.udp { host = "127.0.0.1" }
    local heard, posts, watch = false, 0, nil
    watch = L:watch(b:fd(), "r", function()
      heard = true
      watch:close()
    end)
    local function again()
      posts = posts + 1
      if not heard and posts < 100000 then L:post(again) end
    end
    L:post(again)
    a:send("x", "127.0.0.1", b:port())
    L:run()
    assert.is_true(heard)
    assert.is_true(posts < 100000, posts) -- a busy kernel brings it a moment later
    a:close()
    b:close()
  end)

  it("counts in integer milliseconds", function()
    assert.equal("integer", math.type(L:now()))
    assert.equal("integer", math.type(L:wall()))
    local before, wall, after = os.time(), L:wall(), os.time()
    assert.is_true(wall >= before * 1000 - 1000 and wall <= after * 1000 + 2000) -- the loop's time is its turn's
    assert.is_true(L:now() <= L:now())
  end)

  it("watches a socket, rests when told, and lets the fd be used again once closed", function()
    local a, b = net.udp { host = "127.0.0.1" }, net.udp { host = "127.0.0.1" }
    local fd, heard, watch = b:fd(), {}, nil
    watch = assert(L:watch(fd, "r", function(readable, writable)
      heard[#heard + 1] = { b:receive(), readable, writable }
      if #heard == 2 then
        watch:set ""
        a:send("unheard", "127.0.0.1", b:port())
        L:after(10, function() L:stop() end)
      end
    end))
    a:send("one", "127.0.0.1", b:port())
    a:send("two", "127.0.0.1", b:port())
    L:run()
    assert.equal("one", heard[1][1])
    assert.equal("two", heard[2][1])
    assert.equal(2, #heard)
    watch:close()
    watch:close()
    watch:set "r"
    b:close()
    local again = net.udp { host = "127.0.0.1" }
    assert.equal(fd, again:fd())
    local came
    local other = assert(L:watch(again:fd(), "rw", function(_, writable)
      came = writable
      L:stop()
    end))
    L:run()
    assert.is_true(came)
    other:close() again:close() a:close()
  end)

  it("says what it cannot watch", function()
    local none, _, word = L:watch(9999, "r", function() end)
    assert.same({ nil, "EBADF" }, { none, word })
  end)

  it("hands a fault on as readable and writable, and rests where nobody takes it off", function()
    local listener = net.listen { host = "127.0.0.1" }
    local port = listener:port()
    listener:close()
    local stream, calls, word, both = assert(net.connect { host = "127.0.0.1", port = port }), 0, nil, nil
    local watch = L:watch(stream:fd(), "w", function(readable, writable)
      calls, both = calls + 1, readable and writable
      if calls == 1 then word = select(3, stream:finished()) end
    end)
    L:run() -- and ends: what rests keeps no loop running
    assert.is_true(both)
    assert.equal("ECONNREFUSED", word)
    assert.equal(64, calls)
    assert.same({ "a watched fd has a fault that nobody reads: at rest" }, errors)
    watch:close() stream:close()
  end)

  it("watches many, and calls none that was closed in the same turn", function()
    local sockets, watches, heard = {}, {}, 0
    local from = assert(net.udp { host = "127.0.0.1" })
    for i = 1, 100 do
      sockets[i] = assert(net.udp { host = "127.0.0.1" })
      watches[i] = L:watch(sockets[i]:fd(), "r", function()
        heard = heard + 1
        for j = 1, 100 do
          watches[j]:close()
          sockets[j]:close()
        end
        sockets[101] = assert(net.udp { host = "127.0.0.1" }) -- an fd that one of them had
        watches[101] = L:watch(sockets[101]:fd(), "r", function() heard = heard + 100 end)
        L:after(5, function() L:stop() end)
      end)
      from:send("x", "127.0.0.1", sockets[i]:port())
    end
    L:run()
    assert.equal(1, heard)
    assert.same({}, errors)
    watches[101]:close() sockets[101]:close() from:close()
  end)

  it("hears signals", function()
    local heard
    local handle = L:signal("sigusr1", function() heard = true L:stop() end)
    L:after(1, function() uv.kill(uv.getpid(), "sigusr1") end)
    L:run()
    assert.is_true(heard)
    handle:cancel()
  end)

  it("looks names up, by family, and says a word for what is none", function()
    local answers, left = {}, 3
    local function note(id)
      return function(err, host)
        answers[id] = host or err
        left = left - 1
        if left == 0 then L:stop() end
      end
    end
    L:resolve("127.0.0.1", 4, note "number")
    L:resolve("localhost", 4, note "name")
    L:resolve(("x"):rep(300), 4, note "none")
    L:run()
    assert.same({ "127.0.0.1", "127.0.0.1" }, { answers.number, answers.name })
    assert.matches("^E%u+", answers.none)
  end)

  it("looks up only so many names at once", function()
    local full, left = 0, 12
    for _ = 1, left do
      L:resolve("127.0.0.1", 4, function(err)
        if err then full = full + 1 assert(err:find "^full: ") end
        left = left - 1
        if left == 0 then L:stop() end
      end)
    end
    L:run()
    assert.equal(4, full)
    assert.same({}, errors)
  end)

  it("calls nothing after close, from within or without", function()
    local called = {}
    local other = loop.new { on_error = error }
    L:every(1, function() -- made first, so that it is due first
      called[#called + 1] = "mine"
      L:post(function() called[#called + 1] = "post" end)
      L:close()
    end)
    other:after(3, function() called[#called + 1] = "other" end)
    L:run()
    assert.same({ "mine", "other" }, called)
    other:close()
  end)

  -- Handles that are closing when the Lua state ends make luv crash.
  it("has nothing left that is closing once it is closed, also where it was stopped while it did not run", function()
    local script = folder.new()
    finally(script.remove)
    folder.write(script.path .. "/stopped.lua", [[
      dofile "spec/helper.lua"
      local L = require "loop".new { on_error = error }
      L:signal("sigint", function() end)
      L:after(1, function() L:stop() end)
      L:run()
      L:stop()
      L:close()
      assert(not require "luv".loop_alive(), "something is left")
    ]])
    local pipe = io.popen(("%s %s/stopped.lua 2>&1; echo $?"):format(os.getenv "LUA" or "lua5.4", script.path))
    assert.equal("0\n", pipe:read "a")
    pipe:close()
  end)
end)
