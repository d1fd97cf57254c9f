-- wan.lua - several networks of the simulator and the ways between them: routers that let nobody in, cuts, addresses
-- that change. Streams cross; what is broadcast stays at home. Decides nothing for a node.
local links = require "sim.links"

local wan = {}
wan.__index = wan

local TRIP = { 20, 40 } -- ms, at least and at most
local SYN_MS = 1900 -- until who dials nobody gives up
local AGAIN_MS = 5000 -- until a named link is dialled again

local function far_traits()
  local traits = {}
  for name, value in pairs(links.traits) do traits[name] = value end -- any order
  traits.near = false
  return traits
end

--- The world of SIM (sim.new's) with more networks than its one medium. Field `dials` counts the connections that were
--- tried between networks, by the name of who tried.
function wan.new(sim)
  return setmetatable({ sim = sim, loop = sim.loop, sites = {}, by_name = {}, dials = {},
    traits = far_traits(), addresses = 0 }, wan)
end

--- A network behind one public address, which it is given here. OPEN: its one host has that address itself, so that it
--- can be dialled; else a router lets out only.
function wan:site(name, open)
  local site = { name = name, number = #self.sites + 1, open = open, up = true, nodes = {},
    medium = links.medium(self.sim.world) }
  self.sites[site.number], self.by_name[name] = site, site
  self:move(site)
  return site
end

--- SITE has another public address from here on.
function wan:move(site)
  self.addresses = self.addresses + 1
  site.public = ("198.51.%d.%d"):format(self.addresses // 200, self.addresses % 200 + 1)
  for _, node in ipairs(site.open and site.nodes or {}) do node.host = site.public end
end

local function are_joined(from, to) return from.up and to.up and from ~= to end

-- The site that can be dialled at HOST from FROM now | nil
local function dialled_site(self, from, host)
  for _, site in ipairs(self.sites) do
    if site.public == host and site.open and site.nodes[1] and are_joined(from, site) then return site end
  end
end

-- Does what is said at A, one end of a stream, { site =, public = its address then }, still come to the other, B?
local function carries(a, b)
  return are_joined(a.site, b.site) and a.site.public == a.public and b.site.public == b.public
end

-- Two ends of a connection between two sites: each sees the other's public address.
local function connect(self, from, to)
  local sim = self.sim
  local a, b = { site = from, public = from.public }, { site = to, public = to.public }
  local world = { loop = self.loop, trace = sim.world.trace, delay = function()
    return carries(a, b) and TRIP[1] + sim.random:integer(TRIP[2] - TRIP[1] + 1) or nil
  end }
  local here, there = links.stream(world, from.public, to.public, self.traits)
  here.dialled, there.dialled = true, false
  return here, there
end

-- NODE of SITE dials HOST. OPTIONS: as routing:add takes them; done(channel), or done(nil, text, code), later.
local function dial(self, site, node, host, options, done)
  self.dials[node.name] = (self.dials[node.name] or 0) + 1
  self.loop:after(TRIP[2], function()
    local there = dialled_site(self, site, host)
    if not there then
      return self.loop:after(SYN_MS, function() done(nil, "ETIMEDOUT: nobody answers", "ETIMEDOUT") end)
    end
    local here_end, there_end = connect(self, site, there)
    there.nodes[1].routing:add(there_end, { quiet = true, wakes = true })
    node.routing:add(here_end, options)
    done(here_end)
  end)
end

local function dial_neighbour(self, host, node, other, done)
  self.loop:after(1, function()
    local here_end, there_end = links.stream(self.sim.world, node.host, host)
    other.routing:add(there_end, { quiet = true, wakes = true })
    node.routing:add(here_end, { quiet = true })
    done(here_end)
  end)
end

local function neighbour(site, host)
  for _, other in ipairs(site.nodes) do
    if other.host == host then return other end
  end
end

-- What Routing and the channels would do for NODE.
local function tie(self, site, node, joined)
  table.insert(site.nodes, node)
  function joined.near(_, host) return neighbour(site, host) ~= nil end
  function node.comms.dial(host, _, done)
    local other = neighbour(site, host)
    if other then return dial_neighbour(self, host, node, other, done) end
    dial(self, site, node, host, { quiet = true }, done)
  end
  function node.comms.dial_link(host, _, id, done, gone)
    dial(self, site, node, host, { quiet = false, gone = gone }, function(channel, ...)
      if channel then node.comms.addresses:expect(channel, id) end
      done(channel, ...)
    end)
  end
  function node.own_addresses()
    return { { address = ("/ip4/%s/tcp/3825/dswarm-line"):format(node.host), lan = not site.open, own = true } }
  end
end

--- A node in the network of SITE; OPTIONS: as sim:add has them.
function wan:add(site, name, options)
  local given = setmetatable({ medium = site.medium,
    host = site.open and site.public or ("10.0.%d.%d"):format(site.number, #site.nodes + 1),
    ready = function(node, joined) tie(self, site, node, joined) end }, { __index = options })
  return self.sim:add(name, given)
end

--- NODE keeps a link to HOST, as its policy may name one: dialled again until it is there. → a function that ends it
function wan:name(site, node, host)
  local channel, ended
  local function again()
    if ended then return end
    local options = { quiet = false, gone = function() self.loop:after(AGAIN_MS, again) end }
    dial(self, site, node, host, options, function(one)
      channel = one
      if not one then self.loop:after(AGAIN_MS, again) end
    end)
  end
  again()
  return function()
    ended = true
    if channel then channel:close "closed: here" end
  end
end

return wan
