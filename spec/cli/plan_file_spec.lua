-- plan_file_spec.lua - plan files: what they may say, what is filled in, and that each fault has its file and line.
local folder = require "spec.folder"
local labs = require "spec.labs"
local plan_file = require "cli.plan_file"
local plans = require "clients.updates.plan"

local NAMES <const> = { "ada", "bea", "carl", "donald", "emma" }
local id = {}
for _, name in ipairs(NAMES) do id[name] = labs.key(name):id() end

local function rows(more)
  local list = {}
  for i, name in ipairs(NAMES) do
    list[i] = { id = id[name], name = name, label = name, type = "duckiebot", status = "ready", clock = "own",
      seen_ms = 1000 * i, site = i > 3 and "hall-b" or "lab" }
  end
  list[#list + 1] = { id = labs.key("desk"):id(), name = "desk", label = "desk", type = "laptop", self = true,
    seen_ms = 0, status = "ready", clock = "own" }
  if more then more(list) end
  return plan_file.sorted(list)
end

local function run(text, more, kind, done)
  return plan_file.run(text, "plans/friday.lua", { robots = rows(more), swarm = "duckietown", done = done,
    release = function(key)
      if key == "demos/42" then return { kind = kind or "files", run = 3 } end
      return nil, "there is no release " .. key
    end })
end

local function names_of(plan)
  local by_id, list = {}, {}
  for name, each in pairs(id) do by_id[each] = name end
  for i, each in ipairs(plan.order) do list[i] = by_id[each] or each end
  return table.concat(list, " ")
end

describe("a plan file", function()
  it("of the page becomes a plan with all that it left out", function()
    local plan = assert(run [[
return { release = "demos/42", robots = only(robots, { type = "duckiebot" }),
  waves = { { robots = 1, soak = 30 * minute }, { max_unavailable = 2 } } }]])
    assert.equal("ada bea carl donald emma", names_of(plan))
    assert.same({ { max_unavailable = 1, robots = 1, soak = 1800 }, { max_unavailable = 2, robots = 4, soak = 300 } },
      plan.waves)
    plan.order, plan.waves = nil, nil
    assert.same({ absent = { after = 3600, most = 0 }, clock = "proved", max_failures = 2, patience = 600,
      release = "demos/42", run = 3, swarm = "duckietown", unknown = "back" }, plan)
  end)

  it("is what is signed, to the byte the same each time", function()
    local text = 'return { release = "demos/42", robots = { "emma", "ada" } }'
    local bytes = assert(plans.write(assert(run(text))))
    assert.equal(bytes, plans.write(assert(run(text))))
    assert.same({ { max_unavailable = 1, robots = 2, soak = 300 } }, assert(plans.read(bytes)).waves)
  end)

  it("for the rest has its waves with whom is left, and none with nobody", function()
    local function left(waves, ...)
      local done = {}
      for _, name in ipairs { ... } do done[id[name]] = true end
      local plan = assert(run('return { release = "demos/42", robots = only(robots, { type = "duckiebot" }), waves = '
        .. waves .. " }", nil, nil, function() return done end))
      local found = {}
      for i, wave in ipairs(plan.waves) do found[i] = ("%d %d"):format(wave.robots, wave.max_unavailable) end
      return ("%s: %s"):format(names_of(plan), table.concat(found, ", "))
    end
    local page <const> = "{ { robots = 1 }, { max_unavailable = 2 } }"
    assert.equal("emma: 1 1", left(page, "ada", "bea", "carl", "donald"))
    assert.equal("carl donald emma: 1 1, 2 2", left(page, "ada", "bea"))
    assert.equal("bea emma: 2 2", left("{ { robots = 2, max_unavailable = 2 }, {} }", "ada", "carl", "donald"))
  end)

  it("leaves out a quarter as absent where a policy is rolled out, and says by which time", function()
    local text = 'return { release = "demos/42", robots = only(robots, { type = "duckie*" }) }'
    assert.equal(1, run(text, nil, "policy").absent.most)
    assert.equal("adopted", run(text, function(list) list[2].clock = "none" end).clock)
    assert.equal("adopted", run(text, function(list) list[2].clock = nil end).clock)
    assert.equal("proved", run(text, function(list) list[2].clock, list[2].status = nil, "lost" end).clock)
  end)

  it("puts who was not seen longest last, and strangers nowhere", function()
    local text = 'return { release = "demos/42", robots = only(robots, { type = "duckiebot" }) }'
    assert.equal("bea carl emma ada", names_of(assert(run(text, function(list)
      list[1].status, list[1].seen_ms, list[4].status = "lost", 9000, "stranger"
    end))))
    assert.equal("bea carl emma ada donald", names_of(assert(run(text, function(list)
      list[1].status, list[1].seen_ms, list[4].status, list[4].seen_ms = "lost", 9000, "left", nil
    end))))
  end)

  it("chooses by facts, by several of them, by patterns, by any Lua", function()
    local function chosen(expression)
      return names_of(assert(run(('return { release = "demos/42", robots = %s }'):format(expression))))
    end
    assert.equal("donald emma", chosen 'only(robots, { site = "hall*" })')
    assert.equal("ada carl", chosen 'only(robots, { name = { "ada", "carl" }, type = "duckiebot" })')
    assert.equal(labs.key("desk"):id(), chosen "only(robots, { self = true })")
    assert.equal("carl",
      chosen '(function() for _, r in ipairs(robots) do if r.seen == 3 then return { r } end end end)()')
    assert.equal("emma ada", chosen(('{ "emma", %q }'):format(id.ada)))
    assert.equal("ada", chosen(('{ "ada~%s" }'):format(id.ada:sub(-4))))
  end)

  -- What is wrong with TEXT, which must be refused with its file and line.
  local function wrong(text, more)
    local plan, why = run(text, more)
    assert.is_nil(plan)
    return why
  end

  it("says what is wrong with it, by file and line", function()
    local start = 'return {\n  release = "demos/42",\n  robots = only(robots, { type = "duckiebot" }),\n'
    for _, case in ipairs {
      { "friday.lua:2: unexpected symbol", "return {\n) }" },
      { "friday.lua:1: .*nil value", "local x = robots[99].id" },
      { "friday.lua:2: .*over the limit of .* instructions", "\nwhile true do end" },
      { "friday.lua:1: .*too large", 'local t = {} for i = 1, 1e7 do t[i] = { i } end' },
      { 'friday.lua:1: robot: no such name; did you mean "robots"', "return { robots = robot }" },
      { "friday.lua:1: io: no such name", "io.open '/etc/passwd'" },
      { "friday.lua:1: os: no such name", "os.execute 'true'" },
      { "friday.lua:1: require: no such name", "require 'core.disk'" },
      { "friday.lua:1: a plan file ends with return", "return 5" },
      { "friday.lua:1: a plan file ends with return", "" },
      { "friday.lua:2: the policy says so", "\nerror 'the policy says so'" },
      { "friday.lua:3: robots: this names nobody; known here: 5 duckiebot, 1 laptop",
        start:gsub('"duckiebot"', '"drone"') .. "}" },
      { "friday.lua:3: robots: this names nobody; known here: nobody", start .. "}",
        function(list) for i = #list, 1, -1 do list[i] = nil end end },
      { "friday.lua:3: robots: ada stands there twice, as number 1 and 2",
        start:gsub("only.-},?\n", '{ "ada", robots[1] },\n'):gsub("only%b(),", '{ "ada", robots[1] },') .. "}" },
      { 'robots: number 1: adda: nobody known here is called so; did you mean "ada"',
        'return { release = "demos/42", robots = { "adda" } }' },
      { "robots: number 2 is neither one of `robots` nor a name",
        'return { release = "demos/42", robots = { "ada", {} } }' },
      { "friday.lua:1: robots: there is none at number 2, but one at number 3",
        'return { release = "demos/42", robots = { robots[1], robots[99], robots[2] } }' },
      { "robots: this is a list, and has something called first",
        'return { release = "demos/42", robots = { "ada", first = "bea" } }' },
      { "robots: this is no list of robots", 'return { release = "demos/42", robots = 5 }' },
      { "ada, is the name of two: write ada~", 'return { release = "demos/42", robots = { "ada" } }',
        function(list) list[2].name, list[2].label = "ada", "ada~1234" list[1].label = "ada~4321" end },
      { "friday.lua:4: waves: they hold 6 robots, and 5 are named",
        start .. "waves = { { robots = 1 }, { robots = 5 } } }" },
      { "friday.lua:4: waves: they hold 3 robots, and 5 are named",
        start .. "waves = { { robots = 1 }, { robots = 2 } } }" },
      { "friday.lua:5: waves: number 2 is for all the others, and none of 5 robots is left",
        start .. "-- waves = 5\nwaves = { { robots = 5 }, {} } }" },
      { "waves: number 1 and number 2 both leave out", start .. "waves = { {}, {} } }" },
      { "friday.lua:4: waves: number 1 has robot; a wave has", start .. "waves = { { robot = 1 } } }" },
      { "friday.lua:4: wave 1: soak is no whole number", start .. "waves = { { soak = 2 * day } } }" },
      { "friday.lua:4: wave 1: max_unavailable", start .. "waves = { { max_unavailable = 0 } } }" },
      { "waves: number 1: robots is no whole number", start .. "waves = { { robots = 0.5 } } }" },
      { "friday.lua:4: waves: this is no list", start .. "waves = 3 }" },
      { "friday.lua:4: absent: it has most and after, not at", start .. "absent = { at = 3 } }" },
      { "friday.lua:4: absent: most is no whole number", start .. "absent = { most = -1 } }" },
      { "friday.lua:4: max_failures is no whole number", start .. "max_failures = 0 }" },
      { "friday.lua:4: patience is no whole number", start .. "patience = 5 }" },
      { "friday.lua:4: clock is neither", start .. 'clock = "mine" }' },
      { "friday.lua:4: unknown is neither", start .. 'unknown = "forward" }' },
      { "friday.lua:4: run is no whole number", start .. "run = 1000 }" },
      { 'solo_after: no plan has that', start .. "solo_after = 3 }" },
      { 'patiens: no plan has that; did you mean "patience"', start .. "patiens = 3 }" },
      { "friday.lua:2: release: there is no release demos/43", (start:gsub("demos/42", "demos/43")) .. "}" },
      { "friday.lua:2: release: a release is NAME/SEQ", (start:gsub("demos/42", "demos")) .. "}" },
      { 'typ: no robot has that; did you mean "type"', 'return { robots = only(robots, { typ = "x" }) }' },
    } do
      local why = wrong(case[2], case[3])
      assert.truthy(why:find(case[1]), case[1] .. "\n" .. why)
      assert.truthy(why:find "^plans/friday.lua:%d+: ", why)
    end
  end)

  it("may say what its manual page says, and find what that names, nothing else", function()
    local page, source = folder.read "cli/pages/plan.lua", folder.read "cli/plan_inside.lua"
    local n = 0
    for _, list in ipairs { "FIELDS", "MEMBERS" } do
      for name in source:match(list .. " <const> = (%b{})"):gmatch '"([%l_]+)"' do
        assert.truthy(page:find("`" .. name .. "`", 1, true), name)
        n = n + 1
      end
    end
    assert.equal(22, n)
    assert(run(page:match "```\n(.-)```"))
  end)

  it("names those whom it was told of, whatever it does to their rows", function()
    for _, what in ipairs { '"x"', "{}", "robots[2].id", "nil" } do
      local text = ("robots[1].id = %s return { release = 'demos/42', robots = { robots[1] } }"):format(what)
      assert.equal("ada", names_of(assert(run(text))))
    end
  end)

  it("is told from others by its whole path, however long that is", function()
    local path = ("/a-folder-of-plans"):rep(6) .. "/friday.lua"
    for line, text in pairs { [2] = "\nrobots[1].x.y = 1", [3] = "return {\n\n) }", [1] = "return { robots = {} }" } do
      local plan, why = plan_file.run(text, path, { robots = rows() })
      assert.is_nil(plan)
      assert.equal(("%s:%d: "):format(path, line), why:sub(1, #path + 4))
    end
  end)

  it("does not steer a terminal by what it says, and knows a thousand robots", function()
    assert.is_nil(wrong('error "\\27[2J\\7"'):find "[\27\7]")
    local all = 'return { release = "demos/42", robots = only(robots, { type = "duckiebot" }) }'
    local plan = assert(run(all, function(list)
      for i = 1, 995 do
        list[#list + 1] = { id = labs.key("r" .. i):id(), name = "r" .. i, label = "r" .. i, type = "duckiebot",
          site = "x", status = "ready", clock = "own", seen_ms = 5, version = "1.2.3", level = "ok", battery = 80 }
      end
    end))
    assert.equal(1000, #plan.order)
  end)
end)
