-- routes_spec.lua - the commands about routes: what is taken to a node or an address, why, and routes for now. In the
-- simulator; on whole daemons: spec/cli/whole_spec.lua and spec/e2e/routes_spec.lua.
local key = require "core.key"
local policies = require "spec.policy.policies"
local sim = require "sim"

local LAB <const> = "/dns4/swarm.lab.example/tcp/3825/dswarm-line"

describe("the commands about routes", function()
  local policy, w, ada, donald
  before_each(function()
    policy = assert(policies.with(("p.routing.routes['/dswarm/donald/ping'] = '%s/$0'\n"):format(LAB)
      .. "p.routing.routes['/dswarm/daisy/*'] = '/dswarm/donald/$0'\n"))
    w = sim.new { seed = 1, policy = policy, delay = { 7, 7 } }
    ada, donald = w:add "ada", w:add "donald"
    w:run(5000)
  end)
  after_each(function() policy:close() end)

  local function ask(request)
    local heard
    ada.commands:run(request, setmetatable({ run = function(_, fn) fn() end }, { __call = function(_, ...)
      heard = table.pack(...)
      return true
    end }))
    return table.unpack(heard, 1, heard.n)
  end

  local function get(to) return ask { command = "route-get", to = to } end

  it("are for others to ask as far as they change nothing", function()
    for command, reads in pairs { ["route-list"] = true, ["route-get"] = true, ["route-set"] = false,
      ["route-unset"] = false } do
      assert.equal(reads, (ada.commands:marks_of { command = command }), command)
    end
  end)

  it("list each route with its line, which rests, and by which way each node is reached", function()
    local answer = ask { command = "route-list" }
    local daisy, ping = answer.routes[1], answer.routes[2]
    assert.same({ "/dswarm/daisy/*", "my.lua:3", "missing" }, { daisy.pattern, daisy.origin, daisy.code })
    assert.same({ "/dswarm/donald/ping", "my.lua:2", nil, 0 }, { ping.pattern, ping.origin, ping.rests, ping.count })
    assert.same({ donald.id, "udp", true }, { answer.nodes[1].id, answer.nodes[1].way.kind,
      answer.nodes[1].way.alive })
    assert.is_nil(answer.nodes[2])
  end)

  it("tell of a node its ways, what each is worth, who said so, and which is taken", function()
    for _, name in ipairs { "donald", donald.id, "~" .. donald.id:sub(-4), "/dswarm/donald/brain" } do
      local answer = get(name)
      assert.same({ "/dswarm/" .. donald.id .. "/brain", "node", "donald" }, { answer.to, answer.head, answer.label })
      assert.same({ true, true, 1, "heard" }, { answer.ways[1].taken, answer.ways[1].alive, answer.ways[1].hops,
        answer.ways[1].origin })
      assert.equal("no route fits", answer.rows[1].what)
      assert.truthy(answer.rows[2].seen:find("^taken, cost 1, ") and answer.rows[2].seen:find("heard", 1, true),
        answer.rows[2].seen)
    end
    assert.equal("here", get("ada").head)
  end)

  it("tell of an address which routes it takes, which fit besides, and that a lookup counts for none", function()
    local answer = get "/dswarm/donald/ping"
    assert.equal(LAB .. "/dswarm/" .. donald.id .. "/ping", answer.to)
    assert.same({ 1, "channel" }, { #answer.steps, answer.head })
    assert.truthy(answer.rows[1].seen:find("my.lua:2", 1, true))
    assert(ask { command = "route-set", pattern = "/dswarm/*", target = LAB .. "/$0" })
    answer = get "/dswarm/donald/ping"
    assert.truthy(answer.rows[2].seen:find("fits, too (set by route set", 1, true), answer.rows[2].seen)
    assert.equal(0, ask({ command = "route-list" }).routes[3].count)
    assert(ask { command = "route-set", pattern = "/dswarm/donald/*", target = "/exec/none/dswarm-line/$0" })
    answer = get "donald"
    assert.same({ nil, "address" }, { answer.head, answer.rows[#answer.rows].code })
  end)

  it("set a route for now, say whose place it takes and what is odd, and take it out again", function()
    local answer = ask { command = "route-set", pattern = "/dswarm/donald/*", target = "/dswarm/donald/$0" }
    assert.truthy(answer.warnings[1]:find("into itself", 1, true))
    assert(ask { command = "route-unset", pattern = "/dswarm/donald/*" })
    local pattern = "/dswarm/donald/ping"
    answer = ask { command = "route-set", pattern = pattern, target = "/dswarm/donald/$0" }
    assert.same({ target = LAB .. "/$0", origin = "my.lua:2" }, answer.before)
    assert.equal("/dswarm/donald/dswarm/" .. donald.id .. "/ping", (get(pattern).to:gsub(donald.id, "donald", 1)))
    answer = ask { command = "route-unset", pattern = pattern }
    assert.same({ "/dswarm/donald/$0", LAB .. "/$0" }, { answer.route.target, answer.back.target })
    answer = ask { command = "route-unset", pattern = pattern }
    assert.is_nil(answer.back)
    assert.equal(pattern, ask({ command = "route-list" }).hidden[1].pattern)
    assert.equal("no route fits", get(pattern).rows[1].what)
    assert.equal("missing", select(3, ask { command = "route-unset", pattern = pattern }))
  end)

  it("refuse a name of two with what to say, and what is no address", function()
    local other = key.generate(("o"):rep(32))
    w:add("donald", { identity = { id = other:id(), key = other } })
    w:run(5000)
    local answer, _, code, candidates = get "donald"
    assert.same({ nil, "ambiguous", 2 }, { answer, code, #candidates })
    assert(ask { command = "route-set", pattern = "/dswarm/donald/*", target = LAB .. "/$0" })
    answer = get(donald.id)
    local rests
    for _, row in ipairs(answer.rows) do rests = rests or row.code == "ambiguous" and row end
    assert.truthy(rests.seen:find(donald.id, 1, true), rests.seen)
    assert.equal("node", answer.head)
    for _, wrong in ipairs { "/nowhere", "/dswarm", "nobody", "", ("/x"):rep(9999), "/dswarm/\0", 7, {} } do
      local none, _, word = get(wrong)
      assert.is_nil(none)
      assert.truthy(word == "form" or word == "missing" or word == "long", word)
    end
    for _, wrong in ipairs { {}, { pattern = 7, target = "/a" }, { pattern = "/dswarm/donald/*", target = LAB } } do
      wrong.command = "route-set"
      assert.equal("form", select(3, ask(wrong)))
    end
  end)
end)
