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

  -- Six frames of five lines, the last two in the places of the first two, and the power goes at write N.
  -- → keys and texts that were acknowledged, did the power go?, the disk as it is after that
  local function cut_at(n)
    local store, acked, told = disks.memory(n), {}, 0
    local one = swarm:add("clara", { disk = store })
    swarm:run(100)
    store:inject { operation = "any", nth = n, effect = "off" }
    for f = 0, 5 do
      local lines, names = {}, {}
      for i = 1, 5 do
        names[i] = ("f%d-i%d"):format(f % 4, i)
        lines[i] = line(names[i], { data = { round = f // 4 } })
      end
      one.comms:offer(lines, function(results)
        for i, result in ipairs(results or {}) do
          if not result.word then acked[names[i]] = f // 4 end
        end
        told = told + (results and 1 or 0)
      end)
      swarm:run(11 * 1000)
    end
    return acked, told < 6, store:crash(n)
  end

  it("loses no line that it acknowledged, at whichever write the power goes", function()
    local n, cuts, lines = 0, 0, 0
    repeat
      n = n + 1
      swarm = sim.new { seed = n, policy = policy }
      at = swarm.loop:wall()
      local acked, cut, store = cut_at(n)
      local after = swarm:add("after", { disk = store })
      for name, round in pairs(acked) do -- any order
        local found = after.dcache:statement_of("share/files", name, signer:id())
        assert.truthy(found and tonumber(found.data_text:match "%d+") >= round,
          ("%s is gone after write %d"):format(name, n))
        lines = lines + 1
      end
      cuts = cuts + (cut and 1 or 0)
    until not cut
    assert.is_true(cuts > 10 and lines > 100, ("%d cuts, %d lines"):format(cuts, lines))
  end)

  it("says disk where the disk is full or read-only, holds what it held, and takes the lines when it can", function()
    local store = disks.memory(9)
    local clara = swarm:add("clara", { disk = store })
    assert.same({ "taken" }, offer(clara, { line "k" }))
    store:limit(1)
    local n, lines = 0, {}
    local words
    repeat -- until what the journal had reserved is full
      for i = 1, 64 do lines[i] = line(("l%d-%d"):format(n, i), { data = { x = ("y"):rep(700) } }) end
      words, n = offer(clara, lines), n + 1
    until words[1] ~= "taken" or n == 40
    assert.is_true(words[2] == "disk" or words[1] == "disk" or words[1] == "full", table.concat(words, " "))
    assert.truthy(clara.dcache:statement_of("share/files", "k", signer:id()))
    store:limit(nil)
    swarm:run(70 * 1000)
    for _, word in ipairs(offer(clara, lines)) do assert.is_true(word == "taken" or word == "duplicate", word) end
    local after = swarm:add("after", { disk = store:crash(9) })
    assert.equal(1 + 64 * n, #after.dcache:statements "share/files")
  end)
end)
