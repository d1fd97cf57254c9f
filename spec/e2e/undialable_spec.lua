-- undialable_spec.lua - a robot behind a router that lets nobody in, and a server elsewhere that fetches its files over
-- streams. Whole daemons.
-- mostly waits: for files on their way
local folder = require "spec.folder"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"
local text = require "core.text"
local unixfs = require "core.unixfs"

local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local MIB <const> = 1048576
local SIZE <const> = (SOAK and 64 or 8) * MIB
local HOSTS <const> = { "server", "ada", "bob", "carl" }
local NAT <const> = { north = { "ada" }, south = { "bob" }, west = { "carl" } }
local LAN <const> = '"/ip4/0.0.0.0/udp/3825/dswarm-line", "/ip4/0.0.0.0/tcp/3825/dswarm-line"'
local SHUT <const> = [[nft 'add table inet shut; add chain inet shut in { type filter hook forward priority 0; };
  add rule inet shut in ct state established,related accept;
  add rule inet shut in iifname eth0 tcp flags syn / syn,ack counter drop; add rule inet shut in iifname eth0 drop']]

describe("a robot that nobody can dial", function()
  local s, why, line -- what the server prints at its start

  local function within(bar, what, test)
    local took = swarm.within(bar, test)
    assert.is_truthy(took, what .. "\n" .. s:cli("server", "status --json") .. s:logs())
    patience.took(what, took, bar)
  end

  -- Robot HOST, whose line is TO_SERVER, with a policy that says MORE.
  local function start(host, to_server, more)
    swarm.sh("mkdir -p " .. s:path(host, "share"))
    folder.write(s:path(host, "my.lua"), ([[local p = extend "duckiebot"
p.clients.logs.budget = 100000000
p.routing.channels = { %s, "%s" }
%sreturn p
]]):format(LAN, to_server, more or ""))
    s:start(host, s:path(host, "my.lua"))
  end

  -- The copy of NAME that HOST holds.
  local function got(host, name)
    for _, file in ipairs(s:ask(host, "files list").held) do
      if file.name == name then return folder.read(file.path) end
    end
  end

  -- Bytes that came to HOST, by the kernel's counter.
  local function received(host)
    return tonumber((s.world:run(host, "cat /sys/class/net/eth0/statistics/rx_bytes"):match "%d+"))
  end

  setup(function()
    s, why = swarm.new(HOSTS, nil, { wire = true, nat = NAT, seed = 5, public = true })
    if not s then return end
    for router in pairs(NAT) do s.world:run(router, SHUT) end -- any order
    swarm.sh("mkdir -p " .. s:path("server", "share"))
    folder.write(s:path("server", "my.lua"), ('local p = extend "server"\np.routing.channels = { %s }\nreturn p\n')
      :format(LAN))
    s:start("server", s:path("server", "my.lua"))
    within(10, "the server runs", function() return s:ask("server", "identity") end)
    line = s:log("server"):match '\n"(/ip4/[^"]+)"\n'
    start("ada", line)
    start("bob", (line:gsub("/dswarm/%w+$", "")))
    within(10, "ada runs", function() return s:ask("ada", "identity") end)
    start("carl", (line:gsub("%w+$", s:ask("ada", "identity").id)))
  end)

  teardown(function() if s then s:close() end end)

  it("has its file on the server, byte by byte, over a stream that it opened itself", function()
    if not s then return pending(why) end
    local bytes = folder.bytes(SIZE)
    within(10, "the server hears", function() return #s:names "server" == 4 end)
    local before, again = received "server", s:said_again "ada"
    folder.write(s:path("ada", "share/run.bag"), bytes)
    within(30, "it is there", function() return (s:file("server", "run.bag") or {}).safe end)
    assert.is_true(got("server", "run.bag") == bytes)
    local syns = s.world:run("north", "nft list chain inet shut in"):match "counter packets (%d+)"
    assert.equal("0", syns, "no SYN came as far as the robot's network")
    local share = (received "server" - before - (s:said_again "ada" - again)) / SIZE
    print(("# %.4f bytes on the wire for one of the file"):format(share))
    assert.is_true(share <= 1.06, share)
  end)

  it("has nothing there of class lab, where its policy does not say who the server is", function()
    if not s then return pending(why) end
    for i, host in ipairs { "bob", "carl" } do
      folder.write(s:path(host, ("share/%s.bag"):format(host)), folder.bytes(100000 + i))
    end
    for _, name in ipairs { "bob.bag", "carl.bag" } do
      within(30, "the server is refused " .. name, function()
        for _, row in ipairs((s:ask("server", "files list") or { fetching = {} }).fetching) do
          if row.name == name and row.word == "permission" then return true end
        end
      end)
    end
    assert.is_falsy(s:file("server", "bob.bag").safe or s:file("server", "carl.bag").safe)
    within(10, "the robot says what to write", function() return s:cli("bob", "report"):find(line, 1, true) end)
    assert.is_falsy(s:cli("ada", "report"):find(line, 1, true))
    within(10, "status says who answers instead", function()
      return s:cli("carl", "channels"):find("is expected there, and", 1, true)
    end)
  end)

  it("gives it to a person at the server, too, by the daemon's streams", function()
    if not s then return pending(why) end
    local bytes = folder.bytes(3 * MIB + 7)
    folder.write(s:path("ada", "share/for_me.bag"), bytes)
    within(10, "the server hears", function() return s:file("server", "for_me.bag") end)
    local said, code = s:cli("server", ("files get ada:for_me.bag --to %s/for_me.bag"):format(s.dir))
    assert.equal(0, code, said)
    assert.is_true(folder.read(s.dir .. "/for_me.bag") == bytes)
    local cid, ada = s:file("server", "for_me.bag").cid, s:ask("ada", "identity").id
    local answer
    within(10, "a block of it", function()
      answer = s:request("server", { command = "block", of = ada, cid = cid, max = 65536 })
      return answer.status
    end)
    assert.equal(200, answer.status)
    local links = assert(unixfs.decode(cid, text.unbase64(answer.body), #bytes))
    assert.equal(4, #links)
    within(10, "the rest of one", function()
      answer = s:request("server", { command = "block", of = ada, cid = links[4].cid, max = 100, range = "2-" })
      return answer.status
    end)
    assert.equal(bytes:sub(-5), text.unbase64(answer.body))
    answer = s:request("server", { command = "block", of = "ada", cid = cid, max = 65536 })
    assert.equal("form", answer.error.word)
  end)
end)
