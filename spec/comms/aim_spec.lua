-- aim_spec.lua - a host that made-up nodes name in their words of addresses: how often it is dialled. Opens no socket.
local addresses = require "comms.addresses"
local hash = require "core.hash"
local key = require "core.key"
local peers = require "comms.peers"
local random = require "core.random"
local simloop = require "sim.loop"
local view = require "comms.view"

local function id_of(name) return key.generate(hash.blake2b(name)):id() end

local NODES <const>, MADE_UP <const> = 8, 80
local VICTIM <const> = "198.51.100.9"

-- How often each of the nodes, who all live in one LAN, dials the victim in MINUTES; ACCEPTS: does it let them in?
local function dials(minutes, accepts)
  local records, ids, made_up, counts = {}, {}, {}, {}
  for i = 1, NODES do ids[i] = id_of("node " .. i) end
  for i = 1, MADE_UP do
    made_up[i] = id_of("made up " .. i)
    records[made_up[i]] = { at = { ("/ip4/%s/tcp/%d/dswarm-line"):format(VICTIM, i % 60 + 1) } }
  end
  for n = 1, NODES do
    local loop = simloop.new()
    local known = peers.new { loop = loop }
    local function meet_all()
      for i, id in ipairs(ids) do
        if i ~= n then known:beat(known:get(id), { id = "udp " .. i, host = "192.168.7." .. i, own = false,
          channel = { name = "udp", traits = { near = true } } }) end
      end
    end
    meet_all()
    loop:every(10000, meet_all)
    local table_of = addresses.new { loop = loop, peers = known, id = ids[n],
      record = function(id) return records[id] end, is_near = function() return false end }
    counts[n] = 0
    local one = view.new { loop = loop, random = random.seeded(n), peers = known, addresses = table_of, id = ids[n],
      most = function() return 4 end, is_near = function() return false end, is_open = function() return true end,
      dial_link = function(host, _, _, done, gone)
        assert.equal(VICTIM, host)
        counts[n] = counts[n] + 1
        if not accepts then return loop:after(10000, function() done(nil, "slow: no answer", "slow") end) end
        loop:after(10, function()
          done { traits = { stream = true }, dialled = true, close = function() end }
          loop:after(20000, function() gone "key: somebody else answers there" end)
        end)
      end }
    one:start()
    for _, id in ipairs(made_up) do table_of:heard(id) end
    loop:run_until(minutes * 60 * 1000)
  end
  return counts
end

describe("a host that made-up nodes name", function()
  for _, accepts in ipairs { true, false } do
    it("is dialled by three nodes, rarely, where it " .. (accepts and "lets them in" or "is silent"), function()
      local counts = dials(5, accepts)
      local all, some = 0, 0
      for _, n in ipairs(counts) do
        all, some = all + n, some + (n > 0 and 1 or 0)
        assert.is_true(n <= 3 + 15, n .. " dials of one node in five minutes")
      end
      print(("  %d dials in five minutes, by %d of %d nodes"):format(all, some, NODES))
      assert.is_true(some >= 1 and some <= 3, some .. " nodes dial it")
    end)
  end
end)
