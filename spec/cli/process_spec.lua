-- The command as people run it: a process, its two outputs, its exit code; the daemon is another process.
local json = require "core.json"
local paths = require "paths"

local folder, path, daemons

local function daemon(kind, where)
  local state = folder .. "/state/dt-swarm"
  os.execute("mkdir -p " .. state)
  local command = "exec timeout 300 lua5.4 spec/cli/fake_daemon.lua %s %s %s"
  local pipe = assert(io.popen(command:format(where or path, state, kind)))
  local one = { pid = assert(pipe:read "n", "the daemon did not start") }
  function one.stop(signal)
    os.execute(("kill -%s %d"):format(signal or "TERM", one.pid))
    pipe:close()
    one.stopped = true
  end
  daemons[#daemons + 1] = one
  return one
end

local function read(name)
  local file = assert(io.open(folder .. "/" .. name, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

--- Runs the command line: what it wrote to standard output, to standard error, its exit code.
local function run(words, variables)
  local command = "cd %s && env -i HOME=$F STATE_DIRECTORY=$F/state/dt-swarm XDG_RUNTIME_DIR=$F "
    .. "PATH=/usr/bin:/bin TZ=UTC %s timeout 120 ./dt-swarm-cli %s > $F/out 2> $F/err < /dev/null"
  command = command:format(os.getenv "PWD", variables or "", words):gsub("%$F", folder)
  local _, _, code = os.execute(command)
  return read "out", read "err", code
end

describe("dt-swarm-cli, the process,", function()
  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir -p " .. folder)
    path, daemons = folder .. "/d.sock", {}
  end)

  after_each(function()
    for _, one in ipairs(daemons) do
      if not one.stopped then one.stop "KILL" end
    end
    os.execute("rm -rf " .. folder)
  end)

  it("shows all of a fleet that takes several pages, also where it looks again and again", function()
    daemon "crowd"
    local out = run(path .. " health")
    assert.matches("\nn600 ", out)
    assert.matches("600 nodes: 600 unknown.", out, 1, true)
    assert.equal(600, #json.decode((run(path .. " health --json"):gsub("\n$", ""))).nodes)
    os.execute(([[cd %s; ./dt-swarm-cli %s health --watch > %s/out 2> %s/err & pid=$!
      for i in $(seq 1200); do grep -q '600 nodes: 600 unknown' %s/out && break; sleep 0.05; done
      sleep 3; kill -INT $pid; wait $pid]]):format(os.getenv "PWD", path, folder, folder, folder))
    assert.matches("600 nodes: 600 unknown.", read "out", 1, true)
    assert.equal("", read "err")
  end)

  it("writes within what COLUMNS says where there is no terminal, and as for 80 where it says nothing", function()
    daemon "two"
    for _, columns in ipairs { "30", "0", "-5", "", "wide", "1e9" } do
      local out = run(path .. " status", "COLUMNS=" .. columns)
      local widest = 0
      for line in out:gmatch "[^\n]+" do widest = math.max(widest, utf8.len(line)) end
      local most = columns == "30" and 30 or columns == "1e9" and 200 or 80
      assert.is_true(widest <= most and (columns == "30" or widest > 40), columns .. "\n" .. out)
    end
    assert.is_nil((run(path .. " status", "TERM=dumb")):find "\27")
  end)

  it("ends with 0 and a table", function()
    daemon "two"
    local out, err, code = run(path .. " discover")
    assert.equal(0, code)
    assert.equal("", err)
    assert.matches("^NAME     KEY    TYPE ", out)
    assert.matches("2 nodes%. Same 6 records on both %(digest 4be1%)%.\n$", out)
  end)

  it("stays with --watch and says each change when it comes; Ctrl-C ends it with 130", function()
    daemon "changing"
    for _, json_too in ipairs { "", " --json" } do
      local wanted = json_too == "" and "donald is quiet" or '"event":"peer"'
      local script = ([[cd %s; ./dt-swarm-cli %s discover --watch%s > %s/out 2> %s/err & pid=$!
        for i in $(seq 1200); do grep -q '%s' %s/out && break; sleep 0.05; done
        kill -INT $pid; wait $pid]]):format(os.getenv "PWD", path, json_too, folder, folder, wanted, folder)
      local _, _, code = os.execute(script)
      assert.equal(130, code, read "err")
      assert.matches(wanted, read "out", 1, true)
    end
    local first = assert(json.decode((read "out":match "^[^\n]+")))
    assert.same({ true, 2, "discover" }, { first.continues, #first.nodes, first.command })
    assert.equal("", read "err")
  end)

  it("says that its output got nowhere, and ends a watch whose output does", function()
    daemon "changing"
    for _, words in ipairs { "status", "discover", "discover --watch", "discover --watch --json" } do
      local command = ("cd %s; timeout 60 ./dt-swarm-cli %s %s"):format(os.getenv "PWD", path, words)
      local _, _, code = os.execute(("%s >/dev/full 2>%s/err"):format(command, folder))
      assert.equal(5, code, words)
      assert.matches("^standard output: No space left on device\n$", (read "err"))
    end
    local _, _, code = os.execute(("cd %s; ./dt-swarm-cli %s status >&- <&- 2>&-"):format(os.getenv "PWD", path))
    assert.equal(0, code)
  end)

  it("prints the daemon's answer with --json, before or behind the command's words", function()
    daemon "two"
    local names = { "status", "discover", "summary", "report", "files", "files list", "identity show" }
    for _, name in ipairs(names) do
      local out, err, code = run(("%s %s --json"):format(path, name))
      assert.equal(0, code)
      assert.equal("", err)
      assert.equal(1, assert(json.decode(out:sub(1, -2))).schema)
    end
  end)

  it("says that a name with - in front needs -- before it", function()
    daemon "several"
    for _, words in ipairs { "files get -rf", "files get --json -rf", "files get -rf --to x" } do
      local _, err, code = run(path .. " " .. words)
      assert.equal(3, code)
      assert.matches("needs %-%- before it: files get %-%- %-rf\n", err)
    end
    assert.equal(1, (select(3, run(path .. " files get -- -rf"))), "a name as any other")
    for words, right in pairs {
      ["files get --to -x NAME"] = "write --to=-x", ["files get NAME --from -x"] = "write --from=-x",
      ["files get NAME --to --force"] = "write --to=--force",
      ["files get -- -rf --to /tmp/o"] = "write: files get --to /tmp/o -- -rf",
      ["files get --json -- -rf --to=o --force"] = "write: files get --json '--to=o' --force -- -rf",
    } do
      local _, said, exit = run(path .. " " .. words)
      assert.same({ 3, true }, { exit, said:find(right, 1, true) ~= nil }, said)
    end
    assert.is_nil((select(2, run(path .. " discover --foo"))):find "before it")
  end)

  it("ends with 1 when the answer is no, and lists what fits when more than one does", function()
    daemon "several"
    local out, err, code = run(path .. " files get nothing-of-this-name")
    assert.equal(1, code)
    assert.equal("", out)
    assert.matches("nobody has shared nothing%-of%-this%-name", err)
    out, err, code = run(path .. " files get run-12.bag")
    assert.equal("", out)
    assert.equal(1, code)
    assert.matches("fits 2 files", err)
    for _, what in ipairs { "ada:run-12.bag", "donald:run-12.bag" } do -- can be typed
      assert.matches("\n  " .. what .. "   ", err, 1, true)
    end
    out = run(path .. " files get run-12.bag --json")
    assert.equal(2, #json.decode(out:sub(1, -2)).error.candidates)
  end)

  it("lists what fits within the terminal's width, what is typed in one piece", function()
    daemon "several"
    local line = "TERM=xterm timeout 120 script -qec 'stty cols %d; ./dt-swarm-cli %s files get run-12.bag' /dev/null"
    for _, columns in ipairs { 30, 40, 80 } do
      local pipe = io.popen(line:format(columns, path) .. " < /dev/null")
      local out = pipe:read "a"
      pipe:close()
      assert.matches("\n  donald:run%-12%.bag[ \r]", out)
      for each in out:gmatch "[^\r\n]+" do assert.is_true(utf8.len(each) <= columns, each) end
    end
  end)

  it("ends with 2 and useful words when no daemon is there", function()
    local out, err, code = run(path .. " status")
    assert.equal(2, code)
    assert.equal("", out)
    local words = "No daemon at %s. Nothing says that there ever was one.\nStart one there, with a --name, --state "
      .. "and --share of its own: %s/dt-swarm --socket %s\n"
    assert.equal(words:format(path, os.getenv "PWD", path), err)
    out, err = run("status", "RUNTIME_DIRECTORY=/none")
    assert.truthy(out ~= "" or err:find "^No daemon at /none/control%.sock%.\nStart one of your own: ", err)
    assert.is_nil(err:find(" discover\n", 1, true), "others are asked the same: " .. err)
    out, err, code = run(path .. " status --json")
    assert.equal(2, code)
    assert.equal("", err)
    assert.equal("closed", json.decode(out:sub(1, -2)).error.word)
  end)

  it("says of a path that no socket can have how long it may be", function()
    local _, err, code = run(("/tmp/%s/control.sock status"):format(("x"):rep(100)))
    assert.equal(2, code)
    assert.matches("has 118 bytes, and a socket's path has room for 107: no daemon can be there%.", err)
  end)

  it("says when the daemon was last seen, and whether it ended cleanly", function()
    local one = daemon "two"
    one.stop()
    assert.matches("Last seen [%d: -]+, stopped cleanly%.\nStart it with the %-%-name, %-%-state and %-%-share that "
      .. "you gave it: [^\n]*/dt%-swarm %-%-socket " .. path:gsub("%p", "%%%0") .. "\n$",
      (select(2, run(path .. " status"))))
    one = daemon "two"
    one.stop "KILL"
    local _, err, code = run(path .. " status")
    assert.equal(2, code)
    assert.matches("It started [%d: -]+ and did not stop cleanly%.\n", err)
  end)

  it("ends with 3 for words it does not understand, and says what was meant", function()
    for words, message in pairs {
      ["discovr"] = 'did you mean "discover"', ["localhost files gte x"] = 'did you mean "files get"',
      ["files oops"] = 'No command "files oops"; files has list, get, ',
      ["10.98.0.1 status"] = "is an address; only daemons of this machine are asked",
      ["fe80::1 files list"] = "or ask there: ssh fe80::1 dt-swarm-cli files list", ["help keyy"] = 'mean "key"?',
      ["robot7 files get x"] = "leave robot7 out, or say --from robot7",
      ["robot7 lab leave"] = "ssh robot7 dt-swarm-cli lab leave", ["robot7 repl"] = "is typed on the machine itself",
      ["status --jsno"] = "no option --jsno; did you mean --json?",
      ["files get x --from ada --from=bea"] = "--from is given twice, and has one value",
      ["files get x --form ada"] = "did you mean --from?", ["polcy reload"] = 'did you mean "policy reload"?',
      ["polic"] = 'did you mean "policy"?', ["lcalhost status"] = 'no host "lcalhost"; did you mean "localhost"?',
      ["status --qqqqqq"] = "unknown option '--qqqqqq'", ["help AGEE"] = 'mean "AGE"?',
      ["files get"] = "missing argument 'NAME|CID|FOLDER'",
      ["status too many"] = "too many arguments", ["help nothing"] = 'No command or word of refusal "nothing"',
      ["status --color=pink"] = "must be one of", [""] = "Which command?", ["localhost"] = "Which command?",
    } do
      local out, err, code = run(words)
      assert.equal(3, code, words)
      assert.equal("", out)
      assert.matches(message, err, 1, true)
      assert.matches("See: dt%-swarm%-cli help\n$", err)
    end
  end)

  it("ends with 4 when the daemon refuses", function()
    daemon "refusing"
    local out, err, code = run(path .. " status")
    assert.equal(4, code)
    assert.equal("", out)
    assert.equal("not today (permission)\n", err)
  end)

  it("ends with 5 when there is nobody to fetch from", function()
    daemon "two"
    local _, err, code = run(path .. " files get run-12.bag --to " .. folder)
    assert.equal(5, code)
    assert.matches("^ada has run%-12%.bag, [^\n]*; nobody else has a copy%.\n", err)
  end)

  it("asks the session's daemon when no host is given, and knows that it is gone", function()
    if paths.uid() == 0 then return end -- root's daemon has one place: /run
    os.execute("mkdir -p " .. folder .. "/dt-swarm")
    daemon("two", folder .. "/dt-swarm/control.sock")
    for _, words in ipairs { "discover", "localhost discover" } do
      assert.matches("2 nodes", (run(words)))
    end
  end)

  it("asks the daemon of its service", function()
    daemon("two", folder .. "/control.sock")
    for _, words in ipairs { "discover", "localhost discover" } do
      assert.matches("2 nodes", (run(words, "RUNTIME_DIRECTORY=" .. folder)))
    end
  end)

  it("shows nothing of a hostile name as it is", function()
    daemon "hostile"
    for _, name in ipairs { "discover", "report", "status" } do
      for _, options in ipairs { "", " --json" } do
        local out, _, code = run(("%s %s%s"):format(path, name, options))
        assert.equal(0, code)
        assert.is_nil(out:find "[%z\1-\9\11-\31\127]")
        assert.is_nil(out:find("\226\128\174", 1, true))
      end
    end
  end)

  it("colours on a terminal only, and not with NO_COLOR, and knows its width", function()
    daemon "two"
    local command = ("./dt-swarm-cli %s discover"):format(path)
    local function on_terminal(variables, words)
      local line = "%s timeout 120 script -qec 'stty cols 60; %s %s' /dev/null < /dev/null"
      local pipe = io.popen(line:format(variables, command, words))
      local out = pipe:read "a"
      pipe:close()
      return out
    end
    assert.matches("\27%[32mready", on_terminal("env -u NO_COLOR TERM=xterm", ""))
    assert.is_nil(on_terminal("env NO_COLOR=1 TERM=xterm", ""):find "\27")
    assert.is_nil(on_terminal("env -u NO_COLOR TERM=dumb", ""):find "\27")
    assert.is_nil(on_terminal("env -u NO_COLOR TERM=xterm", "--color=never"):find "\27")
    assert.is_nil(run(path .. " discover"):find "\27")
    assert.matches("\27%[32mready", (run(path .. " discover --color=always")))
    for line in on_terminal("env NO_COLOR=1", ""):gmatch "[^\r\n]+" do
      assert.is_true(utf8.len(line) <= 60, line)
    end
  end)

  it("says what each word of refusal means and what to do, without a daemon", function()
    local words, errors = require("cures").all()
    for _, list in ipairs { words, errors } do
      for _, word in ipairs { list[1], list[#list] } do
        local out, err, code = run("help " .. word.word)
        assert.equal(0, code)
        assert.equal("", err)
        assert.truthy(out:gsub("\n", " "):find(word.means .. " What to do: " .. word.cure, 1, true), out)
      end
    end
    for _, sign in ipairs(require("cli.signs").all()) do
      local out, _, code = run("help '" .. sign.word .. "'", "COLUMNS=200")
      assert.equal(0, code)
      assert.truthy(out:gsub("\n", " "):find(sign.means .. " What to do: " .. sign.cure:sub(1, 30), 1, true), out)
      assert.matches("^%u.*%.$", sign.means)
      assert.matches("^%u.*[%.%w]$", sign.cure)
    end
    for _, title in ipairs(require("cli.columns").all()) do
      assert.same(title, require("cli.signs").of(title.word))
      assert.is_true(title.means:find "^[%u`].*[.…]$" ~= nil and title.cure:find "%.$" ~= nil, title.word)
    end
    assert.truthy((run "help age"):find("^AGE\nOf a file: how long ago"))
    for word, means in pairs { ["port taken"] = "port that this node needs",
      warn = "Something is wrong", error = "Something is badly wrong", stale = "too old",
      cpu_temperature_celsius = "Heat of the processor, in °C", ros_nodes = "bridge to ROS" } do -- any order
      assert.matches(means, (run("help " .. word)), 1, true)
    end
    local getting = run "help get"
    for _, command in ipairs { "files get", "route get" } do -- which end in that word
      assert.truthy(getting:find((run("help " .. command)), 1, true), getting)
    end
    for line in getting:gmatch "[^\n]+" do assert.is_true(utf8.len(line) <= 80, line) end
    assert.is_nil(getting:find "%[[^%]]*\n")
    local out = run "help words"
    for _, word in ipairs(words) do
      assert.matches("\n  " .. word.word .. " +" .. word.short:gsub("%p", "%%%0"), out)
    end
    assert.matches("\n  ENOSPC +The disk is full", out)
    assert.same({ schema = 1, word = "form", short = words[1].short, means = words[1].means, cure = words[1].cure,
      why = { { code = "form", what = words[1].means, cure = words[1].cure } } },
      json.decode((run "help form --json"):sub(1, -2)))
    local all = json.decode((run "help words --json"):sub(1, -2))
    assert.same({ 1, words, errors, require("cli.signs").all() }, { all.schema, all.words, all.errors, all.signs })
    assert.same(require("cli.columns").all(), all.columns)
    local people = 0
    for _, command in ipairs(require "cli".commands) do people = people + (command.hidden and 0 or 1) end
    assert.equal(people, #json.decode((run "help --json"):sub(1, -2)).commands)
    for words_given, message in pairs { ["help sinature"] = 'did you mean "signature"?',
      ["help ENOSPCE"] = 'did you mean "ENOSPC"?', ["help discovr"] = 'did you mean "discover"?',
      ["help form form"] = 'No command or word of refusal "form', ["help qqqqqqq"] = 'refusal "qqqqqqq".' } do
      local shown, err, code = run(words_given)
      assert.equal(3, code)
      assert.equal("", shown)
      assert.matches(message, err, 1, true)
    end
  end)

  it("knows the title of each column of each table", function()
    local pipe, count = io.popen "cat cli/*.lua", 0
    for title in pipe:read "a":gmatch 'title = "([%u%p ]+)"' do
      for word in title:gmatch "[^,]+" do
        count = count + 1
        local known = require("cli.signs").of(word:match "^ *(.-)$")
        assert.truthy(known and known.word:find "^%u", word .. " stands above a column, and help does not know it")
      end
    end
    pipe:close()
    assert.is_true(count > 40, count)
  end)

  it("helps with each command, and each has its file", function()
    local cli = require "cli"
    local all, _, code = run "help"
    assert.equal(0, code)
    assert.equal(all, (run "--help"))
    for _, command in ipairs(cli.commands) do
      local in_list = all:find("\n  " .. command.name .. " +" .. command.text:gsub("%p", "%%%0")) ~= nil
      assert.equal(not command.hidden, in_list, command.name)
      local file = require(command.file)
      assert.is_true(file.run ~= nil or file.show ~= nil and file.request ~= nil)
      local own = run(command.name .. " --help")
      assert.truthy(command.examples and command.examples[1], command.name)
      assert.equal(1, own:find("  dt-swarm-cli " .. command.examples[1][1], 1, true))
      for _, example in ipairs(command.examples) do
        assert.equal(command.name, example[1]:sub(1, #command.name), "an example of another command")
      end
      local kinds = require "cli".kinds
      for _, list in ipairs { command.arguments or {}, command.options or {} } do
        for _, row in ipairs(list) do assert.is_true(row.kind == nil or kinds[row.kind] == true, row.kind) end
      end
      assert.equal(own, (run("help " .. command.name)))
      assert.matches(command.name, own, 1, true)
    end
    for _, exit in ipairs(cli.exits) do
      local line = ("\n  %d  %s\n"):format(exit.code, exit.text)
      assert.truthy(all:gsub("(\n  %d+) +", "%1  "):find(line, 1, true), exit.name)
    end
    for line in all:gmatch "[^\n]+" do assert.is_true(utf8.len(line) <= 80, line) end
    assert.matches("^dt%-swarm%-cli %d", (run "--version"))
  end)

  it("is documented where its exit codes and commands are", function()
    local cli = require "cli"
    local file = assert(io.open "cli/README.md")
    local readme = file:read "a"
    file:close()
    for _, exit in ipairs(cli.exits) do
      assert.matches(("| %d | %s |"):format(exit.code, exit.text), readme, 1, true)
    end
    for _, command in ipairs(cli.commands) do
      assert.matches("`" .. command.name .. "`", readme, 1, true)
    end
  end)
end)
