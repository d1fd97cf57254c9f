-- install_spec.lua - `make install` into an empty folder, and what it put there run from elsewhere.
local folder = require "spec.folder"

local function run(command)
  local pipe = assert(io.popen("env -u MAKEFLAGS -u MAKELEVEL -u LD_PRELOAD " .. command .. " 2>&1; echo $?"))
  local text, status = pipe:read("a"):match "^(.-)(%d+)\n$"
  pipe:close()
  return text, tonumber(status)
end

local function list(path)
  return (run(("find '%s' -mindepth 1 -printf '%%P %%y\\n' | sort"):format(path)))
end

describe("make install", function()
  local place
  setup(function() place = folder.new() end)
  teardown(function() place.remove() end)

  local function make(target)
    return run(("make -s %s DESTDIR='%s' PREFIX=/usr/local"):format(target, place.path))
  end

  it("puts program, Lua and policies where the program looks", function()
    local said, status = make "install"
    assert.equal(0, status, said)
    local found = list(place.path .. "/usr/local")
    for _, name in ipairs { "bin/dt-swarm f", "bin/dt-swarm-cli l", "lib/dt-swarm/core/http.so f",
      "lib/dt-swarm/core/sim.so f", "share/dt-swarm/lua/sim/rollout.lua f",
      "share/dt-swarm/lua/main.lua f", "share/dt-swarm/lua/routing/channels/udp.lua f",
      "share/dt-swarm/cli/init.lua f", "share/dt-swarm/policies/duckiebot.lua f",
      "share/man/man8/dt-swarm.8 f", "share/man/man1/dt-swarm-cli.1 f", "share/man/man5/dt-swarm-policy.5 f",
      "share/man/man7/dt-swarm-lab.7 f", "share/man/man7/dt-swarm-channels.7 f", "share/man/man5/dt-swarm-plan.5 f",
      "share/bash-completion/completions/dt-swarm f", "share/bash-completion/completions/dt-swarm-cli f",
      "share/zsh/site-functions/_dt-swarm-cli f", "lib/dt-swarm/dt-swarm-back f",
      "share/dt-swarm/policies/handlers/deb f", "share/dt-swarm/policies/handlers/install.sh f" } do
      assert.truthy(("\n" .. found):find("\n" .. name .. "\n", 1, true), name)
    end
    assert.is_nil(found:find("%.c f\n") or found:find "spec")
  end)

  it("runs from there, the source tree out of sight", function()
    local bin = place.path .. "/usr/local/bin/"
    local version = require "core".version
    assert.equal("dt-swarm " .. version .. "\n", (run("sh -c 'cd / && " .. bin .. "dt-swarm --version'")))
    local said, status = run("sh -c 'cd / && HOME=" .. place.path .. " " .. bin .. "dt-swarm --check'")
    assert.equal(0, status, said)
    assert.truthy(said:find("duckiebot.lua: fine", 1, true), said)
    said, status = run("sh -c 'cd / && " .. bin .. "dt-swarm-cli help'")
    assert.equal(0, status, said)
    assert.truthy(said:find("discover", 1, true), said)
  end)

  it("runs nothing that lies in the folder it is started from", function()
    os.execute(("mkdir -p %s/trap/lua %s/trap/cli"):format(place.path, place.path))
    for _, name in ipairs { "main.lua", "cli.lua", "options.lua", "lua/main.lua", "cli/init.lua" } do
      folder.write(place.path .. "/trap/" .. name, 'print "trapped" os.exit(0)')
    end
    for _, command in ipairs { "dt-swarm --version", "dt-swarm-cli help" } do
      local said = run(("sh -c 'cd %s/trap && %s/usr/local/bin/%s'"):format(place.path, place.path, command))
      assert.is_nil(said:find "trapped", command)
      assert.is_true(#said > 5)
    end
  end)

  it("is moved as a whole, and loads what it loads late from where it then is", function()
    assert(os.execute(("mv '%s/usr' '%s/moved'"):format(place.path, place.path)))
    local said, status = run("sh -c 'cd / && " .. place.path .. "/moved/local/bin/dt-swarm-cli help'")
    assert.equal(0, status, said)
    local strace = ("strace -f -e trace=openat -o '%s/trace' "):format(place.path)
    run(("sh -c 'cd / && %s %s/moved/local/bin/dt-swarm --check'"):format(strace, place.path))
    local trace = folder.read(place.path .. "/trace")
    assert.truthy(trace:find("/moved/local/share/dt-swarm/lua/main.lua", 1, true))
    assert.truthy(trace:find("/moved/local/share/dt-swarm/policies/duckiebot.lua", 1, true))
    assert.is_nil(trace:find("/usr/local/share/dt-swarm", 1, true))
    assert.is_nil(trace:find('"policies/', 1, true))
    assert(os.execute(("mv '%s/moved' '%s/usr'"):format(place.path, place.path)))
  end)

  local function read(path) return folder.read(place.path .. "/usr/local/" .. path) end

  it("puts units there that name the place, and read well to systemd", function()
    local system, user = read "lib/systemd/system/dt-swarm.service", read "share/systemd/user/dt-swarm.service"
    for _, unit in ipairs { system, user } do
      assert.truthy(unit:find("\nExecStart=/usr/local/bin/dt-swarm\n", 1, true), unit)
      assert.truthy(unit:find("\nType=notify\n", 1, true))
      assert.truthy(unit:find("\nKillMode=process\n", 1, true))
      assert.truthy(unit:find("\nOOMPolicy=continue\n", 1, true))
      assert.is_nil(unit:find("@PREFIX", 1, true))
      assert.is_nil(unit:find "network%-online")
    end
    assert.truthy(user:find("\nStartLimitIntervalSec=0\n", 1, true))
    assert.truthy(system:find("\nStartLimitIntervalSec=300\nStartLimitBurst=3\nOnFailure=dt-swarm-back.service\n", 1,
      true))
    assert.truthy(read "lib/systemd/system/dt-swarm-back.service":find(
      "\nExecStart=/usr/local/lib/dt-swarm/dt-swarm-back\n", 1, true))
    assert.truthy(read "lib/sysusers.d/dt-swarm.conf":find "\nu dt%-swarm ")
    if not os.execute "command -v systemd-analyze >/dev/null" then
      print "# systemd-analyze is not here: it has not read the units (Debian: systemd)"
      return
    end
    local own = place.path .. "/own" -- units that name files that are there
    run(("make -s install DESTDIR= PREFIX='%s'"):format(own))
    for kind, path in pairs { system = "lib/systemd/system", user = "share/systemd/user" } do
      local said, status = run(("XDG_RUNTIME_DIR=%s systemd-analyze verify --man=no --%s %s/%s/dt-swarm.service")
        :format(place.path, kind, own, path))
      assert.same({ "", 0 }, { said, status })
    end
    local said, status = run(("systemd-analyze security --offline=true --threshold=30 --no-pager "
      .. "%s/lib/systemd/system/dt-swarm.service"):format(own))
    assert.equal(0, status, said)
    print("# " .. said:match "[^\n]*Overall exposure[^\n]*":gsub("^%W+", ""))
    assert.same({ "", 0 }, { run(("make -s uninstall DESTDIR= PREFIX='%s'"):format(own)) })
    assert.equal("", list(own))
  end)

  it("takes out what an earlier version put and this one did not", function()
    local known = place.path .. "/usr/local/share/dt-swarm/installed"
    folder.write(place.path .. "/usr/local/share/dt-swarm/lua/old.lua", "")
    folder.write(known, folder.read(known) .. "share/dt-swarm/lua/old.lua\n")
    local before = list(place.path)
    assert.equal(0, select(2, make "install"))
    assert.equal((before:gsub("[^\n]*/lua/old%.lua f\n", "")), list(place.path))
  end)

  it("is taken out whole, and nothing else is", function()
    local own = "/usr/local/share/dt-swarm/policies/mine.lua"
    folder.write(place.path .. own, "return 1")
    os.execute(("mkdir -p %s/usr/local/share/applications"):format(place.path))
    local said, status = make "uninstall"
    assert.same({ "", 0 }, { said, status })
    assert.truthy(folder.read(place.path .. own))
    os.remove(place.path .. own)
    os.execute(("cd %s/usr/local/share && rmdir -p dt-swarm/policies 2>/dev/null"):format(place.path))
    assert.equal("share d\nshare/applications d\n", list(place.path .. "/usr/local"))
    assert.equal("No dt-swarm is installed below " .. place.path .. "/usr/local.\n", (make "uninstall"))
  end)
end)
