-- aim_streams_spec.lua - streams and hostile hosts: nobody is aimed at a third, nothing is done twice, no class goes
-- too far. Whole daemons; what attacks is written from the page alone (spec/second/streamer.lua).
-- mostly waits: for what comes back
local folder = require "spec.folder"
local swarm = require "spec.e2e.swarm"

local SEED <const> = ("5a"):rep(32)

describe("a daemon to which anybody opens streams", function()
  local s, why, address, id, cids

  local function refused(word)
    return ((s:ask("ada", "status").streams or {}).refused or {})[word] or 0
  end

  -- What the attacker prints → the whole, what he said as bytes, how he was refused
  local function attack(words)
    local said = s.world:run("mallory", ("env DT_SWARM_BUILD=%s lua5.4 spec/second/streamer.lua %s %s"):format(
      os.getenv "DT_SWARM_BUILD" or ".build", address, words))
    local bytes = (said:match "said (%x*)" or ""):gsub("..", function(two) return string.char(tonumber(two, 16)) end)
    return said, bytes, said:match "refused (%l+)"
  end

  local function open(role, cid, seed)
    return attack(("%s duckietown %s %s %s"):format(id, role, cid or "-", seed or ""))
  end

  setup(function()
    s, why = swarm.new { "ada", "mallory", "victim" }
    if not s then return end
    swarm.sh("mkdir -p " .. s:path("ada", "share"))
    folder.write(s:path("ada", "my.lua"), [[local p = extend "duckiebot"
function p.clients.logs.share(file, here) return file.name:match "^(%l+)%." end
return p
]])
    s:start("ada", s:path("ada", "my.lua"))
    address = s.world:address "ada"
    assert(swarm.within(10, function()
      local status = s:ask("ada", "status")
      id = status and status.node.id
      return id ~= nil
    end), s:log "ada")
    cids = {}
    for i, class in ipairs { "lab", "swarm", "public" } do
      folder.write(s:path("ada", ("share/%s.txt"):format(class)), folder.bytes(1000 + i))
      assert(swarm.within(10, function()
        local file = s:file("ada", class .. ".txt")
        cids[class] = file and file.cid
        return cids[class] ~= nil
      end), s:cli("ada", "files list"))
    end
  end)

  teardown(function() if s then s:close() end end)

  it("gives any key what is swarm and public, and nothing of class lab, not by telling whether it is there", function()
    if not s then return pending(why) end
    assert.truthy(open("fetch", cids.public):find "HTTP/1.1 200")
    assert.truthy(open("fetch", cids.swarm):find "HTTP/1.1 200")
    assert.truthy(open("fetch", cids.lab):find "HTTP/1.1 403")
    assert.truthy(open("fetch", "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"):find "HTTP/1.1 403")
  end)

  it("takes no recorded stream a second time: `replay`, no byte behind it", function()
    if not s then return pending(why) end
    local said, bytes = open("fetch", cids.public)
    assert.truthy(said:find "HTTP/1.1 200", said)
    folder.write(s.dir .. "/said", bytes)
    local before = refused "replay"
    local heard = attack(("replay %s/said"):format(s.dir))
    assert.equal(before + 1, refused "replay")
    assert.truthy(heard:find("raw 0", 1, true) and heard:find("closed", 1, true), heard)
    local count = select(2, heard:gsub("line [^\n]*", ""))
    assert.equal(2, count, "a nonce, and a refusal that only who recorded it could read")
  end)

  it("lets nobody serve whom it did not ask to dial, and makes no stream of a connection that carried other lines",
    function()
      if not s then return pending(why) end
      local said, _, word = open "serve"
      assert.equal("permission", word, said)
      assert.truthy(said:find("closed", 1, true), said)
      said, _, word = open("dirty", cids.public)
      assert.equal("form", word, said)
    end)

  it("hangs up on half handshakes after 5 s, and has two of one host at most, so that others come through", function()
    if not s then return pending(why) end
    local command = ("env DT_SWARM_BUILD=%s lua5.4 spec/second/streamer.lua %s %s duckietown half"):format(
      os.getenv "DT_SWARM_BUILD" or ".build", address, id)
    local before = { refused "full", refused "slow" }
    local honest = ("ip netns exec %s %s fetch %s"):format(s.world:name "victim", (command:gsub(" half$", "")),
      cids.public)
    local said = s.world:run("mallory", ("for i in 1 2 3 4 5 6; do %s & done; sleep 1; %s; wait"):format(command,
      honest))
    assert.truthy(said:find "HTTP/1.1 200", said)
    assert.equal(6, select(2, said:gsub("closed", "")), said)
    assert.equal(4, refused "full" - before[1])
    assert.equal(2, refused "slow" - before[2])
    assert.truthy(open("fetch", cids.public):find "HTTP/1.1 200", "and then goes on")
  end)

  it("dials nobody for who has not proved where he is, and no place that anybody names", function()
    if not s then return pending(why) end
    local function syns()
      return tonumber(s.world:run("victim", "nft list chain inet count in"):match "counter packets (%d+)")
    end
    s.world:run("victim", [[nft 'add table inet count; add chain inet count in { type filter hook input priority 0; };
      add rule inet count in tcp flags syn / syn,ack counter']])
    local said, _, word = open("dial", "-", SEED)
    assert.equal("permission", word, said)
    assert.equal(0, syns())
  end)
end)
