-- handlers_spec.lua - whole daemons of a lab whose handler kills them in each verb and in the recovery from that, and
-- that are killed at seeded moments: each release ends committed or rolled back, its folder is the old or the new one,
-- the word that the desk hears says the same, the floor never falls, and no two handlers ever run at once.
-- DT_SWARM_SOAK=1: 1,000 kills, of eight daemons beside each other.
-- mostly waits: for daemons that start again
local dpkg_root = require "spec.dpkg_root"
local folder = require "spec.folder"
local json = require "core.json"
local lab_desk = require "spec.e2e.lab_desk"
local patience = require "spec.patience"
local random = require "core.random"
local shell_handler = require "spec.shell_handler"
local swarm = require "spec.e2e.swarm"

local SOAK <const> = os.getenv "DT_SWARM_SOAK"
local KILLS <const> = SOAK and 1000 or 10
local ROBOTS <const> = SOAK and { "ada", "bea", "carl", "donald", "emma", "fred", "gus", "hans" } or { "ada" }
local MOST <const> = 4 -- kills of one daemon in one release
local RESOLVED <const> = { committed = true, rolled_back = true, rejected = true }
local ROBOT <const> = [[
local p = extend "duckiebot"
p.clock = "system"
p.clients.updates.handlers = "%s"
function p.clients.updates.ready(release) return release.in_window == true end
function p.clients.updates.healthy(_, now) return now.failed ~= nil end
return p
]]
local PLAN <const> = [[
return { release = "%s", robots = { "%s" }, waves = { { robots = %d, max_unavailable = %d, soak = 1 } },
  max_failures = 9 }
]]

describe("a whole daemon", function()
  local desk, why
  local serial, kills = 0, 0
  local floors = {} -- by robot

  local function home(robot) return (desk.swarm:path(robot, ""):gsub("/$", "")) end

  local function read(robot, name) return folder.read(home(robot) .. "/" .. name) or "" end

  local function alive(robot) return desk.swarm.running[robot].alive() end

  local blamed -- is the policy in force blamed for each kill, as a service manager would have it?
  local function start(robot)
    if not blamed then os.remove(home(robot) .. "/state/policy") end
    desk:start(robot, ROBOT:format(home(robot) .. "/handlers"))
    folder.write(home(robot) .. "/pid", tostring(desk.swarm.running[robot].pid))
  end

  setup(function()
    desk, why = lab_desk.new(ROBOTS)
    if not desk then return end
    for _, robot in ipairs(ROBOTS) do
      shell_handler.put(home(robot))
      start(robot)
    end
    desk:start("desk", 'local p = extend "duckiebot"\np.clock = "system"\nreturn p\n')
    assert.is_truthy(swarm.within(30, function()
      return #(desk.swarm:ask("desk", "discover") or { nodes = {} }).nodes >= #ROBOTS + 1
        and #(desk.swarm:ask("desk", "trust list") or { keys = {} }).keys >= #ROBOTS + 2
    end), desk.swarm:logs())
  end)
  teardown(function() if desk then desk:close() end end)

  -- By robot how it ended in the run 1 of KEY, as the desk heard.
  local function ends(key)
    local run, by = desk.swarm:request("desk", { command = "updates", run = key .. "/1" }).runs[1], {}
    for _, robot in ipairs(run and run.robots or {}) do by[robot.label] = RESOLVED[robot.state] and robot.state end
    return by
  end

  -- ROBOT, whose tree was BEFORE, ended the release KEY, with TEXT, in the way that it said.
  local function check(robot, key, state, before, text)
    local told = ("%s of %s: %s\n%s\n%s"):format(key, robot, text, read(robot, "log"), desk.swarm:log(robot))
    local kept = json.decode((read(robot, "state/updates/state"):gsub("\n$", ""))).data
    assert.equal(state, kept.runs[key .. "/1"].state, told)
    assert.equal(state == "committed" and text or before, read(robot, "tree/file"), told)
    if state == "committed" then floors[robot] = serial end
    assert.equal(floors[robot], kept.floor.demos, told)
    assert.is_nil(read(robot, "log"):find "two", told)
  end

  -- Signs TEXT as the next release and lets ROBOTS take it, each started again whenever it was killed; KILL(robot) is
  -- called in each look at one of which the desk does not know how it ended. → how each ended, by robot
  local function roll(text, robots, kill)
    serial = serial + 1
    local key, before, by = "demos/" .. serial, {}, nil
    for _, robot in ipairs(robots) do before[robot] = read(robot, "tree/file") end
    desk:sign(("release new demos --kind toy --version 1.%d any=%s"):format(serial, desk:file("payload", text)))
    desk:sign("rollout start " .. desk:file("plan.lua", PLAN:format(key, table.concat(robots, '", "'), #robots,
      #robots)))
    local took = patience.within(20 + #robots, function()
      by = ends(key)
      local over = true
      for _, robot in ipairs(robots) do
        if not alive(robot) then
          kills = kills + 1
          start(robot)
        end
        if kill and not by[robot] then kill(robot) end
        over = over and by[robot] and alive(robot)
      end
      return over
    end, 0.1)
    assert.is_truthy(took, not took and ("%s: %s\n%s\n%s"):format(key, text, desk:teacher "rollout status",
      desk.swarm:logs()))
    for _, robot in ipairs(robots) do check(robot, key, by[robot], before[robot], text) end
    return by
  end

  -- Each of the moments of ROBOT came.
  local function have_come(robot, told)
    assert.equal("", shell_handler.left(home(robot)), told .. "\n" .. read(robot, "log") .. desk.swarm:log(robot))
  end

  local function killed_at(text, bad, ...)
    shell_handler.set(home "ada", { ... }, bad)
    local state = roll(text, { "ada" }).ada
    have_come("ada", state)
    return state
  end

  it("goes forward, or back, over a handler that kills it in each verb and in the recovery", function()
    if not desk then return pending(why) end
    assert.equal("committed", killed_at("one", false, "check begins", "stage ends", "apply begins", "verify ends",
      "commit begins", "commit ends"))
    assert.equal("rolled_back", killed_at("two", true, "apply ends", "verify begins", "rollback begins",
      "rollback middle", "rollback ends"))
    assert.equal("rolled_back", killed_at("three", false, "apply begins", "apply begins", "rollback begins",
      "rollback middle"))
    assert.equal("committed", killed_at("four", false, "verify begins", "verify begins", "commit ends", "commit ends"))
    print(("# killed %d times by its handler"):format(kills))
  end)

  it("goes back though the shipped policy, which knows no such handler, came in for its own", function()
    if not desk then return pending(why) end
    desk.swarm:cli("ada", "policy confirm")
    blamed = true
    assert.equal("rolled_back", killed_at("five", false, "check begins", "stage begins", "apply begins",
      "apply begins"))
    assert.truthy(desk.swarm:log "ada":find("the node crashed three times", 1, true), desk.swarm:log "ada")
    blamed = false
    desk.swarm:stop("ada", "TERM")
    start "ada"
  end)

  -- → kill(robot), by which DRAW kills it a few times, at moments from now on; it finds its payload BAD.
  local function at_moments(draw, robot, bad)
    local left, at = MOST, nil
    shell_handler.set(home(robot), {}, bad)
    return function()
      local now = patience.now()
      at = at or now + 0.1 + draw:integer(2500) / 1000
      if now < at or left == 0 or not alive(robot) then return end
      left, at = left - 1, nil
      desk.swarm.running[robot].stop "KILL"
    end
  end

  -- One release, in which of each two daemons one is killed at moments, and, of many, the other by its handler.
  local function round(draw, number)
    local kill_of = {}
    for i, robot in ipairs(ROBOTS) do
      if #ROBOTS == 1 or (i + number) % 2 == 0 then
        kill_of[robot] = at_moments(draw, robot, draw:integer(2) == 1)
      else
        local way = shell_handler.ways[draw:integer(#shell_handler.ways) + 1]
        shell_handler.set(home(robot), way, way.bad)
      end
    end
    local by = roll("round " .. number, ROBOTS, function(robot) if kill_of[robot] then kill_of[robot]() end end)
    for _, robot in ipairs(ROBOTS) do have_come(robot, by[robot]) end
    return by
  end

  it("is never half, at whatever moment it is killed", function()
    if not desk then return pending(why) end
    local draw, counts, first, number = random.seeded(5), {}, kills, 0
    while kills - first < KILLS do
      number = number + 1
      local by = round(draw, number)
      for _, robot in ipairs(ROBOTS) do counts[by[robot]] = (counts[by[robot]] or 0) + 1 end
      if number % 10 == 0 then print(("# %d kills in %d releases"):format(kills - first, number)) end
    end
    print(("# killed %d times: %d updates committed, %d rolled back"):format(kills - first, counts.committed or 0,
      counts.rolled_back or 0))
    assert.is_nil(counts.rejected)
  end)

  it("whose own new package does not start is taken back by the machine's service, and says so to all", function()
    if not desk then return pending(why) end
    local no_dpkg = dpkg_root.why_not()
    if no_dpkg then return pending(no_dpkg) end
    local place, ada = folder.new(), home "ada"
    finally(place.remove)
    local at, here = dpkg_root.new(place.path), desk.swarm.here
    os.execute("chmod 755 " .. place.path)
    local old = at:pack_dt_swarm "1"
    local new = at:pack_dt_swarm("2", ("#!/bin/sh\necho died >> %s/died\nexit 1\n"):format(place.path),
      ("kill $(cat %s/pid)"):format(ada)) -- as systemd starts a service anew for a new package
    assert(os.execute(("%s/dpkg -i %s >/dev/null"):format(at.bin, old)))
    dpkg_root.put(ada .. "/handlers/deb", folder.read "policies/handlers/deb")
    dpkg_root.put(ada .. "/state/updates/work/dt-swarm/kept.deb", folder.read(old))
    local function start_package()
      os.remove(ada .. "/state/policy")
      desk.swarm.here = at.root .. "/usr/bin"
      desk.swarm:start("ada", ada .. "/my.lua", "PATH=" .. at.bin .. ":$PATH")
      desk.swarm.here = here
      folder.write(ada .. "/pid", tostring(desk.swarm.running.ada.pid))
    end
    local function within(test)
      assert.is_truthy(patience.within(20, test, 0.1), read("ada", "state/updates/output") .. desk.swarm:log "ada")
    end
    desk.swarm:stop("ada", "TERM")
    start_package()
    desk:sign("release new dt-swarm --kind deb --version 2 any=" .. new)
    desk:sign("rollout start " .. desk:file("plan.lua", PLAN:format("dt-swarm/1", "ada", 1, 1)))
    within(function() return not alive "ada" and at:state "dt-swarm" == "installed 2" end)
    for _ = 1, 3 do
      start_package()
      within(function() return not alive "ada" end)
    end
    assert.equal("died\ndied\ndied\n", folder.read(place.path .. "/died"))
    assert(at:run_back_service(ada .. "/state"))
    assert.truthy(folder.read(place.path .. "/systemctl"):find("start dt-swarm.service", 1, true))
    start_package()
    within(function() return ends "dt-swarm/1".ada == "rolled_back" end)
    assert.equal("installed 1", at:state "dt-swarm")
    assert.truthy(desk:teacher "rollout status dt-swarm/1/1":find("dt-swarm did not start any more", 1, true))
    assert.is_true(alive "ada")
  end)
end)
