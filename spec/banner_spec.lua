-- What a daemon says first of its channels: where it listens, and by which ways it goes out to others.
local banner = require "banner"

local function said_of(channels)
  local node = { version = "0.1.0", name = "ada", id = ("x"):rep(52), swarm = "lab-3", share = "/s", socket = "/c",
    time = { quality = "proved" } }
  local text = table.concat(banner.lines { node = node, policy = "p.lua", channels = channels, http = 3826,
    cli = "dt-swarm-cli", columns = 80 }, "\n")
  return text:match "\n  listen    (.-)\n  control"
end

local UDP4 <const> = { kind = "udp", address = "/ip4/0.0.0.0/udp/3825/dswarm-line", state = "up",
  interfaces = { { name = "eth0", host = "10.0.0.7" } } }
local NO_UDP6 <const> = { kind = "udp", address = "/ip6/::/udp/3825/dswarm-line", state = "waiting",
  reason = "no interface with an IPv6 address" }

describe("the banner", function()
  it("names ways by which the node goes out by themselves, whatever their state, for they are only begun", function()
    assert.equal("udp 3825 on eth0 10.0.0.7; http 3826\n  also by   /dns4/a.example/tcp/3825\n"
      .. "            /ipfs-pubsub/robots", said_of { UDP4,
      { kind = "tcp", address = "/dns4/a.example/tcp/3825/dswarm-line", state = "waiting", reason = "connecting",
        outward = true },
      { kind = "ipfs-pubsub", address = "/ipfs-pubsub/robots/dswarm-line", state = "waiting", outward = true } })
  end)

  it("says that a port waits, but not of IPv6 where IPv4 has the same port", function()
    assert.equal("udp 3825 on eth0 10.0.0.7; http 3826", said_of { UDP4, NO_UDP6 })
    assert.equal("udp 3825 waits: no interface with an IPv6 address; http 3826", said_of { NO_UDP6 })
    local other = { kind = "udp", address = "/ip6/::/udp/4000/dswarm-line", state = "waiting", reason = "EADDRINUSE" }
    assert.equal("udp 3825 on eth0 10.0.0.7; udp 4000 waits: EADDRINUSE; http 3826", said_of { UDP4, other })
  end)
end)
