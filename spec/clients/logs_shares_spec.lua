-- logs_shares_spec.lua - what of this node's files is said again when the time or the gateway is another one.
local shares = require "clients.logs.shares"
local simloop = require "sim.loop"
local till = require "spec.net.till"

local DAY = 86400

-- RECORDS: of an earlier run.
local function world(records)
  local w = { loop = simloop.new(), now = 1000 * DAY, records = records or {}, said = {}, served = {} }
  w.shares = shares.new { loop = w.loop, time = { now = function() return w.now * 1000 end }, log = till.log(),
    folder = "/share", ttl = 30 * DAY, statements = function() return w.records end,
    publish = function(verb, _, key, data, ttl, at)
      table.insert(w.said, verb .. " " .. key)
      w.records = { { key = key, data = data, verb = verb, mine = true, at = at or w.now * 1000,
        valid_until = w.now + ttl } }
      return true
    end,
    serve = function(cid)
      table.insert(w.served, cid)
      return true
    end, withdraw = function() end, leaves = function() return "c1", "leaves" end }
  assert(w.shares:add("a.bag", "c1", 5, "lab", {}))
  return w
end

describe("a share", function()
  it("is said once, served first", function()
    local w = world()
    w.shares:renew(true)
    assert.same({ "propose c1" }, w.said)
    assert.same({ "c1" }, w.served)
  end)

  it("is new where no statement of ours stood before: not after a start, nor when its stick is back", function()
    local w = world()
    assert.is_true(w.shares.by_cid.c1.is_new)
    w.shares.by_cid.c1.is_new = nil -- somebody counted it
    w.shares:add("b.bag", "c1", 5, "lab", {})
    w.shares:say_again()
    assert.is_falsy(w.shares.by_cid.c1.is_new)
    local kept = w.shares:release_all()[1]
    w.shares:add("a.bag", "c1", 5, "lab", {}, kept)
    assert.is_falsy(w.shares.by_cid.c1.is_new)
    local later = world()
    assert.is_true(later.shares.by_cid.c1.is_new)
    local again = world(w.records)
    assert.is_falsy(again.shares.by_cid.c1.is_new)
  end)

  it("is said again when the time leapt: as of when it was said first; or when its record is gone", function()
    local w = world()
    w.shares:say_again()
    assert.equal(1, #w.said, "its record is right")
    w.loop:run_until(5 * 60000)
    w.now = w.now + 300
    w.shares:say_again()
    assert.equal(1, #w.said, "the time only went on")
    for said, days in ipairs { 9, -9, 400 } do
      w.now = w.now + days * DAY
      w.shares:say_again()
      assert.equal(said + 1, #w.said, days .. " days")
      assert.equal((w.now - 300) * 1000, w.records[1].at)
      w.shares:say_again()
      assert.equal(said + 1, #w.said)
    end
    w.records = {}
    w.shares:say_again()
    assert.equal(5, #w.said)
    assert.equal(1, #w.served)
  end)

  it("of an earlier run is said again where it knew no time, or one that is still to come", function()
    for _, case in ipairs { { 1 }, { 2, undated = true }, { 2, ahead = DAY }, { 1, ahead = -9 * DAY } } do
      local w = world()
      w.shares.by_cid.c1.mono = nil
      w.records[1].undated, w.records[1].at = case.undated, (w.now + (case.ahead or 0)) * 1000
      w.shares:say_again()
      assert.equal(case[1], #w.said)
    end
  end)

  it("is put right when own words come back: a claim without a file, a dismissal of what is here", function()
    local w = world()
    w.shares:renew(true)
    local function back(key, verb)
      return { key = key, verb = verb, mine = true, at = w.now * 1000, valid_until = w.now + 20 * DAY,
        data = { class = "lab", names = { "a.bag" }, size = 5 } }
    end
    w.records = { back("c1", "dismiss"), back("c2", "propose"), back("c3", "dismiss") }
    w.shares:renew(true)
    assert.same({ "propose c1" }, w.said, "nobody looks again by itself")
    w.shares:put_right()
    assert.same({ "propose c1", "propose c1" }, w.said)
    w.records = { back("c1", "propose"), back("c2", "propose") }
    w.shares:put_right()
    w.shares:renew(true)
    assert.same({ "propose c1", "propose c1", "dismiss c2" }, w.said)
    w.shares:renew(true)
    assert.equal(3, #w.said)
  end)

  it("is served, and not said again, when there is a gateway later", function()
    local w = world()
    w.shares:serve_again()
    assert.same({ "c1", "c1" }, w.served)
    assert.equal(1, #w.said)
  end)
end)
