-- shipped_spec.lua - each shipped policy loads, passes the double question, answers as it says.
local policy = require "policy"
local load = require "policy.load"
local page = require "policy.page"
local hooks = require "policy.hooks"
local check = require "policy.check"

local function shipped(name)
  local p, faults = policy.load(("policies/%s.lua"):format(name), { shipped = "policies" })
  return assert(p, faults and table.concat(load.report(faults), "\n"))
end

local function here(changes)
  local facts = check.sample("here", true)
  for key, value in pairs(changes or {}) do facts[key] = value end
  return facts
end

describe("the shipped policies", function()
  for _, name in ipairs { "duckiebot", "server", "lab" } do
    it(name .. " loads, and has a default for every hook and setting", function()
      local p = shipped(name)
      for _, row in ipairs(hooks.hooks) do assert.truthy(p:where(row.path), row.path) end
      for _, row in ipairs(hooks.settings) do
        if row[1] ~= "name" and row[1] ~= "type" then assert.not_nil(p:get(row[1]), row[1]) end
      end
      p:close()
    end)
  end

  it("share what the owner allows, by folder, never what looks private", function()
    local p = shipped "duckiebot"
    local function share(name, folder, permission)
      return (p:ask("clients.logs.share", { name = name, folder = folder or "", size = 1 },
        here { permission = { logs = permission } }))
    end
    assert.equal("lab", share("run.bag", "", true))
    assert.equal("public", share("run.bag", "public/today", true))
    assert.equal("lab", share("run.bag", "publicity", true))
    assert.is_false(share("run.bag", "", false))
    assert.is_false(share("run.bag", "", nil))
    for _, name in ipairs { ".env", "a.pem", "id_rsa", "core", "core.123", "x.part", "password.txt" } do
      assert.is_false(share(name, "", true), name)
    end
    p:close()
  end)

  it("let robots keep their own and a server fetch while room stays", function()
    local robot, server = shipped "duckiebot", shipped "server"
    local file = check.sample("shared", true)
    assert.is_false((robot:ask("clients.logs.fetch", file, here { store_free = 1e12 // 1 | 0 })))
    assert.equal(7, (server:ask("clients.logs.fetch", file, here { store_free = 50000000000 })))
    file.age = 100000
    assert.equal(3, (server:ask("clients.logs.fetch", file, here { store_free = 50000000000 })))
    assert.is_false((server:ask("clients.logs.fetch", file, here { store_free = 20000000000 })))
    assert.is_false((server:ask("clients.logs.fetch", file, { permission = {} })))
    robot:close()
    server:close()
  end)

  it("let a robot rest its files while it drives or is hot, and a server never", function()
    local robot, server = shipped "duckiebot", shipped "server"
    for _, facts in ipairs { here { driving = true }, here { driving = false, temperature = 80 },
      here { driving = false, battery = 20, charging = false } } do
      assert.is_true((robot:ask("clients.logs.pause", facts)))
      assert.is_false((server:ask("clients.logs.pause", facts)))
    end
    robot:close()
    server:close()
  end)

  it("pass on dismissals and trust first, and nothing back to where it came from", function()
    local p = shipped "duckiebot"
    local from, to = check.sample("channel", true), check.sample("channel", true)
    to.address = "/ip4/0.0.0.0/tcp/3825/dswarm-line"
    local function urgency(changes, back)
      local record = check.sample("news", true)
      for key, value in pairs(changes) do record[key] = value end
      return (p:ask("comms.rebroadcast", record, back and to or from, to, here()))
    end
    assert.equal(9, urgency { verb = "dismiss" })
    assert.equal(9, urgency { bucket = "trust/grant/x", class = "trust" })
    assert.equal(7, urgency { mine = true })
    assert.equal(5, urgency {})
    for _, bucket in ipairs { "peer", "pri/12D3KooWQ1vB/addresses" } do
      assert.same({ 6, 7, 1, 1 }, { urgency { bucket = bucket, renewed = false },
        urgency { bucket = bucket, mine = true },
        urgency { bucket = bucket, renewed = true }, urgency { bucket = bucket, mine = true, renewed = true } })
    end
    assert.is_false(urgency({ verb = "dismiss" }, true))
    from.kind, from.address = "ipfs", "/ipfs/x/dswarm-line"
    assert.is_false(urgency {}, "a newcomer does not tell all again what he read in a checkpoint")
    assert.equal(9, urgency { verb = "dismiss" })
    assert.equal(6, urgency { bucket = "peer", renewed = false }, "who is here stands in no checkpoint")
    p:close()
  end)

  it("say over IRC from a server dismissals first, then news of files, then the rest: nothing is barred", function()
    local p = shipped "server"
    local irc = check.sample("channel", true)
    irc.kind, irc.address = "irc", "/irc"
    local record = check.sample("news", true)
    assert.equal(5, (p:ask("comms.rebroadcast", record, nil, irc, here())))
    record.bucket = "peer"
    assert.equal(2, (p:ask("comms.rebroadcast", record, nil, irc, here())))
    record.mine = true
    assert.equal(5, (p:ask("comms.rebroadcast", record, nil, irc, here())))
    record.renewed = true
    assert.equal(1, (p:ask("comms.rebroadcast", record, nil, irc, here())))
    record.verb = "dismiss"
    assert.equal(8, (p:ask("comms.rebroadcast", record, nil, irc, here())))
    record.verb, record.bucket, record.mine = "propose", "trust/grant/x", false
    assert.equal(8, (p:ask("comms.rebroadcast", record, nil, irc, here())))
    p:close()
  end)

  it("hold what an allowed signer proposes and none dismisses", function()
    local p = shipped "duckiebot"
    local function word(verb, allowed) return { verb = verb, signer = "a", allowed = allowed } end
    local function holds(needed, ...)
      local record = check.sample("record", true)
      record.needed, record.statements = needed, { ... }
      return (p:ask("dcache.holds", record, here()))
    end
    assert.is_true(holds(1, word("propose", true)))
    assert.is_false(holds(1, word("propose", false)))
    assert.is_false(holds(2, word("propose", true)))
    assert.is_false(holds(1, word("propose", true), word("dismiss", true)))
    assert.is_true(holds(1, word("propose", true), word("dismiss", false)))
    p:close()
  end)

  local function ready(p, facts, in_window)
    local release = check.sample("release", true)
    release.in_window = in_window
    if in_window == nil then release.in_window = true end
    local yes, why = p:ask("clients.updates.ready", release, here(facts))
    return yes or why
  end

  it("update a robot at rest only, and say all that is in the way at once", function()
    local p = shipped "duckiebot"
    assert.is_true(ready(p))
    assert.is_true(ready(p, { battery = 20, charging = true }))
    assert.equal("driving", ready(p, { driving = true }))
    assert.equal("recording; battery 20 % under 40 %; 80 °C over 75 °C",
      ready(p, { recording = true, battery = 20, temperature = 80 }))
    assert.equal("outside ; emergency stop", ready(p, { estop = true }, false))
    local stock = here()
    stock.driving, stock.recording = nil, nil
    local release = check.sample("release", true)
    assert.same({ false, "driving is not known; recording is not known" },
      { p:ask("clients.updates.ready", release, stock) })
    p:close()
  end)

  it("update who is no robot though nobody knows that it stands, and a robot whose policy says so", function()
    local still = here()
    still.driving, still.recording = nil, nil
    local release = check.sample("release", true)
    local own = assert(load.from_chain({ { name = "my.lua", path = "my.lua",
      text = 'local p = extend "duckiebot"\np.clients.updates.ready = nil\nreturn p' }, { name = "duckiebot.lua",
      path = "policies/duckiebot.lua", text = assert(io.open "policies/duckiebot.lua"):read "a" } },
      { shipped = "policies" }))
    for _, p in ipairs { shipped "server", shipped "mule", own } do
      assert.is_true((p:ask("clients.updates.ready", release, still)))
      p:close()
    end
  end)

  it("want what is for all or has a tag in common, never hasten a turn, and go back from what is worse", function()
    local p = shipped "server"
    local release = check.sample("release", true)
    local function want(tags)
      release.tags = tags
      return { p:ask("clients.updates.want", release, here { tags = { "lab", "red" } }) }
    end
    assert.same({ true, "it is for all" }, want {})
    assert.same({ true, "tagged red" }, want { "blue", "red" })
    assert.same({ false, "no tag in common: it is for blue, green" }, want { "blue", "green" })
    local row = check.sample("row", true)
    assert.is_true((p:ask("clients.updates.go", check.sample("rollout", true), { row, row }, row)))
    local function healthy(before, now) return { p:ask("clients.updates.healthy", before, now) } end
    local was = { passed = 12, failed = 0, peers = 3 }
    assert.same({ true, "nothing worse than before" }, healthy(was, { passed = 9, failed = 1, worse = 0, peers = 1 }))
    assert.same({ false, "1 check is worse" }, healthy(was, { passed = 9, worse = 1, peers = 3 }))
    assert.same({ nil, "nothing was measured" }, healthy(was, {}))
    assert.same({ nil, "no other node is heard any more" }, healthy(was, { passed = 9, worse = 0, peers = 0 }))
    assert.same({ true, "nothing worse than before" }, healthy({ passed = 1 }, { passed = 9, worse = 0 }))
    p:close()
  end)

  it("let the lab prefer any way to IRC", function()
    local p = shipped "lab"
    local ways = { check.sample("way", true), check.sample("way", true) }
    ways[1].kind = "irc"
    assert.equal(ways[2], (p:ask("routing.prefer", "/x", ways, here())))
    p:close()
  end)
end)

describe("policies/README.md", function()
  it("is the page that hooks.lua makes", function()
    local file = assert(io.open "policies/README.md")
    assert.equal(page.text(load.names()), file:read "a")
    file:close()
  end)

  it("shows a policy that loads", function()
    local file = assert(io.open "policies/README.md")
    local text = file:read "a":match "```lua\n(.-)```"
    file:close()
    local p = assert(require "spec.policy.policies".load(text))
    assert.equal("lab-3", p:get "swarm")
    p:close()
  end)
end)
