-- watch_spec.lua - `discover` that goes on: all rows, then what changes; a slow reader gets a gap and all rows anew.
local policy = require "policy"
local sim = require "sim"
local slices = require "slices"

local rules = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" }))

-- A node and one who follows `discover`: what he was told, and how his reply behaves.
local function world()
  local w = sim.new { seed = 7, policy = rules }
  local ada = w:add "ada"
  local one = { told = {}, room = true, cancels = {}, rooms = {} }
  local reply = { on_cancel = function(_, fn) table.insert(one.cancels, fn) end,
    on_room = function(_, fn) table.insert(one.rooms, fn) end, has_room = function() return one.room end }
  setmetatable(reply, { __call = function(_, answer, continues)
    assert.is_true(continues)
    if not one.room then return false end
    one.told[#one.told + 1] = answer
    return true
  end })
  local function call(list) for _, fn in ipairs(list) do fn() end end
  function one.read_on()
    one.room = true
    call(one.rooms)
  end
  function one.go() call(one.cancels) end
  ada.commands:run({ command = "discover", watch = true }, reply)
  return w, ada, one
end

-- "NAME STATUS" of each event from the I-th answer on.
local function changes(one, i)
  local list = {}
  for k = i, #one.told do
    local answer = one.told[k]
    list[#list + 1] = answer.row and answer.row.name .. " " .. answer.row.status or answer.event or #answer.nodes
  end
  return list
end

describe("discover that goes on", function()
  it("tells all rows at once, then who comes, goes, and is silent", function()
    local w, _, one = world()
    assert.same({ 1 }, changes(one, 1))
    local donald = w:add "donald"
    w:run(8000)
    assert.equal("donald ready", changes(one, 2)[1])
    w.cut[donald.host] = true
    w:run(60 * 1000)
    local said = changes(one, 2)
    assert.equal("donald lost", said[#said], "somebody looks, so he was asked")
    w.cut[donald.host] = nil
    w:run(90 * 1000)
    said = changes(one, 2)
    assert.equal("donald ready", said[#said])
    local left
    donald:leave(function() left = true end)
    w:run(3000)
    said = changes(one, 2)
    assert.same({ true, "donald left" }, { left, said[#said] })
  end)

  it("drops for a slow reader what he did not read, and tells all rows anew", function()
    local w, ada, one = world()
    w:run(2000)
    one.room = false
    for i = 1, 300 do ada.events:add("peers", { event = "peer", row = { name = "x" .. i, status = "ready" } }) end
    w:add "donald"
    w:run(5000)
    assert.equal(1, #one.told)
    one.read_on()
    w:run(1000)
    local said = changes(one, 2)
    assert.same({ "gap", 2, "donald ready" }, said) -- he came after the gap was read
    assert.is_true(one.told[2].dropped >= 300)
    w:run(1000)
    assert.equal(4, #one.told)
  end)

  it("looks for changes only while somebody follows", function()
    local w, ada, one = world()
    w:run(3000)
    assert.is_true(ada.events:is_read "peers")
    one.go()
    assert.is_false(ada.events:is_read "peers")
    w:run(2000)
    assert.is_nil(ada.discovery.changes.timer)
    w:add "donald"
    w:run(8000)
    assert.equal(1, #one.told)
    assert.equal(0, ada.events.last)
  end)

  -- A lab so large that its rows are made in several turns: FOLLOW() in slices, as the control socket runs it.
  local function in_turns(follow)
    local w = sim.new { seed = 7, policy = rules }
    local ada = w:add "ada"
    local rows, list = ada.discovery.rows, ada.discovery.rows.list
    function rows.list(...)
      if follow.meanwhile then follow.meanwhile() end
      slices.step(1000)
      return list(...)
    end
    follow.cancels, follow.told = {}, {}
    local reply = { on_cancel = function(_, fn) table.insert(follow.cancels, fn) end, on_room = function() end }
    setmetatable(reply, { __call = function(_, answer)
      follow.told[#follow.told + 1] = answer
      return true
    end })
    local jobs = slices.new(ada.loop)
    local function begin()
      return jobs:start(function() ada.commands:run({ command = "discover", watch = true }, reply) end, function() end)
    end
    return w, ada, begin
  end

  it("is read by nobody when its reader went before the rows were made", function()
    local follow = {}
    local w, ada, begin = in_turns(follow)
    local stop = begin()
    function follow.meanwhile()
      follow.meanwhile = nil
      stop()
      for _, fn in ipairs(follow.cancels) do fn() end
    end
    w:run(20 * 1000)
    assert.same({ {}, false }, { follow.told, ada.events:is_read "peers" })
    assert.is_nil(ada.discovery.changes.timer)
  end)

  it("is looked for a piece a turn, and by one look at a time", function()
    local w, ada = world()
    local rows, in_slices, made = ada.discovery.changes.rows, 0, 0
    function ada.discovery.changes.rows()
      made = made + 1
      if not slices.running() then return rows() end
      in_slices = in_slices + 1
      slices.wait(function(wake) w.loop:after(1500, wake) end) -- so long that the next look is due
      return rows()
    end
    w:run(7000)
    assert.is_true(made >= 2 and made <= 4, made .. " looks")
    assert.equal(made, in_slices)
  end)

  it("looks once a second however many begin to read at the same time, and tells rows before news", function()
    local follow, timers = {}, 0
    local w, ada, begin = in_turns(follow)
    local loop = ada.discovery.changes.loop
    local every = loop.every
    function loop.every(...)
      timers = timers + 1
      return every(...)
    end
    begin()
    begin()
    w:run(1000)
    w:add "donald"
    w:run(500)
    begin()
    w:run(8000)
    assert.equal(1, timers)
    local rows = 0
    for i, answer in ipairs(follow.told) do
      rows = rows + (answer.nodes and 1 or 0)
      if i == 1 then assert.truthy(answer.nodes) end
    end
    assert.equal(3, rows)
  end)

  it("tells of a stranger to the lab once his address is proved, so that a flood of keys hides no member", function()
    local nodes, told, posts, timer = {}, {}, {}, nil
    local loop = { now = function() return 0 end, post = function(_, fn) table.insert(posts, fn) end,
      every = function(_, _, fn)
        timer = fn
        return { cancel = function() end }
      end }
    local function look()
      timer()
      while posts[1] do table.remove(posts, 1)() end
    end
    local watch = require("clients.discovery.changes").new { loop = loop, rows = function() return nodes end,
      row = function(node) return node end, probe = function() end,
      ring = { is_read = function() return true end,
        add = function(_, _, event) table.insert(told, event.row.name) end } }
    watch:begin()
    for i = 1, 300 do nodes[i] = { id = "ghost" .. i, name = "ghost" .. i, status = "stranger" } end
    nodes[301] = { id = "ada", name = "ada", status = "ready" }
    look()
    nodes[1].via = { proved = true, address = "a" }
    look()
    look()
    assert.same({ "ada", "ghost1" }, told)
  end)
end)
