-- ping_spec.lua - pings and traces of neighbours: what a person may name, what answers, what is no answer. In the
-- simulator; over routes and relays, by whole daemons: spec/e2e/trace_spec.lua.
local conversation = require "clients.control.conversation"
local messages = require "comms.messages"
local policies = require "spec.policy.policies"
local sim = require "sim"

describe("ping", function()
  local policy, w, ada, donald
  before_each(function()
    policy = assert(policies.with "")
    w = sim.new { seed = 1, policy = policy, delay = { 7, 7 } }
    ada, donald = w:add "ada", w:add "donald"
    w:run(5000)
  end)
  after_each(function() policy:close() end)

  -- What NODE's client would read → all answers, the last one as control makes it: { answer } | { nil, text, code, … }
  local function begin(node, command, to, more)
    local heard = { cancels = {} }
    local request = { command = command, to = to }
    for name, value in pairs(more or {}) do request[name] = value end
    node.commands:run(request, setmetatable({ on_cancel = function(_, fn) table.insert(heard.cancels, fn) end },
      { __call = function(_, ...)
        heard[#heard + 1] = table.pack(...)
        return true
      end }))
    return heard
  end

  local function ask(node, command, to, more)
    local heard = begin(node, command, to, more)
    w:run(60 * 1000)
    return table.unpack(heard[#heard], 1, heard[#heard].n)
  end

  it("is answered by the node that is named in any way, in the time that it takes", function()
    for _, name in ipairs { "donald", donald.id, "~" .. donald.id:sub(-4), "/dswarm/donald",
      ("/dswarm/%s/brain"):format(donald.id) } do
      local answer = ask(ada, "ping", name, { count = 2 })
      assert.same({ donald.id, "donald", 2, 2 }, { answer.id, answer.label, answer.sent, answer.answered }, name)
      assert.same({ 14000, 14000 }, { answer.tries[1].rtt_us, answer.tries[2].rtt_us })
    end
  end)

  it("is told as it comes, and ended where nobody reads any more", function()
    local heard = begin(ada, "ping", "donald", { count = 3 })
    w:run(300)
    assert.same({ "asking", 1, 2 }, { heard[1][1].event, heard[2][1].try.n, #heard })
    for _, cancel in ipairs(heard.cancels) do cancel() end
    local lines = w.lines
    w:run(700)
    assert.equal(lines, w.lines) -- not one more ping
    assert.equal(2, #heard)
  end)

  it("asks nobody where too many answers go on already", function()
    local said, faults, owner = {}, 0, { refuse = function() end, log = {} }
    function owner.begin_conversation() return nil, "full: too many", "full" end
    function owner.log.error() faults = faults + 1 end
    local client = { owner = owner, output = "", finish = function(_, line) said[#said + 1] = line end }
    local lines = w.lines
    for _, command in ipairs { "ping", "trace" } do
      local request = { command = command, to = "donald" }
      ada.commands:run(request, conversation.new(client, request))
    end
    w:run(100)
    assert.same({ 2, 0, lines }, { #said, faults, w.lines })
  end)

  it("of a trace has no hop: the neighbour answers itself", function()
    local answer = ask(ada, "trace", "donald")
    assert.same({ true, 1, donald.id, 14000 }, { answer.done, #answer.hops, answer.hops[1].id, answer.hops[1].rtt_us })
  end)

  it("is said again where it is lost, and told as slow after ten seconds", function()
    w.cut[donald.host] = true
    local heard = begin(ada, "ping", "donald", { count = 1 })
    w:run(1500)
    w.cut[donald.host] = nil
    w:run(1500)
    local answer = heard[#heard][1]
    assert.same({ 1, 2, 2014000 }, { answer.answered, answer.tries[1].tries, answer.tries[1].rtt_us })
    w.cut[donald.host] = true
    answer = ask(ada, "ping", "donald", { count = 1 })
    assert.same({ 0, "slow", 3 }, { answer.answered, answer.tries[1].code, answer.tries[1].tries })
  end)

  it("is refused where nobody or several are meant, with what to type for each", function()
    local other = w:add "donald2"
    other.name = "donald"
    other.comms.beacon.name = "donald"
    other.clients:apply(policy, {})
    w:run(60 * 1000)
    local _, text, code, candidates = ask(ada, "ping", "donald")
    assert.same({ "ambiguous", 2 }, { code, #candidates }, text)
    for _, one in ipairs(candidates) do
      local answer = ask(ada, "ping", one.say, { count = 1 })
      assert.equal(1, answer.answered)
      assert.truthy(one.text:find(answer.id, 1, true))
    end
    for word, expected in pairs { doanld2 = "missing", ada = "address", ["/ip4/1.2.3.4"] = "address", [""] = "form",
      ["a b"] = "form", [("/x"):rep(1000)] = "form", ["/dswarm/nobody"] = "missing" } do
      assert.equal(expected, select(3, ask(ada, "trace", word)), word)
    end
    for _, count in ipairs { 0, -1, 1001, 1.5, "x" } do
      assert.equal("form", select(3, ask(ada, "ping", "donald", { count = count })))
    end
  end)

  it("has no way to one whom nobody here knows, and says so at once", function()
    local heard = begin(ada, "ping", "12D3KooWQ1vBXn8rCzEe4yqS5kTq7Zy3mCw2Jd9hUu1o5Ls17f3a")
    w:run(100)
    local answer = heard[#heard][1]
    assert.same({ 0, 1, "address", ada.id }, { answer.answered, answer.sent, answer.tries[1].code, answer.tries[1].id })
  end)

  -- What donald's component makes of REST, from a source that many hear or one; → true | nil, text, code; its answer.
  local function hear(rest, to, broadcast, kind)
    local flow, said = donald.comms.peers.by_id[ada.id].flows[1], nil
    local source = setmetatable({ broadcast = broadcast }, { __index = flow.source })
    local ok, text, code = donald.routing.components.ping({ kind = kind or "ping", rest = rest, to = to }, source,
      function(message)
        said = message
        return true
      end)
    return ok, text, code, said
  end

  it("is signed for who asks, and not for all at once or without form", function()
    local nonce = ("A"):rep(22)
    local here, everybody = ("/dswarm/%s/ping"):format(donald.id), "/dswarm/*/ping"
    for _, broadcast in ipairs { true, false } do
      local _, _, _, said = hear(nonce .. " " .. ada.id, here, broadcast)
      local facts = messages.parse_pong(said.rest)
      assert.same({ nonce, ada.id, donald.id }, { facts.nonce, facts.asker, facts.id })
      assert.is_true(donald.comms.checks.signed(facts, "pong", donald.swarm))
    end
    assert.is_true(hear(nonce .. " " .. ada.id, everybody, false))
    assert.equal("address", select(3, hear(nonce .. " " .. ada.id, everybody, true)))
    for _, rest in ipairs { "", nonce, nonce .. " ada", nonce .. " " .. ada.id .. " x", "AAA " .. ada.id } do
      assert.equal("form", select(3, hear(rest, here)), rest)
    end
    assert.equal("kind", select(3, hear("", here, false, "statements")))
  end)

  it("takes no pong but the one that it waits for", function()
    local asked = ada.ping.questions
    local told
    asked:ask(("/dswarm/%s/ping"):format(donald.id), 8, donald.id, function(answer) told = answer end)
    w.cut[donald.host] = true
    w:run(100)
    local nonce = next(asked.by_nonce)
    local function pong(node, of_nonce, asker, spoil)
      local rest = messages.pong(node.key, node.swarm, of_nonce, asker, { id = donald.id, boot = 1, tcp = 0, http = 0 })
      if spoil then rest = spoil(rest) end
      return select(3, asked:pong { rest = rest })
    end
    local function flip(rest) return (rest:sub(1, 1) == "A" and "B" or "A") .. rest:sub(2) end
    assert.equal("nonce", pong(donald, ("A"):rep(22), ada.id))
    assert.equal("nonce", pong(donald, nonce, donald.id))
    assert.equal("signature", pong(ada, nonce, ada.id)) -- in donald's name
    assert.equal("signature", pong(donald, nonce, ada.id, flip))
    assert.equal("form", select(3, asked:pong { rest = "x" }))
    assert.is_nil(told)
    assert.is_nil(pong(donald, nonce, ada.id))
    assert.equal(donald.id, told.id)
    assert.equal("nonce", pong(donald, nonce, ada.id)) -- a second time
  end)

  it("believes a hop that a line ends there where it signs that for just this line", function()
    local asked, told = ada.ping.questions, nil
    asked:ask(("/dswarm/%s/ping"):format(donald.id), 8, donald.id, function(answer) told = answer end)
    w.cut[donald.host] = true
    w:run(100)
    local ref = next(asked.by_ref)
    local function unreachable(node, of_ref, id, spoil)
      local words = ("%s hops %s"):format(of_ref, id)
      local rest = node.key:sign("unreachable", node.swarm, words) .. " " .. words
      return select(3, asked:unreachable { rest = spoil and spoil(rest) or rest })
    end
    assert.equal("nonce", unreachable(donald, ("A"):rep(11), donald.id))
    assert.equal("signature", unreachable(ada, ref, donald.id))
    local function turn(rest) return (rest:gsub(" hops ", " full ")) end
    assert.equal("signature", unreachable(donald, ref, donald.id, turn))
    for _, rest in ipairs { "", "x", ("A"):rep(86) .. " " .. ref .. " hops", ("A"):rep(9000) } do
      assert.equal("form", select(3, asked:unreachable { rest = rest }), rest)
    end
    assert.is_nil(told)
    assert.is_nil(unreachable(donald, ref, donald.id))
    assert.same({ donald.id, "hops", 1 }, { told.id, told.code, told.tries })
    assert.equal("nonce", unreachable(donald, ref, donald.id))
  end)

  it("proves no address, whatever is asked and answered", function()
    local peer = ada.comms.peers.by_id[donald.id]
    local flow = ada.comms.peers:best(peer)
    local proved = flow.proved
    w:run(1000)
    assert.equal(1, ask(ada, "ping", "donald", { count = 1 }).answered)
    assert.equal(proved, flow.proved)
  end)
end)
