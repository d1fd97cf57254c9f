-- addresses_spec.lua - where a node may be dialled: by its record, as it was met, as somebody remembers.
local addresses = require "comms.addresses"
local key = require "core.key"
local hash = require "core.hash"
local peers = require "comms.peers"
local rank = require "rank"
local simloop = require "sim.loop"

local function id_of(name) return key.generate(hash.blake2b(name)):id() end

local OWN <const>, BOB <const> = id_of "own", id_of "bob"

-- A table with the records RECORDS (by ID) in the network 192.168.7.0/24.
local function new(records)
  local loop = simloop.new()
  local known = peers.new { loop = loop }
  return addresses.new { loop = loop, peers = known, id = OWN, record = function(id) return records[id] end,
    is_near = function(host) return host:find "^192%.168%.7%." ~= nil end }, known, loop
end

local function at(host, port) return ("/ip4/%s/tcp/%d/dswarm-line"):format(host, port or 3825) end

-- ID was met and proved at HOST, by a connection that we dialled or not.
local function meet(known, id, host, dialled, tcp)
  local peer = known:get(id)
  peer.tcp = tcp or 3825
  local channel = { name = "tcp 1", traits = { stream = true }, dialled = dialled }
  known:prove(known:beat(peer, { id = "tcp " .. host, host = host, channel = channel, own = false }), peer)
  return peer, channel
end

local function hosts(list)
  local texts = {}
  for i, row in ipairs(list) do texts[i] = ("%s:%d %s"):format(row.host, row.port, row.origin) end
  return texts
end

describe("where a node may be dialled", function()
  it("is where we reached it, then its own proved words, then where it was met, then what nothing proves", function()
    local table_of, known = new { [BOB] = { at = { at "198.51.100.9", at "198.51.100.2", at "198.51.100.3" } } }
    meet(known, BOB, "198.51.100.7")
    meet(known, BOB, "198.51.100.3", true)
    meet(known, BOB, "198.51.100.2")
    table_of:remember(BOB, { at "203.0.113.1" })
    assert.same({ "198.51.100.3:3825 record", "198.51.100.2:3825 record", "198.51.100.7:3825 flow",
      "203.0.113.1:3825 kept", "198.51.100.9:3825 record" }, hosts(table_of:of(BOB)))
  end)

  it("names no host of this machine, of a link or of nobody", function()
    local table_of = new { [BOB] = { at = { at "127.0.0.1", at "169.254.169.254", at "224.0.0.1",
      "/ip6/::1/tcp/1/dswarm-line" } } }
    assert.same({}, table_of:of(BOB))
  end)

  it("names a private address only inside its own network, and to nobody who meets the speaker elsewhere", function()
    local records = { [BOB] = { at = { at "10.1.2.3", at "192.168.7.5", at "172.20.0.1", at "100.70.0.1" } } }
    local table_of, known = new(records)
    assert.same({ "192.168.7.5:3825 record" }, hosts(table_of:of(BOB)))
    meet(known, BOB, "198.51.100.7")
    assert.same({ "198.51.100.7:3825 flow" }, hosts(table_of:of(BOB)))
    records[BOB] = { at = { "/ip6/fd00::5/tcp/3825/dswarm-line", "/dns4/lab.example/tcp/1/dswarm-line" } }
    assert.same({ "198.51.100.7:3825 flow" }, hosts(table_of:of(BOB)))
  end)

  it("leaves an address that nothing proves to three nodes", function()
    local table_of, known = new { [BOB] = { at = { at "198.51.100.9" } } }
    local ids = { OWN }
    for i = 1, 9 do
      ids[#ids + 1] = id_of("peer " .. i)
      meet(known, ids[#ids], "192.168.7." .. i)
    end
    local place
    for i, id in ipairs(rank.of("198.51.100.9", ids)) do place = id == OWN and i or place end
    assert.equal(place <= 3 and 1 or 0, #table_of:of(BOB))
    local n = 0
    for _, id in ipairs(ids) do
      table_of.id = id
      table_of.few:forget "198.51.100.9" -- what the node before found out
      n = n + #table_of:of(BOB)
    end
    -- Each of them would find itself beside the others; OWN is none of the peers here, so those after it move up.
    assert.truthy(n >= 3 and n <= 4)
  end)

  it("tells who listens, and what is remembered is bounded", function()
    local table_of, known = new {}
    local heard = {}
    local off = table_of:on_news(function(id) heard[#heard + 1] = id end)
    table_of:heard(BOB)
    local peer = meet(known, BOB, "198.51.100.7")
    known:back(peer)
    assert.same({ BOB, BOB }, heard)
    off()
    for i = 1, 1025 do table_of:remember("id " .. i, { at "198.51.100.7" }) end
    assert.same({ count = 1024, limit = 1024, name = "addresses", dropped = 1 }, table_of:bounds()[1])
    assert.same({ BOB, BOB }, heard)
  end)

  it("closes a connection at whose end somebody else speaks", function()
    local table_of, known, loop = new {}
    local function channel() return { close = function(self, why) self.closed = why end } end
    local wrong = channel()
    local _, right = meet(known, BOB, "198.51.100.7", true)
    right.close = wrong.close
    table_of:expect(wrong, BOB)
    table_of:expect(right, BOB)
    loop:run_until(25000)
    assert.same({ "key: somebody else answers there" }, { wrong.closed })
    assert.is_nil(right.closed)
  end)
end)
