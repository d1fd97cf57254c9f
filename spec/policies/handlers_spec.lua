-- handlers_spec.lua - the shipped handlers of updates: deb by the real dpkg in a root of its own, docker by one of the
-- spec's own and by the real one where an engine answers; and a package of dt-swarm itself whose daemon does not start.
-- mostly waits: for the next look at a lock
local dpkg_root = require "spec.dpkg_root"
local folder = require "spec.folder"
local json = require "core.json"
local patience = require "spec.patience"
local shell = require "shell"

local HERE <const> = io.popen("pwd"):read "l"

local function run(command)
  local pipe = assert(io.popen("env -u MAKEFLAGS -u MAKELEVEL " .. command .. " 2>&1; echo $?"))
  local text, status = pipe:read("a"):match "^(.-)(%d+)\n$"
  pipe:close()
  return text, tonumber(status)
end

local function has(command) return (os.execute(("command -v %s >/dev/null"):format(command))) end

local put = dpkg_root.put
local place, bin, work

-- HANDLER VERB, as the runner has it run → exit code, output.
local function ask(handler, verb, file, name)
  local said, status = run(("sh -c %s"):format(shell.word(("cd %s && exec env -i PATH=%s:$PATH DT_NAME=%s DT_SEQ=2 "
    .. "DT_FILE=%s %s/policies/handlers/%s %s 3>%s/lock </dev/null"):format(work, bin, name or "demos", file or "",
    HERE, handler, verb, place.path))))
  return status, said
end

local function ok(...)
  local status, said = ask(...)
  assert.equal(0, status, said)
  return said
end

before_each(function()
  place = folder.new()
  bin, work = place.path .. "/bin", place.path .. "/work"
  os.execute(("mkdir -p %s %s"):format(bin, work))
end)

after_each(function() place.remove() end)

-- == deb

local NO_DPKG <const> = dpkg_root.why_not()

describe("the handler deb", function()
  it("puts a package in and takes it out, or back to the one before, by dpkg", function()
    if NO_DPKG then return pending(NO_DPKG) end
    local at = dpkg_root.new(place.path)
    local one = at:pack("demos", "1.0", { ["/opt/demo"] = "one" })
    local two = at:pack("demos", "2.0", { ["/opt/demo"] = "two" })
    local function is() return folder.read(at.root .. "/opt/demo") end
    ok("deb", "check", one)
    ok("deb", "stage", one)
    ok("deb", "apply", one)
    ok("deb", "verify", one)
    assert.equal("one", is())
    ok("deb", "rollback", one)
    ok("deb", "rollback", one)
    assert.is_nil(is())
    for _, verb in ipairs { "apply", "verify", "commit", "commit" } do ok("deb", verb, one) end
    for _, verb in ipairs { "stage", "apply", "verify" } do ok("deb", verb, two) end
    assert.equal("two", is())
    local before = folder.read(place.path .. "/dpkg.log")
    ok("deb", "apply", two) -- it is in
    assert.equal(before, folder.read(place.path .. "/dpkg.log"))
    os.remove(two)
    ok("deb", "rollback", two)
    assert.equal("one", is())
    assert.equal("kept.deb\n", (run("ls " .. work)))
  end)

  it("goes back to the end also where it was cut in that", function()
    if NO_DPKG then return pending(NO_DPKG) end
    local at = dpkg_root.new(place.path)
    local one = at:pack("demos", "1.0", { ["/opt/demo"] = "one" })
    local two = at:pack("demos", "2.0", { ["/opt/demo"] = "two" })
    for _, verb in ipairs { "apply", "commit" } do ok("deb", verb, one) end
    ok("deb", "apply", two)
    run(("%s/dpkg -i %s"):format(bin, one))
    run(("mv %s/old.deb %s/kept.deb"):format(work, work)) -- and here the power went
    ok("deb", "rollback", two)
    assert.equal("one", folder.read(at.root .. "/opt/demo"))
    assert.equal("kept.deb\n", (run("ls " .. work)))
  end)

  it("says what is missing before anything is changed", function()
    if NO_DPKG then return pending(NO_DPKG) end
    local at = dpkg_root.new(place.path)
    local one = at:pack("demos", "1.0", { ["/opt/demo"] = "one" })
    local two = at:pack("demos", "2.0", { ["/opt/demo"] = "two" })
    run(("%s/dpkg -i %s"):format(bin, one))
    local status, said = ask("deb", "stage", two)
    assert.same({ 1, ("no .deb of demos 1.0 to go back to: put it at %s/kept.deb\n"):format(work) }, { status, said })
    assert.equal(1, (ask("deb", "apply", two)))
    assert.equal("one", folder.read(at.root .. "/opt/demo"))
    assert.equal(1, (ask("deb", "apply", two)))
    run(("cp %s %s/kept.deb"):format(one, work))
    ok("deb", "stage", two)
    ok("deb", "apply", two)
    assert.equal("two", folder.read(at.root .. "/opt/demo"))
  end)

  it("puts in what it is given, though another update was forgotten in the middle", function()
    if NO_DPKG then return pending(NO_DPKG) end
    local at = dpkg_root.new(place.path)
    local all = {}
    for i = 1, 3 do all[i] = at:pack("demos", i .. ".0", { ["/opt/demo"] = "of " .. i }) end
    for _, verb in ipairs { "apply", "commit" } do ok("deb", verb, all[1]) end
    for _, verb in ipairs { "apply", "verify" } do ok("deb", verb, all[2]) end
    for _, verb in ipairs { "stage", "apply", "verify" } do ok("deb", verb, all[3]) end
    assert.equal("of 3", folder.read(at.root .. "/opt/demo"))
    ok("deb", "rollback", all[3])
    assert.equal("of 1", folder.read(at.root .. "/opt/demo"))
  end)

  it("goes back from a package that broke in the middle", function()
    if NO_DPKG then return pending(NO_DPKG) end
    local at = dpkg_root.new(place.path)
    local one = at:pack("demos", "1.0", { ["/opt/demo"] = "one" })
    local two = at:pack("demos", "2.0", { ["/opt/demo"] = "two" }, "echo no such camera; exit 4")
    for _, verb in ipairs { "apply", "commit" } do ok("deb", verb, one) end
    local status, said = ask("deb", "apply", two)
    assert.is_true(status ~= 0)
    assert.truthy(said:find("no such camera", 1, true))
    assert.is_true((ask("deb", "verify", two)) ~= 0)
    ok("deb", "rollback", two)
    assert.equal("one", folder.read(at.root .. "/opt/demo"))
    assert.equal("installed 1.0", at:state "demos")
  end)
end)

-- == docker

-- Enough of docker for the handler: names are files that hold an ID.
local DOCKER <const> = [[#!/bin/sh
cd %s/images || exit 9
name() { echo "$1" | tr / _; }
case "$1 $2" in
  "ps ") ;;
  "image inspect") cat "$(name "$5")" 2>/dev/null ;;
  "tag "*) echo "$2" > "$(name "$3")" ;;
  "rmi "*) rm "$(name "$2")" ;;
  "load -i") tar -xOf "$3" images | while read -r n id; do echo "$id" > "$(name "$n")"; done ;;
  *) echo "docker: $*" >&2; exit 8 ;;
esac
]]

-- As `docker save` writes it, as far as anybody reads it here.
local function saved_image(id, ...)
  local at = ("%s/%s"):format(place.path, id)
  put(at .. "/images", "")
  local file, names = io.open(at .. "/images", "w"), { ... }
  for _, name in ipairs(names) do file:write(name, " ", id, "\n") end
  file:close()
  folder.write(at .. "/manifest.json", ('[{"Config":"c.json","RepoTags":["%s"],"Layers":[]}]'):format(
    table.concat(names, '","')))
  assert(os.execute(("tar -cf %s.tar -C %s manifest.json images"):format(at, at)))
  return at .. ".tar"
end

describe("the handler docker", function()
  local function names()
    local all = {}
    for name in run("ls " .. place.path .. "/images"):gmatch "%S+" do
      all[name] = folder.read(place.path .. "/images/" .. name):match "%S+"
    end
    return all
  end

  it("loads images, and gives their names back to the ones before", function()
    os.execute(("mkdir %s/images"):format(place.path))
    put(bin .. "/docker", DOCKER:format(place.path))
    local one, two = saved_image("id1", "lab/cam:1"), saved_image("id2", "lab/cam:1", "lab/map:1")
    for _, verb in ipairs { "check", "stage", "apply", "verify", "commit" } do ok("docker", verb, one) end
    for _, verb in ipairs { "check", "stage", "apply", "verify", "apply" } do ok("docker", verb, two) end
    assert.same({ ["lab_cam:1"] = "id2", ["lab_map:1"] = "id2", ["dt-swarm_demos:before-1"] = "id1" }, names())
    os.remove(two)
    ok("docker", "rollback", two)
    ok("docker", "rollback", two)
    assert.same({ ["lab_cam:1"] = "id1", ["dt-swarm_demos:before-1"] = "id1" }, names())
    folder.write(place.path .. "/images/x", "")
    os.execute(("rm -rf %s/images"):format(place.path))
    assert.equal(21, (ask("docker", "stage", one)))
  end)

  it("says no where a name does not have the image any more that was loaded", function()
    os.execute(("mkdir %s/images"):format(place.path))
    put(bin .. "/docker", DOCKER:format(place.path))
    local one, two = saved_image("id1", "lab/cam:1"), saved_image("id2", "lab/cam:1", "lab/map:1")
    for _, verb in ipairs { "apply", "commit" } do ok("docker", verb, one) end
    ok("docker", "apply", two)
    local function said_no(why)
      local status, said = ask("docker", "verify", two)
      assert.same({ 1, why }, { status, (said:gsub("\n$", "")) })
    end
    folder.write(place.path .. "/images/lab_cam:1", "id1\n") -- somebody gave the name back
    said_no "lab/cam:1 is id1 now, not id2, which was loaded"
    os.remove(place.path .. "/images/lab_cam:1")
    said_no "there is no image lab/cam:1"
    ok("docker", "apply", two)
    ok("docker", "verify", two)
    os.execute(("mv %s/images %s/away"):format(place.path, place.path))
    assert.equal(21, (ask("docker", "verify", two)))
    os.execute(("mv %s/away %s/images"):format(place.path, place.path))
    ok("docker", "commit", two)
    assert.equal("", run("ls " .. work))
  end)

  it("forgets no image that was there while the engine did not answer", function()
    os.execute(("mkdir %s/images"):format(place.path))
    put(bin .. "/docker", DOCKER:format(place.path))
    local one, two = saved_image("id1", "lab/cam:1"), saved_image("id2", "lab/cam:1")
    for _, verb in ipairs { "apply", "commit" } do ok("docker", verb, one) end
    os.execute(("mv %s/images %s/away"):format(place.path, place.path))
    assert.equal(21, (ask("docker", "apply", two)))
    os.execute(("mv %s/away %s/images"):format(place.path, place.path))
    ok("docker", "rollback", two)
    assert.same({ ["lab_cam:1"] = "id1" }, names())
  end)

  it("neither goes back nor says that all is there while the engine does not answer", function()
    os.execute(("mkdir %s/images"):format(place.path))
    put(bin .. "/docker", DOCKER:format(place.path))
    local one = saved_image("id1", "lab/cam:1")
    ok("docker", "apply", one)
    os.execute(("mv %s/images %s/away"):format(place.path, place.path))
    assert.equal(21, (ask("docker", "verify", one)))
    assert.equal(21, (ask("docker", "rollback", one)))
    os.execute(("mv %s/away %s/images"):format(place.path, place.path))
    assert.same({ ["lab_cam:1"] = "id1" }, names())
    ok("docker", "rollback", one)
    assert.same({}, names())
  end)

  it("does so with the real one, where an engine answers", function()
    if not os.execute "timeout 20 docker ps >/dev/null 2>&1" then
      print "# no engine of docker answers: the handler was tried with the spec's own alone"
      return
    end
    local name = "dt-swarm-spec/" .. place.path:match "[^/]+$":lower():gsub("[^%w]", "") .. ":1"
    local function build(text)
      folder.write(place.path .. "/text", text)
      return (run(("sh -c 'tar -c -C %s text | docker import - %s'"):format(place.path, name)):match "sha256:%x+")
    end
    local function is() return (run("docker image inspect -f '{{.Id}}' " .. name):match "sha256:%x+") end
    local old = build "old"
    local new = build "new"
    run(("docker save -o %s/new.tar %s"):format(place.path, name))
    run(("docker tag %s %s"):format(old, name))
    for _, verb in ipairs { "check", "stage", "apply", "verify" } do ok("docker", verb, place.path .. "/new.tar") end
    assert.equal(new, is())
    ok("docker", "rollback")
    assert.equal(old, is())
    run(("docker rmi -f %s %s %s"):format(name, new, old))
  end)
end)

-- == dt-swarm itself

describe("a package of dt-swarm whose daemon does not start", function()
  it("is taken back by the machine's service, and the old daemon says so", function()
    if NO_DPKG then return pending(NO_DPKG) end
    local at, state = dpkg_root.new(place.path), place.path .. "/state"
    work = state .. "/updates/work/dt-swarm"
    os.execute(("mkdir -p %s && chmod 755 %s"):format(work, place.path))
    put(place.path .. "/handlers/deb", folder.read "policies/handlers/deb")
    local restart = ("! kill $(cat %s/pid)"):format(place.path) -- as systemd does it for a new package
    local old = at:pack_dt_swarm("1", ("#!/bin/sh\ncd %s && exec %s spec/clients/handler_daemon.lua %s \"$@\"\n")
      :format(HERE, os.getenv "LUA" or "lua5.4", place.path))
    local new = at:pack_dt_swarm("2", ("#!/bin/sh\necho died >> %s/said\nexit 1\n"):format(place.path),
      restart .. " || true")
    assert.equal(0, select(2, run(("%s/dpkg -i %s"):format(bin, old))))
    run(("cp %s %s/kept.deb"):format(old, work))
    folder.write(place.path .. "/job", ("return require 'core.json'.decode %q"):format(json.encode { kind = "deb",
      run = "dt-swarm/2/1", release = "dt-swarm/2", cid = "bafy", version = "2", from = 1, plan = "bafyplan",
      tail = "bafyplan", round = 1, soak = 60, unknown = "back", path = new }))

    local function said() return folder.read(place.path .. "/said") or "" end
    local function start(word)
      return os.execute(("PATH=%s:$PATH %s/usr/bin/dt-swarm %s >>%s/errors 2>&1 </dev/null"):format(bin, at.root,
        word or "", place.path))
    end

    start "begin" -- it is ended by its own package
    assert(patience.within(20, function() return folder.read(at.root .. "/usr/bin/dt-swarm"):find "died" end, 0.1),
      folder.read(place.path .. "/errors"))
    for _ = 1, 3 do assert.is_not_true(start()) end
    assert(at:run_back_service(state))
    assert.matches("reset%-failed dt%-swarm.service\n%-%-no%-block start dt%-swarm.service\n$",
      folder.read(place.path .. "/systemctl"))
    assert.is_true(start())
    assert.equal("died\ndied\ndied\n", said():match "died.*died\n")
    assert.matches("rolled_back: dt%-swarm did not start any more, and it was taken back\nended rolled_back\n", said())
    assert.equal("installed 1", at:state "dt-swarm")
    assert.is_nil(folder.read(work .. "/environment") or folder.read(work .. "/back"))
  end)

  it("is let be where no update is under way; only wrong usage is no reason for a new start", function()
    local command = ("env PATH=%s:$PATH STATE_DIRECTORY=%s core/service/dt-swarm-back"):format(bin, place.path)
    put(bin .. "/systemctl", "#!/bin/sh\necho ExecMainStatus=1\n")
    assert.same({ "", 0 }, { run(command) })
    put(bin .. "/systemctl", "#!/bin/sh\necho ExecMainStatus=3\n")
    assert.same({ "", 1 }, { run(command) })
  end)
end)

-- == where they are put

describe("make install-handlers", function()
  it("puts them where only root may write, with lines for sudo and the unit that are well-formed", function()
    local said, status = run(("make -s install-handlers DESTDIR=%s"):format(place.path))
    assert.same({ "", 0 }, { said, status })
    local etc = place.path .. "/etc/"
    assert.equal([[
755 dt-swarm/handlers/deb
755 dt-swarm/handlers/docker
440 sudoers.d/dt-swarm-handlers
644 systemd/system/dt-swarm.service.d/handlers.conf
]], (run(("sh -c \"cd %s && find . -type f -printf '%%m %%P\\n' | sort -k 2\""):format(etc))))
    assert.truthy(folder.read(etc .. "sudoers.d/dt-swarm-handlers"):find(
      "\nCmnd_Alias DT_SWARM_HANDLERS = /etc/dt-swarm/handlers/deb, /etc/dt-swarm/handlers/docker\n", 1, true))
    assert.equal(2, select(2, run(("make -s install-handlers DESTDIR=%s HANDLERS=nothing"):format(place.path))))
    if has "visudo" then
      assert.equal(0, select(2, run(("visudo -cqf %ssudoers.d/dt-swarm-handlers"):format(etc))))
    else
      print "# visudo is not here: it has not read the lines for sudo (Debian: sudo)"
    end
    if not has "systemd-analyze" then
      print "# systemd-analyze is not here: it has not read the units (Debian: systemd)"
      return
    end
    local own = place.path .. "/own" -- units that name files that are there
    run(("make -s install DESTDIR= PREFIX='%s'"):format(own))
    local units = own .. "/lib/systemd/system"
    run(("cp -r %ssystemd/system/dt-swarm.service.d %s"):format(etc, units))
    said, status = run(("env XDG_RUNTIME_DIR=%s systemd-analyze verify --man=no --system %s/dt-swarm.service "
      .. "%s/dt-swarm-back.service"):format(place.path, units, units))
    assert.same({ "", 0 }, { said, status })
  end)
end)
