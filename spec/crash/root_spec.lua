-- root_spec.lua - the power goes at each write of a node that comes to a higher root, and each byte of STATE/root is
-- spoiled: no lower root is ever in force afterwards, and no role acts before a person said so.
local disk = require "core.sim"
local driver = require "spec.crash.driver"
local labs = require "spec.labs"
local policies = require "spec.policy.policies"
local sim = require "sim"

local PATH = "/state/root"
local IMAGES = os.getenv "DT_SWARM_SOAK" and 40 or 4

local policy = assert(policies.with "")
local lab = labs.new { name = "robotics", robots = 1 }
local second, third = labs.key "root key 2", labs.key "root key 3"
local LINES = {
  { lab:root_line(lab.root, 2, { second }), lab:root_line(second, 2, { second }) },
  { lab:root_line(second, 3, { third }), lab:root_line(third, 3, { third }) },
}

local function start(d, boot)
  local w = sim.new { seed = 1, policy = policy }
  return w:add("ada", { lab = lab:read(), identity = { id = lab.robots[1].id, key = lab.robots[1].key }, disk = d,
    boot = boot }), w
end

local function number_of(node) return node.dcache.trust:verdict().root.number end

-- A node that comes to root 2 and then to root 3, while the power goes at operation CUT (nil: it stays). SPOIL(node):
-- makes it a node that keeps no order. → disk, the highest root that was in force
local function run(cut, spoil)
  local d = disk.memory(1)
  assert(d:mkdir "/state")
  assert(d:sync_directory "/")
  local node, w = start(d, 1)
  if spoil then spoil(node) end
  local before, highest = driver.operations(d), 1
  if cut then d:inject { nth = cut, effect = "off" } end
  node.dcache.trust:on_change(function() highest = math.max(highest, number_of(node)) end)
  for _, lines in ipairs(LINES) do
    for _, line in ipairs(lines) do -- the second signer is a stranger before the first has proposed his key
      node.comms:offer({ line }, function() end)
      for _ = 1, 10 do
        w:run(50)
        highest = math.max(highest, number_of(node))
      end
    end
  end
  return d, highest, driver.operations(d) - before
end

-- The journal may have lost what a higher root rests on; the file is what keeps it.
local function without_journal(d)
  local folder = "/state/journal-" .. lab.hash
  for _, name in ipairs(d:list(folder) or {}) do assert(d:unlink(folder .. "/" .. name)) end
end

-- The first case in which a root that was acted on is not in force after a cut | nil; how often each was in force.
local function lower(spoil)
  local _, reached, count = run(nil, spoil)
  assert.equal(3, reached)
  local met = { 0, 0, 0 }
  for cut = 1, count do
    local d, acted = run(cut, spoil)
    for seed = 1, IMAGES do
      local image = d:crash(cut * 1000 + seed)
      without_journal(image)
      local found = number_of((start(image, 2)))
      met[found] = met[found] + 1
      if found < acted then return ("cut %d seed %d: root %d after root %d"):format(cut, seed, found, acted), met end
    end
  end
  return nil, met
end

describe("the root in force", function()
  it("is never a lower one after a power cut at any write", function()
    local wrong, met = lower()
    assert.is_nil(wrong)
    for number = 1, 3 do assert.is_true(met[number] > 0, "no image has root " .. number) end
  end)

  it("would be lower if it were acted on before it is on the disk (negative control)", function()
    local wrong = lower(function(node)
      local root = node.dcache.trust.root
      local keep = root.keep
      function root.keep(one, found, done)
        done(true)
        node.loop:after(40, function() keep(one, found, function() end) end)
      end
    end)
    assert.matches("root %d after root %d", wrong)
  end)

  it("is shown after damage to each byte of STATE/root, but no role acts, until lab join is said again", function()
    local whole = run()
    local bytes = assert(whole:read(PATH, 4096))
    for at = 1, #bytes, os.getenv "DT_SWARM_SOAK" and 1 or 17 do
      local d = whole:crash(at)
      local spoiled = bytes:sub(1, at - 1) .. string.char(bytes:byte(at) ~ 1) .. bytes:sub(at + 1)
      assert(d:replace(PATH, spoiled, 384))
      for boot = 2, 3 do -- the loss outlives a start
        local node, w = start(d, boot)
        w:run(12 * 60 * 1000)
        local ok, text, code = node.dcache.trust:settled()
        assert.same({ nil, "permission: STATE/root was damaged: no role acts here until lab join is said again",
          "permission" }, { ok, text, code }, "byte " .. at)
        assert.equal(3, number_of(node)) -- by the journal
        node:stop()
      end
      local node, w = start(d, 4)
      local root, told = node.dcache.trust.root, nil
      root:forgive(node.dcache.trust:verdict().root, function(...) told = { ... } end)
      w:run(1000)
      assert.is_true(told[1])
      node:stop()
      local again, world = start(d, 5)
      world:run(11 * 60 * 1000)
      assert.is_true((again.dcache.trust:settled()))
      assert.equal(3, again.dcache.trust.root:get().number)
    end
  end)

  it("is not acted on while the disk takes nothing, and is once it does", function()
    local d = disk.memory(1)
    assert(d:mkdir "/state")
    local node, w = start(d, 1)
    local replace, full = d.replace, true
    node.dcache.trust.root.kept.atomic_write = { put = function(_, path, line, mode, told)
      if full then return told(nil, "ENOSPC: no room", "ENOSPC") end
      told(replace(d, path, line, mode))
    end }
    for _, line in ipairs(LINES[1]) do
      node.comms:offer({ line }, function() end)
      w:run(30 * 1000)
    end
    assert.equal(1, number_of(node))
    assert.equal("root", node.dcache.trust:role(lab.root:id()))
    full = false
    w:run(2 * 60 * 1000)
    assert.equal(2, number_of(node))
    assert.is_nil(node.dcache.trust:role(lab.root:id()))
  end)
end)
