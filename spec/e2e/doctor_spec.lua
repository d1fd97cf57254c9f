-- doctor_spec.lua - networks and machines with one fault each: the doctor names it, its cause and its cure, and finds
-- nothing where nothing is wrong. Whole daemons, the worlds side by side.
-- mostly waits: for what the doctor asks, and for daemons that hear each other
local patience = require "spec.patience"
local side_by_side = require "spec.e2e.side_by_side"
local worlds = require "spec.e2e.doctor_worlds"

local SOAK <const> = os.getenv "DT_SWARM_SOAK" == "1"
local NAMED <const> = 15 -- s within which a fault is named

-- The codes of FINDINGS, causes in one list, what stands under them in another.
local function codes_of(findings)
  local causes, under = {}, {}
  for _, row in ipairs(findings) do table.insert(row.under and under or causes, row.code) end
  return table.concat(causes, " "), table.concat(under, " ")
end

local function shown(answer)
  local lines = {}
  for _, list in ipairs { answer.findings, answer.unknown } do
    for _, row in ipairs(list) do
      lines[#lines + 1] = ("%s%s: %s"):format(list == answer.unknown and "? " or "", row.code, tostring(row.seen))
    end
  end
  return table.concat(lines, "\n")
end

local function words_of(w) return w.given.peer and "--peer " .. w.swarm.world:address(w.given.peer) or "" end

-- Asks the doctor of W until it names what is wrong there → seconds it took | nil, what it said last
local function named(w)
  local wanted, under, said = table.concat(w.given.codes, " "), table.concat(w.given.under or {}, " "), nil
  local took = side_by_side.within(NAMED, function()
    local answer, code = w:doctor(words_of(w))
    if not answer then
      said = code
      return false
    end
    local causes, followers = codes_of(answer.findings)
    said = ("exit %s, %s ms\n%s"):format(code, answer.took_ms, shown(answer))
    for _, row in ipairs(answer.findings) do
      if not (row.seen and row.cure and row.what) then
        said = "no evidence or no cure: " .. said
        return false
      end
    end
    return causes == wanted and followers == under and code == 1
  end)
  return took, said
end

-- → nothing is found in W | what was found
local function healthy(w)
  local said
  local well = side_by_side.within(NAMED, function()
    local answer, code = w:doctor(words_of(w))
    said = answer and shown(answer) or code
    return answer and #answer.findings == 0 and code == 0
  end)
  return not well and "found in health: " .. tostring(said) or nil
end

-- The story of one world → { took =, fault = text }
local function story(given)
  local w, why = worlds.new(given)
  if not w then return { skipped = why } end
  local result, began = {}, patience.now()
  local ok, fault = pcall(function()
    local bad
    if not given.first then
      assert(w:meet(), "ada and bob did not meet")
      bad = healthy(w)
      given.harm(w)
    else
      assert(side_by_side.within(20, function() return w:runs "ada" end), "ada does not run")
    end
    local took, said = named(w)
    result.took, result.fault = took, not took and "not named: " .. tostring(said) or nil
    if given.mend and took then
      given.mend(w)
      bad = (not w:meet() and "did not meet") or healthy(w)
    end
    result.fault = result.fault or bad
  end)
  result.fault = result.fault or not ok and tostring(fault) or nil
  result.all = patience.now() - began
  if result.fault then result.fault = result.fault .. "\n" .. w.swarm:logs() end
  w.swarm:close()
  return result
end

local function run(list, first, last)
  local stories = {}
  local only = os.getenv "DT_SWARM_WORLD"
  for i = first, last do
    if not only or list[i].name:find(only, 1, true) then
      stories[#stories + 1] = { name = list[i].name, run = function() return story(list[i]) end }
    end
  end
  local runs = {}
  for i, one in ipairs(stories) do runs[i] = one.run end
  local faults = {}
  for i, result in ipairs(side_by_side.run(runs)) do
    if result.skipped then return nil, result.skipped end
    if result.took then patience.took(("%s is named (all: %d s)"):format(stories[i].name, result.all // 1), result.took,
      NAMED) end
    if result.fault then faults[#faults + 1] = stories[i].name .. ": " .. result.fault end
  end
  return faults
end

describe("the doctor", function()
  it("names each of the first faults, and finds nothing without them", function()
    local faults, why = run(worlds.list, 1, worlds.first)
    if not faults then return pending(why) end
    assert.equal("", table.concat(faults, "\n\n"))
  end)

  if not SOAK then return end

  it("names each of the others", function()
    for first = worlds.first + 1, #worlds.list, worlds.first do
      local faults, why = run(worlds.list, first, math.min(first + worlds.first - 1, #worlds.list))
      if not faults then return pending(why) end
      assert.equal("", table.concat(faults, "\n\n"))
    end
  end)

  it("names the cause of two faults first", function()
    local faults, why = run(worlds.pairs, 1, #worlds.pairs)
    if not faults then return pending(why) end
    assert.equal("", table.concat(faults, "\n\n"))
  end)
end)
