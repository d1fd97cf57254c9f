-- README_spec.lua - what README.md shows is what happens: its session, its policy, its links, its exit codes. Its
-- section about the world is spec/e2e/world_spec.lua's.
local folder = require "spec.folder"
local parts = require "spec.readme"
local readme = folder.read "README.md"

-- A network with one interface, whose far end is in another, a host name, an empty /run (a daemon of the system's may
-- be there), a user who is not root and has a name, and this tree in his home; nothing of it outlives the command.
local MACHINE = [[
mount -t tmpfs tmpfs /run
echo "ada:x:1000:1000::%s:/bin/sh" > %s/passwd
mount --bind %s/passwd /etc/passwd
ln -s "$PWD" %s/dt-swarm
ip link set lo up
ip link add wlan0 type veth peer name air
ip address add 192.168.1.20/24 broadcast + dev wlan0
ip netns add air && ip link set air netns air && ip -n air link set air up
ip link set wlan0 up
hostname ada
exec unshare --user --map-user=1000 --map-group=1000 \
  env -i HOME=%s XDG_RUNTIME_DIR=%s/run PATH="$PATH" LUA=%s %s spec/session.lua %s/README.md %s "$PWD"
]]

describe("README.md", function()
  local place
  before_each(function() place = folder.new() end)
  after_each(function() place.remove() end)

  it("shows a session that goes as it says", function()
    local namespaces = "unshare --net --uts --pid --mount-proc --kill-child --fork"
    if not os.execute(namespaces .. " true 2>/dev/null") then namespaces = namespaces .. " --map-root-user" end
    if not os.execute(namespaces .. " unshare --user true 2>/dev/null") then
      return pending "no namespaces to be had: the README's session was NOT RUN"
    end
    local pipe = io.popen "mktemp -d /tmp/XXXX" -- as long as /home/ada, so that lines break where they would
    local p, lua = pipe:read "l", os.getenv "LUA" or "lua5.4"
    pipe:close()
    finally(function() os.execute("rm -rf " .. p) end)
    os.execute(("mkdir -m 700 %s/run %s/bags"):format(p, p))
    assert(os.execute("truncate -s 64000000 " .. p .. "/bags/run-12.bag"))
    folder.write(p .. "/README.md", parts.home)
    folder.write(p .. "/machine", MACHINE:format(p, p, p, p, p, p, lua, lua, p, p))
    pipe = io.popen(("env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS %s sh %s/machine 2>&1"):format(namespaces, p))
    local said = pipe:read "a"
    local fine = pipe:close()
    assert.is_true(fine, (said:gsub("ok      %$ [^\n]*\n", ""))) -- the step that differs, before all else
    local steps = select(2, said:gsub("ok      %$ ", ""))
    local _, commands = parts.home:gsub("\n%$ ", "")
    local _, interrupts = parts.home:gsub("\n%^C\n", "")
    assert.equal(commands + interrupts, steps, said) -- each command was run, and none outside a console block
  end)

  it("would not be believed with a wrong word in it", function()
    for text, fine in pairs { ["$ echo 3 robots\n4 robots\n"] = true, ["$ echo 3 robots\n3 nodes\n"] = false,
      ["$ echo 3 robots\n"] = false, ["$ true\n3 robots\n"] = false } do
      folder.write(place.path .. "/page.md", "\n```console\n" .. text .. "```\n")
      local done = os.execute(("%s spec/session.lua %s/page.md %s . >/dev/null"):format(os.getenv "LUA" or "lua5.4",
        place.path, place.path))
      assert.equal(fine, done == true, text)
    end
  end)

  it("shows a policy that the check finds fine, in ten lines", function()
    local block = parts.home:match "\n```lua\n(.-)```"
    folder.write(place.path .. "/lab-3.lua", block)
    local pipe = io.popen("./dt-swarm --check " .. place.path .. "/lab-3.lua 2>&1")
    local said = pipe:read "a"
    assert.is_true(pipe:close(), said)
    local _, lines = block:gsub("[^\n]+\n", "")
    assert.is_true(lines <= 10, lines .. " lines")
  end)

  it("links to what is there", function()
    local count = 0
    for path in readme:gmatch "%]%(([^)#]+)%)" do
      count = count + 1
      assert(os.execute("test -e " .. path), path)
    end
    assert.is_true(count > 10)
  end)

  it("names each command that people type, and no other", function()
    for _, command in ipairs(require "cli".commands) do
      local named = readme:find("`" .. command.name .. "[` ]") ~= nil
      assert.equal(not command.hidden, named, command.name)
    end
    local rows = assert(readme:match "\n| you wonder | ask |\n(.-)\n\n")
    for words in rows:gmatch "`(%l[^`]*)`" do
      local given = {}
      for word in words:gmatch "%S+" do given[#given + 1] = word end
      assert.truthy(require "cli".find(given), words)
    end
  end)

  it("tells the exit codes of both programs, each in the words of the one table", function()
    local exits, rows = require "exits", {}
    for i, program in ipairs { "daemon", "command" } do
      for _, exit in ipairs(exits.of(program)) do
        rows[exit.code] = rows[exit.code] or { "", "" }
        rows[exit.code][i] = exit.text
      end
    end
    for code, texts in pairs(rows) do
      local row = ("\n| %d | %s | %s |\n"):format(code, texts[1], texts[2]):gsub("|  |", "| |")
      assert.truthy(readme:find(row, 1, true), row)
    end
  end)
end)
