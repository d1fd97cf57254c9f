-- A person's machine: a key by ssh-keygen, a lab, its files, what is signed by a real ssh-agent; and all that can be
-- wrong with these. Whole programs.
local folder = require "spec.folder"
local json = require "core.json"
local lab = require "dcache.lab"
local net = require "core.net"
local patience = require "spec.patience"
local process = require "spec.process"
local shape = require "spec.cli.shape"
local terminal = require "spec.terminal"
local text = require "core.text"

local TREE <const> = os.getenv "PWD"

local place, home
before_each(function()
  place = folder.new()
  home = place.path .. "/home"
  os.execute("mkdir -p " .. home .. "/.config/dt-swarm && cp /bin/true " .. place.path .. "/nothing")
end)
after_each(function() place.remove() end)

local function sh(command)
  local pipe = io.popen("( " .. command .. " ) 2>&1")
  local said = pipe:read "a"
  return said, select(3, pipe:close())
end

-- What stands before a command of that person; SOCKET: of the ssh-agent, nil: there is none.
local function as_person(socket)
  return ("cd %s && env -i HOME=%s PATH=\"$PATH\" %s"):format(place.path, home,
    socket and "SSH_AUTH_SOCK=" .. socket or "")
end

local function cli(words, socket, before)
  return sh(("%s %s %s/dt-swarm-cli %s </dev/null"):format(as_person(socket), before or "setsid -w", TREE, words))
end

-- A key of the person's at PATH, with a PASSPHRASE or none.
local function key_at(path, passphrase)
  sh(("ssh-keygen -q -t ed25519 -N '%s' -C teacher@laptop -f %s"):format(passphrase or "", path))
  return path
end

local function operator_key(passphrase) return key_at(home .. "/.config/dt-swarm/operator", passphrase) end

-- A person's own agent, with those KEYS. → its socket
local function agent(keys)
  local socket = place.path .. "/agent"
  local said = sh(("ssh-agent -a %s sh -c 'ssh-add -q %s 2>/dev/null; sleep 600' >/dev/null 2>&1 & echo $!"):format(
    socket, table.concat(keys, " ")))
  finally(function() sh("pkill -P " .. said:match "%d+" .. "; kill " .. said:match "%d+") end)
  assert(patience.within(5, function()
    local listed = sh("SSH_AUTH_SOCK=" .. socket .. " ssh-add -l")
    return keys[1] and listed:find "SHA256" or not keys[1] and listed:find "no identities"
  end))
  return socket
end

local function mode_of(path) return sh("stat -c %a " .. path):match "%d+" end

describe("lab init", function()
  it("makes a lab whose files say all that robots and this machine need", function()
    operator_key()
    local said, code = cli "lab init robotics --yes"
    assert.equal(0, code, said)
    assert.matches("^  lab    robotics %S+…%S+\n  root   teacher 12D3KooW%S+\n"
      .. "  token  images, lets in up to 100 robots until you cancel it\n"
      .. "  file   %./robotics%.lab: put it on each robot as /etc/dt%-swarm/lab\n"
      .. "Keep a copy of the key %S+/operator and of its\npassphrase: nobody can replace them%.\n", said)
    local robots = assert(lab.read(folder.read(place.path .. "/robotics.lab")))
    local own = assert(lab.read(folder.read(home .. "/.config/dt-swarm/lab")))
    assert.same({ "robotics", "images", 3 }, { robots.name, robots.token.name, #robots.lines })
    assert.same({ robots.lab, "desk", robots.lines }, { own.lab, own.token.name, own.lines })
    assert.same({ "600", "600" }, { mode_of(place.path .. "/robotics.lab"), mode_of(home .. "/.config/dt-swarm/lab") })
  end)

  it("without a daemon: lab show names the lab of its next start", function()
    operator_key()
    assert.is_nil(cli("lab show"):find("in the lab", 1, true))
    assert.equal(0, select(2, cli "lab init robotics --yes"))
    local said, code = cli "lab show"
    assert.equal(2, code)
    assert.matches("\nIt will start in the lab robotics, by /%S+/%.config/dt%-swarm/lab%.\n$", said)
  end)

  it("replaces no file, and makes no second lab", function()
    operator_key()
    folder.write(place.path .. "/robotics.lab", "mine")
    local said, code = cli "lab init robotics --yes"
    assert.equal(4, code, said)
    assert.matches("robotics.lab is there already", said)
    assert.equal("mine", folder.read(place.path .. "/robotics.lab"))
    assert.equal(0, select(2, cli "lab init other --yes"))
    said, code = cli "lab init third --yes"
    assert.equal(4, code)
    assert.matches("this machine is in the lab other already.*lab leave", said:gsub("\n", " "))
    assert.is_nil(folder.read(place.path .. "/third.lab"))
  end)

  it("answers --json in the shape that it had", function()
    operator_key()
    local said, faults = cli "lab init robotics --yes --json", {}
    shape.compare("lab init", shape.of(assert(json.decode((said:gsub("\n$", ""))), said)), faults)
    assert.same({}, faults)
  end)

  it("asks for a passphrase on the terminal, by OpenSSH's own programs, and for the time", function()
    if not terminal.is_here() then return pending "no tmux: the questions were NOT seen" end
    os.execute("rm -r " .. home .. "/.config")
    local screen = terminal.start(("%s TERM=screen %s/dt-swarm-cli lab init robotics"):format(as_person(), TREE))
    finally(function() screen:close() end)
    assert(screen:shows "Enter passphrase (empty for no passphrase):")
    screen:line "secret words"
    assert(screen:shows "Enter same passphrase again:")
    screen:line "secret words"
    local synchronised = require "core.board".clock().synchronised -- then this machine's clock needs no witness
    if not synchronised then
      assert(screen:shows "[y/N]")
      screen:line "y"
    end
    assert(screen:shows "Enter passphrase for")
    screen:line "secret words"
    local shown = assert(screen:shows "exit 0")
    assert.matches("token  images", shown)
    assert.is_nil(shown:find("secret words", 1, true))
    assert.truthy(folder.read(place.path .. "/robotics.lab"))
  end)
end)

describe("a person's key", function()
  -- Runs lab init, which has to fail: nothing is signed, nothing is written. → what it said
  local function refused(socket, words, before)
    local said, code = cli("lab init robotics --yes " .. (words or ""), socket, before)
    assert.is_true(code == 4 or code == 1, ("%s: %s"):format(code, said))
    assert.is_nil(folder.read(place.path .. "/robotics.lab"), said)
    assert.is_nil(folder.read(home .. "/.config/dt-swarm/lab"), said)
    return said:gsub("\n", " ")
  end

  it("is signed with by the person's agent, which alone is asked", function()
    local file = operator_key "secret"
    local other = key_at(place.path .. "/plain")
    local socket = agent { other }
    assert.matches("has a passphrase, and there is no terminal", refused(socket))
    local said, code = cli(("lab init robotics --yes --key %s.pub"):format(other), socket)
    assert.equal(0, code, said)
    assert.truthy(folder.read(file), "control: the other key was there")
  end)

  it("in no agent, a locked one, or one that is gone needs a terminal for its passphrase", function()
    operator_key "secret"
    assert.matches("no terminal", refused())
    assert.matches("no terminal", refused(place.path .. "/gone"))
    local file = key_at(place.path .. "/plain")
    local socket = agent { file }
    folder.write(place.path .. "/ask", "#!/bin/sh\necho locked\n")
    local said = sh(("chmod 700 %s/ask; export SSH_AUTH_SOCK=%s SSH_ASKPASS=%s/ask SSH_ASKPASS_REQUIRE=force \z
      DISPLAY=:9; ssh-add -l; setsid -w ssh-add -x; ssh-add -l"):format(place.path, socket, place.path))
    assert.matches("SHA256.*Agent locked.*no identities", said)
    os.execute(("ssh-keygen -q -p -P '' -N secret -f %s"):format(file)) -- without the agent it could be used
    assert.matches("no terminal", refused(socket, ("--key %s.pub"):format(file)))
  end)

  it("of another type, cut, missing, or named by its private half is said", function()
    sh(("ssh-keygen -q -t rsa -b 1024 -N '' -f %s/r"):format(place.path))
    assert.matches("ssh%-rsa cannot sign here", refused(nil, "--key r.pub"))
    folder.write(place.path .. "/sk.pub", "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t me\n")
    assert.matches("sk%-ssh%-ed25519@openssh.com cannot sign here", refused(nil, "--key sk.pub"))
    folder.write(place.path .. "/cut.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me\n")
    assert.matches("cut or damaged", refused(nil, "--key cut.pub"))
    assert.matches("there is no operator's key at none.pub", refused(nil, "--key none.pub"))
    assert.matches("names the public half", refused(nil, "--key " .. key_at(place.path .. "/a")))
  end)

  it("signs into a file for the lab that this machine's lab file names; a damaged one is said", function()
    local words = ("trust grant %s member --yes --to x"):format(require "spec.labs".key "ada":id())
    operator_key()
    assert.matches("this machine has no lab file", (cli(words):gsub("\n", " ")))
    folder.write(home .. "/.config/dt-swarm/lab", "dt-swarm lab 1\nswarm robotics\n")
    local said, code = cli(words)
    assert.equal(4, code, said)
    assert.matches("%.config/dt%-swarm/lab: .*put a whole copy there", (said:gsub("\n", " ")))
    assert.is_nil(folder.read(place.path .. "/x"))
    os.remove(home .. "/.config/dt-swarm/lab")
    assert.equal(0, select(2, cli "lab init robotics --yes"))
    said, code = cli(words)
    assert.equal(0, code, said)
    assert.truthy(folder.read(place.path .. "/x"):find("trust/grants", 1, true))
  end)

  it("of which the private half is another is said", function()
    local file = operator_key()
    key_at(place.path .. "/other")
    sh(("cp %s/other %s"):format(place.path, file))
    assert.matches("is not the private half of", refused())
  end)

  it("wants OpenSSH, whose package is named where it is missing", function()
    local made = operator_key()
    sh(("mkdir %s/bin && for p in sh lua5.4 mktemp rm; do ln -s $(command -v $p) %s/bin/$p; done"):format(place.path,
      place.path))
    local function names(program, words)
      local said, code = sh(("cd %s && env -i HOME=%s PATH=%s/bin %s/dt-swarm-cli %s </dev/null"):format(place.path,
        home, place.path, TREE, words))
      assert.equal(4, code, said)
      assert.matches(program .. " is not installed here; it is in the package openssh%-client", said:gsub("\n", " "))
      assert.is_nil(folder.read(place.path .. "/x.lab"))
    end
    names("ssh%-agent", "lab init x --yes")
    os.remove(made)
    os.remove(made .. ".pub")
    names("ssh%-keygen", "lab init x --yes")
    names("ssh%-keygen", "operator new")
    assert.is_nil(folder.read(made .. ".pub"))
  end)

  it("is never opened here: only the public half is", function()
    if not os.execute "command -v strace >/dev/null" then return pending "no strace: NOT SEEN" end
    local file = operator_key()
    local said, code = cli("lab init robotics --yes", nil, ("strace -qq -e trace=open,openat -o %s/trace"):format(
      place.path))
    assert.equal(0, code, said)
    local trace = folder.read(place.path .. "/trace")
    assert.truthy(trace:find(file .. ".pub", 1, true), "control: the trace sees what is opened")
    assert.is_nil(trace:find(('"%s"'):format(file), 1, true))
  end)
end)

-- The 32 secret bytes of an OpenSSH key without a passphrase (PROTOCOL.key of OpenSSH), and all bytes of its file.
local function seed_of(file)
  local body = text.unbase64((folder.read(file):gsub("%-%-%-%-%-[^\n]*", ""):gsub("%s", "")))
  local public = text.unbase64(folder.read(file .. ".pub"):match "ssh%-ed25519 (%S+)"):sub(-32)
  local _, at = body:find("\0\0\0\64", 1, true) -- seed and public half together have 64 bytes
  assert(body:sub(at + 33, at + 64) == public)
  return body:sub(at + 1, at + 32), body
end

-- All that process PID has in memory, piece by piece, and its arguments and environment: EACH(bytes, what).
local function each_piece(pid, each)
  for _, name in ipairs { "cmdline", "environ" } do each(folder.read(("/proc/%d/%s"):format(pid, name)), name) end
  local memory = assert(io.open(("/proc/%d/mem"):format(pid), "rb"))
  for line in io.lines(("/proc/%d/maps"):format(pid)) do
    local from, till, rights = line:match "^(%x+)%-(%x+) (%S+)"
    from, till = tonumber(from, 16), tonumber(till, 16)
    if rights and rights:find "^r" and not line:find "%[v" and memory:seek("set", from) then
      each(memory:read(till - from) or "", line)
    end
  end
  memory:close()
end

describe("what is secret of a person's key", function()
  it("stands in no memory, argument, environment or file of the command line or the daemon", function()
    local file = operator_key()
    local seed, body = seed_of(file)
    local forms = { seed, text.hex(seed), text.base64url(seed):sub(1, 40), text.base64(seed):sub(1, 40) }
    local function is_in(bytes)
      for _, form in ipairs(forms) do
        if bytes:find(form, 1, true) then return true end
      end
      return false
    end
    assert.is_true(is_in(body), "control: it is in the key's own file")
    assert.equal(0, select(2, cli "lab init robotics --yes"))
    local w = process.new()
    finally(function() w:close() end)
    sh(("mkdir -p %s/.config && cp -r %s/.config/dt-swarm %s/.config && rm %s/.config/dt-swarm/operator"):format(w.dir,
      home, w.dir, w.dir))
    local desk = w:start "desk"
    local id = assert(desk:ask "identity", desk:log()).id
    local words = ("%s trust grant %s member --yes --key %s.pub"):format(desk.socket, id, file)
    local said, code = cli(words)
    assert.equal(0, code, said)
    -- The command line while it waits for an agent that does not answer.
    local silent = assert(net.unix_listen(place.path .. "/silent"))
    local pid = sh(("HOME=%s SSH_AUTH_SOCK=%s/silent ./dt-swarm-cli %s >/dev/null 2>&1 </dev/null & echo $!"):format(
      home, place.path, words)):match "%d+"
    local asked = select(2, patience.within(5, function() return silent:accept() end)) -- it ends with that connection
    assert(asked)
    for _, process_id in ipairs { pid, desk.pid } do
      local knows_id = false
      each_piece(process_id, function(bytes, what)
        knows_id = knows_id or bytes:find(id, 1, true) ~= nil
        assert.is_false(is_in(bytes), what)
      end)
      assert.is_true(knows_id, "control: what it knows is found")
    end
    sh("kill " .. pid)
    asked:close()
    desk:stop()
    local count = 0
    for path in sh(("find %s %s/.config/dt-swarm/lab %s/robotics.lab -type f"):format(w.dir, home, place.path))
      :gmatch "[^\n]+" do
      count = count + 1
      assert.is_false(is_in(folder.read(path)), path)
    end
    assert.is_true(count > 3)
  end)
end)
