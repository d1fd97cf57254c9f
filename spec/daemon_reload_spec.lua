-- daemon_reload_spec.lua - `policy reload` on a running daemon: what cannot apply changes nothing, and what needs a
-- restart gets one that nobody else sees. Each setting by itself: spec/e2e/settings_spec.lua.
local folder = require "spec.folder"
local net = require "core.net"
local process = require "spec.process"

local within = process.within

-- Open files of a process, by kind.
local function open_files(pid)
  local pipe = assert(io.popen(("ls /proc/%d/fd | wc -l"):format(pid)))
  local n = pipe:read "n"
  pipe:close()
  return n
end

describe("policy reload", function()
  local w, ada
  before_each(function() w = process.new() end)
  after_each(function() w:close() end)

  local function policy(body) return w:policy("ada.lua", body) end

  it("changes nothing where anything cannot apply, and says what, by file and line", function()
    local taken = net.listen { host = "127.0.0.1", port = 0 }
    folder.write(w.dir .. "/file", "x")
    ada = w:start("ada", { policy = policy "", bare = true, share = w.dir .. "/share" })
    local before, pid = ada:ask "status", ada.pid
    local BAD = {
      { "p.tags = = 1", "ada.lua:4: " },
      { "p.swrm = 'x'", 'ada.lua:4: swrm: no such section or setting; did you mean "swarm"?' },
      { "p.comms.beacon = { 5, 2 }", "ada.lua:4: comms.beacon: wanted { least, most }" },
      { "p.name = 'a b'", "ada.lua:4: name: a name is 1 to 32 of" },
      { "p.swarm = 'a b'", "ada.lua:4: swarm: a swarm's name is 1 to 128 ASCII characters" },
      { "p.dcache.classes.share.size = 99999999", "dcache.classes: 'size' of a class is out of range" },
      { "p.routing.channels = { '/ip4/1.2.3/udp/1/dswarm-line' }", "ada.lua:4: routing.channels: " },
      { "function p.clients.logs.fetch(file) return file.siz > 1 end", 'did you mean "size"?' },
      { ("p.clients.logs.gateway = '/ip4/127.0.0.1/tcp/%d'"):format(taken:port()),
        "ada.lua:4: clients.logs.gateway: " },
      { "p.clients.logs.gateway = '/ip4/203.0.113.9/tcp/4001'", "ada.lua:4: clients.logs.gateway: " },
      { ("p.clients.logs.folder = %q"):format(w.dir .. "/file"), "ada.lua:4: clients.logs.folder: " },
      { ("p.clients.logs.folder = %q"):format(w.dir .. "/file/below"), "ada.lua:4: clients.logs.folder: " },
      { "p.clients.logs.folder = '/proc/nowhere'", "ada.lua:4: clients.logs.folder: " },
    }
    for _, case in ipairs(BAD) do
      policy("p.tags = { 'not me' }\n" .. case[1])
      local said, code = ada:cli "policy reload"
      assert.equal(4, code, case[1] .. "\n" .. said)
      assert.truthy(said:find("the old policy stays in force", 1, true), said)
      assert.truthy(said:find(case[2], 1, true), said)
    end
    os.execute("sleep 0.3") -- were one of them to restart, it would by now
    local after = ada:ask "status"
    for _, name in ipairs { "swarm", "name", "policy", "share", "started" } do
      assert.equal(before.node[name], after.node[name], name)
    end
    assert.equal(pid, ada.pid)
    local answer = ada:reload(function() policy "p.tags = { 'me' }" end)
    assert.same({ "tags", "none", "me", "live" }, { answer.changes[1].setting, answer.changes[1].before,
      answer.changes[1].now, answer.changes[1].effect })
    taken:close()
  end)

  it("says that an option of the command line keeps a setting as it is", function()
    ada = w:start("ada", { policy = policy "" })
    local said, code = ada:cli_after(function()
      policy "p.name = 'zoe'\np.clients.logs.folder = '/tmp/other'"
    end, "policy reload")
    assert.equal(0, code, said)
    assert.truthy(said:find("no effect: --name was given", 1, true), said)
    assert.truthy(said:find("no effect: --share was given", 1, true), said)
    assert.equal("ada", ada:ask "status".node.name)
    local again = ada:cli "policy reload"
    assert.truthy(again:find("no setting changed", 1, true), again)
  end)

  it("starts anew for a restart: the same process, its work there, and nobody hears that it left", function()
    ada = w:start("ada", { policy = policy "" })
    local bea = w:start "bea"
    folder.write(ada.share .. "/a.txt", "a")
    local function listed(of) return of:cli "report":find("a.txt", 1, true) end
    assert.truthy(within(10, function() return listed(bea) and #bea:ask "discover".nodes == 2 end), bea:log())
    local before, files = ada:ask "status", open_files(ada.pid)
    local answer = ada:reload(function() policy "p.clients.logs.gateway = false" end)
    assert.same({ "clients.logs.gateway" }, answer.restart)
    assert.truthy(within(10, function()
      local now = ada:ask "status"
      return now and now.node.started > before.node.started and listed(ada)
    end), ada:log())
    assert.is_nil(ada:code(), "it is the same process")
    assert.equal(before.node.id, ada:ask "status".node.id)
    assert.is_nil(ada:ask "status".gateway.port)
    assert.is_nil(bea:log():find("left", 1, true), bea:log())
    for _, node in ipairs(bea:ask "discover".nodes) do assert.equal("ready", node.status) end
    assert.truthy(within(10, function() return open_files(ada.pid) <= files end), "what was open before is closed")
    assert.is_nil(ada:log():find "damaged", ada:log())
    assert.equal(0, ada:stop())
    assert.truthy(ada:cli "status":find "stopped cleanly")
  end)

  it("is foretold by check and diff, and show tells what is in force, and where it is written", function()
    ada = w:start("ada", { policy = policy "p.tags = { 'me' }" })
    local function said(command, code)
      local text, ended = ada:cli(command)
      assert.equal(code, ended, text)
      return (text:gsub("%s+", " "))
    end
    local other = w:policy("other.lua",
      "p.swarm = 'x'\np.tags = { 'you' }\nfunction p.clients.logs.fetch() return 5 end")
    assert.matches("other.lua is fine: .* A reload would start the daemon anew for swarm%.",
      said("policy check " .. other, 0))
    local diff = said("policy diff " .. other, 0)
    assert.matches("CHANGE swarm .* restart tags me you live clients.logs.fetch default other.lua:5 new hook", diff)
    assert.matches("would change 2 settings and 1 hook; the daemon would start anew for swarm%.", diff)
    local bad = w:policy("bad.lua", "p.tgs = 1\nfunction p.clients.logs.fetch() return 12 end")
    for _, command in ipairs { "policy check ", "policy diff " } do
      local text = said(command .. bad, 1)
      assert.matches('bad.lua:3: tgs: no such section or setting; did you mean "tags"?', text, 1, true)
      assert.matches("clients.logs.fetch answered 12; wanted an urgency", text, 1, true)
      assert.matches("3 faults: a reload would be refused", text)
    end
    w:policy("long.lua", "-- " .. ("x"):rep(50000))
    local large = w.dir .. "/large.lua"
    folder.write(large, 'local p = extend "long" return p -- ' .. ("x"):rep(50000))
    for _, command in ipairs { "policy check ", "policy diff " } do
      assert.matches("large.lua: with what it extends it has %d+ bytes, and at most 92160 can be tried and kept",
        said(command .. large, 1))
    end
    assert.matches("in force as it stands there", said("policy diff", 0))
    local shown = said("policy show", 0)
    local hash = ("%x"):rep(8)
    assert.matches("ada.lua file .*/ada.lua hash " .. hash .. ", in force for %d+ %l+, since the daemon started", shown)
    assert.matches("tags me ada.lua:3 live", shown)
    assert.matches("2 settings by itself", shown)
    assert.matches("value 2 s to 60 s said in comms.lua:%d+, the default", said("policy show comms.beacon", 0))
    assert.matches("did you mean comms.beacon?", said("policy show baecon", 1), 1, true)
    assert.equal(1, #ada:ask "policy show tags".settings)
    assert.same({ 0, 0 }, { ada:ask "status".policy.loaded, ada:ask "status".policy.refused })
    ada:stop()
    local pipe = io.popen(("env -i PWD=/ HOME=%s PATH=\"$PATH\" ./dt-swarm-cli policy check %s 2>&1; echo $?"):format(
      w.dir, bad))
    local alone = pipe:read "a"
    pipe:close()
    local other_runs = process.has_system_daemon() -- which answers then
    assert.matches(other_runs and "3 faults: .*\n1\n$" or "3 faults: a daemon would not begin with this policy.\n1\n$",
      alone)
  end)
end)
