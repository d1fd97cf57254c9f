-- remote_irc_spec.lua - a robot that only IRC reaches tells its report, at a line in two seconds. Whole daemons, a real
-- server.
-- mostly waits: for the pace of IRC
local folder = require "spec.folder"
local json = require "core.json"
local ngircd = require "spec.net.ngircd"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local BAR <const>, LINE <const> = 15, 2 -- s beyond the report's own lines; s a line
local CHARACTERS <const> = 360 -- of the report, base64, that one line of IRC carries

if not ngircd.found() then
  it("IRC servers", function() pending "NO SERVER: it cannot be had here (spec/net/servers.sh)" end)
  return
end

describe("a robot that only IRC reaches", function()
  local s, server

  teardown(function()
    if server then server.remove() end
    if s then s:close() end
  end)

  it("answers by its name, by this node's own key, though there is no lab", function()
    local why
    s, why = swarm.new { "robot", "laptop", "irc" }
    if not s then return pending(why) end
    server = ngircd.start { world = s.world, host = "irc", name = "irc.spec.net" }
    for _, host in ipairs { "robot", "laptop" } do
      swarm.sh("mkdir -p " .. s:path(host, "share"))
      folder.write(s:path(host, "my.lua"), ('local p = extend "duckiebot"\np.routing.channels = { \z
        "/ip4/%s/tcp/6667/irc/#lab/dswarm-line" }\nreturn p\n'):format(server.address))
      s:start(host, s:path(host, "my.lua"))
    end
    folder.write(s:path("robot", "share/run-1.bag"), "robot was here\n")
    assert.is_truthy(swarm.within(20, function()
      return #s:names "laptop" == 2 and s:file("robot", "run-1.bag") and s:file("laptop", "run-1.bag")
    end), s:logs())
    local began = patience.now()
    local said, code = swarm.sh(("RUNTIME_DIRECTORY=%s %s/dt-swarm-cli robot report --json"):format(
      s:path("laptop", "state"), s.here))
    local took = patience.now() - began
    assert.equal(0, code, said .. s:logs())
    assert.equal("run-1.bag", json.decode((said:gsub("\n$", ""))).files[1].names[1])
    local own = math.ceil(#said * 4 / 3 / CHARACTERS) * LINE
    patience.took(("a report over IRC alone, %d s of it for its own lines"):format(own), took, own + BAR)
  end)
end)
