-- node_spec.lua - nodes in one process under a virtual clock: they agree, heal, and one seed is one run.
local file_key = require "spec.file_key"
local frame = require "routing.channels.frame"
local sim = require "sim"
local stub = require "spec.net.stub"

local policy

local function world(options)
  policy = policy or assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
  options.policy = policy
  return sim.new(options)
end

local function three(options)
  local w = world(options)
  for _, name in ipairs { "ada", "donald", "gladstone" } do w:add(name) end
  return w
end

local function share(node, name)
  local data = { class = "lab", names = { name }, size = 1 }
  return assert(node.comms:propose("share/files", data, { key = file_key(name) }))
end

local function states(w)
  local list = {}
  for i, node in ipairs(w.nodes) do
    local same = node.discovery:same()
    list[i] = same.records .. " " .. same.digest
  end
  return list
end

local function agree(w, records)
  for _, state in ipairs(states(w)) do
    if state ~= states(w)[1] then return false end
  end
  return states(w)[1]:match "^(%d+) " == tostring(records)
end

-- Runs until TEST holds; virtual seconds that it took, or nil after MOST.
local function within(w, most, test)
  for second = 1, most do
    w:run(1000)
    if test() then return second end
  end
end

local function names(node)
  local list = {}
  for i, one in ipairs(node.discovery:nodes()) do list[i] = one.name .. " " .. one.status end
  table.sort(list)
  return list
end

describe("three nodes", function()
  it("find each other within five seconds and agree on what is shared", function()
    local w = three { seed = 1 }
    w:run(5000)
    for _, node in ipairs(w.nodes) do
      assert.same({ "ada ready", "donald ready", "gladstone ready" }, names(node))
    end
    share(w.nodes[1], "a")
    share(w.nodes[2], "b")
    assert.is_truthy(within(w, 5, function() return agree(w, 2) end))
    local record = w.nodes[3].dcache:statements "share/files"[1]
    assert.same({ "a" }, { table.unpack(record.data.names) })
    assert.is_true(record.holds)
  end)

  it("know each other's proved addresses and measured round trips", function()
    local w = three { seed = 2, delay = { 7, 7 } }
    w:run(5000)
    for _, node in ipairs(w.nodes) do
      for _, one in ipairs(node.discovery:nodes()) do
        if not one.self then
          assert.is_true(one.via.proved)
          assert.equal(14000, one.via.rtt_us)
        end
      end
    end
  end)

  it("never list one whose wire was cut from the start (negative control)", function()
    local w = three { seed = 3 }
    w.cut["10.0.0.3"] = true
    w:run(60000)
    assert.same({ "ada ready", "donald ready" }, names(w.nodes[1]))
    assert.same({ "gladstone ready" }, names(w.nodes[3]))
  end)

  it("agree at 30 % loss", function()
    for seed = 1, 5 do
      local w = three { seed = seed, loss = 0.3 }
      for i = 1, 20 do share(w.nodes[i % 3 + 1], "file-" .. i) end
      assert.is_truthy(within(w, 60, function() return agree(w, 20) end), "seed " .. seed)
    end
  end)

  it("heal after the wire was cut, by streams, whoever said what meanwhile", function()
    local w = three { seed = 6 }
    w:run(5000)
    w.cut["10.0.0.3"] = true
    for i = 1, 300 do share(w.nodes[1], "a" .. i) end
    for i = 1, 40 do share(w.nodes[3], "c" .. i) end
    w:run(60000)
    assert.is_false(agree(w, 340))
    assert.is_not.equal(2, w.nodes[3].discovery:same().equal, "a node that is cut off claims no agreement")
    w.cut["10.0.0.3"] = nil
    assert.is_truthy(within(w, 90, function() return agree(w, 340) end))
  end)

  it("bring back nothing that was dismissed while one was away", function()
    local w = three { seed = 7 }
    share(w.nodes[1], "gone")
    w:run(10000)
    w.cut["10.0.0.3"] = true
    assert(w.nodes[1].comms:dismiss("share/files", { key = file_key "gone" }))
    w:run(120000)
    assert.is_true(w.nodes[3].dcache:statements "share/files"[1].holds)
    w.cut["10.0.0.3"] = nil
    assert.is_truthy(within(w, 90, function() return not w.nodes[3].dcache:statements "share/files"[1].holds end))
    w:run(60000)
    for _, node in ipairs(w.nodes) do assert.is_false(node.dcache:statements "share/files"[1].holds) end
  end)

  it("take in a newcomer, who soon holds all and is known by name and type", function()
    local w = three { seed = 8 }
    for i = 1, 50 do share(w.nodes[1], "f" .. i) end
    w:run(300000)
    w:add "fethry"
    assert.is_truthy(within(w, 10, function() return agree(w, 50) end))
    w:run(5000)
    for _, one in ipairs(w.nodes[4].discovery:nodes()) do assert.equal("laptop", one.type) end
  end)
end)

describe("a node", function()
  it("that starts twice in a row is told who is here each time", function()
    local w = world { seed = 21 }
    w:add "ada"
    for boot = 1, 3 do
      local second = w:add("donald", { boot = boot })
      w:run(boot < 3 and 4000 or 15000)
      if boot == 3 then assert.equal("laptop", second.discovery:nodes()[2].type) end
      second:stop()
      table.remove(w.nodes)
    end
  end)

  it("that starts again from its disk remembers kept words and forgets presence", function()
    local w = world { seed = 9 }
    local disk = require "core.sim".memory(9)
    local first = w:add("ada", { disk = disk })
    share(first, "kept")
    w:run(1000)
    first:stop()
    table.remove(w.nodes)
    local second = w:add("ada", { disk = disk, boot = 2 })
    assert.equal(1, #second.dcache:statements "share/files")
    assert.equal(1, #second.dcache:statements "peer", "its own new word only")
    share(second, "kept")
    assert.equal(1, #second.dcache:statements "share/files")
  end)

  it("shows a clone that speaks with its key", function()
    local w = world { seed = 10 }
    local one = w:add "ada"
    w:add("ada", { boot = 5 })
    w:run(5000)
    assert.equal("clone?", one.discovery:nodes()[1].status)
    assert.equal("also at 10.0.0.2", one.discovery:nodes()[1].note)
  end)

  it("refuses what it must, and counts it by word", function()
    local w = three { seed = 11 }
    w:run(3000)
    local node = w.nodes[1]
    local source = stub.source(node.routing.list[1], "10.9.9.9")
    for text, word in pairs { ["nonsense"] = "form", ["* - 8 whatever"] = "kind", ["* - 9 ping"] = "hops",
      ["/dswarm/" .. w.nodes[2].id .. "/brain - 8 beacon x"] = "unproved", ["* - 8 beacon x"] = "form",
      ["* - 8 statements\nrubbish"] = "form" } do
      local before = node.refused[word] or 0
      node.routing:frame(source, frame.read(text))
      assert.equal(before + 1, node.refused[word], text)
    end
  end)
end)

describe("one seed", function()
  local function run(seed)
    local pipe = io.popen(("lua5.4 spec/sim/run.lua %d 20 2>&1"):format(seed))
    local text = pipe:read "a"
    pipe:close()
    return text
  end

  it("is one run, to the byte, in two processes without any clock or chance of their own", function()
    local first = run(42)
    assert.truthy(first:match "^%x+%s+%d+\n$", first)
    assert.equal(first, run(42))
    assert.is_not.equal(first, run(43))
  end)
end)
