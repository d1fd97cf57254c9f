-- membership_spec.lua - how a robot enrols in its lab by a token, when again, and why it is no member; what the command
-- `lab` refuses. In the simulator; whole daemons: spec/daemon_lab_spec.lua.
local labs = require "spec.labs"
local lab_module = require "dcache.lab"
local policies = require "spec.policy.policies"
local sim = require "sim"
local statement = require "core.statement"
local why_not = require "clients.membership.why_not"

local MINUTE <const>, DAY <const> = 60 * 1000, 24 * 60 * 60 * 1000
local HALF <const> = 200 -- days: half of max_ttl of class trust

describe("membership", function()
  local policy, w, lab
  before_each(function()
    policy = assert(policies.with "")
    w, lab = sim.new { seed = 1, policy = policy }, labs.new { name = "robotics", robots = 2 }
  end)
  after_each(function() policy:close() end)

  local function start(more)
    local given = { lab = lab.lab, identity = { id = lab.robots[1].id, key = lab.robots[1].key } }
    for name, value in pairs(more or {}) do given[name] = value end
    local node = w:add("duckie07", given)
    w:run(1000)
    return node
  end

  local function enrolment(node) return node.dcache:statement_of("trust/enrolled", node.id, node.id) end

  local function take(node, line)
    assert(node.dcache:take(assert(statement.parse(line))))
    w:run(1000)
  end

  -- Weeks pass in a moment, as for a robot that was off: another time of day, and nothing said by this run.
  local function days_later(node, days)
    local now = node.time.now
    node.time.now = function(...) return now(...) + days * DAY end
    node.membership.enrolment.said_at = nil
    node.membership.enrolment:check()
    w:run(1000)
  end

  local function ask(node, request)
    local found
    request.command = "lab"
    node.commands:run(request, function(...) found = table.pack(...) end)
    w:run(1000)
    return table.unpack(found, 1, found.n)
  end

  it("is said once, with the token's proof, and makes the robot a member", function()
    local node = start()
    local said = enrolment(node)
    assert.same({ "duckie07", lab.token_id }, { said.data.name, said.data.token })
    assert.is_true(require("core.key").verify(lab.token_id, "enrol", lab.swarm, node.id, said.data.proof))
    assert.is_true(node.dcache.trust:is_member(node.id))
    assert.is_nil(why_not.of(node))
    w:run(3 * 60 * MINUTE)
    assert.equal(said.at, enrolment(node).at)
    assert.is_truthy(lab.lab.token.seed) -- the spec's own; the node has it no more
    assert.is_nil(node.lab.token.seed)
  end)

  it("is not said again by a start, but where the robot has another name", function()
    local node = start()
    local said = enrolment(node)
    node:stop()
    local again = start { disk = node.disk, boot = 2 }
    assert.equal(said.at, enrolment(again).at)
    again.name = "duckie08"
    again.clients:apply(policy, {})
    w:run(1000)
    assert.same({ "duckie08", true }, { enrolment(again).data.name, enrolment(again).at > said.at })
  end)

  it("is renewed at half its time, unless a grant has come", function()
    local node = start()
    local said = enrolment(node)
    days_later(node, HALF - 1)
    assert.equal(said.at, enrolment(node).at)
    days_later(node, 2)
    assert.is_true(enrolment(node).at > said.at)
    local other = w:add("other", { lab = lab.lab, identity = { id = lab.robots[2].id, key = lab.robots[2].key } })
    w:run(1000)
    said = enrolment(other)
    take(other, lab:grant(lab.root, other.id, "member", { name = "other" }))
    days_later(other, HALF + 1)
    assert.equal(said.at, enrolment(other).at)
  end)

  it("is said anew by a robot without a clock, once it knows the time from a member's", function()
    local node = start { clock = false }
    local said = enrolment(node)
    assert.is_true(said.at < labs.AT - DAY) -- by the time at which the program was made
    w:add("other", { lab = lab.lab, identity = { id = lab.robots[2].id, key = lab.robots[2].key } })
    w:run(MINUTE)
    assert.is_true(enrolment(node).at >= labs.AT)
    assert.is_true(node.dcache.trust:is_member(node.id))
  end)

  it("is tried again where the disk took it not", function()
    local node = start { lab = lab.lab, clients = {} }
    local full, publish = true, node.publish
    node.publish = function(...)
      if full then return nil, "ENOSPC: no room", "ENOSPC" end
      return publish(...)
    end
    local handle = require "clients.handle".new(node, "membership")
    local enrolled = require "clients.membership.enrolment".new(handle)
    enrolled:start()
    w:run(10000)
    assert.is_nil(enrolment(node))
    full = false
    w:run(60000)
    assert.is_truthy(enrolment(node))
    enrolled:stop()
    handle:close(error)
  end)

  it("is said again with the grants to this key, twice when another came to stand, and no more", function()
    local node = start()
    local grant = lab:grant(lab.root, node.id, "member", { name = "duckie07" })
    local vain = lab:grant(lab.robots[2].key, node.id, "admin", { name = "duckie07" }) -- he may grant nothing
    take(node, grant)
    w:run(20000)
    local said, say_again = {}, node.comms.say_again_everywhere
    function node.comms.say_again_everywhere(own, short, ...)
      local st = statement.parse(node.dcache:line(short))
      if st.bucket:find "^trust/" then said[#said + 1] = st.bucket end
      return say_again(own, short, ...)
    end
    take(node, lab:grant(lab.root, lab.robots[2].id, "member", { name = "other" }))
    take(node, vain)
    w:run(2000)
    assert.same({ "trust/grants", "trust/enrolled" }, said)
    w:run(MINUTE)
    assert.same({ "trust/grants", "trust/enrolled", "trust/grants", "trust/enrolled" }, said)
    for _ = 1, 5 do node.comms.newcomers:call (node.comms.peers:get(lab.robots[2].id)) end
    w:run(MINUTE)
    assert.equal(6, #said) -- a crowd of members is greeted once
    node.comms.newcomers:call(node.comms.peers:get(labs.key "a stranger":id()))
    w:run(MINUTE)
    assert.equal(6, #said)
  end)

  it("that is none says why, and which grant to ask for", function()
    local function said(node)
      local fault = why_not.of(node)
      return fault.text, fault.cure
    end
    local node = start()
    take(node, lab:revoke(lab.root, node.id, { why = "stolen" }))
    local text, cure = said(node)
    assert.truthy(text:find("its key was revoked by", 1, true) and text:find("stolen", 1, true), text)
    assert.truthy(cure:find("trust/revoked " .. node.id, 1, true), cure)
    local bare = {}
    for name, value in pairs(lab.lab) do bare[name] = value end -- any order
    bare.token, bare.lines = nil, {}
    local second = w:add("second", { lab = bare, identity = { id = lab.robots[2].id, key = lab.robots[2].key } })
    w:run(1000)
    text, cure = said(second)
    assert.truthy(text:find("has no token", 1, true), text)
    assert.truthy(cure:find(("dt-swarm-cli trust grant %s member"):format(second.id), 1, true), cure)
    take(second, lab:grant(lab.root, second.id, "member", { valid_until = labs.AT // 16000 * 16 }))
    assert.equal("its grant is over", (said(second)))
  end)

  it("by another token is not given up for one that lets nobody in", function()
    local node, other = start(), labs.key "a token of the desk"
    lab.at = node.time:now()
    take(node, lab:line(lab.root, { bucket = "trust/tokens", key = other:id(), data = { most = 1, name = "desk" } }))
    take(node, lab:dismiss(lab.root, "trust/tokens", lab.token_id))
    w:run(20000)
    assert.is_false(node.dcache.trust:is_member(node.id))
    assert.matches("lets nobody in: it was cancelled", why_not.of(node).text)
    lab.at = node.time:now()
    take(node, lab:enrol(lab.robots[1], other))
    w:run(2 * 60 * MINUTE)
    assert.is_true(node.dcache.trust:is_member(node.id))
    assert.equal(other:id(), enrolment(node).data.token)
  end)

  it("is one more than the token lets in: of two robots and one place one is told so", function()
    lab = labs.new { name = "robotics", robots = 2, most = 1 }
    local one = start()
    local two = w:add("second", { lab = lab.lab, identity = { id = lab.robots[2].id, key = lab.robots[2].key } })
    w:run(20000)
    local outside = one.dcache.trust:is_member(one.id) and two or one
    assert.equal("token images lets in 1 robot, and this is one more", why_not.of(outside).text)
  end)

  it("is changed by a node only that can start anew, and once at a time", function()
    local node = w:add("open", {})
    local text = lab_module.write(lab.lab)
    local answer, err, code = ask(node, { join = text })
    assert.same({ nil, "closed" }, { answer, code })
    assert.truthy(err:find("cannot start anew", 1, true))
    local restarts = {}
    node.restart, node.lab_files = function(why) restarts[#restarts + 1] = why end, { "/state/lab" }
    node.disk:limit(1)
    answer, err, code = ask(node, { join = text })
    assert.same({ nil, "ENOSPC" }, { answer, code })
    assert.truthy(err:find("all is as it was", 1, true), err)
    assert.is_nil(node.disk:stat "/state/lab")
    node.disk:limit(1 << 30)
    answer = assert(ask(node, { join = text }))
    assert.same({ "robotics", { "lab join" } }, { answer.joined.name, restarts })
    assert.equal(text, node.disk:read("/state/lab", lab_module.BYTES_MAX))
    assert.equal("closed", select(3, ask(node, { join = text })))
    assert.equal("closed", select(3, ask(node, { leave = true })))
    assert.equal(1, #restarts)
  end)
end)
