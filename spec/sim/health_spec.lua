-- health_spec.lua - what nodes say of their bodies, under a virtual clock: how far that goes, how often it is said, how
-- soon a change is known and how a silent one grows stale; and what follows for all who hear only `peer`.
local policies = require "spec.policy.policies"
local sim = require "sim"
local sites = require "cli.sites"
local wan = require "sim.wan"

local SECOND <const>, MINUTE <const> = 1000, 60 * 1000
local HEAT <const> = "/sys/class/thermal/thermal_zone0/"
local NO_LEVEL <const> = [[
local p = extend "duckiebot"
function p.clients.discovery.announce(facts)
  return { type = facts.type, site = facts.site, version = facts.version, addresses = facts.addresses }
end
return p]]

local function policy(text) return assert(policies.load(text)) end

-- A robot's body. Fields: heat (°C; nil: no sensor of it), power (the word of the firmware; nil: no such board), load,
-- killed (programs, for want of memory, since its start).
local function body(fields)
  local self = fields or {}
  function self.sensor()
    local files = { ["/proc/loadavg"] = ("%.2f 0.10 0.10 1/100 1\n"):format(self.load or 0.1),
      ["/sys/devices/system/cpu/online"] = "0-3\n" }
    if self.killed then files["/proc/vmstat"] = ("nr_free_pages 1\noom_kill %d\n"):format(self.killed) end
    if self.heat then
      files[HEAT .. "type"], files[HEAT .. "temp"] = "cpu-thermal\n", ("%d\n"):format(self.heat * 1000)
    end
    return sim.found(files, self.power and { throttled = { word = self.power } })
  end
  return self
end

-- What NODE answers to the command `health` → { name of a robot = { status, level, stale } }
local function told(node)
  local found
  local reply = { run = function(_, fn) fn() end }
  node.commands:run({ command = "health" }, setmetatable(reply, { __call = function(_, answer) found = answer end }))
  local by_name = {}
  for _, row in ipairs(found.nodes) do
    by_name[row.label] = { status = row.status, level = row.level, stale = row.stale }
  end
  return by_name
end

-- Lines that BUCKET of NODE's is in, on all wires from here on, that hold TEXT → { n = how many }
local function lines_with(world, signer, bucket, text)
  local found, trace = { n = 0 }, world.trace
  function world.trace(form, from, to, said, ...)
    for line in (said or ""):gmatch "[^\n]+" do
      if line:find(bucket .. " ", 1, true) and line:find(signer, 1, true) and line:find(text, 1, true) then
        found.n = found.n + 1
      end
    end
    return trace(form, from, to, said, ...)
  end
  return found
end

-- Counts lines of health in frames from here on → { lan =, link = (those from a place that IS_LINK), longest (bytes),
-- by = { place = how many different ones came from there } }.
local function counted(world, is_link)
  local count, trace, met = { lan = 0, link = 0, longest = 0, by = {} }, world.trace, {}
  function world.trace(form, from, to, text, ...)
    for line in (text or ""):gmatch "[^\n]+" do
      if line:find("/health ", 1, true) then
        local where = is_link and is_link(from) and "link" or "lan"
        count[where], count.longest = count[where] + 1, math.max(count.longest, #line)
        if not met[line] then count.by[from] = (count.by[from] or 0) + 1 end
        met[line] = true
      end
    end
    return trace(form, from, to, text, ...)
  end
  return count
end

local function row_of(node, other)
  for _, row in ipairs(node.discovery:nodes()) do
    if row.id == other.id then return row end
  end
end

local function level(node, other) return row_of(node, other).level end
local function others(node, other) return node.diagnostics.others:of(other.id) end

describe("what a node says of its body", function()
  local robot = policy 'return extend "duckiebot"'

  -- Two sites of two robots each behind routers, and a server that one of each dials. NEAR: the links are said to be.
  local function two_sites(near)
    local w = wan.new(sim.new { seed = 15, policy = robot })
    w.traits.near = near or false
    local middle = w:site("middle", true)
    w:add(middle, "hub", { policy = policy 'return extend "server"', sensor = body { heat = 50 }.sensor })
    w.robots, w.bodies = {}, {}
    for s = 1, 2 do
      local site = w:site("site" .. s)
      for i = 1, 2 do
        local one = body { heat = 50 }
        table.insert(w.bodies, one)
        table.insert(w.robots, w:add(site, ("r%d-%d"):format(s, i), { sensor = one.sensor }))
      end
      w:name(site, site.nodes[1], middle.public)
    end
    w.count = counted(w.sim.world, function(from) return from:find "^198" ~= nil end)
    function w.run(ms) w.sim:run(ms) end
    return w
  end

  it("stays in its site, but for a link that is near; that somebody is ill all learn by `peer` alone", function()
    local w = two_sites()
    for minute = 1, 5 do
      for i, one in ipairs(w.bodies) do one.heat = 50 + (minute + i) % 2 * 5 end
      w.run(MINUTE)
    end
    assert.equal(0, w.count.link, "health crossed a link")
    for _, node in ipairs(w.robots) do assert.is_true((w.count.by[node.host] or 0) >= 3, node.name) end
    assert.is_nil(others(w.robots[1], w.robots[3]), "a word came from another site")
    assert.equal("ok", level(w.robots[1], w.robots[3]))
    w.bodies[3].heat = 90
    w.run(2 * MINUTE + 15 * SECOND)
    assert.same({ "error", "error" }, { level(w.robots[1], w.robots[3]), level(w.robots[4], w.robots[3]) })
    assert.same({ { id = "hot", level = "error" } }, others(w.robots[4], w.robots[3]).said.failing)
    assert.equal(0, w.count.link)
    local control = two_sites(true)
    control.run(3 * MINUTE)
    assert.is_true(control.count.link > 0, "a near link carries none either")
  end)

  it("of which `announce` drops the level is known to its site only", function()
    local w = two_sites()
    w.robots[3].policy = policy(NO_LEVEL)
    w.run(3 * MINUTE)
    local silent = lines_with(w.sim.world, w.robots[3].id, "peer", '"level"')
    local control = lines_with(w.sim.world, w.robots[4].id, "peer", '"level"')
    w.bodies[3].heat, w.bodies[4].heat = 90, 80
    w.run(3 * MINUTE)
    assert.equal("error", level(w.robots[4], w.robots[3]))
    assert.is_nil(level(w.robots[1], w.robots[3]))
    assert.equal("warn", level(w.robots[1], w.robots[4]))
    assert.equal(0, silent.n)
    assert.is_true(control.n > 0)
  end)

  it("and who is cut off are of no level once their words are too old: neither well nor ill", function()
    local w = two_sites()
    w.run(3 * MINUTE)
    assert.same({ "ok", "ok" }, { level(w.robots[1], w.robots[3]), level(w.robots[1], w.robots[2]) })
    w.by_name.site2.up = false
    w.sim.cut[w.robots[2].host] = true
    w.run(10 * MINUTE)
    assert.equal("ok", level(w.robots[1], w.robots[3]), "it is as true as it was said to be")
    w.run(11 * MINUTE)
    assert.same({}, { level(w.robots[1], w.robots[3]), level(w.robots[1], w.robots[2]) })
    assert.is_true(others(w.robots[1], w.robots[2]).stale)
    assert.is_nil(others(w.robots[1], w.robots[2]).level)
    local found = sites.of { nodes = w.robots[1].discovery:nodes(true) }.sites[1]
    assert.same({ 5, 2, 3 }, { found.count, found.levels.ok, found.levels.unknown }, "who is cut off is not well")
    assert.is_true(found.oldest > 20 * MINUTE)
  end)

  local function pair(options)
    local w, one = sim.new { seed = 3, policy = robot }, body { heat = 50 }
    local ada = w:add("ada", setmetatable({ sensor = one.sensor }, { __index = options }))
    local bob = w:add("bob", setmetatable({ sensor = body { heat = 50 }.sensor }, { __index = options }))
    return w, ada, bob, one
  end

  it("goes at once where a level changes, else each five minutes; values alone once a minute at most", function()
    local w, ada, bob, one = pair()
    w:run(6 * MINUTE)
    local at, words = w.loop.time, {}
    bob.diagnostics.others:on_word(function(id) if id == ada.id then words[#words + 1] = w.loop.time - at end end)
    w:run(30 * MINUTE)
    assert.is_true(#words >= 5 and #words <= 7, #words .. " words in half an hour of which nothing is to be told")
    words = {}
    for i = 1, 10 do
      one.heat = 50 + i % 2 * 10
      w:run(MINUTE)
    end
    assert.is_true(#words >= 5 and #words <= 10, #words)
    w:run(7 * MINUTE + 31 * SECOND)
    one.heat = 90
    at, words = w.loop.time, {}
    w:run(2 * MINUTE + 5 * SECOND)
    assert.equal("error", others(bob, ada).level)
    assert.is_true(words[#words] <= 2 * MINUTE + 5 * SECOND)
  end)

  it("is known to a newcomer within a period", function()
    local w, ada = pair()
    w:run(6 * MINUTE + 10 * SECOND)
    local late = w:add("late")
    w:run(MINUTE + 5 * SECOND)
    assert.equal("ok", others(late, ada).level)
    local count = counted(w.world)
    w:run(3 * MINUTE)
    assert.equal(0, count.lan, "once is enough")
  end)

  it("says what the power is now, and apart from that what it was since the board was switched on", function()
    local w, ada, bob, one = pair()
    one.power = 0x80008
    w:run(3 * MINUTE)
    local said = others(bob, ada).said
    assert.same({ 8, 8, "ok" }, { said.power_now, said.power_since, others(bob, ada).level })
    one.power = 0x50005
    w:run(2 * MINUTE)
    assert.same({ { id = "under_voltage", level = "error" } }, others(bob, ada).said.failing)
    one.power = 0x50000
    w:run(4 * MINUTE)
    said = others(bob, ada).said
    assert.same({ 0, 5, "ok" }, { said.power_now, said.power_since, others(bob, ada).level })
  end)

  it("says for an hour that programs were ended for want of memory, but not of those before", function()
    local w, ada, bob, one = pair()
    one.killed = 7
    w:run(3 * MINUTE)
    assert.equal("ok", others(bob, ada).level)
    one.killed = 9
    w:run(MINUTE + 5 * SECOND)
    assert.same({ { id = "oom_killed", level = "warn" } }, others(bob, ada).said.failing)
    w:run(55 * MINUTE)
    assert.equal("warn", others(bob, ada).level)
    w:run(10 * MINUTE)
    assert.equal("ok", others(bob, ada).level)
  end)

  it("is silent of what the policy keeps for itself, and fits into its line with all that can fail", function()
    local w, ada, bob, one = pair()
    ada.policy = policy [[
      local p = extend "duckiebot"
      function p.clients.diagnostics.tell(metric) return metric.id ~= "cpu_temperature_celsius" and "lab" end
      local checks = p.clients.diagnostics.checks
      local list = {}
      for i, row in ipairs(checks) do list[i] = { id = row.id, summary = row.summary, cure = row.cure } end
      for i = #list + 1, 64 do
        list[i] = { id = ("my_own_check_no_%04d"):format(i), summary = "Mine.", cure = "Mend it." }
      end
      p.clients.diagnostics.checks = list
      function p.clients.diagnostics.check(_, m) return m.load1 and (m.load1 > 1 and "error" or "ok"), "all fail" end
      return p]]
    local count = counted(w.world)
    w:run(3 * MINUTE)
    assert.is_nil(others(bob, ada).said.temperature)
    assert.equal(500, bob.diagnostics.word:data().t)
    one.load = 2
    w:run(3 * MINUTE)
    local known = others(bob, ada)
    assert.same({ 64, "error", 64 }, { known.said.counts.error, known.level, #known.said.failing + known.said.more })
    assert.is_true(#known.said.failing >= 2)
    assert.is_true(count.longest > 300 and count.longest <= 400, count.longest)
  end)

  it("is ended by the silence of a clock that nobody set, in 1970 too", function()
    local w, ada, bob = pair { clock = false, ahead = -sim.new({ policy = robot }).loop:wall() }
    w:run(5 * MINUTE)
    assert.equal("none", bob.time.source or "none")
    assert.is_true(bob.loop:wall() < 10 * MINUTE, "it is 1970")
    assert.same({ "warn", false }, { others(bob, ada).level, others(bob, ada).stale }, "nobody proves the time")
    ada.diagnostics:stop()
    w:run(14 * MINUTE)
    assert.is_false(others(bob, ada).stale)
    w:run(7 * MINUTE)
    assert.is_true(others(bob, ada).stale)
    assert.is_nil(others(bob, ada).level)
    assert.equal("warn", level(bob, ada), "his `peer` still says so")
  end)

  it("has left, is lost and is stale: three things, of which none is well or ill", function()
    local w = sim.new { seed = 4, policy = robot }
    local nodes = {}
    for _, name in ipairs { "ada", "left", "lost", "stale", "well" } do
      nodes[name] = w:add(name, { sensor = body { heat = 50 }.sensor })
    end
    w:run(3 * MINUTE)
    for name, row in pairs(told(nodes.ada)) do assert.equal("ok", row.level, name) end
    nodes.left.discovery:leave(function() nodes.left:stop() end)
    w.cut[nodes.lost.host] = true
    nodes.stale.diagnostics:stop()
    nodes.stale.diagnostics.checks.level = function() return nil end -- nor is it in his `peer`
    w:run(22 * MINUTE)
    assert.same({ ada = { level = "ok", stale = false, status = "ready" }, left = { status = "left", stale = true },
      lost = { status = "lost", stale = true }, stale = { status = "ready", stale = true },
      well = { level = "ok", stale = false, status = "ready" } }, told(nodes.ada))
  end)

  it("takes two words a second of a LAN, however many are there", function()
    local health_word = require "clients.diagnostics.health_word"
    for spoken, seconds in pairs { [0] = 60, [59] = 60, [119] = 60, [999] = 500 } do -- any order
      assert.equal(seconds * SECOND, health_word.period { spoken = function() return spoken end })
    end
    local w, ada, bob, one = pair()
    w:run(5 * MINUTE)
    ada.diagnostics.word.spoken = function() return 1000 end
    w:run(10 * MINUTE)
    local words = 0
    bob.diagnostics.others:on_word(function(id) if id == ada.id then words = words + 1 end end)
    for i = 1, 50 do
      one.heat = 50 + i % 2 * 10
      w:run(MINUTE)
    end
    assert.is_true(words >= 5 and words <= 6, words)
  end)
end)
