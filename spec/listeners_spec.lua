-- listeners_spec.lua - lua/listeners.lua: several hear one kind of news, and leave no trace when they go.
local listeners = require "listeners"

describe("listeners", function()
  local list, heard

  local function note(name)
    return function(news) heard[#heard + 1] = name .. " " .. news end
  end

  before_each(function() list, heard = listeners.new(), {} end)

  it("calls all in the order in which they were added, with what it is given", function()
    list:add(note "first")
    list:add(note "second")
    list:call "a"
    assert.same({ "first a", "second a" }, heard)
  end)

  it("takes off the one that was meant, also where one function was added twice", function()
    local fn = note "same"
    local remove = list:add(fn)
    list:add(fn)
    remove()
    remove()
    list:call "a"
    assert.same({ "same a" }, heard)
  end)

  it("does not call one that is taken off while others are called, and misses none of them", function()
    local remove_last
    local remove_first
    remove_first = list:add(function()
      heard[#heard + 1] = "first"
      remove_first()
      remove_last()
    end)
    list:add(note "middle")
    remove_last = list:add(note "last")
    list:call "a"
    assert.same({ "first", "middle a" }, heard)
    list:call "b"
    assert.same({ "first", "middle a", "middle b" }, heard)
  end)

  it("tells one that is added while others are called only what comes next", function()
    list:add(function() if not heard[1] then list:add(note "late") end; heard[#heard + 1] = "early" end)
    list:call "a"
    assert.same({ "early" }, heard)
    list:call "b"
    assert.same({ "early", "late b", "early" }, { heard[1], heard[3], heard[2] })
  end)

  it("knows whether anybody listens, and holds nobody who went", function()
    assert.is_false(list:any())
    local held = setmetatable({}, { __mode = "k" })
    local function add()
      local fn = note "x"
      held[fn] = true
      return list:add(fn)
    end
    local remove = add()
    assert.is_true(list:any())
    remove()
    assert.is_false(list:any())
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(held))
  end)

  it("hides no error of a listener", function()
    list:add(function() error "broken" end)
    assert.error_matches(function() list:call "a" end, "broken")
  end)
end)
