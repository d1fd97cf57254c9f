-- sites_hour_spec.lua - what `sites` tells on each of many nodes in many places for a virtual hour, beside what is so:
-- it is right within six minutes of each change, by the words of the nodes alone. In `make soak` a hundred.
local many_sites = require "spec.sim.many_sites"
local sim = require "sim"
local sites_of = require "cli.sites".of

local MINUTE <const> = 60 * 1000
local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local SITES <const> = SOAK and 20 or 12
local ROBOTS <const> = math.tointeger(tonumber(os.getenv "DT_SWARM_ROBOTS" or SOAK and 5 or 2)) -- of each
local KNOWN <const> = 6 * MINUTE -- after which all know a change
-- After that all know all: what is lost of what somebody says first comes once more till then.
local BEGUN <const> = 24 * MINUTE
local HOLD <const> = 3 * MINUTE -- after which a check that is well again says so
local ROUNDS <const> = 4 -- till an hour is over
local HEAT <const> = "/sys/class/thermal/thermal_zone0/"
local OF_NODES <const> = { peer = true, ["pri/*/addresses"] = true, ["pri/*/health"] = true, ["pri/*/stats"] = true }

-- Lines by bucket, and frames, that were said from here on: each frame once, though many hear it.
local function count_buckets(w)
  local count, last, trace = { by = {} }, nil, w.sim.world.trace
  function w.sim.world.trace(form, from, to, text, ...)
    if text and text ~= last then
      last = text
      for bucket in text:gmatch "%S+ propose (%S+) " do
        bucket = bucket:gsub("^pri/[^/]+/", "pri/*/")
        count.by[bucket] = (count.by[bucket] or 0) + 1
      end
    end
    return trace(form, from, to, text, ...)
  end
  return count
end

-- What SITES (cli/sites.lua) tells of each, as one text that can be compared; how old it is all see otherwise.
local function printed(sites)
  local lines = {}
  for _, site in ipairs(sites) do
    local words = { ("%s: %d"):format(site.name, site.count) }
    for _, of in ipairs { site.states, site.levels, site.versions } do
      local counts = {}
      for word, n in pairs(of) do counts[#counts + 1] = ("%d %s"):format(n, word) end -- any order: sorted below
      table.sort(counts)
      words[#words + 1] = table.concat(counts, ", ")
    end
    lines[#lines + 1] = table.concat(words, "; ")
  end
  return table.concat(lines, "\n")
end

local function own_row(node)
  for _, row in ipairs(node.discovery:nodes()) do
    if row.self then return row end
  end
end

-- What is so: of each that lives what he knows of himself, and who LEFT (array of rows).
local function truth(w, left)
  local rows = table.move(left, 1, #left, 1, {})
  for _, node in ipairs(w.sim.nodes) do
    if not node.is_gone then rows[#rows + 1] = own_row(node) end
  end
  return printed(sites_of({ nodes = rows }).sites)
end

-- How many nodes tell otherwise; of one of them, what.
local function wrong(w, expected)
  local n, one = 0, nil
  for _, node in ipairs(w.sim.nodes) do
    local told = not node.is_gone and printed(sites_of({ nodes = node.discovery:nodes(true) }).sites)
    if told and told ~= expected then n, one = n + 1, one or node.name .. "\n" .. told end
  end
  return n, one
end

local heat = {} -- °C of the robots that are not as cool as others, by "SITE ROBOT"

local function body(s, i)
  return { sensor = function()
    return sim.found { [HEAT .. "type"] = "cpu-thermal\n", [HEAT .. "temp"] = (heat[s .. " " .. i] or 50) .. "000\n" }
  end }
end

-- What changes in round N: two are busy or not any more, one is of another site, one is ill and one well again; in
-- each second one leaves, whose row goes to LEFT.
local function change(robots, n, left)
  local function robot(k)
    local one = robots[(n * 37 + k * 29) % #robots + 1]
    return not one.is_gone and one or nil
  end
  for k = 1, 2 do
    if robot(k) then robot(k).now_is { site = robot(k).here().site, busy = n % 2 == 1 } end
  end
  if robot(3) then robot(3).now_is { site = "site of " .. n % 3 } end
  heat[n .. " 1"], heat[n - 2 .. " 1"] = 99, nil
  if n % 2 ~= 0 or not robot(4) then return end
  local row = own_row(robot(4))
  left[#left + 1] = { status = "left", site = row.site, version = row.version }
  many_sites.leave(robot(4))
end

describe("sites", function()
  it("are right on all nodes six minutes after each change, by no word but those of the nodes of themselves", function()
    local w, robots = many_sites.new { sites = SITES, robots = ROBOTS, seed = 60, options = body }
    w.sim:run(BEGUN)
    local count, left, worst, shown = count_buckets(w), {}, 0, ""
    for round = 1, ROUNDS do
      change(robots, round, left)
      w.sim:run(HOLD + KNOWN)
      local expected = truth(w, left)
      local n, one = wrong(w, expected)
      if n > worst then worst, shown = n, ("round %d\n%s\nis told by %s"):format(round, expected, one) end
    end
    print(("  %d nodes in %d sites: on %d of them something was wrong"):format(#w.sim.nodes, SITES, worst))
    assert.equal(0, worst, shown)
    for bucket, n in pairs(count.by) do -- any order
      print(("  %6d times said: %s"):format(n, bucket))
      assert.is_true(OF_NODES[bucket], bucket)
    end
    assert.is_true((count.by.peer or 0) > 10 * #robots and (count.by["pri/*/health"] or 0) > 5 * #robots)
  end)
end)
