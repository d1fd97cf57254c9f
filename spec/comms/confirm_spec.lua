-- confirm_spec.lua - after a loss: whose agreement lifts the doubt, and who only says our own digest back.
local file_key = require "spec.file_key"
local batch = require "core.batch"
local key = require "core.key"
local memory = require("core.sim").memory
local sim = require "sim"
local statement = require "core.statement"
local stub = require "spec.net.stub"

local MINUTE = 60 * 1000

local policy

local function world(seed, options)
  policy = policy or assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
  options = options or {}
  options.seed, options.policy = seed, policy
  return sim.new(options)
end

local function share(node, name)
  local data = { class = "lab", names = { name }, size = 1 }
  return assert(node.comms:propose("share/files", data, { key = file_key(name) }))
end

local function held(node) return #node.dcache:statements "share/files" end
local function sure(node) return node.dcache:sure "share" end

-- One byte in the middle of the journal of DISK is another.
local function damage(disk)
  for _, name in ipairs(disk:list "/state/journal") do
    local path = "/state/journal/" .. name
    local text = disk:read(path)
    if #text > 2000 and name:find "%.journal$" then
      local at = #text // 2
      disk:replace(path, text:sub(1, at) .. string.char(text:byte(at + 1) ~ 1) .. text:sub(at + 2))
    end
  end
end

-- "ada" holds twenty files; the journal of her neighbour "donald", on DISK, has lost one; the lines of the others.
local function loss(seed, options)
  local w, disk = world(seed, options), memory(seed)
  local ada = w:add "ada"
  local donald = w:add("donald", { disk = disk })
  for i = 1, 20 do share(i % 2 == 0 and ada or donald, "f" .. i) end
  w:run(10000)
  assert.equal(20, held(donald))
  donald:stop()
  table.remove(w.nodes)
  damage(disk)
  return w, ada, disk
end

-- Cuts off who is there; "donald" starts again. → donald
local function alone(w, disk)
  for _, node in ipairs(w.nodes) do w.cut[node.host] = true end
  local donald = w:add("donald", { disk = disk, boot = 2 })
  assert.is_false(sure(donald))
  assert.equal(19, held(donald))
  return donald
end

-- A node that says of `share` what VICTIM said last of it, in a beacon or by listing it; it holds nothing.
local function echo(w, name, victim)
  local one, heard = w:add(name), nil
  local hear, digest = one.comms.beacon.hear, one.dcache.digest
  function one.comms.beacon.hear(...)
    local facts, peer, newcomer, known = hear(...)
    for _, class in ipairs(facts and facts.id == victim.id and facts.classes or {}) do
      if class.name == "share" then heard = class.digest end
    end
    return facts, peer, newcomer, known
  end
  one.comms.repair.ids = function() return true end -- it wants nothing and lists nothing
  function one.dcache.digest(self, class, t)
    if class == "share" and heard then return heard, 19 end
    return digest(self, class, t)
  end
  return one, function() return heard end
end

-- A node that holds just what VICTIM has left; it lists nothing, and takes nothing in any more.
local function holds_the_rest(w, name, victim)
  local one = w:add(name)
  for _, record in ipairs(victim.dcache.index:bucket "share/files") do
    assert(one.comms.intake:frame(batch.new(victim.dcache:line(record.short)),
      stub.source(stub.channel "tcp", "10.0.0.9")))
  end
  one.comms.repair.ids = function() return true end
  one.comms.intake.frame = function() return nil, "older: no", "older" end
  return one
end

describe("a doubt after a loss", function()
  it("is lifted soon by a neighbour who knew all without us, and what was lost is back", function()
    local w, _, disk = loss(1)
    local donald = alone(w, disk)
    w:run(10 * MINUTE)
    assert.is_false(sure(donald))
    w.cut["10.0.0.1"] = nil
    w:run(2 * MINUTE)
    assert.is_true(sure(donald))
    assert.equal(20, held(donald))
  end)

  it("is lifted by nobody who says our own digest back, whether he hears it late or never", function()
    local w, _, disk = loss(2)
    local donald = alone(w, disk)
    local mallory, heard = echo(w, "mallory", donald)
    w:run(4 * MINUTE)
    assert.is_not_nil(donald.comms.peers:best(donald.comms.peers.by_id[mallory.id]))
    assert.is_nil(heard(), "nothing was said that could be said back")
    assert.is_false(sure(donald))
    w:run(60 * MINUTE)
    assert.is_not_nil(heard(), "others may need what is held here")
    assert.equal(heard(), (donald.dcache:digest("share", donald.comms.beacon:tick())))
    assert.is_false(sure(donald))
  end)

  it("is lifted at once by such a one where there is none (negative control of the liar)", function()
    local w, _, disk = loss(3)
    local donald = alone(w, disk)
    donald.comms.confirm.speaks = function() return true end
    echo(w, "mallory", donald)
    w:run(4 * MINUTE)
    assert.is_true(sure(donald))
    assert.equal(19, held(donald), "and the lost word is not back")
  end)

  it("is not lifted by a newcomer who has all from us; he gets it, later", function()
    local w, _, disk = loss(4)
    local donald = alone(w, disk)
    local new = w:add "new"
    w:run(4 * MINUTE)
    assert.equal(0, held(new))
    w:run(10 * MINUTE)
    assert.equal(19, held(new))
    w:run(60 * MINUTE)
    assert.is_false(sure(donald))
    w.cut["10.0.0.1"] = nil -- two hosts hold the same then, and one knew it
    w:run(2 * MINUTE)
    assert.is_true(sure(donald))
    assert.equal(20, held(donald))
  end)

  it("is not lifted, while somebody says otherwise, by one who holds just what we have left", function()
    local w, ada, disk = loss(5)
    local donald = alone(w, disk)
    holds_the_rest(w, "mallory", donald)
    w.cut["10.0.0.1"] = nil
    local dial, held_at = donald.comms.dial, nil
    donald.comms.dial = function(host, port, done) -- the way to ada is slow to open
      if host == ada.host and w.loop.time < 40 * MINUTE and not held_at then
        return w.loop:after(15000, function() dial(host, port, done) end)
      end
      return dial(host, port, done)
    end
    local agreed = donald.dcache.agreed
    function donald.dcache.agreed(self, class) held_at = held_at or held(donald) agreed(self, class) end
    w:run(3 * MINUTE)
    assert.is_true(sure(donald))
    assert.equal(20, held_at)
  end)

  it("is lifted though words were said meanwhile that the neighbour missed", function()
    local w, _, disk = loss(6)
    local donald = alone(w, disk)
    share(donald, "said-alone")
    w:run(MINUTE)
    w.cut["10.0.0.1"] = nil
    w.nodes[1].comms.beacon:appear() -- as who finds a network again
    w:run(20000)
    assert.is_true(sure(donald))
    assert.equal(21, held(w.nodes[1]))
  end)

  it("is lifted over a wire that loses a third of all", function()
    local soon, seeds = 0, 60
    for seed = 11, 10 + seeds do
      local w, _, disk = loss(seed)
      w.loss = 0.33
      local donald = w:add("donald", { disk = disk, boot = 2 })
      share(donald, "one-more")
      w:run(4 * MINUTE)
      if sure(donald) then soon = soon + 1 end
      w:run(11 * MINUTE)
      assert.is_true(sure(donald), "seed " .. seed)
    end
    assert.is_true(soon * 10 >= seeds * 9, ("%d of %d within four minutes"):format(soon, seeds))
  end)

  it("outlasts a start, and once lifted does not come back", function()
    local w, _, disk = loss(7)
    alone(w, disk):stop()
    table.remove(w.nodes)
    local donald = w:add("donald", { disk = disk, boot = 3 })
    assert.is_false(sure(donald))
    assert.is_true(donald.dcache:sure "trust")
    w.cut["10.0.0.1"] = nil
    w:run(20000)
    assert.is_true(sure(donald))
    donald:stop()
    table.remove(w.nodes)
    w.cut["10.0.0.1"] = true
    assert.is_true(sure(w:add("donald", { disk = disk, boot = 4 })))
  end)

  -- ada has no clock: she holds, for ever, a word that ended, and her T is that of her build.
  local function clockless(seed)
    local w, disk = world(seed), memory(seed)
    local ada = w:add("ada", { clock = false })
    local donald = w:add("donald", { disk = disk })
    local old, k = 1691000000, key.generate(("o"):rep(32))
    assert(ada.comms.intake:frame(batch.new(assert(statement.sign(k, "duckietown", { verb = "propose",
      bucket = "share/files", key = "ended", at = old * 1000, valid_from = old // 16 * 16,
      valid_until = old // 16 * 16 + 32, data = "{}" })).line),
      stub.source(stub.channel "tcp", "10.0.0.9")))
    w:run(5000)
    for i = 1, 20 do share(i % 2 == 0 and ada or donald, "f" .. i) end
    w:run(30000)
    assert.same({ 21, 20 }, { held(ada), held(donald) })
    donald:stop()
    table.remove(w.nodes)
    damage(disk)
    return w, ada, disk
  end

  it("is lifted by the list of a neighbour without a clock, whose digest tells nothing at his T", function()
    local w, ada, disk = clockless(9)
    local donald = alone(w, disk)
    w.cut[ada.host] = nil
    w:run(60000)
    assert.is_true(sure(donald))
    assert.equal(20, held(donald))
  end)

  it("is not lifted by such a list that is shorter, or that only seems as long", function()
    for _, lie in ipairs { "shorter", "twice" } do
      local w, ada, disk = clockless(10)
      local donald = alone(w, disk)
      local ids, lost = ada.dcache.ids, nil
      function ada.dcache.ids(self, class, t, after, most)
        local list = {}
        for _, short in ipairs(ids(self, class, t, after, most)) do
          if class ~= "share" or donald.dcache:has(short) then list[#list + 1] = short else lost = short end
        end
        if class == "share" and lie == "shorter" then list[#list] = nil end
        if class == "share" and lie == "twice" then list[#list] = list[#list - 1] end
        return list
      end
      w.cut[ada.host] = nil
      w:run(4 * MINUTE)
      assert.is_not_nil(lost)
      assert.is_false(sure(donald), lie)
    end
  end)

  it("counts no agreement of a peer whose address nobody proved", function()
    local w, _, disk = loss(8)
    local donald = alone(w, disk)
    local proof = donald.comms.proof
    proof.ask = function() end
    local other = holds_the_rest(w, "other", donald)
    w:run(2 * MINUTE)
    assert.is_truthy(donald.comms.peers.by_id[other.id])
    assert.is_false(sure(donald))
    proof.ask = nil
    w:run(2 * MINUTE)
    assert.is_true(sure(donald))
  end)
end)
