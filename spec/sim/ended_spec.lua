-- ended_spec.lua - clocks that are believed and wrong: words are out of sight, and none is lost for good.
local file_key = require "spec.file_key"
local memory = require("core.sim").memory
local sim = require "sim"

local HOUR = 3600 * 1000
local DAY = 24 * HOUR
local IN_2099 = 76 * 365 * DAY -- the simulator begins in 2023
local FILES = 300

local policy

local function world(seed)
  policy = policy or assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
  return sim.new { seed = seed, policy = policy }
end

local function share(node, i, size)
  return assert(node.comms:propose("share/files", { class = "lab", names = { "f" .. i }, size = size or 1 },
    { key = file_key("f" .. i) }))
end

local function held(node) return #node.dcache:statements "share/files" end

local function bytes(disk)
  local sum = 0
  for _, name in ipairs(disk:list "/state/journal") do
    if name:find "%.journal$" then sum = sum + #disk:read("/state/journal/" .. name) end
  end
  return sum
end

-- A world whose first node, "ada", signed FILES words, half of them twice, by a right clock and was stopped. → its disk
local function history(seed)
  local w, disk = world(seed), memory(seed)
  local ada = w:add("ada", { disk = disk })
  for i = 1, FILES do share(ada, i) end
  for i = 1, FILES, 2 do share(ada, i, 2) end -- so that there is something to compact
  w:run(10000)
  assert.equal(FILES, held(ada))
  ada:stop()
  table.remove(w.nodes)
  return w, disk
end

local function stop(w, number)
  w.nodes[number]:stop()
  table.remove(w.nodes, number)
end

-- So many words of a class that lives long that the journal has to be compacted.
local function churn(w, node)
  for round = 1, 12 do
    for i = 1, FILES do share(node, "new-" .. i, round) end
    w:run(60000)
  end
end

describe("a clock in 2099 that is believed", function()
  it("hides every word at once, and after a start with a right clock they are all there", function()
    local w, disk = history(1)
    local ada = w:add("ada", { disk = disk, boot = 2, ahead = IN_2099 })
    assert.equal(FILES, held(ada))
    w:run(20000)
    assert.equal("own", ada.time.source)
    assert.equal(0, held(ada))
    w:run(20 * HOUR)
    stop(w, 1)
    ada = w:add("ada", { disk = disk, boot = 3 })
    w:run(60000)
    assert.equal(FILES, held(ada))
    for _, one in ipairs(ada.dcache:statements "share/files") do
      local i = tonumber(one.data.names[1]:match "%d+")
      assert.equal(i % 2 == 1 and 2 or 1, one.data.size, "the newest word of its slot")
    end
  end)

  it("loses none by compaction either, start after start", function()
    local w, disk = history(2)
    for boot = 2, 4 do
      local ada = w:add("ada", { disk = disk, boot = boot, ahead = IN_2099 })
      w:run(20000)
      churn(w, ada)
      w:run(HOUR)
      stop(w, 1)
    end
    local ada, old = w:add("ada", { disk = disk, boot = 5 }), 0
    w:run(60000)
    for _, one in ipairs(ada.dcache:statements "share/files") do
      if not one.data.names[1]:find "new" then old = old + 1 end
    end
    assert.equal(FILES, old)
  end)

  it("that is contradicted gives them back without a start", function()
    local w, disk = history(3)
    local ada = w:add("ada", { disk = disk, boot = 2, ahead = IN_2099 })
    w:run(HOUR)
    assert.equal(0, held(ada))
    for i = 1, 3 do w:add("n" .. i) end -- who never held them
    w:run(15 * 60000)
    assert.equal("quorum", ada.time.source)
    assert.equal(FILES, held(ada))
    for i = 2, 4 do assert.equal(FILES, held(w.nodes[i]), "and they are given on") end
  end)

  it("that ran for more than a day has let their bytes go (the other side of the rule)", function()
    local w, disk = history(4)
    local before = bytes(disk)
    w:add("ada", { disk = disk, boot = 2, ahead = IN_2099 })
    w:run(23 * HOUR)
    assert.is_true(bytes(disk) >= before)
    w:run(2 * HOUR)
    assert.is_true(bytes(disk) < before // 10, bytes(disk) .. " bytes left")
  end)
end)

describe("a clock that is believed and far behind", function()
  it("hides as being of the future what a start with a right clock has back", function()
    local w, disk = history(5)
    local ada = w:add("ada", { disk = disk, boot = 2, ahead = -60 * DAY })
    w:run(20000)
    assert.equal("own", ada.time.source)
    assert.equal(0, held(ada))
    churn(w, ada)
    stop(w, 1)
    ada = w:add("ada", { disk = disk, boot = 3 })
    w:run(60000)
    local old = 0
    for _, one in ipairs(ada.dcache:statements "share/files") do
      if not one.data.names[1]:find "new" then old = old + 1 end
    end
    assert.equal(FILES, old)
  end)
end)

describe("the disk", function()
  it("gets the room of what really ended back, though nobody says a word any more", function()
    local w, disk = history(6)
    local before = bytes(disk)
    w:add("ada", { disk = disk, boot = 2 })
    w:run(32 * DAY)
    assert.is_true(bytes(disk) < before // 10, bytes(disk) .. " bytes left")
  end)

  it("is not filled where no run lasts a day: the earliest segments go", function()
    local journal = require "core.journal"
    local disk = memory(7)
    disk:mkdir "/j"
    local j = assert(journal.open(disk, "/j", { families = { "a" }, segment = 4096 }))
    for i = 1, 400 do assert(j:append("a", ("x"):rep(100), i)) end
    assert(j:flush())
    local all = j:status().bytes
    assert.equal(0, j:expire(1000, all))
    assert.is_true(j:expire(1000, 20000) > 0)
    assert.is_true(j:status().bytes <= 20000)
    local least = math.huge
    j:replay(function(_, _, _, ends) least = math.min(least, ends) end)
    assert.is_true(least > 200, "those with the earliest END went")
    assert.equal(0, j:expire(least - 1, 0))
    assert.is_true(j:expire(1000) > 0)
    j:close()
  end)
end)
