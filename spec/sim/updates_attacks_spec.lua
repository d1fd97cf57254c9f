-- updates_attacks_spec.lua - a valid set of release, plan and rollout, changed in one thing each: it is refused by its
-- word, and nothing of it is fetched or applied. The unchanged set is taken by the same robots in the same run.
local cid = require "core.cid"
local fleet = require "spec.sim.updates_fleet"
local hash = require "core.hash"
local json = require "core.json"
local labs = require "spec.labs"
local text = require "core.text"

local MINUTE <const>, HOUR <const>, DAY <const> = 60 * 1000, 60 * 60 * 1000, 86400
local NAMES <const> = { "ada", "bea" }

local function cid_of(bytes) return cid.make("raw", hash.sha256(bytes)) end

-- A set for the run NAME/SEQ/1 that counts, before it is changed: data, plan, rollout, key, release; by = who signs.
local function set_of(f, name, seq)
  local order = json.array {}
  for i, one in ipairs(NAMES) do order[i] = f:of(one).id end
  local key = ("%s/%d"):format(name, seq or 1)
  return { release = key, key = key .. "/1", seconds = 7 * DAY,
    data = { artefacts = json.array { json.array { "any", cid_of("artefact of " .. key), 1000 } }, kind = "sim",
      version = "1" },
    plan = { absent = { after = 3600, most = 0 }, clock = "proved", max_failures = 2, order = order, patience = 600,
      release = key, run = 1, swarm = f.all.lab.swarm, unknown = "back",
      waves = json.array { { max_unavailable = 2, robots = #order, soak = 0 } } } }
end

-- FIELDS of a statement signed by the set's key (the root's) in its swarm (this lab's), offered to the first robot.
local function say(f, set, fields, by)
  fields.ttl, fields.at = fields.ttl or set.seconds, f.all.world.loop:wall()
  local line = labs.sign(by or set.by or f.all.lab.root, set.signed_in or f.all.lab.swarm, fields).line
  local word
  f:of("ada").node.comms:offer({ line }, function(results) word = results[1].word or "taken" end)
  f:until_(5000, function() return word ~= nil end)
  return word
end

-- The DATA of the set's rollout, whose plan the robots can fetch.
local function rollout_of(f, set)
  local bytes = json.encode(set.plan)
  set.plan_cid = cid_of(bytes)
  f.all.payload.plans[set.plan_cid] = bytes
  local data = { plan = set.plan_cid, size = #bytes, release = text.base64url(hash.blake2b(json.encode(set.data))) }
  for field, value in pairs(set.rollout or {}) do data[field] = value end
  return data
end

local function say_all(f, set)
  local word = say(f, set, { bucket = "updates/release", key = set.release, data = set.data })
  say(f, set, { bucket = "updates/rollout", key = set.key, data = rollout_of(f, set) })
  return word
end

local function holds(f, name, key) return f.all.payload.held[f:of(name).id][key] ~= nil end

local function row_of(f, name, key)
  for _, row in ipairs(f:ask(name, "updates").runs) do
    if row.run == key then return row end
  end
end

local function applied(f, name)
  local n = 0
  for _, event in ipairs(f.all.events) do n = n + (event.name == name and event.act == "apply" and 1 or 0) end
  return n
end

-- Each attack: its word; CHANGE(set, f) of a valid set; plan = true: the page lets its plan be fetched; state = what
-- the robots say of it; unlisted: nobody lists it.
local ATTACKS <const> = {
  ["arbitrary install, by a robot's key"] = { word = "role", unlisted = true, change = function(set, f)
    set.by = f:of "bea".node.key
  end },
  ["mix and match of plan and release"] = { word = "conflict", change = function(set)
    set.rollout = { release = text.base64url(hash.blake2b "another release") }
  end },
  ["a plan of another run"] = { word = "conflict", plan = true, change = function(set) set.plan.run = 2 end },
  ["a plan of another release"] = { word = "conflict", plan = true, change = function(set)
    set.plan.release = "demos/42"
  end },
  ["a plan for another swarm"] = { word = "swarm", plan = true, change = function(set)
    set.plan.swarm = "robotics"
  end },
  ["a release for another platform"] = { word = "target", plan = true, state = "rejected",
    change = function(set) set.data.artefacts[1][1] = "armhf" end },
  ["a release over one that is not there"] = { word = "target", plan = true, state = "rejected",
    change = function(set) set.data.from = 7 end },
  ["a kind that nobody installed here"] = { word = "target", plan = true, state = "rejected",
    change = function(set) set.data.kind = "rootkit" end },
  ["a release with steps of its own"] = { word = "form", change = function(set) set.data.steps = "rm -rf /" end },
  ["a plan with a robot twice"] = { word = "form", plan = true, change = function(set)
    set.plan.order[2] = set.plan.order[1]
  end },
  ["a plan with a field that no version has"] = { word = "form", plan = true, change = function(set)
    set.plan.solo_after = 60
  end },
  ["a plan that is longer than any"] = { word = "form", change = function(set) set.rollout = { size = 65537 } end },
  ["a rollout without end"] = { word = "window", change = function(set) set.seconds = 61 * DAY end },
}

local ORDER <const> = require "sorted".keys(ATTACKS)

describe("a fleet that is attacked", function()
  it("takes the set that people signed, and none that was changed in one thing", function()
    local f = fleet.new { names = NAMES, waves = { { max_unavailable = 2, robots = 2, soak = 0 } } }
    f:start()
    local sets = {}
    for i, title in ipairs(ORDER) do
      local set = set_of(f, "evil-" .. i)
      ATTACKS[title].change(set, f)
      say_all(f, set)
      sets[title] = set
    end
    local good = set_of(f, "good")
    assert.equal("taken", say_all(f, good))
    f:until_(30 * MINUTE)
    assert.same({ "committed", "committed", "committed" }, { f:state "ada", f:state("ada", good.key),
      f:state("bea", good.key) })
    assert.is_true(holds(f, "ada", good.data.artefacts[1][2]))
    for _, title in ipairs(ORDER) do
      local attack, set = ATTACKS[title], sets[title]
      for _, name in ipairs(NAMES) do
        local row = row_of(f, name, set.key)
        assert.equal(not attack.unlisted and attack.word or nil, row and row.word, title)
        assert.equal(attack.state, f:state(name, set.key), title)
        assert.equal(attack.plan == true, holds(f, name, set.plan_cid), title .. ": its plan")
        assert.is_false(holds(f, name, set.data.artefacts[1][2]), title .. ": its artefact")
      end
    end
    for _, name in ipairs(NAMES) do
      assert.equal(2, applied(f, name)) -- demos/42 and good/1
      local refused, counts = f:ask(name, "updates").refused, {}
      for _, title in ipairs(ORDER) do
        local word = ATTACKS[title].word
        counts[word] = (counts[word] or 0) + (ATTACKS[title].unlisted and 2 or 1) -- release and rollout each
      end
      assert.same(counts, refused)
      for word, n in pairs(counts) do assert.is_true(f:of(name).node.refused[word] >= n, word) end
    end
  end)

  it("goes neither back nor far ahead, and takes no release that ended", function()
    local f = fleet.new { names = NAMES, waves = { { max_unavailable = 2, robots = 2, soak = 0 } } }
    f:start()
    assert.is_true(f:all_are("committed", NAMES, HOUR))
    local back, ahead, good = set_of(f, "demos", 41), set_of(f, "demos", 1043), set_of(f, "demos", 43)
    local ended = set_of(f, "ended")
    ended.seconds = 600
    say(f, ended, { bucket = "updates/release", key = ended.release, data = ended.data })
    f:until_(20 * MINUTE)
    ended.seconds = 7 * DAY
    say(f, ended, { bucket = "updates/rollout", key = ended.key, data = rollout_of(f, ended) })
    for _, set in ipairs { back, ahead } do assert.equal("taken", say_all(f, set)) end
    f:until_(10 * MINUTE)
    for _, name in ipairs(NAMES) do
      assert.same({ "rejected", "rejected", nil }, { f:state(name, back.key), f:state(name, ahead.key),
        f:state(name, ended.key) })
      assert.same({ "seq", "seq", "ended" }, { row_of(f, name, back.key).word, row_of(f, name, ahead.key).word,
        row_of(f, name, ended.key).word })
      for _, set in ipairs { back, ahead, ended } do assert.is_false(holds(f, name, set.data.artefacts[1][2])) end
    end
    assert.equal("taken", say_all(f, good))
    f:until_(20 * MINUTE)
    for _, name in ipairs(NAMES) do
      assert.same({ "committed", 2 }, { f:state(name, good.key), applied(f, name) })
      assert.same({ seq = 2, ended = 1 }, f:ask(name, "updates").refused)
    end
  end)

  it("begins nothing of which two are signed, or by a key that was revoked while it waited", function()
    local f = fleet.new { names = NAMES, waves = { { max_unavailable = 2, robots = 2, soak = 0 } } }
    f:start()
    assert.is_true(f:all_are("committed", NAMES, HOUR))
    local eve, dan = labs.key "eve", labs.key "dan"
    for name, key in pairs { eve = eve, dan = dan } do
      f:say("trust/grants", key:id(), { name = name, role = "admin", tags = json.array {} }, 400 * DAY)
    end
    f:until_(10000)
    for _, name in ipairs(NAMES) do assert(f:ask(name, "fact", { name = "hold", value = true, seconds = 7200 })) end
    local twice, plan_twice = set_of(f, "twice"), set_of(f, "plans")
    local revoked, good = set_of(f, "revoked"), set_of(f, "good")
    for _, set in ipairs { twice, plan_twice, good } do assert.equal("taken", say_all(f, set)) end
    revoked.by = eve
    assert.equal("taken", say_all(f, revoked))
    f:until_(10 * MINUTE)
    for _, set in ipairs { twice, plan_twice, revoked, good } do
      assert.equal("staged", row_of(f, "ada", set.key).phase, set.key)
    end
    say(f, twice, { bucket = "updates/release", key = twice.release, data = set_of(f, "another").data }, dan)
    plan_twice.plan.patience = 60
    say(f, plan_twice, { bucket = "updates/rollout", key = plan_twice.key, data = rollout_of(f, plan_twice) }, dan)
    f:until_(MINUTE)
    for _, set in ipairs { twice, plan_twice } do assert.equal("conflict", row_of(f, "ada", set.key).word, set.key) end
    assert.is_nil(f:say("trust/revoked", eve:id(), { why = "stolen" }, 400 * DAY))
    f:until_(MINUTE)
    assert.same({ "role", "refused" }, { row_of(f, "ada", revoked.key).word, row_of(f, "ada", revoked.key).phase })
    for _, name in ipairs(NAMES) do assert(f:ask(name, "fact", { name = "hold", ["end"] = true })) end
    f:until_(30 * MINUTE)
    for _, name in ipairs(NAMES) do
      assert.equal("committed", f:state(name, good.key))
      for _, set in ipairs { twice, plan_twice, revoked } do
        assert.is_true(({ deferred = true, none = true })[f:state(name, set.key) or "none"], set.key)
      end
      assert.equal(2, applied(f, name)) -- demos/42 and good/1
      local refused = f:ask(name, "updates").refused
      assert.same({ 2, true }, { refused.conflict, refused.role >= 1 })
    end
  end)

  it("is not kept by who gives it slowly: he was left, which is counted, and the release is taken", function()
    local f = fleet.new { names = NAMES }
    f:start()
    local fetching = f:of "ada".node.updates.fetching
    local state = fetching.state
    function fetching.state(...) -- as fetching.lua tells it; spec/clients/fetching_spec.lua has who is left when
      local one = state(...)
      one.slow = true
      return one
    end
    local set = set_of(f, "apps")
    assert.equal("taken", say_all(f, set))
    f:until_(20 * MINUTE)
    assert.equal("committed", f:state("ada", set.key))
    assert.same({ slow = 2 }, f:ask("ada", "updates").refused) -- the first run, too
  end)

  it("hears no stranger, and no word of another lab", function()
    local f = fleet.new { names = NAMES }
    f:start()
    local set = set_of(f, "evil")
    set.by = labs.key "nobody"
    assert.equal("stranger", say_all(f, set))
    set.by, set.signed_in = nil, "robotics:AAAAAAAAAAAAAAAAAAAAAA"
    assert.equal("signature", say_all(f, set))
    f:until_(MINUTE)
    local refused = f:of "ada".node.refused
    assert.is_true(refused.stranger >= 2 and refused.signature >= 2)
    assert.is_nil(row_of(f, "ada", set.key))
    set.signed_in = nil
    assert.equal("taken", say_all(f, set))
    f:until_(20 * MINUTE)
    assert.equal("committed", f:state("ada", set.key))
  end)
end)

describe("where two have to sign", function()
  local POLICY <const> = [[
local p = extend "duckiebot"
for _, bucket in ipairs { "release", "rollout", "skip" } do
  p.dcache.buckets["updates/" .. bucket].propose = "2 of release"
end
function p.clients.updates.healthy(_, now)
  if now.peers then return true, "alive" end
end
return p
]]

  it("one alone, or one twice, installs nothing; the second does", function()
    local f = fleet.new { names = NAMES, policy = POLICY, waves = { { max_unavailable = 2, robots = 2, soak = 0 } } }
    f:start()
    local eve, dan = labs.key "eve", labs.key "dan"
    for name, key in pairs { eve = eve, dan = dan } do
      f:say("trust/grants", key:id(), { name = name, role = "trusted", tags = json.array { "release" } }, 400 * DAY)
    end
    f:until_(10000)
    local set = set_of(f, "apps")
    set.by = eve
    for _ = 1, 2 do assert.equal("taken", say_all(f, set)) end
    f:until_(20 * MINUTE)
    local row = row_of(f, "ada", set.key)
    assert.same({ "threshold", "1 of 2: " .. eve:id():sub(-4), "refused" }, { row.word, row.text, row.phase })
    assert.same({ nil, 0, false }, { f:state("ada", set.key), applied(f, "ada"), holds(f, "ada", set.plan_cid) })
    assert.is_true(f:ask("ada", "updates").refused.threshold >= 1)
    set.by = dan
    assert.equal("taken", say_all(f, set))
    f:until_(20 * MINUTE)
    for _, name in ipairs(NAMES) do assert.equal("committed", f:state(name, set.key)) end
  end)
end)

