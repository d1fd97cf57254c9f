-- updates_spec.lua - the power goes at each write, sync and rename of an update: of a folder, the policy, the state.
-- Whatever a cut leaves ends committed or rolled back, with the new or the old one, and the word that says so.
local driver = require "spec.crash.driver"
local life = require "spec.crash.updates_life"
local programs = require "spec.crash.programs"

local SOAK <const> = os.getenv "DT_SWARM_SOAK"
local SEEDS <const> = SOAK and 12 or 2 -- images of each cut
local DAY <const> = 24 * 3600 * 1000
local OLD <const> = "bin/run=run 41\ndata=" .. ("o"):rep(1200)
local NEW <const> = "bin/more=m\nbin/run=run 42\ndata=" .. ("n"):rep(1500)
local BEFORE <const>, AFTER <const> = 'return (extend "default") -- before', 'return (extend "default") -- after'

local function job(kind)
  return { run = "demos/42/1", release = "demos/42", kind = kind, cid = "new", version = "2.4", from = 41,
    target = "demos", plan = "plan", tail = "plan", round = 1, soak = 60, unknown = "back",
    path = "/state/payload", unpacked = 100000 }
end

local STATE <const> = { failed = {}, floor = { demos = 41 }, installed = { demos = { 41, "2.3", "old" } }, runs = {} }

local FILES <const> = { kind = "files", job = job "files", state = STATE, put = {
  ["/state/payload"] = "bin/\n" .. NEW, ["/data/demos/bin/run"] = "run 41", ["/data/demos/data"] = ("o"):rep(1200),
  ["/data/demos/" .. life.MARK] = "demos/41 old\n" } }

local POLICY <const> = { kind = "policy", job = job "policy", state = STATE, put = {
  ["/state/payload"] = AFTER, [life.FLEET] = BEFORE, ["/etc/policy.lua"] = 'local p = extend "fleet"\nreturn p',
  ["/shipped/fleet.lua"] = 'return (extend "duckiebot")', ["/shipped/duckiebot.lua"] = 'return (extend "default")' } }

local function with(options, more)
  local one = {}
  for _, list in ipairs { options, more } do
    for name, value in pairs(list) do one[name] = value end -- any order
  end
  return one
end

local FIRST <const> = with(POLICY, { unnamed = true, put = with(POLICY.put, { [life.FLEET] = false }) })

-- "old" or "new" | nil: neither, which is half of one
local function tree_of(one)
  local text = programs.tree(one.disk, "/data/demos", { [life.MARK] = true })
  return text == OLD and "old" or text == NEW and "new" or nil, text
end

local function text_of(one)
  local text = one.disk:read(life.FLEET)
  if text == nil then return one.options.unnamed and "old" or nil, text end
  return text == BEFORE and "old" or text == AFTER and "new" or nil, text
end

-- Which policy is in force.
local function in_force(one)
  for _, row in ipairs(one.node.policy.chain) do
    if row.text == AFTER then return "new" end
  end
  return "old"
end

local CASES <const> = {
  ["a folder that stays"] = { FILES, "committed" },
  ["a folder that goes back"] = { with(FILES, { sick = true }), "rolled_back" },
  ["a folder that stays, where nothing is exchanged"] = { with(FILES, { no_exchange = true }), "committed" },
  ["a folder that goes back, where nothing is exchanged"] = { with(FILES, { no_exchange = true, sick = true }),
    "rolled_back" },
  ["a policy that stays"] = { POLICY, "committed" },
  ["a policy that goes back"] = { with(POLICY, { sick = true }), "rolled_back" },
  ["the first policy that came to who named none"] = { FIRST, "committed" },
  ["the first policy, which goes back"] = { with(FIRST, { sick = true }), "rolled_back" },
}

describe("an update over power cuts", function()
  local images, ends = 0, { committed = 0, rolled_back = 0 }

  local function version_of(one)
    if one.options.kind == "files" then return tree_of(one) end
    return text_of(one)
  end

  -- What is there at any moment is one of the two, but for a folder between two renames.
  local function check_whole(one, what)
    local version, text = version_of(one)
    local is_between = one.options.no_exchange and text == ""
    assert.truthy(version or is_between, what .. ": " .. tostring(text))
  end

  local function check_word(one, state)
    if one.waits_for_cut then return end -- a look is an operation, too
    local wanted = state == "committed" and "new" or state == "rolled_back" and "old"
    if not wanted then return end
    assert.equal(wanted, (version_of(one)), state)
    if one.options.kind == "policy" then assert.equal(wanted, in_force(one), state) end
  end

  local function new(options, seed) return life.new(with(options, { check = check_word }), seed) end

  -- ONE goes on after a cut, perhaps over another one, to its end.
  local function go_on(one, what, cut, seed)
    check_whole(one, what)
    one:start()
    if seed % 2 == 0 then
      one.waits_for_cut = true
      one.disk:inject { nth = cut * 7 % 41 + 1, effect = "off" }
      one:run(DAY)
      one.waits_for_cut = nil
      one:crash(cut + seed) -- also where it was over before
      check_whole(one, what)
      one:start()
    end
    assert.is_true(one:run(3 * DAY), what .. ": it never ended")
  end

  local function check_end(one, what)
    local state = one:state()
    assert.truthy(ends[state], what .. ": " .. tostring(state))
    assert.equal(state, one.said[#one.said], what)
    check_word(one, state)
    assert.same({ state == "committed" and 42 or 41, state == "committed" and 42 or 41 },
      { one.saved.data.floor.demos, one.saved.data.installed.demos[1] }, what)
    one:crash(1) -- what was said holds
    one:start()
    assert.is_true(one:run(1000) or one:state() == state)
    check_word(one, state)
    assert.equal(state, one:state())
    ends[state] = ends[state] + 1
  end

  for name, case in pairs(CASES) do -- any order
    it("leaves whole " .. name, function()
      local options, wanted = case[1], case[2]
      local one = new(options, 1)
      one:start()
      assert.is_true(one:run(DAY))
      check_end(one, name)
      one = new(options, 1)
      one.waits_for_cut = true
      local before = driver.operations(one.disk)
      one:start()
      assert.is_true(one:run(DAY))
      assert.equal(wanted, one:state())
      local count = driver.operations(one.disk) - before
      for cut = 1, count do
        for seed = 1, SEEDS do
          local what = ("%s, cut %d of %d, image %d"):format(name, cut, count, seed)
          one = new(options, seed)
          one.waits_for_cut = true
          one.disk:inject { nth = cut, effect = "off" }
          one:start()
          one:run(DAY)
          assert.is_true(one:is_off(), what)
          one.waits_for_cut = nil
          one:crash(cut * 1000 + seed)
          images = images + 1
          go_on(one, what, cut, seed)
          check_end(one, what)
        end
      end
    end)
  end

  it("was cut often enough, and ended both ways", function()
    print(("    %d images: %d committed, %d rolled back"):format(images, ends.committed, ends.rolled_back))
    assert.is_true(images >= (SOAK and 2000 or 300), images .. " images")
    assert.is_true(ends.committed > images / 10 and ends.rolled_back > images / 10)
  end)
end)
