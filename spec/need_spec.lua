-- need_spec.lua - what core/need.sh says and does, with a dpkg, an apt, a sudo and a user that are not real.
local folder = require "spec.folder"

local INSTALLED = [[
for last; do :; done
case " $ABSENT " in *" $last "*) exit 1 ;; esac
printf 'ii '
]]
-- Notes what was asked of it; fails like apt for want of lists until `update`, or as FAILS says.
local APT = [[
echo "$0 $*" | sed 's|.*/||' >> "$LOG"
[ "$1" = update ] && { : > "$LOG.lists"; exit 0; }
[ -n "$FAILS" ] && { echo "E: $FAILS" >&2; exit 100; }
[ -z "$LISTS" ] && [ ! -e "$LOG.lists" ] && { echo "E: Unable to locate package x" >&2; exit 100; }
exit 0
]]
local SUDO = 'echo "sudo $*" >> "$LOG"\n[ "$1" = -n ] && exit %d\nexec "$@"\n'

describe("core/need.sh", function()
  local place
  before_each(function()
    place = folder.new()
    os.execute("mkdir " .. place.path .. "/bin")
  end)
  after_each(function() place.remove() end)

  local function program(name, body)
    local path = place.path .. "/bin/" .. name
    folder.write(path, "#!/bin/sh\n" .. body)
    os.execute("chmod +x " .. path)
  end

  -- A machine of the spec's own: nothing else of the real one is on the PATH but the shell's helpers.
  local function machine(given)
    for _, name in ipairs { "sh", "grep", "mktemp", "rm", "sed", "tail" } do
      os.execute(("ln -sf $(command -v %s) %s/bin/"):format(name, place.path))
    end
    if given.debian ~= false then program("dpkg-query", INSTALLED) end
    program("apt-get", APT)
    program("id", "echo " .. (given.uid or 0) .. "\n")
    if given.sudo then program("sudo", SUDO:format(given.sudo)) end
    if given.pkg_config then program("pkg-config", given.pkg_config) end
  end

  -- → { status, out, err, asked (lines) }
  local function need(what, variables, terminal)
    local p = place.path
    local command = ("env -i PATH=%s/bin LOG=%s/log %s /bin/sh core/need.sh %s"):format(p, p, variables or "", what)
    if terminal then
      command = ("script -qec '%s' /dev/null >%s/out 2>%s/err </dev/null"):format(command, p, p)
    else
      command = ("%s >%s/out 2>%s/err </dev/null"):format(command, p, p)
    end
    local _, _, status = os.execute(command)
    return { status = status, out = folder.read(p .. "/out"):gsub("\r", ""), err = folder.read(p .. "/err"),
      asked = folder.read(p .. "/log") or "" }
  end

  local INSTALL = "apt-get install -y --no-install-recommends lua-luv libsodium-dev\n"

  it("says nothing and asks nobody where nothing is missing", function()
    machine {}
    for _, what in ipairs { "run", "test" } do
      assert.same({ status = 0, out = "", err = "", asked = "" }, need(what))
    end
  end)

  it("touches no network where nothing is missing", function()
    local _, _, status = os.execute "core/need.sh test </dev/null >/dev/null 2>&1"
    if status ~= 0 then return pending "this machine has not all that specs need" end
    local path = place.path .. "/trace"
    assert(os.execute(("strace -f -qq -e trace=%%network,execve -o %s core/need.sh test"):format(path)))
    local trace = folder.read(path)
    assert.truthy(trace:find("dpkg%-query"))
    assert.is_nil(trace:find "socket%(" or trace:find "apt%-get")
  end)

  it("lists what is missing and runs the very command it prints, as root", function()
    machine {}
    assert.same({ status = 0, err = "", asked = INSTALL,
      out = "Missing: lua-luv libsodium-dev\n+ " .. INSTALL }, need("run", "LISTS=1 ABSENT='lua-luv libsodium-dev'"))
  end)

  it("asks for the lists once, and only for want of them", function()
    machine {}
    local done = need("run", "ABSENT='lua-luv libsodium-dev'")
    assert.same({ 0, INSTALL .. "apt-get update -q\n" .. INSTALL }, { done.status, done.asked })
    assert.equal("Missing: lua-luv libsodium-dev\n+ " .. INSTALL .. "+ apt-get update\n", done.out)
  end)

  it("shows apt's own words when it fails, exit 3", function()
    machine {}
    local done = need("run", "LISTS=1 FAILS='Could not get lock' ABSENT='lua-luv libsodium-dev'")
    assert.same({ 3, INSTALL }, { done.status, done.asked })
    assert.equal("E: Could not get lock\nThe packages could not be installed. Try by hand:  " .. INSTALL, done.err)
  end)

  it("prints the command and changes nothing without rights and terminal, exit 3", function()
    for _, sudo in ipairs { false, 1 } do
      machine { uid = 1000, sudo = sudo }
      local done = need("run", "LISTS=1 ABSENT='lua-luv libsodium-dev'")
      assert.same({ 3, "Missing: lua-luv libsodium-dev\n", "Install them as root:  " .. INSTALL },
        { done.status, done.out, done.err })
      assert.equal(sudo and "sudo -n true\n" or "", done.asked)
    end
  end)

  it("goes by sudo where it needs no password, or a terminal can ask for one", function()
    machine { uid = 1000, sudo = 0 }
    program("true", "exit 0\n")
    local done = need("run", "LISTS=1 ABSENT='lua-luv libsodium-dev'")
    assert.same({ 0, "sudo -n true\nsudo " .. INSTALL .. INSTALL }, { done.status, done.asked })
    os.remove(place.path .. "/log")
    machine { uid = 1000, sudo = 1 }
    done = need("run", "LISTS=1 ABSENT=\"lua-luv libsodium-dev\"", true)
    assert.same({ 0, "sudo " .. INSTALL .. INSTALL }, { done.status, done.asked })
    assert.equal("Missing: lua-luv libsodium-dev\n+ sudo " .. INSTALL, done.out)
  end)

  it("never wants for `run` what only specs need", function()
    machine {}
    local tools = "tmux strace curl lua-busted lua-check clang-format nftables"
    assert.equal("", need("run", "ABSENT='" .. tools .. "'").out)
    local missing = need("test", "LISTS=1 ABSENT='" .. tools .. "'").out
    for name in tools:gmatch "%S+" do assert.truthy(missing:find(" " .. name, 1, true), name) end
  end)

  it("names what is missing by pkg-config where there is no dpkg", function()
    machine { debian = false, pkg_config = '[ "$2" != libsodium ]\n' }
    local done = need "run"
    assert.same({ 3, "", "" }, { done.status, done.out, done.asked })
    assert.truthy(done.err:find("Missing (names of pkg-config): libsodium\n", 1, true), done.err)
    program("pkg-config", "exit 0\n")
    assert.same({ status = 0, out = "", err = "", asked = "" }, need "run")
  end)

  it("takes `run` or `test`, exit 2 else", function()
    machine {}
    assert.same({ 2, "usage: core/need.sh run|test\n" }, { need("all").status, need("").err })
  end)
end)
