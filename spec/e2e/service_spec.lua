-- service_spec.lua - the package on a real Debian with a real systemd: what an administrator does, first to last.
-- In soak only (DT_SWARM_SOAK=1): it builds the sources twice and boots a machine. Without systemd: notify_spec.lua.
local folder = require "spec.folder"
local process = require "spec.process"

local within = process.within

local function run(command)
  local pipe = assert(io.popen("env -u MAKEFLAGS -u MAKELEVEL " .. command .. " 2>&1; echo $?"))
  local text, status = pipe:read("a"):match "^(.-)(%d+)\n$"
  pipe:close()
  return text, tonumber(status)
end

local function has(command) return (os.execute(("command -v %s >/dev/null"):format(command))) end

-- A copy of the sources in PATH, as somebody has them who unpacked an archive.
local function copy_sources(path)
  assert(os.execute(("mkdir -p %s && git ls-files -co --exclude-standard -z | xargs -0 cp --parents -t %s")
    :format(path, path)))
end

local DATE = 1700000000 -- Unix seconds: of all builds of this spec

local function build(path, version, more)
  local said, status = run(("sh -c 'cd %s && umask %s && make -s deb VERSION=%s SOURCE_DATE_EPOCH=%d %s'")
    :format(path, more and "077" or "022", version, DATE, more or ""))
  assert.equal(0, status, said)
  return path .. "/" .. said:match "([^\n]+%.deb)\n$"
end

if not os.getenv "DT_SWARM_SOAK" then
  print "# the package, lintian, luarocks and a real systemd are tried by DT_SWARM_SOAK=1 alone"
  describe("the package", function()
    it("is packed by sh that can be read", function()
      for _, name in ipairs { "install.sh", "deb.sh", "debian/postinst", "debian/prerm", "debian/postrm" } do
        assert.same({ "", 0 }, { run("sh -n core/service/" .. name) })
      end
    end)
  end)
  return
end

describe("the package", function()
  local place, old, new
  setup(function()
    place = folder.new()
    copy_sources(place.path .. "/a")
    old, new = build(place.path .. "/a", "0.1.0"), build(place.path .. "/a", "0.1.1")
  end)
  teardown(function() place.remove() end)

  it("is the same to the byte wherever and by whomever it is built", function()
    copy_sources(place.path .. "/elsewhere/b")
    local other = build(place.path .. "/elsewhere/b", "0.1.0", "TZ=Asia/Tokyo LC_ALL=C.UTF-8 JOBS=1")
    local said = run(("sh -c 'cd %s && mkdir x y && dpkg-deb -R %s x && dpkg-deb -R %s y; diff -rq x y'")
      :format(place.path, old, other))
    assert.is_true(folder.read(old) == folder.read(other), said)
    assert.is_false(folder.read(old) == folder.read(new))
  end)

  it("has no errors for lintian", function()
    if not has "lintian" then return pending "needs lintian" end
    local said, status = run("lintian --allow-root --fail-on error " .. new)
    assert.equal(0, status, said)
    print(("# lintian: %s"):format(said == "" and "nothing" or said:gsub("\n", "; ")))
  end)

  it("is no rock, but luarocks makes one that runs", function()
    if not has "luarocks" then return pending "needs luarocks" end
    local said, status = run(("sh -c 'cd %s/a && luarocks lint dt-swarm-scm-1.rockspec'"):format(place.path))
    assert.equal(0, status, said)
    said, status = run(("sh -c 'cd %s/a && luarocks --lua-version=5.4 --tree=%s/rocks make --deps-mode=none'")
      :format(place.path, place.path))
    assert.equal(0, status, said)
    said, status = run(("sh -c 'cd / && HOME=%s %s/rocks/bin/dt-swarm --check'"):format(place.path, place.path))
    assert.equal(0, status, said)
    said, status = run(("sh -c 'cd / && %s/rocks/bin/dt-swarm-cli help'"):format(place.path))
    assert.equal(0, status, said)
  end)

  describe("on a machine with systemd", function()
    local tree = run "spec/net/debian.sh":match "(/[^\n]+/debian%-12)\n$"
    if not tree then
      it("", function() pending "needs debootstrap, systemd-nspawn and root" end)
      return
    end
    local machine, root, leader

    -- COMMAND in the machine, as its root → text, status.
    local function at(command)
      folder.write(root .. "/root/command", command)
      return run(("nsenter -t %d -a sh /root/command"):format(leader))
    end

    local function ok(command)
      local said, status = at(command)
      assert.equal(0, status, command .. "\n" .. said)
      return said
    end

    local function property(name)
      return (ok("systemctl show dt-swarm -p " .. name .. " --value"):gsub("\n$", ""))
    end

    -- Seconds until it runs, as another process than OF, or nil.
    local function active(of)
      local took = within(20, function()
        local is = at "systemctl is-active dt-swarm":find "^active" and property "MainPID"
        return is and is ~= "0" and is ~= of
      end)
      return took
    end

    local function policy(body)
      folder.write(root .. "/etc/dt-swarm/policy.lua", 'local p = extend "duckiebot"\n' .. body .. "\nreturn p\n")
    end

    -- As `systemctl edit` does.
    local function drop_in(name, line)
      local of = "/etc/systemd/system/dt-swarm.service.d"
      ok("mkdir -p " .. of)
      folder.write(("%s%s/%s.conf"):format(root, of, name), "[Service]\n" .. line .. "\n")
    end

    local function journal() return ok "journalctl -u dt-swarm -o cat --no-pager" end

    -- journald writes a little later than the daemon says.
    local function comes(pattern, more)
      return within(10, function()
        return at("journalctl -u dt-swarm -o cat --no-pager" .. (more or "")):find(pattern)
      end)
    end

    setup(function()
      machine = folder.new()
      root = machine.path .. "/root"
      assert(os.execute(("cd %s && mkdir up work root && mount -t overlay -o lowerdir=%s,upperdir=up,workdir=work "
        .. "overlay root"):format(machine.path, tree)))
      os.execute(("cp %s %s/root/old.deb; cp %s %s/root/new.deb"):format(old, root, new, root))
      local boot = "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn -q -D %s --private-network --register=no "
        .. "--keep-unit --system-call-filter='adjtimex clock_adjtime' -b >%s/console 2>&1 </dev/null & echo $! >%s/pid"
      os.execute(boot:format(root, machine.path, machine.path))
      local pid = folder.read(machine.path .. "/pid"):match "%d+"
      local took = within(20, function()
        leader = tonumber((run(("cat /proc/%s/task/%s/children"):format(pid, pid)):match "%d+"))
        return leader and at "systemctl is-system-running":find "running"
      end)
      assert(took, folder.read(machine.path .. "/console"))
    end)

    teardown(function()
      at "systemctl poweroff"
      within(10, function() return not os.execute(("kill -0 %d 2>/dev/null"):format(leader)) end)
      os.execute("umount -l " .. root)
      machine.remove()
    end)

    it("installs and starts, as a user of its own, and says what it does", function()
      ok "dpkg -i /root/old.deb"
      assert.is_truthy(active(), journal())
      assert.equal("dt-swarm", (ok("stat -c %U /proc/" .. property "MainPID"):gsub("\n", "")))
      assert.truthy(within(10, function()
        return property "StatusText" == "0 peers, 0 files shared, policy policy.lua on trial"
      end), property "StatusText")
      assert.equal("enabled\n", ok "systemctl is-enabled dt-swarm")
      local said = ok "dt-swarm-cli status"
      assert.truthy(said:find("/var/lib/dt-swarm", 1, true), said)
      assert.equal("700\n", ok "stat -c %a /var/lib/dt-swarm")
      assert.truthy(comes "Ask it: /usr/bin/dt%-swarm%-cli localhost discover", journal())
      assert.truthy(comes "info  routing  interface up", journal())
      assert.is_nil(journal():find "%d%d:%d%d:%d%d info")
      assert.is_nil(at "journalctl -u dt-swarm -o cat --no-pager -p warning":find "info")
      assert.equal("", ok "systemd-analyze verify --man=no dt-swarm.service")
    end)

    it("knows of itself what it knows without the fence", function()
      local free = at "cd / && HOME=/root timeout 5 dt-swarm --state /tmp/x --socket /tmp/x.sock --share /tmp/y"
      local function clock(text) return text:match "\n  clock +([^\n]*)" end
      assert.truthy(clock(free), free)
      assert.equal(clock(free), clock(journal()))
    end)

    it("shows it a folder of a home, to be read", function()
      ok "useradd -m ada; chmod 700 /home/ada; su ada -c 'mkdir /home/ada/shared-logs && echo 1 >/home/ada/secret'"
      drop_in("share", "BindReadOnlyPaths=/home/ada/shared-logs")
      policy 'p.clients.logs.folder = "/home/ada/shared-logs"'
      ok "systemctl daemon-reload && systemctl reset-failed dt-swarm && systemctl restart dt-swarm"
      ok "su ada -c 'echo log >/home/ada/shared-logs/run.log'"
      assert.truthy(within(20, function() return at "dt-swarm-cli report":find("run.log", 1, true) end), journal())
      local inside = "nsenter -m -t " .. property "MainPID" .. " "
      assert.not_equal(0, select(2, at(inside .. "rm /home/ada/shared-logs/run.log")))
      assert.not_equal(0, select(2, at(inside .. "cat /home/ada/secret")))
      assert.not_equal(0, select(2, at(inside .. "touch /usr/x")))
    end)

    it("reloads, keeps the old policy where the new one is wrong, and starts anew as the same process", function()
      local pid = property "MainPID"
      policy 'p.clients.logs.folder = "/home/ada/shared-logs"\np.tags = { "new" }'
      ok "systemctl reload dt-swarm"
      assert.truthy(comes "tags", journal())
      policy "p.tags = = 1"
      local said, status = at "systemctl reload dt-swarm"
      assert.not_equal(0, status, said)
      assert.truthy(comes("policy%.lua:2:", " -p err"), journal())
      policy 'p.clients.logs.folder = "/home/ada/shared-logs"\np.clients.logs.gateway = false'
      assert.equal(0, select(2, at "systemctl reload dt-swarm"), journal())
      assert.truthy(within(20, function() return journal():find "starts anew" end))
      assert.truthy(within(20, function() return property "StatusText":find "1 file shared" end), property "StatusText")
      assert.same({ pid, "0", "active" }, { property "MainPID", property "NRestarts", property "ActiveState" })
    end)

    it("starts with the policy that was good where the file is broken", function()
      ok "dt-swarm-cli policy confirm"
      local good = folder.read(root .. "/etc/dt-swarm/policy.lua")
      policy "p.tags = = 1"
      ok "systemctl reset-failed dt-swarm && systemctl restart dt-swarm"
      assert.truthy(active())
      assert.truthy(comes("policy%.lua:2:", " -p err"), journal())
      folder.write(root .. "/etc/dt-swarm/policy.lua", good)
      ok "systemctl reload dt-swarm"
    end)

    it("is in the lab whose file was put into /etc, which becomes its own", function()
      local lab = require "spec.labs".new { name = "robotics", at = os.time() * 1000 }
      folder.write(root .. "/etc/dt-swarm/lab", lab.text)
      ok "chmod 644 /etc/dt-swarm/lab && systemctl reset-failed dt-swarm && systemctl restart dt-swarm"
      assert.equal("dt-swarm 600\n", ok "stat -c '%U %a' /etc/dt-swarm/lab")
      assert.truthy(within(20, function() return at "dt-swarm-cli status":find "lab +robotics [^\n]*, member" end),
        journal())
      assert.is_nil(journal():find("may read", 1, true))
      local said = at "dt-swarm-cli lab leave --yes"
      assert.truthy(said:gsub("%s+", " "):find("sudo rm /etc/dt-swarm/lab", 1, true), said)
      ok "rm /etc/dt-swarm/lab && systemctl reset-failed dt-swarm && systemctl restart dt-swarm"
      assert.truthy(at "dt-swarm-cli status":find "swarm +duckietown")
    end)

    it("is ended by the watchdog when it stands still, and is back, also after a crash", function()
      drop_in("dog", "WatchdogSec=2")
      ok "systemctl daemon-reload && systemctl reset-failed dt-swarm && systemctl restart dt-swarm"
      os.execute "sleep 5" -- it lives, and is let live
      assert.equal("0", property "NRestarts")
      local pid = property "MainPID"
      ok("kill -STOP " .. pid)
      local took = within(15, function() return property "NRestarts" == "1" end)
      assert.truthy(took, journal())
      print(("# stopped, ended by the watchdog and started again after %.1f s"):format(took))
      assert.truthy(active(pid))
      assert.truthy(comes "Watchdog timeout", journal())
      for _ = 2, 8 do -- more often than the unit's own limit of starts: dt-swarm-back starts it anew
        pid = property "MainPID"
        ok("kill -KILL " .. pid)
        assert.truthy(active(pid))
      end
      assert.truthy(ok "journalctl -u dt-swarm-back -o cat --no-pager":find "Finished")
      ok "rm /etc/systemd/system/dt-swarm.service.d/dog.conf && systemctl daemon-reload"
    end)

    it("is upgraded and downgraded with its key and its policy", function()
      local id = ok "dt-swarm-cli identity show"
      for _, name in ipairs { "new", "old", "new" } do
        local pid = property "MainPID"
        ok(("dpkg -i --force-confdef /root/%s.deb"):format(name))
        assert.truthy(active(pid))
        assert.equal(("dt-swarm 0.1.%d\n"):format(name == "new" and 1 or 0), ok "dt-swarm --version")
        assert.equal(id, ok "dt-swarm-cli identity show")
      end
      assert.truthy(folder.read(root .. "/etc/dt-swarm/policy.lua"):find "gateway = false")
    end)

    it("gets its old package back where the new one does not start: handler, sudo and systemd are real", function()
      if not at "command -v sudo":find "/" then return pending "needs sudo in the machine" end
      ok "/usr/share/dt-swarm/policies/handlers/install.sh deb && systemctl daemon-reload"
      ok "systemctl reset-failed dt-swarm && systemctl restart dt-swarm"
      assert.equal("0\n", ok("sed -n 's/^NoNewPrivs:\t//p' /proc/" .. property "MainPID" .. "/status"))
      assert.matches("^0+\n$", ok("sed -n 's/^CapEff:\t//p' /proc/" .. property "MainPID" .. "/status"))
      ok [[cd /root && dpkg-deb -R new.deb bad && printf '#!/bin/sh\nexit 1\n' >bad/usr/bin/dt-swarm &&
        sed -i 's/^Version: .*/Version: 0.1.9/' bad/DEBIAN/control && rm bad/DEBIAN/md5sums && mkdir -p /srv &&
        dpkg-deb -Znone -b bad /srv/bad.deb]]
      local work = "/var/lib/dt-swarm/updates/work/dt-swarm"
      ok(("install -d -o dt-swarm -m 700 /var/lib/dt-swarm/updates /var/lib/dt-swarm/updates/work %s"):format(work))
      ok(("cp /root/new.deb %s/kept.deb"):format(work))
      local lines = "DT_NAME=dt-swarm\nDT_SEQ=9\nDT_VERSION=0.1.9\nDT_FROM=\nDT_FILE=/srv/bad.deb\nDT_TRY=1\n"
      folder.write(root .. work .. "/environment", "HANDLER=/etc/dt-swarm/handlers/deb\nLIMIT=900\n" .. lines)
      folder.write(root .. "/srv/apply", ("cd %s && exec 3>>/var/lib/dt-swarm/updates/lock && flock 3\nexport %s\n"
        .. "exec /etc/dt-swarm/handlers/deb apply\n"):format(work, (lines:gsub("\n", " "))))
      ok(("chown dt-swarm %s/environment"):format(work))
      local said, status = at "su -s /bin/sh dt-swarm -c 'sh /srv/apply'"
      assert.equal(0, status, said)
      local took = within(40, function() return at "dt-swarm --version":find "0.1.1" and active() end)
      assert.truthy(took, said .. ok "journalctl -u dt-swarm -u dt-swarm-back -o cat --no-pager | tail -n 60")
      print(("# a package that does not start was taken back after %.0f s"):format(took))
      assert.equal("back\nenvironment\nkept.deb\n", ok("ls " .. work))
      ok("rm -rf /var/lib/dt-swarm/updates/work /srv/apply /srv/bad.deb /etc/dt-swarm/handlers "
        .. "/etc/sudoers.d/dt-swarm-handlers /etc/systemd/system/dt-swarm.service.d/handlers.conf; "
        .. "systemctl daemon-reload; systemctl reset-failed dt-swarm; systemctl restart dt-swarm")
    end)

    it("runs for one person, too", function()
      ok "systemctl stop dt-swarm"
      ok "systemctl start user@$(id -u ada)"
      local as = "su ada -c 'XDG_RUNTIME_DIR=/run/user/$(id -u) %s'"
      ok(as:format "systemctl --user enable --now dt-swarm")
      assert.equal("active\n", ok(as:format "systemctl --user is-active dt-swarm"))
      local said = ok(as:format "dt-swarm-cli status")
      assert.truthy(said:find("/home/ada/.local/state/dt-swarm", 1, true), said)
      ok(as:format "systemctl --user reload dt-swarm")
      ok(as:format "systemctl --user stop dt-swarm")
      ok "systemctl start dt-swarm"
    end)

    it("stays away when it is removed, keeps its key until it is purged, and people's files for ever", function()
      folder.write(root .. "/etc/dt-swarm/lab", "the secret of a token: it goes when all is purged")
      ok "mkdir -p /var/lib/dt-swarm/shared-logs && echo mine >/var/lib/dt-swarm/shared-logs/mine.log"
      ok "dpkg -r dt-swarm"
      assert.truthy(at "systemctl is-active dt-swarm":find "inactive")
      local key = ok "ls /var/lib/dt-swarm"
      assert.truthy(key:find "journal" and key:find "key", key)
      local said = ok "dpkg -P dt-swarm"
      assert.truthy(said:find("files that people shared are left in /var/lib/dt-swarm", 1, true), said)
      assert.equal("/var/lib/dt-swarm/shared-logs\n/var/lib/dt-swarm/shared-logs/mine.log\n",
        ok "find /var/lib/dt-swarm -mindepth 1 | sort")
      assert.equal("", ok("find / -xdev -path /root -prune -o -path /proc -prune -o -name '*dt-swarm*' -print "
        .. "| grep -v -e '^/var/lib/dt-swarm$' -e /home/ada -e '^/etc/systemd/system/dt-swarm.service.d$' "
        .. "-e '^/var/log' -e '^/sys' || :"))
    end)
  end)
end)
