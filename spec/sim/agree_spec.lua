-- agree_spec.lua - what could keep nodes from agreeing for ever: other constants, another instant, a liar's lists.
local batch = require "core.batch"
local counted = require "spec.sim.counted"
local key = require "core.key"
local file_key = require "spec.file_key"
local sim = require "sim"
local statement = require "core.statement"
local stub = require "spec.net.stub"
local text = require "spec.codecs"

local MINUTE = 60 * 1000

local policy

local function world(seed)
  policy = policy or assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
  return sim.new { seed = seed, policy = policy }
end

local function share(node, name)
  local data = { class = "lab", names = { name }, size = 1 }
  return assert(node.comms:propose("share/files", data, { key = file_key(name) }))
end

describe("two nodes whose class has other constants", function()
  local function pair(seed, days)
    local w = world(seed)
    local other = setmetatable({ classes = function()
      local list = policy:classes()
      for _, class in ipairs(list) do
        if class.name == "share" then class.max_ttl = days * 86400 end
      end
      return list
    end }, { __index = policy })
    local ada, donald = w:add "ada", w:add("donald", { policy = other })
    w:run(10000)
    w.cut["10.0.0.2"] = true
    for i = 1, 5 do share(ada, "a" .. i) share(donald, "d" .. i) end
    w:run(MINUTE)
    w.cut["10.0.0.2"] = nil
    return w, ada, donald, counted(ada), counted(donald)
  end

  it("say so, compare no digest of it, and repair nothing of it for ever", function()
    local w, ada, donald, a, d = pair(1, 7)
    w:run(30 * MINUTE)
    for _, node in ipairs { ada, donald } do
      local unlike = node.comms:sync().unlike
      assert.same({ 1, "share", "law" }, { #unlike, unlike[1].class, unlike[1].why })
      assert.equal(0, node.comms:sync().equal)
    end
    assert.same({ 0, 0, 0, 0 }, { a.dials, a.wants, d.dials, d.wants })
  end)

  it("repair and agree when it has the same (negative control)", function()
    local w, ada, donald, a, d = pair(1, 30)
    w:run(5 * MINUTE)
    assert.is_true(a.dials + d.dials > 0)
    for _, node in ipairs { ada, donald } do
      assert.equal(10, #node.dcache:statements "share/files")
      assert.equal(1, node.comms:sync().equal)
    end
  end)
end)

describe("two nodes whose clocks differ by seconds", function()
  -- Words that end one after the other in the next half hour, on both. → how often one found the other unequal
  local function ending(seed, ahead)
    local w = world(seed)
    local ada, donald = w:add "ada", w:add("donald", { ahead = ahead })
    w:run(10000)
    local signer, class = key.generate(("s"):rep(32)), ada.dcache:class_of "share/files".class
    for i = 1, 110 do
      local at = w.loop:wall() - (class.max_ttl + 600) * 1000 + 20000 + i * 16000
      local from = at // 16000 * 16
      local st = assert(statement.sign(signer, "duckietown", { verb = "propose", bucket = "share/files",
        key = "k" .. i, at = at, valid_from = from, valid_until = from, data = "{}" }))
      for _, node in ipairs(w.nodes) do
        assert(node.comms.intake:frame(batch.new(st.line),
          stub.source(stub.channel "tcp", "10.0.0.9")))
      end
    end
    w:run(20000)
    local seen, unequal = { counted(ada), counted(donald) }, 0
    assert.is_true(ada.dcache.index:count "share" > 100)
    for _ = 1, 30 * 60 do
      w:run(1000)
      for _, node in ipairs(w.nodes) do
        node.comms.beacon:appear()
        if node.comms.peers.list[1].unequal then unequal = unequal + 1 end
      end
    end
    assert.equal(0, ada.dcache.index:count "share")
    return unequal, seen[1].dials + seen[2].dials
  end

  it("agree at every moment in which something ends: they speak of the instant that the beacon names", function()
    for _, ahead in ipairs { 0, 3000, -3000, 15000, -15000 } do
      assert.same({ 0, 0 }, { ending(3, ahead) }, ahead .. " ms ahead")
    end
  end)
end)

describe("a neighbour who lists what he never gives", function()
  it("is asked more and more rarely, and of nobody else is anything less repaired", function()
    local w = world(5)
    local ada, mallory, donald = w:add "ada", w:add "mallory", w:add "donald"
    local n = 0
    function mallory.dcache.digest(_, _, t) return text.unhex(("%032x"):format(t)), 7 end
    function mallory.dcache.ids()
      local list = {}
      for i = 1, 256 do
        n = n + 1
        list[i] = ("\1"):rep(8) .. string.pack(">i8", n)
      end
      return n < 2560 and list or { table.unpack(list, 1, 9) }
    end
    w:run(10000)
    local seen = counted(ada)
    w:run(60 * MINUTE)
    assert.is_true(seen.dials > 0 and seen.dials < 40, seen.dials .. " dials in an hour")
    assert.is_true(seen.wants < 400, seen.wants .. " wants in an hour")
    w.cut["10.0.0.3"] = true
    for i = 1, 5 do share(donald, "d" .. i) end
    w:run(MINUTE)
    w.cut["10.0.0.3"] = nil
    w:run(3 * MINUTE)
    assert.equal(5, #ada.dcache:statements "share/files")
  end)
end)
