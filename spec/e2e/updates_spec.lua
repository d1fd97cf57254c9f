-- updates_spec.lua - two whole robots of a lab made by `lab init`, with the shipped policy: a release of files that the
-- teacher signs at a desk comes to both, one after the other, and stays over a restart. Fleets: rollout_spec.lua.
local folder = require "spec.folder"
local lab_desk = require "spec.e2e.lab_desk"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local ROBOTS <const> = { "ada", "bea" }
-- The shipped policy of a robot, with the one line that says where such releases go.
local POLICY <const> = [[
local p = extend "duckiebot"
p.clock = "system"
p.clients.updates.folders = { demos = "%s" }
return p
]]
local PLAN <const> = [[
return { release = "demos/%d", robots = only(robots, { name = { "ada", "bea" } }), clock = "adopted",
  waves = { { robots = 1, soak = 2 }, { soak = 2 } } }
]]

describe("robots of a lab", function()
  local d, why, s

  local function target(host) return s:path(host, "data/demos") end

  setup(function()
    d, why = lab_desk.new(ROBOTS)
    if not d then return end
    s = d.swarm
    d:start("desk", 'local p = extend "server"\np.clock = "system"\nreturn p')
    for _, host in ipairs(ROBOTS) do
      swarm.sh(("mkdir -p %s && echo old > %s/version"):format(target(host), target(host)))
      d:start(host, POLICY:format(target(host)))
    end
  end)

  teardown(function() if d then d:close() end end)

  local function version(host) return (folder.read(target(host) .. "/version") or "-"):match "[^\n]*" end

  local function explain(host, word) return s:ask(host, "update explain " .. (word or "")) or { rows = {} } end

  local function seen(host, gate)
    for _, row in ipairs(explain(host).rows) do
      if row.code == gate then return row.seen end
    end
  end

  -- Did each robot commit in the RUN, as the desk knows it?
  local function is_complete(run)
    local answer = s:request("desk", { command = "updates", run = run })
    return answer.runs[1] and answer.runs[1].complete
  end

  local function me(host) return s:request(host, { command = "updates" }).me end

  -- A release of what says VERSION, and its rollout, are signed.
  local function release(seq, text)
    local home = s:path("desk", "")
    swarm.sh(("cd %s && mkdir -p tree && echo %s > tree/version && tar -czf demos.tar.gz -C tree ."):format(home, text))
    d:sign(("release new demos --kind files --target demos --version %s --unpacked 100000 any=%sdemos.tar.gz")
      :format(text, home))
    d:file("plan.lua", PLAN:format(seq))
    return d:sign "rollout start plan.lua"
  end

  it("hear of a rollout, fetch it, and say what they wait for: nobody tells whether they stand", function()
    if not d then return pending(why) end
    assert(swarm.within(30, function() return #s:names "desk" == 3 end), s:logs())
    release(1, "new")
    local took = swarm.within(60, function() return explain("ada").phase == "staged" end)
    assert(took, s:cli("ada", "update explain") .. s:log "ada" .. s:log "desk")
    patience.took("a rollout was staged on a robot", took, 60)
    assert.equal("driving is not known; recording is not known", seen("ada", "ready"))
    assert.equal("old", version "ada")
  end)

  it("update in turn when they are told to stand, and say so", function()
    if not d then return pending(why) end
    for _, host in ipairs(ROBOTS) do
      for _, fact in ipairs { "driving", "recording" } do
        local said, code = s:cli(host, ("fact %s no --for 1h"):format(fact))
        assert.equal(0, code, said)
      end
    end
    local took = swarm.within(120, function() return is_complete "demos/1/1" end)
    assert(took, s:cli("ada", "update explain") .. s:cli("bea", "update explain") .. s:logs())
    patience.took("two robots were updated one after the other", took, 120)
    for _, host in ipairs(ROBOTS) do
      assert.equal("new", version(host))
      assert.same({ 1, "new" }, { me(host).installed.demos.seq, me(host).installed.demos.version })
    end
  end)

  it("know after a restart what they have; one that is held passes, and updates by `update go`", function()
    if not d then return pending(why) end
    for _, host in ipairs(ROBOTS) do
      assert.is_true(s:stop(host, "TERM"))
      d:start(host, POLICY:format(target(host)))
    end
    assert(swarm.within(30, function() return #s:names "desk" == 3 end), s:logs())
    for _, host in ipairs(ROBOTS) do
      assert.equal(1, me(host).installed.demos.seq)
      for _, fact in ipairs { "driving", "recording" } do s:cli(host, ("fact %s no --for 1h"):format(fact)) end
    end
    local said, code = s:cli("ada", "fact hold yes --for 1h --why lesson")
    assert.equal(0, code, said)
    release(2, "newer")
    local took = swarm.within(60, function() return (seen("ada", "hold") or ""):find("lesson", 1, true) end)
    assert(took, s:cli("ada", "update explain"))
    assert.equal("new", version "ada")
    said, code = s:cli("ada", "update go")
    assert.equal(0, code, said)
    took = swarm.within(120, function() return is_complete "demos/2/1" end)
    assert(took, s:cli("ada", "update explain") .. s:cli("bea", "update explain") .. s:logs())
    for _, host in ipairs(ROBOTS) do assert.equal("newer", version(host)) end
    assert.equal("committed", s:ask("ada", "update explain demos/1").phase)
    assert.truthy(s:cli("ada", "fact hold end"))
  end)

  if not os.getenv "DT_SWARM_SOAK" then return end

  it("wait while a command holds them, and for a robot that is off until it is skipped", function()
    if not d then return pending(why) end
    swarm.sh(("%s/dt-swarm-cli %s update hold --why lesson -- sleep 30 >/dev/null 2>&1 &"):format(s.here,
      s:path("bea", "state/control.sock")))
    assert(swarm.within(10, function() return s:cli("bea", "fact"):find("hold", 1, true) end))
    release(3, "third")
    assert(swarm.within(60, function()
      return (seen("bea", "hold") or ""):find("as long as a command runs", 1, true)
    end), s:cli("bea", "update explain"))
    assert(swarm.within(150, function() return is_complete "demos/3/1" end), s:cli("bea", "update explain"))
    -- ada holds up bea by being off, or the other way round: whoever stands first in the plan.
    release(4, "fourth")
    local first
    assert(swarm.within(30, function()
      local run = s:request("desk", { command = "updates", run = "demos/4/1" }).runs[1]
      first = run and run.robots[1] and run.robots[1].label
      return first
    end))
    local second = first == "ada" and "bea" or "ada"
    assert.is_true(s:stop(first, "KILL"))
    if version(first) == "fourth" then return end -- it was quicker than we
    assert(swarm.within(60, function() return (seen(second, "turn") or ""):find(first, 1, true) end),
      s:cli(second, "update explain"))
    d:sign(("rollout skip demos/4/1 %s --why workshop"):format(first))
    assert(swarm.within(120, function() return version(second) == "fourth" end), s:cli(second, "update explain"))
  end)
end)
