-- daemon_running_spec.lua - daemons that run, and what then goes wrong: ports, folders, sockets, signals, damage.
local kept = require "kept"
local net = require "core.net"
local process = require "spec.process"
local folder = require "spec.folder"

local within = process.within
local LINE = "^%d%d:%d%d:%d%d %l+%s+%l+%s+%l[^=\n]*$" -- a fact without values, or …
local FACTS = "^%d%d:%d%d:%d%d %l+%s+%l+%s+%l[^=\n]*  [%l_]+=.*$"

local function is_root()
  local pipe = io.popen "id -u"
  local text = pipe:read "a"
  pipe:close()
  return text == "0\n"
end

local function assert_lines(text)
  for line in text:gmatch "[^\n]*" do
    if line ~= "" then assert.truthy(line:find(LINE) or line:find(FACTS), line) end
  end
end

-- What a daemon says as it begins, one line a thing: an interface, a door, the policy, a neighbour. → which | nil
local function first_words(line)
  return line:match "routing +interface up .*" or line:match "(%l+ +port chosen) "
    or line:match "policy +on trial " or line:match "policy +is the good one now " or line:match "discovery +heard .*"
end

describe("a running dt-swarm", function()
  local w, quiet, quiet_at
  setup(function() -- two who are left alone for as long as the rest takes
    quiet = process.new()
    quiet:start "ada"
    quiet:start "bea"
    quiet_at = within(10, function() return #quiet.running[1]:ask("discover").nodes == 2 end)
    assert(quiet_at, "they do not find each other")
    for _, one in ipairs(quiet.running) do -- which it else says by itself two minutes after its start
      assert.equal(0, select(2, one:cli "policy confirm"))
    end
  end)
  teardown(function() quiet:close() end)
  before_each(function() w = process.new() end)
  after_each(function()
    for _, one in ipairs(w.running) do assert_lines(one:log()) end
    w:close()
  end)

  it("whose policy names ports that are taken says which, works meanwhile, and gets them when they are free", function()
    local tcp = net.listen { host = "127.0.0.1", port = 0 }
    local http = net.listen { host = "127.0.0.1", port = 0 }
    local ada = w:start("ada", { policy = w:policy("ports.lua", ([[
p.routing.channels = { "/ip4/0.0.0.0/udp/3825/dswarm-line", "/ip4/127.0.0.1/tcp/%d/dswarm-line" }
p.clients.logs.gateway = "/ip4/127.0.0.1/tcp/%d"]]):format(tcp:port(), http:port())) })
    local udp, line = ada:channel "udp", ada:channel "tcp"
    assert.equal("up", udp.state)
    assert.equal("waiting", line.state)
    assert.truthy(line.reason:find("^EADDRINUSE: .*127%.0%.0%.1 port " .. tcp:port()), line.reason)
    assert.truthy(ada:log():find("warn  routing  port in use  address=/ip4/127.0.0.1/tcp/" .. tcp:port(), 1, true))
    assert.truthy(ada:log():find "warn  content  port in use  .*host=127.0.0.1 port=", ada:log())
    local text = ada:cli "status"
    assert.truthy(text:find "http%s+waits: EADDRINUSE", text)
    assert.truthy(text:find "waiting", text)
    local port = tcp:port()
    tcp:close()
    http:close()
    assert.truthy(within(5, function()
      return ada:channel "tcp".state == "up" and ada:ask("status").gateway.port
    end), ada:log())
    assert.equal(port, ada:channel "tcp".port)
    assert.equal(0, ada:stop())
  end)

  it("says of who is heard and is of another swarm that his words do not fit", function()
    local ada, bea = w:start "ada", w:start("bea", { policy = w:policy("q.lua", 'p.swarm = p.swarm .. "-2"') })
    assert.truthy(within(10, function()
      local said = ada:cli "discover":gsub("%s+", " ")
      return said:find "Heard [%w.:%%, ]+, but %l+ words do not fit" and not said:find "block"
        and said:find(('this swarm ("%s"): see `swarm` in'):format(w.swarm), 1, true)
    end), ada:cli "discover" .. bea:log())
    assert.truthy((ada:ask "status").refused.signature)
  end)

  it("hears broadcasts on a port that was somebody else's, as soon as it is free", function()
    local holder = net.udp { host = "0.0.0.0", port = 0 }
    local port = holder:port()
    local ada = w:start("ada", { policy = w:policy("udp.lua", ([[
p.routing.channels = { "/ip4/0.0.0.0/udp/%d/dswarm-line", "/ip4/0.0.0.0/tcp/3825/dswarm-line" }]]):format(port)) })
    local udp = ada:channel "udp"
    assert.equal("waiting", udp.state)
    assert.truthy(udp.reason:find("^EADDRINUSE: .*" .. port), udp.reason)
    assert.truthy(ada:log():find("port in use  address=/ip4/0.0.0.0/udp/" .. port, 1, true), ada:log())
    assert.equal("up", ada:channel "tcp".state)
    holder:close()
    assert.truthy(within(5, function() return ada:channel "udp".state == "up" end), ada:log())
    local bea = w:start("bea", { policy = w.dir .. "/udp.lua" })
    assert.truthy(within(5, function() return #bea:ask("discover").nodes == 2 end), bea:log())
  end)

  it("finds the default port taken and says which one it has", function()
    local holder, ada, line
    repeat
      if ada then ada:stop() end -- somebody else had it, and let go of it before she came
      holder = net.listen { host = "0.0.0.0", port = 3825 } -- or somebody else has it
      ada = w:start "ada"
      line = ada:channel "tcp"
    until holder or line.port ~= 3825
    assert.equal("up", line.state)
    assert.is_true(line.port ~= 3825)
    assert.truthy(ada:log():find(("port chosen  .*port=%d wanted=3825"):format(line.port)), ada:log())
    assert.truthy(ada:out():find("tcp " .. line.port, 1, true), ada:out())
    if holder then holder:close() end
  end)

  describe("and its share folder", function()
    it("makes it where it is missing; when it goes its files are away, and shared when they are back", function()
      local ada = w:start "ada"
      folder.write(ada.share .. "/a.bag", "hello")
      local function published() return (ada:ask("files").files[1] or {}).state == "published" end
      assert.truthy(within(6, published), ada:log())
      os.execute(("mv %s %s.away"):format(ada.share, ada.share))
      assert.truthy(within(3, function() return (ada:ask("files").files[1] or {}).word == "away" end), ada:log())
      assert.falsy(os.execute(("test -e %s"):format(ada.share))) -- it may be where a stick belongs
      assert.truthy(ada:log():find("the share folder is not there", 1, true), ada:log())
      assert.equal(1, #ada:ask("report").files)
      os.execute(("mv %s.away %s"):format(ada.share, ada.share))
      assert.truthy(within(6, published), ada:log())
    end)

    it("says where it cannot be read, made, or is no folder", function()
      local plain = is_root()
      local others = w.dir .. "/others"
      os.execute(("mkdir -m 000 %s && mkdir -m 555 %s/closed"):format(others, w.dir))
      folder.write(w.dir .. "/file", "x")
      for path, words in pairs { [others] = "this user may not read it", [w.dir .. "/file"] = "it is no folder",
        [w.dir .. "/closed/share"] = "it is missing, and it could not be made" } do
        local ada = w:start("ada", { share = path, plain = plain })
        local line = ('the share folder cannot be used  folder=%s why="%s" files=0 cure='):format(path, words)
        assert.truthy(within(3, function() return ada:log():find(line, 1, true) end), ada:log())
        for _, command in ipairs { "status", "files" } do
          assert.equal(words, ada:ask(command).problem)
          assert.truthy(ada:cli(command):gsub("%s+", " "):find(words, 1, true), ada:cli(command))
        end
        assert.equal(0, ada:stop())
      end
      os.execute(("chmod 700 %s %s/closed"):format(others, w.dir))
    end)
  end)

  describe("and its control socket", function()
    it("refuses a path that is too long, by number, and one that another daemon or a file holds", function()
      local ada = w:start "ada"
      folder.write(w.dir .. "/file", "x")
      local long = w.dir .. "/" .. ("x"):rep(100)
      ada:halt()
      local before = process.settled(w.dir)
      local function refused(path, words)
        local out, err, code = w:run(w:words("eve", { socket = path }))
        assert.equal(1, code)
        assert.equal("", out)
        assert.truthy(err:find(words, 1, true), err)
        assert.truthy(err:find("--socket", 1, true), err)
      end
      refused(long, ("has %d bytes, a socket has room for 107"):format(#long))
      refused(ada.socket, "is in use: another daemon answers there")
      assert.equal(before, process.listing(w.dir))
      refused(w.dir .. "/file", "is there and is no socket")
      refused(ada.socket, "is in use: another daemon answers there") -- now eve has a state folder
      ada:go_on()
      assert.equal("ada", ada:ask("status").node.name)
    end)

    it("takes over one that a dead daemon left", function()
      local beside = { socket = w.dir .. "/ada/state/control.sock" } -- where the command line finds what is left
      local ada = w:start("ada", beside)
      assert.equal(137, ada:stop "KILL")
      assert.truthy(os.execute(("test -S %s"):format(ada.socket)))
      local text, code = ada:cli "status"
      assert.equal(2, code)
      assert.truthy(text:find "did not stop cleanly", text)
      local again = w:start("ada", beside)
      assert.equal("ada", again:ask("status").node.name)
    end)
  end)

  it("stops cleanly when its terminal is closed, and takes any other SIGHUP for a wish to read its policy", function()
    local ada = w:start("ada", { command = [[sh -c 'exec script -qfec "exec $0 $*" /dev/null' ./dt-swarm]] })
    local own = assert(ada:ask "status", ada:out()).policy.name
    assert.equal("p.lua", own)
    assert.truthy(os.execute(("pkill -HUP -P %d"):format(ada.pid)), "its terminal is there")
    assert.truthy(within(5, function() return ada:out():find "policy +unchanged" end), ada:out())
    assert.truthy(ada:ask "status", "it runs on")
    ada:stop "KILL" -- the other end of the terminal
    assert.truthy(within(5, function()
      return kept.decode(folder.read(ada.state .. "/last")).how == "stopped cleanly"
    end), ada:out())
  end)

  it("reads its policy at a SIGHUP that no terminal sent, unless it was started to outlive one", function()
    local ada = w:start("ada", { command = "setsid ./dt-swarm" })
    os.execute(("kill -HUP %d"):format(ada.pid))
    assert.truthy(within(5, function() return ada:log():find "policy +unchanged" end), ada:log())
    assert.truthy(ada:ask "status", "it runs on")
    local bea = w:start("bea", { command = "nohup ./dt-swarm" })
    assert(bea:ask "status", "with nohup it runs")
    os.execute(("kill -HUP %d; sleep 1"):format(bea.pid))
    assert.truthy(bea:ask "status")
    assert.is_nil(bea:log():find "policy +unchanged")
    assert.equal(0, bea:stop())
  end)

  it("stops cleanly on SIGTERM and SIGINT, and after any end begins with what it had", function()
    local id
    for round, signal in ipairs { "TERM", "INT", "KILL", "INT", "TERM" } do
      local ada = w:start "ada"
      id = id or ada:ask("status").node.id
      assert.equal(id, ada:ask("identity").id)
      if round == 1 then
        assert.equal(0, select(2, ada:cli "policy confirm"), "what is on trial is given up after a SIGKILL")
        folder.write(ada.share .. "/a.bag", "hello")
        assert.truthy(within(6, function() return #ada:ask("report").files == 1 end), ada:log())
      end
      assert.equal(1, #ada:ask("report").files, "round " .. round)
      assert.equal(1, (function() -- not said again: the record of the first run holds
        for _, bucket in ipairs(ada:ask("summary").buckets) do
          if bucket.name == "share/files" then return bucket.count end
        end
      end)())
      assert.equal(signal == "KILL" and 137 or 0, ada:stop(signal))
      assert.is_nil(ada:log():find "error")
      if signal ~= "KILL" then
        assert.falsy(os.execute(("test -e %s"):format(ada.socket)))
        assert.equal("stopped cleanly", kept.decode(folder.read(ada.state .. "/last")).how)
        assert.truthy(ada:log():find("info  node     stopping  signal=sig" .. signal:lower(), 1, true), ada:log())
        assert.truthy(ada:log():find "info  node     stopped\n$", ada:log())
      end
    end
  end)

  it("is started again by the words that the command line says, and is the same node", function()
    local odd = { share = w.dir .. "/ada's share" }
    local ada = w:start("ada", odd)
    local told = ada:out()
    assert.truthy(told:find("In another terminal: ./dt-swarm-cli " .. ada.socket .. " discover\n", 1, true), told)
    local id = ada:ask("identity").id
    for _, signal in ipairs { "TERM", "KILL" } do
      ada:stop(signal)
      local words, code = ada:cli "status"
      assert.equal(2, code)
      assert.truthy(words:find(signal == "TERM" and "stopped cleanly." or "did not stop cleanly.", 1, true), words)
      local command = words:match "Start it: %S+/?dt%-swarm ([^\n]+)\n"
      assert.equal(("--name ada --state %s --share '%s/ada'\\''s share' --socket %s %s/p.lua"):format(ada.state, w.dir,
        ada.socket, w.dir), command)
      ada = w:start("ada", odd)
      assert.equal(id, ada:ask("identity").id)
    end
    ada:stop()
  end)

  it("sets the damaged part of a journal aside, and is unsure until a neighbour agrees", function()
    local ada = w:start "ada"
    for i = 1, 12 do folder.write(("%s/%d.bag"):format(ada.share, i), "file " .. i) end
    assert.truthy(within(8, function() return #ada:ask("report").files == 12 end), ada:log())
    local bea = w:start "bea"
    assert.truthy(within(8, function() return #bea:ask("report").files == 12 end), bea:log())
    assert.equal(0, ada:stop())
    assert.equal(0, bea:stop())
    local journal = bea.state .. "/journal"
    local hurt
    for name in io.popen("ls -S " .. journal):lines() do hurt = hurt or name:find "%.journal$" and name end
    local whole = folder.read(journal .. "/" .. hurt)
    local at = 0 -- within one of the words of files
    for _ = 1, 6 do at = assert(whole:find(" share/files ", at + 1, true)) end
    at = at + 30
    folder.write(journal .. "/" .. hurt, whole:sub(1, at) .. string.char(whole:byte(at + 1) ~ 4) .. whole:sub(at + 2))

    local function unsure(one)
      local names = {}
      for _, class in ipairs(one:ask("summary").classes) do
        if class.unsure then names[#names + 1] = class.name end
      end
      return table.concat(names, " ")
    end
    bea = w:start "bea"
    assert.equal("share", unsure(bea))
    assert.equal(11, #bea:ask("report").files, "what is whole is used")
    assert.truthy(bea:cli("summary"):find "share: unsure", bea:cli "summary")
    assert.truthy(bea:log():find("warn  dcache   journal damaged  file=" .. hurt .. " lines=1 ", 1, true), bea:log())
    local aside
    for name in io.popen("ls " .. journal):lines() do
      if name:find(hurt .. ".damaged-20", 1, true) == 1 then aside = name end
    end
    assert.equal(#whole, #folder.read(journal .. "/" .. aside), "nothing is deleted")
    w:start "ada"
    assert.truthy(within(10, function() return unsure(bea) == "" end), bea:log())
    assert.equal(12, #bea:ask("report").files)
    assert.truthy(bea:log():find("info  dcache   a neighbour agrees  class=share", 1, true), bea:log())
  end)

  it("survives an error in its own code, and a hook that fails, and says each in one line", function()
    local script = w.dir .. "/daemon.lua"
    folder.write(script, [[
package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
package.cpath = (os.getenv "DT_SWARM_BUILD" or ".build") .. "/?.so;" .. package.cpath
require "core"
local daemon = require "daemon"
local start = daemon.start
function daemon.start(given)
  local one = assert(start(given))
  one.loop:after(100, function() error "boom\n12:00:00 info  forged\27[31m" end)
  return one
end
arg.root, arg.memory, arg.columns = os.getenv "PWD", function() return 0 end, function() end
arg.hold = function() end
os.exit(require "main".main(arg))
]])
    local ada = w:start("ada", { command = "lua5.4 " .. script,
      policy = w:policy("hook.lua",
        "function p.clients.logs.share(file) if file.size == 5 then return file.size // (file.size - 5) end end") })
    folder.write(ada.share .. "/a.bag", "hello")
    assert.truthy(within(8, function() return ada:log():find "hook failed" and ada:log():find "boom" end), ada:log())
    assert.equal(1, select(2, ada:log():gsub("error loop     an error", "")))
    assert.is_nil(ada:log():find("\27", 1, true))
    assert.is_nil(ada:log():find "\n12:00:00 info  forged")
    assert.truthy(within(3, function() return (ada:ask("status").refused.policy or 0) >= 1 end))
    assert.truthy(within(3, function() return ada:ask("files").files[1].state == "published" end),
      "the default answered")
    assert.equal(0, ada:stop())
  end)

  it("is silent while nothing happens", function()
    local logs = {}
    for i, one in ipairs(quiet.running) do logs[i] = one:log() end
    os.execute("sleep " .. (os.getenv "DT_SWARM_SOAK" and 130 or 3)) -- two of what is each minute
    for i, one in ipairs(quiet.running) do
      assert_lines(one:log())
      assert.equal(logs[i], one:log())
      local said = {}
      for line in one:log():gmatch "[^\n]+" do -- all of the first seconds, and each once
        local what = first_words(line)
        assert.is_truthy(what and not said[what], line .. "\n" .. one:log())
        said[what] = true
      end
    end
  end)
end)
