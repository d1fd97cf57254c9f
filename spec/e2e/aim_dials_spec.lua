-- aim_dials_spec.lua - a third host at which somebody would have a node dial: forged, replayed and redirected `dial`s,
-- and some from its address, draw no connection to it, as its kernel counts; an honest one has its asker dialled.
-- mostly waits: for lines that are said one by one
local folder = require "spec.folder"
local hash = require "core.hash"
local key = require "core.key"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local function id_of(secret) return key.generate(hash.blake2b("aiming " .. secret)):id() end
local BOB <const>, MALLORY <const> = id_of "2", id_of "1"
local POLICY <const> = [[
local p = extend "server"
p.routing.channels = { "/ip4/0.0.0.0/udp/3825/dswarm-line", "/ip4/0.0.0.0/tcp/3825/dswarm-line" }
return p
]]
local YOUNG_S <const> = 10 -- in which a node dials whoever has other words than it has (lua/comms/gaps.lua)
local COUNT <const> = "nft 'add table ip seen; add chain ip seen in { type filter hook input priority 0; }; "
  .. "add rule ip seen in ip saddr %s ip daddr %s %s counter'"

describe("a host at which somebody would have a node dial", function()
  local s, why, at, ada, carl, said, old_at

  -- Packets of ada's: to the victim any, to bob those that begin a connection.
  local function packets(host) return tonumber(s.world:run(host, "nft list table ip seen"):match "packets (%d+)") end

  setup(function()
    s, why = swarm.new { "ada", "bob", "carl", "mallory", "victim" }
    if not s then return end
    at = {}
    swarm.sh(("cp policies/*.lua %s"):format(s.dir))
    folder.write(s.dir .. "/relay.lua", POLICY)
    for _, host in ipairs { "ada", "bob", "carl", "mallory", "victim" } do at[host] = s.world:address(host) end
    for host, words in pairs { victim = "", bob = "tcp flags syn / syn,ack" } do -- any order
      s.world:must(("ip netns exec %s %s"):format(s.world:name(host), COUNT:format(at.ada, at[host], words)))
    end
    for _, host in ipairs { "ada", "carl" } do s:start(host, s.dir .. "/relay.lua") end
    assert(swarm.within(15, function() return #s:names "ada" == 2 and #s:names "carl" == 2 end), s:logs())
    ada, carl = s:ask("ada", "status").node.id, s:ask("carl", "status").node.id
    old_at = patience.now() + YOUNG_S
  end)

  teardown(function() if s then s:close() end end)

  local function spawn(host, secret, file, other)
    return s.world:spawn(host, ("lua5.4 spec/e2e/aiming.lua %s %s %s %s %s/relay.lua"):format(secret, ada, file, other,
      s.dir))
  end

  it("is no honest asker's: who asked is dialled, where he proved that he is", function()
    if not s then return pending(why) end
    s.running.bob = spawn("bob", "2", "dial", "-")
    assert(swarm.within(15, function() return s.running.bob.output():find "over ok" and packets "bob" > 0 end),
      s.running.bob.output() .. s:log "ada")
    said = {}
    for line in s.running.bob.output():gmatch "line ([^\n]+)" do said[#said + 1] = line end
    print(("# %d connections to who asked"):format(packets "bob"))
    assert.is_true(#said >= 2)
  end)

  it("gets nothing, and the asker no second one, for lines of his that another says, as they are or changed", function()
    if not s then return pending(why) end
    while patience.now() < old_at do os.execute "sleep 0.2" end
    local before, lines, stranger = packets "bob", {}, id_of "3"
    for _, line in ipairs(said) do
      local last = line:sub(-1)
      for _, each in ipairs { line, line:sub(1, -2) .. (last == "A" and "B" or "A"),
        (line:gsub("/dswarm/" .. BOB, "/dswarm/" .. MALLORY)), (line:gsub("/dswarm/" .. BOB, "/dswarm/" .. stranger)),
        (line:gsub("/dswarm/" .. BOB, "/ip4/" .. at.victim .. "/tcp/3825/dswarm-line")) } do
        lines[#lines + 1] = each
      end
    end
    folder.write(s.dir .. "/lines", table.concat(lines, "\n") .. "\n")
    s.running.mallory = spawn("mallory", "1", s.dir .. "/lines", carl)
    assert(swarm.within(20, function() return s.running.mallory.output():find "said %d+" end),
      s.running.mallory.output())
    assert.equal(#lines, tonumber(s.running.mallory.output():match "said (%d+)"))
    os.execute "sleep 3"
    assert.same({ 0, before }, { packets "victim", packets "bob" })
  end)

  it("gets no connection, and no more packets than were sent, for dials in datagrams with its address", function()
    if not s then return pending(why) end
    s.running.mallory.stop "KILL"
    s.world:must(("ip netns exec %s nft 'add table ip lie; add chain ip lie out { type nat hook postrouting "
      .. "priority 100; }; add rule ip lie out ip daddr %s udp dport 3825 snat to %s'"):format(s.world:name "mallory",
      at.ada, at.victim))
    s.world:run("victim", "nft 'add rule ip seen in tcp flags syn / syn,ack counter'")
    local before = packets "victim"
    local one = s.world:spawn("mallory", ("lua5.4 -e %q"):format(([[
      local uv = require "luv"
      local to = uv.new_udp()
      for i = 1, 20 do
        for line in io.lines "%s/lines" do
          to:try_send(line .. "\n", "%s", 3825)
          uv.sleep(2)
        end
      end]]):format(s.dir, at.ada)))
    assert(swarm.within(10, function() return not one.alive() end), one.output())
    os.execute "sleep 2"
    local table_ = s.world:run("victim", "nft list table ip seen")
    assert.equal("0", table_:match "syn, *ack counter packets (%d+)", table_)
    local came = packets "victim" - before
    print(("# %d packets of ada's came to the victim for datagrams in its name"):format(came))
    assert.is_true(came <= 20 * 5 * #said, came)
  end)
end)
