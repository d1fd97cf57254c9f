-- trust_first_spec.lua - what a lab says of rights goes out before all else, whatever waits and whatever a policy lets
-- through; by whole nodes under a virtual clock.
local cid = require "core.cid"
local files = require "spec.sim.files"
local folder = require "spec.folder"
local kit = require "spec.dcache.lab_kit"
local labs = require "spec.labs"
local outbox = require "comms.outbox"
local policy = require "policy"
local random = require "core.random"
local sim = require "sim"
local simloop = require "sim.loop"
local urgency = require "comms.urgency"

local WAY <const> = { name = "room", kind = "irc", address = "/irc", line_max = 389 }
local OTHERS <const> = 5000

-- A policy whose hook rebroadcast is BODY.
local function hooked(body)
  local home = folder.new()
  folder.write(home.path .. "/x.lua", "local p = extend 'default'\nfunction p.comms.rebroadcast()\n" .. body
    .. "\nend\nreturn p\n")
  local loaded = assert(policy.load(home.path .. "/x.lua", { shipped = "policies" }))
  home.remove()
  return loaded
end

local function node(rules, lab)
  local w = sim.new { seed = 7, policy = rules }
  local one = w:add("ada", { lab = lab })
  one.comms:channel_up(WAY)
  return w, one
end

local function share(one, n)
  local key = cid.make("raw", require("core.hash").blake2b("file " .. n))
  return assert(one.comms:propose("share/files", { class = "lab", names = { ("run%d.bag"):format(n) }, size = n },
    { key = key }))
end

-- What goes over the way next: the buckets of a frame's statements.
local function next_buckets(one)
  local message = one.comms:next(WAY.name, 1200)
  local list = {}
  for i, line in ipairs(message and message.body or {}) do
    assert.is_true(#line <= WAY.line_max)
    list[i] = line:match "^%S+ %l+ (%S+)"
  end
  return list
end

describe("a revocation", function()
  it("is in the next frame, with 5,000 other statements and 64 answers before it", function()
    local w, one = node(files.policy(), labs.new({ name = "robotics" }).lab)
    for n = 1, OTHERS do share(one, n) end
    w:run(1000)
    assert.is_true(one.comms.outbox:length(WAY.name) > 1000)
    for _ = 1, 64 do one.comms.outbox:say(WAY.name, { kind = "pong", rest = "x" }) end
    assert(one.comms:propose("trust/revoked", { why = ("x"):rep(64) }, { key = kit.id "thief" }))
    assert(one.comms:dismiss("trust/revoked", { key = kit.id "found" }))
    w:run(1000)
    assert.same({ "trust/revoked", "trust/revoked" }, table.move(next_buckets(one), 1, 2, 1, {}))
  end)

  it("goes where the policy lets nothing through, and other statements do not", function()
    local rules = hooked "return false, 'nothing'"
    local w, one = node(rules, labs.new({ name = "robotics" }).lab)
    share(one, 1)
    assert(one.comms:propose("trust/revoked", { why = "lost" }, { key = kit.id "thief" }))
    w:run(1000)
    local all = next_buckets(one)
    assert.equal("trust/revoked", all[1])
    for _, bucket in ipairs(all) do assert.not_equal("share/files", bucket) end
    w, one = node(rules, nil) -- without a lab a policy is asked about everything
    assert(one.comms:propose("trust/revoked", { why = "lost" }, { key = kit.id "thief" }))
    w:run(1000)
    assert.same({}, next_buckets(one))
  end)

  it("is not what gives way where too much waits", function()
    local loop, gone = simloop.new(), 0
    for _, medium in ipairs { true, false } do
      local out = outbox.new { loop = loop, random = random.seeded(1), poke = function() end,
        refused = function() gone = gone + 1 end }
      out:open("way", { medium = medium })
      local function add(n, how)
        out:add("way", { short = ("%16d"):format(n), slot = "s" .. n, line = "l" .. n }, how)
      end
      add(0, urgency.ENDS)
      for n = 1, OTHERS do add(n, 9) end
      loop:run_until(loop.time + 10000)
      assert.equal("l0", out:next("way", 1200).body[1])
    end
    assert.is_true(gone > OTHERS)
  end)
end)
