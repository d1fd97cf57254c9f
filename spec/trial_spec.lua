-- trial_spec.lua - what becomes of a new policy: each rule by itself, whatever comes in any order, and the power that
-- goes at each write. Whole daemons: spec/daemon_trial_spec.lua.
local driver = require "spec.crash.driver"
local json = require "core.json"
local keeping = require "kept"
local life = require "spec.trial_life"
local trial_start = require "trial_start"

local MINUTES = 60 * 1000
local SOAK = os.getenv "DT_SWARM_SOAK"

-- A node whose policy `old` has shown that it is good.
local function settled()
  local one = life.new "old"
  one:start()
  one:wait(2 * MINUTES + 1)
  assert.equal("old", one:kept().good.hash)
  return one
end

local function said(one, what) return table.concat(one.said, "\n"):find(what, 1, true) ~= nil end

describe("a new policy", function()
  it("is good after two minutes without a fault, and the last one is known for a rollback", function()
    local one = settled()
    assert.is_true(one:reload "new")
    one:wait(2 * MINUTES - 100)
    assert.equal("new", one:kept().trial.hash)
    assert.equal("old", one:kept().good.hash)
    one:wait(200)
    assert.same({ nil, "new" }, { one:kept().trial, one:kept().good.hash })
    assert.equal("new", one:crash())
    assert.is_truthy(one:rollback())
    assert.equal("old", one.policy.hash)
    assert.equal("old", one:crash(), "the file says `new`, which failed")
    assert.same({ nil, "missing" }, { one:rollback(), select(3, one:rollback()) })
  end)

  it("that is the shipped one is good from the start, and so is the good one when it is read again", function()
    local one = life.new "shipped"
    assert.equal("shipped", one:start())
    assert.same({}, one.said)
    assert.equal(life.SHIPPED, one:kept().good.hash)
    assert.is_nil(one:kept().trial)
    one = settled()
    assert.is_true(one:reload "new")
    assert.is_true(one:reload "old")
    assert.is_nil(one:kept().trial)
    assert.is_nil(trial_start.why_bad(one:kept(), "new"), "it was not tried to its end")
  end)

  it("that is the first one of all gives way to the shipped one, in its swarm", function()
    local one = life.new "mine"
    assert.equal("mine", one:start())
    assert.is_true(said(one, "mine.lua mine: for 120 s; after a fault the shipped one comes back"))
    assert.equal("shipped", one:crash())
    assert.equal("swarm", one.fallen_swarm)
    assert.is_true(said(one, "mine failed: the node crashed while it was on trial"))
    one.file = "mended"
    assert.equal("mended", one:crash())
  end)

  it("leaves the node in the swarm in which it was when it fails before any policy is good", function()
    local one = life.new "mine@home"
    one:start()
    one:reload("typo@nowhere", { confirm = 60 })
    one:wait(61 * 1000)
    assert.equal("shipped", one:in_force())
    assert.equal("home", one.fallen_swarm)
    one:reload("other@nowhere", { restart = true })
    one:start(true)
    assert.equal("shipped", one:crash())
    assert.equal("home", one.fallen_swarm)
  end)

  it("goes as well when somebody goes back while it is being noted", function()
    local one = settled()
    local replied
    local function go_back()
      one.trial:rollback({ uid = 0 }, function(answer) replied = answer.hash end)
    end
    assert.same({ nil, "missing" }, { one:reload("new", nil, go_back), select(3, one:reload("new2", nil, go_back)) })
    assert.equal("old", replied)
    assert.same({ "old", nil }, { one.policy.hash, one:kept().trial })
    assert.is_true(one:reload "newer", "control: the next one is heard")
  end)

  it("goes with a crash of the node, and is not tried again until it changes or somebody asks", function()
    local one = settled()
    one:reload "new"
    assert.equal("old", one:crash())
    assert.is_truthy(one.trial:is_bad "new")
    assert.equal("old", one:stop())
    assert.equal("old", one:cut())
    assert.is_nil(one.trial:is_bad "newer")
    assert.is_true(one:reload "new")
    assert.equal("new", one.policy.hash)
    one:wait(2 * MINUTES + 1)
    assert.equal("new", one:crash())
    assert.is_nil(one.trial:is_bad "new")
  end)

  it("goes with a crash that comes in its first minute after a start, too", function()
    local one = settled()
    one.file = "new"
    assert.equal("new", one:stop())
    one:wait(MINUTES - 1000)
    assert.equal("old", one:crash())
  end)

  it("stays through a restart of the daemon by itself, and a crash after that ends it", function()
    local one = settled()
    one:reload("new", { restart = true })
    assert.equal("new", one:start(true))
    assert.equal("new", one:kept().trial.hash)
    assert.equal("old", one:crash())
  end)

  it("begins anew after a power cut or a clean stop", function()
    local one = settled()
    one:reload "new"
    one:wait(MINUTES)
    assert.equal("new", one:cut())
    one:wait(MINUTES + 1000)
    assert.equal("new", one:kept().trial.hash, "its two minutes began anew")
    assert.equal("new", one:stop())
    one:wait(2 * MINUTES + 1)
    assert.equal("new", one:kept().good.hash)
  end)

  it("goes after five errors of its hooks, and not after those that come later", function()
    local one = settled()
    one:reload "new"
    one:fail(4)
    assert.equal("new", one.policy.hash)
    one:fail(1)
    assert.equal("old", one.policy.hash)
    assert.is_true(said(one, "5 errors of its hooks, the last in clients.logs.share: my.lua:3: boom"))
    one:reload "first"
    one:fail(3)
    one:reload "other"
    one:fail(4)
    one:wait(2 * MINUTES + 1)
    one:fail(20)
    assert.equal("other", one.policy.hash, "control: it is the good one by now")
  end)

  it("that is too long to be kept is refused, and what was on trial goes on", function()
    local one = settled()
    one:reload "new"
    local ok, text, code = one:reload(("x"):rep(90 * 1024 + 1))
    assert.same({ nil, "size" }, { ok, code })
    assert.matches("at most 92160 can be tried", text)
    assert.equal("new", one:kept().trial.hash)
    local longest = ("y"):rep(90 * 1024)
    assert.is_true(one:reload(longest))
    one:wait(2 * MINUTES + 1)
    assert.is_true(one:reload(("z"):rep(90 * 1024)), "two of the longest fit")
    assert.equal(longest:sub(1, 8), one:crash())
  end)

  it("that cannot apply after all leaves what was on trial before it", function()
    local one = settled()
    one:reload "new"
    one:wait(MINUTES)
    one.trial:begin({ hash = "bad", name = "bad.lua", chain = { { name = "bad.lua", path = "/p", text = "bad" } },
      get = function() return "swarm" end }, {}, function() one.trial:refused "bad" end)
    one:wait(10)
    assert.equal("new", one:kept().trial.hash)
    one:wait(MINUTES)
    assert.equal("new", one:kept().good.hash)
  end)

  it("goes on where the disk takes no note that the good one was saved again", function()
    local one = settled()
    one:reload("new", { confirm = 60 })
    one.disk:inject { operation = "write", nth = 1, errno = "EIO" }
    local ok, _, code = one:reload "old"
    assert.same({ nil, "EIO" }, { ok, code })
    assert.equal("new", one.policy.hash)
    assert.is_truthy(one.trial:facts(), "it has not been confirmed")
    one:wait(61 * 1000)
    assert.equal("old", one.policy.hash, "and nobody did")
  end)
end)

describe("a policy that has to be confirmed", function()
  local function begun(seconds, uid)
    local one = settled()
    assert.is_true(one:reload("new", { confirm = seconds or 60, who = { uid = uid or 1000 } }))
    return one
  end

  it("goes back when nobody does, also where no fault shows", function()
    local one = begun(600)
    one:wait(590 * 1000)
    assert.equal("new", one.policy.hash)
    one:wait(11 * 1000)
    assert.equal("old", one.policy.hash)
    assert.is_true(said(one, "nobody confirmed it in time"))
    assert.same({ "confirmed", "trial", "rolled-back" }, { table.unpack(one.events, 2) })
  end)

  it("stays when who asked confirms it by a connection that came after the change", function()
    local one = begun()
    local now = one.loop:now()
    assert.same({ nil, "permission" }, { one:confirm { uid = 0, since = now + 1 },
      select(3, one:confirm { uid = 0, since = now + 1 }) })
    assert.equal("permission", select(3, one:confirm { uid = 1000, since = one.trial.since }))
    assert.equal("new", one:kept().trial.hash)
    assert.same({ policy = "new.lua", hash = "new" }, (one:confirm { uid = 1000, since = now + 1 }))
    one:wait(10 * MINUTES)
    assert.equal("new", one:crash())
    assert.equal("missing", select(3, one:confirm()))
  end)

  it("cannot be confirmed before it is in force, though one is on trial already", function()
    local one, told = settled(), {}
    local who = { uid = 7, since = 0 }
    local function confirm() one.trial:confirm(who, function(...) told[#told + 1] = select(3, ...) end) end
    one:reload "new"
    one:wait(1000)
    who.since = one.loop:now()
    one:reload("newer", { confirm = 60, who = who }, confirm)
    one:wait(1000)
    who.since = one.loop:now()
    one:reload("last", { confirm = 60, who = who, restart = true })
    confirm()
    assert.same({ "permission", "permission" }, told)
    assert.is_truthy(one:kept().trial)
  end)

  it("goes with the power, with a stop and with a crash", function()
    assert.equal("old", begun():cut())
    assert.equal("old", begun():stop())
    assert.equal("old", begun():crash())
  end)

  it("can be one that is on trial already, and its time begins anew after a restart", function()
    local one = settled()
    one:reload "new"
    assert.is_true(one:reload("new", { confirm = 60, who = { uid = 0 } }))
    one:wait(61 * 1000)
    assert.equal("old", one.policy.hash)
    one = settled()
    one:reload("new", { confirm = 60, who = { uid = 0 }, restart = true })
    one:wait(50)
    one:start(true)
    one:wait(59 * 1000)
    assert.equal("new", one.policy.hash)
    one:wait(2000)
    assert.equal("old", one.policy.hash)
  end)
end)

describe("a start", function()
  it("begins with the good policy where the file is broken, or was changed to one that failed", function()
    local one = settled()
    one.file = nil
    assert.equal("old", one:stop())
    assert.equal("old", one:crash())
    assert.is_nil(one:kept().trial)
    assert.equal("shipped", life.new(nil):start())
  end)

  it("tries no policy of which it cannot take a note, since nothing would bring the good one back", function()
    local one = settled()
    one.file, one.is_broken = "new", true
    assert.equal("old", one:stop())
    assert.is_true(said(one, "what is kept cannot be written"))
    assert.matches("^new.lua: it is not tried while .*EIO", one.refusal.lines[1])
    assert.is_nil(one.trial:is_bad "new")
    assert.equal("old", one:crash())
    one.is_broken = false
    assert.equal("new", one:crash(), "control")
    one.is_broken = true
    assert.equal("old", one:cut(), "its trial cannot begin anew")
    one.is_broken = false
    assert.equal("new", one:cut())
    one.is_broken = true
    assert.equal("new", one:start(true), "the disk knows of a trial that goes on")
    one = life.new "mine"
    one.is_broken = true
    assert.equal("shipped", one:start())
    assert.equal("swarm", one.fallen_swarm)
  end)

  it("begins anew where what is kept is whole and yet no sense, as another version may write it", function()
    local pack = { hash = "old", swarm = "c3dhcm0", texts = { { name = "b2xk", path = "b2xk", text = "b2xk" } } }
    local function with(fields)
      local data = { bad = json.array {}, crashes = json.array {}, process = "1:1", boot = "b" }
      for name, value in pairs(fields) do data[name] = value end -- any order
      return data
    end
    local function without(name)
      local copy = {}
      for key, value in pairs(pack) do copy[key] = key ~= name and value or nil end -- any order
      return copy
    end
    for i, data in ipairs { 5, "x", { a = 1 }, with { bad = 5 }, with { bad = { 5 } }, with { crashes = { "x" } },
      with { good = 1 }, with { good = without "hash" }, with { trial = without "texts" }, with { swarm = 5 },
      with { trial = { hash = "x", swarm = "c3dhcm0", texts = { { name = "?", path = "b2xk", text = "b2xk" } } } },
      with { good = without "swarm" },
      with { trial = { hash = "x", swarm = pack.swarm, texts = pack.texts, confirm = "x" } } } do
      local one = settled()
      for _, name in ipairs { "policy", "policy-before" } do
        assert(one.disk:replace("/state/" .. name, keeping.encode(data)))
      end
      assert.equal("old", one:start(), i)
      assert.is_true(said(one, "what is kept makes no sense"), i)
      assert.is_truthy(one:kept().trial, i)
    end
    local one = settled()
    assert(one.disk:replace("/state/policy", keeping.encode(with { good = pack })))
    one:start()
    assert.is_false(said(one, "makes no sense"), "control")
  end)

  it("gives up a good policy under which the node crashes three times in a minute, until it is asked for", function()
    local one = settled()
    for _ = 1, 2 do
      assert.equal("old", one:crash())
      one:wait(10 * 1000)
    end
    assert.equal("shipped", one:crash())
    assert.equal("swarm", one.fallen_swarm)
    assert.matches("crashed three times in a minute", select(2, one.trial:facts()))
    for _ = 1, 5 do assert.equal("shipped", one:crash()) end
    assert.is_true(one:reload "old")
    one:wait(2 * MINUTES + 1)
    assert.is_nil(select(2, one.trial:facts()))
    for _ = 1, 5 do
      one:wait(31 * 1000)
      assert.equal("old", one:crash(), "control: not three in a minute")
    end
    for _ = 1, 5 do assert.equal("old", one:cut(), "control: nobody is to blame for the power") end
    for _ = 1, 5 do assert.equal("old", one:stop()) end
  end)

  it("passes over a good policy that this version refuses, and begins anew where what is kept is damaged", function()
    local one = settled()
    one:reload "new"
    one.unfit.old = true
    assert.equal("shipped", one:crash())
    assert.is_true(said(one, "the good one is refused by this version"))
    one = settled()
    one.disk:replace("/state/policy", "spoiled\n")
    assert.equal("old", one:crash())
    assert.equal("old", one:kept().trial.hash, "its file goes on trial as a new one")
    assert.is_truthy(one.disk:read "/state/policy.damaged-D")
  end)
end)

-- The power goes at each operation of the disk in turn.
describe("a power cut while a policy", function()
  local WAYS = {
    ["goes on trial"] = { function(one) one:reload "new" end, { old = true, new = true } },
    ["that has to be confirmed goes on trial"] = { function(one)
      one:reload("new", { confirm = 60, who = { uid = 0 } })
    end, { old = true, new = true } },
    ["is confirmed"] = { function(one) one:confirm() end, { new = true },
      function(one) one:reload "new" end },
    ["is confirmed that has to be"] = { function(one) one:confirm() end, { old = true, new = true },
      function(one) one:reload("new", { confirm = 60, who = { uid = 0 } }) end },
    ["goes back"] = { function(one) one:rollback() end, { old = true, new = true },
      function(one) one:reload "new" end },
  }

  for what, way in pairs(WAYS) do -- any order
    it(what .. " leaves the old one or the new one, and what was promised holds", function()
      local act, may, before = way[1], way[2], way[3]
      local function run(cut, seed)
        local one = settled()
        if before then before(one) end
        local from = driver.operations(one.disk)
        if cut then one.disk:inject { nth = cut, effect = "off" } end
        local ok, text = pcall(act, one)
        if not cut then assert(ok, text) end
        return one, driver.operations(one.disk) - from, seed
      end
      local one, count = run()
      local promised = one.policy.hash
      assert.is_true(count >= 4, count)
      for cut = 1, count + 1 do
        for seed = 1, SOAK and 40 or 6 do
          one = run(cut <= count and cut or nil, seed)
          local found = one:cut(cut * 100 + seed)
          assert.is_true(may[found], ("cut %d seed %d: %s"):format(cut, seed, found))
          if cut > count and not what:find "has to be confirmed" then assert.equal(promised, found) end
        end
      end
    end)
  end
end)

-- Whatever happens in whatever order.
describe("any history of policies", function()
  local ACTS = {
    function(one, draw) one:reload("p" .. draw(4)) end,
    function(one, draw) one:reload("p" .. draw(4), { confirm = 30 + draw(60), who = { uid = 0 } }) end,
    function(one) one:confirm() end,
    function(one) one:rollback() end,
    function(one, draw) one:fail(draw(7)) end,
    function(one, draw) one:wait(draw(90) * 1000) end,
    function(one, draw) one.file = draw(5) > 0 and "p" .. draw(4) or nil end,
    function(one) one:crash() end,
    function(one, draw) one:cut(draw(1000)) end,
    function(one) one:stop() end,
    function(one) one:start(true) end,
  }
  local CRASH, CUT, STOP = 8, 9, 10

  it("has a policy in force after each step, never one that just failed, and a good one that crashes rarely stays",
    function()
      for seed = 1, SOAK and 2000 or 120 do
        local draw, one = driver.generator(seed), life.new("p0", seed)
        one:start()
        for step = 1, 30 do
          local act, before, tried = 1 + draw(#ACTS), one.policy.hash, one:kept().trial
          ACTS[act](one, draw)
          local at = ("seed %d step %d act %d"):format(seed, step, act)
          assert.is_truthy(one.policy.hash, at)
          local kept = one:kept()
          local trial, good = kept.trial and kept.trial.hash, kept.good and kept.good.hash
          local in_force = one.policy.hash
          assert.is_true(in_force == trial or in_force == good or in_force == life.SHIPPED, at .. " " .. in_force)
          assert.is_true(#kept.bad <= 16)
          if trial then assert.equal(trial, in_force, at) end
          if tried and act == CRASH then assert.is_true(in_force ~= tried.hash or good == tried.hash, at) end
          if tried and tried.confirm and (act == CUT or act == STOP) then
            assert.is_true(in_force ~= tried.hash, at)
          elseif tried and (act == CUT or act == STOP) and one.file == before then
            assert.equal(before, in_force, at)
          end
        end
      end
    end)
end)
