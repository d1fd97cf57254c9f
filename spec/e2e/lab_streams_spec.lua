-- lab_streams_spec.lua - a robot of a lab that nobody can dial: class `lab` goes to its server without a line that
-- names its key, since both are members. Whole daemons; the control, without a lab, is in undialable_spec.lua.
-- mostly waits: for a file on its way
local folder = require "spec.folder"
local labs = require "spec.labs"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local LAN <const> = '"/ip4/0.0.0.0/udp/3825/dswarm-line", "/ip4/0.0.0.0/tcp/3825/dswarm-line"'
local SHUT <const> = [[nft 'add table inet shut; add chain inet shut in { type filter hook forward priority 0; };
  add rule inet shut in ct state established,related accept; add rule inet shut in iifname eth0 drop']]

describe("a robot of a lab that nobody can dial", function()
  local s, why

  local function within(bar, what, test)
    local took = swarm.within(bar, test)
    assert.is_truthy(took, what .. "\n" .. s:cli("server", "files list") .. s:logs())
    patience.took(what, took, bar)
  end

  local function start(host, base, channels)
    folder.write(s:path(host, "my.lua"), ('local p = extend "%s"\np.routing.channels = { %s }\nreturn p\n'):format(base,
      channels))
    s:start(host, s:path(host, "my.lua"))
  end

  setup(function()
    s, why = swarm.new({ "server", "ada" }, nil, { wire = true, nat = { north = { "ada" } }, seed = 5, public = true })
    if not s then return end
    s.world:run("north", SHUT)
    local lab = labs.new { name = "robotics", at = os.time() * 1000 }
    for _, host in ipairs { "server", "ada" } do
      swarm.sh(("mkdir -p -m 700 %s %s"):format(s:path(host, "state"), s:path(host, "share")))
      folder.write(s:path(host, "state/lab"), lab.text)
    end
    start("server", "server", LAN)
    start("ada", "duckiebot", ('%s, "/ip4/%s/tcp/3825/dswarm-line"'):format(LAN, s.world:address "server"))
  end)

  teardown(function() if s then s:close() end end)

  it("has its file on the lab's server", function()
    if not s then return pending(why) end
    local bytes = folder.bytes(300000)
    within(20, "both are members", function()
      return ((s:ask("ada", "lab show") or {}).lab or {}).member and #s:names "server" == 2
    end)
    folder.write(s:path("ada", "share/run.bag"), bytes)
    within(30, "it is there", function() return (s:file("server", "run.bag") or {}).safe end)
    assert.equal("lab", s:file("server", "run.bag").class)
    assert.is_true(folder.read(s:ask("server", "files list").held[1].path) == bytes)
    assert.is_nil((s:cli("ada", "report"):find("a server elsewhere", 1, true)))
  end)
end)
