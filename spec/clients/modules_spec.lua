-- modules_spec.lua - a client is one file and one line: what it asked for ends with it, and its faults stay its own.
local file_key = require "spec.file_key"
local policy = require "policy"
local sim = require "sim"
local sorted = require "sorted"
local toy = require "spec.clients.toy"

local rules = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" }))
local WITH_TOY = { "clients.discovery", "spec.clients.toy" }

-- A node whose clients are MODULES, and how it answers a command.
local function world(modules, options)
  local w = sim.new { seed = 3, policy = rules }
  options = options or {}
  options.clients = modules
  local node = w:add("ada", options)
  local function ask(request)
    local found = {}
    node.commands:run(request, function(...) found = table.pack(...) end)
    return table.unpack(found, 1, found.n)
  end
  return w, node, ask
end

-- All by which a client can be known from outside: listeners, timers, commands, components, names on the node.
local function traces(w, node)
  local comms, time, found = node.comms, node.time, {}
  for _, list in ipairs { { "own", comms.own_heard }, { "newcomer", comms.newcomers }, { "back", comms.peers.returns },
    { "proved", time.proofs }, { "leap", time.leaps } } do
    found[#found + 1] = ("%s %d"):format(list[1], #list[2].list)
  end
  for _, each in ipairs { { "bucket", comms.listeners }, { "extends", node.commands.extensions } } do
    for _, name in ipairs(sorted.keys(each[2])) do
      if each[2][name]:any() then found[#found + 1] = ("%s %s %d"):format(each[1], name, #each[2][name].list) end
    end
  end
  for _, each in ipairs { { "command", node.commands.by_name }, { "component", node.routing.components },
    { "part", node } } do
    for _, name in ipairs(sorted.keys(each[2])) do found[#found + 1] = each[1] .. " " .. name end
  end
  local timers = 0
  for _, timer in ipairs(w.loop.heap) do timers = timers + (timer.fn and 1 or 0) end
  found[#found + 1] = "timers " .. timers
  return found
end

describe("what a client is given", function()
  -- A node of which only the loop counts: what is watched, what is timed.
  local function handle_of()
    local live, loop = { watch = 0, timer = 0 }, { fire = {} }
    local function begin(kind) live[kind] = live[kind] + 1 end
    local function finish(kind)
      return function() live[kind] = live[kind] - 1 end
    end
    function loop.after(_, _, fn)
      begin "timer"
      loop.fire[#loop.fire + 1] = function()
        finish "timer"()
        fn()
      end
      return { cancel = finish "timer" }
    end
    function loop.watch(_, fd)
      if fd < 0 then return nil, "EBADF: no fd", "EBADF" end
      begin "watch"
      return { set = function(_, events) return events end, close = finish "watch" }
    end
    return require "clients.handle".new({ loop = loop }, "toy"), loop, live
  end

  it("ends once, by itself or with the client, whatever it is", function()
    local handle, loop, live = handle_of()
    local watch = handle.loop:watch(3, "r", function() end)
    assert.equal("w", watch:set "w")
    watch:close()
    watch:close()
    assert.equal(0, live.watch)
    assert.equal("EBADF", select(3, handle.loop:watch(-1, "r", function() end)))
    handle.loop:watch(4, "r", function() end)
    local fired = 0
    for _ = 1, 3 do handle.loop:after(5, function() fired = fired + 1 end) end
    loop.fire[1]()
    handle.loop:after(5, function() end):cancel()
    assert.same({ 1, 2, 1 }, { fired, live.timer, live.watch })
    local kept = 0
    for _ in pairs(handle.undos) do kept = kept + 1 end
    assert.equal(3, kept, "what is over is forgotten")
    handle:close(function(fault) error(fault, 0) end)
    assert.same({ timer = 0, watch = 0 }, live)
    assert.is_nil(next(handle.undos))
  end)
end)

describe("a client", function()
  before_each(function() toy.fails = nil end)

  it("is one file and one line: it hears, beats, answers, is a component, and the node has it by its name", function()
    local w, node, ask = world(WITH_TOY)
    assert(node.comms:propose("share/files", { class = "lab", names = { "a" }, size = 1 }, { key = file_key "a" }))
    w:run(3500)
    local one = node.toy
    assert.same({ true, true, true, 3, 3 }, { one.started, one.once, one.posted, one.beats, node.toys })
    assert.same({ file_key "a" }, one.heard)
    assert.same({ said = "hello" }, ask { command = "toy", say = "hello" })
    assert.is_true(node.commands:fill("status", {}).toy)
    assert.is_true(node.routing.components.toy { rest = "x" })
    assert.equal("x", one.message)
  end)

  it("leaves no trace when it ends, though it undoes nothing itself", function()
    local w, node = world { "clients.discovery" }
    local before = traces(w, node)
    local list = require "clients".new(node, { "spec.clients.toy" })
    node.clients.list[2] = list.list[1]
    assert(node.clients:open())
    node.clients:start()
    local one = node.toy
    assert.is_true(#traces(w, node) > #before)
    list:stop()
    assert.same(before, traces(w, node))
    assert(node.comms:propose("share/files", { class = "lab", names = { "a" }, size = 1 }, { key = file_key "a" }))
    w:run(3000)
    assert.same({ {}, nil, nil }, { one.heard, one.beats, one.posted })
  end)

  it("that throws, or cannot be here, leaves none either: the node runs without it and says so", function()
    local w, node = world { "clients.discovery" }
    local before = traces(w, node)
    for _, case in ipairs { { "open", "no toys today" }, { "refuse", "no box" }, { "start", "stuck" } } do
      toy.fails = case[1]
      node.clients.list[2] = { path = "spec.clients.toy" }
      assert.is_true(node.clients:open())
      node.clients:start()
      assert.same(before, traces(w, node), case[1])
      local failed = node.clients:failed()
      assert.same({ 1, "toy" }, { #failed, failed[1].name })
      assert.matches(case[2], failed[1].text, 1, true)
      assert.is_nil(failed[1].text:find("\n", 1, true), "one line")
    end
    node.clients.list[2] = { path = "spec.clients.no_such_client" }
    assert.is_true(node.clients:open())
    assert.equal("spec.clients.no_such_client", node.clients:failed()[1].name)
    w:run(5000)
    assert.equal("ready", node.discovery:nodes()[1].status)
  end)

  it("that failed is tried again when the policy changes, and its commands say meanwhile who is missing", function()
    toy.fails = "start"
    local _, node, ask = world(WITH_TOY)
    local answer, text, code = ask { command = "toy" }
    assert.same({ nil, "kind" }, { answer, code })
    assert.equal("kind: no such command: toy; status says why these do not run here: toy", text)
    node.clients:apply(node.policy)
    assert.equal(1, #node.clients:failed())
    toy.fails = nil
    node.clients:apply(node.policy)
    assert.same({}, node.clients:failed())
    assert.same({ true, 0 }, { node.toy.started, node.toy.applied })
    node.clients:apply(node.policy)
    assert.equal(1, node.toy.applied)
    assert.same({ said = "again" }, ask { command = "toy", say = "again" })
  end)

  it("that failed is named by those who need what it knows", function()
    local fake, asked = require "spec.clients.fake_node", require "spec.clients.asked"
    local node = fake.node(fake.two())
    local answer = asked.of(node)
    assert(answer { command = "report" })
    node.discovery = nil
    for _, command in ipairs { "report", "files", "sources", "folder", "dismiss" } do
      local _, text, code = answer { command = command, what = "run-12.bag" }
      assert.same({ "closed: discovery does not run here; status says why", "closed" }, { text, code })
    end
    assert(answer { command = "status" }.node)
  end)

  it("that fails at its end is ended all the same, and so are the others", function()
    local w, node = world(WITH_TOY)
    toy.fails = "stop"
    local said = 0
    node.log = setmetatable({ error = function() said = said + 1 end }, { __index = node.log })
    node:stop()
    assert.equal(1, said)
    assert.is_nil(node.toy)
    assert.is_nil(node.discovery)
    w:run(1000)
  end)

  it("is not given the name of another part of the node, or of another's command", function()
    local list = { "clients.discovery", "spec.clients.toy", "spec.clients.toy" }
    local _, node = world(list)
    assert.is_true(node.toy.started)
    assert.matches("toy", node.clients:failed()[1].text)
  end)

  it("without which nobody could reach the node keeps it from starting", function()
    local vital = { name = "vital", vital = true, open = function() return nil, "EADDRINUSE: taken", "EADDRINUSE" end }
    package.loaded["spec.clients.vital"] = vital
    finally(function() package.loaded["spec.clients.vital"] = nil end)
    local _, node = world {}
    node.clients.list[1] = { path = "spec.clients.vital" }
    local ok, text, code = node.clients:open()
    assert.same({ nil, "EADDRINUSE: taken", "EADDRINUSE" }, { ok, text, code })
    vital.needs = { "no_such_part" }
    assert.is_true(node.clients:open(), "it is not wanted where its parts are missing")
  end)
end)
