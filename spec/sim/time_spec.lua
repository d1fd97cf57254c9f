-- time_spec.lua - nodes without a clock, with a wrong one, and after a loss: what they say and what they believe.
local file_key = require "spec.file_key"
local kept = require "kept"
local sim = require "sim"
local memory = require("core.sim").memory

local policy

local function world(options)
  policy = policy or assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
  options.policy = policy
  return sim.new(options)
end

local function share(node, name)
  local data = { class = "lab", names = { name }, size = 1 }
  return assert(node.comms:propose("share/files", data, { key = file_key(name) }))
end

-- Ends node NUMBER as a power cut does: it says no more, nothing is synced. → its disk after the cut
local function cut_power(w, number, disk)
  local one = table.remove(w.nodes, number)
  one.log = nil
  one.routing:stop()
  for _, part in ipairs { "comms", "discovery" } do one[part]:stop() end
  for _, part in ipairs { one.dcache, one.dcache.syncing } do part.timer:cancel() end
  return disk:crash(number)
end

local function word_of(node, id)
  for _, record in ipairs(node.dcache:statements "peer") do
    if record.signer == id then return record end
  end
end

local function type_of(node, name)
  for _, one in ipairs(node.discovery:nodes()) do
    if one.name == name then return one.type end
  end
end

describe("a robot without a clock", function()
  it("is known by type within seconds: what it said before it adopted the time is said again", function()
    local w = world { seed = 21 }
    local ada = w:add "ada"
    w:add("donald", { clock = false })
    w:run(8000)
    assert.equal("adopted", w.nodes[2].time.quality)
    assert.equal("laptop", type_of(ada, "donald"))
    assert.is_true(math.abs(word_of(ada, w.nodes[2].id).at - w.loop:wall()) < 10000)
  end)

  it("is believed after a restart, though its soft words are in no journal", function()
    for _, clock in ipairs { true, false } do -- the neighbour's
      local w, disk = world { seed = 22 }, memory(22)
      local ada = w:add("ada", { clock = clock })
      local donald = w:add("donald", { clock = false, disk = disk })
      for round = 2, 20 do
        w:run(20000)
        local before = assert(word_of(ada, donald.id)).at
        disk = cut_power(w, 2, disk)
        local refused = ada.refused.older
        donald = w:add("donald", { clock = false, disk = disk, boot = round })
        w:run(8000)
        assert.is_true(word_of(ada, donald.id).at > before, "a newer word, in round " .. round)
        assert.equal(refused, ada.refused.older)
      end
    end
  end)

  it("says words that hold at once, here and elsewhere, though they are stamped ahead of its time", function()
    local function own_file_holds(node, name)
      for _, record in ipairs(node.dcache:statements "share/files") do
        if record.data.names[1] == name then return record.holds end
      end
    end
    for _, alone in ipairs { true, false } do
      local w, disk = world { seed = 26 }, memory(26)
      local ada = w:add "ada"
      local donald = w:add("donald", { clock = false, disk = disk })
      w:run(20000)
      share(donald, "before")
      disk = cut_power(w, 2, disk)
      if alone then ada.time:close() w = world { seed = 27 } end
      donald = w:add("donald", { clock = false, disk = disk, boot = 2 })
      w:run(8000)
      local at = share(donald, "after").at
      assert.is_true(alone or at <= w.loop:wall(), "a file's age is right, though soft words go on from their mark")
      w:run(8000)
      assert.is_true(own_file_holds(donald, "after"))
      assert.is_true(alone or own_file_holds(ada, "after"))
    end
  end)

  it("says no word before the mark above it is on the disk, and waits for a slow disk beside the loop", function()
    local w, disk, held = world { seed = 28 }, memory(28), {}
    local ada = w:add "ada"
    local donald = w:add("donald", { clock = false, disk = disk, flusher = function()
      return { close = function() end, run = function(_, make, what, done)
        held[#held + 1] = function()
          if what.path then disk:replace(what.path, what.bytes) end
          done {}
        end
        return make and {}
      end }
    end })
    w:run(8000)
    assert.is_nil(disk:read "/state/stamp")
    assert.is_nil(word_of(ada, donald.id))
    assert.is_truthy(word_of(donald, donald.id), "it was made")
    assert.is_true(#held > 0)
    for _, write in ipairs(held) do write() end
    w:run(8000)
    assert.is_true(word_of(ada, donald.id).at <= kept.decode(disk:read "/state/stamp"))
  end)

  it("keeps no mark while its own clock proves the time", function()
    local w, disk = world { seed = 23 }, memory(23)
    w:add("ada", { disk = disk })
    w:run(60000)
    assert.is_nil(disk:read "/state/stamp")
  end)
end)

describe("words from the future", function()
  -- ada's clock is a year ahead, and nobody here can tell: her words are taken in.
  local function misled()
    local w = world { seed = 24 }
    local ada = w:add("ada", { clock = false })
    ada.time.floor.at = w.loop:wall() + 365 * 86400 * 1000
    ada.discovery:announce()
    local donald = w:add("donald", { clock = false })
    donald.time.floor.at = ada.time.floor.at
    donald.discovery:announce()
    share(ada, "far")
    w:run(20000)
    share(donald, "own")
    w:run(20000)
    return w, ada, donald
  end

  it("go when the time becomes proved; one's own are made again", function()
    local w, ada, donald = misled()
    local far = w.loop:wall() + 300 * 86400 * 1000
    assert.is_true(donald.time:now() > far)
    assert.equal(2, #donald.dcache:statements "share/files")
    assert.is_true(word_of(donald, donald.id).at > far)
    donald.time.believe = true -- its clock is synchronised from now on
    w:run(17000)
    assert.equal("own", donald.time.source)
    assert.equal(0, #donald.dcache:statements "share/files")
    w:run(2000)
    assert.is_true(math.abs(word_of(donald, donald.id).at - w.loop:wall()) < 20000)
    assert.is_true((donald.refused.future or 0) >= 3)
    assert.is_true(math.abs(share(donald, "own").at - w.loop:wall()) < 10)
    w:run(20000)
    assert.equal(1, #donald.dcache:statements "share/files", "they do not come back")
    assert.is_true(ada.time:now() > far, "nobody proved it to her")
  end)

  it("leave no mark behind that the next start would begin from", function()
    local w, disk = world { seed = 25 }, memory(25)
    local ada = w:add("ada", { clock = false, disk = disk })
    ada.time.floor.at = w.loop:wall() + 365 * 86400 * 1000
    ada.discovery:announce()
    w:run(10)
    assert.is_true(kept.decode(disk:read "/state/stamp") > w.loop:wall() + 300 * 86400 * 1000)
    ada.time.believe = true
    w:run(20000)
    assert.is_true(kept.decode(disk:read "/state/stamp") < w.loop:wall() + 300000)
  end)
end)

describe("after a loss", function()
  local function damaged(seed)
    local w, disk = world { seed = seed }, memory(seed)
    local ada = w:add "ada"
    local donald = w:add("donald", { disk = disk })
    for i = 1, 20 do share(donald, "f" .. i) end
    w:run(10000)
    donald:stop()
    table.remove(w.nodes)
    for _, name in ipairs(disk:list "/state/journal") do
      local path = "/state/journal/" .. name
      local text = disk:read(path)
      if #text > 2000 then
        local at = #text // 2
        disk:replace(path, text:sub(1, at) .. string.char(text:byte(at + 1) ~ 1) .. text:sub(at + 2))
      end
    end
    return w, ada, disk
  end

  local function unsure(node)
    local names = {}
    for _, class in ipairs(node.dcache:classes()) do
      if class.unsure then names[#names + 1] = class.name end
    end
    return table.concat(names, " ")
  end

  it("the classes concerned are unsure until a neighbour's digest agrees", function()
    local w, ada, disk = damaged(26)
    w.cut["10.0.0.2"] = true
    local donald = w:add("donald", { disk = disk, boot = 2 })
    assert.equal("share", unsure(donald))
    assert.equal(19, #donald.dcache:statements "share/files")
    assert.is_false(donald.dcache:sure "share")
    assert.is_true(donald.dcache:sure "trust")
    w:run(120000)
    assert.equal("share", unsure(donald), "nobody agreed")
    local aside = table.concat(disk:list "/state/journal", " ")
    assert.truthy(aside:find("damaged%-20260101"), aside)
    w.cut["10.0.0.2"] = nil
    w:run(60000)
    assert.equal(20, #donald.dcache:statements "share/files", "what was lost came back")
    assert.equal("", unsure(donald))
    assert.equal("", unsure(ada))
  end)

  it("a torn end that held words is a loss, too; a whole journal is none", function()
    local w, disk = world { seed = 28 }, memory(28)
    for boot, torn in ipairs { false, false, true } do
      local one = w:add("ada", { disk = disk, boot = boot })
      if boot == 1 then share(one, "a") end
      assert.equal("", unsure(one), "start " .. boot)
      one:stop()
      table.remove(w.nodes)
      for _, name in ipairs(torn and disk:list "/state/journal" or {}) do
        local path = "/state/journal/" .. name
        if name:find "%.journal$" then disk:replace(path, disk:read(path) .. "half a line, and") end
      end
    end
    assert.equal("share", unsure(w:add("ada", { disk = disk, boot = 4 })))
  end)

  it("a neighbour who holds something else convinces nobody", function()
    local w, ada, disk = damaged(27)
    for i = 1, 5 do share(ada, "a" .. i) end
    local donald = w:add("donald", { disk = disk, boot = 2 })
    donald.comms.dial, ada.comms.dial = function() end, function() end -- no repair
    w:run(180000)
    assert.is_true(donald.comms:sync().of == 1)
    assert.equal("share", unsure(donald))
  end)
end)

describe("own words that others still have and this disk does not know", function()
  -- donald starts again from an image of his disk that is older than some of his words. → how often he put them right
  local function restored(seed, more)
    local w, disk = world { seed = seed }, memory(seed)
    w:add "ada"
    local donald = w:add("donald", { disk = disk })
    share(donald, "old")
    w:run(10000)
    local image = disk:crash(1)
    share(donald, "new")
    w:run(10000)
    donald:stop()
    table.remove(w.nodes)
    donald = w:add("donald", { disk = image, boot = 2 })
    local times = {}
    donald.content = { put_right = function() times[#times + 1] = w.loop.time end, say_again = function() end }
    if more then more(w, donald) end
    w:run(3 * 60000)
    return times, donald, w
  end

  it("come back, and are looked at once", function()
    local times, donald, w = restored(31)
    assert.equal(2, #donald.dcache:statements "share/files")
    assert.equal(1, #times)
    assert.is_true(share(donald, "new").at > w.loop:wall() - 10)
    w:run(3 * 3600 * 1000)
    assert.equal(1, #times)
  end)

  it("of a twin are not answered word by word", function()
    local times, _, w = restored(32, function(w, donald)
      w:add("donald", { boot = 9, identity = { id = donald.id, key = donald.key } })
    end)
    for i = 1, 120 do
      share(w.nodes[3], "twin" .. i % 3)
      w:run(60000)
    end
    assert.is_true(#times >= 1 and #times <= 3, #times .. " times in two hours")
  end)
end)
