-- folder_spec.lua - what becomes of the share folder in a first hour: sticks, logs that grow, names, rights, watches.
local swarm = require "spec.e2e.swarm"

-- Before a daemon is started on its host: its folder is a stick, an ext4 image.
local STICK = [[
#!/bin/sh
mkdir -p DIR/ada/share
[ -f DIR/stick ] || { truncate -s 16M DIR/stick; mkfs.ext4 -q DIR/stick; fresh=1; }
[ -f DIR/pulled ] || mount -o loop DIR/stick DIR/ada/share
[ -n "$fresh" ] && for i in 1 2 3; do head -c 700000 /dev/urandom >DIR/ada/share/r$i.bag; done
exec "$@"
]]

-- Names that cannot be shared, a folder that root without its capabilities may not read, a link.
local ODD = [[
cd DIR/ben/share || exit 1
for i in 1 2 3; do echo $i >$i.bag; done; echo l >"$(printf 'latin1-\351.bag')"; mkfifo pipe
ln -s /etc/hostname out; ln -s 1.bag in; mkdir -p 1/2/3/4/5/6/7/8/9; echo d >1/2/3/4/5/6/7/8/9/deep.bag
mkdir shut; echo s >shut/s.bag; chmod 0 shut; echo n >shut.bag; chmod 0 shut.bag; echo h >.hidden
mkdir half; echo h >half/h.bag; chmod 444 half
printf x >"$(printf 'n%.0s' $(seq 255))"; printf y >"$(printf 'e\314\201.txt')"; printf z >"$(printf '\303\251.txt')"
]]

local WATCHES = [[
#!/bin/sh
mkdir -p DIR/cem/share/a/b
echo 2 >/proc/sys/user/max_inotify_watches
exec "$@"
]]

local NO_INOTIFY = [[
#!/bin/sh
echo 0 >/proc/sys/user/max_inotify_instances
exec "$@"
]]

-- Its state lies on an image of its own.
local STATE = [[
#!/bin/sh
mkdir -p DIR/finn/state
truncate -s 16M DIR/card; mkfs.ext4 -q DIR/card; mount -o loop,errors=remount-ro DIR/card DIR/finn/state
rmdir DIR/finn/state/lost+found
exec "$@"
]]

-- A log that grows: its beginning is held before there is more of it, however busy the machine is.
local APPEND = [[
more() { head -c 600000 /dev/urandom >>DIR/dora/share/rosout.log; }
more
for i in $(seq 600); do ls DIR/lab/state/files/*/*/rosout.log && break; sleep 0.2; done
for i in 1 2 3; do more; sleep 3; done
]]

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

describe("a share folder in its first hour", function()
  local s, why

  setup(function()
    s, why = swarm.new { "ada", "ben", "cem", "dora", "erin", "finn", "gil", "lab" }
    if s and swarm.sh "id -u" ~= "0\n" then
      s:close()
      s, why = nil, "not root: no mounts"
    end
    if not s then return end
    local function fill(text) return (text:gsub("DIR", s.dir)) end
    write(s.dir .. "/stick.sh", fill(STICK))
    write(s.dir .. "/odd.sh", fill(ODD))
    write(s.dir .. "/watches.sh", fill(WATCHES))
    write(s.dir .. "/deaf.sh", NO_INOTIFY)
    write(s.dir .. "/state.sh", fill(STATE))
    swarm.sh(("mkdir -p %s/ben/share %s/dora/share"):format(s.dir, s.dir))
    swarm.sh(("sh %s/odd.sh"):format(s.dir))
    swarm.sh(("mkdir -p %s/gil/one %s/gil/two && cd %s/gil && echo o >one/old.bag && ln -s one share"):format(s.dir,
      s.dir, s.dir))
    s:start("lab", "policies/server.lua")
    s:start("ada", "policies/duckiebot.lua", ("sh %s/stick.sh"):format(s.dir))
    s:start("ben", "policies/duckiebot.lua", "setpriv --bounding-set=-dac_override,-dac_read_search")
    s:start("cem", "policies/duckiebot.lua", ("unshare -Ur sh %s/watches.sh"):format(s.dir))
    s:start("dora", "policies/duckiebot.lua")
    s:start("erin", "policies/duckiebot.lua", ("unshare -Ur sh %s/deaf.sh"):format(s.dir))
    s:start("gil", "policies/duckiebot.lua")
    s:start("finn", "policies/duckiebot.lua", ("sh %s/state.sh"):format(s.dir))
    write(s.dir .. "/append.sh", fill(APPEND))
    os.execute(("sh %s/append.sh >/dev/null 2>&1 &"):format(s.dir))
  end)

  teardown(function() if s then s:close() end end)

  -- Rows of the host's `files list`, by name.
  local function rows(host)
    local by_name = {}
    for _, file in ipairs((s:ask(host, "files list") or { files = {} }).files) do by_name[file.name] = file end
    return by_name
  end

  local function all(host, names, state)
    local by_name = rows(host)
    for _, name in ipairs(names) do
      if not by_name[name] or by_name[name].state ~= state then return false end
    end
    return true
  end

  local BAGS = { "r1.bag", "r2.bag", "r3.bag" }

  -- Files that HOST's report knows of, with a copy here or there.
  local function reported(host, name)
    for _, file in ipairs((s:ask(host, "report") or { files = {} }).files) do
      for _, each in ipairs(file.names) do
        if each == name then return file end
      end
    end
  end

  local function inside(command)
    local text, code = swarm.sh(("nsenter -t %d -m sh -c '%s'"):format(s.running.ada.pid, command))
    assert.equal(0, code, command .. ": " .. text)
  end

  -- What a command prints, its lines not broken.
  local function said(host, command) return (s:cli(host, command):gsub("%s+", " ")) end

  local function share() return s:path("ada", "share") end

  -- Takes off what is mounted there; the daemon may have a file of it open for a moment.
  local function unmount()
    assert.is_truthy(swarm.within(5, function()
      return select(2, swarm.sh(("nsenter -t %d -m umount %s"):format(s.running.ada.pid, share()))) == 0
    end), "it stays busy")
  end

  -- Have HOST's words of all NAMES come that say that two have a copy?
  local function are_copied(host, names)
    for _, name in ipairs(names) do
      local file = reported(host, name)
      if not file or #file.copies ~= 2 then return false end
    end
    return true
  end

  it("is away when its stick is pulled: nothing is unsaid, though started again, whatever is in its place", function()
    if not s then return pending(why) end
    assert.is_truthy(swarm.within(15, function() return all("ada", BAGS, "published") end), s:log "ada")
    for _, host in ipairs { "lab", "ada" } do
      local copied = swarm.within(20, function() return are_copied(host, BAGS) end)
      assert.is_truthy(copied, s:cli(host, "report") .. s:log "lab")
    end
    unmount()
    assert.is_truthy(swarm.within(8, function() return all("ada", BAGS, "not there") end), s:log "ada")
    local text = said("ada", "files list")
    assert.is_truthy(text:find("files dismiss", 1, true), text)
    assert.is_truthy(text:find("3 files are not there (they were on /dev/loop", 1, true), text)
    assert.is_truthy(s:cli("ada", "status"):find("not there", 1, true))
    assert.equal("lab", reported("ada", "r1.bag").copies[1].name)
    inside("mount -t tmpfs other " .. share())
    write(s.dir .. "/pulled", "")
    s:stop "ada"
    s:start("ada", "policies/duckiebot.lua", ("sh %s/stick.sh"):format(s.dir))
    assert.is_truthy(swarm.within(8, function() return all("ada", BAGS, "not there") end), s:log "ada")
    assert.is_nil(s:log("ada"):find("dismissed", 1, true))
    inside(("mount -t tmpfs other %s && echo new >%s/new.bag"):format(share(), share()))
    assert.is_truthy(swarm.within(10, function() return all("ada", { "new.bag" }, "published") end), s:log "ada")
    assert.is_true(all("ada", BAGS, "not there"))
    assert.is_truthy(swarm.within(10, function() return reported("lab", "new.bag") end), s:log "lab")
    unmount()
    inside(("mount -o loop,ro %s/stick %s"):format(s.dir, share()))
    assert.is_truthy(swarm.within(10, function() return all("ada", BAGS, "published") end), s:log "ada")
    assert.is_nil(s:log("ada"):find("dismissed", 1, true))
    assert.is_nil(s:log("ada"):find("file=r1.bag", 1, true), "announced as new")
    assert.is_truthy(reported("lab", "new.bag"), "away in its turn")
    local port = s:ask("ada", "status").gateway.port
    local code = s.world:run("lab", ("curl -s -o /dev/null -w '%%{http_code}' 'http://%s:%d/ipfs/%s?format=raw'")
      :format(s.world:address "ada", port, rows("ada")["r1.bag"].cid))
    assert.equal("200", code)
  end)

  -- Between two looks (the laptop sleeps), the device of one stick is that of another: FILE is all that it holds.
  local function swap(file)
    local loop = swarm.sh(("nsenter -t %d -m findmnt -no SOURCE %s"):format(s.running.ada.pid, share())):match "%S+"
    swarm.sh(("cd %s && truncate -s 16M stick2 && mkdir fill && echo o >fill/%s && mkfs.ext4 -q -d fill stick2")
      :format(s.dir, file))
    assert.is_truthy(swarm.within(5, function() -- it may have been stopped with a file of the stick open
      s:halt "ada"
      local _, code = swarm.sh(("nsenter -t %d -m umount %s"):format(s.running.ada.pid, share()))
      if code == 0 then
        inside(("losetup %s %s/stick2 && mount %s %s && losetup -d %s"):format(loop, s.dir, loop, share(), loop))
      end
      s:go_on "ada"
      return code == 0
    end), "it stays busy")
  end

  it("is away when another stick is in the same slot, with the same numbers, at the next look", function()
    if not s then return pending(why) end
    assert.is_true(all("ada", BAGS, "published"))
    swap "other.bag"
    assert.is_truthy(swarm.within(10, function() return all("ada", { "other.bag" }, "published") end), s:log "ada")
    assert.is_true(all("ada", BAGS, "not there"), s:cli("ada", "files list"))
    assert.is_nil(s:log("ada"):find("dismissed", 1, true), s:log "ada")
    assert.is_truthy(said("ada", "files list"):find("Mount it again", 1, true))
  end)

  it("that is a link is looked at anew when it is set to another folder, and heard from there", function()
    if not s then return pending(why) end
    assert.is_truthy(swarm.within(15, function() return all("gil", { "old.bag" }, "published") end), s:log "gil")
    swarm.sh(("cd %s/gil && ln -sfn two share"):format(s.dir))
    assert.is_truthy(swarm.within(8, function() return all("gil", { "old.bag" }, "not there") end), s:log "gil")
    swarm.sh(("echo n >%s/gil/two/new.bag"):format(s.dir))
    assert.is_truthy(swarm.within(12, function() return all("gil", { "new.bag" }, "published") end), s:log "gil")
    assert.is_truthy(said("gil", "files list"):find("Put that folder, or the link to it, back", 1, true))
    assert.is_nil(s:log("gil"):find("dismissed", 1, true), s:log "gil")
  end)

  it("has no name that stands in no list, with reason and cure, counted", function()
    if not s then return pending(why) end
    local wanted = { ["1.bag"] = false, ["latin1-\\xe9.bag"] = "name", pipe = "pipe", out = "link", ["in"] = "link",
      ["1/2/3/4/5/6/7/8/9/"] = "deep", ["shut/"] = "EACCES", ["shut.bag"] = "EACCES", ["half/h.bag"] = "EACCES",
      [".hidden"] = "permission",
      [("n"):rep(255)] = false, ["e\u{301}.txt"] = false, ["\u{e9}.txt"] = false }
    local function first_wrong()
      local list = rows "ben"
      for name, word in pairs(wanted) do
        if not list[name] or (list[name].word or false) ~= word then return name end
        if word and not (list[name].cure and list[name].reason) then return name end
      end
    end
    assert.is_truthy(swarm.within(15, function() return not first_wrong() end), first_wrong())
    local text = said("ben", "files list")
    for _, part in ipairs { "not UTF-8", "a pipe", "link (2: a link): ", "EACCES (3: this user may not read it): ",
      "not shared (" } do
      assert.is_truthy(text:find(part, 1, true), part .. "\n" .. text)
    end
    assert.is_truthy(s:cli("ben", "status"):find("not shared", 1, true), s:cli("ben", "status"))
  end)

  it("that loses all files at once is not believed at once; nor is one that cannot be read any more", function()
    if not s then return pending(why) end
    local two = { "2.bag", "3.bag" }
    assert.is_truthy(swarm.within(10, function() return all("ben", two, "published") and are_copied("lab", two) end))
    swarm.sh(("cd %s/ben && mkdir elsewhere && mv share/* elsewhere"):format(s.dir))
    assert.is_truthy(swarm.within(10, function() return all("ben", two, "not there") end), s:cli("ben", "files list"))
    assert.is_truthy(rows("ben")["2.bag"].reason:find "unsaid in 10 min", rows("ben")["2.bag"].reason)
    assert.is_truthy(reported("lab", "3.bag"))
    swarm.sh(("cd %s/ben && mv elsewhere/* share"):format(s.dir))
    assert.is_truthy(swarm.within(10, function() return all("ben", two, "published") end), s:cli("ben", "files list"))
    swarm.sh(("chmod 0 %s/ben/share"):format(s.dir))
    assert.is_truthy(swarm.within(8, function() return all("ben", two, "not there") end), s:cli("ben", "files list"))
    assert.is_truthy(said("ben", "files list"):find("this user may not read it", 1, true), s:cli("ben", "files list"))
    assert.is_nil(s:log("ben"):find("dismissed", 1, true), s:log "ben")
    assert.is_truthy(said("ben", "files dismiss"):find("would be dismissed", 1, true))
    assert.is_truthy(reported("lab", "3.bag").copies[2])
    assert.is_truthy(s:cli("ben", "files dismiss --yes"):find(" dismissed: ", 1, true))
    assert.is_truthy(swarm.within(8, function()
      local file = reported("lab", "3.bag")
      return not file or #file.copies == 1
    end), s:cli("lab", "report"))
  end)

  it("is looked at by scans where watches are used up, and says so with the cure", function()
    if not s then return pending(why) end
    assert.is_truthy(swarm.within(10, function() return s:cli("cem", "status"):find("max_user_watches", 1, true) end),
      s:cli("cem", "status") .. s:log "cem")
    swarm.sh(("cd %s && echo b >cem/share/a/b/b.bag && echo e >erin/share/e.bag"):format(s.dir))
    assert.is_truthy(swarm.within(15, function() return all("cem", { "a/b/b.bag" }, "published") end), s:log "cem")
    assert.is_truthy(said("cem", "files list"):find("cannot be watched", 1, true), s:cli("cem", "files list"))
    assert.is_truthy(swarm.within(10, function()
      return s:cli("erin", "status"):find("max_user_instances", 1, true)
    end), s:cli("erin", "status"))
    assert.is_truthy(swarm.within(15, function() return all("erin", { "e.bag" }, "published") end), s:log "erin")
  end)

  it("is shared on though the state folder takes nothing, which is said once; what was said before stays", function()
    if not s then return pending(why) end
    local function there(command)
      return (swarm.sh(("nsenter -t %d -m %s"):format(s.running.finn.pid, command)):gsub("%s+", " "))
    end
    local function status()
      return there(("%s/dt-swarm-cli %s status"):format(s.here, s:path("finn", "state/control.sock")))
    end
    swarm.sh(("echo 1 >%s/finn/share/one.bag"):format(s.dir))
    assert.is_truthy(swarm.within(10, function() return reported("lab", "one.bag") end), s:log "finn")
    assert.is_nil(status():find("EROFS", 1, true))
    local loop = there("findmnt -no SOURCE " .. s:path("finn", "state")):match "/dev/(loop%d+)"
    if not loop then return pending "no loop devices" end
    swarm.sh(("echo broken >/sys/fs/ext4/%s/trigger_fs_error"):format(loop))
    swarm.sh(("echo 2 >%s/finn/share/two.bag"):format(s.dir))
    assert.is_truthy(swarm.within(12, function() return status():find("cannot be written: EROFS", 1, true) end),
      status())
    assert.is_truthy(status():find("dmesg", 1, true), status())
    assert.is_truthy(reported("lab", "one.bag"))
    local _, times = s:log("finn"):gsub("state folder  folder=", "")
    assert.equal(1, times, s:log "finn")
  end)

  it("with a log that is appended to gives few versions, of which one holder keeps the last", function()
    if not s then return pending(why) end
    local function versions()
      local list = {}
      for _, file in ipairs((s:ask("lab", "files list") or { held = {} }).held) do
        if file.name:find("rosout", 1, true) then list[#list + 1] = file end
      end
      return list
    end
    assert.is_truthy(swarm.within(40, function()
      local list = versions()
      return #list == 1 and list[1].size == 2400000
    end), s:cli("lab", "files list") .. s:log "dora")
    local _, published = s:log("dora"):gsub("published  file=rosout.log", "")
    assert.is_true(published <= 3, published .. " versions")
    assert.is_truthy(s:log("lab"):find("continued: its bytes are the beginning of", 1, true), s:log "lab")
  end)
end)
