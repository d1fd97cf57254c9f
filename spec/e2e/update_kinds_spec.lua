-- update_kinds_spec.lua - releases of the kinds `files` and `policy`, signed at a desk, taken by two robots of a lab:
-- forward, back, refused, and over a daemon that is killed. Whole daemons, started as people start them.
-- mostly waits: for turns
local folder = require "spec.folder"
local json = require "core.json"
local lab_desk = require "spec.e2e.lab_desk"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local DESK <const> = [[
local p = extend "duckiebot"
p.clock = "system"
return p
]]
local ROBOT <const> = [[
local p = extend "%s"
p.clients.updates.folders = { demos = { path = "%s", after = "%s" }, maps = "%s" }
function p.clients.updates.ready(release) return release.in_window == true end
function p.clients.updates.healthy(_, now) return now.failed ~= nil end
return p
]]
local AFTER <const> = [[
#!/bin/sh
echo $DT_NAME/$DT_SEQ $DT_VERSION >> %s
if rm %s 2>/dev/null; then kill -9 $PPID; fi
]]
local PLAN <const> = [[
return { release = "%s", robots = { %s }, waves = { { robots = %d, max_unavailable = 2, soak = %d } },
  max_failures = 9, absent = { most = 0 } }
]]

describe("kinds of updates", function()
  local desk, why, is_small

  setup(function()
    desk, why = lab_desk.new { "ada", "bea" }
    if not desk then return end
    for _, robot in ipairs { "ada", "bea" } do
      swarm.sh(("mkdir -p %s %s"):format(desk.swarm:path(robot, "data/demos"), desk.swarm:path(robot, "small")))
      if robot == "ada" then -- before her daemon has mounts of its own
        is_small = select(2, swarm.sh(("mount -t tmpfs -o size=1m none %s 2>&1"):format(
          desk.swarm:path(robot, "small")))) == 0
      end
      folder.write(desk.swarm:path(robot, "data/demos/own"), "mine")
      folder.write(desk.swarm:path(robot, "after"), AFTER:format(desk.swarm:path(robot, "told"),
        desk.swarm:path(robot, "kills")))
      swarm.sh(("chmod 755 %s"):format(desk.swarm:path(robot, "after")))
      desk:start(robot, ROBOT:format(robot == "ada" and "fleet" or "duckiebot", desk.swarm:path(robot, "data/demos"),
        desk.swarm:path(robot, "after"), desk.swarm:path(robot, "small/maps")))
    end
    desk:start("desk", DESK)
    assert.is_truthy(swarm.within(30, function()
      return #(desk.swarm:ask("desk", "discover") or { nodes = {} }).nodes >= 3
        and #(desk.swarm:ask("desk", "trust list") or { keys = {} }).keys >= 4
    end), desk.swarm:logs())
    for _, robot in ipairs { "ada", "bea" } do desk.swarm:cli(robot, "policy confirm") end -- so no crash is its fault
  end)
  teardown(function()
    if not desk then return end
    if is_small then swarm.sh("umount " .. desk.swarm:path("ada", "small")) end
    desk:close()
  end)

  local function read(robot, name) return folder.read(desk.swarm:path(robot, "data/" .. name)) end

  -- By robot how it stands in the run KEY, as the desk knows.
  local function states(key)
    local found = {}
    for _, run in ipairs((desk:ask "rollout status" or { runs = {} }).runs) do
      for _, robot in ipairs(run.run == key and run.robots or {}) do found[robot.label] = robot.state end
    end
    return found
  end

  local function say_all(key)
    return ("%s: %s\n%s\n%s\n%s"):format(key, json.encode(states(key)), desk:teacher "rollout status",
      desk.swarm:cli("ada", "update explain"), desk.swarm:logs())
  end

  local function within(bar, what, key, test)
    local took = swarm.within(bar, test)
    assert.is_truthy(took, not took and what .. "\n" .. say_all(key))
    patience.took(what, took, bar)
  end

  local function roll(key, robots, soak)
    local path = desk:file("plan.lua", PLAN:format(key, '"' .. table.concat(robots, '", "') .. '"', #robots, soak))
    desk:sign("rollout start " .. path)
  end

  -- Packs FILES (content by name) at the desk and signs that as the next release of `demos`.
  local function release(version, files)
    local place = desk.swarm:path("desk", "tree")
    swarm.sh(("rm -rf %s; mkdir -p %s"):format(place, place))
    for name, content in pairs(files) do folder.write(place .. "/" .. name, content) end -- any order
    if version == "link" then swarm.sh(("ln -s /etc %s/out"):format(place)) end
    local packed = desk.swarm:path("desk", "demos.tar.gz")
    swarm.sh(("tar -czf %s -C %s ."):format(packed, place))
    desk:sign(("release new demos --kind files --target demos --version %s any=%s"):format(version, packed))
  end

  it("files: a tar takes the place of a folder on both, the old one is kept, and their own program is run", function()
    if not desk then return pending(why) end
    release("1.0", { run = "one" })
    roll("demos/1", { "ada", "bea" }, 1)
    within(40, "two committed", "demos/1/1", function()
      local by = states "demos/1/1"
      return by.ada == "committed" and by.bea == "committed"
    end)
    for _, robot in ipairs { "ada", "bea" } do
      assert.same({ "one", "mine", nil }, { read(robot, "demos/run"), read(robot, ".demos.previous/own"),
        read(robot, "demos/own") })
      assert.equal("demos/1 1.0\n", folder.read(desk.swarm:path(robot, "told")))
    end
  end)

  it("files: goes back to the old tree where the new one was not left alone", function()
    if not desk then return pending(why) end
    release("2.0", { run = "two" })
    roll("demos/2", { "ada" }, 15) -- so long that it is found in the midst of it, however busy the machine is
    within(40, "ada has the new one", "demos/2/1", function() return read("ada", "demos/run") == "two" end)
    swarm.sh("rm " .. desk.swarm:path("ada", "data/demos/.dt-swarm-release"))
    within(40, "ada went back", "demos/2/1", function() return states "demos/2/1".ada == "rolled_back" end)
    assert.same({ "one", "one" }, { read("ada", "demos/run"), read("bea", "demos/run") })
  end)

  it("files: a daemon that is killed by its own program, forward and back, ends what it began", function()
    if not desk then return pending(why) end
    release("2.1", { run = "2.1" })
    for run, wanted in ipairs { "rolled_back", "committed" } do
      local key = "demos/3/" .. run
      local function die()
        folder.write(desk.swarm:path("bea", "kills"), "")
        return function()
          within(40, "bea's daemon was killed", key, function() return not desk.swarm.running.bea.alive() end)
          desk:start("bea", folder.read(desk.swarm:path("bea", "my.lua")))
        end
      end
      local await = die()
      roll("demos/3", { "bea" }, wanted == "committed" and 4 or 15)
      await()
      if wanted == "rolled_back" then
        within(40, "bea has the new one", key, function() return read("bea", "demos/run") == "2.1" end)
        await = die()
        swarm.sh("rm " .. desk.swarm:path("bea", "data/demos/.dt-swarm-release"))
        await()
      end
      within(60, "bea ended it", key, function() return states(key).bea == wanted end)
      assert.equal(wanted == "committed" and "2.1" or "one", read("bea", "demos/run"))
      desk.swarm:cli("bea", "update forgive demos/3")
    end
  end)

  it("files: a full disk of the folder is waited for, and told by its name, until there is room", function()
    if not desk then return pending(why) end
    if not is_small then return pending "this user may mount nothing" end
    local small = desk.swarm:path("ada", "small")
    local packed = desk.swarm:path("desk", "maps.tar.gz")
    local place = desk.swarm:path("desk", "maps")
    swarm.sh(("mkdir -p %s; head -c 4000000 /dev/zero >%s/map"):format(place, place))
    swarm.sh(("tar -czf %s -C %s ."):format(packed, place))
    desk:sign(("release new maps --kind files --target maps --unpacked 4500000 --version 1 any=%s"):format(packed))
    roll("maps/1", { "ada" }, 1)
    within(40, "ada waits for room", "maps/1/1", function()
      local said = desk.swarm:cli("ada", "update explain")
      return said:gsub("%s+", " "):find("free on the disk of " .. small .. ", 4.7 MB needed", 1, true)
    end)
    assert.is_nil(states "maps/1/1".ada)
    swarm.sh("mount -o remount,size=10m " .. small)
    desk.swarm:cli("ada", "update go maps/1/1") -- it looks at once, not at the next minute
    within(150, "ada committed", "maps/1/1", function() return states "maps/1/1".ada == "committed" end)
    assert.equal(4000000, #folder.read(small .. "/maps/map"))
  end)

  it("files: a tar with a link to outside is rejected by both, with the word, and nothing is touched", function()
    if not desk then return pending(why) end
    release("link", { run = "three" })
    roll("demos/4", { "ada", "bea" }, 1)
    within(40, "both rejected it", "demos/4/1", function()
      local by = states "demos/4/1"
      return by.ada == "rejected" and by.bea == "rejected"
    end)
    assert.same({ "one", "2.1" }, { read("ada", "demos/run"), read("bea", "demos/run") })
    assert.truthy(desk:teacher "rollout status":find "out leads out, to /etc" or say_all "demos/4/1")
    assert.equal(".demos.previous demos\n", (swarm.sh(("ls -A %s | xargs"):format(desk.swarm:path("ada", "data")))))
  end)

  local function policy(site, more)
    local path = desk:file("fleet.lua", ('local p = extend "duckiebot"\np.site = "%s"\n%s\nreturn p\n'):format(site,
      more or ""))
    desk:sign("release new fleet --kind policy --version 1 any=" .. path)
  end

  local function site(robot)
    local answer = desk.swarm:ask(robot, "policy show site")
    return answer and answer.settings[1].value
  end

  it("policy: is laid under a robot's own edits, confirmed by its commit; who goes not by it rejects it", function()
    if not desk then return pending(why) end
    policy "room-7"
    roll("fleet/1", { "ada", "bea" }, 15) -- so long that it is found in the midst of it
    within(40, "ada tries it", "fleet/1/1", function() return site "ada" == "room-7" end)
    local facts = desk.swarm:ask("ada", "status").policy
    assert.same({ true, nil }, { facts.trial.confirm, facts.trial.left_ms })
    assert.truthy(desk.swarm:cli("ada", "status"):find("An update brought this policy", 1, true))
    within(40, "ada committed, bea rejected", "fleet/1/1", function()
      local by = states "fleet/1/1"
      return by.ada == "committed" and by.bea == "rejected"
    end)
    assert.is_nil(desk.swarm:ask("ada", "status").policy.trial)
    assert.truthy(desk:teacher "rollout status":find("extend \"fleet\"", 1, true) or say_all "fleet/1/1")
    assert.equal("none", site "bea")
  end)

  it("policy: one for which the daemon starts anew is on trial over that, and committed", function()
    if not desk then return pending(why) end
    policy("room-9", 'p.clients.logs.gateway = "/ip4/0.0.0.0/tcp/39427"')
    roll("fleet/2", { "ada" }, 3)
    within(60, "ada committed", "fleet/2/1", function() return states "fleet/2/1".ada == "committed" end)
    assert.truthy(desk.swarm:log "ada":find("starts anew", 1, true), desk.swarm:log "ada")
    assert.equal("room-9", site "ada")
    assert.is_nil(desk.swarm:ask("ada", "status").policy.trial)
  end)

  it("policy: a daemon that is killed while it is on trial comes back with the old one, and says so", function()
    if not desk then return pending(why) end
    policy "room-8"
    roll("fleet/3", { "ada" }, 600)
    within(40, "ada tries it", "fleet/3/1", function() return site "ada" == "room-8" end)
    desk.swarm.running.ada.stop "KILL" -- without a word before: the policy stays on trial
    desk.swarm:start("ada", desk.swarm:path("ada", "my.lua"))
    within(40, "ada went back", "fleet/3/1", function() return states "fleet/3/1".ada == "rolled_back" end)
    assert.equal("room-9", site "ada")
    assert.truthy(folder.read(desk.swarm:path("ada", "state/policies/fleet.lua")):find("room-9", 1, true))
  end)
end)
