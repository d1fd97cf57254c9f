-- remote_spec.lua - who may ask another node for what, and what comes back: refusals by their words, answers that go
-- on, an end at both sides. In the simulator; the command line and an operator's key: spec/e2e/remote_spec.lua.
local json = require "core.json"
local labs = require "spec.labs"
local policies = require "spec.policy.policies"
local sim = require "sim"
local text = require "core.text"
local unreachables = require "routing.answers"

local TOY <const> = { reads = true }

describe("a node that is asked by another", function()
  local policy, w, ada, donald, lab

  -- A conversation of the control socket with NODE. → what was said: { answer } | { nil, text, code }; and `lines`, the
  -- other node's answers
  local function begin(node, request, to)
    local heard = { text = "", cancels = {} }
    local reply = { run = function(_, fn) fn() end, on_room = function() end, on_line = function() end }
    function reply.on_cancel(_, fn) table.insert(heard.cancels, fn) end
    node.commands:run({ command = "call", to = to or donald.id, request = request }, setmetatable(reply, {
      __call = function(_, ...)
        heard[#heard + 1] = table.pack(...)
        local answer = ...
        if answer and answer.bytes then heard.text = heard.text .. text.unbase64(answer.bytes) end
        return true
      end }))
    return heard
  end

  local function answers(heard)
    local list = {}
    for line in heard.text:gmatch "([^\n]*)\n" do list[#list + 1] = json.decode((line:gsub("^ +", ""))) end
    return list
  end

  -- The only answer | nil, the word of the refusal, its text: the other node's, or our own.
  local function ask(node, request, to)
    local heard = begin(node, request, to)
    w:run(8000)
    local answer, last = answers(heard)[1], heard[#heard]
    if answer and answer.error then return nil, answer.error.word, answer.error.text end
    if answer then return answer end
    return nil, last[3], last[2]
  end

  local function start(body, options)
    policy = assert(policies.with(body or ""))
    w = sim.new { seed = 1, policy = policy, delay = { 5, 5 } }
    ada, donald = w:add("ada", options), w:add("donald", options)
    w:run(5000)
  end

  after_each(function() policy:close() end)

  it("answers a member what only reads, as if he asked here", function()
    start()
    local own
    donald.commands:run({ command = "identity" }, function(answer) own = answer end)
    donald.commands:add("toy", function(_, reply) reply { toy = ("x"):rep(20000) } end, TOY)
    assert.equal(20000, #ask(ada, { command = "toy" }).toy)
    assert.equal(donald.id, ask(ada, { command = "discover" }, "donald").nodes[1].id)
    assert.is_nil(own)
  end)

  it("does not tell what is told on its own machine alone, and changes nothing for a member", function()
    start()
    local changed = 0
    donald.commands:add("turn", function(_, reply)
      changed = changed + 1
      reply {}
    end)
    donald.commands:add("secret", function(_, reply) reply {} end, { reads = true, here = "look there" })
    local _, word, why = ask(ada, { command = "turn" })
    assert.same({ "permission", 0 }, { word, changed })
    assert.matches("a member may not ask for turn here: admins may change", why, 1, true)
    _, word, why = ask(ada, { command = "secret" })
    assert.same({ "permission", "permission: secret is not for others to ask: look there" }, { word, why })
    _, word = ask(ada, { command = "nothing" })
    assert.equal("kind", word)
  end)

  it("asks its policy, which is told who asks for what", function()
    start [[
      function p.clients.control.allow(request)
        if request.command == "discover" then return false, "not today" end
        return request.command == "turn" and request.reads == false and request.role == "member"
          and #request.peer == 52 and request.via == "udp" and request.name == "ada"
      end]]
    local changed
    donald.commands:add("turn", function(_, reply)
      changed = true
      reply {}
    end)
    local _, word, why = ask(ada, { command = "discover" })
    assert.same({ "permission", true }, { word, why:find("not today", 1, true) ~= nil })
    assert.is_truthy(ask(ada, { command = "turn" }))
    assert.is_true(changed)
  end)

  it("is asked only once for what nobody knows here: there it may be a change", function()
    start()
    donald.commands:add("turn", function(_, reply) reply {} end)
    for command, reads in pairs { turn = false, discover = true } do -- any order
      local told
      ada.commands:run({ command = "call", to = donald.id, look = true, request = { command = command } },
        function(answer) told = answer end)
      assert.equal(reads, told.reads, command)
    end
  end)

  it("is not asked for more than a call may carry", function()
    start()
    local got, word, why = ask(ada, { command = "toy", what = ("x"):rep(65300) })
    assert.same({ nil, "long" }, { got, word })
    assert.truthy(why:find("64 KiB", 1, true))
    assert.same({}, ada.remote.calls.by_tag)
  end)

  it("is not asked for what no call can carry, which is said at once", function()
    start()
    for _, what in ipairs { "a\tb", "a\xffb", 1.5 } do
      local got, word, why = ask(ada, { command = "toy", what = what })
      assert.same({ nil, "form" }, { got, word })
      assert.truthy(why:find("control characters", 1, true))
    end
    assert.same({}, ada.remote.calls.by_tag)
  end)

  it("answers nobody who is no member of its lab, and makes no change before it was compared", function()
    lab = labs.new { name = "robotics" }
    start("function p.clients.control.allow() return true end", { lab = lab.lab })
    donald.commands:add("toy", function(_, reply) reply { toy = 1 } end, TOY)
    donald.commands:add("turn", function(_, reply) reply {} end)
    assert.equal(1, ask(ada, { command = "toy" }).toy)
    assert.is_truthy(ask(ada, { command = "turn" }))
    function donald.dcache.trust.settled() return nil, "permission: not compared yet", "permission" end
    assert.same({ "permission", "permission: not compared yet" }, { select(2, ask(ada, { command = "turn" })) })
    assert.equal(1, ask(ada, { command = "toy" }).toy)
    local bare = lab:read()
    bare.token = nil
    local eve = w:add("eve", { lab = bare })
    w:run(5000)
    local _, word = ask(eve, { command = "toy" })
    assert.equal("stranger", word)
    _, word = ask(ada, { command = "toy" }, "eve")
    assert.equal("stranger", word)
    assert.equal(0, donald.remote.service:facts().running)
  end)

  it("goes on with an answer until the asker is gone, and leaves nothing behind", function()
    start()
    local told, over, say = 0, 0, nil
    donald.commands:add("follow", function(_, reply)
      say = function()
        told = told + 1
        return reply({ n = told }, true)
      end
      reply:on_cancel(function() over = over + 1 end)
      say()
    end, TOY)
    local heard = begin(ada, { command = "follow" })
    w:run(3000)
    say()
    w:run(3000)
    local list = answers(heard)
    assert.same({ 1, 2, true }, { list[1].n, list[2].n, list[2].continues })
    assert.same({ 1, 0 }, { donald.remote.service.conversations, over })
    for _, cancel in ipairs(heard.cancels) do cancel() end
    w:run(5000)
    assert.same({ 0, 1 }, { donald.remote.service.conversations, over })
    assert.is_false(say())
    assert.same({}, ada.remote.calls.by_tag)
  end)

  it("ends what goes on for who is revoked, and tells him why", function()
    lab = labs.new { name = "robotics" }
    start("", { lab = lab.lab })
    local over, say = 0, nil
    donald.commands:add("follow", function(_, reply)
      reply:on_cancel(function() over = over + 1 end)
      function say() return reply({ n = 1 }, true) end
      say()
    end, TOY)
    local heard = begin(ada, { command = "follow" })
    w:run(3000)
    assert.same({ 1, 0 }, { #answers(heard), over })
    donald.comms:offer({ lab:revoke(lab.root, ada.id) }, function() end)
    w:run(5000)
    assert.equal(1, over)
    assert.is_falsy(say())
    assert.same({ 1, "stranger" }, { #answers(heard), heard[#heard][3] })
  end)

  it("is silent, and that no way leads there is said in time", function()
    start()
    w.cut[donald.host] = true
    local heard = begin(ada, { command = "discover" })
    w:run(40 * 1000)
    assert.same({ "address", true }, { heard[#heard][3], heard[#heard][2]:find("no way to", 1, true) ~= nil })
    assert.same({}, ada.remote.calls.by_tag)
  end)

  -- The control socket counts each refusal by its word, and one that is none would end no conversation.
  it("refuses with a word that is none, as a hop may, too: that is passed on as none", function()
    start()
    local callee = donald.remote.service.callee
    function callee.refused() end
    function callee.may() return nil, "evil: no", "evil" end
    local _, word, why = ask(ada, { command = "discover" })
    assert.same({ "form", "evil: no" }, { word, why })

    local sent
    function ada.routing.send(_, message)
      sent = message
      return true
    end
    local heard = begin(ada, { command = "discover" })
    w:run(5000)
    local function unreachable(code)
      local words = ("%s %s %s"):format(unreachables.ref(sent), code, donald.id)
      return ada.remote.calls:unreachable(donald.key:sign("unreachable", ada.swarm, words) .. " " .. words)
    end
    assert.equal("form", select(3, unreachable "evil"))
    assert.equal(1, #heard)
    assert.is_true(unreachable "hops")
    assert.equal("hops", heard[2][3])
  end)
end)
