-- notify_spec.lua - what the service manager is told: by the object alone, and by whole daemons on a socket of the
-- spec's own. With a real systemd: e2e/service_spec.lua.
local datagrams = require "core.spec"
local net = require "core.net"
local notify = require "notify"
local process = require "spec.process"

local within = process.within

local function log_into(list)
  local function write(_, _, what) list[#list + 1] = what end
  local said = {}
  return { info = write, warn = write, error = write, forget = function(_, id) said[id] = nil end,
    once = function(_, id, _, layer, what)
      if not said[id] then write(nil, layer, what) end
      said[id] = true
    end }
end

describe("notify", function()
  local heard, said, given, looks

  -- A manager that is never ended; it hears while `given.deaf` is nil.
  before_each(function()
    heard, said, looks = {}, {}, {}
    given = { log = log_into(said), watchdog_ms = 8000, busy = 0, told = "1 peer",
      line = function() return given.told end, still_ms = function() return given.busy end,
      loop = { micro = function() return 42 end, every = function(_, ms, fn)
        looks[#looks + 1] = { ms = ms, look = fn }
        return { cancel = function() looks = {} end }
      end } }
    function given.send(text)
      if given.deaf then return nil, "EAGAIN: not now" end
      heard[#heard + 1] = text
      return true
    end
  end)

  local function look()
    heard = {}
    looks[1].look()
    return heard
  end

  it("says that it is ready, and what it does when that changed", function()
    local one = notify.new(given)
    one:ready()
    assert.same({ "READY=1\nSTATUS=1 peer" }, heard)
    assert.equal(4000, looks[1].ms)
    assert.same({ "WATCHDOG=1" }, look())
    given.told = "2 peers"
    assert.same({ "STATUS=2 peers", "WATCHDOG=1" }, look())
    one:reloading()
    assert.same({ "RELOADING=1\nMONOTONIC_USEC=42", "WATCHDOG=1" }, { heard[3], heard[4] })
    one:ready()
    assert.equal(1, #looks, "one timer, however often it was reloaded")
    one:stopping()
    assert.equal("STOPPING=1\nSTATUS=stopping", heard[#heard])
    assert.equal(0, #looks)
  end)

  it("does not say that it lives while a write does not end, and says so once", function()
    notify.new(given):ready()
    given.busy = 8000
    assert.same({ "WATCHDOG=1" }, look())
    given.busy = 8001
    assert.same({}, look())
    assert.same({}, look())
    assert.same({ "the disk does not answer: the watchdog will end this daemon" }, said)
    given.busy = 0
    assert.same({ "WATCHDOG=1" }, look())
    assert.equal("the disk answers again", said[2])
  end)

  it("says again what the manager waits for and did not take, and complains once", function()
    given.deaf, given.watchdog_ms = true, nil
    notify.new(given):ready()
    assert.same({}, look())
    given.deaf = nil
    assert.same({ "READY=1\nSTATUS=1 peer" }, look())
    assert.same({}, look())
    assert.same({ "the service manager takes no word" }, said)
  end)

  it("is silent where nobody asked, and has no timer", function()
    given.send = nil
    local one = notify.new(given)
    one:ready()
    one:reloading()
    one:ready()
    one:stopping()
    assert.same({ {}, {}, {} }, { heard, looks, said })
  end)

  it("reads the manager's time", function()
    assert.equal(60000, notify.watchdog "60000000")
    for _, text in ipairs { "", "x", "0", "-5", "999", "1e400" } do assert.is_nil(notify.watchdog(text)) end
    assert.is_nil(notify.watchdog(nil))
  end)
end)

describe("core.net.unix_send", function()
  it("reaches a socket by its path, and an abstract one by its name", function()
    local w = process.new()
    for _, path in ipairs { w.dir .. "/notify", "@" .. w.swarm .. "-name" } do
      local fd = datagrams.datagram_socket(path)
      assert.is_true(net.unix_send(path, "READY=1"))
      assert.equal("READY=1", datagrams.datagram(fd, 0))
    end
    w:close()
  end)

  it("says what is wrong, and waits for nobody", function()
    for path, code in pairs { [""] = "EINVAL", ["/nowhere/at-all"] = "ENOENT", ["@no-such-name"] = "ECONNREFUSED",
      ["/" .. ("x"):rep(108)] = "ENAMETOOLONG", ["@a\0b"] = "ENAMETOOLONG" } do
      assert.equal(code, select(3, net.unix_send(path, "x")), path)
    end
    local name = "@" .. os.tmpname() -- nobody else's
    os.remove(name:sub(2))
    local fd = datagrams.datagram_socket(name)
    local code
    for _ = 1, 1e5 do
      code = select(3, net.unix_send(name, "x"))
      if code then break end
    end
    assert.equal("EAGAIN", code)
    assert.equal("x", datagrams.datagram(fd, 0))
  end)
end)

describe("a daemon under a service manager", function()
  local w, fd, seen, read -- all messages, and how many of them were looked at
  before_each(function()
    w, seen, read = process.new(), {}, 0
    fd = datagrams.datagram_socket("@" .. w.swarm)
  end)
  after_each(function() w:close() end)

  local function start(name, micro, before)
    local variables = ("env NOTIFY_SOCKET=@%s WATCHDOG_USEC=%d %s ./dt-swarm"):format(w.swarm, micro, before or "")
    return w:start(name, { command = variables })
  end

  local function drain()
    repeat
      local text = datagrams.datagram(fd, 0)
      seen[#seen + 1] = text
    until not text
  end

  local function log_has(one, text)
    return within(10, function()
      drain() -- the kernel keeps ten messages; the manager reads all the time
      return one:log():find(text, 1, true)
    end)
  end

  -- Waits for the next message that begins with WORD → it, or nil.
  local function message(word)
    local _, found = within(10, function()
      drain()
      while read < #seen do
        read = read + 1
        if seen[read]:sub(1, #word) == word then return seen[read] end
      end
    end)
    return found
  end

  it("tells of start, life, new start and end; stopped in its tracks it tells nothing", function()
    local one = start("ada", 400000)
    assert.equal("READY=1\nSTATUS=0 peers, 0 files shared, policy p.lua on trial", message "READY=1")
    assert.truthy(message "WATCHDOG=1")
    os.execute("kill -STOP " .. one.pid)
    within(10, function() return io.open("/proc/" .. one.pid .. "/stat"):read "a":find ") T" end)
    drain()
    os.execute "sleep 0.6" -- three times as long as between two words of life
    read = #seen
    drain()
    assert.equal(read, #seen)
    os.execute("kill -CONT " .. one.pid)
    assert.truthy(message "WATCHDOG=1")
    w:policy("p.lua", "p.tags = { 'new' }") -- changed in place
    assert.truthy(message "RELOADING=1")
    assert.truthy(message "READY=1")
    w:policy("p.lua", "p.clients.logs.gateway = false") -- a setting for which it starts anew
    local text = message "RELOADING=1"
    assert.truthy(tonumber(text:match "\nMONOTONIC_USEC=(%d+)$") > 0)
    assert.truthy(message "READY=1")
    assert.truthy(message "WATCHDOG=1")
    one:stop()
    assert.equal("STOPPING=1\nSTATUS=stopping", message "STOPPING=1")
    drain()
    assert.equal("STOPPING=1\nSTATUS=stopping", seen[#seen])
  end)

  it("tells of no life while its disk does not answer", function()
    -- The first sync of each thread takes so long: before the start, and beside the loop after it.
    local one = start("ada", 200000, "strace -D -f --seccomp-bpf -o /dev/null -e trace=fdatasync "
      .. "-e inject=fdatasync:delay_enter=900000:when=1")
    assert.truthy(message "READY=1")
    assert.truthy(log_has(one, "the disk does not answer"), one:log())
    assert.truthy(one:ask "status", "and yet it answers")
    assert.truthy(log_has(one, "the disk answers again"), one:log())
    assert.truthy(message "WATCHDOG=1")
  end)
end)
