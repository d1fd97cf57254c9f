-- strangers_spec.lua - who has no standing in the lab: refused before the signature, shown, and let in by a token.
local batch, key, record = require "core.batch", require "core.key", require "core.record"
local intake, peers, quota = require "comms.intake", require "comms.peers", require "comms.quota"
local labs = require "spec.labs"
local simloop = require "sim.loop"
local strangers = require "comms.strangers"
local stub = require "spec.net.stub"

local lab = labs.new { name = "robotics", robots = 40 }
local CLASSES <const> = {
  { name = "trust", max_ttl = 366 * 86400, size = 1024, slots = 64, kept = true, buckets = { "trust/…" } },
  { name = "presence", max_ttl = 1200, size = 1024, slots = 9, buckets = { "peer" } },
}

-- The part of a node between a frame and its records. MEMBERS: IDs that stand; the token counts while `box.counts`.
local function new(members)
  local box = { loop = simloop.new(), refused = {}, taken = {}, rows = {}, checks = 0, counts = true }
  local stands = {}
  for _, id in ipairs(members or {}) do stands[id] = true end
  local index = record.new(CLASSES, lab.root:id())
  index:admit(members or {})
  local trust = {}
  function trust.lets_in(_, st)
    local data = require "core.json".decode(st.data)
    if not box.counts or type(data) ~= "table" or data.token ~= lab.token_id then return false, false end
    box.checks = box.checks + 1
    return key.verify(lab.token_id, "enrol", lab.swarm, st.signer, data.proof) == true, true
  end
  function trust.let_in(_, id)
    stands[id] = true
    index:admit({ id }, true)
  end
  box.dcache = { trust = trust }
  function box.dcache.check_batch(_, list) return list:check(index) end
  function box.dcache.take_batch(_, list, from, to)
    for i = from, to do assert.truthy(index:put(list:statement(i))) end
    return to - from + 1, true, false
  end
  box.index, box.stands = index, stands
  box.peers = peers.new { loop = box.loop, stands = function(id) return stands[id] == true end }
  box.waste = quota.new { loop = box.loop, rate = 50, burst = 200 }
  local function taken(list, from, to)
    for i = from, to do table.insert(box.taken, list:statement(i).signer) end
  end
  local common = { loop = box.loop, swarm = lab.swarm, peers = box.peers, dcache = box.dcache, waste = box.waste,
    allowed = function(source) return box.waste:allows(source.principal, true) end,
    charge = function(principal) box.waste:charge(principal) end, taken = taken,
    checks = { statement = function(st, swarm)
      box.checks = box.checks + 1
      return st:verify(swarm)
    end },
    refused = function(word) box.refused[word] = (box.refused[word] or 0) + 1 end,
    heard = function() end, time_evidence = { hear = function() end }, newer = { hear = function() end },
    verify = { add = function(_, _, n, _, done)
      done(1, n)
      return n
    end } }
  common.strangers = strangers.new(common)
  box.strangers = common.strangers
  common.strangers:on_peer(function(st) table.insert(box.rows, st.signer) end)
  box.intake = intake.new(common)
  return box
end

local function from(kind, host) return stub.source(stub.channel(kind, { judged = function() end }), host, {}) end

local function say(box, source, lines) return box.intake:frame(batch.new(table.concat(lines, "\n")), source) end

local function peer_word(robot, more)
  return lab:line(robot.key, { bucket = "peer", ttl = 1200, at = more and more.at,
    data = more and more.data or { name = robot.name } })
end

-- LINE as KEY signs it elsewhere: here its signature fits nothing.
local function of_another_swarm(line, signer)
  local st = labs.statement(line)
  return labs.sign(signer, "elsewhere", { bucket = st.bucket, key = st.key, at = st.at + 1000, data = st.data,
    valid_until = st.valid_until }).line
end

describe("a stranger to the lab", function()
  it("is shown by his newest peer word, which is not kept, and by nothing else", function()
    local box, robot = new(), lab.robots[1]
    local word, older = peer_word(robot), peer_word(robot)
    word, older = older, word
    say(box, from("udp", "10.0.0.1"), { word, older, word, peer_word(robot, { data = { name = "\27[2J" } }),
      lab:dismiss(robot.key, "peer", robot.id) })
    assert.same({ robot.id }, box.rows)
    assert.equal("robot1", box.peers.by_id[robot.id].name)
    assert.same({ 1, 0, { stranger = 5 } }, { box.checks, box.index:count(), box.refused })
    say(box, from("udp", "10.0.0.1"), { of_another_swarm(peer_word(robot), robot.key),
      lab:revoke(robot.key, lab.root:id()) })
    assert.same({ { robot.id }, 2 }, { box.rows, box.checks })
  end)

  it("is a member at once by a token that counts, and said words of his come after", function()
    local box, robot = new(), lab.robots[1]
    local ok = say(box, from("udp", "10.0.0.1"), { peer_word(robot), lab:enrol(robot) })
    assert.is_true(ok)
    assert.same({ { robot.id }, 1, { stranger = 1 } }, { box.taken, box.index:count(), box.refused })
    assert.is_true(say(box, from("udp", "10.0.0.1"), { peer_word(robot) }))
    assert.equal(2, box.index:count())
  end)

  it("who was refused for coming before his enrolment is known once he stands, though nobody says it again", function()
    local box, robot, other = new(), lab.robots[1], lab.robots[2]
    local source = from("tcp", "10.0.0.1")
    say(box, source, { peer_word(robot), peer_word(other) })
    box.strangers:stand_now()
    assert.same({ {}, 0 }, { box.taken, box.index:count() })
    say(box, source, { peer_word(robot), lab:enrol(robot) })
    box.strangers:stand_now()
    box.strangers:stand_now()
    assert.same({ { robot.id, robot.id }, 2 }, { box.taken, box.index:count() })
    box.stands[other.id] = true
    box.index:admit({ other.id }, true)
    source.channel.closed = true
    box.strangers:stand_now()
    assert.equal(2, box.index:count())
  end)

  it("stays outside with a false proof, a proof for another key, a token that counts no more, a forged word", function()
    local box, a, b = new(), lab.robots[1], lab.robots[2]
    local other = lab.token:sign("enrol", lab.swarm, b.id)
    local forged = of_another_swarm(lab:enrol(a), a.key)
    say(box, from("udp", "10.0.0.1"), { lab:enrol(a, labs.key "another token"), forged,
      lab:line(a.key, { bucket = "trust/enrolled", data = { name = "a", proof = other, token = lab.token_id } }),
      lab:dismiss(a.key, "trust/enrolled", a.id) })
    box.counts = false
    say(box, from("udp", "10.0.0.1"), { lab:enrol(a) })
    assert.same({ {}, 0, { stranger = 5 } }, { box.taken, box.index:count(), box.refused })
  end)

  it("costs no more than 25 signatures a second, and 5 for each proved source; the honest get theirs back", function()
    local box = new()
    local function flood(source, n, make)
      local before = box.checks
      for i = 1, n do say(box, source, { make(lab.robots[i % 40 + 1]) }) end
      return box.checks - before
    end
    local other = labs.key "another token"
    local function false_proof(robot)
      return lab:line(robot.key, { bucket = "trust/enrolled", data = { name = robot.name, token = lab.token_id,
        proof = other:sign("enrol", lab.swarm, robot.id) } })
    end
    assert.equal(10, flood(from("udp", "10.0.0.1"), 80, peer_word))
    local proofs = flood(from("udp", "10.0.0.2"), 80, false_proof)
    assert.is_true(proofs > 0 and proofs <= 15, proofs .. " beside who says who he is")
    box.loop:run_until(box.loop.time + 1000)
    assert.equal(5, flood(from("tcp", "10.0.0.3"), 80, peer_word))
    assert.equal(5, flood(from("tcp", "10.0.0.4"), 80, peer_word))
    box.loop:run_until(box.loop.time + 1000)
    local source = from("tcp", "10.0.0.5")
    for i = 1, 40 do assert.is_true(say(box, source, { lab:enrol(lab.robots[i]) })) end
    assert.equal(40, #box.taken)
  end)

  it("by a token that counts no more costs no signature: a link may bring many, and then one who is let in", function()
    local box, source = new(), from("tcp", "10.0.0.1")
    box.counts = false
    for i = 1, 39 do say(box, source, { lab:enrol(lab.robots[i]) }) end
    assert.equal(0, box.checks)
    box.counts = true
    assert.is_true(say(box, source, { lab:enrol(lab.robots[40]) }))
  end)

  it("of a member's host, over a link, costs what other words of members cost", function()
    local box, member = new { lab.robots[1].id }, lab.robots[1].id
    local link, elsewhere = from("tcp", "10.0.0.1"), from("udp", "10.0.0.1")
    local peer = box.peers:get(member)
    box.peers:prove(box.peers:heard(peer, elsewhere), peer)
    for i = 2, 40 do say(box, link, { peer_word(lab.robots[i]) }) end
    assert.equal(39, box.checks)
  end)

  it("displaces no member among the peers, however many there are", function()
    local box, members = new(), {}
    for i = 1, 1000 do
      members[i] = ("12D3member%04d"):format(i)
      box.stands[members[i]] = true
      box.peers:get(members[i])
    end
    for i = 1, 500 do
      local stranger = box.peers:get(("12D3a-stranger%04d"):format(i))
      box.peers:prove(box.peers:heard(stranger, from("udp", "10.0.0.1")), stranger)
    end
    assert.equal(1024, #box.peers.list)
    for i = 1001, 1024 do
      members[i] = ("12D3member%04d"):format(i)
      box.stands[members[i]] = true
      box.peers:get(members[i])
    end
    for _, id in ipairs(members) do assert.truthy(box.peers.by_id[id]) end
    local peer, fresh = box.peers:get "12D3a-stranger9999"
    assert.same({ "12D3a-stranger9999", true, nil }, { peer.id, fresh, box.peers.by_id["12D3a-stranger9999"] })
    assert.equal(1024, #box.peers.list)
    local few = new()
    for i = 1, 500 do few.peers:get(("12D3a-stranger%04d"):format(i)) end
    assert.equal(256, #few.peers.list)
  end)
end)
