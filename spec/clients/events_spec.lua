-- events_spec.lua - the command `watch`: events of the topics asked for, one gap for who does not read, and no cost
-- while nobody watches. Real nodes under a virtual clock.
local policy = require "policy"
local sim = require "sim"

local rules = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" }))

-- A node of a world; one who watches TOPICS there: what he was told, and how his reply behaves.
local function world()
  local w = sim.new { seed = 7, policy = rules }
  local ada = w:add "ada"
  local control = { node = ada, loop = ada.loop, command = function(_, name, fn) ada.commands:add(name, fn) end }
  require "clients.control.watch"(control)
  return w, ada
end

local function watch(ada, topics)
  local one = { told = {}, room = true, cancels = {}, rooms = {} }
  local reply = { on_cancel = function(_, fn) table.insert(one.cancels, fn) end,
    on_room = function(_, fn) table.insert(one.rooms, fn) end }
  setmetatable(reply, { __call = function(_, answer, more, code)
    if not answer then one.refused = { more, code } end
    if not answer or not one.room then return not answer end
    one.told[#one.told + 1] = answer
    return true
  end })
  function one.read_on()
    one.room = true
    for _, fn in ipairs(one.rooms) do fn() end
  end
  ada.commands:run({ command = "watch", topics = topics }, reply)
  return one
end

local function events(one)
  local list = {}
  for i, answer in ipairs(one.told) do
    local what = answer.node and answer.node.status or answer.event
    list[i] = answer.topic and answer.topic .. " " .. what or what
  end
  return list
end

describe("watch", function()
  it("says first what is watched, then the events of those topics alone, each with its topic and time", function()
    local w, ada = world()
    local one, all = watch(ada, { "peers", "peers" }), watch(ada)
    w:add "donald"
    ada.events:add("policy", { event = "loaded", hash = "1a2b3c4d" })
    w:run(8000)
    assert.same({ "watching", "peers ready" }, events(one))
    assert.same({ "peers" }, { table.unpack(one.told[1].topics) })
    assert.same({ "watching", "policy loaded", "peers ready" }, events(all))
    assert.same({ "1a2b3c4d", "integer" }, { all.told[2].hash, math.type(all.told[2].at) })
  end)

  it("refuses a topic that is none, with the one that may be meant, and what is no list of words", function()
    local _, ada = world()
    local text, code = table.unpack(watch(ada, { "peesr" }).refused)
    assert.same({ "missing", true }, { code, text:find("did you mean peers?", 1, true) ~= nil })
    for _, topics in ipairs { "peers", 7, { 7 }, { { "peers" } } } do
      assert.equal("form", watch(ada, topics).refused[2])
    end
    assert.is_false(ada.events:is_read "peers")
  end)

  it("costs who does not read one line and one gap with a count, however much happens", function()
    local w, ada = world()
    local one = watch(ada, { "policy" })
    w:run(10)
    one.room = false
    for i = 1, 1000 do
      ada.events:add("policy", { event = "e" .. i })
      ada.events:add("peers", { event = "not his" })
    end
    w:run(1000)
    assert.equal(1, #one.told)
    one.read_on()
    w:run(10)
    local dropped = 0
    for _, answer in ipairs(one.told) do dropped = dropped + (answer.dropped or 0) end
    assert.equal(1000, dropped + #one.told - 2) -- the first answer and the gap are no events
    ada.events:add("policy", { event = "after" })
    w:run(10)
    assert.equal("policy after", events(one)[#one.told])
  end)

  it("makes no event of what nobody watches, and ends with who goes", function()
    local w, ada = world()
    local one = watch(ada)
    for _, topic in ipairs(one.told[1].topics) do assert.is_true(ada.events:is_read(topic), topic) end
    for _, fn in ipairs(one.cancels) do fn() end
    for _, topic in ipairs(one.told[1].topics) do assert.is_false(ada.events:is_read(topic), topic) end
    w:add "donald"
    w:run(8000)
    assert.same({ 0, 1 }, { ada.events.last, #one.told })
  end)
end)
