-- policy_spec.lua - a policy in force: settings as plain data, answers, defaults, failures, the swap.
local check = require "policy.check"
local policies = require "spec.policy.policies"

local here, file = check.sample("here", true), check.sample("file", true)
local record, channel = check.sample("news", true), check.sample("channel", true)

local function with(body, options)
  local p, faults = policies.with(body, options)
  return assert(p, faults and faults[1].text)
end

describe("settings", function()
  it("come out as plain data", function()
    local p = with [[
      p.dcache.disk = 1.5 * GB
      p.routing.channels = { "/ip4/1.2.3.4/udp/1/dswarm-line",
        { "/dns4/a.example/tcp/1/dswarm-line", budget = 60 * B, tls = true } }
      p.routing.routes["/dswarm/*/brain"] = "/b"
      p.routing.routes["/dswarm/donald/brain"] = "/a"
      p.routing.routes["/dswarm/*"] = "/c"
    ]]
    assert.equal(1500000000, p:get "dcache.disk")
    assert.equal("integer", math.type(p:get "dcache.disk"))
    assert.same({ { address = "/ip4/1.2.3.4/udp/1/dswarm-line" },
      { address = "/dns4/a.example/tcp/1/dswarm-line", budget = 60, tls = true } }, p:get "routing.channels")
    assert.same({ { pattern = "/dswarm/donald/brain", target = "/a" },
      { pattern = "/dswarm/*/brain", target = "/b" },
      { pattern = "/dswarm/*", target = "/c" } }, p:get "routing.routes")
    assert.equal(1000000, p:get "clients.logs".budget)
    assert.same({ "", {} }, { p:get "clients.logs.domain", p:get "clients.logs.holders" })
    assert.is_false(with "p.clients.logs.domain = false":get "clients.logs.domain")
    assert.equal("room-3", with 'p.clients.logs.domain = "room-3"':get "clients.logs.domain")
    assert.is_nil(p:get "name")
    assert.has_error(function() p:get "clients.logs.bugdet" end)
    p:close()
    p:close()
  end)

  it("know where they were set", function()
    local p = with "\np.dcache.disk = 1\nfunction p.routing.open() return true end"
    assert.same({ "my.lua", 3, false }, { p:where "dcache.disk" })
    assert.same({ "my.lua", 4, false }, { p:where "routing.open" })
    local routes = with "p.routing.routes['/a'] = '/b'\np.routing.routes['/c'] = '/d'\np.routing.routes['/a'] = '/e'"
    for pattern, line in pairs { ["/a"] = 4, ["/c"] = 3 } do
      assert.same({ "my.lua", line, false }, { routes:where("routing.routes", pattern) })
    end
    assert.same({ "my.lua", 4, false }, { routes:where "routing.routes" })
    routes:close()
    assert.same({ "dcache.lua", true }, { (p:where "dcache.memory"), (select(3, p:where "dcache.memory")) })
    p:close()
  end)

  it("hold the law as core.record wants it", function()
    local p = with ""
    local names, buckets = {}, 0
    for i, class in ipairs(p:classes()) do
      names[i], buckets = class.name, buckets + #class.buckets
      assert.equal("integer", math.type(class.max_ttl))
      assert.equal(0, class.max_ttl % 16)
    end
    assert.same({ "health", "presence", "share", "state", "trust", "updates" }, names)
    assert.equal(18, buckets)
    p:close()
  end)
end)

describe("a question", function()
  it("is answered by the operator's hook, with a reason; what he leaves open, by the default", function()
    local p = with [[
      local before = p.clients.logs.share
      function p.clients.logs.share(file, here)
        if file.name == "a" then return "swarm", "because" end
        if file.name == "b" then return before(file, here) end
      end
    ]]
    assert.same({ "swarm", "because" }, { p:ask("clients.logs.share", { name = "a", folder = "" }, here) })
    for _, name in ipairs { "b", "c" } do
      assert.equal("lab", (p:ask("clients.logs.share", { name = name, folder = "" }, here)))
    end
    assert.equal("public", (p:ask("clients.logs.share", { name = "c", folder = "public/x" }, here)))
    assert.has_error(function() p:ask("clients.logs.shrae", file, here) end)
    p:close()
  end)

  it("gets one of the ways back as the very table it was given", function()
    local p = with "function p.routing.prefer(_, ways) return ways[#ways], 'the last' end"
    local ways = { check.sample("way", true), check.sample("way", true) }
    local way, why = p:ask("routing.prefer", "/dswarm/x", ways, here)
    assert.equal(ways[2], way)
    assert.equal("the last", why)
    p:close()
    p = with ""
    assert.equal(ways[1], (p:ask("routing.prefer", "/dswarm/x", ways, here)))
    assert.is_nil((p:ask("routing.prefer", "/dswarm/x", {}, here)))
    p:close()
  end)

  it("shows facts, lists in facts, and free data, in order", function()
    local p = with [[
      function p.comms.rebroadcast(record, from, to, here)
        local seen = {}
        for key, value in pairs(record.data or {}) do seen[#seen + 1] = key .. "=" .. tostring(value) end
        for i, tag in ipairs(here.tags) do seen[#seen + 1] = i .. tag end
        return 3, table.concat(seen, " ") .. " " .. table.concat(here.tags, "+") .. tostring(from)
      end
    ]]
    record.data = { z = 1, a = "x", m = { 1 } }
    local _, why = p:ask("comms.rebroadcast", record, nil, channel, here)
    assert.equal("a=x m=table z=1 1lab labnil", why)
    p:close()
  end)

  it("shows lists of things", function()
    local p = with [[
      function p.dcache.holds(record)
        local verbs = {}
        for i, word in ipairs(record.statements) do verbs[i] = word.verb end
        return #record.statements == 2, table.concat(verbs, " ")
      end
    ]]
    local held = check.sample("record", true)
    held.statements = { { verb = "propose" }, { verb = "dismiss" } }
    assert.same({ true, "propose dismiss" }, { p:ask("dcache.holds", held, here) })
    p:close()
  end)

  it("can be told less than it asks, never more", function()
    local p = with ""
    local facts = check.sample("self", true)
    facts.addresses = { { address = "/a", lan = true }, { address = "/b", lan = false } }
    local told = p:ask("clients.discovery.announce", facts, here)
    assert.same({ { address = "/a", lan = true } }, told.addresses)
    assert.equal("ada", told.name)
    p:close()
    assert.is_nil(policies.with "function p.clients.discovery.announce() return { secret = 1 } end")
  end)

  it("are given the `here` of now, whether it was told before or not", function()
    local p = with "function p.clients.logs.pause(here) return here.battery == 80, tostring(here.battery) end"
    local now, later = { battery = 80, permission = {} }, { battery = 9, permission = {} }
    for _ = 1, 3 do assert.same({ true, "80" }, { p:ask("clients.logs.pause", now) }) end
    assert.same({ false, "7" }, { p:ask("clients.logs.pause", { battery = 7 }) })
    for _ = 1, 3 do assert.same({ false, "9" }, { p:ask("clients.logs.pause", later) }) end
    assert.same({ true, "80" }, { p:ask("clients.logs.pause", now) })
    p:close()
  end)
end)

describe("a hook that fails", function()
  it("is said once, counted, and the default answers", function()
    local said = {}
    local log = { error = function(_, layer, what, facts) said[#said + 1] = { layer, what, facts } end }
    local p = with([[
      function p.clients.logs.share(file)
        if file.name == "loop" then while true do end end
        if file.name == "bad" then error "bad" end
        if file.name == "eat" then local t = {} for i = 1, 1e9 do t[i] = {} end end
      end
    ]], { log = log })
    for _, name in ipairs { "loop", "bad", "eat", "bad" } do
      local answer, _, word = p:ask("clients.logs.share", { name = name, folder = "" }, here)
      assert.same({ "lab", "policy" }, { answer, word })
    end
    assert.equal(4, p.refused.policy)
    assert.equal(1, #said)
    assert.same({ "policy", "hook failed" }, { said[1][1], said[1][2] })
    assert.equal("clients.logs.share", said[1][3].hook)
    assert.truthy(said[1][3].why:find "my.lua:3: over the limit")
    assert.same({ "lab" }, { p:ask("clients.logs.share", { name = "fine", folder = "" }, here) })
    p:close()
  end)

  it("cannot change the policy that it stands in", function()
    local p, faults = policies.with "function p.clients.logs.pause() p.clients.logs.fetch = nil end"
    assert.is_nil(p)
    assert.truthy(faults[1].text:find "clients.logs.fetch is set when the policy is read, not by a hook")
    p = with "p.clients.logs.fetch = function() return 1 end p.clients.logs.fetch = nil"
    assert.is_false((p:ask("clients.logs.fetch", check.sample("shared", true), here)))
    p:close()
  end)
end)

describe("a swap", function()
  it("begins to count the failures of hooks anew", function()
    local p = with "function p.clients.logs.pause(here)\nif here.hour == 23 then error 'no' end end"
    local night = check.sample("here", true)
    night.hour = 23
    for _ = 1, 3 do p:ask("clients.logs.pause", night) end
    assert.same({ { hook = "clients.logs.pause", count = 3, why = "my.lua:3: no" } }, p:failed_hooks())
    p:swap(with "function p.clients.logs.pause(here)\n\nif here.hour == 23 then error 'never' end end")
    assert.same({}, p:failed_hooks())
    p:ask("clients.logs.pause", night)
    assert.same({ { hook = "clients.logs.pause", count = 1, why = "my.lua:4: never" } }, p:failed_hooks())
    p:close()
  end)

  it("puts another policy in the place of the one that is held", function()
    local p = with "p.swarm = 'one'\nfunction p.clients.logs.pause() return true, 'one' end"
    for _ = 1, 2 do assert.same({ true, "one" }, { p:ask("clients.logs.pause", here) }) end
    p:swap(with "p.swarm = 'two'\nfunction p.clients.logs.pause(here) return here.battery == 80, 'two' end")
    assert.equal("two", p:get "swarm")
    assert.same({ true, "two" }, { p:ask("clients.logs.pause", here) })
    p:close()
  end)
end)

describe("two runs of one policy", function()
  it("give the same answers in the same order, in two processes", function()
    local text = [[
      local policies = require "spec.policy.policies"
      local p = assert(policies.with("function p.clients.logs.pause(here) local s = {} "
        .. "for k, v in pairs { zeta = 1, alpha = 2, [3] = 3, mid = {} } do s[#s + 1] = k .. tostring(v) end "
        .. "return true, table.concat(s, ' ') end"))
      print((select(2, p:ask("clients.logs.pause", {}))))
    ]]
    local name = os.tmpname()
    local script = assert(io.open(name, "w"))
    script:write("dofile 'spec/helper.lua'\n", text)
    script:close()
    for _ = 1, 3 do
      local pipe = io.popen("lua5.4 " .. name)
      assert.equal("33 alpha2 midtable zeta1\n", pipe:read "a")
      pipe:close()
    end
    os.remove(name)
  end)
end)

describe("the facts of a caller", function()
  it("are held against the table", function()
    assert.same({}, check.wrong("here", check.sample("here", true)))
    assert.same({}, check.wrong("here", check.sample("here", false)))
    local wrong = { verb = "propose", bukcet = "x", permission = {} }
    assert.same({ "no bucket", "no key", "no mine", "no signer", "no size", "undocumented bukcet",
      "undocumented permission" }, check.wrong("news", wrong))
    assert.same({ "permission: undocumented log" }, check.wrong("here", { id = 1, name = "a", type = "x", tags = {},
      permission = { log = true } }))
  end)

  it("of this node are what lua/node_facts.lua measures", function()
    local facts = require "node_facts".new { loop = { now = function() return 5 end }, board = require "core.board",
      disk = require "core.disk".real(),
      id = "12D3KooWQ1vB", name = "ada", share = "/", root = "" }:facts()
    assert.same({}, check.wrong("here", facts))
  end)
end)
