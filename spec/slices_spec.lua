-- slices_spec.lua - long work in pieces: how much in a turn, whose turn it is, what is left when it is given up.
local simloop = require "sim.loop"
local slices = require "slices"

-- A loop whose turns are taken one by one.
local function turns()
  local loop = { posted = {} }
  function loop:post(fn) table.insert(self.posted, fn) end
  function loop:turn()
    local list = self.posted
    self.posted = {}
    for _, fn in ipairs(list) do fn() end
    return #self.posted > 0
  end
  return loop
end

describe("work in slices", function()
  it("does a piece a turn, of one job, each in its turn", function()
    local loop, done = turns(), {}
    local work, log = slices.new(loop), {}
    local function job(name)
      return function()
        for i = 1, 1000 do
          log[#log + 1] = name .. i
          slices.step()
        end
      end, function(ok) done[#done + 1] = name .. tostring(ok) end
    end
    work:start(job "a")
    work:start(job "b")
    local most, before = 0, 0
    while loop:turn() do
      most, before = math.max(most, #log - before), #log
    end
    assert.equal(2000, #log)
    assert.is_true(most <= 50, most .. " things in one turn")
    assert.same({ "atrue", "btrue" }, done)
    assert.same({ "a50", "b1", "b50", "a51" }, { log[50], log[51], log[100], log[101] })
  end)

  it("and what is called whole have one turn each, in the order in which they came", function()
    local loop, log = turns(), {}
    local work = slices.new(loop)
    local function add(name)
      return function() log[#log + 1] = name .. tostring(slices.running()) end
    end
    work:call(add "a")
    work:start(add "b", function() end)
    local stop = work:call(add "c")
    work:call(add "d")
    work:call(function() error "broken" end)
    work:call(add "e")
    stop()
    for _, expected in ipairs { "afalse", "afalse btrue", "afalse btrue", "afalse btrue dfalse" } do
      loop:turn()
      assert.equal(expected, table.concat(log, " "))
    end
    assert.is_false(pcall(loop.turn, loop))
    loop:turn()
    assert.equal("efalse", log[#log])
  end)

  it("is done at once where it is no job, and stops when it is given up", function()
    local n = 0
    slices.step(1e9)
    local loop = turns()
    local stop = slices.new(loop):start(function()
      while true do
        n = n + 1
        slices.step(12.5)
      end
    end, function() error "not done" end)
    loop:turn()
    stop()
    while loop:turn() do end
    assert.equal(4, n)
  end)

  it("waits for what wakes it, once, and lets others go on meanwhile", function()
    local loop, log, wake = turns(), {}, nil
    local work = slices.new(loop)
    work:start(function()
      slices.wait(function(fn) wake = fn end)
      log[#log + 1] = "woken"
      slices.wait(function(fn) fn() end) -- at once
      log[#log + 1] = "on"
    end, function(ok) log[#log + 1] = "done " .. tostring(ok) end)
    work:start(function() log[#log + 1] = "other" end, function() end)
    while loop:turn() do end
    assert.same({ "other" }, log)
    wake()
    wake()
    while loop:turn() do end
    assert.same({ "other", "woken", "on", "done true" }, log)
  end)

  it("tells a fault with the place where it was, and goes on with other work", function()
    local loop, told, other = simloop.new(), nil, nil
    local work = slices.new(loop)
    work:start(function()
      slices.step(500)
      error "broken"
    end, function(ok, fault) told = { ok, fault } end)
    work:start(function() other = true end, function() end)
    loop:run_until(1)
    assert.is_false(told[1])
    assert.matches("slices_spec.lua:%d+: broken", told[2])
    assert.is_true(other)
  end)

  it("sorts as table.sort does, equal ones in their order, and no turn is long", function()
    local loop, list, copy, compared, most, before = turns(), {}, {}, 0, 0, 0
    for i = 1, 5000 do
      list[i] = { i * 7919 % 4093, i }
      copy[i] = list[i]
    end
    slices.new(loop):start(function()
      slices.sort(list, function(a, b)
        compared = compared + 1
        return a[1] < b[1]
      end)
    end, function() end)
    while loop:turn() do
      most, before = math.max(most, compared - before), compared
    end
    table.sort(copy, function(a, b) return a[1] < b[1] end)
    for i = 1, 5000 do assert.equal(copy[i][1], list[i][1]) end
    assert.is_true(most < 16000, most .. " comparisons in one turn")
    local keys = slices.keys { c = 1, a = 1, b = 1 }
    assert.same({ "a", "b", "c" }, keys)
  end)
end)
