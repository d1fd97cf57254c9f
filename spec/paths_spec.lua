-- paths_spec.lua - where a daemon keeps what is its own, by user and environment.
local paths = require "paths"

local function at(variables, uid)
  return paths.new(function(name) return variables[name] end, uid or 1000)
end

describe("paths", function()
  it("follows systemd, then root's places, then the XDG folders, then the home", function()
    assert.equal("/var/lib/x", at({ STATE_DIRECTORY = "/var/lib/x:/var/lib/y", HOME = "/h" }):state())
    assert.equal("/var/lib/dt-swarm", at({ HOME = "/root", XDG_STATE_HOME = "/s" }, 0):state())
    assert.equal("/s/dt-swarm", at({ HOME = "/h", XDG_STATE_HOME = "/s" }):state())
    assert.equal("/h/.local/state/dt-swarm", at({ HOME = "/h", XDG_STATE_HOME = "relative" }):state())
    assert.equal("/h/shared-logs", at({ HOME = "/h" }):share())
  end)

  it("puts the socket where the session lives, else beside the state", function()
    assert.equal("/run/d/control.sock", at({ RUNTIME_DIRECTORY = "/run/d", XDG_RUNTIME_DIR = "/r" }):socket())
    assert.equal("/run/dt-swarm/control.sock", at({ HOME = "/root", XDG_RUNTIME_DIR = "/r" }, 0):socket())
    assert.equal("/r/dt-swarm/control.sock", at({ HOME = "/h", XDG_RUNTIME_DIR = "/r" }):socket())
    assert.equal("/h/.local/state/dt-swarm/control.sock", at({ HOME = "/h" }):socket())
    assert.equal("/tmp/d/control.sock", at({ HOME = "/h" }):socket("/tmp/d"))
  end)

  it("says without a HOME by what a place is named", function()
    for what, by in pairs { state = "--state", share = "--share", socket = "--socket", config = "XDG_CONFIG_HOME" } do
      local place = at {}
      local none, text, code = place[what](place)
      assert.same({ nil, "missing" }, { none, code })
      assert.equal(by, text:match "name one by (%S+)$", what)
    end
    assert.equal("/c/dt-swarm", at({ XDG_CONFIG_HOME = "/c" }):config())
  end)

  it("looks for a daemon first where a daemon of the same user would listen", function()
    for _, variables in ipairs {
      { HOME = "/h" }, { HOME = "/h", XDG_RUNTIME_DIR = "/r" }, { HOME = "/h", RUNTIME_DIRECTORY = "/run/d" },
    } do
      local place = at(variables)
      assert.equal(place:socket(), place:sockets()[1])
      assert.equal("/run/dt-swarm/control.sock", place:sockets()[#place:sockets()])
    end
    assert.same({ "/run/dt-swarm/control.sock" }, at({ HOME = "/root" }, 0):sockets())
  end)

  it("says what is missing when there is no home", function()
    for _, what in ipairs { "state", "share", "socket" } do
      local path, text, word = at({})[what]()
      assert.is_nil(path)
      assert.matches("%-%-" .. what, text)
      assert.equal("missing", word)
    end
    assert.same({ "/run/dt-swarm/control.sock" }, at({}):sockets())
  end)

  it("names the user's policy, the system's, the fleet's, the shipped one", function()
    assert.same({
      "/h/.config/dt-swarm/policy.lua", "/etc/dt-swarm/policy.lua", "/h/.local/state/dt-swarm/policies/fleet.lua",
      "/src/policies/duckiebot.lua",
    }, at({ HOME = "/h" }):policies("/src"))
    assert.equal("/s/policies/fleet.lua", at({ HOME = "/h" }):policies("/src", "/s")[3])
    assert.equal("/c/dt-swarm/policy.lua", at({ HOME = "/h", XDG_CONFIG_HOME = "/c" }):policies("/src")[1])
  end)

  it("names the lab file of the state folder, the user's, the system's", function()
    assert.same({ "/s/lab", "/h/.config/dt-swarm/lab", "/etc/dt-swarm/lab" }, at({ HOME = "/h" }):labs("/s"))
    assert.same({ "/s/lab", "/c/dt-swarm/lab", "/etc/dt-swarm/lab" }, at({ XDG_CONFIG_HOME = "/c" }):labs("/s"))
    assert.same({ "/s/lab", "/etc/dt-swarm/lab" }, at({}):labs("/s"))
  end)

  it("refuses a socket's path of 108 bytes and takes one of 107", function()
    assert.equal(("a"):rep(107), paths.socket_fits(("a"):rep(107)))
    local _, text, word = paths.socket_fits(("a"):rep(108))
    assert.matches("108 bytes", text)
    assert.equal("long", word)
  end)

  it("knows its own user", function()
    local file = io.popen("id -u")
    assert.equal(file:read("n"), paths.uid())
    file:close()
  end)
end)
