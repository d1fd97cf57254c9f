-- health_sites_spec.lua - how far words of health go: a LAN behind a router, whose one robot has a link to a server
-- elsewhere, and all that goes over that link written down. Whole daemons.
-- mostly waits: for words that go, or would
local folder = require "spec.folder"
local swarm = require "spec.e2e.swarm"

local LUA <const> = os.getenv "LUA" or "lua5.4"
local WORDS <const> = 3 -- of each robot, while the link is listened to
local POLICY <const> = [[
local p = extend "duckiebot"
p.clock = "system"
p.clients.diagnostics.every = 1
%s
-- A check that comes to another level each four seconds.
table.insert(p.clients.diagnostics.checks, { id = "swings", summary = "It swings.", cure = "Let it.", hold = 0 })
local shipped = p.clients.diagnostics.check
function p.clients.diagnostics.check(check, m, here)
  if check.id ~= "swings" then return shipped(check, m, here) end
  return m.uptime_seconds and (m.uptime_seconds %% 8 < 4 and "ok" or "warn")
end
return p
]]
local LINK <const> = 'table.insert(p.routing.channels, { "/ip4/%s/tcp/4000/dswarm-line"%s })'

describe("words of health", function()
  local s, ids, files = nil, {}, 0

  setup(function()
    local why
    s, why = swarm.new({ "server", "tap", "ada", "bob" }, nil,
      { wire = true, nat = { north = { "ada", "bob" } }, seed = 9, public = true, ipv6 = false })
    assert(s, why)
    for _, host in ipairs { "ada", "bob" } do folder.write(("%s/%s.lua"):format(s.dir, host), POLICY:format "") end
    s:start("server", "policies/server.lua")
    s:start("bob", s.dir .. "/bob.lua")
  end)
  teardown(function() s:close() end)

  -- The daemon of ada has a link of which MORE is said in its policy line. → fn() → all that went over it
  local function join(more)
    files = files + 1
    local path = ("%s/tapped%d"):format(s.dir, files)
    if s.tap then
      s.tap.stop "KILL"
      assert(s.within(5, function() return not s.tap.alive() end), "its port is free again")
    end
    s.tap = s.world:spawn("tap", ("%s spec/net/tap.lua 4000 %s 3825 %s"):format(LUA, s.world:address "server", path))
    folder.write(s.dir .. "/ada.lua", POLICY:format(LINK:format(s.world:address "tap", more)))
    if s.running.ada then assert(s:stop "ada") end
    s:start("ada", s.dir .. "/ada.lua")
    return function() return folder.read(path) or "" end
  end

  local function id_of(host)
    ids[host] = ids[host] or s:request(host, { command = "identity" }).id
    return ids[host]
  end

  -- How many words of health of ROBOT came to HOST since the first call for both.
  local met = {}
  local function words(host, robot)
    local name = host .. " " .. robot
    local known = met[name] or { n = 0, ages = {} }
    met[name] = known
    local ok, answer = pcall(s.request, s, host, { command = "health", robot = id_of(robot) })
    local age = ok and answer.node and answer.node.age_ms
    if age and (not known.age or age < known.age) then known.n = known.n + 1 end
    known.age = age
    return known.n
  end

  local function wait(bar, what, test)
    assert(s.within(bar, test), what .. "\n" .. s:cli("ada", "channels") .. s:cli("ada", "health") .. s:logs())
  end

  local function count(text, bucket) return select(2, text:gsub(bucket .. " ", "")) end

  it("come to all of the LAN, and over no link to elsewhere, but for one that is near", function()
    local link = join ""
    wait(30, "all know each other", function()
      local answer = s:ask("server", "discover")
      return answer and #answer.nodes == 3 and link():find("peer", 1, true)
    end)
    wait(60, "words of both", function()
      local of_ada, of_bob = words("bob", "ada"), words("ada", "bob")
      return of_ada >= WORDS and of_bob >= WORDS
    end)
    local said = link()
    assert.is_true(count(said, "peer") > 0)
    local function bucket(host, what) return ("pri/%s/%s"):format(id_of(host), what) end
    for _, host in ipairs { "ada", "bob" } do -- the tap itself is in the server's network
      assert.same({ 0, 0 }, { count(said, bucket(host, "health")), count(said, bucket(host, "stats")) }, host)
    end
    link = join ", near = true"
    wait(60, "none over a link that is near", function() return count(link(), bucket("ada", "health")) > 0 end)
  end)
end)
