-- rollout_plan_spec.lua - what `rollout plan` prints: waves, bounds, whom earlier runs left out, faults by file and
-- line. Asks no daemon; the simulator itself is in spec/sim/rollout_spec.lua.
local json = require "core.json"
local labs = require "spec.labs"
local rollout = require "sim.rollout"
local rollout_plan = require "cli.rollout_plan"
local shape = require "spec.cli.shape"
local show = require "cli.show"
local text = require "core.text"

local NAMES <const> = { "ada", "bea", "carl", "donald", "emma" }
local EXIT <const> = { ok = 0, no = 1, usage = 3, refused = 4 }

local function id(name) return labs.key(name):id() end

local function nodes()
  local list = { { id = id "desk", name = "desk", label = "desk", type = "laptop", self = true, seen_ms = 0,
    clock = "own", status = "ready" } }
  for i, name in ipairs(NAMES) do
    list[i + 1] = { id = id(name), name = name, label = name, type = "duckiebot", clock = "own", seen_ms = 1000,
      status = "ready" }
  end
  return list
end

local function robots(states)
  local list = {}
  for name, state in pairs(states) do list[#list + 1] = { id = id(name), label = name, state = state or nil } end
  return list
end

local FRIDAY <const> = [[
return { release = "demos/42", robots = only(robots, { type = "duckiebot" }),
  waves = { { robots = 1, soak = 30 * minute }, { max_unavailable = 2 } } }
]]

-- What the command says where the daemon knows RUNS, with OPTIONS. → text, exit code, JSON
local function said(options, runs, more)
  local parts, told = {}, nil
  local function write(part) parts[#parts + 1] = part end
  local s = show.new { width = 80, escape = text.escape, host = "localhost", write = write }
  local found = nodes()
  if more then more(found) end
  local context = { show = s, exit = EXIT, as_json = options.json,
    world = { root = ".", columns = function() end } }
  function context.world.read(path) return path == "friday.lua" and (options.text or FRIDAY) or nil end
  function context.ask(_, request)
    if request.command == "discover" then return { nodes = found } end
    return { swarm = "lab:x", runs = runs or {}, releases = {
      { key = "demos/42", name = "demos", seq = 42, kind = "files",
        artefacts = { { size = options.size or 1 } } },
      { key = "policy/7", name = "policy", seq = 7, kind = "policy" } } }
  end
  function context.refuse(_, why, word)
    write(("%s (%s)\n"):format(why, word))
    return nil, EXIT.refused
  end
  function context.misused(_, why)
    write(why .. "\n")
    return EXIT.usage
  end
  function context.json(_, answer)
    told = assert(json.decode(json.encode(answer)))
    return EXIT.ok
  end
  options.file = options.file ~= false and (options.file or "friday.lua") or nil
  local code = rollout_plan.run(context, options)
  return table.concat(parts), code, told
end

describe("rollout plan", function()
  it("shows waves, who is in them, and how many are down and fail at most", function()
    local page, code = said {}
    assert.equal([[
WAVE   ROBOTS   AT ONCE   SOAK     WHO
1      1        1         30 min   ada
2      4        2         5 min    bea carl donald emma
demos/42, run 1: 5 robots, at most 2 down at once; it stops at 2 failures. At
most 3 fail, as who has begun goes on.
]], page)
    assert.equal(0, code)
  end)

  it("takes the number behind the last run, and refuses one that was used", function()
    local runs = { { run = "demos/42/1" }, { run = "demos/42/7", release = "demos/42" },
      { run = "policy/7/9", release = "policy/7" } }
    local _, code, answer = said({ json = true }, runs)
    assert.same({ 0, 8 }, { code, answer.plan.run })
    local page
    page, code = said({ text = (FRIDAY:gsub("waves", "run = 7,\n  waves")) }, runs)
    assert.same({ "friday.lua:2: run: 7 is used already; the next is 8 (form)\n", EXIT.refused }, { page, code })
    assert.equal(0, select(2, said({ text = (FRIDAY:gsub("waves", "run = 3,\n  waves")) }, runs)))
  end)

  it("says who is not here, and that those behind wait for them", function()
    local page = said({}, nil, function(list) list[2].status, list[2].seen_ms = "lost", 9000000 end)
    assert.truthy(page:find("1      1        1         30 min   bea\n", 1, true))
    assert.truthy(page:find("carl donald emma ada\n", 1, true))
    local flat = page:gsub("%s+", " ")
    assert.truthy(flat:find("Not here now: ada. Those behind wait for it, until it is back or skipped.", 1, true), page)
    local function away(list) list[2].status, list[3].status = "lost", "left" end
    flat = said({}, nil, away):gsub("%s+", " ")
    assert.truthy(flat:find("Those behind wait for them, until they are back or skipped.", 1, true), flat)
    local text_of = FRIDAY:gsub("waves", "absent = { most = 1 },\n  waves")
    flat = said({ text = text_of }, nil, away):gsub("%s+", " ")
    assert.truthy(flat:find("Those behind wait for all but 1 of them, until", 1, true), flat)
  end)

  it("says that robots do not know the time, what cures that, and nothing where it will be known", function()
    local function flat(words, more)
      return (said({ text = words and (FRIDAY:gsub("waves", words .. ",\n  waves")) }, nil, more):gsub("%s+", " "))
    end
    local function none(list)
      for _, row in ipairs(list) do row.clock = "none" end
    end
    local function desk_alone(list)
      none(list)
      list[1].clock = "own"
    end
    assert.truthy(flat(nil, none):find("5 of 5 robots do not know the time, so they wait: synchronise their clocks, or "
      .. "that of one node beside them (timedatectl set-ntp true). See: help clock", 1, true))
    local page = flat(nil, desk_alone) -- the plan is one with the clock "adopted", and there is one to adopt
    assert.is_nil(page:find("know the time", 1, true), page)
    page = flat('clock = "proved"', desk_alone)
    assert.truthy(page:find('5 of 5 robots do not know the time, so they wait: synchronise their clocks (timedatectl '
      .. 'set-ntp true), or plan with clock = "adopted". See: help clock', 1, true), page)
    page = flat('clock = "proved"', function(list) list[3].clock = "none" end)
    assert.truthy(page:find("1 of 5 robots does not know the time, so it waits:", 1, true), page)
    page = flat(nil, function(list)
      none(list)
      for i = 2, #list do list[i].status = "lost" end
    end)
    assert.is_nil(page:find("know the time", 1, true), page) -- who is away may have one by then
  end)

  it("does not pass over what is for --simulate alone", function()
    for _, name in ipairs { "off", "fail", "runs" } do
      assert.same({ ("rollout plan: --%s needs --simulate\n"):format(name), EXIT.usage },
        { said { [name] = name == "runs" and 3 or "donald" } })
    end
  end)

  it("is the same for programs: the plan that would be signed, its waves with names, its bounds", function()
    local _, _, answer = said { json = true }
    assert.same({ 1, 2, 3, "lab:x", "demos/42" }, { answer.schema, answer.down_most, answer.failed_most,
      answer.plan.swarm, answer.plan.release })
    assert.equal("emma", answer.waves[2].robots[4].label)
    assert.equal(answer.plan.order[5], answer.waves[2].robots[4].id)
    assert.equal(#json.encode(answer.plan), answer.size)
  end)

  it("makes a plan for those alone whom no run of the release brought there", function()
    local runs = { { run = "demos/42/1", release = "demos/42", robots = robots { ada = "committed", bea = "rolled_back",
      carl = false } }, { run = "demos/41/1", release = "demos/41", robots = robots { emma = "committed" } } }
    local page = said({ rest = true }, runs)
    assert.truthy(page:find("1      1        1         30 min   bea\n", 1, true))
    assert.truthy(page:find("2      3        2         5 min    carl donald emma\n", 1, true))
    page = said({ rest = true, file = false }, runs)
    assert.equal([[
RELEASE    NAME     TYPE        STATE         SEEN
demos/42   bea      duckiebot   rolled_back   1 s
demos/42   carl     duckiebot   waits         1 s
demos/42   desk     laptop      not named     now
demos/42   donald   duckiebot   not named     1 s
demos/42   emma     duckiebot   not named     1 s
5 robots left. A plan for them alone: rollout plan FILE --rest
]], page)
    runs[1].robots = robots { ada = "committed", bea = "committed", carl = "committed", donald = "committed",
      emma = "committed" }
    local code
    page, code = said({ rest = true }, runs)
    assert.same({ "friday.lua:1: robots: all of them have demos/42 already (form)\n", EXIT.refused }, { page, code })
    assert.equal("Nothing was rolled out yet.\n", (said { rest = true, file = false }))
    local _, _, answer = said({ rest = true, file = false, json = true }, runs)
    assert.same({ 1, "demos/42", "desk" }, { #answer.rest, answer.rest[1].release, answer.rest[1].robots[1].label })
  end)

  it("plays it through: who begins when, what becomes of whom, who waits for whom", function()
    local quick = FRIDAY:gsub("30 %* minute", "3 * minute"):gsub("{ max_unavailable = 2 }",
      "{ max_unavailable = 2, soak = 0 }")
    local page = said { simulate = true, runs = 5, off = "donald", fail = "bea", text = quick }
    assert.equal([[
WAVE   ROBOTS   AT ONCE   SOAK    STARTS        WHO
1      1        1         3 min   now           ada
2      4        2         0 s     after 4 min   bea carl donald emma
5 runs, loss 0.1: 3 commit, 1 rolls back, 1 waits (donald, off). Never over 2
down (limit 2).
]], page:match "^(.*\n)[^\n]*\n$")
    assert.truthy(page:find "\nDone after %d min; nobody waits for donald.\n$", page)
    quick = quick:gsub("3 %* minute", "0")
    page = said { simulate = true, runs = 1, size = 600000000, text = quick } -- which has to be fetched first
    assert.truthy(page:find("after 10 min   ada\n", 1, true), page)
    page = said { simulate = true, runs = 2, off = "ada", text = quick }
    assert.truthy(page:find("1 waits (ada, off), 4 wait (bea, carl, donald and emma). Never\nover 0 down", 1, true),
      page)
    assert.truthy(page:find("Nothing more happens: 4 wait for ada.\n", 1, true), page)
    page = said { simulate = true, runs = 2, fail = "ada,bea", text = quick }
    assert.truthy(page:find "It stops after %d+ min, by 2 failures: 3 do not begin.\n", page)
    local _, _, answer = said { simulate = true, runs = 3, json = true, text = quick }
    local played = answer.simulated
    assert.same(answer.plan.order, played.order)
    assert.same({ 3, 10, 2, 0 }, { played.runs, played.loss_percent, played.down_most, played.failed_most })
    page = said { simulate = true, off = "ghost" }
    assert.equal("ghost: no robot of the plan is called so\n", page)
  end)

  it("says in which order they start, and so they do, one at a time, whatever gets lost", function()
    local text_of = FRIDAY:gsub("30 %* minute", "0"):gsub("{ max_unavailable = 2 }", "{ soak = 0 }")
      :gsub("only%b()", '{ "emma", "bea", "donald", "ada", "carl" }')
    local _, _, answer = said { simulate = true, runs = 2, json = true, text = text_of }
    local names, started = { "emma", "bea", "donald", "ada", "carl" }, {}
    for i, name in ipairs(names) do assert.equal(id(name), answer.simulated.order[i]) end
    local plan = answer.plan
    plan.order, plan.swarm = json.array { table.unpack(names) }, nil
    local fleet = rollout.new { seed = 77, loss = 0.4, policy = rollout.policy "policies", plan = plan }
    fleet:start()
    assert.is_true(fleet:run(60 * 60 * 1000, function() return fleet:is_done() end))
    for _, event in ipairs(fleet.events) do
      if event.act == "apply" then started[#started + 1] = event.name end
    end
    assert.same(names, started)
  end)

  it("answers --json in the shape that it had", function()
    local faults, runs = {}, { { run = "demos/42/1", release = "demos/42", robots = robots { ada = "committed",
      bea = "rejected" } } }
    local function compare(name, options)
      options.json = true
      shape.compare(name, shape.of((select(3, said(options, runs)))), faults)
    end
    compare("rollout plan", { rest = true })
    compare("rollout plan simulate", { simulate = true, runs = 1, off = "donald",
      fail = "ada", text = (FRIDAY:gsub("30 %* minute", "0"):gsub("{ max_unavailable = 2 }", "{ soak = 0 }")) })
    compare("rollout plan rest", { rest = true, file = false })
    assert.same({}, faults)
  end)

  it("says what is wrong with a file, and that there is none", function()
    assert.same({ "friday.lua:1: robots: this names nobody; known here: 5 duckiebot, 1 laptop (form)\n", EXIT.refused },
      { said { text = 'return { release = "demos/42", robots = {} }' } })
    assert.same({ "friday.lua:1: release: demos/43 is no release that is known here: release list (form)\n",
      EXIT.refused }, { said { text = (FRIDAY:gsub("42", "43")) } })
    assert.same({ "monday.lua: no such file, or it cannot be read (missing)\n", EXIT.refused },
      { said { file = "monday.lua" } })
    assert.equal(EXIT.refused, select(2, said { text = ("x"):rep(65537) }))
    assert.equal(EXIT.usage, select(2, said { file = false }))
  end)
end)
