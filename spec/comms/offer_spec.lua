-- offer_spec.lua - lines that are handed in on this machine: a word for each, after the disk has them, and on they go.
local labs = require "spec.labs"
local loader = require "policy"
local sim = require "sim"
local disks = require "core.sim"

local policy = assert(loader.load("policies/duckiebot.lua", { shipped = "policies" }))
local SWARM <const> = policy:get "swarm"
local signer = labs.key "offers"

local swarm, ada, bea, at

local function line(name, fields)
  at = at + 1
  local given = { bucket = "share/files", key = name, at = at, ttl = 24 * 60 * 60, data = { x = name } }
  for field, value in pairs(fields or {}) do given[field] = value end
  return labs.sign(given.signer or signer, given.swarm or SWARM, given).line
end

-- TOLD() is called, where it is given, in the moment in which they come.
-- → the words of the results, "taken" where there is none; or nil, text, code
local function offer(one, lines, told)
  local words
  one.comms:offer(lines, function(results, text, code)
    words = results and {} or { text, code }
    for i, result in ipairs(results or {}) do words[i] = result.word or "taken" end
    if told then told() end
  end)
  swarm:run(20 * 1000)
  return words
end

describe("an offer", function()
  before_each(function()
    swarm = sim.new { seed = 7, policy = policy }
    ada, bea = swarm:add "ada", swarm:add "bea"
    swarm:run(5000)
    at = swarm.loop:wall()
  end)

  it("has a word for each line, in their order, and those that are taken in go on to others", function()
    local good, again = line "a", line "b"
    assert.same({ "taken" }, offer(ada, { again }))
    local forged = line("c", { swarm = "another" })
    assert.same({ "taken", "signature", "duplicate", "form", "duplicate" },
      offer(ada, { good, forged, again, "nothing of the kind", good }))
    for _, one in ipairs { ada, bea } do
      assert.equal("propose", one.dcache:statement_of("share/files", "a", signer:id()).verb)
      assert.is_nil(one.dcache:statement_of("share/files", "c", signer:id()))
    end
  end)

  it("says signature of a thousand bad lines, since nobody is held off by what stands in his own file", function()
    for _ = 1, 16 do
      local lines, words = {}, {}
      for i = 1, 64 do lines[i], words[i] = line("f" .. i, { swarm = "another" }), "signature" end
      assert.same(words, offer(ada, lines))
    end
    assert.same({ "taken" }, offer(ada, { line "g" }))
  end)

  it("tells nobody that a line is safe before the disk has it", function()
    local slow = disks.memory(3)
    local clara = swarm:add("clara", { disk = slow })
    local synced = false
    local real = clara.dcache.when_synced
    function clara.dcache:when_synced(fn)
      real(self, function()
        synced = true
        fn()
      end)
    end
    assert.same({ "taken" }, offer(clara, { line "h" }))
    assert.is_true(synced)
    clara.dcache.when_synced = function() end
    assert.equal("disk", offer(clara, { line "i" })[2])
  end)

  it("is on the disk also where it replaces what another one said before", function()
    local store = disks.memory(4)
    local clara = swarm:add("clara", { disk = store })
    assert.same({ "taken" }, offer(clara, { line "j" }))
    clara.dcache.syncing:every(60 * 60 * 1000) -- no other sync helps
    assert.same({ "taken" }, offer(clara, { line("j", { data = { x = "newer" } }) }))
    local after = swarm:add("clara", { disk = store:crash(5) })
    assert.equal("newer", after.dcache:statement_of("share/files", "j", signer:id()).data_text:match "newer")
  end)

  it("lets the next lines be judged by those before: who was let in is no stranger any more", function()
    local lab = labs.new { name = "robotics", robots = 1 }
    local one = swarm:add("dora", { lab = lab.lab })
    local admin, member = labs.key "admin", labs.key "member"
    local share = { bucket = "share/files", key = "k", at = lab.at + 10, ttl = 24 * 60 * 60, data = { x = 1 } }
    local said = labs.sign(member, lab.swarm, share).line
    assert.same({ "stranger" }, offer(one, { said }))
    local words = offer(one, { lab:grant(lab.root, admin:id(), "admin", { name = "ada" }) })
    assert.same({ "taken" }, words)
    local stands, work = nil, one.dcache.trust.slices
    local start = work.start
    function work.start(...) -- a slow robot: it takes half a second to work out who may say what
      local given, stopped = table.pack(...), false
      swarm.loop:after(500, function()
        if not stopped then start(table.unpack(given)) end
      end)
      return function() stopped = true end
    end
    words = offer(one, { said, lab:grant(admin, member:id(), "member", { name = "m" }) }, function()
      stands = one.dcache.trust:stands(member:id())
    end)
    assert.same({ "stranger", "taken", true }, { words[1], words[2], stands })
    assert.same({ "taken" }, offer(one, { said }))
  end)
end)
