-- What Tab gives: the words of the table, and the daemon's names, in real shells; whatever a name is, none is run.
local folder = require "spec.folder"
local patience = require "spec.patience"
local typed_line = require "cli.typed_line"

local TREE <const> = os.getenv "PWD"
local BREAKS <const> = " \t\n\"'@><=;|&(:" -- as bash has them

local place, daemon

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function start(kind, delay)
  os.execute("mkdir -p " .. place.path .. "/state")
  local pipe = assert(io.popen(("%s exec timeout 120 lua5.4 spec/cli/fake_daemon.lua %s/d.sock %s/state %s")
    :format(delay or "", place.path, place.path, kind)))
  daemon = { pid = assert(pipe:read "n"), pipe = pipe }
end

local function run(command)
  local pipe = assert(io.popen(command .. " 2>" .. place.path .. "/err"))
  local said = pipe:read "a"
  return said, select(3, pipe:close()), folder.read(place.path .. "/err")
end

--- What bash is told for LINE, an array.
local function in_bash(line)
  local list = {}
  for word in run(("./dt-swarm-cli complete bash -- %s %s"):format(quote(BREAKS), quote(line))):gmatch "[^\n]+" do
    list[#list + 1] = word
  end
  return list
end

local function has(list, word)
  for _, each in ipairs(list) do
    if each == word then return true end
  end
  return false
end

describe("completion", function()
  before_each(function() place = folder.new() end)
  after_each(function()
    if daemon then
      os.execute("kill -KILL " .. daemon.pid)
      daemon.pipe:close()
      daemon = nil
    end
    place.remove()
  end)

  it("gives the table's words without a daemon, silently and at once", function()
    local none = "dt-swarm-cli /nowhere/d.sock "
    for line, words in pairs { ["dt-swarm-cli "] = "status discover files localhost",
      ["dt-swarm-cli disc"] = "discover", ["dt-swarm-cli robot7 rep"] = "report repl",
      ["dt-swarm-cli robot7 policy "] = "show reload", [none .. "files "] = "list get dismiss",
      [none .. "files get --f"] = "--from --force",
      [none .. "status --color "] = "auto always never", [none .. "status --color=a"] = "auto always",
      ["dt-swarm-cli help quo"] = "quota", ["dt-swarm-cli help policy re"] = "reload",
      [none .. "policy show dcache."] = "dcache.classes",
      ["dt-swarm-cli --"] = "--help --version", ["dt-swarm --s"] = "--state --share --socket" } do
      local found = in_bash(line)
      for word in words:gmatch "%S+" do
        assert.is_true(has(found, word), line .. ": " .. table.concat(found, " "))
      end
      assert.is_false(has(found, "complete") or has(found, "page"), line)
    end
    for _, words in ipairs { "files get ", "files get --from ", "nothing ", "status x ", "policy d." } do
      local line = none .. words
      assert.same({}, in_bash(line), line)
    end
    for _, line in ipairs { "dt-swarm-cli /r", none .. "files get x --to ", "dt-swarm po", "dt-swarm --state " } do
      assert.same({ "/" }, in_bash(line), line)
    end
    local said, code, complaint = run("./dt-swarm-cli complete bash -- ' ' " .. quote(none .. "files get "))
    assert.same({ "", 0, "" }, { said, code, complaint })
  end)

  it("waits for a daemon that does not answer no longer than people do", function()
    start "silent"
    local least, tries = math.huge, 0
    repeat -- what else runs on this machine only adds
      local began = patience.now()
      assert.same({}, in_bash(("dt-swarm-cli %s/d.sock files get "):format(place.path)))
      least, tries = math.min(least, patience.now() - began), tries + 1
    until least < 4 or tries == 5
    patience.took("Tab beside a daemon that is silent", least, 0.25)
    assert.is_true(least < 4, "200 ms, and not the 5 s of a command")
  end)

  it("puts a name into whatever quotes are open, and behind whatever bash keeps", function()
    local name = "my $(run) `x`.bag"
    for line, text in pairs { ["x my"] = "my\\ \\$\\(run\\)\\ \\`x\\`.bag", ["x 'my"] = "my $(run) `x`.bag",
      ['x "my'] = "my \\$(run) \\`x\\`.bag", ["x my\\ "] = "my\\ \\$\\(run\\)\\ \\`x\\`.bag", ["x "] = "my\\ "
      .. "\\$\\(run\\)\\ \\`x\\`.bag" } do
      local at = typed_line.read(line, BREAKS)
      assert.equal(name:sub(1, #at.word), at.word, line)
      assert.equal(text, typed_line.insert(at, name), line)
    end
    assert.equal("run.bag", typed_line.insert(typed_line.read("x ada:r", BREAKS), "ada:run.bag"))
    assert.equal("ada:run.bag", typed_line.insert(typed_line.read("x ada:r", " "), "ada:run.bag"))
    assert.equal("it'\\''s", typed_line.insert(typed_line.read("x 'it", BREAKS), "it's"))
    assert.is_nil(typed_line.insert(typed_line.read('x "a', BREAKS), "a!b"), "history goes on within these quotes")
    assert.is_nil(typed_line.insert(typed_line.read("x 'a'b", BREAKS), "ab"))
    assert.same({ "x", "a b", "c" }, typed_line.read("x 'a b' c d", BREAKS).words)
  end)

  -- Types LINES into SHELL with a Tab behind each; → what the program was called with, a line each.
  local function typed_into(shell, begin, lines)
    local p = place.path
    os.remove(p .. "/said")
    folder.write(p .. "/dt-swarm-cli", ([[
#!/bin/sh
[ "$1" = complete ] && exec %s/dt-swarm-cli "$@"
shift
printf '<%%s>' "$@" >> %s/said
echo >> %s/said
]]):format(TREE, p, p))
    os.execute("chmod +x " .. p .. "/dt-swarm-cli")
    local typing = { begin }
    for i, line in ipairs(lines) do typing[i + 1] = ("dt-swarm-cli %s/d.sock %s\t"):format(p, line) end
    folder.write(p .. "/typing", table.concat(typing, "\n") .. "\nexit\n")
    local command = "cd %s && cat typing | env -i HOME=%s TERM=xterm LC_ALL=C.UTF-8 PATH=%s:/usr/bin:/bin "
      .. "timeout 60 script -qec %s /dev/null > tty"
    os.execute(command:format(p, p, p, quote(shell)))
    assert.is_nil(folder.read(p .. "/pwned"), "a name was run")
    return folder.read(p .. "/said") or folder.read(p .. "/tty")
  end

  -- The same of what stands first in each of ROWS, which have to come out as what stands second. Tab waits 200 ms for
  -- the daemon, which may not run so soon on a busy machine: then each row is typed alone, again where it stayed bare.
  local function comes_out(shell, begin, rows)
    local lines, wanted, said = {}, {}, {}
    for i, row in ipairs(rows) do lines[i], wanted[i] = row[1], row[2] .. "\n" end
    if typed_into(shell, begin, lines) == table.concat(wanted) then return end
    for i, line in ipairs(lines) do
      local tries = 0
      repeat said[i], tries = typed_into(shell, begin, { line }), tries + 1 until said[i] == wanted[i] or tries == 10
    end
    assert.same(wanted, said)
  end

  local WHOLE <const>, RUN <const> = "<files><get><my $(touch pwned).bag>", "<files><get><my run.bag>"

  it("in a real bash leaves words that mean the name and run nothing", function()
    start "shell"
    local script = place.path .. "/completion"
    folder.write(script, require("cli.pages").text "bash")
    comes_out("bash --norc -i", "source " .. script, { { "disc", "<discover>" }, { "files get my\\ r", RUN },
      { "files get 'my r", RUN }, { 'files get "my r', RUN }, { "files get my\\ \\$", WHOLE },
      { "files get 'my $", WHOLE }, { 'files get "my \\$', WHOLE },
      { "files get my\\`", "<files><get><my`touch pwned`;touch pwned #.bag>" },
      { "files get my\\'", "<files><get><my'quotes\".bag>" },
      { "files get ada:my\\ r", "<files><get><ada:my run.bag>" },
      { "files get sub/one:", "<files><get><sub/one:two.bag>" },
      { "files get x --from=d", "<files><get><x><--from=don $(touch pwned) `touch pwned`>" },
      { "files get x --from d", "<files><get><x><--from><don $(touch pwned) `touch pwned`>" },
      { "files get my\\ \\!", "<files><get><my !$ \\ & | > pwned>" },
      { "files get at\\@", "<files><get><at@home.bag>" } })
  end)

  if os.execute "command -v zsh >/dev/null" then
    it("in a real zsh, too", function()
      start "shell"
      os.execute("mkdir " .. place.path .. "/functions")
      folder.write(place.path .. "/functions/_dt-swarm-cli", require("cli.pages").text "zsh")
      comes_out("zsh -f -i", "fpath=(functions $fpath); autoload -Uz compinit; compinit -u -D", {
        { "disc", "<discover>" }, { "files get my\\ r", RUN }, { "files get 'my r", RUN },
        { "files get 'my $", WHOLE }, { "files get my\\'", "<files><get><my'quotes\".bag>" },
        { "files get ada:my\\ r", "<files><get><ada:my run.bag>" },
        { "files get x --from=d", "<files><get><x><--from=don $(touch pwned) `touch pwned`>" },
        { "files get x --from d", "<files><get><x><--from><don $(touch pwned) `touch pwned`>" } })
    end)
  else
    print "# no zsh is here: its completion was not run"
  end

  it("tells facts, and what can be told of one", function()
    start "shell"
    assert.same({ "busy", "battery" }, in_bash "dt-swarm-cli fact b")
    assert.same({ "yes", "no", "end" }, in_bash "dt-swarm-cli fact busy ")
  end)

  it("tells no name that does not show as it is, and none that is an option", function()
    start "shell"
    local host = ("dt-swarm-cli %s/d.sock "):format(place.path)
    local function told(words) -- again where the daemon had no processor within 200 ms
      local list
      patience.within(5, function()
        list = in_bash(host .. words)
        return list[1]
      end)
      return list
    end
    local all = told "files get "
    assert.is_true(#all > 5)
    for _, word in ipairs(all) do assert.is_nil(word:find "line" or word:find "^%-", word) end
    assert.same({ "-rf" }, told "files get -- -r")
  end)
end)

describe("the names of a node", function()
  local asked, fake = require "spec.clients.asked", require "spec.clients.fake_node"

  it("are told by kind and beginning, at most 200, from which what all begin with can be seen", function()
    local facts = fake.two()
    local others = { [7] = "s/007", [240] = "run", [260] = "run-999" } -- in the middle, from wherever one begins
    for i = 1, 500 do
      facts.records[i] = fake.file(("%s%03d"):format(fake.CID:sub(1, -4), i), fake.ADA,
        others[i] or ("run-%03d"):format(i), 1, 1)
    end
    local ask = asked.of(fake.node(facts))
    local function names(request)
      request.command = "names"
      local answer = assert(ask(request))
      table.sort(answer.names)
      return answer.names
    end
    assert.same({ "ada", "donald" }, names { of = "peer" })
    assert.same({ "donald" }, names { of = "peer", begins = "do" })
    assert.same({ "peer", "share/files" }, names { of = "bucket" })
    assert.same({ "s/007" }, names { of = "file", begins = "s/" })
    assert.same({ "ada:s/007" }, names { of = "file", begins = "ada:s" })
    local many = names { of = "file", begins = "run" }
    assert.equal(200, #many)
    assert.same({ "run", "run-999" }, { many[1], many[200] })
    assert.same({ nil, "form" }, { ask { command = "names", of = "rubbish" } and 1 or nil,
      (select(3, ask { command = "names", of = "rubbish" })) })
  end)
end)
