-- tapped_streams_spec.lua - a stream of a robot that nobody can dial, with a host between that records it and cuts it.
-- Whole daemons.
-- mostly waits: for files on their way
local folder = require "spec.folder"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local MIB <const> = 1048576
local CUT_EACH <const> = 3 -- seconds
local LEAST <const> = 65536 -- bytes between two cuts: a busy machine needs long until the next stream is there
local LAN <const> = '"/ip4/0.0.0.0/udp/3825/dswarm-line", "/ip4/0.0.0.0/tcp/3825/dswarm-line"'
local SHUT <const> = [[nft 'add table inet shut; add chain inet shut in { type filter hook forward priority 0; };
  add rule inet shut in ct state established,related accept; add rule inet shut in iifname eth0 drop']]

describe("a stream by way of somebody between", function()
  local s, why, line, middle

  local function within(bar, what, test)
    local took = swarm.within(bar, test)
    assert.is_truthy(took, what .. "\n" .. s:cli("server", "files list") .. s:logs())
    patience.took(what, took, bar)
  end

  -- Bytes that went by who is between, both ways.
  local function passed() return #(folder.read(s.dir .. "/tape") or "") end

  -- The copy of NAME that HOST holds.
  local function got(host, name)
    for _, file in ipairs(s:ask(host, "files list").held) do
      if file.name == name then return folder.read(file.path) end
    end
  end

  setup(function()
    s, why = swarm.new({ "server", "dora", "tap" }, nil, { wire = true, nat = { east = { "dora" } }, seed = 5,
      public = true })
    if not s then return end
    s.world:run("east", SHUT)
    swarm.sh("mkdir -p " .. s:path("server", "share") .. " " .. s:path("dora", "share"))
    folder.write(s:path("server", "my.lua"), ('local p = extend "server"\np.routing.channels = { %s }\nreturn p\n')
      :format(LAN))
    s:start("server", s:path("server", "my.lua"))
    within(10, "the server runs", function() return s:ask("server", "identity") end)
    line = ("/ip4/%s/tcp/3825/dswarm-line/dswarm/%s"):format(s.world:address "tap", s:ask("server", "identity").id)
    folder.write(s:path("dora", "my.lua"), ([[local p = extend "duckiebot"
p.clients.logs.budget = 100000000
p.routing.channels = { %s, "%s" }
return p
]]):format(LAN, line))
  end)

  teardown(function() if s then s:close() end end)

  -- All that goes between dora and the server goes by a host in the middle, which writes it down.
  local function tap()
    return s.world:spawn("tap", ("lua5.4 spec/net/tap.lua 3825 %s 3825 %s/tape"):format(s.world:address "server",
      s.dir))
  end

  -- The connection that was made last ends.
  local function cut() swarm.sh(("kill -USR1 %d"):format(middle.pid)) end

  it("sends nothing that who is between could read", function()
    if not s then return pending(why) end
    local bytes = folder.bytes(200000)
    middle = tap()
    s:start("dora", s:path("dora", "my.lua"))
    folder.write(s:path("dora", "share/secret.bag"), bytes)
    within(30, "it is there", function() return (s:file("server", "secret.bag") or {}).safe end)
    local tape = folder.read(s.dir .. "/tape")
    assert.is_true(#tape > #bytes)
    assert.truthy(tape:find("/content - 0 reply ", 1, true), "the call itself may be read")
    for at = 1, #bytes - 15, 16 do -- of any 32 bytes there would be 16 of these
      assert.is_nil(tape:find(bytes:sub(at, at + 15), 1, true), at)
    end
  end)

  it("while the same file, public and by HTTP, is read by who is between (control)", function()
    if not s then return pending(why) end
    local secret = s:file("server", "secret.bag").cid
    swarm.sh("mkdir -p " .. s:path("server", "share/public"))
    swarm.sh(("cp %s %s"):format(s:path("dora", "share/secret.bag"), s:path("server", "share/public/open.bag")))
    within(20, "it is public", function() return s:file("server", "public/open.bag") end)
    local http = s.world:spawn("tap", ("lua5.4 spec/net/tap.lua 3826 %s 3826 %s/http"):format(s.world:address "server",
      s.dir))
    local bytes = folder.read(s:path("dora", "share/secret.bag"))
    within(20, "dora has it", function()
      s.world:run("dora", ("curl -s -o %s/open 'http://%s:3826/ipfs/%s'"):format(s.dir, s.world:address "tap", secret))
      return folder.read(s.dir .. "/open") == bytes
    end)
    http.stop "KILL"
    local tape = folder.read(s.dir .. "/http")
    for at = 1, #bytes - 15, 16 do assert.truthy(tape:find(bytes:sub(at, at + 15), 1, true), at) end
  end)

  it("goes on where it was cut, each few seconds", function()
    if not s then return pending(why) end
    local size = SOAK and 16 * MIB or 3 * MIB // 2
    local bytes, cuts = folder.bytes(size), 0
    s:slow("dora", 3)
    local before, last = passed(), os.time()
    local at = before -- had passed by the last cut
    folder.write(s:path("dora", "share/cut.bag"), bytes)
    within(120, "it is there", function()
      if os.time() - last >= CUT_EACH and passed() - at >= LEAST then
        cut()
        at, last, cuts = passed(), os.time(), cuts + 1
      end
      return (s:file("server", "cut.bag") or {}).safe
    end)
    local share = (passed() - before) / size
    print(("# %d cuts, %.4f bytes went by for one of the file"):format(cuts, share))
    assert.is_true(cuts >= 2, cuts)
    assert.is_true(share <= 1.3, share)
    assert.is_true(got("server", "cut.bag") == bytes)
  end)
end)
