-- pubsub_spec.lua - a topic as a channel, over a stub that answers as Kubo does: what goes wrong, and what comes back.
local kubo = require "routing.channels.kubo"
local named = require "routing.channels"
local policies = require "spec.policy.policies"
local kubo_stub = require "spec.net.kubo_stub"
local pubsub = require "routing.channels.pubsub"
local random = require "core.random"
local stub = require "spec.net.stub"
local till = require "spec.net.till"

local OFF <const> = '{"Message":"experimental pubsub feature not enabled, run daemon with '
  .. '--enable-pubsub-experiment to use","Code":0,"Type":"error"}'

describe("a topic", function()
  local loop, log, room, open
  before_each(function()
    loop, log, room, open = till.loop(), till.log(), {}, {}
  end)
  after_each(function()
    for _, one in ipairs(open) do one:close() end
    for _, one in ipairs(room) do one:stop() end
    loop:run "nowait"
    loop:close()
  end)

  local function channel(at, more)
    local given = { loop = loop, random = random.seeded(1), log = log, topic = "lab", api = at.api, retry_ms = 20 }
    for name, value in pairs(more or {}) do given[name] = value end
    local one = assert(pubsub.new(given))
    one.told = { frames = {}, ups = 0, downs = {}, rooms = 0 }
    stub.open(one, {
      on_frame = function(_, source, message)
        table.insert(one.told.frames, { source = source, message = message, text = stub.text(message) })
        return true
      end,
      on_up = function() one.told.ups = one.told.ups + 1 end,
      on_room = function() one.told.rooms = one.told.rooms + 1 end,
      on_down = function(_, why) table.insert(one.told.downs, why) end })
    pubsub.start(one)
    open[#open + 1] = one
    return one
  end

  local function holds(test) till.holds(loop, test, 5000) end
  local function is_up(one) return one:status().state == "up" end

  local function two(more)
    local a, b = channel(kubo_stub.new(room), more), channel(kubo_stub.new(room), more)
    holds(function() return is_up(a) and is_up(b) and a:status().members == 1 end)
    return a, b
  end

  local function ping(text) return { head = "* - 8 ping " .. text, kind = "ping" } end

  it("carries a message to the others, who know which peer said it; our own comes back and is known", function()
    local a, b = two()
    assert.is_true(a:send(ping "one"))
    holds(function() return #b.told.frames == 1 and a:status().heard_own == 1 end)
    local heard = b.told.frames[1]
    assert.equal("* - 8 ping one", heard.text)
    assert.same({ "ipfs-pubsub 12D3KooWStub1", "ipfs-pubsub 12D3KooWStub1 lab", true, false }, { heard.source.principal,
      heard.source.id, heard.source.broadcast, heard.source.own })
    assert.is_nil(heard.source.host)
    assert.equal(0, #a.told.frames)
  end)

  it("tells two daemons apart that use one Kubo", function()
    local shared = kubo_stub.new(room)
    local a, b = channel(shared), channel(shared)
    holds(function() return is_up(a) and is_up(b) end)
    assert.is_true(a:send(ping "one"))
    holds(function() return #b.told.frames == 1 and a:status().heard_own == 1 end)
    assert.is_true(b.told.frames[1].source.own)
    assert.equal(0, #a.told.frames)
  end)

  it("says who else came, so that they hear us", function()
    local a = channel(kubo_stub.new(room))
    holds(function() return is_up(a) and a:status().members == 0 end)
    local before = a.told.ups
    assert.matches("No other Kubo", a:status().note)
    channel(kubo_stub.new(room))
    holds(function() return a.told.ups > before end)
    assert.same({ 1 }, { a:status().members, a:status().note })
  end)

  it("survives a restart of Kubo", function()
    local a, b = two()
    room[1]:stop()
    holds(function() return a:status().state == "waiting" end)
    assert.equal(1, #a.told.downs)
    assert.is_nil((a:send(ping "lost")))
    room[1]:start()
    holds(function() return is_up(a) end)
    b:send(ping "two")
    holds(function() return #a.told.frames == 1 end)
  end)

  local function reason(one) return one:status().reason end

  it("waits for a Kubo that is away, and names what starts it", function()
    local gone = kubo_stub.new(room)
    gone:stop()
    local a = channel(gone)
    holds(function() return reason(a):find "no Kubo answers" end)
    assert.equal("ECONNREFUSED: no Kubo answers at " .. gone.api, reason(a))
    assert.matches("ipfs daemon", a:status().cure)
    assert.equal(0, a:budget())
    gone:start()
    holds(function() return is_up(a) end)
    assert.is_nil(a:status().cure)
  end)

  for name, case in pairs { -- any order: each by itself
    ["has pubsub off"] = { { refusal = { 500, OFF } }, "permission: .*pubsub switched off", "Pubsub.Enabled true" },
    ["wants an authorisation"] = { { refusal = { 403, "Forbidden" } }, "permission: .*authorisation", "AuthSecret" },
    ["takes unsigned messages"] = { { unsigned = true }, "permission: .*nobody signed", "DisableSigning false" },
    ["is none"] = { { version = "hello" }, "form: .*is no Kubo", "else" },
  } do
    it("waits slowly for one that " .. name, function()
      local there = kubo_stub.new(room)
      for field, value in pairs(case[1]) do there[field] = value end
      local a = channel(there)
      holds(function() return reason(a) ~= "Kubo is being asked" end)
      assert.matches(case[2], reason(a))
      assert.truthy(a:status().cure:find(case[3], 1, true))
      assert.is_nil(reason(a):find "%c")
      local asked = #there.asked
      till.passed(loop, 80)
      assert.equal(asked, #there.asked, "it waits for a person, not for milliseconds")
      assert.truthy(log:has "a topic waits")
    end)
  end

  it("waits no longer than it must for one that is starting, and says what that says", function()
    local there = kubo_stub.new(room)
    there.refusal = { 500, '{"Message":"not\tready","Code":0}' }
    local a = channel(there)
    holds(function() return reason(a):find "^form: Kubo says: not.*ready" end)
    assert.is_nil(reason(a):find "%c")
    there.refusal = nil
    holds(function() return is_up(a) end)
  end)

  it("warns of an old Kubo, and uses it", function()
    local old = kubo_stub.new(room)
    old.version = "0.42.1"
    local a = channel(old)
    holds(function() return is_up(a) end)
    assert.matches("Kubo 0.42.1 is older than 0.43", a:status().note)
    assert.truthy(log:has "an old Kubo")
    assert.same({ nil, nil, true }, { kubo.outdated "0.43.0", kubo.outdated "1.0.0-rc1",
      kubo.outdated "0.9.0" ~= nil })
  end)

  it("shows what it was told to show", function()
    local there = kubo_stub.new(room)
    local a = channel(there, { secret = function() return "basic:ada:se:cret" end })
    holds(function() return is_up(a) end)
    for _, head in ipairs(there.asked) do
      assert.truthy(head:find("Authorization: Basic YWRhOnNlOmNyZXQ=\r\n", 1, true))
    end
  end)

  it("waits for the secret that the policy names", function()
    local a = channel(kubo_stub.new(room), { secret = function() return nil, "missing: no secret", "missing" end })
    assert.same({ "waiting", "missing: no secret" }, { a:status().state, a:status().reason })
    till.passed(loop, 80)
    assert.equal(0, #room[1].asked)
  end)

  it("refuses what is no frame, hears on behind it, and is not stopped by a line without an end", function()
    local a = channel(kubo_stub.new(room))
    holds(function() return is_up(a) end)
    local good = '{"from":"12D","data":"uKiAtIDggcGluZyB4"}'
    room[1]:inject "nonsense\n\n{\"from\":\"x\"}\n{\"from\":\"12D\",\"data\":\"u!!\"}\n"
    room[1]:inject "{\"from\":\"12D\",\"data\":\"uAA\"}\n"
    for _ = 1, 8 do room[1]:inject(("x"):rep(50000)) end
    room[1]:inject("\n" .. good .. "\n")
    holds(function() return #a.told.frames == 1 end)
    assert.same({ form = 4, long = 1 }, a:status().refused)
    assert.equal("* - 8 ping x", a.told.frames[1].text)
  end)

  it("hands one message after another to Kubo, which drops what comes behind a later one", function()
    local a, b = two()
    local n, most = 0, 0
    room[1].drops = function()
      n = n + 1
      most = math.max(most, n)
      return false
    end
    room[1].published_later = function(reply) loop:after(5, function()
      n = n - 1
      reply()
    end) end
    for i = 1, 4 do assert.is_true(a:send(ping(tostring(i)))) end
    holds(function() return #b.told.frames == 4 end)
    local said = {}
    for i, heard in ipairs(b.told.frames) do said[i] = heard.text:match "%d$" end
    assert.same({ "1234", 1 }, { table.concat(said), most })
  end)

  it("sends no more at once than Kubo takes, and asks again", function()
    local a = two()
    room[1].hangs = true
    for _ = 1, 4 do assert.is_true(a:send(ping "x")) end
    assert.equal(0, a:budget(), "what is left is for answers")
    for _ = 1, 12 do assert.is_true(a:send(ping "x")) end
    local ok, _, code = a:send(ping "x")
    assert.same({ nil, "full" }, { ok, code })
    assert.equal(0, a:budget())
  end)

  it("is taken for gone where Kubo refuses what we say", function()
    local a = two()
    room[1].refusal = { 500, OFF }
    a:send(ping "x")
    holds(function() return a:status().state == "waiting" end)
    assert.matches("pubsub switched off", reason(a))
  end)

  it("lets a flood wait in Kubo: the loop goes on meanwhile", function()
    local a = channel(kubo_stub.new(room))
    holds(function() return is_up(a) end)
    local line = "{\"from\":\"12D\",\"data\":\"uKiAtIDggcGluZyB4\"}\n"
    for _ = 1, 100 do room[1]:inject(line:rep(100)) end
    local turns = 0
    local counting = loop:every(1, function() turns = turns + 1 end)
    holds(function() return #a.told.frames == 10000 end)
    counting:cancel()
    assert.is_true(turns > 20, turns .. " turns meanwhile")
  end)

  it("reads of a topic a bounded number of bytes a second, and believes no name that is none", function()
    local a = channel(kubo_stub.new(room))
    holds(function() return is_up(a) end)
    local line = ('{"from":"%s","data":"uKiAtIDggcGluZyB4"}\n'):format(("Q"):rep(200))
    for _ = 1, 400 do room[1]:inject(line:rep(40)) end
    local began = loop:now()
    till.holds(loop, function() return loop:now() - began > 1000 end, 10000)
    local may = (1 << 19) + ((loop:now() - began) << 18) // 1000 + (1 << 17)
    local read = (a:status().refused.form or #a.told.frames) * #line
    assert.is_true(read > 100000 and read <= may, read .. " bytes")
    assert.equal(0, #a.told.frames)
    for _, facts in ipairs { { version = "0.50." .. ("9"):rep(200) }, { id = ("Q"):rep(200) } } do
      local other = kubo_stub.new(room)
      for name, value in pairs(facts) do other[name] = value end
      local b = channel(other)
      holds(function() return #b.told.downs == 0 and (b:status().reason or ""):find "is no Kubo" end)
    end
  end)

  it("joins its Kubo to another's, and tells how it is joined", function()
    local a = two()
    assert.same({ "12D3KooWStub1", 4002 }, a:meeting())
    local joined
    a:meet("10.9.9.9", "12D3KooWOther", 4001, function(ok) joined = ok end)
    holds(function() return joined end)
    a:meet("fe80::9%eth0", "12D3KooWOther", 4001, function(ok) joined = ok and 2 end)
    holds(function() return joined == 2 end)
    assert.same({ "/ip4/10.9.9.9/tcp/4001/p2p/12D3KooWOther",
      "/ip6zone/eth0/ip6/fe80::9/tcp/4001/p2p/12D3KooWOther" }, room[1].joined)
  end)
end)

describe("a policy's line of a topic", function()
  local function channels(line)
    return policies.load("local p = extend \"default\"; p.routing.channels = { " .. line .. " }; return p")
  end

  it("may name Kubo's place and a secret, each of its own form", function()
    local p = assert(channels [[{ "/ipfs-pubsub/lab/dswarm-line", api = "/ip6/::1/tcp/5001",
      authorisation = secret "k" }]])
    local entry = p:get "routing.channels"[1]
    assert.same({ "/ip6/::1/tcp/5001", "k", "lab" }, { entry.api, entry.authorisation.secret,
      named.read(entry).topic })
    p:close()
    for _, option in ipairs { 'api = "http://127.0.0.1:5001"', 'api = "/dns4/localhost/tcp/5001"', "api = 5001",
      'authorisation = "bearer:x"' } do
      assert.is_nil((channels('{ "/ipfs-pubsub/lab/dswarm-line", ' .. option .. " }")), option)
    end
    local _, text = named.read { address = "/ip4/10.0.0.1/tcp/1/dswarm-line", api = "/ip4/127.0.0.1/tcp/5001" }
    assert.matches("an RPC is Kubo's", text)
  end)
end)

describe("Kubo's place", function()
  it("is an address in numbers", function()
    assert.equal("http://127.0.0.1:5001", kubo.url "/ip4/127.0.0.1/tcp/5001")
    assert.equal("http://[::1]:5001", kubo.url "/ip6/::1/tcp/5001")
    for _, text in ipairs { "/dns4/localhost/tcp/5001", "/ip4/127.0.0.1/udp/5001", "http://127.0.0.1:5001", "",
      "/ip4/127.0.0.1/tcp/5001/dswarm-line" } do
      assert.same({ "address" }, { select(3, kubo.url(text)) }, text)
    end
  end)
end)
