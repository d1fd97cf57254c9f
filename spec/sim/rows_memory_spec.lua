-- rows_memory_spec.lua - what a node that knows a thousand others needs of Lua's heap for them, after a full
-- collection: two worlds, of which one has more nodes, so that what the simulator itself takes is in none of it. Their
-- statements as such lie in C, 1.3 KB for the two of a robot.
local hash = require "core.hash"
local json = require "core.json"
local key = require "core.key"
local many_sites = require "spec.sim.many_sites"
local statement = require "core.statement"

local SECOND <const>, MINUTE <const> = 1000, 60 * 1000
local OTHERS <const>, FEW <const>, MORE <const> = 1000, 3, 7
local RECKONED <const>, PART <const> = 1500, 1.25 -- KiB; of it at most

-- KiB of Lua's heap
local function memory()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count"
end

local function line(swarm, at, owner, bucket, data)
  return assert(statement.sign(owner, swarm, { verb = "propose", bucket = bucket, key = owner:id(), at = at,
    valid_from = at // 16000 * 16, valid_until = (at // 1000 + 1200) // 16 * 16, data = json.encode(data) })).line
end

-- The words of robot I, who is elsewhere.
local function words(swarm, at, i)
  local owner = key.generate(hash.blake2b("robot " .. i))
  return { line(swarm, at, owner, "peer", { boot = 65536 * i, clock = "own", level = "ok",
    name = ("robot%04d"):format(i), policy = "4be19a02", site = "site " .. i % 19, state = "ready",
    type = "duckiebot", version = "0.1.0" }),
    line(swarm, at, owner, ("pri/%s/addresses"):format(owner:id()), {
      at = json.array { ("/ip4/10.1.%d.%d/tcp/3825/dswarm-line"):format(i // 250, i % 250) } }) }
end

-- → KiB that a world of N robots and a server took more once all knew OTHERS.
local function growth(n)
  local w = many_sites.new { sites = 1, robots = n, seed = 31 }
  w.sim.loss = 0 -- those words are said once
  w.sim:run(MINUTE)
  local before = memory()
  for i = 1, OTHERS - n do
    w.hub.comms:offer(words(w.hub.comms.swarm, w.sim.loop:wall(), i), function() end)
    if i % 20 == 0 then w.sim:run(2 * SECOND) end
  end
  w.sim:run(2 * MINUTE)
  for _, node in ipairs(w.sim.nodes) do
    local named = 0
    for _, row in ipairs(node.discovery:nodes()) do named = named + (row.name and row.version and 1 or 0) end
    assert.is_true(named >= OTHERS - n, named)
  end
  return memory() - before
end

describe("a thousand rows", function()
  it("take the memory that was reckoned with", function()
    local few, more = growth(FEW), growth(MORE)
    local each = (more - few) / (MORE - FEW)
    print(("  %d rows: %.0f KiB of Lua's heap, %d were reckoned with"):format(OTHERS, each, RECKONED))
    assert.is_true(each <= RECKONED * PART, each)
  end)
end)
