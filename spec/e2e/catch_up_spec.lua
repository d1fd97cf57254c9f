-- catch_up_spec.lua - whole daemons: a newcomer is current by a checkpoint that it heard of, by the address of one, and
-- by what another program printed of one. No clock is proved.
local bundle = require "comms.bundle"
local folder = require "spec.folder"
local labs = require "spec.labs"
local loopback = require "spec.loopback"
local patience = require "spec.patience"
local peers = require "spec.net.peers"
local process = require "spec.process"

local RECORDS <const> = 3000

local w, ada, gateway

local UDP <const> = '"/ip4/0.0.0.0/udp/3825/dswarm-line"'
local WRITES <const> = [[
p.comms.checkpoint = 1
function p.comms.rebroadcast(record)
  return record.mine and 7 or false, "else the medium is full of what was imported for minutes"
end
]]

-- CHANNELS: what stands in the policy's list.
local function start(name, channels, more)
  return w:start(name, { policy = w:policy(name .. ".lua", ([[
p.routing.channels = { %s }
p.clients.logs.gateway = "/ip4/0.0.0.0/tcp/%d"
%s
]]):format(channels, loopback.free_port(), more or "")) })
end

local function history()
  local lines, now = {}, os.time() * 1000
  for i = 1, RECORDS do
    lines[i] = labs.sign(labs.key("s" .. i % 5), w.swarm, { bucket = "share/discard", key = "k" .. i, at = now - i * 10,
      ttl = 30 * 24 * 60 * 60, data = { n = i } }).line
  end
  return bundle.text(lines)
end

local function digest(one)
  for _, class in ipairs(one:ask("summary").classes) do
    if class.name == "share" then return class.digest .. " " .. class.count end
  end
end

local function checkpoint() return (ada:ask "summary" or {}).checkpoint or {} end

describe("a newcomer", function()
  local program = peers.kubo()

  setup(function()
    w = process.new()
    folder.write(w.dir .. "/history", history())
    ada = start("ada", UDP, WRITES)
    local said, code = ada:cli(("import %s/history"):format(w.dir))
    assert.equal(0, code, said)
    local took = process.within(15, function() return checkpoint().words == RECORDS end)
    assert(took, ada:log() .. ada:cli "summary")
    gateway = ("http://127.0.0.1:%d"):format(ada:ask "status".gateway.port)
  end)
  teardown(function() w:close() end)

  it("that hears only announcements, since no way for repairs opens, starts by itself and is current", function()
    local bea = start("bea", UDP)
    local took = process.within(15, function() return digest(bea) == digest(ada) end)
    assert(took, bea:log() .. bea:cli "status" .. bea:cli "discover")
    patience.took("a newcomer was current by a checkpoint that it heard of", took, 15)
    assert.truthy(bea:log():find "a checkpoint was read", bea:log())
  end)

  it("whose only channel is the checkpoint's address is current", function()
    local carl = start("carl", ('{ "/ipfs/%s/dswarm-line", gateway = "%s" }'):format(checkpoint().cid, gateway))
    local took = process.within(5, function() return digest(carl) == digest(ada) end)
    assert(took, carl:log() .. carl:cli "channels")
    assert.is_true(carl:channel("ipfs").read.done)
  end)

  it("gets by import what Kubo prints of it", function()
    if not program then return pending "no ipfs" end
    os.execute(("mkdir %s/kubo"):format(w.dir))
    local kubo, cid = peers.repository(program, w.dir .. "/kubo"), checkpoint().cid
    local command = ("curl -s '%s/ipfs/%s?format=car' | %s dag import --pin-roots=false >/dev/null && "
      .. "%s cat %s/machines.txt"):format(gateway, cid, kubo, kubo, cid)
    local dora = start("dora", "")
    os.execute(("%s >%s/machines"):format(command, w.dir))
    local answer = require("core.json").decode((dora:cli(("import %s/machines --json"):format(w.dir)):gsub("\n$", "")))
    assert.same({ RECORDS, "length", 0 }, { answer.taken, answer.fault.word, #answer.refused })
    assert.equal(digest(ada), digest(dora))
  end)
end)

-- Two robots of a lab that hear each other by announcements alone: what bea does not know of ada when she comes, no
-- repair can bring.
describe("a newcomer of a lab", function()
  local OF_LAB <const>, ROBOTS <const> = 1100, 4
  local lab

  local function lab_history()
    local lines, now = {}, os.time() * 1000
    for _, robot in ipairs(lab.robots) do lines[#lines + 1] = lab:enrol(robot) end
    for i = 1, OF_LAB do
      lines[#lines + 1] = labs.sign(lab.robots[i % ROBOTS + 1].key, lab.swarm, { bucket = "share/discard",
        key = "k" .. i, at = now - i * 10, ttl = 30 * 24 * 60 * 60, data = { n = i } }).line
    end
    return bundle.text(lines)
  end

  local function join(name, more)
    os.execute(("mkdir -p %s/%s && mkdir -m 700 %s/%s/state"):format(w.dir, name, w.dir, name))
    folder.write(("%s/%s/state/lab"):format(w.dir, name), lab.text)
    return start(name, UDP, more)
  end

  setup(function()
    w = process.new()
    lab = labs.new { name = w.swarm:sub(-20):gsub("^%W+", ""), robots = ROBOTS, at = os.time() * 1000 }
    folder.write(w.dir .. "/history", lab_history())
    ada = join("ada", WRITES)
    local said, code = ada:cli(("import %s/history"):format(w.dir))
    assert.equal(0, code, said)
    assert(process.within(15, function() return (checkpoint().words or 0) > OF_LAB end), ada:log())
  end)
  teardown(function() w:close() end)

  it("that came after all others said who let them in knows them, and reads the checkpoint of one by itself", function()
    local bea = join "bea"
    local took = process.within(15, function() return digest(bea) == digest(ada) end)
    assert(took, bea:log() .. bea:cli "status" .. bea:cli "discover")
    patience.took("a newcomer of a lab was current by a checkpoint that it heard of", took, 15)
    assert.truthy(bea:log():find "a checkpoint was read", bea:log())
  end)
end)
