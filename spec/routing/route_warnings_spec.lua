-- route_warnings_spec.lua - what is said of a policy's routes before they are used: by line, and what would be right.
require "spec.helper"
local policies = require "spec.policy.policies"
local preflight = require "preflight"

local LAB <const> = "/dns4/swarm.lab.example/tcp/3825/dswarm-line"

local function lines_of(body, serious)
  local p, faults = policies.with(body)
  assert(p, faults and faults[1].text)
  local lines = preflight.routes(p, serious)
  p:close()
  return lines
end

local function route(pattern, target) return ("p.routing.routes[%q] = %q\n"):format(pattern, target) end

local function one(body, line)
  local lines = lines_of(body)
  assert.same({ line }, { lines[1] }, table.concat(lines, "\n"))
  assert.is_nil(lines[2])
end

describe("of a policy's routes", function()
  it("nothing is said that needs no saying", function()
    assert.same({}, lines_of "")
    assert.same({}, lines_of(route("/dswarm/donald/*", LAB .. "/$0") .. route("/dswarm/daisy/*", "/dswarm/donald/$0")
      .. route("/ip4/10.0.0.9/*", "/dswarm/donald~WXYZ/$0")))
    assert.same({}, lines_of(route("/dswarm/*", "/dswarm/server/$0"))) -- all by one is used once a line
    assert.same({}, lines_of(route("/dswarm/donald/*", "/ip4/10.0.0.9/udp/3825/dswarm-line/$0")))
  end)

  it("the one that wins is named where two fit, and by its own line", function()
    local body = "\n" .. route("/dswarm/*", LAB .. "/$0") .. route("/dswarm/donald/*", LAB .. "/$0")
    one(body, "my.lua:4: routing.routes: /dswarm/donald/*: where /dswarm/* fits, too, this one wins, since it is "
      .. "more specific")
    assert.same({}, lines_of(body, true), "it is as it should be")
  end)

  it("a line that was written over counts by the later one", function()
    one(route("/dswarm/donald/*", LAB) .. route("/dswarm/donald/*", "/dswarm/donald/$0"),
      "my.lua:3: routing.routes: /dswarm/donald/*: leads into itself: name another node or channel as its way")
    one("p.routing.routes = {\n ['/dswarm/donald/*'] = '/dswarm/donald/$0' }\n\n" .. route("/dswarm/daisy/*",
      LAB .. "/$0"), "my.lua:3: routing.routes: /dswarm/donald/*: leads into itself: name another node or channel "
      .. "as its way")
  end)

  it("circles, ways that are none, and what is no way at all say what would be right", function()
    local lines = lines_of(route("/dswarm/a/*", "/dswarm/b/$0") .. route("/dswarm/b/*", "/dswarm/a/$0"), true)
    local circle = "my.lua:%d: routing.routes: /dswarm/%s/*: leads in a circle, over /dswarm/%s/*: "
      .. "each is used once a line"
    assert.same({ circle:format(2, "a", "b"), circle:format(3, "b", "a") }, lines)
    one(route("/dswarm/a/*", LAB), ("my.lua:2: routing.routes: /dswarm/a/*: this route rests: its way %s: "):format(LAB)
      .. ("without $0 nobody knows for whom the line is: write %s/$0"):format(LAB))
    local room = "/dns4/irc.example/tcp/6667/irc/#lab/dswarm-line"
    local missing = ("my.lua:2: routing.routes: /dswarm/a/*: this route leads nowhere: there is no channel %s here: "
      .. "put it into routing.channels"):format(room)
    one(route("/dswarm/a/*", room .. "/$0"), missing)
    assert.same({}, lines_of(route("/dswarm/a/*", room .. "/$0") .. ("table.insert(p.routing.channels, %q)"):format(
      room)))
    for pattern, said in pairs { ["/dswarm/*/brain"] = "* stands for all that follows", ["/nowhere/*"] =
      "an unknown protocol", ["/dswarm/a,b/*"] = "neither the name nor the ID" } do
      local said_of = lines_of(route(pattern, LAB .. "/$0"), true)
      assert.truthy(said_of[1]:find(said, 1, true), said_of[1])
      assert.is_nil(said_of[2])
    end
  end)

  it("as many as a table may have are read, and all are looked at", function()
    local body = ("for i = 1, 1023 do p.routing.routes['/dswarm/r' .. i .. '/*'] = '/dswarm/r' .. i + 1 .. '/$0' end\n")
      .. route("/dswarm/*", "/dswarm/server/$0")
    assert.equal(1023, #lines_of(body))
    assert.same({}, lines_of(body, true))
    local ring = lines_of(body:gsub("i %+ 1", "i %% 1023 + 1"), true)
    assert.equal(1023, #ring)
    for _, line in ipairs(ring) do assert.is_true(#line < 300, line) end
  end)
end)
