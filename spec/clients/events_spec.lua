-- events_spec.lua - the command `watch`: events of the topics asked for, one gap for who does not read, and no cost
-- while nobody watches. Real nodes under a virtual clock.
local commands = require "commands"
local control = require "clients.control"
local event_ring = require "event_ring"
local json = require "core.json"
local policy = require "policy"
local sim = require "sim"
local socket = require "spec.clients.socket"

local rules = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" }))

local function handle_of(node, loop)
  return { node = node, loop = loop, command = function(_, name, fn) node.commands:add(name, fn) end }
end

-- A node of a world; one who watches TOPICS there: what he was told, and how his reply behaves.
local function world()
  local w = sim.new { seed = 7, policy = rules }
  local ada = w:add "ada"
  require "clients.control.watch"(handle_of(ada, ada.loop))
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
    local what = answer.row and answer.row.name .. " " .. answer.row.status or answer.event
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
    assert.same({ "watching", "peers ada ready", "ready", "peers donald ready" }, events(one))
    assert.same({ "peers" }, { table.unpack(one.told[1].topics) })
    assert.same({ "watching", "policy loaded", "peers donald ready" }, events(all))
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
    local before = {} -- discovery reads of policies itself
    for _, topic in ipairs(ada.events:topics()) do before[topic.name] = ada.events:is_read(topic.name) end
    local one = watch(ada)
    for _, topic in ipairs(one.told[1].topics) do assert.is_true(ada.events:is_read(topic), topic) end
    for _, fn in ipairs(one.cancels) do fn() end
    for _, topic in ipairs(one.told[1].topics) do assert.equal(before[topic], ada.events:is_read(topic), topic) end
    assert.same({ false, false }, { before.peers, before.log })
    w:add "donald"
    w:run(8000)
    assert.same({ 0, 1 }, { ada.events.last, #one.told })
  end)

  it("keeps on a real socket no more than the lines that the kernel took, and one, for who does not read", function()
    local at, said = socket.new(), 0
    local node = { events = event_ring.new(), commands = commands.new() }
    node.events:topic("files", "of this spec")
    require "clients.control.watch"(handle_of(node, at.loop))
    local log = { info = function() end, warn = function() end, error = function(_, _, what) error(what) end }
    local server = control.new { loop = at.loop, net = require "core.net", disk = require "core.disk".real(), log = log,
      path = at.path, uid = require "paths".uid(), answer = function(...) node.commands:run(...) end }
    assert(server:listen())
    at.open[#at.open + 1] = server
    local deaf = at:client(nil, false)
    deaf.stream:send '{"command":"watch"}\n'
    assert(at:until_true(function() return node.events:is_read "files" end))
    local one, most = next(server.clients), 0
    local timer = at.loop:every(1, function()
      for _ = 1, 100 do
        said = said + 1
        node.events:add("files", { event = "said", name = ("x"):rep(500), n = said })
      end
      most = math.max(most, #one.output)
    end)
    assert(at:until_true(function() return said >= 5000 end))
    timer:cancel()
    local told, dropped, gaps
    deaf.watch:set "r"
    local read_all = at:until_true(function()
      told, dropped, gaps = 0, 0, 0
      for line in deaf.heard:gmatch "([^\n]+)\n" do
        local answer = assert(json.decode(line))
        if answer.event == "gap" then dropped, gaps = dropped + answer.dropped, gaps + 1 end
        told = told + (answer.event == "said" and 1 or 0)
      end
      return told + dropped == said
    end)
    at:close()
    assert.same({ true, said, 1 }, { read_all, told + dropped, gaps })
    assert.is_true(most > 0 and most < 1000, most)
  end)
end)
