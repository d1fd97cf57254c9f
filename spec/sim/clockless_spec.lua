-- clockless_spec.lua - nodes without a clock beside one of 2099: nothing is hidden, all is compared, ages are right.
local file_key = require "spec.file_key"
local labs = require "spec.labs"
local memory = require("core.sim").memory
local random = require "core.random"
local shares = require "clients.logs.shares"
local sim = require "sim"

local SEEDS = os.getenv "DT_SWARM_SOAK" and 200 or 20
local IN_LAB = SEEDS // 5 -- of these in a lab
local SECOND, MINUTE, DAY = 1000, 60000, 86400000
local IN_2099 = 76 * 365 * DAY -- the simulator begins in 2023, four months after the build that it tells its nodes

local policy

-- The part of a node that says which files it has; files here have a name and nothing more.
local function give_files(node)
  local files = shares.new { loop = node.loop, time = node.time, log = node.log, folder = "/share",
    publish = function(verb, bucket, key, data, ttl, at)
      if verb == "dismiss" then return node.comms:dismiss(bucket, { key = key, ttl = ttl }) end
      return node.comms:propose(bucket, data, { key = key, ttl = ttl, at = at })
    end,
    statements = function(bucket) return node.dcache:statements(bucket, node.id) end,
    serve = function() return true end, withdraw = function() end, leaves = function() return "cid", "leaves" end }
  local client = { say_again = function() files:say_again() end, put_right = function() files:put_right() end }
  table.insert(node.clients.list, { path = "spec.clients.files", name = "files", client = client })
  function node.unshare(name) files:remove(name, file_key(name)) end
  function node.share(name) assert(files:add(name, file_key(name), 1, "lab", {})) end
end

local function world(seed, loss)
  policy = policy or assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
  local w = sim.new { seed = seed, policy = policy, loss = loss or 0 }
  local add = w.add
  function w:add(name, options)
    local one = add(self, name, options)
    give_files(one)
    return one
  end
  return w
end

-- Names of the files of SIGNERS that hold on NODE, sorted.
local function held(node, signers)
  local wanted, list = {}, {}
  for _, one in ipairs(signers) do wanted[one.id] = true end
  for _, record in ipairs(node.dcache:statements "share/files") do
    if record.holds and wanted[record.signer] then list[#list + 1] = record.data.names[1] end
  end
  table.sort(list)
  return table.concat(list, " ")
end

local function verdict(node, other)
  local peer = node.comms.peers.by_id[other.id]
  node.comms.beacon:judge(peer)
  return peer.verdicts.share
end

-- Every word that a clockless NODE remembers is in its digest, and is a row of what it shows.
local function counts_all(node)
  local all = node.dcache.index:count "share"
  assert.equal(all, select(2, node.dcache:digest("share", node.time:tick())))
  assert.equal(all, #node.dcache:statements "share/files")
  for _, class in ipairs(node.dcache:classes()) do
    if class.name == "share" then assert.equal(all, class.count) end
  end
  for _, record in ipairs(node.dcache:statements "share/files") do assert.is_true(record.holds) end
  local n = 0
  for _, count in pairs(node.dcache:signers "share/files") do n = n + count end -- any order
  assert.equal(all, n)
end

local function ages(node, signers)
  local list = {}
  for _, one in ipairs(signers) do
    for _, record in ipairs(node.dcache:statements("share/files", one.id)) do
      local ms, about = node.time:age(not record.undated and record.at or nil)
      list[#list + 1] = { ms, about }
    end
  end
  return list
end

local function agree(w, a, b, all, what)
  w:run(40 * SECOND)
  assert.equal(held(a, all), held(b, all), what)
  assert.equal((a.dcache:digest("share", 0)), (b.dcache:digest("share", 0)), what)
  a.comms.beacon:appear()
  b.comms.beacon:appear()
  w:run(3 * SECOND)
  assert.same({ "equal", "equal" }, { verdict(a, b), verdict(b, a) }, what)
end

local NAMES <const> = { "ada", "bea", "clock", "xeno" }

-- What makes each of NAMES a member of a lab: by a token, which each has and says at its start. → { name = what
-- w:add is given }, fn(node): it enrols.
local function of_lab()
  local lab, given, robots = labs.new { name = "robotics", robots = 4 }, {}, {}
  for i, name in ipairs(NAMES) do
    local robot = lab.robots[i]
    given[name], robots[robot.id] = { lab = lab.lab, identity = { id = robot.id, key = robot.key } }, robot
  end
  return given, function(node)
    local proof = lab.token:sign("enrol", lab.swarm, node.id)
    assert(node.comms:propose("trust/enrolled", { name = robots[node.id].name, proof = proof, token = lab.token_id }))
  end
end

-- ada and bea without a clock, xeno in 2099 who believes it, and with STATED "clock", who states a right one; started
-- in an order of the seed's, each shares as it comes. IN_LAB: they are members of one; SECRETLY: xeno states no clock,
-- as his program was made in 2099. → world, ada, bea, xeno, clock
local function four(seed, stated, in_lab, secretly)
  local w, r, nodes, options = world(seed), random.seeded(seed), {}, { clock = { clock = true } }
  local members, enrol = {}, function() end
  if in_lab then members, enrol = of_lab() end
  local order = { "ada", "bea", "xeno", stated and "clock" or nil }
  options.ada, options.bea, options.xeno = { clock = false }, { clock = false }, { ahead = IN_2099 }
  if secretly then options.xeno = { clock = false, build = w.loop:wall() + IN_2099 } end
  while order[1] do
    local name = table.remove(order, r:integer(#order) + 1)
    for what, value in pairs(members[name] or {}) do options[name][what] = value end -- any order
    nodes[name] = w:add(name, options[name])
    enrol(nodes[name])
    nodes[name].share(name .. "-1")
    w:run(r:integer(3) * 20 * SECOND + r:integer(5000))
    nodes[name].share(name .. "-2")
  end
  return w, nodes.ada, nodes.bea, nodes.xeno, nodes.clock
end

describe("two nodes without a clock beside one of 2099", function()
  it("hide nothing, count all and end equal; no time is known", function()
    for seed = 1, SEEDS do
      local w, ada, bea, xeno = four(seed, false)
      agree(w, ada, bea, { ada, bea, xeno }, "seed " .. seed)
      assert.equal("ada-1 ada-2 bea-1 bea-2 xeno-1 xeno-2", held(ada, { ada, bea, xeno }), "seed " .. seed)
      for _, node in ipairs { ada, bea } do
        counts_all(node)
        assert.equal("none", node.time.quality)
        assert.same({}, node.time:followed())
        for _, age in ipairs(ages(node, { ada, bea, xeno })) do assert.is_nil(age[1]) end
      end
      assert.is_nil(verdict(xeno, ada), "who dropped what ended since then cannot tell")
      assert.is_nil(verdict(ada, xeno), "equal, but about his own words only")
    end
  end)

  it("and of a proof that arrives keep all that is of this time, and drop what is of the other", function()
    for seed = 1, SEEDS do
      local w, ada, bea, xeno = four(seed, false)
      w:run(MINUTE)
      for _, node in ipairs { ada, bea } do
        node.time.believe = true -- its clock is synchronised from now on
        w:run(seed % 3 * 20 * SECOND)
      end
      w:run(20 * SECOND)
      agree(w, ada, bea, { ada, bea, xeno }, "seed " .. seed)
      for _, node in ipairs { ada, bea } do
        counts_all(node)
        assert.equal("proved", node.time.quality)
        assert.equal("ada-1 ada-2 bea-1 bea-2", held(node, { ada, bea, xeno }), "seed " .. seed)
        for _, age in ipairs(ages(node, { ada, bea })) do
          assert.is_true(age[1] > 40 * SECOND and age[1] < 6 * MINUTE, ("seed %d: %s ms"):format(seed, age[1]))
          assert.is_nil(age[2])
        end
      end
    end
  end)
end)

describe("the same in a lab", function()
  for what, secretly in pairs { ["who states his clock"] = false, ["who states none"] = true } do -- any order
    it("hide nothing, count all and end equal, beside a member of 2099 " .. what, function()
      for seed = 1, IN_LAB do
        local w, ada, bea, xeno = four(seed, false, true, secretly)
        w:run(MINUTE)
        agree(w, ada, bea, { ada, bea, xeno }, "seed " .. seed)
        assert.equal("ada-1 ada-2 bea-1 bea-2 xeno-1 xeno-2", held(ada, { ada, bea, xeno }), "seed " .. seed)
        for _, node in ipairs { ada, bea } do
          counts_all(node)
          assert.equal("none", node.time.quality)
          for _, one in ipairs { ada, bea, xeno } do assert.is_true(node.dcache.trust:stands(one.id)) end
          for _, age in ipairs(ages(node, { ada, bea, xeno })) do assert.is_nil(age[1]) end
        end
        assert.is_nil(verdict(ada, xeno), "equal, but about his own words only")
      end
    end)
  end

  it("go by a member's clock, and by no other's", function()
    for seed = 1, IN_LAB do
      local w, ada, bea, xeno, clock = four(seed, true, true)
      local stranger = labs.key "nobody's"
      w:add("stranger", { lab = clock.lab, identity = { id = stranger:id(), key = stranger }, ahead = -DAY })
      w:run(2 * MINUTE)
      agree(w, ada, bea, { ada, bea, xeno }, "seed " .. seed)
      for _, node in ipairs { ada, bea } do
        counts_all(node)
        assert.equal("adopted", node.time.quality)
        assert.same({ clock.id, nil }, { node.time:followed()[1].id, node.time:followed()[2] }, "seed " .. seed)
        assert.equal(2, #node.time.claims(), "the member of 2099 states one, but it counts for nothing")
        assert.is_true(math.abs(node.time:now() - w.loop:wall()) < MINUTE)
      end
    end
  end)
end)

describe("the same beside one more who states a right clock", function()
  local function is_right(w, node) return math.abs(node.time:now() - w.loop:wall()) < MINUTE end

  it("go by his time, and he has all their files", function()
    for seed = 1, SEEDS do
      local w, ada, bea, xeno, clock = four(seed, true)
      agree(w, ada, bea, { ada, bea, xeno }, "seed " .. seed)
      for _, node in ipairs { ada, bea } do
        counts_all(node)
        assert.equal("adopted", node.time.quality)
        assert.is_true(is_right(w, node))
        assert.equal(1, #node.time:followed(), "the one of 2099 is not followed")
        assert.equal(clock.id, node.time:followed()[1].id)
        assert.equal("ada-1 ada-2 bea-1 bea-2 clock-1 clock-2", held(node, { ada, bea, clock }), "seed " .. seed)
        for _, age in ipairs(ages(node, { ada, bea, clock })) do
          assert.is_true(age[1] and age[1] < 6 * MINUTE and age[2], "seed " .. seed)
        end
      end
      assert.equal("ada-1 ada-2 bea-1 bea-2 clock-1 clock-2", held(clock, { ada, bea, clock, xeno }), "seed " .. seed)
      for _, age in ipairs(ages(clock, { ada, bea, clock })) do
        assert.is_true(age[1] > 40 * SECOND and age[1] < 6 * MINUTE and not age[2], "seed " .. seed)
      end
    end
  end)

  it("and two more end equal: three put the one of 2099 right, too, and his files are of this time", function()
    for seed = 1, SEEDS do
      local w, ada, bea, xeno, clock = four(seed, true)
      for i = 1, 2 do w:add("more" .. i) end
      w:run(4 * MINUTE)
      local all = { ada, bea, xeno, clock }
      for _, node in ipairs { ada, bea, xeno } do
        assert.equal("quorum", node.time.source, "seed " .. seed)
        assert.equal("ada-1 ada-2 bea-1 bea-2 clock-1 clock-2 xeno-1 xeno-2", held(node, all), "seed " .. seed)
        for _, age in ipairs(ages(node, all)) do assert.is_true(age[1] < 12 * MINUTE, "seed " .. seed) end
      end
      for _, node in ipairs { bea, xeno, clock } do agree(w, ada, node, all, "seed " .. seed) end
    end
  end)
end)

-- Ends ADA, the last node, as a power cut does. → its disk after that
local function cut_power(w, ada, disk)
  table.remove(w.nodes)
  ada.republish:stop()
  ada.routing:stop()
  for _, part in ipairs { "comms", "discovery" } do ada[part]:stop() end
  for _, part in ipairs { ada.dcache, ada.dcache.syncing } do part.timer:cancel() end
  return disk:crash(#w.nodes)
end

describe("a node without a clock", function()
  it("has its old words and its new ones at once after each power cut, whatever the others' clocks", function()
    for seed = 1, SEEDS do
      local w, disk, r, names = world(seed, 0.1), memory(seed), random.seeded(seed), {}
      local first = w:add("first", ({ { clock = false }, { ahead = IN_2099 }, {} })[seed % 3 + 1])
      first.share "first-1"
      w:run(20 * SECOND)
      local ada
      for boot = 1, 4 do
        ada = w:add("ada", { clock = false, disk = disk, boot = boot })
        for _, name in ipairs(names) do ada.share(name) end -- its folder is looked through again
        names[boot] = "ada-" .. boot
        ada.share(names[boot])
        w:run(r:integer(40) * SECOND + 2000)
        assert.equal(table.concat(names, " "), held(ada, { ada }), "seed " .. seed)
        counts_all(ada)
        disk = cut_power(w, ada, disk)
      end
      ada = w:add("ada", { clock = false, disk = disk, boot = 9 })
      first.share "first-2"
      w:run(2 * MINUTE)
      assert.equal("first-1 first-2", held(ada, { first }), "seed " .. seed)
      if seed % 3 ~= 1 then assert.equal(table.concat(names, " "), held(first, { ada }), "seed " .. seed) end
    end
  end)

  it("says that it leaves, also after a start in which it shared something", function()
    local w, disk = world(3), memory(3)
    local bea = w:add("bea", { clock = false })
    for boot = 1, 3 do
      local ada = w:add("ada", { clock = false, disk = disk, boot = boot })
      w:run(20 * SECOND)
      ada.share("ada-" .. boot)
      w:run(20 * SECOND)
      local peer = bea.comms.peers.by_id[ada.id]
      assert.is_false(bea.comms.peers:left(peer))
      ada:leave(function() end)
      w:run(SECOND)
      assert.truthy(bea.comms.peers:left(peer), "start " .. boot)
      disk = cut_power(w, ada, disk)
    end
  end)

  it("goes by nobody's clock whose address is not proved, who is gone, or who says that he has none", function()
    local w = world(9)
    local ada = w:add("ada", { clock = false })
    w:add("bea", { clock = false })
    local ask = ada.comms.proof.ask
    ada.comms.proof.ask = function() end
    local clock = w:add "clock"
    w:run(2 * MINUTE)
    assert.same({ "none", 0 }, { ada.time.quality, #ada.time.claims() })
    ada.comms.proof.ask = ask
    w:run(2 * MINUTE)
    assert.equal("adopted", ada.time.quality)
    assert.equal(clock.id, ada.time.claims()[1].id)
    assert.equal(1, #ada.time.claims(), "bea goes by his clock, and states none")
    w.cut[clock.host] = true
    w:run(4 * MINUTE)
    assert.equal(0, #ada.time.claims())
    assert.is_true(math.abs(ada.time:now() - w.loop:wall()) < MINUTE, "but it runs on")
  end)

  -- The peer's beacon of before named the build's time, and his word that states a clock comes ahead of the next one.
  it("never takes the time of a beacon from before a clock was stated, or from a run that states none", function()
    for seed = 1, SEEDS do
      local w, disk, r, away = world(seed, 0.1), memory(seed), random.seeded(seed), 0
      local lab, ada = w:add("lab", { clock = false }), w:add("ada", { clock = false, disk = disk })
      local function watch(seconds)
        for _ = 1, seconds * 10 do
          w:run(100)
          if lab.time.quality == "adopted" then away = math.max(away, math.abs(lab.time:now() - w.loop:wall())) end
        end
      end
      lab.share "l"
      ada.share "a"
      watch(20 + r:integer(40))
      if seed % 2 == 0 then
        ada.time.believe = true -- it is synchronised from now on
      else
        disk = cut_power(w, ada, disk)
        ada = w:add("ada", { disk = disk, boot = 2 })
      end
      for _ = 1, 9 do -- a presence word may be lost: it is said again each 5 min
        if lab.time.quality == "none" then watch(40) end
      end
      assert.equal("adopted", lab.time.quality, "seed " .. seed)
      disk = cut_power(w, ada, disk)
      w:add("ada", { clock = false, disk = disk, boot = 3 })
      watch(80 + r:integer(60))
      assert.is_true(away < MINUTE, ("seed %d: %d s off"):format(seed, away // 1000))
      assert.equal(0, #lab.time.claims(), "seed " .. seed)
    end
  end)

  it("dates what it said without a clock once it starts with one", function()
    for days = 6, 120, 114 do
      local w, disk = world(4), memory(4)
      local build = w.loop:wall() - days * DAY
      local good, ada = w:add "good", w:add("ada", { clock = false, disk = disk, build = build })
      good.comms.proof.ask = function() end
      ada.comms.proof.ask = function() end
      ada.share "kept"
      ada.share "gone"
      w:run(20 * SECOND)
      ada.unshare "gone"
      w:run(20 * SECOND)
      assert.is_true(ada.dcache:statement_of("share/files", file_key "kept", ada.id).undated)
      disk = cut_power(w, ada, disk)
      ada = w:add("ada", { disk = disk, boot = 2, build = build })
      ada.share "kept"
      w:run(MINUTE)
      for _, node in ipairs { ada, good } do
        local kept = node.dcache:statement_of("share/files", file_key "kept", ada.id)
        assert.is_true(math.abs(w.loop:wall() - kept.at) < 2 * MINUTE)
        assert.is_nil(kept.undated)
        local gone = node.dcache:statement_of("share/files", file_key "gone", ada.id)
        assert.same({ "dismiss", true }, { gone.verb, math.abs(w.loop:wall() - gone.at) < 2 * MINUTE })
      end
    end
  end)

  it("unsays again what it unsaid by no time, so that all hear it", function()
    local w = world(8)
    local ada, bea = w:add("ada", { clock = false }), w:add("bea", { clock = false })
    ada.share "a"
    w:run(20 * SECOND)
    ada.unshare "a"
    w:run(20 * SECOND)
    local clock = w:add "clock" -- to whom a word of the build's time has ended: it is four months ago
    w:run(20 * SECOND)
    for _, node in ipairs { ada, bea, clock } do
      local record = node.dcache:statement_of("share/files", file_key "a", ada.id)
      assert.same({ "dismiss", w.loop:wall() // 100000 }, { record.verb, record.at // 100000 })
    end
  end)

  it("makes its files' words again after a leap, as of when they were first said", function()
    local w = world(5)
    local ada = w:add("ada", { clock = false })
    for i = 1, 31 do
      ada.share("f" .. i)
      w:run(10 * SECOND)
    end
    for _, record in ipairs(ada.dcache:statements "share/files") do assert.is_true(record.undated) end
    local clock = w:add "clock"
    w:run(10 * SECOND)
    for _, node in ipairs { ada, clock } do
      local list = ages(node, { ada })
      assert.equal(31, #list)
      for i, age in ipairs(list) do
        local due = (32 - i) * 10 * SECOND + 10 * SECOND
        assert.is_true(math.abs(age[1] - due) < 20 * SECOND, ("%s ms, not %d"):format(age[1], due))
      end
    end
  end)

  -- A liar within ten years, then two honest clocks: ada goes there and comes back, and her files are seen by all. What
  -- one said who is gone counts all the time: what is compared does not go by an adopted time.
  it("comes back from a liar's time, and her words with her", function()
    local w = world(6)
    local ada, gone = w:add("ada", { clock = false }), w:add("gone", { clock = false })
    gone.share "g"
    w:run(20 * SECOND)
    w.cut[gone.host] = true
    ada.share "a"
    w:add("liar", { ahead = 400 * DAY })
    w:run(20 * SECOND)
    ada.share "b"
    assert.is_true(ada.time:now() > w.loop:wall() + 399 * DAY)
    assert.equal("g", held(ada, { gone }))
    counts_all(ada)
    local clock = w:add "clock"
    w:run(20 * SECOND)
    assert.is_true(ada.time:now() > w.loop:wall() + 399 * DAY, "not at once")
    w:run(2 * MINUTE)
    assert.is_true(math.abs(ada.time:now() - w.loop:wall()) < MINUTE)
    ada.share "c"
    w:run(20 * SECOND)
    for _, node in ipairs { ada, clock } do
      assert.equal("a b c", held(node, { ada }))
      for _, age in ipairs(ages(node, { ada })) do assert.is_true(age[1] and age[1] < 4 * MINUTE) end
    end
  end)
end)
