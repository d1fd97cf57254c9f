-- child_process_spec.lua - programs as children of the loop: what they read and print, how they end, what is left.
-- mostly waits: for programs that end late
local till = require "spec.net.till"

local sigpipe = require "luv".new_signal() -- the daemon ignores it (core/main.c): some programs end before they read
sigpipe:start("sigpipe", function() end)
sigpipe:unref()

describe("a program that the loop starts", function()
  local L, told, child
  before_each(function() L, told = till.loop(), { out = "", err = "", sent = 0 } end)
  after_each(function()
    if child then child:close() end
    L:close()
  end)

  local function run(path, args, more)
    local options = { path = path, args = args, on_output = function(bytes) told.out = told.out .. bytes end,
      on_error_output = function(bytes) told.err = told.err .. bytes end,
      on_sent = function() told.sent = told.sent + 1 end,
      on_exit = function(code, signal) told.ended = { code, signal } end }
    for name, value in pairs(more or {}) do options[name] = value end
    local text, code
    child, text, code = L:spawn(options)
    return child, text, code
  end

  local function ended() till.holds(L, function() return told.ended end, 10000) end

  local function is_alive(pid)
    local file = io.open(("/proc/%s/stat"):format(pid))
    local state = file and (file:read "a" or ""):match "%) (%u)" -- nothing is read of one that is gone by now
    if file then file:close() end
    return state ~= nil and state ~= "Z"
  end

  it("reads what is written to it, and all that it prints comes before its end", function()
    run("/bin/sh", { "-c", "read line; echo got $line; echo oops >&2; exit 3" })
    child:write "hello\n"
    ended()
    assert.same({ "got hello\n", "oops\n", { 3, 0 } }, { told.out, told.err, told.ended })
    assert.is_true(told.sent > 0)
  end)

  it("is run by no shell, with few of our names in its environment", function()
    run("/bin/echo", { "$HOME;", "`id`" })
    ended()
    assert.equal("$HOME; `id`\n", told.out)
    told.ended, told.out = nil, ""
    run("/usr/bin/env", {}, { environment = { "MORE=1" } })
    ended()
    assert.truthy(told.out:find("MORE=1\n", 1, true))
    for name in told.out:gmatch "([^\n=]+)=" do
      assert.truthy(({ HOME = 1, LANG = 1, PATH = 1, TZ = 1, USER = 1, MORE = 1 })[name], name)
    end
  end)

  it("holds a lock as its descriptor 3, also when we let go of it", function()
    local disk, path = require "core.disk".real(), os.tmpname()
    local lock = assert(disk:lock(path))
    run("/bin/sh", { "-c", "env; read line; readlink /proc/self/fd/3" }, { held = lock:number(),
      inherited = { "PATH" } })
    lock:close()
    till.holds(L, function() return told.out ~= "" end)
    assert.equal("EWOULDBLOCK", select(3, disk:lock(path)))
    child:write "\n"
    ended()
    assert.truthy(told.out:find(path .. "\n", 1, true))
    assert.is_nil(told.out:find("HOME=", 1, true))
    assert(disk:lock(path)):close()
    os.remove(path)
  end)

  it("that is not there is refused by the system's word", function()
    local one, text, code = run("/nowhere/at/all", {})
    assert.same({ nil, "ENOENT" }, { one, code })
    assert.matches("^ENOENT", text)
  end)

  it("waits while nobody reads what it prints, and goes on after that", function()
    run("/bin/sh", { "-c", "i=0; while [ $i -lt 40000 ]; do echo 0123456789; i=$((i+1)); done" })
    child:pause()
    till.passed(L, 300)
    assert.same({ "", nil }, { told.out, told.ended })
    child:resume()
    ended()
    assert.equal(440000, #told.out)
  end)

  it("ends with all that it started: asked first, then by force", function()
    run("/bin/sh", { "-c", "trap '' TERM; sleep 600 & echo $!; while :; do sleep 1; done" })
    till.holds(L, function() return told.out:find "\n" end)
    local pid = told.out:match "%d+"
    assert.is_true(is_alive(pid))
    child:kill()
    ended()
    assert.equal(9, told.ended[2])
    till.holds(L, function() return not is_alive(pid) end, 5000)
  end)

  it("tells nothing after it was closed, and is gone", function()
    run("/bin/sh", { "-c", "while :; do echo x; done" })
    till.holds(L, function() return told.out ~= "" end)
    child:close()
    local before, pid = #told.out, child.pid
    till.holds(L, function() return not is_alive(pid) end, 5000)
    assert.same({ before, nil }, { #told.out, told.ended })
  end)

  it("has ended though what it started left its session and holds the pipes", function()
    run("/bin/sh", { "-c", "echo a; setsid sleep 60 & echo $!; sleep 0.3; exit 3" })
    ended()
    local pid = told.out:match "%d+"
    assert.is_true(is_alive(pid), "its end was not waited for")
    os.execute("kill " .. pid)
    assert.equal(3, told.ended[1])
  end)

  it("tells when it closed its standard input", function()
    local deaf
    run("/bin/sh", { "-c", "exec <&-; echo; exec sleep 600" }, { on_deaf = function() deaf = true end })
    till.holds(L, function() return told.out ~= "" end)
    child:write "x"
    till.holds(L, function() return deaf end)
  end)

  it("is none of the simulator's", function()
    local ok, text, code = require "sim.loop".new():spawn {}
    assert.same({ nil, "kind: the simulator runs no programs", "kind" }, { ok, text, code })
  end)
end)
