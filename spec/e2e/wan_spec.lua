-- wan_spec.lua - two LANs behind routers that let nobody in, and a server that both dial: by TCP alone. Whole daemons.
local folder = require "spec.folder"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"
local wire = require "spec.net.wire"

local HOSTS <const> = { "server", "ada", "bob", "carl" }
local NAT <const> = { north = { "ada", "bob" }, south = { "carl" } }
local LAN <const> = '"/ip4/0.0.0.0/udp/3825/dswarm-line", "/ip4/0.0.0.0/tcp/3825/dswarm-line"'

local function policy(path, base, channels)
  folder.write(path, ('local p = extend "%s"\np.routing.channels = { %s }\nreturn p\n'):format(base, channels))
end

-- Does HOST know a file called NAME?
local function knows(s, host, name)
  for _, file in ipairs((s:ask(host, "report") or { files = {} }).files) do
    for _, each in ipairs(file.names) do
      if each == name then return true end
    end
  end
  return false
end

describe("two LANs behind routers, and a server that one of each dials", function()
  local s, why

  local function within(bar, what, test)
    local took = swarm.within(bar, test)
    assert.is_truthy(took, what .. "\n" .. (s and s:logs() or ""))
    patience.took(what, took, bar)
  end

  setup(function()
    s, why = swarm.new(HOSTS, nil, { wire = true, nat = NAT, seed = 5 })
    if not s then return end
    local to_server = (', "/ip4/%s/tcp/3825/dswarm-line"'):format(s.world:address "server")
    for _, host in ipairs(HOSTS) do
      swarm.sh("mkdir -p " .. s:path(host, "share"))
      local dials = host == "ada" or host == "carl"
      policy(s:path(host, "my.lua"), host == "server" and "server" or "duckiebot", LAN .. (dials and to_server or ""))
      s:start(host, s:path(host, "my.lua"))
    end
  end)

  teardown(function() if s then s:close() end end)

  it("carry a record of the one to the other", function()
    if not s then return pending(why) end
    within(10, "all four are heard of at the server or at home", function()
      return table.concat(s:names "ada", " ") == "ada bob server" and table.concat(s:names "carl", " ") == "carl server"
    end)
    folder.write(s:path("bob", "share/from_bob.txt"), "bob")
    within(10, "from one LAN to the other", function() return knows(s, "carl", "from_bob.txt") end)
    local counters = s.world:counters()
    assert.equal(0, wire.sum(counters, "south", "in", "udp"), "over TCP alone")
  end)

  it("say where they can be met", function()
    if not s then return pending(why) end
    local function says(host, of)
      local id = s:ask(of, "identity").id
      local text = s:cli(host, ("record show pri/%s/addresses %s"):format(id, id))
      return text:find(("/ip4/%s/tcp/3825/dswarm-line"):format(s.world:address(of)), 1, true) ~= nil
    end
    within(10, "the server to a robot", function() return says("carl", "server") end)
    within(10, "a robot to the server, though nobody can come in there", function() return says("server", "ada") end)
  end)
end)
