-- kinds_policy_spec.lua - a policy that a release brings: looked at before, on trial without a limit, confirmed when it
-- is committed, and gone when anybody says no. The policies' texts are real files, what they say is asked nobody.
local life = require "spec.crash.updates_life"

local BEFORE <const>, AFTER <const> = 'return (extend "default") -- before', 'return (extend "default") -- after'
local NAMED <const> = 'local p = extend "fleet"\nreturn p'
local MINUTE <const>, HOUR <const> = 60 * 1000, 3600 * 1000

local function with(put, more)
  local files = { ["/state/payload"] = AFTER, [life.FLEET] = BEFORE, ["/etc/policy.lua"] = NAMED,
    ["/shipped/fleet.lua"] = 'return (extend "duckiebot")', ["/shipped/duckiebot.lua"] = 'return (extend "default")' }
  for path, text in pairs(put or {}) do files[path] = text end -- any order
  local options = { kind = "policy", put = files, check = function() end,
    state = { failed = {}, floor = {}, installed = {}, runs = {} },
    job = { run = "fleet/2/1", release = "fleet/2", kind = "policy", cid = "new", version = "2", plan = "plan",
      tail = "plan", round = 1, soak = 600, unknown = "back", path = "/state/payload" } }
  for name, value in pairs(more or {}) do options[name] = value end -- any order
  return life.new(options, 1)
end

describe("a policy that a release brings", function()
  -- What VERB says of ONE's job, or of JOB.
  local function ask(one, verb, job)
    local answer
    one.kind:run(verb, job or one.options.job, function(...) answer = table.pack(...) end)
    one.loop:run_until(one.loop:now() + 100)
    return table.unpack(answer, 1, answer.n)
  end

  local function texts(one)
    local list = {}
    for i, row in ipairs(one.node.policy.chain) do list[i] = row.name end
    return table.concat(list, " ")
  end

  local function has_new(one)
    for _, row in ipairs(one.node.policy.chain) do
      if row.text == AFTER then return true end
    end
    return false
  end

  local function started(...)
    local one = with(...)
    one.options.job.soak = 600
    one:start()
    return one
  end

  -- A robot at rest: nothing began by itself, and its own policy has been found good.
  local function rest(put, more)
    local one = with(put, more)
    function one.state() return "at rest" end
    one:start()
    one.loop:run_until(one.loop:now() + 3 * MINUTE)
    assert.is_nil(one.node.trial.data.trial)
    return one
  end

  it("is laid under the operator's own edits, and stays on trial without a limit until it is committed", function()
    local one = started()
    one:run(9 * MINUTE)
    assert.same({ true, "policy.lua fleet.lua", "applying" }, { has_new(one), texts(one), one.said[#one.said] })
    assert.same({ true, 0, nil }, { one.node.trial:facts().confirm, one.node.trial:facts().seconds,
      one.node.trial:facts().left_ms })
    local said
    one.node.trial:confirm({ uid = 0, since = math.huge }, function(...) said = table.pack(...) end)
    assert.same({ nil, "permission" }, { said[1], said[3] })
    assert.is_true(one:run(HOUR))
    assert.equal("committed", one:state())
    assert.is_nil(one.node.trial.data.trial)
    assert.equal(one.node.policy.hash, one.node.trial.data.good.hash)
  end)

  it("comes before the shipped one where the operator named none, and is none again when it goes back", function()
    for _, sick in ipairs { false, true } do
      local one = started({ [life.FLEET] = false }, { unnamed = true, sick = sick })
      assert.equal("duckiebot.lua", texts(one))
      one:run(HOUR)
      assert.same({ sick and "rolled_back" or "committed", sick and "duckiebot.lua" or "fleet.lua" },
        { one:state(), texts(one) })
      assert.equal(sick and "duckiebot.lua" or "fleet.lua", texts(one))
      assert.equal(not sick and AFTER or nil, one.disk:read(life.FLEET))
      one:crash(1)
      one:start()
      assert.equal(sick and "duckiebot.lua" or "fleet.lua", texts(one))
    end
  end)

  it("stands for that of a robot as long as none came", function()
    local one = rest { [life.FLEET] = false }
    assert.equal("policy.lua fleet.lua duckiebot.lua", texts(one))
    assert.equal("ok", (ask(one, "check")))
    assert.equal("policy.lua fleet.lua duckiebot.lua", texts(one))
  end)

  it("is refused where the policy in force does not go by it, is broken, empty or too long, or not there", function()
    local one = rest { ["/etc/policy.lua"] = 'local p = extend "duckiebot"\nreturn p' }
    assert.same({ "no", 'target: the policy in force, policy.lua, does not say extend "fleet"' }, { ask(one, "check") })
    for text, why in pairs { -- any order
      ["-- broken"] = "policy: fleet.lua:1: broken", [" "] = "policy: fleet.lua: it is empty",
      ["-- " .. ("x"):rep(70000)] = "size: a policy has at most 64 KiB",
      ["--\0"] = "policy: fleet.lua: line 1 has a byte 0" } do
      one = rest { ["/state/payload"] = text }
      local answer, said = ask(one, "check")
      assert.same({ "no", why }, { answer, said:sub(1, #why) })
      assert.is_false(has_new(one))
    end
    assert.same({ "no", "ENOENT: /nowhere: No such file or directory" },
      { ask(one, "check", { release = "fleet/2", cid = "new", path = "/nowhere" }) })
  end)

  it("goes back where its hooks fail during the soak, or a person says so, and the robot is told the truth", function()
    for _, way in ipairs { "hooks", "person" } do
      local one = started()
      one:run(5 * MINUTE)
      assert.is_true(has_new(one))
      if way == "hooks" then
        for _ = 1, 5 do one.node.hook_failures:call("clients.logs.pause", "it broke") end
      else
        one.node.trial:rollback({ uid = 0 }, function() end)
      end
      assert.is_true(one:run(HOUR))
      assert.same({ "rolled_back", false, BEFORE }, { one:state(), has_new(one), one.disk:read(life.FLEET) })
      assert.is_nil((one.node.trial.data.trial or {}).confirm)
    end
  end)

  it("is not tried on after the power went, nor after a crash, but goes back", function()
    for _, crashed in ipairs { false, true } do
      local one = started()
      one:run(5 * MINUTE)
      assert.is_true(has_new(one))
      one:crash(1)
      one:start(crashed)
      assert.is_false(has_new(one))
      assert.is_true(one:run(HOUR))
      assert.same({ "rolled_back", BEFORE }, { one:state(), one.disk:read(life.FLEET) })
    end
  end)

  it("stays, or goes back, though the file that brought it is gone", function()
    for _, sick in ipairs { false, true } do
      local one = started()
      one:run(5 * MINUTE)
      assert(one.disk:unlink "/state/payload")
      one.options.sick = sick
      assert.is_true(one:run(HOUR))
      assert.same({ sick and "rolled_back" or "committed", not sick }, { one:state(), has_new(one) })
    end
  end)

  it("that says what is in force already changes nothing, forward or back", function()
    for _, sick in ipairs { false, true } do
      local one = started({ ["/state/payload"] = BEFORE }, { sick = sick })
      one:run(HOUR)
      assert.same({ sick and "rolled_back" or "committed", BEFORE }, { one:state(), one.disk:read(life.FLEET) })
    end
  end)

  it("may be tried again by a later run, though it failed before", function()
    local one = started(nil, { sick = true })
    one:run(HOUR)
    assert.equal("rolled_back", one:state())
    one.options.sick = false
    one.options.job.run = "fleet/2/2"
    one.machine:begin(one.options.job, function() end)
    one:run(HOUR)
    assert.same({ "committed", true }, { one:state(), has_new(one) })
  end)
end)
