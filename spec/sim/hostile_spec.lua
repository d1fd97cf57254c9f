-- hostile_spec.lua - nodes in one process among members that lie about the time, flood a slot, censor or are twins.
local frame = require "routing.channels.frame"
local key = require "core.key"
local file_key = require "spec.file_key"
local sim = require "sim"
local statement = require "core.statement"
local stub = require "spec.net.stub"

local YEAR = 365 * 86400 * 1000
local IN_2099 = 76 * YEAR -- the simulator begins in 2023
local IN_1970 = -53 * YEAR
local GARBAGE = ("A"):rep(85) .. "g"

local policy

local function world(seed, clocks)
  policy = policy or assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
  local w = sim.new { seed = seed, policy = policy }
  for i, clock in ipairs(clocks) do w:add("n" .. i, clock) end
  return w
end

local TRUE, NONE = {}, { clock = false }

local function share(node, name)
  local data = { class = "lab", names = { name }, size = 1 }
  return assert(node.comms:propose("share/files", data, { key = file_key(name) }))
end

-- Names of the shared files that hold on a node, those of the given signers only, sorted.
local function held(node, signers)
  local wanted, list = {}, {}
  for _, other in ipairs(signers) do wanted[other.id] = true end
  for _, record in ipairs(node.dcache:statements "share/files") do
    if record.verb == "propose" and wanted[record.signer] then list[#list + 1] = record.data.names[1] end
  end
  table.sort(list)
  return table.concat(list, " ")
end

-- TEXT as if HOST had sent it to NODE by CHANNEL, its medium unless given.
local function hears(node, text, host, channel)
  channel = channel or node.routing.list[1]
  local source = stub.source(channel, host, { broadcast = channel.traits.medium, received = #text })
  return node.routing:frame(source, frame.read(text))
end

local function frames_sent(w)
  local n = 0
  for _, node in ipairs(w.nodes) do n = n + node.routing.list[1].sent.frames end
  return n
end

describe("one member in 2099", function()
  it("expires nobody's words, on nodes with a clock and without", function()
    local w = world(1, { TRUE, TRUE, TRUE, NONE, NONE, { ahead = IN_2099 }, { ahead = IN_1970 } })
    w:run(120000)
    for i, node in ipairs(w.nodes) do share(node, "f" .. i) end
    for minute = 1, 60 do
      w:run(60000)
      for i = 1, 5 do
        local all = held(w.nodes[i], { table.unpack(w.nodes, 1, 5) })
        assert.is_truthy(minute < 2 or all == "f1 f2 f3 f4 f5", ("minute %d, node %d: %s"):format(minute, i, all))
      end
    end
    for i = 1, 3 do
      assert.is_true(w.nodes[i].refused.future > 0, "node " .. i)
      assert.equal("own", w.nodes[i].time.source)
    end
    for i = 4, 5 do -- three agree, and the one from 2099 is no third
      assert.equal("quorum", w.nodes[i].time.source)
      assert.is_true(math.abs(w.nodes[i].time:now() - w.loop:wall()) < 5 * 60000)
    end
    for i = 1, 5 do -- nobody with a proved time holds a word of the future
      for _, record in ipairs(w.nodes[i].dcache:statements "share/files") do
        assert.is_true(record.at < w.loop:wall() + YEAR, "node " .. i)
      end
    end
  end)

  it("is not believed by who knows nothing better; one a year ahead is, and yet ends no word of theirs", function()
    local w = world(2, { NONE, NONE, { ahead = IN_2099 } })
    w:run(600 * 1000)
    assert.equal("none", w.nodes[1].time.quality)
    w = world(2, { NONE, NONE, { ahead = YEAR } })
    local quiet = { table.unpack(w.nodes, 1, 2) }
    share(w.nodes[1], "a")
    share(w.nodes[2], "b")
    w:run(3600 * 1000)
    for i = 1, 2 do
      assert.equal("adopted", w.nodes[i].time.quality)
      assert.equal("a b", held(w.nodes[i], quiet))
    end
    w.cut["10.0.0.3"] = true
    w:run(3600 * 1000)
    for _ = 1, 3 do w:add("late" .. #w.nodes, TRUE) end
    w:run(600 * 1000)
    for i = 1, 2 do -- and they come back from there when three prove another
      assert.equal("quorum", w.nodes[i].time.source)
      share(w.nodes[i], "again" .. i)
    end
    w:run(10000)
    for i = 4, 6 do assert.equal("again1 again2", held(w.nodes[i], quiet), "node " .. i) end
  end)
end)

describe("a word whose copy with a garbage signature comes first", function()
  for _, case in ipairs { { "once" }, { "a thousand times", 1000 } } do
    it("is taken in all the same, sent " .. case[1], function()
      local w = world(3, { TRUE, TRUE, TRUE })
      w:run(5000)
      local signer = key.generate(("s"):rep(32))
      local now = w.loop:wall()
      local real = assert(statement.sign(signer, "duckietown", { verb = "propose", bucket = "share/files", key = "k",
        at = now, valid_from = now // 16000 * 16, valid_until = now // 16000 * 16 + 3600, data = "{}" })).line
      local forged = GARBAGE .. real:sub(87)
      for _, node in ipairs(w.nodes) do
        for n = 1, case[2] or 1 do
          hears(node, "* - 8 statements\n" .. forged, ("10.9.%d.%d"):format(n // 250, n % 250))
        end
      end
      for _, node in ipairs(w.nodes) do assert.equal(0, #node.dcache:statements "share/files") end
      assert.is_true(w.nodes[1].refused.signature > 0)
      w.nodes[1].routing.list[1]:send(stub.message("* - 8 statements\n" .. real), nil) -- from a proved address
      w:run(2000)
      for i = 2, 3 do assert.equal(1, #w.nodes[i].dcache:statements "share/files", "node " .. i) end
    end)
  end
end)

describe("a signer", function()
  it("who says a thousand words a second in one slot is passed on a few times, with his newest", function()
    local w = world(4, { TRUE, TRUE, TRUE })
    local stream = stub.channel("tcp", { name = "tcp 99" })
    w:run(20000)
    local signer, start = key.generate(("f"):rep(32)), w.loop:wall()
    local before = frames_sent(w)
    for n = 1, 1000 do
      local st = assert(statement.sign(signer, "duckietown", { verb = "propose", bucket = "share/verified", key = "k",
        at = start + n, valid_from = start // 16000 * 16, valid_until = start // 16000 * 16 + 3600,
        data = ('{"n":%d}'):format(n) }))
      hears(w.nodes[1], "* - 8 statements\n" .. st.line, "10.9.9.9", stream)
      w:run(1)
    end
    w:run(3000)
    for _, node in ipairs(w.nodes) do
      local records = node.dcache:statements "share/verified"
      assert.equal(1, #records)
      assert.equal(1000, records[1].data.n)
    end
    local said = frames_sent(w) - before
    assert.is_true(said < 20, said .. " frames for one slot")
  end)

  it("who has a twin does not duel with it: they say a few times what one alone would, and both know", function()
    local function said(clocks)
      local w = world(5, clocks)
      w:run(60000)
      local before = frames_sent(w)
      w:run(30 * 60000)
      return frames_sent(w) - before, w
    end
    local owner = key.generate(("t"):rep(32))
    local identity = { id = owner:id(), key = owner }
    local alone = said { { identity = identity }, TRUE, TRUE }
    local twins, w = said { { identity = identity }, { identity = identity, boot = 7 }, TRUE }
    assert.is_true(twins <= 4 * alone, ("%d frames, and %d without a twin"):format(twins, alone))
    for i = 1, 2 do assert.equal("clone?", w.nodes[i].discovery:nodes()[1].status, "node " .. i) end
  end)
end)

describe("a clock that says it is synchronised, and is not,", function()
  for _, case in ipairs { { "in 2099", IN_2099 }, { "a year behind", -YEAR // 6 }, { "a day ahead", 86400 * 1000 } } do
    it("is contradicted by three who say otherwise: " .. case[1], function()
      local w = world(6, { TRUE, TRUE, TRUE, { ahead = case[2] } })
      w:run(15 * 60000)
      local liar = w.nodes[4]
      assert.equal("quorum", liar.time.source)
      assert.is_true(math.abs(liar.time:now() - w.loop:wall()) < 5 * 60000)
      for i, node in ipairs(w.nodes) do share(node, "f" .. i) end
      w:run(60000)
      for i, node in ipairs(w.nodes) do assert.equal("f1 f2 f3 f4", held(node, w.nodes), "node " .. i) end
    end)
  end

  it("is not contradicted by old words of three who are not here", function()
    local w = world(7, { TRUE, TRUE, TRUE, TRUE })
    local old = {}
    for i = 2, 4 do
      local node = w.nodes[i]
      for _, entry in ipairs(node.dcache.index:bucket "peer") do
        local st = statement.parse(entry.text or node.dcache:line(entry.short))
        if st and st.signer == node.id then old[#old + 1] = st.line end
      end
    end
    assert.equal(3, #old)
    w:run(10000)
    for i = 2, 4 do w.cut["10.0.0." .. i] = true end
    w:run(3 * 3600 * 1000)
    for n = 1, 20 do
      for _, line in ipairs(old) do hears(w.nodes[1], "* - 8 statements\n" .. line, "10.9.9." .. n) end
      w:run(60000)
    end
    assert.equal("own", w.nodes[1].time.source)
    assert.is_true(w.nodes[1].refused.ended >= 60)
  end)

  it("is not contradicted by words of another time that three who are here never signed", function()
    local w = world(8, { TRUE, TRUE, TRUE, TRUE })
    w:run(20000)
    local at = w.loop:wall() + 86400 * 1000
    for n = 1, 20 do
      for i = 2, 4 do
        local node = w.nodes[i]
        local word = assert(statement.sign(node.key, "elsewhere", { verb = "propose", bucket = "peer", key = node.id,
          at = at + n, valid_from = at // 16000 * 16, valid_until = at // 16000 * 16 + 960, data = '{"clock":"own"}' }))
        hears(w.nodes[1], "* - 8 statements\n" .. word.line, "10.9.9." .. n)
      end
    end
    w:run(60000)
    assert.equal("own", w.nodes[1].time.source)
    assert.equal(60, w.nodes[1].refused.future)
  end)
end)
