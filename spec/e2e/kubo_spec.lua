-- kubo_spec.lua - public files in real Kubos: pinned without a second copy, given on to others, withdrawn; and what is
-- said where that cannot be. mostly waits: for Kubos that start
local folder = require "spec.folder"
local kubo_daemon = require "spec.net.kubo_daemon"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local HOSTS <const> = { "ada", "bob", "cy" }
local MIB <const> = 1048576
local SIZE <const> = (os.getenv "DT_SWARM_SOAK" and 256 or 64) * MIB
local URLSTORE <const> = { { '"UrlstoreEnabled": false', '"UrlstoreEnabled": true' } }
local API <const> = "/ip4/127.0.0.1/tcp/5001"

-- KUBO: the setting, as text.
local function policy(s, host, kubo)
  swarm.sh("mkdir -p " .. s:path(host, "share/public"))
  local text = [[local p = extend "duckiebot"
p.clients.logs.settle = { least = 0.1 * second, per = 1 * GB, most = 1 * second }
p.clients.logs.kubo = %s
return p
]]
  folder.write(s:path(host, "my.lua"), text:format(kubo))
  return s:path(host, "my.lua")
end

describe("a node whose policy names a Kubo", function()
  local s, why, kubos
  setup(function()
    s, why = swarm.new(HOSTS)
    if not s then return end
    kubos = {}
    for _, host in ipairs(HOSTS) do
      kubos[host], why = kubo_daemon.new(s.world, host, s:path(host, "kubo"), host == "ada" and URLSTORE or nil)
      if not kubos[host] then return end
      kubos[host]:start()
    end
    for _, host in ipairs(HOSTS) do
      assert.is_truthy(swarm.within(20, function() return kubos[host]:is_ready() end))
    end
    why = nil
    s:start("ada", policy(s, "ada", ('{ api = "%s" }'):format(API)))
    s:start("bob", policy(s, "bob", "false"))
  end)
  teardown(function() if s then s:close() end end)
  before_each(function() if why then pending(why) end end)

  local function within(what, bar, test)
    local took = swarm.within(bar, test)
    assert.is_truthy(took, what .. ":\n" .. s:logs())
    patience.took(what, took, bar)
  end

  local function told(host) return (s:ask(host, "status") or {}).kubo or {} end

  local function cid_of(name)
    for _, file in ipairs((s:ask("ada", "files list") or { files = {} }).files) do
      if file.name == name and file.state == "published" then return file.cid end
    end
  end

  local function kilobytes(host) return tonumber((swarm.sh("du -sk " .. s:path(host, "kubo")):match "^%d+")) end

  local function pins(host) return kubos[host]:run "pin ls --type=recursive --names" end

  local function join(host) kubos[host]:run("swarm connect /ip4/10.77.0.1/tcp/4001/p2p/" .. kubos.ada.id) end

  -- What HOST's Kubo gives of KEY within SECONDS, as a hash.
  local function got(host, key, seconds)
    local place = s.dir .. "/got"
    folder.write(place, "")
    s.world:run(host, ("curl -s -m %d -X POST -o %s 'http://127.0.0.1:5001/api/v0/cat?arg=%s'"):format(seconds, place,
      key))
    return swarm.sh("sha256sum <" .. place):match "%x+"
  end

  local function reload(host, kubo)
    policy(s, host, kubo)
    local text, code = s:cli(host, "policy reload")
    assert.equal(0, code, text)
  end

  local before, cid

  it("has its public files pinned there, and no others, without a second copy", function()
    before = kilobytes "ada"
    swarm.sh(("head -c %d /dev/urandom >'%s'"):format(SIZE, s:path("ada", "share/public/run 1.bag")))
    folder.write(s:path("ada", "share/lab.bag"), folder.bytes(3 * MIB, 2))
    within("pinned", 30, function() return told("ada").pinned == 1 and cid_of "lab.bag" end)
    cid = cid_of "public/run 1.bag"
    assert.matches(cid .. " recursive dt%-swarm%-12D3Koo", pins "ada")
    assert.equal(0, told("ada").waits)
    assert.matches("kubo +0%.43%.%d+ at /ip4/127%.0%.0%.1/tcp/5001, 1 file pinned", s:cli("ada", "status"))
    local grew = kilobytes "ada" - before
    print(("  Kubo grew by %d kB for %d MiB"):format(grew, SIZE // MIB))
    assert.is_true(grew * 1024 <= SIZE // 100, grew .. " kB")
    assert.is_nil(kubos.ada:run("block stat --offline " .. cid_of "lab.bag" .. " 2>&1"):find "Size: ")
    assert.truthy(kubos.ada:run("block stat --offline " .. cid .. " 2>&1"):find "Size: ")
  end)

  it("has others get them from there, byte by byte", function()
    join "bob"
    assert.equal(swarm.sh(("sha256sum <'%s'"):format(s:path("ada", "share/public/run 1.bag"))):match "%x+",
      got("bob", cid, 60 * patience.TIMES))
  end)

  it("pins again what it pinned before it was killed not a second time", function()
    assert.is_true(s:stop("ada", "KILL"))
    s:start("ada", s:path("ada", "my.lua"))
    within("it knows what is pinned", 20, function() return told("ada").pinned == 1 end)
    assert.is_nil(s:log("ada"):find "kubo +pinned")
  end)

  it("has them unpinned when they are withdrawn, and given to nobody", function()
    local said, code = s:cli("ada", "files withdraw --yes 'public/run 1.bag'")
    assert.equal(0, code, said)
    within("unpinned", 20, function() return told("ada").pinned == 0 and not pins("ada"):find(cid, 1, true) end)
    kubos.bob:stop() -- his has what he got
    join "cy"
    assert.equal(swarm.sh("sha256sum </dev/null"):match "%x+", got("cy", cid, 5))
  end)

  it("has files of no byte, of one, and of a block and one byte pinned, too", function()
    for i, size in ipairs { 0, 1, MIB, MIB + 1 } do
      folder.write(s:path("ada", ("share/public/%d.bag"):format(size)), folder.bytes(size, i))
    end
    within("pinned", 20, function() return told("ada").pinned == 4 end)
    for _, size in ipairs { 0, 1, MIB, MIB + 1 } do os.remove(s:path("ada", ("share/public/%d.bag"):format(size))) end
    within("unpinned", 20, function() return told("ada").pinned == 0 end)
  end)

  it("says where no Kubo is, where Kubo cannot read, and what a Kubo lacks, with what to do", function()
    folder.write(s:path("ada", "share/public/small.txt"), folder.bytes(5000, 3))
    reload("ada", '{ api = "/ip4/127.0.0.1/tcp/5009" }')
    within("no Kubo there", 10, function()
      return (told("ada").why or ""):find("no Kubo answers at /ip4/127.0.0.1/tcp/5009", 1, true)
    end)
    assert.matches("ipfs daemon", told("ada").cure)
    assert.matches("no Kubo answers at", s:cli("ada", "status"))
    reload("ada", ('{ api = "%s", sees = "http://127.0.0.1:3999" }'):format(API))
    within("not read there", 10, function()
      return (told("ada").why or ""):find("cannot read at http://127.0.0.1:3999", 1, true)
    end)
    assert.matches("sees = ", told("ada").cure)
    assert.is_nil(pins("ada"):find("dt-swarm", 1, true))
    reload("ada", ('{ api = "%s", sees = "http://127.0.0.1:3826" }'):format(API))
    within("pinned", 10, function() return told("ada").pinned == 1 end)
    kubos.bob:start()
    assert.is_truthy(swarm.within(20, function() return kubos.bob:is_ready() end))
    reload("bob", ('{ api = "%s" }'):format(API))
    within("urlstore is off", 10, function() return (told("bob").cure or ""):find "UrlstoreEnabled" end)
    assert.equal("Say `ipfs config --json Experimental.UrlstoreEnabled true` and start Kubo anew.", told("bob").cure)
  end)
end)
