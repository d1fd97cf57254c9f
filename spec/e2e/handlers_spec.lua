-- handlers_spec.lua - whole daemons of a lab whose handler kills them in each verb and in the recovery from that, and
-- that are killed at seeded moments, in releases of a handler's kind and of the kind `files`: each ends committed or
-- rolled back, its folder is the old or the new one by hash, the word that the desk hears says the same, the floor
-- never falls, and no two handlers ever run at once.
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
p.clients.updates.handlers = "HOME/handlers"
p.clients.updates.folders = { room = { path = "HOME/data/room", after = "HOME/after" } }
function p.clients.updates.ready(release) return release.in_window == true end
function p.clients.updates.healthy(_, now) return now.failed ~= nil end
return p
]]
local PLAN <const> = [[
return { release = "%s", robots = { "%s" }, waves = { { robots = %d, max_unavailable = %d, soak = 1 } },
  max_failures = 9 }
]]

-- What each name is, and where it goes on a robot.
local KINDS <const> = { demos = "toy", room = "files --target room" }
local PLACES <const> = { demos = "tree", room = "data/room" }
local FILES <const> = 100 -- in the folder `room`
local AFTER <const> = [[#!/bin/sh
sleep 0.1
read -r text < HOME/data/room/1
[ "$text" != "$(cat HOME/sick)" ]
]]

describe("a whole daemon", function()
  local desk, why
  local kills = 0
  local serials, floors = { demos = 0, room = 0 }, { demos = {}, room = {} } -- floors: by robot

  local function home(robot) return (desk.swarm:path(robot, ""):gsub("/$", "")) end

  local function read(robot, name) return folder.read(home(robot) .. "/" .. name) or "" end

  -- Of all files in PLACE, with their names.
  local function hash_of(place)
    return (swarm.sh(("cd %s && find . -type f ! -name .dt-swarm-release -exec sha256sum {} + | sort | sha256sum")
      :format(place)))
  end

  -- Makes PLACE anew, as the folder of the release NAME with TEXT.
  local function fill(place, name, text)
    swarm.sh(("rm -rf %s; mkdir -p %s"):format(place, place))
    if name == "demos" then return folder.write(place .. "/file", text) end
    for i = 1, FILES do folder.write(("%s/%d"):format(place, i), text .. "\n" .. i) end
  end

  local function alive(robot) return desk.swarm.running[robot].alive() end

  local blamed -- is the policy in force blamed for each kill, as a service manager would have it?
  local function start(robot)
    if not blamed then os.remove(home(robot) .. "/state/policy") end
    desk:start(robot, (ROBOT:gsub("HOME", home(robot))))
    folder.write(home(robot) .. "/pid", tostring(desk.swarm.running[robot].pid))
  end

  setup(function()
    desk, why = lab_desk.new(ROBOTS)
    if not desk then return end
    for _, robot in ipairs(ROBOTS) do
      shell_handler.put(home(robot))
      fill(home(robot) .. "/data/room", "room", "old")
      folder.write(home(robot) .. "/sick", "nothing")
      folder.write(home(robot) .. "/after", (AFTER:gsub("HOME", home(robot))))
      swarm.sh(("chmod 755 %s/after"):format(home(robot)))
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

  -- ROBOT, whose hash was BEFORE, ended the release KEY of NAME, whose hash is NEW, in the way that it said.
  local function check(robot, name, key, state, before, new)
    local told = ("%s of %s: %s\n%s\n%s"):format(key, robot, state, read(robot, "log"), desk.swarm:log(robot))
    local kept = json.decode((read(robot, "state/updates/state"):gsub("\n$", ""))).data
    assert.equal(state, kept.runs[key .. "/1"].state, told)
    assert.equal(state == "committed" and new or before, hash_of(home(robot) .. "/" .. PLACES[name]), told)
    if state == "committed" then floors[name][robot] = serials[name] end
    assert.equal(floors[name][robot], kept.floor[name], told)
    assert.is_nil(read(robot, "log"):find "two", told)
  end

  -- Signs TEXT as the next release of NAME. → its key, its hash
  local function release(name, text)
    serials[name] = serials[name] + 1
    local place = desk.swarm:path("desk", "new")
    fill(place, name, text)
    local payload = place .. "/file"
    if name == "room" then
      payload = desk.swarm:path("desk", "room.tar.gz")
      swarm.sh(("tar -czf %s -C %s ."):format(payload, place))
    end
    desk:sign(("release new %s --kind %s --version 1.%d any=%s"):format(name, KINDS[name], serials[name], payload))
    return name .. "/" .. serials[name], hash_of(place)
  end

  -- Releases TEXT as NAME and lets ROBOTS take it, each started again whenever it was killed; KILL(robot) is called in
  -- each look at one of which the desk does not know how it ended. → how each ended, by robot
  local function roll(name, text, robots, kill)
    local key, new = release(name, text)
    local before, by = {}, nil
    for _, robot in ipairs(robots) do before[robot] = hash_of(home(robot) .. "/" .. PLACES[name]) end
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
    for _, robot in ipairs(robots) do check(robot, name, key, by[robot], before[robot], new) end
    return by
  end

  -- Each of the moments of ROBOT came.
  local function have_come(robot, told)
    assert.equal("", shell_handler.left(home(robot)), told .. "\n" .. read(robot, "log") .. desk.swarm:log(robot))
  end

  local function killed_at(text, bad, ...)
    shell_handler.set(home "ada", { ... }, bad)
    local state = roll("demos", text, { "ada" }).ada
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

  -- → kill(), by which DRAW kills ROBOT a few times, at moments from now on.
  local function at_moments(draw, robot)
    local left, at = MOST, nil
    return function()
      local now = patience.now()
      at = at or now + 0.1 + draw:integer(2500) / 1000
      if now < at or left == 0 or not alive(robot) then return end
      left, at = left - 1, nil
      desk.swarm.running[robot].stop "KILL"
    end
  end

  -- How ROBOT, one of those that find TEXT no good if BAD, is killed in the release TEXT: by its handler, in one of the
  -- ways that it knows, or at moments. → kill(), nil: by its handler
  local function set(draw, robot, text, by_handler)
    local bad = draw:integer(2) == 1
    local way = by_handler and shell_handler.ways[draw:integer(#shell_handler.ways) + 1] or { bad = bad }
    shell_handler.set(home(robot), way, way.bad)
    folder.write(home(robot) .. "/sick", bad and text or "nothing")
    return not by_handler and at_moments(draw, robot) or nil
  end

  -- One release, of a handler's kind and of the kind `files` by turns. Of the first one half of many daemons is killed
  -- by its handler.
  local function round(draw, number)
    local name, text, kill_of = number % 2 == 1 and "demos" or "room", "round " .. number, {}
    for i, robot in ipairs(ROBOTS) do
      kill_of[robot] = set(draw, robot, text, name == "demos" and (i + number // 2) % 2 == 0 and #ROBOTS > 1)
    end
    local by = roll(name, text, ROBOTS, function(robot) if kill_of[robot] then kill_of[robot]() end end)
    for _, robot in ipairs(ROBOTS) do have_come(robot, by[robot]) end
    return name, by
  end

  it("is never half, at whatever moment it is killed", function()
    if not desk then return pending(why) end
    local draw, counts, first, number = random.seeded(5), {}, kills, 0
    while kills - first < KILLS do
      number = number + 1
      local name, by = round(draw, number)
      for _, robot in ipairs(ROBOTS) do
        local what = ("%s %s"):format(name, by[robot])
        counts[what] = (counts[what] or 0) + 1
      end
      if number % 10 == 0 then print(("# %d kills in %d releases"):format(kills - first, number)) end
    end
    print(("# killed %d times in %d releases"):format(kills - first, number))
    for _, name in ipairs { "demos", "room" } do
      print(("# %s: %d updates committed, %d rolled back"):format(name, counts[name .. " committed"] or 0,
        counts[name .. " rolled_back"] or 0))
      assert.is_nil(counts[name .. " rejected"])
    end
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
