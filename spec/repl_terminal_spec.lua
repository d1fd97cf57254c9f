-- repl_terminal_spec.lua - a person at the REPL in a pseudo-terminal: editing, completion, interruption, a large
-- answer, a daemon that dies.
local folder = require "spec.folder"
local patience = require "spec.patience"
local process = require "spec.process"
local terminal = require "spec.terminal"

local EDITED = pcall(require, "readline")

describe("a person at the REPL", function()
  local w, ada, screen

  setup(function()
    w = process.new()
    ada = w:start "ada"
    folder.write(ada.share .. "/a.txt", "a")
    process.within(10, function() return ada:cli "report":find("bafkrei", 1, true) end)
  end)
  teardown(function() w:close() end)
  after_each(function()
    if screen then screen:close() end
    screen = nil
  end)

  local function start(columns, variables)
    if not terminal.is_here() then pending "there is no tmux" end
    screen = terminal.start(("env HOME=%s XDG_STATE_HOME= %s ./dt-swarm-cli %s repl"):format(w.dir, variables or "",
      ada.socket), columns)
    assert(screen:shows "leaves.\n>")
  end

  -- Types LINE; WORDS must stand on the screen then, COUNT times.
  local function asks(line, words, count)
    screen:line(line)
    local shown, instead = screen:shows(words, count)
    assert.truthy(shown, instead)
  end

  it("edits, completes, goes on in the next line, and remembers", function()
    if not EDITED then return pending "lua-readline is not installed" end
    start()
    screen:type "1 + 12"
    screen:press("Left", "BSpace", "Enter")
    assert(screen:shows "> 1 + 2\n3\n>", screen:screen())
    asks("for i = 1, 2 do", ">>")
    screen:line "print(i + 40)"
    asks("end", "41\n42\n>")
    screen:type "pol"
    screen:press "Tab"
    screen:type ".na"
    screen:press("Tab", "Enter")
    assert(screen:shows '> policy.name\n"p.lua"')
    screen:type 'record("share/f'
    screen:press "Tab"
    assert(screen:shows 'record("share/files"')
    screen:type ', "bafk'
    screen:press "Tab"
    screen:type ").data.names[1]"
    screen:press "Enter"
    assert(screen:shows '\n"a.txt"\n', screen:screen())
    screen:press("Up", "Up", "Enter")
    assert(screen:shows('"p.lua"', 2))
    asks(" secret = 1", "> ")
    screen:press "C-d"
    assert(screen:shows "exit 0")
    assert.truthy(screen:stty():find " icanon")
    screen:close()
    local path = w.dir .. "/.local/state/dt-swarm-cli/repl-history"
    local pipe = io.popen(("stat -c %%a %s; cat %s"):format(path, path))
    local kept = pipe:read "a"
    pipe:close()
    assert.equal('600\n{"data":["1 + 2","for i = 1, 2 do"', kept:sub(1, 38))
    assert.is_nil(kept:find "secret")
    start()
    screen:press("Up", "Enter")
    assert(screen:shows('"p.lua"', 1))
  end)

  -- What the daemon took of a processor so far, in hundredths of a second.
  local function taken()
    local user, system = folder.read(("/proc/%d/stat"):format(ada.pid)):match "^.*%) %a (.*)$"
      :match("^" .. ("%S+ "):rep(10) .. "(%d+) (%d+)")
    return tonumber(user) + tonumber(system)
  end

  it("interrupts what runs, and what is typed, and keeps the session", function()
    for _, variables in ipairs { "", "TERM=dumb" } do -- edited, and plain
      start(50, variables)
      asks("x = 7", ">", 2)
      local before = taken()
      screen:line "while true do x = x + 1 end"
      assert(screen:shows "x + 1 end\n")
      assert(patience.within(10, function() return taken() - before > 8 end), "it runs")
      local began = patience.now()
      screen:press "C-c"
      assert(screen:shows "interrupted\n>")
      patience.took("an endless loop is interrupted", patience.now() - began, 0.5)
      screen:type "garbage("
      assert(screen:shows "garbage(")
      screen:press "C-c"
      assert(screen:shows "^C\n>") -- else what is typed meanwhile goes with it
      asks("x > 7", "true\n>")
      asks("os.execute('x')", "error: os: no such name here")
      asks("print('\\27]0;evil\\7')", "\\x1b]0;evil\\x07")
      screen:press "C-d"
      assert(screen:shows "exit 0")
      screen:close()
    end
  end)

  it("lets an answer of 10 MB pass by", function()
    start()
    local late
    for _ = 1, 3 do -- a line may run for ten seconds, which a machine that stands still takes from it
      screen:line "for i = 1, 10000 do print(('x'):rep(990), i) end return 'over'"
      _, late = patience.within(10, function()
        local shown = screen:screen()
        return shown:find('"over"\n>', 1, true) and "no" or shown:find "10 s that a line may run\n>%s*$" and "yes"
      end)
      asks("1 + 1", "\n2\n>")
      if late == "no" then break end
    end
    assert.equal("no", late)
  end)

  it("says that the daemon died, at once, with exit code 2, and leaves the terminal as it was", function()
    start()
    screen:type "half a li"
    assert(screen:shows "half a li")
    ada:stop "KILL"
    assert(screen:shows "has gone.\nexit 2", screen:screen())
    assert.truthy(screen:stty():find " icanon")
    screen:close()
    ada = w:start "ada"
    start()
    screen:line "while true do end"
    assert(screen:shows "do end\n")
    ada:stop "KILL"
    assert(screen:shows "has gone.\nexit 2", screen:screen())
  end)
end)
