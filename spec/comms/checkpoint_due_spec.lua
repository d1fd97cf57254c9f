-- checkpoint_due_spec.lua - when a node writes a checkpoint, how long each is served, and after what it tries again. On
-- a real disk, under a virtual clock.
local atomic_write = require "atomic_write"
local checkpoint = require "comms.checkpoint"
local disks = require "core.disk"
local folder = require "spec.folder"
local json = require "core.json"
local loader = require "policy"
local random = require "core.random"
local sim = require "sim"

local EVERY <const> = 60 * 1000 -- ms
local policy = assert(loader.load("policies/duckiebot.lua", { shipped = "policies" }))

local w, node, home, served, told, facts

-- What has the fields of OVER, and else those of OBJECT.
local function like(object, over) return setmetatable(over, { __index = object }) end

local function new(over)
  local gateway = {
    serve = function(_, one)
      served[one.cid] = true
      return true
    end,
    withdraw = function(_, cid) served[cid] = nil end,
  }
  local given = { loop = w.loop, random = random.seeded(1), log = node.log, disk = disks.real(), dir = home.path,
    dcache = node.dcache, time = node.time, id = node.id, swarm = node.swarm, here = function() return facts end,
    every = function() return EVERY end, gateway = function() return gateway end,
    atomic_write = atomic_write.new { disk = disks.real(), log = node.log },
    publish = function(cid) told[#told + 1] = cid or "none" end }
  for name, value in pairs(over or {}) do given[name] = value end -- any order
  local one = checkpoint.new(given)
  one:start()
  return one
end

local function say(n)
  assert(node.comms:propose("share/files", { class = "lab", names = json.array { n .. ".bag" }, size = n },
    { key = require "core.cid".make("raw", require "core.hash".sha256("file " .. n)) }))
end

local function count(set)
  local n = 0
  for _ in pairs(set) do n = n + 1 end -- any order: counted
  return n
end

describe("a checkpoint", function()
  before_each(function()
    home, served, told, facts = folder.new(), {}, {}, {}
    w = sim.new { seed = 3, policy = policy }
    node = w:add "ada"
    say(1)
    w:run(5000)
  end)
  after_each(function() home.remove() end)

  it("is written when something changed, at most once in the time that the policy names", function()
    local one = new()
    w:run(12 * 1000)
    assert.equal(1, #told)
    local first = one:facts().cid
    say(2)
    w:run(40 * 1000)
    assert.equal(first, one:facts().cid, "not yet")
    w:run(30 * 1000)
    assert.equal(2, #told)
    assert.not_equal(first, one:facts().cid)
    w:run(4 * EVERY)
    assert.equal(2, #told, "nothing changed")
    assert.is_true(served[first], "somebody may be reading the one before")
    w:run(7 * EVERY)
    assert.is_nil(served[first])
    assert.same({ 1, true }, { count(served), served[one:facts().cid] })
    one:stop()
  end)

  it("is served on where the set comes back to an earlier one, when that one's time is over", function()
    say(2)
    w:run(5000)
    local second = node.dcache:statements("share/files")[2]
    local short, hidden = node.dcache.index:slot("share/files", second.key, node.id).short, true
    local one = new { dcache = like(node.dcache, {
      digest = function(_, class, t) return hidden and "hidden" or node.dcache:digest(class, t) end,
      ids = function(_, ...)
        local list = {}
        for _, id in ipairs(node.dcache:ids(...)) do
          if not (hidden and id == short) then list[#list + 1] = id end
        end
        return list
      end }) }
    w:run(12 * 1000)
    local first = one:facts().cid
    hidden = false
    w:run(70 * 1000)
    assert.not_equal(first, one:facts().cid)
    hidden = true
    w:run(70 * 1000)
    assert.equal(first, one:facts().cid)
    w:run(12 * EVERY)
    assert.same({ 1, true }, { count(served), served[first] })
    one:stop()
  end)

  it("is served by nobody, the one before neither, once the policy wants none", function()
    local every = EVERY
    local one = new { every = function() return every end }
    w:run(12 * 1000)
    say(2)
    w:run(70 * 1000)
    assert.equal(2, count(served))
    every = false
    w:run(12 * EVERY)
    assert.same({ 0, "none" }, { count(served), told[#told] })
    one:stop()
  end)

  it("is not written on a battery, by who is no member, or while something is unsure: and says so", function()
    local trust = like(node.dcache.trust, { is_member = function() return false end })
    for i, case in ipairs {
      { why = "battery", facts = { battery = 50, charging = false } },
      { why = "no member", dcache = like(node.dcache, { trust = trust }) },
      { why = "the disk lost records", dcache = like(node.dcache, { sure = function() return false end }) },
    } do
      facts = case.facts or {}
      local one = new { dcache = case.dcache }
      w:run(3 * EVERY)
      assert.is_nil(one:facts().cid, i)
      assert.truthy(one:facts().why:find(case.why, 1, true), one:facts().why)
      one:stop()
    end
    assert.same({}, told)
    facts = { battery = 50, charging = true }
    local one = new()
    w:run(12 * 1000)
    assert.equal(1, #told, "control")
    facts.charging = false
    w:run(2000)
    assert.truthy(one:facts().why)
    facts.charging = true
    w:run(2000)
    assert.is_nil(one:facts().why, "it goes with its reason, though nothing is written")
    one:stop()
  end)

  it("stays as it was while the disk takes no other, which is tried again", function()
    local full = true
    local disk = like(disks.real(), {
      open = function(_, ...)
        if full then return nil, "ENOSPC: no space left", "ENOSPC" end
        return disks.real():open(...)
      end,
      mkdir = function(_, ...) return disks.real():mkdir(...) end,
      unlink = function(_, ...) return disks.real():unlink(...) end,
      stat = function(_, ...) return disks.real():stat(...) end,
      read = function(_, ...) return disks.real():read(...) end,
      sync_directory = function(_, ...) return disks.real():sync_directory(...) end,
    })
    full = false
    local one = new { disk = disk }
    w:run(12 * 1000)
    local first = one:facts().cid
    assert.is_string(first)
    full = true
    say(2)
    w:run(3 * EVERY)
    assert.equal(first, one:facts().cid)
    assert.matches("ENOSPC", one:facts().why)
    assert.is_true(served[first])
    full = false
    w:run(12 * EVERY)
    assert.not_equal(first, one:facts().cid)
    assert.is_nil(one:facts().why)
    one:stop()
  end)
end)
