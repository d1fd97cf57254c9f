-- claimed_spec.lua - a host that fifty made-up robots name in their records of addresses: what comes to it by those who
-- hear them. Whole daemons; its kernel counts.
-- mostly waits: for those who may dial it again
local folder = require "spec.folder"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local LAN <const> = { "ada", "bob", "carl", "dora", "eve" }
local MADE_UP <const>, WATCHED_S <const> = 50, os.getenv "DT_SWARM_SOAK" and 60 or 5
-- As the protocol has it (Proof of addresses): of all nodes three, each three times at once and once in 20 s.
local FEW <const>, AT_ONCE <const>, EACH_S <const> = 3, 3, 20
local LISTEN <const> = '"/ip4/0.0.0.0/udp/3825/dswarm-line", "/ip4/0.0.0.0/tcp/3825/dswarm-line"'
-- Its router lets connections to this port in, and it says so.
local BEHIND <const> = [[
function p.clients.discovery.announce(facts)
  return { type = facts.type, version = facts.version, http = facts.http,
    addresses = { { address = "/ip4/%s/tcp/3825/dswarm-line" } } }
end]]
local COUNT <const> = "nft 'add table ip seen; add chain ip seen in { type filter hook input priority 0; }; \z
  add set ip seen tried { type ipv4_addr . inet_service; flags dynamic; size 65535; }; \z
  add rule ip seen in tcp flags & (syn | ack) == syn add @tried { ip saddr . tcp sport }; \z
  add rule ip seen in ip daddr %s ip protocol != tcp counter'"

describe("a host that made-up robots name", function()
  local s, why, began

  local function save(host, channels, more)
    folder.write(("%s/%s.lua"):format(s.dir, host), ([[
local p = extend "duckiebot"
p.routing.channels = { %s }
%s
return p
]]):format(channels, more or ""))
  end

  local function start(host, channels, more)
    save(host, channels, more)
    s:start(host, ("%s/%s.lua"):format(s.dir, host))
  end

  -- Connections to HOST that were tried so far, each once, though the kernel of a busy machine asks again; and packets
  -- of all others to its address.
  local function packets(host)
    local seen = s.world:run(host, "nft list table ip seen")
    local _, tried = seen:gsub("%d+%.%d+%.%d+%.%d+ %. %d+", "")
    return tried, math.tointeger(tonumber(seen:match "packets (%d+)"))
  end

  local function connections(host)
    local _, n = s.world:run(host, "ss -tnH state established '( sport = :3825 )'"):gsub("[^\n]+", "")
    return n
  end

  local function has_row(looker, name)
    for _, node in ipairs(s:ask(looker, "discover").nodes) do
      if node.name == name then return true end
    end
    return false
  end

  setup(function()
    local hosts = { "friend", "mallory", "victim", table.unpack(LAN) }
    s, why = swarm.new(hosts, nil, { wire = true, seed = 4, public = true, ipv6 = false,
      nat = { away = { "friend" } } })
    if not s then return end
    swarm.sh(("cp policies/*.lua %s"):format(s.dir))
    s.world:must(("ip netns exec %s nft 'add chain ip nat in { type nat hook prerouting priority dstnat; }; "
      .. "add rule ip nat in iifname eth0 tcp dport 3825 dnat to %s'"):format(s.world:name "away",
      s.world:address "friend"))
    for _, host in ipairs { "victim", "friend" } do s.world:run(host, COUNT:format(s.world:address(host))) end
    for _, host in ipairs(LAN) do start(host, LISTEN) end
    assert(swarm.within(10, function() return #s:names "eve" == #LAN and #s:names "ada" == #LAN end), s:logs())
  end)

  teardown(function() if s then s:close() end end)

  -- Before the made-up ones are there: whoever has as many links as he wants dials nobody, and would try these first.
  it("is dialled where it is proved (control)", function()
    if not s then return pending(why) end
    local behind = BEHIND:format(s.world:address "away")
    start("friend", ('"/ip4/%s/tcp/3825/dswarm-line"'):format(s.world:address "ada") .. ', ' .. LISTEN, behind)
    assert.is_truthy(swarm.within(15, function() return has_row("eve", "friend") end), s:logs())
    save("friend", LISTEN, behind) -- ada dials nobody who is linked to her, and may be the only one whose turn it is
    local took = swarm.within(20, function() return connections "friend" > 0 end)
    local told = {}
    for i, host in ipairs(took and {} or LAN) do
      told[i] = host .. ": " .. s:cli(host, "route get friend") .. (s:log(host):match "[^\n]*\n[^\n]*\n$" or "")
    end
    assert.is_truthy(took, table.concat(told) .. s:log "friend")
    patience.took("somebody dials who proved where he is", took, 20)
    s:stop "friend"
  end)

  it("is listed by record, and gets no more packets than one unproved host may; nobody is connected to it", function()
    if not s then return pending(why) end
    local now = s:ask("ada", "status").time.now
    began = patience.now()
    s.running.claiming = s.world:spawn("mallory", ("lua5.4 spec/e2e/claiming.lua %s duckietown %d \z
      /ip4/%s/tcp/3825/dswarm-line"):format(s.world:address "ada", now, s.world:address "victim"))
    assert.is_truthy(swarm.within(5, function() return s.running.claiming.output():find "said" end),
      s.running.claiming.output())
    local listed
    assert.is_truthy(swarm.within(15, function()
      listed = 0
      for _, node in ipairs(s:ask("eve", "discover").nodes) do
        if node.via and node.via.by == "record" and node.via.host == s.world:address "victim" then
          listed = listed + 1
        end
      end
      return listed == MADE_UP
    end), listed)
    os.execute("sleep " .. WATCHED_S)
    local dials, others = packets "victim"
    local seconds = patience.now() - began
    local most = FEW * (AT_ONCE + math.ceil(seconds / EACH_S))
    print(("# %d connections were tried in %.0f s (at most %d), %d other packets came"):format(dials, seconds, most,
      others))
    assert.is_true(dials > 0 and dials <= most, dials)
    assert.same({ 0, 0 }, { others, connections "victim" })
  end)
end)
