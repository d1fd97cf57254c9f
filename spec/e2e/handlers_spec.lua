-- handlers_spec.lua - a whole daemon of a lab whose handler kills it in each verb and in the recovery from that, and
-- that is killed at seeded moments: each release ends committed or rolled back, its folder is the old or the new one,
-- the word that the desk hears says the same, the floor never falls, and no two handlers ever run at once.
-- mostly waits: for daemons that start again
local dpkg_root = require "spec.dpkg_root"
local folder = require "spec.folder"
local json = require "core.json"
local lab_desk = require "spec.e2e.lab_desk"
local patience = require "spec.patience"
local random = require "core.random"
local swarm = require "spec.e2e.swarm"

local KILLS <const> = os.getenv "DT_SWARM_SOAK" and 1000 or 10
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
return { release = "%s", robots = { "ada" }, waves = { { robots = 1, soak = 1 } }, max_failures = 9 }
]]

-- Puts DT_FILE in the place of tree/file, and may be asked again from any point. `kill` names the moments, verb and
-- point, at which it kills the daemon; each once. A payload that begins with "bad" is no good.
local HANDLER <const> = [[#!/bin/sh
set -e
exec 9>>@/one
flock -n 9 || echo two >> @/log
verb=$1
echo "$verb $DT_SEQ try $DT_TRY" >> @/log
point() {
  sleep 0.05
  read -r next < @/kill || next=
  if [ "$next" = "$verb $1" ]; then
    sed -i 1d @/kill
    kill -9 "$(cat @/pid)"
    sleep 0.1
  fi
}
point begins
case $verb in
  apply)
    [ -f old ] || { cp @/tree/file old.part; mv old.part old; }
    cp "$DT_FILE" new
    mv new @/tree/file
    ;;
  verify) if grep -q "^bad" @/tree/file; then exit 1; fi ;;
  commit) rm -f old ;;
  rollback)
    if [ -f old ]; then
      cp old new
      mv new @/tree/file
    fi
    point middle
    rm -f old
    ;;
esac
point ends
]]

describe("a whole daemon", function()
  local desk, why, home, serial, kills = nil, nil, nil, 0, 0

  local function read(name) return folder.read(home .. "/" .. name) or "" end

  local blamed -- is the policy in force blamed for each kill, as a service manager would have it?
  local function start()
    if not blamed then os.remove(home .. "/state/policy") end
    desk:start("ada", ROBOT:format(home .. "/handlers"))
    folder.write(home .. "/pid", tostring(desk.swarm.running.ada.pid))
  end

  setup(function()
    desk, why = lab_desk.new { "ada" }
    if not desk then return end
    home = desk.swarm:path("ada", ""):gsub("/$", "")
    swarm.sh(("mkdir -p %s/tree %s/handlers"):format(home, home))
    folder.write(home .. "/tree/file", "none")
    folder.write(home .. "/kill", "")
    folder.write(home .. "/handlers/toy", (HANDLER:gsub("@", home)))
    swarm.sh(("chmod 755 %s/handlers/toy"):format(home))
    start()
    desk:start("desk", 'local p = extend "duckiebot"\np.clock = "system"\nreturn p\n')
    assert.is_truthy(swarm.within(30, function()
      return #(desk.swarm:ask("desk", "discover") or { nodes = {} }).nodes >= 2
        and #(desk.swarm:ask("desk", "trust list") or { keys = {} }).keys >= 3
    end), desk.swarm:logs())
  end)
  teardown(function() if desk then desk:close() end end)

  local function state_at(host, run)
    for _, row in ipairs((desk.swarm:ask(host, "rollout status") or { runs = {} }).runs) do
      for _, robot in ipairs(row.run == run and row.robots or {}) do
        if robot.label == "ada" then return robot.state end
      end
    end
  end

  -- Signs TEXT as the next release and lets ada take it, started again whenever it was killed; KILL() is called in each
  -- look. → how that ended
  local function roll(text, kill)
    serial = serial + 1
    local key, before = "demos/" .. serial, read "tree/file"
    local path = desk:file("payload", text)
    desk:sign(("release new demos --kind toy --version 1.%d any=%s"):format(serial, path))
    desk:sign("rollout start " .. desk:file("plan.lua", PLAN:format(key)))
    local state
    local took = patience.within(20, function()
      if not desk.swarm.running.ada.alive() then
        kills = kills + 1
        start()
      end
      if kill then kill() end
      state = RESOLVED[state_at("desk", key .. "/1")] and state_at("desk", key .. "/1")
      return state and desk.swarm.running.ada.alive()
    end, 0.1)
    local told = ("%s: %s\n%s\n%s\n%s"):format(key, text, desk.swarm:cli("ada", "update explain"), read "log",
      desk.swarm:logs())
    assert.is_truthy(took, not took and told)
    local kept = json.decode((read "state/updates/state":gsub("\n$", ""))).data
    assert.equal(state, kept.runs[key .. "/1"].state)
    assert.equal(state == "committed" and text or before, read "tree/file", told)
    if state == "committed" then assert.equal(serial, kept.floor.demos) end
    assert.is_nil(read "log":find "two", told)
    return state, kept.floor.demos
  end

  local function killed_at(text, ...)
    folder.write(home .. "/kill", table.concat({ ... }, "\n") .. "\n")
    local state = roll(text)
    assert.equal("", (read "kill":gsub("\n$", "")), state .. "\n" .. read "log" .. desk:teacher "rollout status"
      .. desk.swarm:log "ada") -- each of them came
    return state
  end

  it("goes forward, or back, over a handler that kills it in each verb and in the recovery", function()
    if not desk then return pending(why) end
    assert.equal("committed", killed_at("one", "check begins", "stage ends", "apply begins", "verify ends",
      "commit begins", "commit ends"))
    assert.equal("rolled_back", killed_at("bad two", "apply ends", "verify begins", "rollback begins",
      "rollback middle", "rollback ends"))
    assert.equal("rolled_back", killed_at("three", "apply begins", "apply begins", "rollback begins",
      "rollback middle"))
    assert.equal("committed", killed_at("four", "verify begins", "verify begins", "commit ends", "commit ends"))
    print(("# killed %d times by its handler"):format(kills))
  end)

  it("goes back though the shipped policy, which knows no such handler, came in for its own", function()
    if not desk then return pending(why) end
    desk.swarm:cli("ada", "policy confirm")
    blamed = true
    assert.equal("rolled_back", killed_at("five", "check begins", "stage begins", "apply begins", "apply begins"))
    assert.truthy(desk.swarm:log "ada":find("the node crashed three times", 1, true), desk.swarm:log "ada")
    blamed = false
    desk.swarm:stop("ada", "TERM")
    start()
  end)

  it("is never half, at whatever moment it is killed", function()
    if not desk then return pending(why) end
    local draw, counts, first, floor = random.seeded(5), {}, kills, nil
    local at
    while kills - first < KILLS do
      local text, base, low = (draw:integer(2) == 1 and "bad " or "good ") .. kills, kills, floor
      at = nil
      local state
      state, floor = roll(text, function()
        local L = require "luv".hrtime() // 1000000
        at = at or L + 100 + draw:integer(2500)
        if L < at or kills - base >= 4 then return end
        at = nil
        desk.swarm.running.ada.stop "KILL"
      end)
      assert.is_true((floor or 0) >= (low or 0))
      counts[state] = (counts[state] or 0) + 1
    end
    print(("# killed %d times: %d releases committed, %d rolled back"):format(kills - first, counts.committed or 0,
      counts.rolled_back or 0))
  end)

  it("whose own new package does not start is taken back by the machine's service, and says so to all", function()
    if not desk then return pending(why) end
    local no_dpkg = dpkg_root.why_not()
    if no_dpkg then return pending(no_dpkg) end
    local place = folder.new()
    finally(place.remove)
    local at, here = dpkg_root.new(place.path), desk.swarm.here
    os.execute("chmod 755 " .. place.path)
    local old = at:pack_dt_swarm "1"
    local new = at:pack_dt_swarm("2", ("#!/bin/sh\necho died >> %s/died\nexit 1\n"):format(place.path),
      ("kill $(cat %s/pid)"):format(home)) -- as systemd starts a service anew for a new package
    assert(os.execute(("%s/dpkg -i %s >/dev/null"):format(at.bin, old)))
    dpkg_root.put(home .. "/handlers/deb", folder.read "policies/handlers/deb")
    dpkg_root.put(home .. "/state/updates/work/dt-swarm/kept.deb", folder.read(old))
    local function start_package()
      os.remove(home .. "/state/policy")
      desk.swarm.here = at.root .. "/usr/bin"
      desk.swarm:start("ada", home .. "/my.lua", "PATH=" .. at.bin .. ":$PATH")
      desk.swarm.here = here
      folder.write(home .. "/pid", tostring(desk.swarm.running.ada.pid))
    end
    local function within(test)
      assert.is_truthy(patience.within(20, test, 0.1), read "state/updates/output" .. desk.swarm:log "ada")
    end
    desk.swarm:stop("ada", "TERM")
    start_package()
    desk:sign("release new dt-swarm --kind deb --version 2 any=" .. new)
    desk:sign("rollout start " .. desk:file("plan.lua", PLAN:format "dt-swarm/1"))
    within(function() return not desk.swarm.running.ada.alive() and at:state "dt-swarm" == "installed 2" end)
    for _ = 1, 3 do
      start_package()
      within(function() return not desk.swarm.running.ada.alive() end)
    end
    assert.equal("died\ndied\ndied\n", folder.read(place.path .. "/died"))
    assert(at:run_back_service(home .. "/state"))
    assert.truthy(folder.read(place.path .. "/systemctl"):find("start dt-swarm.service", 1, true))
    start_package()
    within(function() return state_at("desk", "dt-swarm/1/1") == "rolled_back" end)
    assert.equal("installed 1", at:state "dt-swarm")
    assert.truthy(desk:teacher "rollout status dt-swarm/1/1":find("dt-swarm did not start any more", 1, true))
    assert.is_true(desk.swarm.running.ada.alive())
  end)
end)
