-- resume_spec.lua - a question in a fence that is asked in slices: it lets the host go on, asks back, and ends.
local fence = require "core.fence"
local patience = require "spec.patience"

local SLICE = 30000

local function with(text, limits)
  limits = limits or {}
  limits.instructions = limits.instructions or 1 << 40
  limits.memory, limits.block = limits.memory or 8 << 20, limits.block or 1 << 20
  local f = assert(fence.new(limits))
  assert(f:load("inner", "local inner = ... given = inner.ask return true", true))
  assert(f:load("x.lua", text))
  return f
end

-- Goes on for at most N slices → what the last one said, and how many there were.
local function go(f, n)
  local told, count
  for i = 1, n do
    told, count = table.pack(f:resume(SLICE)), i
    if told[1] ~= "more" then break end
  end
  return told, count
end

describe("a question in slices", function()
  local f
  after_each(function() f:close() end)

  it("gives copies of what it returns, and its arguments cross once", function()
    f = with "function go(a, b) return b.x, a, nil end"
    assert.is_true(f:start("go", "a", { x = { 1 } }))
    local told = table.pack(f:resume(SLICE))
    assert.equal(5, told.n)
    assert.same({ "done", { 1 }, "a" }, { told[1], told[3], told[4] })
    assert.has_error(function() f:resume(SLICE) end) -- it is over
    assert(f:start("go", 1, { x = 2 }))
    assert.equal("done", (f:resume(SLICE)))
  end)

  it("is over for now when its instructions are used up, and goes on where it was", function()
    f = with "function go() local n = 0 for i = 1, 1000000 do n = n + i end return n end"
    assert(f:start "go")
    local told, count = go(f, 1000)
    assert.same({ "done", 500000500000 }, { told[1], told[3] })
    assert.is_true(count > 60 and count < 200, count)
  end)

  it("ends an endless loop by the limit for all its slices", function()
    f = with("function go() while true do end end", { instructions = 1000000 })
    assert(f:start "go")
    local told, count = go(f, 100)
    assert.equal("failed", told[1])
    assert.truthy(told[3]:find "^x.lua:1: over the limit of 1000000 instructions", told[3])
    assert.is_true(count >= 33)
  end)

  it("asks the host for what it wants to know, in the middle of a loop or of a metamethod", function()
    f = with [[function go() local n = 0 for i = 1, 3 do n = n + given("double", i).answer end return n end]]
    assert(f:start "go")
    local told = table.pack(f:resume(SLICE))
    for i = 1, 3 do
      assert.same({ "asks", "double", i }, { told[1], told[3], told[4] })
      told = table.pack(f:resume(SLICE, { answer = 2 * i }))
    end
    assert.same({ "done", 12 }, { told[1], told[3] })
  end)

  it("gives an answer of the host once only: a slice's end takes none", function()
    f = with [[function go() local a = given() local n = 0 for i = 1, 100000 do n = n + 1 end return a, n end]]
    assert(f:start "go")
    assert.equal("asks", (f:resume(SLICE)))
    assert.equal("more", (f:resume(SLICE, "answer")))
    local told
    repeat told = table.pack(f:resume(SLICE, "unasked")) until told[1] ~= "more"
    assert.same({ "done", "answer", 100000 }, { told[1], told[3], told[4] })
  end)

  it("fails with what it threw, and the next one is well", function()
    f = with [[
      function bad() local x = nil return x.y end
      function object() error({}) end
      function deep() return 1 + deep() end
      function good() return 42 end
    ]]
    for name, pattern in pairs { bad = "^x.lua:1: attempt to index a nil value", object = "threw a table",
      deep = "not enough memory" } do -- any order
      assert(f:start(name))
      local told = go(f, 1000)
      assert.equal("failed", told[1])
      assert.truthy(told[3]:find(pattern), told[3])
    end
    assert(f:start "good")
    assert.same({ "done", 42 }, { (function(a, _, b) return a, b end)(f:resume(SLICE)) })
    assert.equal(42, f:call "good")
  end)

  it("refuses what cannot cross, both ways", function()
    f = with [[function go() given(type) end function take() return given() end]]
    assert(f:start "go")
    assert.equal("failed", (f:resume(SLICE)))
    assert(f:start "take")
    assert.equal("asks", (f:resume(SLICE)))
    local told = table.pack(f:resume(SLICE, print))
    assert.equal("failed", told[1])
    assert.truthy(told[3]:find "cross")
    assert.is_nil((f:start("take", print)))
  end)

  it("is given up by stop, twice too, and by a new start", function()
    f = with "function go() while true do end end function good() return 1 end"
    assert(f:start "go")
    assert.equal("more", (f:resume(SLICE)))
    f:stop()
    f:stop()
    assert.has_error(function() f:resume(SLICE) end)
    assert(f:start "go")
    assert.equal("more", (f:resume(SLICE)))
    assert(f:start "good")
    assert.equal("done", (f:resume(SLICE)))
  end)
end)

describe("a slice", function()
  -- What a hostile line may do within one slice: each takes a few ms at most on a machine at rest.
  local HOSTILE = {
    { "while true do end", "more" },
    { "local s = ('x'):rep(65000) while true do local t = s .. 'x' end", "more" },
    { "local s, t = ('x'):rep(65000), {} for i = 1, 1e9 do t[s .. i] = i end", "failed" },
    { "local t = {} for i = 1, 1e9 do t[i % 60000] = { i } end", "more" },
    { "local t = {} for i = 1, 1e9 do t = { t } end", "failed" },
    { "return 1 + go()", "failed" },
    { "return (('x'):rep(4000)):gsub('.', function() while true do end end)", "failed" },
    { "return (('x'):rep(10)):gsub('.', function() return given() end)", "failed" },
    { "return string.rep('x', 1000000000)", "failed" },
    { "local s = ('a'):rep(1000) while true do s:find '.-b' end", "more" },
    { "local t = {} for i = 1, 60000 do t[i] = i end while true do table.insert(t, 1, 1) end", "more" },
    { "return select('#', table.unpack({}, 1, 1e7))", "failed" },
  }

  -- → seconds that the longest slice of CASE took
  local function longest(case)
    local f <close> = with("function go() " .. case[1] .. " end")
    assert(f:start "go")
    local worst, told = 0, nil
    for _ = 1, 80 do
      local began = os.clock()
      told = table.pack(f:resume(SLICE))
      worst = math.max(worst, os.clock() - began)
      if told[1] ~= "more" then break end
    end
    assert.equal(case[2], told[1], case[1] .. ": " .. tostring(told[3]))
    return worst
  end

  it("stays short whatever runs in it", function()
    for _, case in ipairs(HOSTILE) do
      local worst = longest(case)
      if worst >= 0.02 * patience.TIMES then worst = math.min(worst, longest(case)) end -- the machine stood still
      assert.is_true(worst < 0.02 * patience.TIMES, ("%s: %.1f ms"):format(case[1], worst * 1000))
    end
  end)

  it("is as short below many open calls as below one", function()
    local f = with [[
      local function down(n)
        if n > 0 then return (down(n - 1)) end
        while true do end
      end
      go = down
    ]]
    -- In seconds; the calls are made in the first slices.
    local function shortest(depth)
      local least = math.huge
      assert(f:start("go", depth))
      for i = 1, 60 do
        local began = os.clock()
        assert.equal("more", (f:resume(SLICE)))
        if i > 20 then least = math.min(least, os.clock() - began) end
      end
      return least
    end
    local one, many = shortest(1), shortest(15000)
    assert.is_true(many < 8 * one, ("%.2f ms instead of %.2f ms"):format(many * 1000, one * 1000))
    f:close()
  end)

  it("counts what C functions cost, so that calls end it too", function()
    local f = with "function go() local s = ('x'):rep(60000) for i = 1, 1000 do local r = s:reverse() end return 1 end"
    assert(f:start "go")
    local told, count = go(f, 1000)
    assert.equal("done", told[1], told[3])
    assert.is_true(count > 100, count)
    f:close()
  end)
end)
