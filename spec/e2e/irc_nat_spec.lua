-- irc_nat_spec.lua - four robots behind one router, and an IRC server that takes three an address. Whole daemons.
-- mostly waits: for an IRC server that lets in three of four
local folder = require "spec.folder"
local inspircd = require "spec.net.inspircd"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local ROBOTS <const> = { "ada", "bob", "carl", "dora" }
local LAN <const> = '"/ip4/0.0.0.0/udp/3825/dswarm-line", "/ip4/0.0.0.0/tcp/3825/dswarm-line"'

if not inspircd.found() then
  it("four robots behind one router", function() pending "NO SERVERS: spec/net/servers.sh says why" end)
  return
end

describe("four robots behind one router, and a fifth elsewhere", function()
  local s, server

  after_each(function()
    if server then server.remove() end
    if s then s:close() end
  end)

  local function start(host, lan)
    swarm.sh("mkdir -p " .. s:path(host, "share"))
    folder.write(s:path(host, "my.lua"), ([[
local p = extend "duckiebot"
p.routing.channels = { %s { "/ip4/%s/tcp/6667/irc/#lab/dswarm-line", budget = 390 } } -- which inspircd takes
return p
]]):format(lan and LAN .. "," or "", server.address))
    s:start(host, s:path(host, "my.lua"))
  end

  local function row_of(host)
    for _, row in ipairs((s:ask(host, "channels") or { channels = {} }).channels) do
      if row.kind == "irc" then return row end
    end
    return {}
  end

  local function within(bar, what, test)
    local took = swarm.within(bar, test)
    assert.is_truthy(took, what .. "\n" .. s:cli("ada", "channels") .. s:cli("far", "channels") .. s:logs())
    patience.took(what, took, bar)
  end

  it("the one that the server refuses says why and what to do, and its neighbours serve it", function()
    local why
    s, why = swarm.new({ "server", "ada", "bob", "carl", "dora", "far" }, nil, { wire = true, nat = { north = ROBOTS },
      seed = 5 })
    if not s then return pending(why) end
    server = inspircd.start { world = s.world, host = "server" }
    for _, host in ipairs(ROBOTS) do start(host, true) end
    start("far", false)
    local refused
    within(10, "three are let in, and one is not", function()
      local up = 0
      refused = nil
      for _, host in ipairs(ROBOTS) do
        local row = row_of(host)
        if row.state == "up" then up = up + 1 end
        if (row.reason or ""):find "^full" then refused = host end
      end
      return up == 3 and refused and row_of("far").state == "up"
    end)
    within(10, "it says so while it waits", function()
      local said = s:cli(refused, "channels"):gsub("%s+", " ")
      return said:find("takes no more connections from this address", 1, true)
        and said:find("neighbours on the LAN serve this node", 1, true)
    end)
    folder.write(s:path("far", "share/from_far.txt"), "far")
    folder.write(s:path(refused, "share/from_refused.txt"), refused)
    within(20, "by IRC and a neighbour", function() return s:file(refused, "from_far.txt") end)
    within(20, "and back", function() return s:file("far", "from_refused.txt") end)
    within(10, "it waits, and tries now and then", function() return row_of(refused).state == "waiting" end)
    local _, kicked = server.output():gsub("exceeded", "")
    assert.equal(0, kicked)
  end)
end)
