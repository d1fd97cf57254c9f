-- doctor_spec.lua - networks and machines with one fault each: the doctor names it, its cause and its cure, and finds
-- nothing where nothing is wrong. Whole daemons, the worlds side by side.
-- mostly waits: for what the doctor asks, and for daemons that hear each other
local patience = require "spec.patience"
local side_by_side = require "spec.e2e.side_by_side"
local worlds = require "spec.e2e.doctor_worlds"

local SOAK <const> = os.getenv "DT_SWARM_SOAK" == "1"
local NAMED <const> = 15 -- s within which a fault is named
local HEALTHY <const> = 2 -- runs in which nothing is found where nothing is wrong
local TIMES <const> = tonumber(os.getenv "DT_SWARM_TIMES" or 10) -- in soak

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

-- Asks the doctor of W so many TIMES → what it found though nothing is wrong there | nil
local function found_in_health(w, times)
  for _ = 1, times do
    local answer, code = w:doctor(words_of(w))
    if not answer or #answer.findings > 0 or code ~= 0 then
      return "found in health: " .. (answer and shown(answer) or code)
    end
  end
end

-- The same where something was mended just now: others may need a while to be heard.
local function found_after_mending(w)
  if not w:meet() then return "ada and bob did not meet" end
  local said
  local well = side_by_side.within(NAMED, function()
    said = found_in_health(w, 1)
    return not said
  end)
  return not well and said or found_in_health(w, HEALTHY - 1)
end

-- Who must not be asked is refused by its word; what cannot be known says what would help.
local REFUSED <const> = { ["10.77.0.255"] = "address", ["224.0.0.1"] = "address", ["8.8.8.8"] = "address",
  ["10.77.0.1"] = "address", ["127.0.0.1"] = "address", ["0.0.0.0"] = "address", ["300.1.1.1"] = "form", bob = "form",
  ["::1"] = "form", [""] = "form" }

local function alone(given)
  local w, why = worlds.new(given)
  if not w then return { skipped = why } end
  local ok, fault = pcall(function()
    assert(side_by_side.within(20, function() return w:runs "ada" end), "ada does not run")
    assert(not found_in_health(w, 1), "found alone")
    local answer, known = w:doctor(), {}
    for _, row in ipairs(answer.unknown) do known[row.code] = row.seen end
    for _, code in ipairs(given.unknown) do assert(known[code], code .. " is not told: " .. shown(answer)) end
    for peer, word in pairs(REFUSED) do -- any order
      local said = w.swarm:request("ada", { command = "doctor", peer = peer })
      assert(said.error and said.error.word == word, ("%s: %s"):format(peer, require "core.json".encode(said)))
    end
    assert(w.swarm:request("ada", { command = "doctor", peer = 7 }).error)
  end)
  w.swarm:close()
  return { fault = not ok and tostring(fault) or nil }
end

local function let_harm_come(w)
  assert(w:meet(), "ada and bob did not meet")
  local found
  if w.given.believe then -- others prove the time first
    found = found_after_mending(w)
  else
    found = found_in_health(w, HEALTHY)
  end
  w.given.harm(w)
  return found
end

-- The story of one world → { took = s until the fault was named, all = s that all took, fault = text, skipped = text }
local function story(given)
  if given.unknown then return alone(given) end
  local w, why = worlds.new(given)
  if not w then return { skipped = why } end
  local result, began = {}, patience.now()
  local ok, fault = pcall(function()
    local found = given.harm and let_harm_come(w)
    assert(side_by_side.within(20, function() return w:runs "ada" end), "ada does not run")
    local took, said = named(w)
    result.took, result.fault = took, not took and "not named: " .. tostring(said) or nil
    if given.mend and took then
      given.mend(w)
      found = found_after_mending(w)
    end
    result.fault = result.fault or found
  end)
  result.fault = result.fault or not ok and tostring(fault) or nil
  result.all = patience.now() - began
  if result.fault then result.fault = result.fault .. "\n" .. w.swarm:logs() end
  w.swarm:close()
  return result
end

-- The worlds of LIST side by side → what went wrong as an array of texts, how many there were | nil, why none can be
local function run(list)
  local runs, faults = {}, {}
  for i, given in ipairs(list) do runs[i] = function() return story(given) end end
  for i, result in ipairs(side_by_side.run(runs)) do
    if result.skipped then return nil, result.skipped end
    if result.took then
      patience.took(("%s is named (all: %d s)"):format(list[i].name, result.all // 1), result.took, NAMED)
    end
    if result.fault then faults[#faults + 1] = list[i].name .. ": " .. result.fault end
  end
  return faults, #list
end

-- Those of LIST from FIRST to LAST whose name has the words of DT_SWARM_WORLD, if that is set.
local function chosen(list, first, last)
  local only, some = os.getenv "DT_SWARM_WORLD", {}
  for i = first, last do
    if not only or list[i].name:find(only, 1, true) then some[#some + 1] = list[i] end
  end
  return some
end

describe("the doctor", function()
  it("names each of the first faults, finds nothing without them, and tells what it cannot know", function()
    local list = chosen(worlds.list, 1, worlds.first)
    list[#list + 1] = worlds.alone
    local faults, why = run(list)
    if not faults then return pending(why) end
    assert.equal("", table.concat(faults, "\n\n"))
  end)

  if not SOAK then return end

  it("names each of all, and the cause of two, time and again", function()
    local groups, count, wrong = {}, 0, {}
    for first = 1, #worlds.list, worlds.first do
      groups[#groups + 1] = chosen(worlds.list, first, math.min(first + worlds.first - 1, #worlds.list))
    end
    table.move(worlds.pairs, 1, #worlds.pairs, #groups[#groups] + 1, groups[#groups])
    for _ = 1, TIMES do
      for _, group in ipairs(groups) do
        local faults, why = run(group)
        if not faults then return pending(why) end
        count = count + #group
        table.move(faults, 1, #faults, #wrong + 1, wrong)
      end
    end
    print(("# right in %d of %d worlds"):format(count - #wrong, count))
    for _, text in ipairs(wrong) do print("# " .. text:match "^[^\n]*\n?[^\n]*":gsub("\n", " | ")) end
    assert.is_true(#wrong * 20 <= count, table.concat(wrong, "\n\n"))
  end)
end)
