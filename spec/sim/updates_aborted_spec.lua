-- updates_aborted_spec.lua - one robot of a simulated rollout that is taken back while its release is hashed once more
-- or made ready: it begins nothing, and its state file stays whole.
local fleet = require "spec.sim.updates_fleet"

local MINUTE <const>, HOUR <const> = 60 * 1000, 60 * 60 * 1000
local NAMES <const> = { "ada", "bea" }

-- A fleet whose ada hashes her release for ten minutes, and is at it.
local function hashing()
  local f = fleet.new { names = NAMES }
  f:until_(MINUTE)
  local updates, done = f:of("ada").node.updates, nil
  function updates.fetching.verify(_, _, told) done = told end
  f:start()
  assert.is_true(f:until_(HOUR, function() return done ~= nil end))
  return f, function()
    done(true)
    f:until_(5 * MINUTE)
  end
end

local function ask_kind(f, name, answer)
  local updates = f:of(name).node.updates
  local was = updates.kinds
  local function kinds(kind)
    local run = was(kind)
    return run and function(verb, job, done) return answer(verb, done) or run(verb, job, done) end
  end
  updates.kinds, updates.staging.kinds, updates.machine.kinds = kinds, kinds, kinds
end

describe("a run that is aborted", function()
  it("while a robot hashes the release once more is not begun", function()
    local f, go_on = hashing()
    assert.is_nil(f:take_back("updates/rollout", "demos/42/1"))
    f:until_(MINUTE)
    go_on()
    assert.same({}, f:order())
    assert.is_nil(f:state "ada")
    assert.is_nil(f:of("ada").node.updates.beginning)
  end)

  it("by its release, meanwhile, is not begun either", function()
    local f, go_on = hashing()
    assert.is_nil(f:take_back("updates/release", "demos/42"))
    f:until_(MINUTE)
    go_on()
    assert.same({}, f:order())
    assert.is_nil(f:of("ada").node.updates.beginning)
  end)

  for what, of in pairs { ["itself"] = { "updates/rollout", "demos/42/1" }, ["by its release"] = { "updates/release",
    "demos/42" } } do -- any order
    for _, answer in ipairs { "ok", "no", "later" } do
      it(("%s while it is made ready, which comes to %s, says nothing"):format(what, answer), function()
        local f, told = fleet.new { names = NAMES }, nil
        f:until_(MINUTE)
        ask_kind(f, "ada", function(verb, done)
          if verb ~= "stage" or told then return nil end
          told = done
          return true
        end)
        f:start()
        assert.is_true(f:until_(HOUR, function() return told ~= nil end))
        assert.is_nil(f:take_back(of[1], of[2]))
        f:until_(MINUTE)
        assert.truthy(f:ask("ada", "updates"))
        f:ask("ada", "update explain", { run = "demos/42/1" })
        f:ask("ada", "update go", { run = "demos/42/1" })
        told(answer, "target: it does not fit")
        f:until_(10 * MINUTE)
        assert.is_nil(f:state "ada")
        assert.same({}, f:order())
        local data = f:release "demos/43"
        assert.is_nil(f:rollout("demos/43/1", data, { "ada" }))
        f:until_(HOUR)
        assert.equal("committed", f:state("ada", "demos/43/1"))
      end)
    end
  end
end)
