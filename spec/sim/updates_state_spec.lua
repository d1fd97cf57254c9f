-- updates_state_spec.lua - one robot of a simulated rollout whose state file is bad, whose card takes nothing any more,
-- which nobody tells anything of itself; and what `fact hold` refuses.
local fleet = require "spec.sim.updates_fleet"
local json = require "core.json"
local kept = require "kept"

local MINUTE <const>, HOUR <const> = 60 * 1000, 60 * 60 * 1000
local NAMES <const> = { "ada", "bea" }
local PATH <const> = "/state/updates/state"

local function disk_of(f, name) return f:of(name).node.disk end

local function acts_of(f, name)
  local list = {}
  for _, event in ipairs(f.all.events) do
    if event.name == name then list[#list + 1] = event.act end
  end
  return table.concat(list, " ")
end

describe("a robot whose state file", function()
  -- ada committed demos/42, and her file is then LINE.
  local function spoiled(line)
    local f = fleet.new { names = NAMES }
    f:start()
    assert.is_true(f:all_are("committed", NAMES, HOUR))
    assert(disk_of(f, "ada"):replace(PATH, line(disk_of(f, "ada"):read(PATH, 1 << 18)), 384))
    f:off "ada"
    f:on "ada"
    f:until_(5 * MINUTE)
    return f
  end

  for what, line in pairs { -- any order
    ["is torn"] = function(old) return old:sub(1, #old // 2) end,
    ["has another form"] = function()
      return kept.encode { failed = json.array {}, floor = {}, installed = {}, runs = { a = 1 } }
    end,
    ["is of a newer version"] = function(old) return (old:gsub('"schema":1', '"schema":2')) end,
  } do
    it(what .. " starts nothing, says so over restarts, and goes on by one command", function()
      local f = spoiled(line)
      local data = f:release "demos/43"
      assert.is_nil(f:rollout("demos/43/1", data, { "ada" }))
      for _ = 1, 2 do
        f:until_(20 * MINUTE)
        local me = f:ask("ada", "updates").me
        assert.truthy(me.lost)
        assert.truthy(f:closed("ada", "demos/43").disk:find("STATE/updates/state", 1, true))
        assert.equal("check stage apply verify verify commit", acts_of(f, "ada"))
        f:off "ada"
        f:on "ada"
      end
      local _, _, word = f:ask("ada", "update go", { run = "demos/43" })
      assert.truthy(word)
      f:until_(MINUTE)
      assert.same({ forgiven = "all" }, (f:ask("ada", "update forgive", { all = true })))
      f:until_(30 * MINUTE)
      assert.equal("committed", f:state("ada", "demos/43/1"))
      -- What it had committed it heard of its neighbour, and did not do again.
      assert.same({ "committed", 43 }, { f:state "ada", f:of("ada").node.updates.saved.data.floor.demos })
      assert.equal(2, select(2, acts_of(f, "ada"):gsub("apply", "")))
    end)
  end
end)

describe("a robot whose card takes nothing any more", function()
  it("begins nothing, and says why", function()
    local f = fleet.new { names = NAMES }
    f:until_(MINUTE)
    disk_of(f, "ada"):limit(1)
    f:start()
    f:until_(30 * MINUTE)
    assert.equal("check stage", acts_of(f, "ada"))
    assert.truthy(f:closed "ada".disk)
    disk_of(f, "ada"):limit()
    assert.is_true(f:all_are("committed", NAMES, 3 * HOUR))
  end)

  it("in applying is never said to have committed, says so, and goes on when the card does", function()
    local f = fleet.new { names = NAMES }
    f:start()
    assert.is_true(f:all_are("applying", { "ada" }, HOUR))
    f:until_(15 * 1000)
    for _, row in ipairs(f:of "bea".node.discovery:nodes()) do
      if row.name == "ada" then assert.same({ "updating", "demos/42" }, { row.status, row.why }) end
    end
    disk_of(f, "ada"):limit(1)
    f:until_(HOUR)
    local answer = f:ask("ada", "update explain")
    assert.truthy(answer.rows[1].seen:find("the disk takes nothing", 1, true), answer.rows[1].seen)
    for _, name in ipairs(NAMES) do
      assert.equal("applying", f:ask(name, "updates").runs[1].robots[1].state)
    end
    assert.equal("check stage apply", acts_of(f, "ada"))
    disk_of(f, "ada"):limit()
    assert.is_true(f:all_are("committed", NAMES, 3 * HOUR))
  end)
end)

describe("a stock robot, of which nobody tells anything,", function()
  local STOCK <const> = 'local p = extend "duckiebot"\n%s\nreturn p'

  local function stock(line)
    local f = fleet.new { names = NAMES, here = { ada = { tags = {} }, bea = { tags = {} } }, unknown = "commit",
      policy = STOCK:format(line or "") }
    f:start()
    f:until_(20 * MINUTE)
    return f
  end

  it("does not update: it says which two facts it lacks, and both ways to go on", function()
    local f = stock()
    assert.same({}, f:order())
    local answer = f:ask("ada", "update explain")
    local row = answer.rows[#answer.rows]
    assert.same({ "ready", "driving is not known; recording is not known" }, { row.code, row.seen })
    assert.equal("Have a timer tell it (fact driving no --for 10min, fact recording no --for 10min), "
      .. "or do without by a line of the policy (p.clients.updates.ready = nil); once: update go.", row.cure)
  end)

  it("updates where a timer tells it", function()
    local f = stock()
    for _ = 1, 8 do
      for _, name in ipairs(NAMES) do
        for _, fact in ipairs { "driving", "recording" } do
          assert(f:ask(name, "fact", { name = fact, value = false, seconds = 600 }))
        end
      end
      f:until_(9 * MINUTE)
    end
    assert.is_true(f:all_are("committed", NAMES, HOUR))
  end)

  it("updates by a line of the policy", function()
    local f = stock "p.clients.updates.ready = nil"
    assert.is_true(f:all_are("committed", NAMES, HOUR))
  end)
end)

describe("fact hold", function()
  it("of more than a day, and a seventeenth fact, are refused by word", function()
    local f = fleet.new { names = NAMES }
    f:until_(MINUTE)
    local _, text, word = f:ask("ada", "fact", { name = "hold", value = true, seconds = 25 * 3600 })
    assert.same({ "form", true }, { word, text:find("1 s to 24 h", 1, true) ~= nil })
    for _ = 1, 16 do assert(f:ask("ada", "fact", { name = "hold", value = true, seconds = 60 })) end
    _, text, word = f:ask("ada", "fact", { name = "hold", value = true, seconds = 60 })
    assert.same({ "full", true }, { word, text:find("16 facts are told already", 1, true) ~= nil })
  end)
end)

describe("a robot that forgot all by a person's word", function()
  it("turns none of its ends in a run into another one", function()
    local f = fleet.new { names = NAMES }
    f:start()
    assert.is_true(f:all_are("committed", NAMES, HOUR))
    f:of "ada".fails = true
    assert.is_nil(f:rollout("demos/43/1", f:release("demos/43", { from = 42 }), { "ada" }))
    assert.is_true(f:until_(HOUR, function() return f:state("ada", "demos/43/1") == "rolled_back" end))
    f:until_(MINUTE)
    assert(disk_of(f, "ada"):replace(PATH, "torn", 384))
    f:off "ada"
    f:on "ada"
    f:until_(20 * MINUTE)
    assert.same({ forgiven = "all" }, (f:ask("ada", "update forgive", { all = true })))
    f:until_(20 * MINUTE)
    assert.same({ "committed", "rolled_back" }, { f:state "ada", f:state("ada", "demos/43/1") })
    local said = f:of("bea").node.dcache:statement_of("updates/status", "demos/43/1", f:of("ada").id)
    assert.equal("rolled_back", said.data.state)
  end)

  it("looks at its runs no more often than each minute while the file is lost", function()
    local f = fleet.new { names = NAMES }
    f:start()
    assert.is_true(f:all_are("committed", NAMES, HOUR))
    assert(disk_of(f, "ada"):replace(PATH, "torn", 384))
    f:off "ada"
    f:on "ada"
    f:until_(20 * MINUTE)
    assert.is_nil(f:rollout("demos/43/1", f:release("demos/43", { kind = "rootkit" }), { "ada" }))
    f:until_(MINUTE)
    local saved, n = f:of "ada".node.updates.saved, 0
    local change = saved.change
    function saved.change(...)
      n = n + 1
      return change(...)
    end
    f:until_(10 * MINUTE)
    assert.is_true(n <= 20, n)
  end)
end)
