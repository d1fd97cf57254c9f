-- remote_spec.lua - a robot's own answers, asked for on a laptop in another network: both dial a server, over TCP
-- alone, and nobody can dial either. A lab with an operator's key in a real ssh-agent. Whole daemons.
-- mostly waits: for links, and for what is said again
local folder = require "spec.folder"
local hash = require "core.hash"
local json = require "core.json"
local labs = require "spec.labs"
local openssh = require "cli.openssh"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"
local text = require "spec.codecs"

local NAT <const> = { north = { "robot", "twin" }, south = { "laptop" } }
local HOSTS <const> = { "server", "robot", "twin", "laptop" }
local NOBODY <const> = "XDG_CONFIG_HOME=/nowhere SSH_AUTH_SOCK=" -- a person without a key: the node's own calls
local POLICY <const> = [[
local p = extend "%s"
p.routing.channels = { %s }
p.clients.logs.settle = { least = 0.1 * second, per = 32 * MB, most = 1 * second }
p.comms.links = 0
return p
]]

-- Words that nothing else says: one that is asked for, one that only the robot's routing table has, a file's name.
local ASKED <const>, ANSWERED <const>, TOLD <const> = text.hex(hash.blake2b "asked"),
  text.hex(hash.blake2b "answered"), text.hex(hash.blake2b "told")
local RECORD <const> = [[
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
out = open(sys.argv[1], "wb", 0)
while True: out.write(s.recv(65535))
]]

describe("a robot in another network", function()
  local s, why, lab, agent

  local function sh_agent(socket, key)
    local said = swarm.sh(("ssh-agent -a %s sh -c 'ssh-add -q %s 2>/dev/null; sleep 1500' >/dev/null 2>&1 & echo $!")
      :format(socket, key))
    assert(patience.within(5, function()
      return swarm.sh("SSH_AUTH_SOCK=" .. socket .. " ssh-add -l"):find "SHA256"
    end))
    return said:match "%d+"
  end

  -- A person at the laptop, whose key is in an agent. → what is said, exit code
  local function cli(words, before)
    local home = s:path("laptop", "")
    return swarm.sh(("env -i PATH=\"$PATH\" HOME=%s XDG_CONFIG_HOME=%s RUNTIME_DIRECTORY=%s/state SSH_AUTH_SOCK=%s \z
      COLUMNS=80 %s %s/dt-swarm-cli %s </dev/null"):format(home, home, home, s.dir .. "/agent", before or "", s.here,
      words))
  end

  local function ask(words)
    local said, code = cli(words .. " --json")
    local answer = json.decode((said:gsub("\n$", "")))
    assert(type(answer) == "table", said)
    return answer, code
  end

  local function within(bar, what, test)
    local took = swarm.within(bar, test)
    assert.is_truthy(took, what .. "\n" .. s:logs())
    patience.took(what, took, bar)
  end

  setup(function()
    s, why = swarm.new(HOSTS, nil, { wire = true, nat = NAT, seed = 11, public = true,
      names = { twin = "robot" } })
    if not s then return end
    lab = labs.new { name = "robotics", at = os.time() * 1000 }
    local to_server = ('"/ip4/%s/tcp/3825/dswarm-line"'):format(s.world:address "server")
    for _, host in ipairs(HOSTS) do
      s:put_lab(host, lab.text)
      swarm.sh("mkdir -p " .. s:path(host, "share"))
      folder.write(s:path(host, "my.lua"), host == "server"
        and POLICY:format("server", '"/ip4/0.0.0.0/tcp/3825/dswarm-line"') or POLICY:format("duckiebot", to_server))
      if host ~= "twin" then s:start(host, s:path(host, "my.lua")) end
    end
    local key = s:path("laptop", "dt-swarm/operator")
    swarm.sh(("ssh-keygen -q -t ed25519 -N '' -C teacher -f %s"):format(key))
    agent = sh_agent(s.dir .. "/agent", key)
    local operator = openssh.read(folder.read(key .. ".pub"))
    within(10, "the laptop's daemon takes a grant in", function()
      if not s:ask("laptop", "identity") then return false end
      local answer = s:request("laptop", { command = "offer",
        lines = { lab:grant(lab.root, operator.id, "admin", { name = "teacher" }) } })
      return answer.results and not answer.results[1].word
    end)
  end)

  teardown(function()
    if agent then swarm.sh(("pkill -P %s; kill %s"):format(agent, agent)) end
    if s then s:close() end
  end)

  it("answers an operator by name, over a server that both dial", function()
    if not s then return pending(why) end
    folder.write(s:path("robot", "share/run-1.bag"), "robot was here\n")
    within(15, "the robot's file is in the laptop's report", function() return s:file("laptop", "run-1.bag") end)
    local id = s:ask("robot", "identity").id
    local answer
    within(20, "the robot answers", function()
      answer = ask "robot status"
      return answer.node
    end)
    assert.same({ id, "robot" }, { answer.node.id, answer.node.name })
    within(10, "route list has who is reached over a relay", function()
      for _, node in ipairs(ask "route list".nodes) do
        if node.id == id and node.way.hops == 2 then return true end
      end
    end)
    assert.equal("published", ask("robot files list").files[1].state)
    assert.equal("run-1.bag", ask("robot report").files[1].names[1])
    for _, command in ipairs { "discover", "summary", "channels", "route list", "policy show", "why run-1.bag" } do
      local got, code = ask("robot " .. command)
      assert.equal(0, code, command .. " " .. json.encode(got))
    end
    assert.matches("run%-1%.bag", (cli "robot report"))
  end)

  it("does what an admin asks, and nothing for a member", function()
    if not s then return pending(why) end
    within(20, "roles are acted on there", function() return select(2, ask "robot policy reload") == 0 end)
    assert.matches("remote +asked +command=reload by=teacher via=tcp", s:log "robot")
    local said, code = cli("robot policy reload", NOBODY)
    assert.same({ 4, true }, { code, said:find("a member may not ask for reload here", 1, true) ~= nil }, said)
    said, code = cli("robot report", NOBODY)
    assert.same({ 0, true }, { code, said:find("run-1.bag", 1, true) ~= nil }, said)
    said, code = cli("robot identity export")
    assert.same({ 4, true }, { code, said:find("a private key is printed where it lies", 1, true) ~= nil }, said)
  end)

  -- What the command line is told of REQUEST before it asks the robot: "reads", "changes", or the word of a refusal.
  local function kind_of(request)
    local answer = s:request("laptop", { command = "call", to = "robot", look = true, request = request })
    return answer.error and answer.error.word or (answer.reads and "reads" or "changes")
  end

  it("tells no secret, and counts as reading only what changes nothing", function()
    if not s then return pending(why) end
    for kind, list in pairs { -- any order
      reads = "status summary channels identity discover report files sources folder names export topics watch why \z
        policy-show policy-check policy-diff trust record stamp route-list route-get",
      changes = "reload policy-confirm policy-rollback offer dismiss ping trace route-set route-unset",
      permission = "lab repl call" } do
      for command in list:gmatch "%S+" do assert.equal(kind, kind_of { command = command }, command) end
    end
    assert.equal("permission", kind_of { command = "identity", secret = true })
    assert.equal("permission", kind_of { command = "policy-check", file = "/etc/shadow" })
  end)

  -- BYTES, and what their words may be in base64.
  local function all_of(bytes)
    local list = { bytes }
    for word in bytes:gmatch "[%w_-]+" do list[#list + 1] = #word >= 8 and text.unbase64url(word) or nil end
    return table.concat(list, "\0")
  end

  it("is asked and answers in secret: the server, which passes all of it on, has no eight bytes of either", function()
    if not s then return pending(why) end
    local said, code = s:cli("robot", ("route set '/dswarm/nobody/%s' '/dswarm/server/$0'"):format(ANSWERED))
    assert.equal(0, code, said)
    folder.write(s.dir .. "/record.py", RECORD)
    local tape = s.dir .. "/tape"
    s.running.recorder = s.world:spawn("server", ("python3 %s/record.py %s"):format(s.dir, tape))
    within(5, "it is recorded", function() return swarm.sh("ls " .. s.dir):find("tape", 1, true) end)
    folder.write(s:path("robot", ("share/%s.bag"):format(TOLD)), "a name is no secret")
    within(10, "what is said to all is on the tape (control)", function()
      return folder.read(tape):find(TOLD, 1, true)
    end)
    assert.truthy(cli("robot why " .. ASKED):find(ASKED, 1, true))
    assert.truthy(cli("robot route list --json"):find(ANSWERED, 1, true))
    folder.write(s:path("robot", "share/said-after.bag"), "a name is no secret")
    within(10, "all that was said before is on the tape", function()
      return folder.read(tape):find("said-after", 1, true)
    end)
    s.running.recorder.stop()
    local heard = folder.read(tape)
    for kind, least in pairs { call = 8, reply = 8 } do -- any order: so many lines of two calls, in and out
      assert.is_true(select(2, heard:gsub((" %s "):format(kind), "")) >= least, kind)
    end
    heard = all_of(heard)
    for _, secret in ipairs { ASKED, ANSWERED, '"command":"why"', '"command":"route-list"' } do
      for at = 1, #secret - 7 do assert.is_nil(heard:find(secret:sub(at, at + 7), 1, true), secret) end
    end
  end)

  local function calls() return s:ask("robot", "status").calls end

  it("goes on as long as somebody reads, and ends what it does when he is gone, however he went", function()
    if not s then return pending(why) end
    for _, signal in ipairs { "INT", "HUP", "KILL" } do
      local out = s.dir .. "/watched"
      os.execute("rm -f " .. out)
      local home = s:path("laptop", "")
      local said = swarm.sh(("env -i PATH=\"$PATH\" HOME=%s XDG_CONFIG_HOME=%s RUNTIME_DIRECTORY=%s/state \z
        SSH_AUTH_SOCK=%s/agent %s/dt-swarm-cli robot watch files --json >%s 2>&1 </dev/null & echo $!"):format(home,
        home, home, s.dir, s.here, out))
      local pid = said:match "%d+"
      within(5, "a watch began there", function() return calls().running == 1 end)
      folder.write(s:path("robot", "share/" .. signal .. ".bag"), signal)
      within(5, "what happens there is told", function()
        return folder.read(out):find(signal .. ".bag", 1, true)
      end)
      swarm.sh(("kill -%s %s"):format(signal, pid))
      within(5, "nothing is left there after SIG" .. signal, function() return calls().running == 0 end)
    end
  end)

  it("is refused by both keys where two have its name, and found by one of them", function()
    if not s then return pending(why) end
    s:start("twin", s:path("twin", "my.lua"))
    local ids = { robot = s:ask("robot", "identity").id }
    within(15, "both are known", function()
      ids.twin = (s:ask("twin", "identity") or {}).id
      return select(2, cli "robot identity") == 1
    end)
    local said = cli "robot identity"
    for _, id in pairs(ids) do assert.truthy(said:find("robot~" .. id:sub(-4), 1, true), said) end -- any order
    within(10, "each of them answers by name and key", function()
      return (ask("robot~" .. ids.robot:sub(-4) .. " identity")).id == ids.robot
        and (ask("robot~" .. ids.twin:sub(-4) .. " identity")).id == ids.twin
    end)
    local code
    said, code = cli "robto identity"
    assert.same({ 1, true }, { code, said:find("no node is called robto", 1, true) ~= nil }, said)
  end)

  it("that no way leads to is told as such, soon", function()
    if not s then return pending(why) end
    local id = s:ask("robot", "identity").id
    s:stop("robot", "KILL")
    s:stop("twin", "KILL")
    local began = patience.now()
    local said, code = cli(id .. " status")
    patience.took("a dead robot was told as such", patience.now() - began, 31)
    assert.equal(2, code, said)
  end)
end)
