-- rollout_stop_spec.lua - a release that is broken on six robots: two try it and go back, the run stops for the four
-- others. Those two take it again only when they are forgiven; the old content comes back under a new number. Whole
-- daemons.
-- mostly waits: for turns
local folder = require "spec.folder"
local hash = require "core.hash"
local rollouts = require "spec.e2e.rollouts"
local swarm = require "spec.e2e.swarm"

local ROBOTS <const> = { "ada", "bea", "carl", "donald", "emma", "fred" }

describe("a rollout that fails", function()
  local r, why, desk

  setup(function()
    r, why = rollouts.new(ROBOTS, { wire = true, seed = 18 })
    if not r then return end
    desk = r.desk
    r:meet()
  end)
  teardown(function() if r then r:close() end end)

  local function digest_of(robot)
    return hash.sha256(folder.read(desk.swarm:path(robot, "content.last")))
  end

  local function break_all(yes)
    for _, robot in ipairs(ROBOTS) do
      local mark = desk.swarm:path(robot, "broken")
      if yes then folder.write(mark, "") else os.remove(mark) end
    end
  end

  local function state_of(run, robot)
    for _, row in ipairs((r:run(run) or { robots = {} }).robots) do
      if row.label == robot then return row.state end
    end
  end

  local function roll_out(key, most)
    desk:sign("rollout start " .. r:plan(key, most, ROBOTS, 1))
  end

  it("stops after two that went back; the others keep what they have", function()
    if not r then return pending(why) end
    local old, new = folder.bytes(20000, 1), folder.bytes(20000, 2)
    desk:file("old.bin", old)
    desk:file("new.bin", new)
    desk:sign "release new demo --kind probe --version 1.0 any=old.bin"
    roll_out("demo/1", 6)
    r:within(60, "all have the old content", "demo/1", function() return r:count("demo/1", "commit") == 6 end)
    break_all(true)
    desk:sign "release new demo --kind probe --version 1.1 any=new.bin"
    roll_out("demo/2", 1)
    r:within(60, "two went back", "demo/2", function() return r:count("demo/2", "rollback") == 2 end)
    r:within(20, "it is said that it stopped", "demo/2", function()
      local run = r:run "demo/2/1"
      return run and run.stopped and not run.complete and run.failures == 2
    end)
    swarm.sh "sleep 3"
    assert.equal(2, (r:count("demo/2", "apply")), r:words "demo/2")
    for _, robot in ipairs(ROBOTS) do assert.equal(hash.sha256(old), digest_of(robot)) end
  end)

  it("is rejected by those two in the next run, without apply, and taken by who is forgiven", function()
    if not r then return pending(why) end
    local _, tried = r:count("demo/2", "apply")
    assert.same({ ada = true, bea = true }, tried)
    break_all(false)
    roll_out("demo/2", 6)
    r:within(60, "the others took it", "demo/2", function() return r:count("demo/2", "commit") == 4 end)
    r:within(20, "the two rejected it", "demo/2", function()
      return state_of("demo/2/2", "ada") == "rejected" and state_of("demo/2/2", "bea") == "rejected"
    end)
    local said, code = desk.swarm:cli("ada", "update forgive demo/2")
    assert.equal(0, code, said)
    roll_out("demo/2", 6)
    r:within(60, "who was forgiven took it", "demo/2", function()
      local _, who = r:count("demo/2", "commit")
      return who.ada
    end)
    r:within(20, "the other one rejects it again", "demo/2", function()
      return state_of("demo/2/3", "bea") == "rejected"
    end)
    assert.equal(5, (r:count("demo/2", "commit")), r:words "demo/2")
  end)

  it("goes back to the old content under a new number", function()
    if not r then return pending(why) end
    desk:sign "release again demo/1"
    roll_out("demo/3", 6)
    r:within(60, "all six have the old content", "demo/3", function() return r:count("demo/3", "commit") == 6 end)
    for _, robot in ipairs(ROBOTS) do assert.equal(digest_of "ada", digest_of(robot)) end
    assert.equal(hash.sha256(folder.read(desk.swarm:path("desk", "old.bin"))), digest_of "ada")
  end)
end)
