-- repl_spec.lua - `repl -e`, a file and standard input against whole daemons: what comes out, and the exit code.
local folder = require "spec.folder"
local json = require "core.json"
local patience = require "spec.patience"
local process = require "spec.process"
local shell = require "shell"

local within = process.within

describe("repl", function()
  local w, ada, bea

  setup(function()
    w = process.new()
    ada, bea = w:start "ada", w:start "bea"
    folder.write(ada.share .. "/a.txt", "a")
    assert.truthy(within(10, function()
      if not bea:cli "report":find("a.txt", 1, true) then return false end
      for _, node in ipairs(bea:ask "discover".nodes) do
        if node.name == "ada" then return node.status == "ready" and node.via ~= json.null end -- heard, not by record
      end
    end), bea:log())
  end)
  teardown(function() w:close() end)

  local function eval(source, one) return (one or bea):cli("repl -e " .. shell.word(source)) end

  it("shows who is there, records, files, the policy, and why", function()
    local text, code = eval "peers"
    assert.equal(0, code, text)
    assert.truthy(text:find "^NAME +KEY +STATUS +VIA", text)
    local way = text:match "\nada +%w%w%w%w +ready +(%l+)" -- while a repair goes on its connection may be the quickest
    assert.is_true(way == "udp" or way == "tcp", text)
    assert.equal('"a.txt"\n', (eval 'records("share/files")[1].data.names[1]'))
    assert.equal('"ada"\ttrue\n', (eval 'local r = records("share/files")[1] return r.by, r.holds'))
    assert.equal("true\n", (eval 'local r = records("share/files")[1] return record(r.bucket, r.key).holds'))
    assert.equal("1\n", (eval 'local n = 0 for r in each("share/files") do n = n + 1 end return n'))
    assert.truthy((eval("files", ada)):find "a.txt +1 B +published")
    assert.truthy(eval "channels":find "\nudp +/ip4/")
    assert.equal(('"%s"\n'):format(w.swarm), (eval "policy.settings.swarm"))
    assert.equal('"bea"\t"bea"\n', (eval "here.name, node.name"))
    assert.truthy(eval 'why("quota")':find "One signer has more records")
    assert.truthy(eval 'why("file", "no.such")':find "nothing is known of the file no.such")
    assert.truthy(eval 'why("hooks", "clients.logs.share")':find "asked when: a file is finished")
    assert.truthy(eval 'why("record", "share/files")':find('why(kind, name): "file"', 1, true))
    assert.truthy(eval 'help("clients.logs.share")':find "Asked when a file is finished")
  end)

  it("asks the policy in force, of which nothing is counted", function()
    assert.equal('"lab"\n', (eval 'ask("clients.logs.share", { name = "x.bag", folder = "", path = "x.bag" })'))
    local text, code = eval 'ask("clients.logs.share", { name = "x" })'
    assert.equal(1, code)
    assert.truthy(text:find "clients.lua:%d+: ", text)
    assert.truthy(eval 'ask("clients.logs.share", { nme = 1 })':find "nme: no such fact of file")
    assert.truthy(eval 'ask("clients.logs.shrae")':find "no such hook")
    assert.is_nil(bea:ask "status".refused.policy)
  end)

  it("changes nothing: who tries is told the command", function()
    local text, code = eval "policy.reload()"
    assert.equal(1, code)
    assert.truthy(text:find("type: dt-swarm-cli " .. bea.socket .. " policy reload", 1, true), text)
    eval "policy.settings.swarm = 'x' here.name = 'x'"
    assert.equal(w.swarm, bea:ask "status".node.swarm)
    assert.equal("error: os: no such name here\n", (eval "os.execute('x')"))
  end)

  it("takes a file, standard input, and gives JSON", function()
    folder.write(w.dir .. "/s.lua", "#!/usr/bin/env x\nlocal n = 0\nfor i = 1, 10 do n = n + i end\nprint(n)\n")
    assert.equal("55\n", (bea:cli("repl " .. w.dir .. "/s.lua")))
    folder.write(w.dir .. "/bad.lua", "local x\nprint(x.y)\n")
    local text, code = bea:cli("repl " .. w.dir .. "/bad.lua")
    assert.equal(1, code)
    assert.truthy(text:find "error: .*bad.lua:2: attempt to index a nil value", text)
    folder.write(w.dir .. "/lines", "x = 1\nif x == 1 then\n  x = 2\nend\nbuckets\nx\n")
    text, code = bea:cli("repl < " .. w.dir .. "/lines")
    assert.equal(0, code, text)
    assert.truthy(text:find "NAME +CLASS +COUNT\npeer .*\n2\n$", text)
    folder.write(w.dir .. "/nul", "print('a\0b')\n")
    text = bea:cli("repl < " .. w.dir .. "/nul")
    assert.equal("a\\x00b\n", text)
    folder.write(w.dir .. "/long.lua", "local n = 0\n" .. ("n = n + 1\n"):rep(3000) .. "print(n)\n")
    assert.equal("3000\n", (bea:cli("repl " .. w.dir .. "/long.lua")))
    local xs = ("x"):rep(5000)
    folder.write(w.dir .. "/long", ("= #'%s'\nif true then print('%s')\nend\n"):format(xs, xs))
    assert.equal("5000\n" .. xs .. "\n", (bea:cli("repl < " .. w.dir .. "/long")))
    local pipe = io.popen(("./dt-swarm-cli %s repl --json -e '{ 1, { a = peers[1].name } }, nil'"):format(bea.socket))
    assert.same({ schema = 1, values = { { 1, { a = "ada" } }, json.null } }, json.decode(pipe:read "l"))
    pipe:close()
    text, code = bea:cli "repl --json -e 'x.y'"
    assert.equal(1, code)
    assert.truthy(text:find('"word":"form"', 1, true), text)
    assert.equal(1, select(2, bea:cli "repl /no/such/file"))
    assert.equal(3, select(2, bea:cli "repl --json"))
    local _, gone = bea:cli "repl -e 1 x.lua"
    assert.equal(3, gone)
    assert.equal(1, select(2, eval(("x"):rep(64000))))
  end)

  it("ends by Ctrl-C, and others are answered meanwhile", function()
    local busy = {}
    for i = 1, 3 do
      local source = ({ "while true do end", "while true do print(1) end", "while true do local p = peers end" })[i]
      busy[i] = io.popen(("timeout --preserve-status -s INT 1.5 ./dt-swarm-cli %s repl -e %s >/dev/null 2>&1; echo $?")
        :format(bea.socket, shell.word(source)))
    end
    os.execute "sleep 0.5"
    local worst = 0
    for _ = 1, 10 do
      local began = patience.now()
      assert.truthy(bea:ask "discover")
      worst = math.max(worst, patience.now() - began)
    end
    patience.took("discover, beside three sessions in endless loops", worst, 0.1)
    for i = 1, 3 do
      assert.equal("130", busy[i]:read "l")
      busy[i]:close()
    end
    assert.equal("2\n", (eval "1 + 1"))
  end)
end)
