-- updates_known_spec.lua - which releases and rollouts count, by which word they do not, and what robots said: from
-- signed statements alone, by the shipped policy.
local fits = require "clients.updates.fits"
local json = require "core.json"
local kit = require "spec.clients.updates_kit"
local random = require "core.random"
local second = require "spec.second.updates"
local shuffled = require "spec.shuffled"

local RUN <const>, DAY <const> = "demos/42/1", 86400
local SOAK <const> = os.getenv "DT_SWARM_SOAK" == "1"

-- A lab with a release and a rollout of it that count. → kit, the release's DATA as text, the plan's bytes
local function world(given)
  local k = kit.new(given)
  local data = k:release "demos/42"
  local _, bytes = k:plan(RUN)
  k:rollout(RUN, data, bytes)
  return k, data, bytes
end

-- Does the run count, and if not by which word?
local function stands(k, key)
  local row = k:row(key or RUN)
  return row and (row.counts and "counts" or row.word .. ": " .. row.text) or "none"
end

-- The tail of the plan with BYTES.
local function tail(bytes) return kit.cid(bytes):sub(-8) end

-- The key of another admin of K's lab.
local function admin(k, i, tags)
  local robot = k.lab.robots[i]
  k:hear { k.lab:grant(k.lab.root, robot.id, "admin", { tags = tags, name = "admin" .. i }) }
  k:run(3000)
  return robot.key
end

describe("what is known of updates", function()
  it("is each release and rollout that people signed, with who signed it, and the plan", function()
    local k, data, bytes = world()
    local row = assert(k:row(RUN))
    assert.same({ true, "demos", 42, 1 }, { row.counts, row.name, row.seq, row.run }, row.text)
    assert.same({ kit.cid(bytes), #bytes, kit.hash(data) }, { row.plan_cid, row.plan_size, row.release.hash })
    assert.same({ "files", tail(bytes) }, { row.release.data.kind, row.tail })
    assert.equal(k.known:release "demos/42", row.release)
    assert.same({ 1, {}, nil }, { #row.signers, row.skipped, row.pause })
    assert.is_true(row.ends > k.node.time:now())
    assert.same({}, k.known:refused())
    k:close()
  end)

  it("comes by name, SEQ and run, as numbers", function()
    local k, data, bytes = world()
    for _, key in ipairs { "demos/42/10", "demos/42/9", "apps/7/1", "demos/100/1" } do k:rollout(key, data, bytes) end
    local keys = {}
    for i, row in ipairs(k.known:runs()) do keys[i] = row.key end
    assert.same({ "apps/7/1", RUN, "demos/42/9", "demos/42/10", "demos/100/1" }, keys)
    assert.equal("missing: its release apps/7 is not known here", stands(k, "apps/7/1"))
    assert.same({}, k.known:refused())
    k:close()
  end)

  it("tells of news, gathered, and of no more than asked", function()
    local k = kit.new()
    local told = 0
    local undo = k.known:on_news(function() told = told + 1 end)
    k:release "demos/42"
    assert.equal(1, told)
    k:run(5 * 60 * 1000)
    assert.equal(1, told)
    undo()
    k:release "demos/43"
    assert.equal(1, told)
    k:close()
  end)

  it("is nothing where there is no lab", function()
    local w = require "sim".new { seed = 1, policy = assert(require "spec.policy.policies".with "") }
    local node = w:add("ada", { clients = {} })
    local one = require "clients.updates.known".new { node = node, loop = node.loop, swarm = node.swarm }
    local key = require "spec.labs".key "anybody"
    local st = require "spec.labs".sign(key, node.swarm, { bucket = "updates/release", key = "demos/42",
      data = kit.data(), at = node.time:now(), ttl = DAY })
    node.comms:offer({ st.line }, function() end)
    w:run(3000)
    local row = one:release "demos/42"
    assert.same({ false, "role" }, { row.counts, row.word })
    assert.same({ role = 1 }, one:refused())
    one:stop()
  end)
end)

describe("a release or rollout does not count", function()
  it("below its threshold: each signer counts once, and is named", function()
    local k = kit.new { rules = [[
      for _, bucket in ipairs { "release", "rollout", "skip" } do
        p.dcache.buckets["updates/" .. bucket].propose = "2 of release"
      end
    ]] }
    local bea, carl = admin(k, 2, { "release" }), admin(k, 3, { "release" })
    local data = k:release("demos/42", nil, { by = bea })
    local _, bytes = k:plan(RUN)
    for _, by in ipairs { bea, carl } do k:rollout(RUN, data, bytes, { by = by }) end
    local row = k.known:release "demos/42"
    local last = bea:id():sub(-4)
    assert.same({ false, "threshold", "1 of 2: " .. last }, { row.counts, row.word, row.text })
    assert.equal("threshold: its release: 1 of 2: " .. last, stands(k))
    k:release("demos/42", nil, { by = bea })
    assert.equal("1 of 2: " .. last, k.known:release "demos/42".text)
    k:release("demos/42", nil, { by = k.lab.root }) -- an admin, but without the tag
    assert.equal("1 of 2: " .. last, k.known:release "demos/42".text)
    assert.same({ role = 1, threshold = 1 }, k.known:refused())
    k:release("demos/42", nil, { by = carl })
    assert.equal("counts", stands(k))
    k:close()
  end)

  it("by the key of a robot: nobody lists it, and it is counted", function()
    local k = kit.new()
    local bea = k.lab.robots[2].key
    local data = k:release("demos/42", nil, { by = bea })
    local _, bytes = k:plan(RUN)
    k:rollout(RUN, data, bytes, { by = bea })
    assert.same({ {}, {} }, { k.known:runs(), k.known:releases() })
    assert.same({ role = 2 }, k.known:refused())
    assert.equal(2, k.node.refused.role)
    k:release "demos/42"
    k:rollout(RUN, data, bytes)
    assert.equal("counts", stands(k))
    k:close()
  end)

  it("by a stranger's key: it is not even kept", function()
    local k = kit.new()
    local stranger = require "spec.labs".key "stranger"
    local words = k:hear { k.lab:line(stranger, { bucket = "updates/release", key = "demos/42", data = kit.data(),
      ttl = DAY }) }
    assert.same({ { "stranger" }, {} }, { words, k.known:releases() })
    k:close()
  end)

  it("where two are signed under one number, though one came and went before", function()
    local k, data, bytes = world()
    local bea = admin(k, 2)
    local other = k:release("demos/42", { note = "another" }, { by = bea })
    local row = k:row(RUN)
    assert.same({ false, "conflict" }, { row.counts, row.word })
    for _, key in ipairs { bea, k.lab.root } do assert.matches(key:id():sub(-4), row.release.text, 1, true) end
    k:dismiss("updates/release", "demos/42", bea, other)
    assert.equal("counts", stands(k))
    k:release("demos/42", { note = "a third" })
    assert.equal("conflict", k:row(RUN).word)
    assert.matches("another one was signed under this number before", k:row(RUN).release.text)
    assert.same({ conflict = 1 }, k.known:refused())
    k:release "demos/43"
    k:rollout("demos/43/1", data, bytes)
    assert.equal("counts", stands(k, "demos/43/1"))
    k:close()
  end)

  it("by two plans of one run, or by another than this robot took part in", function()
    local k, data, bytes = world()
    local _, other = k:plan(RUN, { patience = 60 })
    local bea = admin(k, 2)
    k:rollout(RUN, data, other, { by = bea })
    assert.matches("conflict: two are signed under this number: one by ....?, one by", stands(k))
    k:dismiss("updates/rollout", RUN, bea, k.rollout_data(data, other))
    assert.equal("counts", stands(k))
    local function took_part(plan)
      k.saved.data = { failed = {}, floor = {}, installed = {}, runs = { [RUN] = { plan = kit.cid(plan),
        state = "deferred" } } }
    end
    took_part(other)
    assert.matches("conflict: this robot knows another plan under this number; this one is by ", stands(k))
    took_part(bytes)
    assert.equal("counts", stands(k))
    k:close()
  end)

  it("for another release than its own", function()
    local k, _, bytes = world()
    k:rollout("demos/42/2", json.encode(kit.data { note = "not this one" }), bytes)
    assert.equal("conflict: it is for another release than the demos/42 that is signed here", stands(k, "demos/42/2"))
    assert.equal("counts", stands(k))
    k:close()
  end)

  it("when its time is over, where that is proved; until then it does", function()
    local k = kit.new()
    local data = k:release("demos/42", nil, { ttl = DAY + 32 }) -- ends between two looks without news
    local _, bytes = k:plan(RUN)
    k:rollout(RUN, data, bytes, { ttl = 2 * DAY })
    assert.equal("counts", stands(k))
    k:run((DAY - 600) * 1000)
    assert.equal("counts", stands(k))
    local ends = k.known:release "demos/42".ends
    for _ = 1, 240 do
      k:run(5000)
      assert.equal(k.node.time:low() <= ends, k:row(RUN).counts)
    end
    assert.equal("ended: its release: its time is over", stands(k))
    assert.same({ ended = 1 }, k.known:refused())
    k:close()
  end)

  it("when people dismissed it: that is no refusal", function()
    local k = world()
    k:dismiss("updates/rollout", RUN, admin(k, 2))
    local row = k:row(RUN)
    assert.same({ false, "ended", true }, { row.counts, row.word, row.dismissed })
    assert.matches("^dismissed by ....$", row.text)
    assert.same({}, k.known:refused())
    k:close()
    k = world()
    k:dismiss("updates/rollout", RUN, k.lab.root) -- who started it, in the same slot
    k:run(120 * 1000)
    row = k:row(RUN)
    assert.same({ false, "ended", "dismissed by " .. k.lab.root:id():sub(-4), true }, { row.counts, row.word, row.text,
      row.dismissed })
    assert.same({}, k.known:refused())
    k:close()
  end)

  it("when it is signed for more than 60 days", function()
    local k, data, bytes = world()
    k:rollout("demos/42/2", data, bytes, { ttl = 61 * DAY })
    k:rollout("demos/42/3", data, bytes, { ttl = 60 * DAY })
    assert.equal("window: it is signed for more than 60 days", stands(k, "demos/42/2"))
    assert.equal("counts", stands(k, "demos/42/3"))
    k:close()
  end)

  it("when its signer was revoked: his words are void", function()
    local k, data, bytes = world()
    local bea = admin(k, 2)
    k:rollout("demos/42/2", data, bytes, { by = bea })
    k:skip(RUN .. "/1", { k.lab.robots[3].id }, { by = bea })
    assert.same({ "counts", true }, { stands(k, "demos/42/2"), k:row(RUN).skipped[k.lab.robots[3].id] })
    k:hear { k.lab:revoke(k.lab.root, bea:id()) }
    k:run(5000)
    assert.same({ "role: who signed it may not any more", "counts" }, { stands(k, "demos/42/2"), stands(k) })
    assert.same({}, k:row(RUN).skipped)
    assert.is_true(k.known:refused().role >= 1)
    k:close()
  end)

  it("when it has not the form of its bucket", function()
    local k = world()
    local words = k:hear { k.lab:line(k.lab.root, { bucket = "updates/release", key = "demos/43", ttl = DAY,
      data = { artefacts = json.array {}, kind = "files", version = "1" } }) }
    assert.same({ { "taken" }, "form", "artefacts is no list of 1 to 4" },
      { words, k.known:release "demos/43".word, k.known:release "demos/43".text })
    k:close()
  end)
end)

describe("to this robot", function()
  local function with(floor, installed)
    return { failed = {}, floor = { demos = floor }, installed = { demos = installed and { installed, "2", "c" } },
      runs = {} }
  end

  it("a run of a release is refused that is not above the last, or far above it; what it has is not", function()
    local k, data, bytes = world()
    k.saved.data = with(42, 42)
    assert.equal("counts", stands(k))
    k.saved.data = with(43, 43)
    assert.equal("seq: demos/42 is not above 43, which was here", stands(k))
    assert.is_true(k.known:release "demos/42".counts)
    k.saved.data = with(42, 41) -- its card is older than what it had
    assert.equal("seq: demos/42 is not above 42, which was here", stands(k))
    assert.same({ seq = 1 }, k.known:refused())
    k:release("demos/1041")
    k:rollout("demos/1041/1", data, bytes)
    k.saved.data = with(41, 41)
    assert.same({ "counts", "counts" }, { stands(k), stands(k, "demos/1041/1") })
    k.saved.data = with(40, 40)
    assert.equal("seq: demos/1041 is more than 1000 above 40, which was here", stands(k, "demos/1041/1"))
    k.saved.data = with(nil)
    assert.same({ "counts", "counts" }, { stands(k), stands(k, "demos/1041/1") })
    k:close()
  end)

  it("the floor is what its own words said before, too, which others kept", function()
    local k, _, bytes = world()
    k:status(1, "demos/43/1", { plan = tail(bytes), state = "committed", round = 1 })
    assert.same({ demos = 43 }, k.known:floors())
    assert.same({ "committed", nil }, { k.known:mine("demos/43/1").state, k.known:mine(RUN) })
    assert.equal("seq: demos/42 is not above 43, which was here", stands(k))
    k:status(2, "demos/44/1", { plan = tail(bytes), state = "committed", round = 1 }) -- another robot's
    assert.same({ demos = 43 }, k.known:floors())
    k:close()
  end)

  it("a run in which it has taken its turn is not refused for its number", function()
    local k, _, bytes = world()
    k:status(1, RUN, { plan = tail(bytes), state = "committed", round = 1 })
    k:status(1, "demos/43/1", { plan = tail(bytes), state = "committed", round = 1 })
    assert.equal("counts", stands(k))
    k:close()
  end)
end)

describe("pauses and skips", function()
  it("are those of trusted keys and of admins; an admin resumes", function()
    local k = world()
    local bea = k.lab.robots[2].key
    k:pause(RUN, "class until four", { by = bea })
    assert.same({ nil, 1 }, { k:row(RUN).pause, k.known:refused().role })
    k:hear { k.lab:grant(k.lab.root, bea:id(), "trusted", { name = "bea" }) }
    k:run(5000)
    local pause = assert(k:row(RUN).pause)
    assert.same({ "class until four", "counts" }, { pause.why, stands(k) })
    assert.is_true(pause.ends > k.node.time:now())
    k:dismiss("updates/pause", RUN)
    assert.is_nil(k:row(RUN).pause)
    k:close()
  end)

  it("of several are taken together", function()
    local k = world()
    local ids = {}
    for i, robot in ipairs(k.lab.robots) do ids[i] = robot.id end
    k:skip(RUN .. "/1", { ids[1], ids[2] })
    k:skip(RUN .. "/2", { ids[2], ids[3] })
    k:skip("demos/42/2/1", { ids[1] })
    k:skip(RUN .. "/3", { ids[1] }, { by = k.lab.robots[2].key }) -- no admin
    assert.same({ [ids[1]] = true, [ids[2]] = true, [ids[3]] = true }, k:row(RUN).skipped)
    k:dismiss("updates/skip", RUN .. "/1")
    assert.same({ [ids[2]] = true, [ids[3]] = true }, k:row(RUN).skipped)
    k:close()
  end)

  it("end by their time", function()
    local k = world()
    k:pause(RUN, "lunch", { ttl = 3600 })
    assert.equal("lunch", k:row(RUN).pause.why)
    k:run(2 * 3600 * 1000)
    assert.is_nil(k:row(RUN).pause)
    k:close()
  end)
end)

describe("what robots said", function()
  it("is their newest word of that plan, of members alone, whenever it came", function()
    local k = kit.new { robots = 4 }
    local ids = {}
    for i, robot in ipairs(k.lab.robots) do ids[i] = robot.id end
    local _, bytes = k:plan(RUN)
    local plan = tail(bytes)
    k:status(2, RUN, { plan = plan, state = "applying", round = 1, from = 41 }) -- before the rollout is known
    k:rollout(RUN, k:release "demos/42", bytes)
    k:status(3, RUN, { plan = plan, state = "deferred", round = 2, why = "driving" })
    k:status(4, RUN, { plan = "aaaaaaaa", state = "committed", round = 1 })
    local words = k.known:statuses(RUN, plan)
    assert.same({ "applying", 1, 41 }, { words[ids[2]].state, words[ids[2]].round, words[ids[2]].from })
    assert.same({ "deferred", 2, "driving" }, { words[ids[3]].state, words[ids[3]].round, words[ids[3]].why })
    assert.is_nil(words[ids[4]])
    assert.equal("committed", k.known:statuses(RUN, "aaaaaaaa")[ids[4]].state)
    k:status(2, RUN, { plan = plan, state = "committed", round = 1 })
    assert.equal("committed", k.known:statuses(RUN, plan)[ids[2]].state)
    k:hear { k.lab:revoke(k.lab.root, ids[2]) }
    k:run(5000)
    assert.is_nil(k.known:statuses(RUN, plan)[ids[2]])
    assert.equal("deferred", k.known:statuses(RUN, plan)[ids[3]].state)
    assert.same({}, k.known:statuses("demos/9/9", plan))
    k:close()
  end)

  it("counts past its end, also at a node that hears it then, and its end is told as it is", function()
    local k, _, bytes = world()
    k:status(2, RUN, { plan = tail(bytes), state = "committed", round = 1 }, { ttl = 3600 })
    k:run(2 * DAY * 1000)
    k:rollout("demos/42/2", k:release "demos/42", bytes)
    assert.equal("committed", k.known:statuses(RUN, tail(bytes))[k.lab.robots[2].id].state)
    local again = require "clients.updates.known".new { node = k.node, loop = k.node.loop, swarm = k.node.swarm }
    again:look()
    k:run(3000)
    assert.equal("committed", again:statuses(RUN, tail(bytes))[k.lab.robots[2].id].state)
    assert.is_true(k.node.dcache:statement_of("updates/status", RUN, k.lab.robots[2].id).holds)
    again:stop()
    k:close()
  end)

  it("never falls back", function()
    local k, _, bytes = world()
    local id, plan = k.lab.robots[2].id, tail(bytes)
    local function is(state, round)
      local word = k.known:statuses(RUN, plan)[id]
      assert.same({ state, round }, { word.state, word.round })
    end
    k:status(2, RUN, { plan = plan, state = "deferred", round = 3 })
    k:status(2, RUN, { plan = plan, state = "deferred", round = 2 })
    is("deferred", 3)
    k:status(2, RUN, { plan = plan, state = "applying", round = 3 })
    k:status(2, RUN, { plan = plan, state = "deferred", round = 4 })
    is("applying", 3)
    k:status(2, RUN, { plan = plan, state = "failed", round = 3 })
    k:status(2, RUN, { plan = plan, state = "rolled_back", round = 3 })
    k:status(2, RUN, { plan = plan, state = "applying", round = 3 })
    is("rolled_back", 3)
    k:close()
  end)
end)

describe("many robots", function()
  it("cost one line read for each word that comes, and none for looks without news", function()
    local k = kit.new { robots = 300, most = 300 }
    local _, bytes = k:plan(RUN)
    local plan = tail(bytes)
    k:rollout(RUN, k:release "demos/42", bytes)
    local function speak(from, to, state)
      local lines = {}
      for i = from, to do
        lines[#lines + 1] = k.lab:line(k.lab.robots[i].key, { bucket = "updates/status", key = RUN, ttl = 30 * DAY,
          data = { plan = plan, round = 1, state = state } })
      end
      k:hear(lines)
    end
    for i = 2, 300, 50 do speak(i, math.min(i + 49, 300), "applying") end
    local read = k.node.dcache.lines_read
    speak(2, 51, "committed")
    assert.is_true(k.node.dcache.lines_read - read <= 60, k.node.dcache.lines_read - read)
    read = k.node.dcache.lines_read
    local n = 0
    for _ = 1, 20 do
      k:run(30 * 1000)
      for _, word in pairs(k.known:statuses(RUN, plan)) do n = n + (word.state == "committed" and 1 or 0) end
      assert.is_true(k:row(RUN).counts)
    end
    assert.same({ 1000, 0 }, { n, k.node.dcache.lines_read - read })
    k:close()
  end)
end)

describe("this robot's own word", function()
  it("is told once it is on the disk, and signed once however often it is said", function()
    local k, _, bytes = world()
    local told = {}
    local status = { from = 41, plan = tail(bytes), round = 1, state = "applying" }
    local is_unsaid
    k.known:say(RUN, status, function(...)
      told[#told + 1] = { ... }
      is_unsaid = next(k.node.dcache.unsaid) ~= nil -- not on the disk
    end)
    assert.same({ {}, true }, { told, next(k.node.dcache.unsaid) ~= nil })
    k:run(5000)
    assert.same({ { { true } }, false }, { told, is_unsaid })
    local st = k.node.dcache:statement_of("updates/status", RUN, k.node.id)
    assert.is_nil(k.node.dcache.unsaid[st.short])
    assert.same({ "applying", 90 * DAY }, { st.data.state, (st.valid_until - st.valid_from) // DAY * DAY })
    k.known:say(RUN, status, function(...) told[#told + 1] = { ... } end)
    k:run(5000)
    assert.same({ 2, st.short }, { #told, k.node.dcache:statement_of("updates/status", RUN, k.node.id).short })
    assert.equal("applying", k.known:statuses(RUN, tail(bytes))[k.node.id].state)
    status.state = "committed"
    k.known:say(RUN, status, function() end)
    assert.same({ "committed", 42 }, { k.known:mine(RUN).state, k.known:floors().demos })
    k:close()
  end)

  it("that cannot be signed is told as it is", function()
    local k = world()
    local told
    k.known:say(RUN, { plan = "aaaaaaaa", state = "applying", why = ("w"):rep(2000) }, function(...) told = { ... } end)
    k:run(1000)
    assert.same({ nil, "long" }, { told[1], told[3] })
    k:close()
  end)
end)

describe("a plan", function()
  it("is of the rollout that means it, in its swarm", function()
    local k = world()
    local row, plan = k:row(RUN), k:plan(RUN)
    assert.is_nil(fits.plan(row, plan, k.node.swarm))
    assert.equal("swarm", (fits.plan(row, k:plan(RUN, { swarm = "robotics" }), k.node.swarm)))
    assert.equal("conflict", (fits.plan(row, k:plan(RUN, { run = 2 }), k.node.swarm)))
    assert.equal("conflict", (fits.plan(row, k:plan(RUN, { release = "demos/43" }), k.node.swarm)))
    k:close()
  end)
end)

describe("what counts", function()
  it("is the same in whatever order words came", function()
    local seen
    for seed = 1, SOAK and 60 or 6 do
      local k = kit.new { robots = 4 }
      local bea, lines = k.lab.robots[2].key, {}
      local _, bytes = k:plan(RUN)
      local data = json.encode(kit.data())
      local function add(by, fields)
        fields.ttl = fields.ttl or 30 * DAY
        lines[#lines + 1] = k.lab:line(by, fields)
      end
      local rollout = { plan = kit.cid(bytes), release = kit.hash(data), size = #bytes }
      lines[1] = k.lab:grant(k.lab.root, bea:id(), "admin", { name = "bea" })
      add(k.lab.root, { bucket = "updates/release", key = "demos/42", data = kit.data() })
      add(bea, { bucket = "updates/rollout", key = RUN, data = rollout })
      add(k.lab.root, { bucket = "updates/rollout", key = "demos/42/2", data = rollout })
      add(bea, { bucket = "updates/rollout", key = "demos/42/2", data = { plan = kit.cid "x", release = kit.hash(data),
        size = 9 } })
      add(k.lab.root, { bucket = "updates/rollout", key = "demos/42/3", data = rollout })
      add(bea, { bucket = "updates/rollout", key = "demos/42/3" })
      add(k.lab.robots[3].key, { bucket = "updates/rollout", key = "demos/42/4", data = rollout })
      add(bea, { bucket = "updates/pause", key = RUN, data = { why = "x" } })
      add(bea, { bucket = "updates/skip", key = RUN .. "/1", data = { robots = json.array { k.lab.robots[3].id },
        why = "x" } })
      for i = 2, 4 do
        add(k.lab.robots[i].key, { bucket = "updates/status", key = RUN, data = { plan = tail(bytes), round = i,
          state = i == 2 and "committed" or "deferred" } })
      end
      for _, line in ipairs(shuffled(random.seeded(seed), lines)) do k:hear { line } end
      for _, line in ipairs(lines) do k:hear { line } end -- what came before its signer could say it
      k:run(70 * 1000)
      local found = {}
      for _, row in ipairs(k.known:runs()) do
        found[#found + 1] = ("%s %s %s %s"):format(row.key, row.counts and "counts" or row.word,
          row.pause and "paused", row.skipped[k.lab.robots[3].id])
      end
      for i, robot in ipairs(k.lab.robots) do
        local word = k.known:statuses(RUN, tail(bytes))[robot.id]
        found[#found + 1] = ("%d %s %s"):format(i, word and word.state, word and word.round)
      end
      seen = seen or found
      assert.same(seen, found, "seed " .. seed)
      k:close()
    end
    assert.same({ "demos/42/1 counts paused true", "demos/42/2 conflict nil nil", "demos/42/3 ended nil nil",
      "1 nil nil", "2 committed 2", "3 deferred 3", "4 deferred 4" }, seen)
  end)
end)

describe("of any set of words", function()
  local KEYS <const> = { "demos/1", "demos/2", "demos/1/1", "demos/1/2", "demos/2/1" }

  -- Random words of four keys of K's lab about a few releases and rollouts, in the order of their AT → core.statements
  local function words(k, r)
    local signers, lines = { k.lab.root }, {}
    for i = 2, 4 do signers[i] = k.lab.robots[i].key end
    local datas = { kit.data(), kit.data { note = "b" } }
    local function rollout(i) return json.decode(kit.rollout_data(json.encode(datas[i]), "plan" .. r:integer(2))) end
    local function one()
      local key, by = KEYS[r:integer(#KEYS) + 1], signers[r:integer(#signers) + 1]
      local is_release = not key:find "/.*/"
      local data = is_release and datas[r:integer(2) + 1] or rollout(r:integer(2) + 1)
      local fields = { bucket = is_release and "updates/release" or "updates/rollout", key = key, data = data,
        ttl = r:integer(5) == 0 and 600 or 30 * DAY }
      if r:integer(4) == 0 then
        fields.verb, fields.data = "dismiss", nil
        if r:integer(2) == 0 then fields.data = kit.hash(json.encode(data)) end
      elseif r:integer(9) == 0 then
        fields.data = { artefacts = 7 }
      end
      return k.lab:line(by, fields)
    end
    for i = 1, 6 + r:integer(18) do lines[i] = one() end
    return lines, signers
  end

  it("just those count that count by the protocol's page", function()
    local seen = {}
    for seed = 1, SOAK and 400 or 24 do
      local need = seed % 2 + 1
      local k = kit.new { robots = 4, rules = need == 1 and "" or [[
        for _, bucket in ipairs { "release", "rollout" } do
          p.dcache.buckets["updates/" .. bucket].propose = "2 of release"
        end
      ]] }
      k.known:stop()
      local tag = { tags = { "release" } }
      k:hear { k.lab:grant(k.lab.root, k.lab.root:id(), "admin", tag),
        k.lab:grant(k.lab.root, k.lab.robots[2].id, "admin", tag),
        k.lab:grant(k.lab.root, k.lab.robots[3].id, "trusted", tag) }
      local lines, signers = words(k, random.seeded(seed))
      k:hear(shuffled(random.seeded(seed), lines))
      k:run(20 * 60 * 1000)
      local known = require "clients.updates.known".new { node = k.node, loop = k.node.loop, swarm = k.node.swarm }
      k:run(2000)
      local statements = {}
      for i, line in ipairs(lines) do statements[i] = assert(require "core.statement".parse(line)) end
      local said = { statements = statements, need = need, low = k.node.time:low(),
        admins = { [signers[1]:id()] = true, [signers[2]:id()] = true }, may = {} }
      for i = 1, need == 1 and 2 or 3 do said.may[signers[i]:id()] = true end
      local rows = {}
      for _, list in ipairs { known:runs(), known:releases() } do
        for _, row in ipairs(list) do rows[row.key] = row end
      end
      for _, key in ipairs(KEYS) do
        local expected, row = second.stands(said, key), rows[key]
        local mine = row and (row.counts and "counts"
          or row.word == "conflict" and row.signers[1] and "conflict" or "not")
        if expected ~= "conflict" and mine == "conflict" then mine = "not" end -- a release or HASH that is none
        if expected == "not" or expected == nil then expected, mine = "not", mine or "not" end
        assert.equal(expected, mine, ("seed %d %s: %s"):format(seed, key, row and row.text))
        seen[expected] = (seen[expected] or 0) + 1
      end
      known:stop()
      k.policy:close()
    end
    assert.is_true(seen.counts > 5 and seen.conflict > 1 and seen["not"] > 5)
  end)
end)
