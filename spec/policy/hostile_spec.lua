-- hostile_spec.lua - whatever a policy does, the node goes on: each attack ends soon, is told with its hook, file and
-- line, the default answers, and the next question is asked as if nothing had been. Both when a policy is read and
-- in force.
local attacks = require "spec.policy.attacks"
local check = require "policy.check"
local hooks = require "policy.hooks"
local patience = require "spec.patience"
local policies = require "spec.policy.policies"

local AT_REST <const> = 0.05 -- seconds of processor time that one attack may take on a machine at rest
local SOAK <const> = os.getenv "DT_SWARM_SOAK"

local channel = check.sample("channel", true)

-- Facts at HOUR: the check asks at 14 h, or with no hour known, so what happens at 23 h it does not see.
local function at(hour)
  local here = check.sample("here", true)
  here.hour = hour
  return here
end

local NIGHT <const>, DAY <const> = at(23), at(14)

-- What took longest, in seconds of processor time: what other programs do meanwhile does not count.
local function stopwatch()
  local worst = { seconds = 0, name = "nothing" }
  return {
    time = function(name, fn, ...)
      local began = os.clock()
      local results = table.pack(fn(...))
      local took = os.clock() - began
      if took > worst.seconds then worst = { seconds = took, name = name } end
      return table.unpack(results, 1, results.n)
    end,
    check = function(what)
      patience.took(("the longest of %s, %s"):format(what, worst.name), worst.seconds, AT_REST)
      assert.is_true(worst.seconds < AT_REST * patience.TIMES, worst.name .. ": " .. worst.seconds .. " s")
    end,
  }
end

-- A policy whose hook routing.open runs TEXT at night, and what its log says.
local function at_night(text)
  local said = {}
  local log = { error = function(_, layer, what, facts) said[#said + 1] = { layer, what, facts.hook, facts.why } end }
  local p, faults = policies.with([[
    function p.clients.logs.pause(here) if here.hour == 23 then return true, "asked" end end
    function p.routing.open(channel, here) if here.hour == 23 then
]] .. text .. "\nend return false end", { log = log })
  return assert(p, faults and faults[1].text), said
end

local function goes_on(p, name)
  assert.same({ true, "asked" }, { p:ask("clients.logs.pause", NIGHT) }, name)
  assert.is_false((p:ask("routing.open", channel, DAY)), name)
end

describe("a policy in force that misbehaves", function()
  for _, kind in ipairs { "endless", "errors", "escapes", "meddling" } do
    it("is contained: " .. kind, function()
      local watch = stopwatch()
      for _, attack in ipairs(attacks[kind]) do
        local name, text = table.unpack(attack)
        local p, said = at_night(text)
        goes_on(p, name)
        local answer, _, code = watch.time(name, p.ask, p, "routing.open", channel, NIGHT)
        assert.same({ true, "policy" }, { answer, code }, name) -- true: the default's answer
        assert.same({ "policy", "hook failed", "routing.open" }, { table.unpack(said[1], 1, 3) }, name)
        assert.truthy(said[1][4]:find "^policy: my%.lua:%d+: ", name .. ": " .. said[1][4])
        assert.is_true(#said[1][4] < 600, name)
        goes_on(p, name)
        assert.same({ 1, 1 }, { #said, p.refused.policy }, name)
        p:close()
      end
      watch.check(kind .. " in force")
    end)
  end

  it("would not be contained without its limits", function()
    local p = policies.with("function p.routing.open(_, here) for i = 1, 2e6 do end return false end",
      { instructions = 1 << 40 })
    assert.is_false((p:ask("routing.open", channel, DAY)), "no limit of instructions, so it comes to its end")
    p:close()
  end)

  it("gets a default answer for whatever it answers, whichever hook it is", function()
    local WRONG <const> = [[function() end, {}, { {} }, -1, 0, 10, 1.5, 0/0, 1e308, "", "x", ("x"):rep(60000), p,
      p.routing, (...), string, type, knot, true, false, { name = {} }, { name = "x" }, deep, "\255\0", math.mininteger,
      { [1e300] = 1 }, { [true] = 1 }, wide, { wide }, { knot }, "lab", 5]]
    local shipped = assert(policies.with "")
    for _, row in ipairs(hooks.hooks) do
      local list, told, quiet = {}, 0, 3 -- so often it is asked when it is read
      if row.each then quiet = quiet + 2 * #(hooks.find(row.each) and shipped:get(row.each)) end
      for i, argument in ipairs(row.arguments) do
        local thing = check.sample(argument[2], true)
        list[i] = argument.each and { thing, thing } or thing
      end
      local p, faults = policies.with(([[
        local knot, deep, wide, asked = {}, {}, {}, 0
        knot.knot = knot
        for i = 1, 500 do deep = { deep } end
        for i = 1, 20000 do wide[i] = i end
        function p.%s(...)
          local wrong = { %s }
          asked = asked + 1
          if asked > %d and asked - %d <= #wrong then return wrong[asked - %d] end
        end]]):format(row.path, WRONG, quiet, quiet, quiet))
      assert(p, faults and faults[1].text)
      p.on_failure = function(path, message)
        told = told + 1
        assert.equal(row.path, path)
        assert.truthy(message:find "^policy: my%.lua:%d+: ", message)
        assert.is_true(#message < 600)
      end
      local default, right = p:ask(row.path, table.unpack(list, 1, #row.arguments)), 0
      for _ = 1, 32 do
        local answer, _, code = p:ask(row.path, table.unpack(list, 1, #row.arguments))
        if code then assert.same(default, answer, row.path) else right = right + 1 end
      end
      assert.equal(32, right + told, row.path)
      assert.is_true(told >= 20, row.path .. ": " .. told)
      p:close()
    end
  end)

  it("that keeps more with each question ends at its memory: then the defaults answer, and soon", function()
    local p = policies.with [[
      local kept = {}
      function p.routing.open(channel, here) kept[#kept + 1] = ("x"):rep(1000) .. #kept return false end
    ]]
    local watch, own, default = stopwatch(), 0, 0
    for _ = 1, 10000 do
      local answer, _, code = watch.time("one of 10,000 questions", p.ask, p, "routing.open", channel, DAY)
      assert.equal(code == "policy", answer)
      if code then default = default + 1 else own = own + 1 end
    end
    watch.check "questions that keep 1 kB each"
    assert.is_true(own > 3000 and default > 3000, own .. " and " .. default)
    assert.truthy(p.failed["routing.open"]:find "^policy: my%.lua:3: earlier questions left %d+ bytes behind")
    assert.is_true(select(2, p.from.fence:spent()) < 6 << 20)
    local began = os.clock()
    for _ = 1, 1000 do p:ask("routing.open", channel, DAY) end
    patience.took("1,000 questions to a policy that is full", os.clock() - began, 0.03)
    for _, driving in ipairs { true, false, true } do
      local here = at(14)
      here.driving = driving
      for _ = 1, 3 do assert.equal(driving, (p:ask("clients.logs.pause", here)), "the facts are today's") end
    end
    p:close()
  end)

  it("that fills its memory for good in one question has the defaults answer", function()
    local p = policies.with [[
      local kept = {}
      function p.routing.open(channel, here)
        local night = here.hour == 23
        while night do kept = { kept } end
        return false
      end
    ]]
    for _, here in ipairs { NIGHT, DAY, NIGHT, DAY } do
      assert.same({ true, nil, "policy" }, { p:ask("routing.open", channel, here) })
    end
    p:close()
  end)

  it("that fills its memory in one question has it again in the next", function()
    local p = at_night "local t = {} while true do t = { t } end"
    for _ = 1, 20 do
      assert.equal("policy", select(3, p:ask("routing.open", channel, NIGHT)))
      goes_on(p, "memory")
    end
    p:close()
  end)
end)

describe("a policy that is read and misbehaves", function()
  local function refused(name, p, faults)
    assert.is_nil(p, name)
    assert.equal("my.lua", faults[1].file, name)
    assert.truthy(faults[1].line, name .. ": " .. faults[1].text)
  end

  for _, kind in ipairs { "endless", "errors", "escapes" } do
    it("itself is contained: " .. kind, function()
      local watch = stopwatch()
      for i = 1, #attacks[kind], SOAK and 1 or kind == "endless" and 3 or 1 do
        local name, text = table.unpack(attacks[kind][i])
        refused(name, watch.time(name, policies.with, "do " .. text .. " end"))
      end
      watch.check(kind .. " when read")
    end)
  end

  it("is contained where its text is hard to read", function()
    local watch = stopwatch()
    for _, attack in ipairs(attacks.texts) do
      local name, text, may_be = table.unpack(attack)
      local p, faults = watch.time(name, policies.with, text)
      if may_be == true or may_be and p then
        assert.truthy(p, name .. ": " .. (faults and faults[1].text or ""))
        p:close()
      else
        assert.is_nil(p, name)
        assert.equal("my.lua", faults[1].file, name)
        local fault = faults[1].text -- what takes too long to compile has no line yet
        assert.truthy(faults[1].line or fault:find "longer than 64 KiB" or fault:find "processor time", name .. ": "
          .. fault)
      end
    end
    watch.check "texts"
  end)

  it("in its hooks is contained when they are asked twice", function()
    for i = 1, #attacks.endless, SOAK and 1 or 20 do
      local name, text = table.unpack(attacks.endless[i])
      local p, faults = policies.with("function p.routing.open(channel, here)\n" .. text .. "\nend")
      refused(name, p, faults)
      assert.equal(2, #faults, name)
      assert.truthy(faults[1].text:find("routing.open, asked with everything known", 1, true), faults[1].text)
      assert.truthy(faults[2].text:find("routing.open, asked with nothing known", 1, true), faults[2].text)
    end
  end)

  it("is told in few and plain words, whatever it is called and whatever it says", function()
    local CASES <const> = {
      { "for i = 1, 60 do p[('x'):rep(60000) .. i] = 1 end", "no such section or setting" },
      { "local _ for i = 1, 60 do _ = p.clients[('x'):rep(6000) .. i] end", "no such setting" },
      { "error('\\27[2J\\0')", "\\x1b%[2J" },
      { "error(('ä'):rep(9000))", "ää" },
      { "for i = 1, 9000 do p.routing.routes['/a' .. i] = '/b' end", "routing.routes: wanted a table of at most 1024" },
      { "local k = {} k.k = k p.tags = k", "tags: wanted a list" },
      { "local k = {} for i = 1, 1000 do k = { k } end p.routing.channels = { k }", "routing.channels: wanted" },
      { "p.dcache.disk = 0 / 0", "dcache.disk: wanted bytes" },
      { "p.routing.open = assert", "my.lua:2: routing.open, asked with everything known: routing.open answered table" },
      { "p.routing.open = string.rep", "my.lua:2: routing.open, asked with everything known: " },
    }
    for _, case in ipairs(CASES) do
      local p, faults = policies.with(case[1])
      assert.is_nil(p, case[1])
      assert.is_true(#faults <= 64, case[1])
      local said = require "policy.load".report(faults)[1]
      assert.truthy(said:find(case[2]), case[1] .. "\n" .. said)
      for _, line in ipairs(require "policy.load".report(faults)) do
        assert.is_true(#line < 1000 and not line:find "%c", case[1])
      end
    end
  end)

  it("may hold much in its hooks, and is compared by its texts where that is too much", function()
    local p = policies.with [[
      local much = {}
      for i = 1, 20000 do much[i] = { i } end
      function p.routing.open() return #much > 0 end]]
    assert.truthy(p.prints["routing.open"])
    p:close()
  end)

  it("is told where it fills the memory before a hook is asked", function()
    local p, faults = policies.with "kept = nil"
    refused("kept", p, faults)
    p, faults = policies.with([[
      local kept = {}
      for i = 1, 3950 do kept[i] = ("x"):rep(950) .. i end
      function p.routing.open() return #kept > 0 end]], { milliseconds = 2000 })
    assert.is_nil(p)
    assert.truthy(faults[1].text:find "bytes", faults[1].text)
    assert.truthy(faults[1].line)
  end)
end)
