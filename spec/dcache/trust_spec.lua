-- The authority in force: who may say what in a lab, as a node has it; grants, revocations, newcomers, records, roots.
local disks = require "core.sim"
local file_key = require "spec.file_key"
local labs = require "spec.labs"
local policies = require "spec.policy.policies"
local sim = require "sim"
local statement = require "core.statement"

local MINUTE = 60 * 1000

-- A node of a new lab, with RULES (Lua) as its policy; hear(LINE) as if others had said it, after its signature was
-- checked: what a token lets in is let in.
local function world(rules, options)
  local policy = assert(policies.with(rules or ""))
  options = options or {}
  local lab = labs.new { name = "robotics", robots = 4, roots = options.roots, most = options.most }
  local w = sim.new { seed = 1, policy = policy }
  local function start(more)
    local given = { lab = lab.lab, identity = { id = lab.robots[1].id, key = lab.robots[1].key } }
    for name, value in pairs(more or {}) do given[name] = value end
    return w:add("ada", given)
  end
  local node = start(options)
  w:run(1000)
  local function hear(line, on)
    local st, one = assert(statement.parse(line)), on or node
    assert(st:verify(lab.swarm))
    if one.dcache.trust:lets_in(st) then one.dcache.trust:let_in(st.signer) end
    local ok, _, code = one.dcache:take(st)
    return ok or code
  end
  return { w = w, lab = lab, node = node, trust = node.dcache.trust, hear = hear, start = start,
    close = function() policy:close() end }
end

local function say(lab, robot, name, more)
  local fields = { bucket = "share/files", key = file_key(name),
    data = { class = "lab", names = require "core.json".array { name }, size = 1 } }
  for field, value in pairs(more or {}) do fields[field] = value end
  return lab:line(robot.key or robot, fields)
end

describe("who may say what", function()
  it("is everybody's affair without a lab", function()
    local policy = assert(policies.with "")
    local node = sim.new({ seed = 1, policy = policy }):add "ada"
    local trust = node.dcache.trust
    assert.same({ 1, "member", true, true, true }, { trust:level "x", trust:role "x", trust:stands "x",
      trust:is_member "x", (trust:settled()) })
    assert.is_nil(trust:verdict())
    assert.is_nil(node.disk:stat "/state/root")
    policy:close()
  end)

  it("is worked out from what is signed, soon after each word; strangers' words are not kept", function()
    local one = world()
    local lab, trust, robots = one.lab, one.trust, one.lab.robots
    assert.same({ 4, "root" }, { trust:level(lab.root:id()), trust:role(lab.root:id()) })
    assert.is_false(trust:stands(robots[2].id))
    assert.equal("stranger", one.hear(say(lab, robots[2], "a")))
    assert.is_true(one.hear(lab:enrol(robots[2])))
    assert.is_true(trust:stands(robots[2].id))
    assert.is_true(one.hear(say(lab, robots[2], "a")))
    one.w:run(1000)
    assert.same({ "member", true }, { trust:role(robots[2].id), trust:is_member(robots[2].id) })
    assert.is_true(one.hear(lab:grant(lab.root, robots[3].id, "admin", { name = "eve", tags = { "release" } })))
    one.w:run(1000)
    assert.same({ "admin", { "release" } }, { trust:role(robots[3].id), trust:tags(robots[3].id) })
    one.close()
  end)

  it("tells who came and who left; whoever lost standing leaves index and digests, and comes back", function()
    local one = world()
    local lab, trust, dcache, robots = one.lab, one.trust, one.node.dcache, one.lab.robots
    local events, changes = one.node.events:reader({ "trust" }, function() end), {}
    trust:on_change(function(gained, lost) changes[#changes + 1] = { gained, lost } end)
    local before = dcache:digest("share", 0)
    one.hear(lab:enrol(robots[2]))
    one.hear(say(lab, robots[2], "a"))
    one.w:run(1000)
    local line = say(lab, robots[2], "b")
    one.hear(line)
    one.hear(lab:revoke(lab.root, robots[2].id))
    one.w:run(1000)
    assert.same({ { { robots[2].id }, {} }, { {}, { robots[2].id } } }, changes)
    assert.is_false(trust:stands(robots[2].id))
    assert.equal(before, (dcache:digest("share", 0)))
    assert.same({}, dcache:statements "share/files")
    assert.equal("stranger", one.hear(line))
    one.hear(lab:dismiss(lab.root, "trust/revoked", robots[2].id))
    one.hear(lab:grant(lab.root, robots[2].id, "member", { name = "b" }))
    one.w:run(1000)
    assert.is_true(one.hear(line))
    local told = {}
    for event in function() return (events:next()) end do told[#told + 1] = event.event end
    assert.same({ "member", "stranger", "member" }, told)
    one.close()
  end)

  it("tells of a hundred who came or left at once, and of no more than the events that are kept", function()
    local one = world("", { most = 1000 })
    local told = { member = 0, stranger = 0 }
    one.trust.told = function(event) told[event.event] = told[event.event] + 1 end
    for i = 1, 300 do
      local robot = labs.key("robot of many " .. i)
      one.hear(one.lab:enrol { key = robot, id = robot:id(), name = "r" .. i })
    end
    one.w:run(5000)
    assert.is_true(#one.trust:verdict().standing >= 300)
    one.hear(one.lab:revoke(one.lab.root, one.lab.token_id))
    one.w:run(5000)
    assert.is_true(#one.trust:verdict().standing < 300)
    assert.same({ member = 128, stranger = 128 }, told)
    one.close()
  end)

  it("is worked out a few times for many words that come one after the other", function()
    local one = world()
    local times, last = 0, nil
    for i = 1, 60 do
      assert.is_true(one.hear(one.lab:grant(one.lab.root, labs.key("newcomer " .. i):id(), "member")))
      one.w:run(5)
      if one.trust:verdict() ~= last then times, last = times + 1, one.trust:verdict() end
    end
    one.w:run(1000)
    assert.is_true(times <= 10, times .. " times in 300 ms")
    assert.equal("member", one.trust:role(labs.key("newcomer 60"):id()))
    one.close()
  end)

  it("keeps whom a token lets in while it is being worked out again, and the words that he says by then", function()
    local one = world("", { most = 400 })
    local lab, trust, robots, loop = one.lab, one.trust, one.lab.robots, one.w.loop
    for i = 1, 300 do -- so many that it takes several slices
      local robot = labs.key("robot " .. i)
      one.hear(lab:enrol { key = robot, id = robot:id(), name = "r" .. i })
    end
    one.w:run(1000)
    assert.is_true(#trust:verdict().standing >= 301)
    local enrolled, before = lab:enrol(robots[2]), trust:verdict()
    one.hear(lab:grant(lab.root, robots[3].id, "member"))
    local early = lab:enrol(robots[4])
    assert.is_true(one.hear(early)) -- before the first slice
    loop:post(function() -- after it
      assert.is_true(trust:stands(robots[4].id))
      assert.is_true(one.hear(enrolled))
      assert.is_true(one.hear(say(lab, robots[2], "a")))
    end)
    local function is_in() return one.node.dcache.index:slot("share/files", file_key "a", robots[2].id) ~= nil end
    one.w:run(1)
    assert.same({ true, true, false }, { trust:verdict() ~= before, is_in(), trust:verdict():stands(robots[2].id) })
    assert.is_true(one.hear(say(lab, robots[2], "b")))
    assert.is_true(trust:stands(robots[2].id))
    one.w:run(1000)
    assert.same({ true, true }, { is_in(), trust:verdict():stands(robots[2].id) })
    one.close()
  end)

  it("reads no words of members that cannot count, and does once their signer is an admin", function()
    local one = world(nil, { clients = { "clients.discovery" } }) -- membership reads its own words, when it greets
    local lab, trust, robots, dcache = one.lab, one.trust, one.lab.robots, one.node.dcache
    one.hear(lab:enrol(robots[2]))
    one.w:run(1000)
    local before, ids = #trust:statements(), {}
    for i = 1, 40 do
      ids[i] = labs.key("friend " .. i):id()
      assert.is_true(one.hear(lab:grant(robots[2].key, ids[i], "trusted")))
      assert.is_true(one.hear(lab:revoke(robots[2].key, ids[i])))
      assert.is_true(one.hear(lab:line(robots[2].key, { bucket = "trust/enrolled", key = ids[i],
        data = { name = "x", token = lab.token_id, proof = lab.token:sign("enrol", lab.swarm, ids[i]) } })))
    end
    one.w:run(1000)
    local lines = dcache.lines_read
    one.hear(lab:grant(lab.root, robots[3].id, "member"))
    one.w:run(1000)
    assert.equal(before + 1, #trust:statements())
    assert.is_true(dcache.lines_read - lines <= 2, dcache.lines_read - lines .. " lines read")
    assert.same({ false, "permission: only an admin or a root key may say this" },
      { dcache:record("trust/grants", ids[1]).holds, dcache:record("trust/grants", ids[1]).why })
    assert.equal("owner: each robot enrols itself", dcache:record("trust/enrolled", ids[1]).why)
    assert.is_false(trust:stands(ids[1]))
    one.hear(lab:grant(lab.root, robots[2].id, "admin"))
    one.w:run(1000)
    one.hear(lab:dismiss(robots[2].key, "trust/revoked", ids[1]))
    one.w:run(1000)
    assert.same({ "trusted", false }, { trust:role(ids[1]), trust:stands(ids[2]) })
    one.close()
  end)

  it("is worked out again when words of it are forgotten, and not for any others", function()
    local one, days, times = world(), 0, 0
    local dcache, now, touch = one.node.dcache, one.node.time:now(), one.trust.touch
    assert.is_true(one.hear(say(one.lab, one.lab.robots[1], "a")))
    one.w:run(1000)
    one.node.time.proved_now = function() return now + days * 24 * 60 * MINUTE end
    function one.trust.touch(self)
      times = times + 1
      touch(self)
    end
    local function forgotten_after(count)
      local held = dcache.index:count()
      days, times = count, 0
      dcache:tidy()
      return held > dcache.index:count(), times
    end
    assert.same({ true, 0 }, { forgotten_after(31) })
    assert.same({ true, 1 }, { forgotten_after(401) })
    one.close()
  end)

  it("refuses a proof that is forged, one for another key, and one of a token that nobody signed for", function()
    local one = world()
    local lab, trust, robots = one.lab, one.trust, one.lab.robots
    local function lets_in(line) return trust:lets_in(assert(statement.parse(line))) end
    assert.is_true(lets_in(lab:enrol(robots[2])))
    assert.is_false(lets_in(lab:enrol(robots[2], labs.key "another token")))
    local function with(proof)
      return lab:line(robots[2].key, { bucket = "trust/enrolled",
        data = { name = "x", token = lab.token_id, proof = proof } })
    end
    assert.is_false(lets_in(with(lab.token:sign("enrol", lab.swarm, robots[3].id))))
    assert.is_false(lets_in(with(lab.token:sign("enrol", "robotics", robots[2].id))))
    assert.is_false(lets_in(with(lab.token:sign("statement", lab.swarm, robots[2].id))))
    one.hear(lab:dismiss(lab.root, "trust/tokens", lab.token_id))
    one.w:run(1000)
    assert.is_false(lets_in(lab:enrol(robots[2])))
    one.close()
  end)
end)

describe("a record of a lab", function()
  local function held(one, key_name) return one.node.dcache:record("share/files", file_key(key_name)) end

  it("holds by words of who has the role, could have it at the word's AT, or has the tag", function()
    local one = world [[
      p.dcache.buckets["share/verified"].propose = "2 of trusted"
      p.dcache.buckets["updates/pause"].propose = "1 of release"
    ]]
    local lab, robots = one.lab, one.lab.robots
    for i = 2, 4 do one.hear(lab:grant(lab.root, robots[i].id, i == 4 and "member" or "trusted",
      { tags = i == 2 and { "release" } or nil })) end
    one.w:run(1000)
    local function propose(i, bucket)
      local is_pause = bucket == "updates/pause"
      assert.is_true(one.hear(lab:line(robots[i].key, { bucket = bucket, key = is_pause and "demos/1/1" or "k",
        data = is_pause and { why = "" } or 1 })))
    end
    propose(2, "share/verified")
    propose(4, "share/verified")
    local record = one.node.dcache:record("share/verified", "k")
    assert.same({ false, 2, { robots[2].id } }, { record.holds, record.needed, record.signers })
    assert.equal("not allowed: only a trusted key may say this, and its signer is a member", record.why)
    propose(3, "share/verified")
    record = one.node.dcache:record("share/verified", "k")
    assert.same({ true, "2 of 2 signers" }, { record.holds, record.why })
    propose(3, "updates/pause")
    assert.is_false(one.node.dcache:record("updates/pause", "demos/1/1").holds)
    propose(2, "updates/pause")
    assert.is_true(one.node.dcache:record("updates/pause", "demos/1/1").holds)
    one.close()
  end)

  it("is judged again when authority changed, by who counts what was judged before, too", function()
    local one = world()
    local lab, robots, dcache = one.lab, one.lab.robots, one.node.dcache
    local basis = dcache:judged_by()
    assert.equal(basis, dcache:judged_by())
    one.hear(lab:grant(lab.root, robots[2].id, "member"))
    one.w:run(1000)
    assert.not_equal(basis, dcache:judged_by())
    basis = dcache:judged_by()
    one.hear(lab:grant(lab.root, robots[2].id, "member", { name = "again" }))
    one.w:run(1000)
    assert.equal(basis, dcache:judged_by()) -- nothing is judged otherwise by that
    one.hear(say(lab, robots[2], "a"))
    assert.is_true(held(one, "a").holds)
    assert.same({ [robots[2].id] = 1 }, dcache:signers "share/files")
    -- Retired: what he said before stands, what he says now does not.
    one.w:run(20000)
    local at = one.node.time:now()
    one.hear(lab:grant(lab.root, robots[2].id, "member", { at = at, valid_until = at // 16000 * 16 }))
    one.w:run(1000)
    assert.same({ true, false }, { dcache.trust:stands(robots[2].id), dcache.trust:is_member(robots[2].id) })
    one.hear(say(lab, robots[2], "b", { at = at + 20000 }))
    assert.same({ true, false }, { held(one, "a").holds, held(one, "b").holds })
    assert.equal("not allowed: only a member may say this, and its signer is none of the lab", held(one, "b").why)
    assert.same({ [robots[2].id] = 1 }, dcache:signers "share/files")
    one.close()
  end)

  it("is dismissed by an admin, not by a member, and nowhere where one speaks of oneself", function()
    local one = world()
    local lab, robots, dcache = one.lab, one.lab.robots, one.node.dcache
    one.hear(lab:grant(lab.root, robots[2].id, "member"))
    one.hear(lab:grant(lab.root, robots[3].id, "trusted"))
    one.hear(lab:grant(lab.root, robots[4].id, "admin"))
    one.w:run(1000)
    one.hear(say(lab, robots[2], "a"))
    one.hear(lab:dismiss(robots[3].key, "share/files", file_key "a"))
    assert.is_true(held(one, "a").holds)
    one.hear(lab:dismiss(robots[4].key, "share/files", file_key "a"))
    local record = held(one, "a")
    assert.same({ false, "dismissed by " .. robots[4].id }, { record.holds, record.why })
    one.hear(say(lab, robots[2], "b"))
    assert.same({ [robots[2].id] = 1 }, dcache:signers "share/files")
    assert.is_false(dcache:statement_of("share/files", file_key "a", robots[2].id).holds)
    assert.is_false(dcache:statements("share/files", robots[2].id)[1].holds)
    one.hear(lab:line(robots[2].key, { bucket = "peer", data = { name = "b" } }))
    one.hear(lab:dismiss(robots[4].key, "peer", robots[2].id))
    assert.is_true(dcache:record("peer", robots[2].id).holds)
    one.close()
  end)

  it("is dismissed by as many as the rule says, together, and by nobody with another role", function()
    local one = world 'p.dcache.buckets["share/files"].dismiss = "2 of librarian"'
    local lab, robots = one.lab, one.lab.robots
    for i = 2, 4 do
      one.hear(lab:grant(lab.root, robots[i].id, "trusted", { tags = i ~= 4 and { "librarian" } or nil }))
    end
    one.w:run(1000)
    one.hear(say(lab, robots[4], "a"))
    local function dismissed(i)
      one.hear(lab:dismiss(robots[i].key, "share/files", file_key "a"))
      return not held(one, "a").holds
    end
    assert.is_false(dismissed(2))
    assert.is_true(dismissed(3))
    one.close()
  end)

  it("is barred by a dismissal that ended up to ten minutes after that was said, and not later", function()
    local one = world()
    local lab, robots, w = one.lab, one.lab.robots, one.w
    one.hear(lab:grant(lab.root, robots[2].id, "member"))
    one.hear(lab:grant(lab.root, robots[4].id, "admin"))
    w:run(1000)
    local at = one.node.time:now()
    one.hear(lab:dismiss(robots[4].key, "share/files", file_key "a", { at = at, ttl = 1600 }))
    local function proposed(after)
      one.hear(say(lab, robots[2], "a", { at = at + after, ttl = 7200 }))
      return held(one, "a").holds
    end
    assert.is_false(proposed(9 * MINUTE))
    assert.is_false(proposed(11 * MINUTE)) -- it has not ended yet
    w:run(40 * MINUTE)
    assert.is_true(held(one, "a").holds)
    assert.is_true(one.node.dcache:has(one.node.dcache.index:slot("share/files", file_key "a", robots[4].id).short))
    local other = world()
    other.hear(lab:grant(lab.root, robots[2].id, "member"))
    other.hear(lab:grant(lab.root, robots[4].id, "admin"))
    other.w:run(1000)
    other.hear(lab:dismiss(robots[4].key, "share/files", file_key "a", { at = at, ttl = 1600 }))
    other.hear(say(lab, robots[2], "a", { at = at + 9 * MINUTE, ttl = 7200 }))
    other.w:run(40 * MINUTE)
    assert.is_false(other.node.dcache:record("share/files", file_key "a").holds)
    assert.same({}, other.node.dcache:signers "share/files")
    other.close()
    one.close()
  end)

  it("of the lab itself says who counts, how many it takes, and why one does not", function()
    local one = world("", { roots = 3 })
    local lab, dcache, robots = one.lab, one.node.dcache, one.lab.robots
    one.hear(lab:grant(lab.roots[1], robots[2].id, "admin"))
    one.w:run(1000)
    local record = dcache:record("trust/grants", robots[2].id)
    assert.same({ false, 2, {} }, { record.holds, record.needed, record.signers })
    assert.equal("threshold: 2 keys of the root have to grant this", record.why)
    one.hear(lab:grant(lab.roots[3], robots[2].id, "admin"))
    one.w:run(1000)
    record = dcache:record("trust/grants", robots[2].id)
    assert.same({ true, 2, 2, "2 of 2 signers" }, { record.holds, record.needed, #record.signers, record.why })
    one.hear(lab:grant(robots[2].key, robots[3].id, "admin"))
    one.w:run(1000)
    assert.is_truthy(dcache:record("trust/grants", robots[3].id).why:find "^permission: ")
    one.close()
  end)

  it("is told to the operator's hook with the true role of each, and whether it may say this", function()
    local one = world [[
      function p.dcache.holds(record)
        local said = {}
        for i, word in ipairs(record.statements) do
          said[i] = word.verb .. " " .. tostring(word.role) .. " " .. tostring(word.allowed)
        end
        table.sort(said)
        return true, table.concat(said, ", ")
      end
      p.dcache.buckets["share/files"].propose = "trusted"
    ]]
    local lab, robots = one.lab, one.lab.robots
    assert.is_nil(one.node.dcache:judged_by())
    for i, role in ipairs { "member", "trusted", "admin" } do
      one.hear(lab:grant(lab.root, robots[i + 1].id, role))
    end
    one.w:run(1000)
    one.hear(say(lab, robots[2], "a"))
    one.hear(say(lab, robots[3], "a"))
    one.hear(lab:dismiss(robots[4].key, "share/files", file_key "a"))
    assert.equal("dismiss admin true, propose member false, propose trusted true", held(one, "a").why)
    one.close()
  end)
end)

describe("a root", function()
  it("that is higher than all before is on the disk before it is acted on, and is never lower after", function()
    local one = world("", { roots = 1 })
    local lab, trust, next_key = one.lab, one.trust, labs.key "the next root key"
    local disk, seen = one.node.disk, {}
    trust:on_change(function()
      seen[#seen + 1] = { trust:verdict().root.number, disk:read("/state/root", 4096) or "nothing" }
    end)
    one.hear(lab:root_line(lab.root, 2, { next_key }))
    one.w:run(1000)
    assert.equal(1, trust:verdict().root.number)
    one.hear(lab:root_line(next_key, 2, { next_key }))
    one.w:run(1000)
    assert.equal(2, trust:verdict().root.number)
    assert.is_truthy(disk:read("/state/root", 4096):find('"number":2', 1, true))
    assert.is_truthy(seen[#seen][2]:find('"number":2', 1, true) or seen[#seen][1] == 1)
    -- A journal without it: the root that was accepted stays.
    one.node:stop()
    for _, name in ipairs(disk:list("/state/journal-" .. lab.hash)) do
      disk:unlink(("/state/journal-%s/%s"):format(lab.hash, name))
    end
    local again = one.start { disk = disk, boot = 2 }
    assert.equal(2, again.dcache.trust:verdict().root.number)
    assert.equal("root", again.dcache.trust:role(next_key:id()))
    assert.is_nil(again.dcache.trust:role(lab.root:id()))
    again:stop()
    one.close()
  end)

  it("that the disk does not keep waits for it; who is revoked meanwhile is a stranger", function()
    local store = disks.memory(9)
    local one = world("", { disk = store })
    local lab, trust, next_key = one.lab, one.trust, labs.key "the next root key"
    local robot = lab.robots[2]
    one.hear(lab:enrol(robot))
    one.w:run(1000)
    store:limit(1)
    for _, key in ipairs { lab.root, next_key } do
      one.hear(lab:root_line(key, 2, { lab.root, next_key }, 1))
      one.w:run(1000)
    end
    one.hear(lab:revoke(lab.root, robot.id))
    one.w:run(1000)
    assert.equal(1, trust:verdict().root.number)
    assert.same({ false, true }, { trust:stands(robot.id), trust:stands(next_key:id()) })
    store:limit(nil)
    one.w:run(60 * 1000)
    assert.same({ 2, "root" }, { trust:verdict().root.number, trust:role(next_key:id()) })
    one.close()
  end)
end)
