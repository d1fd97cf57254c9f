-- shut_out_spec.lua - routing.block saved while daemons run: what still goes to who is shut out, as his kernel counts,
-- and what of his is still taken. Whole daemons; carl stands between the two as a relay.
-- mostly waits: for beacons that must not come, and for daemons that start
local folder = require "spec.folder"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local HOSTS <const> = { "ada", "bea", "carl" }
local QUIET <const> = os.getenv "DT_SWARM_SOAK" == "1" and 20 or 1 -- seconds in which nothing may come
local POLICY <const> = [[
local p = extend "duckiebot"
p.comms.beacon = { 0.2, 0.5 }
p.clients.logs.settle = { least = 0.1, per = 32 * MB, most = 1 }
p.routing.block = { %s }
return p
]]
-- What ada says to bea alone: datagrams, dials, and what goes over connections.
local COUNT <const> = "nft 'add table ip seen; add chain ip seen in { type filter hook input priority 0; }; "
  .. "add rule ip seen in ip saddr %s ip daddr %s meta l4proto udp counter; "
  .. "add rule ip seen in ip saddr %s ip daddr %s tcp flags & (syn|ack) == syn counter; "
  .. "add rule ip seen in ip saddr %s ip daddr %s tcp flags & psh == psh counter'"

describe("somebody whom the policy shuts out while the daemon runs", function()
  local s, why, ids

  local function save(host, list) folder.write(("%s/%s.lua"):format(s.dir, host), POLICY:format(list or "")) end

  -- Packets from ada to bea alone: datagrams, dials, parts of streams, so far; and all of them.
  local function to_bea()
    local counts, all = {}, 0
    for n in s.world:run("bea", "nft list table ip seen"):gmatch "packets (%d+)" do
      counts[#counts + 1], all = n, all + tonumber(n)
    end
    assert(#counts == 3)
    return all, table.concat(counts, " ")
  end

  -- The same, once what was on its way has arrived: that she refuses a port, which is not counted, comes behind it all.
  local function settled()
    local before = to_bea()
    while true do
      s.world:run("bea", ("curl -s -m 60 http://%s:9/"):format(s.world:address "ada"))
      os.execute "sleep 0.3"
      local now, words = to_bea()
      if now == before then return now, words end
      before = now
    end
  end

  -- What bea gets from the place where ada serves files: a code of HTTP, 000 for no answer.
  local function asked()
    return (s.world:run("bea", ("curl -s -m 2 -o /dev/null -w '%%{http_code}' http://%s:3826/"):format(
      s.world:address "ada")))
  end

  local function blocked() return s:ask("ada", "channels").blocked[1] end

  local function has(list, name)
    for _, each in ipairs(list) do if each == name then return true end end
    return false
  end

  setup(function()
    s, why = swarm.new(HOSTS, nil, { wire = true, seed = 9 })
    if not s then return end
    swarm.sh(("cp policies/*.lua %s"):format(s.dir))
    for _, host in ipairs(HOSTS) do -- else they are heard by IPv6, too, which another address would shut out
      s.world:must(("ip netns exec %s sysctl -qw net.ipv6.conf.all.disable_ipv6=1"):format(s.world:name(host)))
    end
    local ada, bea = s.world:address "ada", s.world:address "bea"
    s.world:must(("ip netns exec %s %s"):format(s.world:name "bea", COUNT:format(ada, bea, ada, bea, ada, bea)))
    for _, host in ipairs(HOSTS) do
      save(host)
      s:start(host, ("%s/%s.lua"):format(s.dir, host))
    end
    assert(swarm.within(20, function() return #s:names "ada" == 3 and #s:names "bea" == 3 end), s:logs())
    ids = {}
    for _, host in ipairs(HOSTS) do ids[host] = s:ask(host, "status").node.id end
  end)

  teardown(function() if s then s:close() end end)

  -- All ways that might lead to bea are tried, and both say news.
  local function provoke(name)
    for _, host in ipairs { "ada", "bea" } do
      folder.write(s:path(host, ("share/%s-%s.txt"):format(host, name)), name)
    end
    local function ping(host, other)
      for _, to in ipairs { ids[other], ("/dswarm/%s/dswarm/%s/ping"):format(ids.carl, ids[other]),
        ("/ip4/%s/udp/3825/dswarm-line/dswarm/%s/ping"):format(s.world:address(other), ids[other]) } do
        os.execute(("timeout 20 %s/dt-swarm-cli %s ping %s --count 1 >/dev/null 2>&1 &"):format(s.here,
          s:path(host, "state/control.sock"), to))
      end
    end
    ping("ada", "bea")
    ping("bea", "ada")
  end

  local function shut_out(list, name)
    assert.is_truthy(swarm.within(10, function() return to_bea() > 0 end), "she is spoken to before (control)")
    assert.is_truthy(swarm.within(5, function() return asked() ~= "000" end))
    save("ada", list)
    local took = swarm.within(2, function() return blocked() ~= nil end, 0.01)
    assert.is_truthy(took, s:log "ada")
    patience.took("routing.block in force after the save", took, 0.2)
    local before, words = settled()
    provoke(name)
    assert.is_truthy(swarm.within(5, function() return blocked().dropped > 0 end), "what she says is dropped, counted")
    assert.is_truthy(swarm.within(5, function() return blocked().kept > 0 end), "what is not sent is counted")
    os.execute("sleep " .. QUIET)
    local after, now = to_bea()
    assert.equal(before, after, ("datagrams, dials, streams: %s, then %s"):format(words, now))
    assert.equal("000", asked())
    assert.is_truthy(s:cli("ada", "channels"):find "Shut out by routing.block: ")
    assert.is_truthy(swarm.within(5, function() return not has(s:heard "ada", "bea") end), "she is here no more")
    assert.is_truthy(swarm.within(5, function()
      return has(s:names "ada", "carl") and has(s:names "carl", "bea")
    end), "and carl is")
    assert.is_truthy(swarm.within(10, function() return s:file("carl", ("ada-%s.txt"):format(name)) end),
      "to him ada speaks as before: " .. s:log "ada")
  end

  local function let_in_again()
    save "ada"
    assert.is_truthy(swarm.within(10, function() return has(s:heard "ada", "bea") end), s:cli("ada", "discover"))
    local before = to_bea()
    assert.is_truthy(swarm.within(10, function()
      provoke "let-in"
      return to_bea() > before
    end), "she is spoken to again")
    assert.is_nil(blocked())
    assert.is_truthy(swarm.within(5, function() return asked() ~= "000" end))
  end

  it("is neither heard nor spoken to, by address, until she is named no more", function()
    if not s then return pending(why) end
    shut_out(('"/ip4/%s"'):format(s.world:address "bea"), "by-address")
    let_in_again()
  end)

  it("nor by ID, also where she starts anew with other ports", function()
    if not s then return pending(why) end
    shut_out(('%q'):format(ids.bea), "by-id")
    local before = to_bea()
    assert(s:stop "bea")
    s:start("bea", s.dir .. "/bea.lua")
    assert.is_truthy(swarm.within(10, function() return has(s:names "carl", "bea") end))
    local dropped = blocked().dropped
    provoke "started-anew"
    assert.is_truthy(swarm.within(5, function() return blocked().dropped > dropped end))
    os.execute("sleep " .. QUIET)
    assert.equal(before, (to_bea()))
    let_in_again()
  end)

  it("is not the node itself, nor called by a name: the policy in force stays, and it is said what is right", function()
    if not s then return pending(why) end
    for list, right in pairs { [('%q'):format(ids.ada)] = "is this node itself", ['"bea"'] = "a peer ID, or an address",
      [('"/ip4/%s"'):format(s.world:address "ada")] = "this node itself's machine",
      ['"10.0.0.1"'] = 'that is "/ip4/10.0.0.1"' } do
      save("ada", list)
      local text, code = s:cli("ada", "policy reload")
      assert.not_equal(0, code)
      assert.is_truthy(text:gsub("%s+", " "):find(right, 1, true), text)
      assert.is_nil(blocked())
    end
  end)
end)
