-- ip6_spec.lua - hosts that have only IPv6, one that has both: they find each other and share a file. Real everything.
-- mostly waits: for daemons that find each other
local folder = require "spec.folder"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local GATHER = [[
local p = extend "server"
function p.clients.logs.fetch() return 5, "everything" end
return p
]]

local SIZE = 3 * 1024 * 1024
local ONLY_IP6 <const> = { "ada", "bea" }

describe("hosts without IPv4", function()
  local s, why

  setup(function()
    s, why = swarm.new { "ada", "bea", "carl", "dora" }
    if not s then return end
    for _, host in ipairs(ONLY_IP6) do
      s.world:must(("ip -n %s -4 address flush dev eth0"):format(s.world:name(host)))
    end
    s.world:must(("ip netns exec %s sysctl -qw net.ipv6.conf.all.disable_ipv6=1"):format(s.world:name "dora"))
    folder.write(s.dir .. "/gather.lua", GATHER)
    for _, host in ipairs { "ada", "carl", "dora" } do s:start(host) end
    s:start("bea", s.dir .. "/gather.lua")
  end)

  teardown(function() if s then s:close() end end)

  it("are found by each other and by who has both, and who has only IPv4 is found by the latter alone", function()
    if not s then return pending(why) end
    local wanted = { ada = "ada bea carl", bea = "ada bea carl", carl = "ada bea carl dora", dora = "carl dora" }
    local function lists(host) return table.concat(s:names(host), " ") == wanted[host] end
    local took = swarm.within(10, function() return lists "ada" and lists "bea" and lists "carl" and lists "dora" end)
    assert.is_truthy(took, s:logs())
    patience.took("found each other by IPv4 and IPv6", took, 10)
  end)

  it("tell addresses with the interface that they are of, and what each channel uses", function()
    if not s then return pending(why) end
    assert.matches("/ip6zone/eth0/ip6/fe80::%x[%x:]*/udp/%d+/dswarm%-line", (s:cli("ada", "discover --json")))
    local interfaces = {}
    for i, row in ipairs(s:ask("ada", "status").channels) do
      local first = (row.interfaces or {})[1]
      interfaces[i] = ("%s %s %s"):format(row.address, row.state, first and first.name or "-")
    end
    assert.same({ "/ip4/0.0.0.0/udp/3825/dswarm-line up lo", "/ip4/0.0.0.0/tcp/3825/dswarm-line up -",
      "/ip6/::/udp/3825/dswarm-line up eth0", "/ip6/::/tcp/3825/dswarm-line up -" }, interfaces)
  end)

  it("give each other their words and their files; by way of the third they reach the fourth", function()
    if not s then return pending(why) end
    local name = s:path("ada", "share") .. "/run-6.bag"
    swarm.sh(("head -c %d /dev/urandom > %s"):format(SIZE, name))
    local function known(host)
      for _, file in ipairs((s:ask(host, "report") or { files = {} }).files) do
        if file.names[1] == "run-6.bag" then return file.cid end
      end
    end
    local took = swarm.within(15, function() return known "bea" and known "carl" and known "dora" end)
    assert.is_truthy(took, s:logs())
    patience.took("a word of a host with only IPv6 came to one with only IPv4", took, 15)
    local copy = ("%s/files/ada~*/*/run-6.bag"):format(s:path("bea", "state"))
    took = swarm.within(10, function() return select(2, swarm.sh(("cmp %s %s"):format(name, copy))) == 0 end)
    assert.is_truthy(took, s:log "bea")
    patience.took("a file was fetched by IPv6 alone", took, 10)
  end)
end)
