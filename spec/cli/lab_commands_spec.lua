-- lab_commands_spec.lua - lab token, join, show and leave as people type them: a desk and a robot, whole daemons.
local folder = require "spec.folder"
local json = require "core.json"
local lab = require "dcache.lab"
local labs = require "spec.labs"
local process = require "spec.process"
local policies = require "spec.policy.policies"
local shape = require "spec.cli.shape"
local sim = require "sim"

describe("with a daemon at the desk, and one on a robot", function()
  local at_desk, at_robot, desk, robot

  -- A command of the person at the desk. → what it said, its exit code
  local function person(words)
    local pipe = io.popen(("cd %s && env -i HOME=%s PATH=\"$PATH\" %s/dt-swarm-cli %s 2>&1 </dev/null"):format(
      at_desk.dir, at_desk.dir, os.getenv "PWD", words))
    local said = pipe:read "a"
    return said, select(3, pipe:close())
  end

  local function of_desk(words) return person(desk.socket .. " " .. words) end

  local function has_shape(name, said)
    local faults = {}
    shape.compare(name, shape.of(assert(json.decode((said:gsub("\n$", ""))), said)), faults)
    assert.same({}, faults)
  end

  setup(function()
    at_desk, at_robot = process.new(), process.new()
    os.execute(("mkdir -p %s/.config/dt-swarm && ssh-keygen -q -t ed25519 -N '' -C teacher -f %s"):format(at_desk.dir,
      at_desk.dir .. "/.config/dt-swarm/operator"))
    local said, code = person "lab init robotics --yes"
    assert(code == 0, said)
    desk, robot = at_desk:start "desk", at_robot:start "robot"
  end)
  teardown(function()
    at_desk:close()
    at_robot:close()
  end)

  it("a person's key is shown, and is not made anew", function()
    local said, code = person "operator show --json"
    assert.equal(0, code, said)
    has_shape("operator show", said)
    assert.equal(json.decode((said:gsub("\n$", ""))).id, json.decode((person "operator new --json":gsub("\n$", ""))).id)
  end)

  it("another token is made, with a file for its robots", function()
    local said, code = of_desk "lab token new spare --most 5 --yes --json"
    assert.equal(0, code, said)
    has_shape("lab token new", said)
    local file = assert(lab.read(folder.read(at_desk.dir .. "/robotics-spare.lab")))
    assert.same({ "robotics", "spare" }, { file.name, file.token.name })
    for _, words in ipairs { "spare", "spare --key gone.pub" } do -- it is said before anything is signed
      said, code = of_desk(("lab token new %s --yes"):format(words))
      assert.equal(4, code)
      assert.equal("./robotics-spare.lab is there already; move it away first (EEXIST)\n", said)
    end
    assert.equal(3, select(2, of_desk "lab token new bad/name"))
    assert.equal(3, select(2, of_desk "lab token new many --most 0"))
  end)

  it("a robot comes in by that file, and is counted", function()
    local pipe = io.popen(("./dt-swarm-cli %s lab join - --json <%s/robotics-spare.lab 2>&1"):format(robot.socket,
      at_desk.dir))
    has_shape("lab join", pipe:read "a")
    pipe:close()
    local function came()
      for _, token in ipairs(json.decode((of_desk "lab token list --json":gsub("\n$", ""))).tokens) do
        if token.name == "spare" then return token.came == 1 end
      end
    end
    assert.truthy(process.within(10, came), robot:log())
    has_shape("lab token list", (of_desk "lab token list --json"))
    assert.matches("spare +%w+ +5 +1 +teacher +lets in", (of_desk "lab token list"))
    assert.matches("this node +member", (robot:cli "lab show"))
  end)

  it("no token is made by a key that may not, and no file is left of it", function()
    os.execute("ssh-keygen -q -t ed25519 -N '' -C pupil -f " .. at_desk.dir .. "/pupil")
    local said, code = of_desk "lab token new mine --key pupil.pub --yes"
    assert.equal(4, code)
    assert.matches("only an admin or a root key may say this", said)
    assert.is_nil(folder.read(at_desk.dir .. "/robotics-mine.lab"))
  end)

  it("a file that was made after the root changed tells a robot so that has heard nobody", function()
    local path = at_desk.dir .. "/second"
    os.execute("ssh-keygen -q -t ed25519 -N '' -C second -f " .. path)
    local line = folder.read(path .. ".pub"):match "^[^\n]*"
    local said = {}
    for i, words in ipairs { ("trust root add '%s'"):format(line), "trust root remove teacher --key second.pub",
      "lab token new late --key second.pub" } do
      said[i] = of_desk(words .. " --yes")
    end
    assert.matches("Root 3 is in force", said[2])
    local file = assert(lab.read(folder.read(at_desk.dir .. "/robotics-late.lab")), said[3])
    local policy = assert(policies.with "")
    local w = sim.new { seed = 1, policy = policy }
    local late = w:add("late", { lab = file, ahead = os.time() * 1000 - labs.AT })
    w:run(1000)
    assert.equal("member", late.dcache.trust:role(late.id))
    assert.equal(3, late.dcache.trust:verdict().root.number)
    policy:close()
  end)

  it("that robot leaves, when it is said twice", function()
    local said, code = robot:cli "lab leave </dev/null"
    assert.equal(4, code, said)
    assert.matches("with %-%-yes it is done unasked: Leave the lab%?", said)
    said, code = robot:cli "lab leave --yes --json"
    assert.equal(0, code, said)
    has_shape("lab leave", said)
    assert.truthy(process.within(10, function() return robot:cli("lab show"):find "^no lab" end), robot:log())
  end)
end)
