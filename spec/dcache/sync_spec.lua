-- sync_spec.lua - a slow disk: the node goes on, and says no own word before the disk has it.
local disk = require "core.disk"
local sim_disk = require "core.sim"
local hash = require "core.hash"
local journal = require "core.journal"
local pools = require "core.worker"
local loops = require "loop"
local sim = require "sim"
local syncing = require "dcache.syncing"
local unixfs = require "core.unixfs"
local worker = require "worker"
local plain = require "spec.crash.plain"
local patience = require "spec.patience"

local policy

local function families() return require "dcache".families(policy:classes()) end

-- A worker whose jobs run when they are let: the disk stalls as long as `held`.
local function gate(loop)
  local stall = { held = false, pool = assert(pools.new { inline = true }), jobs = 0 }
  function stall.collect()
    for _, result in ipairs(stall.pool:collect()) do result.done(result) end
  end
  function stall.run(_, make, what, done)
    stall.jobs = stall.jobs + 1
    if not stall.held then loop:post(stall.collect) end
    return make(stall.pool, what, done)
  end
  function stall.release()
    stall.held = false
    stall.collect()
  end
  function stall.close() stall.pool:close() end
  return stall
end

local function world(seed)
  policy = policy or assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
  local w = sim.new { seed = seed, policy = policy }
  local stall, store = gate(w.loop), sim_disk.memory(seed)
  local ada = w:add("ada", { disk = store, flusher = function() return stall end })
  local donald = w:add "donald"
  w:run(8000)
  return w, ada, donald, stall, store
end

local function share(node, name)
  local data = { class = "lab", names = { name }, size = 1 }
  return assert(node.comms:propose("share/files", data, { key = (unixfs.layout(1, hash.sha256(name))) }))
end

local function files(node)
  local names = {}
  for i, record in ipairs(node.dcache:statements "share/files") do names[i] = record.data and record.data.names[1] end
  table.sort(names)
  return table.concat(names, " ")
end

describe("a node whose disk stalls", function()
  it("goes on, and says its own word when the disk has it, not before", function()
    for seed = 1, 5 do
      local w, ada, donald, stall = world(seed)
      share(ada, "quick")
      w:run(1000)
      assert.equal("quick", files(donald)) -- negative control: no stall, and it is there
      stall.held = true
      local st = share(ada, "own")
      assert.equal("own quick", files(ada)) -- held here at once
      share(donald, "foreign")
      local sent, wire = ada.comms.beacon.sent, w.lines
      w:run(60000)
      assert.equal("foreign own quick", files(ada))
      assert.equal("foreign quick", files(donald)) -- though digests differ and ids were exchanged
      assert.is_nil(ada.dcache:line(st.short))
      assert.equal(2, #ada.discovery:nodes())
      assert(ada.comms.beacon.sent > sent and w.lines > wire)
      stall:release()
      w:run(1000)
      assert.equal("foreign own quick", files(donald))
      assert.equal(st.line, ada.dcache:line(st.short))
    end
  end)

  it("says soft words at once", function()
    local w, ada, donald, stall = world(7)
    stall.held = true
    assert(ada.comms:propose("pri/" .. ada.id .. "/health", { load = 1 }))
    w:run(1000)
    assert.equal(1, #donald.dcache:statements("pri/" .. ada.id .. "/health"))
    assert(ada.comms:propose("pri/" .. ada.id .. "/info/a", { load = 1 }))
    w:run(1000)
    assert.equal(0, #donald.dcache:statements("pri/" .. ada.id .. "/info/a"))
  end)

  it("has every word that left it after a power cut at any moment", function()
    for seed = 1, 40 do
      local w, ada, donald, stall, store = world(seed)
      for i = 1, 6 do
        stall.held = (seed + i) % 3 > 0
        share(ada, ("f%d"):format(i))
        w:run(seed * 37 % 400)
        if i % 2 == 0 then stall:release() end
      end
      stall.held = true
      share(ada, "last")
      w:run(300)
      local image = store:crash(seed)
      local j = assert(journal.open(image, "/state/journal", { families = families() }))
      local held = {}
      j:replay(function(_, line) held[line] = true end)
      local heard = 0
      for _, entry in ipairs(donald.dcache.index:bucket "share/files") do
        heard = heard + 1
        assert.is_true(held[donald.dcache:line(entry.short)], "seed " .. seed)
      end
      assert(heard >= 3, heard)
      j:close()
    end
  end)

  it("has all on the disk when it has stopped", function()
    local _, ada, _, stall, store = world(3)
    stall.held = true
    share(ada, "one")
    share(ada, "two")
    ada:stop()
    local _, report = assert(journal.open(store:crash(3), "/state/journal",
      { families = families() }))
    assert.equal(2, report.records)
    assert.same({ {}, {} }, { report.damaged, report.torn })
  end)
end)

describe("syncs", function()
  local function new(d, loop, start)
    local options = { families = { "long" }, reserve = 0 }
    local j, lines, refused = assert(journal.open(d, plain.folder, options)), {}, 0
    local log = { info = function(_, _, what) lines[#lines + 1] = what end }
    log.error, log.warn = log.info, log.info
    local s = syncing.new { loop = loop, journal = j, log = log, start = start,
      refused = function() refused = refused + 1 end }
    return s, j, lines, function() return refused end
  end

  it("tell in order, and what is asked meanwhile is one more", function()
    local loop, d = require "sim.loop".new(), sim_disk.memory(1)
    local stall = gate(loop)
    local s, j = new(d, loop, function() return stall end)
    local told = {}
    stall.held = true
    for i = 1, 9 do
      assert(j:append("long", "line " .. i, 5000))
      s:when_synced(function() told[#told + 1] = i end)
    end
    assert.equal(1, stall.jobs)
    stall.collect()
    assert.same({ 1 }, told)
    assert.equal(2, stall.jobs)
    stall.collect()
    assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9 }, told)
    assert.equal(2, stall.jobs)
    s:when_synced(function() told[#told + 1] = "at once" end)
    assert.equal("at once", told[10])
    assert.equal(2, d:counts().sync)
  end)

  it("that fail are tried again, at once and then with back-off, and nobody is told meanwhile", function()
    for _, inline in ipairs { true, false } do -- beside the loop, and without a worker
      local loop, d = require "sim.loop".new(), sim_disk.memory(1)
      local s, j, log, refused = new(d, loop, inline and function()
        return assert(worker.new { loop = loop, inline = true })
      end or nil)
      local told
      d:limit(1)
      assert(j:append("long", "line", 5000))
      s:when_synced(function() told = loop:now() end)
      loop:run_until(10 * 60 * 1000)
      assert.is_nil(told)
      local tries = refused()
      assert(tries >= 12 and tries <= 18, tries) -- 1 s, 2 s, … 60 s apart
      assert.equal(2, #log, "not said again and again")
      d:limit()
      loop:run_until(11 * 60 * 1000 + 1)
      assert(told)
      assert.equal("synced again", log[#log])
      assert.equal(0, j:unsynced())
    end
  end)

  -- The longest time in ms between two beats of a real loop while the disk takes SLOW ms for a sync.
  local function stall_of(slow, start)
    local folder = os.tmpname()
    os.remove(folder)
    local loop, d = loops.new { on_error = error }, disk.real()
    local j = assert(journal.open(d, folder, { families = { "long" }, reserve = 0 }))
    local s = syncing.new { loop = loop, journal = j, log = { error = error, warn = error }, refused = error,
      start = start and function() return start(loop) end }
    d:slow(slow)
    local told, said, stop = 0, {}, patience.beats(loop)
    local beat = loop:every(2, function()
      if #said < 40 then
        local line = "line " .. #said
        local place = assert(j:append("long", line, 5000))
        said[#said + 1] = { place, line }
        s:when_synced(function() told = told + 1 end)
      end
      for _, one in ipairs(said) do assert(one[2] == j:read(one[1])) end
      if told == 40 then loop:stop() end
    end)
    loop:run()
    beat:cancel()
    local longest = stop()
    assert(j:append("long", "the last", 5000))
    local began = loop:now()
    s:request()
    assert(s:stop())
    loop:after(0, function() loop:stop() end)
    loop:run()
    local waited = loop:now() - began
    assert.equal(41, select(2, assert(journal.open(d, folder, { families = { "long" }, reserve = 0 }))).records)
    loop:close()
    os.execute("rm -rf " .. folder)
    return longest, waited
  end

  it("hold no timer, no read and no word up, however slow the disk; a stop waits for it", function()
    local waited
    local longest = patience.least(200, function()
      local beside
      beside, waited = stall_of(300, function(loop) return assert(worker.new { loop = loop }) end)
      return beside
    end)
    assert(longest < 200, longest .. " ms between two beats")
    assert(waited >= 300, waited)
    assert(stall_of(100) >= 50) -- negative control: without a thread the loop stands still
  end)
end)
