-- relay_spec.lua - soft words of others leave a medium by the two nodes ranked first for them, and seldom unchanged; by
-- whole nodes under a virtual clock. The first streams lead from all robots of a room to one server.
local policies = require "spec.policy.policies"
local relay = require "comms.relay"
local sim = require "sim"
local sim_links = require "sim.links"

local MINUTE <const> = 60 * 1000
local ROBOTS <const> = 8

-- A room of robots, and a server elsewhere; the first UPLINKS robots have a stream to it. `said`: what came to it by
-- these, as { signer =, from = host, at = ms, word = } for each statement in `peer`.
local function world(uplinks, seed)
  local said = {}
  local w = sim.new { seed = seed, policy = assert(policies.load 'return extend "duckiebot"') }
  local robots = {}
  for i = 1, ROBOTS do robots[i] = w:add("robot" .. i) end
  local server = w:add "server"
  w.medium.channels[#w.medium.channels]:close()
  w:run(30 * 1000)
  local trace = w.world.trace
  function w.world.trace(format, from, to, text, ...)
    if to == server.host and text then
      for stamp, signer in text:gmatch "%S+ propose peer %- %d+ %d+ (%d+) (%S+)" do
        said[#said + 1] = { signer = signer, from = from, at = w.loop.time, word = stamp .. signer }
      end
    end
    return trace(format, from, to, text, ...)
  end
  for i = 1, uplinks do
    local a, b = sim_links.stream(w.world, robots[i].host, server.host)
    robots[i].routing:add(a, {})
    server.routing:add(b, {})
  end
  return w, robots, server, said
end

local function say(robot, state)
  return assert(robot.comms:propose("peer", { boot = 1, clock = "none", name = robot.name, state = state,
    type = "robot", version = "1" }))
end

local function state_at(server, robot)
  local st = server.dcache:statement_of("peer", robot.id, robot.id)
  return st and st.data.state
end

-- By how many others than its signer, on HOST, each word of SIGNER in SAID was passed on, at most; how many words.
local function by_others(said, signer, host)
  local by_word, most, words = {}, 0, 0
  for _, one in ipairs(said) do
    if one.signer == signer and one.from ~= host then
      if not by_word[one.word] then words = words + 1 end
      by_word[one.word] = (by_word[one.word] or 0) + 1
      most = math.max(most, by_word[one.word])
    end
  end
  return most, words
end

describe("a soft word of another", function()
  it("is passed on by two of many that have the same way, whoever said it", function()
    local w, robots, server, said = world(ROBOTS, 11)
    w:run(2 * MINUTE)
    for i, robot in ipairs(robots) do
      say(robot, i % 2 == 0 and "ready" or "busy")
      w:run(5000)
      assert.equal(i % 2 == 0 and "ready" or "busy", state_at(server, robot))
      w:run(MINUTE)
      local most, words = by_others(said, robot.id, robot.host)
      assert.is_true(most <= 2 and words > 0, ("%d passed one on, of %d"):format(most, words))
    end
  end)

  it("arrives within a minute also where one alone has a way, whatever its rank", function()
    local w, robots, server, said = world(1, 12)
    w:run(MINUTE)
    local waited = 0
    for i, robot in ipairs(robots) do
      say(robot, "busy")
      local since = w.loop.time
      while state_at(server, robot) ~= "busy" do
        w:run(1000)
        assert.is_true(w.loop.time - since < MINUTE, "robot " .. i)
      end
      waited = math.max(waited, w.loop.time - since)
    end
    assert.is_true(waited >= 20 * 1000, "some of them were not among the first two")
    assert.is_true(#said >= ROBOTS)
  end)

  it("that says the same goes once in fourteen minutes, so that none is over there meanwhile", function()
    local w, robots, server, said = world(2, 13)
    w:run(2 * MINUTE)
    local first = #said
    for _ = 1, 40 do
      w:run(MINUTE)
      for i = 3, ROBOTS do
        local st = server.dcache:statement_of("peer", robots[i].id, robots[i].id)
        assert.is_nil(st and st.fault)
      end
    end
    local last, n = {}, 0
    for i = first + 1, #said do
      local one = said[i]
      if one.from ~= robots[1].host and one.from ~= robots[2].host then error "nobody else has a way" end
      local own = one.signer == robots[1].id or one.signer == robots[2].id
      local key = one.signer .. one.from
      if not own then
        assert.is_true(not last[key] or one.at - last[key] >= 9 * MINUTE, "said again too soon")
        last[key], n = one.at, n + 1
      end
    end
    assert.is_true(n >= (ROBOTS - 2) * 2 and n <= (ROBOTS - 2) * 2 * 3, n .. " words")
  end)

  it("is not put off by a copy of what was said there before, which somebody missed", function()
    local loop = require "sim.loop".new()
    local one = relay.new { loop = loop, id = "r", peers = {}, kept = function() return false end }
    local from, to = { channel = { traits = { medium = false } } }, { name = "link" }
    local function word(minute)
      return { bucket = "peer", key = "x", signer = "x", verb = "propose", data = "{}", at = minute * MINUTE }
    end
    assert.equal(0, one:wait(word(0), from, to))
    one:note("link", word(0))
    local last = 0
    for minute = 5, 100, 5 do
      loop:run_until(minute * MINUTE)
      assert.is_true(one:renews("link", word(minute)))
      if one:wait(word(minute), from, to) then
        one:note("link", word(minute))
        assert.is_true(minute - last <= 15, minute)
        last = minute
      end
      loop:run_until((minute + 3) * MINUTE)
      one:note("link", word(last))
    end
    assert.is_true(last >= 85)
  end)
end)
