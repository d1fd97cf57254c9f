-- Checkpoints of whole daemons: equal sets have equal CIDs however they came; disks that take none. One has a proved
-- clock.
local bundle = require "comms.bundle"
local disks = require "core.disk"
local folder = require "spec.folder"
local key = require "core.key"
local loopback = require "spec.loopback"
local patience = require "spec.patience"
local process = require "spec.process"
local random = require "core.random"
local shuffled = require "spec.shuffled"
local statement = require "core.statement"

local RECORDS <const> = 5000

local w
before_each(function() w = process.new() end)
after_each(function() w:close() end)

-- A policy NAME; ALONE: it listens where nobody looks for it, so that it is heard by nobody.
local function policy(name, alone, more)
  local channels = alone and ('p.routing.channels = { "/ip4/127.0.0.1/tcp/%d/dswarm-line" }'):format(
    loopback.free_port()) or ""
  return w:policy(name .. ".lua", ([[
p.comms.checkpoint = 1
p.clients.logs.gateway = "/ip4/0.0.0.0/tcp/%d"
%s
%s
]]):format(loopback.free_port(), channels, more or ""))
end

-- RECORDS lines signed by a few keys, as bundle files in two orders. → paths
local function bundles()
  local keys, lines, now = {}, {}, os.time() * 1000
  for i = 1, 20 do keys[i] = key.generate(("%032d"):format(i)) end
  for i = 1, RECORDS do
    local at = now - i * 50
    lines[i] = statement.sign(keys[i % 20 + 1], w.swarm, { verb = "propose", bucket = "share/safe",
      key = require "core.cid".make("raw", require "core.hash".sha256("file " .. i)), at = at,
      valid_from = at // 16000 * 16, valid_until = at // 16000 * 16 + 16 * (1000 + i % 7),
      data = '{"size":' .. i .. "}" }).line
  end
  local source = random.seeded(8)
  local paths = {}
  for i = 1, 2 do
    paths[i] = ("%s/%d.bundle"):format(w.dir, i)
    folder.write(paths[i], bundle.text(shuffled(source, lines)))
  end
  return paths
end

local function checkpoint_of(one)
  local answer = one:ask "summary"
  return answer and answer.checkpoint or {}
end

-- Seconds until each of DAEMONS has a checkpoint of RECORDS.
local function all_written(...)
  local list = { ... }
  return process.within(20, function()
    for _, one in ipairs(list) do
      if checkpoint_of(one).words ~= RECORDS then return false end
    end
    return true
  end)
end

local function machines_path(one)
  local place = folder.read(one.state .. "/checkpoint/current"):match '"place":(%d)'
  return ("%s/checkpoint/%s/machines.txt"):format(one.state, place)
end

local function machines(one) return folder.read(machines_path(one)) end

local function stops(one) assert.equal(0, one:stop()) end

-- ONE ends; BETWEEN(); it starts again → its inode of machines.txt, once it has a checkpoint.
local function restarted(one, name, between)
  stops(one)
  between()
  one = w:start(name, { policy = w.dir .. "/" .. name .. ".lua" })
  assert(all_written(one), one:cli "summary" .. one:log())
  return one, disks.real():stat(machines_path(one)).ino
end

describe("checkpoints", function()
  it("of nodes that got the same in another order and by other channels are the same, also after a restart", function()
    local files = bundles()
    local ada = w:start("ada", { policy = policy("ada", true) })
    local bea = w:start("bea", { policy = policy("bea", true, 'p.clock = "system"') })
    local carl = w:start("carl", { policy = policy "carl" })
    local dora = w:start("dora", { policy = policy "dora" }) -- hears all from carl
    for i, one in ipairs { ada, bea, carl } do
      local said, code = one:cli("import " .. files[i % 2 + 1])
      assert.equal(0, code, said)
    end
    stops(ada)
    ada = w:start("ada", { policy = w.dir .. "/ada.lua" })
    local took = all_written(ada, bea, carl, dora)
    assert(took, dora:cli "summary" .. dora:log())
    patience.took("four daemons had written a checkpoint of 5,000 records", took, 20)
    local cid = checkpoint_of(ada).cid
    assert.same({ cid, cid, cid }, { checkpoint_of(bea).cid, checkpoint_of(carl).cid, checkpoint_of(dora).cid })
    assert.equal(machines(ada), machines(dora))
    local _, lines = machines(ada):gsub("\n", "\n")
    assert.equal(RECORDS, lines)
    assert.truthy(process.within(10, function()
      return carl:ask("record show pri/" .. dora:ask "identity".id .. "/checkpoint dora")
    end), "it is announced")
    local inode, again = disks.real():stat(machines_path(ada)).ino
    ada, again = restarted(ada, "ada", function() end)
    assert.equal(inode, again, "a later start serves what is there")
    local before = machines(ada)
    ada, again = restarted(ada, "ada", function()
      folder.write(machines_path(ada), (before:gsub("propose", "dismiss", 1)))
    end)
    assert.not_equal(inode, again, "control: a file that was changed is written anew")
    assert.equal(before, machines(ada))
  end)

  it("are written by nobody whose policy says false, and again once the disk takes them", function()
    local files = bundles()
    local ada = w:start("ada", { policy = policy("ada", true, "p.comms.checkpoint = false") })
    assert.equal(0, select(2, ada:cli("import " .. files[1])))
    assert.is_nil(ada:ask "summary".checkpoint)
    assert.is_nil(folder.read(ada.state .. "/checkpoint/current"))
    os.execute(("rm -rf %s/checkpoint && touch %s/checkpoint"):format(ada.state, ada.state)) -- no folder can be there
    assert.is_table(ada:reload(function() policy("ada", true) end))
    assert(process.within(20, function() return (checkpoint_of(ada).why or ""):find "checkpoint" end))
    assert.matches("No checkpoint: .*checkpoint", ada:cli "summary")
    os.execute(("rm %s/checkpoint"):format(ada.state))
    assert(process.within(20, function() return checkpoint_of(ada).words == RECORDS end), ada:log())
  end)
end)
