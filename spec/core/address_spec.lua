-- address_spec.lua - multiaddresses: vectors, and equal or refused under seeded mutation.
local address = require "core.address"
local random = require "core.random"
local codecs = require "spec.codecs"
local read = require "spec.vectors.read"

local cid = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"

local function peer(r) return codecs.base58("\x00\x24\x08\x01\x12\x20" .. r:bytes(32)) end

local function pick(r, list) return list[r:integer(#list) + 1] end

local makers = {
  function(r) return "/ip4/" .. table.concat({ r:bytes(4):byte(1, 4) }, ".") end,
  function(r) return pick(r, { "/ip6/::1", "/ip6/fe80::1:2", "/ip6/2001:db8:0:1:1:1:1:1", "/ip6/::" }) end,
  function(r) return "/udp/" .. 1 + r:integer(65535) end,
  function(r) return "/tcp/" .. 1 + r:integer(65535) end,
  function(r) return pick(r, { "/dns4/", "/dns6/" }) .. pick(r, { "a.b", "duckie-1.local", "x1" }) end,
  function(r) return pick(r, { "/irc", "/irc/#duck", "/irc/#a-b_c{}" }) end,
  function(r) return "/ipfs-pubsub/" .. pick(r, { "a", "lab.1", "*$" }) end,
  function() return "/ipfs/" .. cid end,
  function(r) return pick(r, { "/exec/line", "/exec/a.b-c_D9" }) end,
  function() return "/dswarm-line" end,
  function(r) return "/dswarm/" .. (r:integer(2) == 0 and "*" or peer(r)) .. pick(r, { "", "/A_-9" }) end,
}

local function make(r)
  local parts = {}
  for i = 1, 1 + r:integer(5) do parts[i] = pick(r, makers)(r) end
  return table.concat(parts), parts
end

describe("address", function()
  it("decides the vectors", function()
    for _, line in ipairs(read "address.txt") do
      local verdict, text = line:match "^(%S+) (.*)$"
      local got, message, word = address.check(text)
      if verdict == "yes" then
        assert.equal(text, got)
      else
        assert.is_nil(got, line)
        assert.truthy(message:find "^form: not an address")
        assert.equal("form", word)
        assert.is_nil((address.parts(text)))
      end
    end
    assert.is_nil((address.check ""))
    assert.is_nil((address.check "/ip4/1.2.3.4\0"))
    assert.is_nil((address.check "/ip4/1.2.3.4\0/udp/1"))
    assert.is_nil((address.check "/dns4/a\0b"))
  end)

  it("compares the first bits of two hosts of one family, whatever their zones are", function()
    for _, row in ipairs { { "10.1.2.3", "10.1.0.0", 16, true }, { "10.2.2.3", "10.1.0.0", 16, false },
      { "10.2.2.3", "10.1.0.0", 14, true }, { "10.4.2.3", "10.1.0.0", 14, false }, { "10.1.2.3", "10.1.2.3", 32, true },
      { "10.1.2.3", "10.1.2.3", 33, false }, { "fe80::1%eth0", "fe80::2%wlan0", 64, true },
      { "::1", "::2", 127, false },
      { "fe80::1", "fe80::1", 128, true }, { "1.2.3.4", "::", 0, false }, { "nobody", "nobody", 0, false },
      { "1.2.3.4", "9.9.9.9", 0, true }, { "1.2.3.4", "1.2.3.4", -1, false } } do
      assert.equal(row[4], address.within(row[1], row[2], row[3]), table.concat({ row[1], row[2], row[3] }, " "))
    end
  end)

  it("names the one spelling", function()
    local _, message = address.check "/ip6/2001:DB8::0:1"
    assert.equal("form: not an address in its one spelling, which is /ip6/2001:db8::1", message)
  end)

  it("comes back equal, with its parts", function()
    local r = random.seeded(1)
    for _ = 1, 10000 do
      local a, parts = make(r)
      assert.equal(a, address.check(a))
      local found = address.parts(a)
      for i, part in ipairs(found) do assert.equal(parts[i], "/" .. table.concat(part, "/")) end
      assert.equal(#parts, #found)
    end
  end)

  it("has one spelling per meaning", function()
    local r, taken, refused = random.seeded(2), 0, 0
    local pieces = { "/", "0", "1", "a", "A", ".", ":", "#", "*", "-", " ", "\0", "\xFF", "/irc", "/udp/1" }
    for _ = 1, 20000 do
      local a = make(r)
      local at, kind = r:integer(#a + 1), r:integer(3)
      local changed = a:sub(1, at) .. (kind == 0 and "" or pick(r, pieces))
        .. a:sub(at + (kind == 1 and 1 or 2))
      local parts, message, word = address.parts(changed)
      if parts then
        taken = taken + 1
        for i, part in ipairs(parts) do parts[i] = "/" .. table.concat(part, "/") end
        assert.equal(changed, table.concat(parts))
      else
        refused = refused + 1
        assert.equal("form", word)
        local spelling = message:match "which is (.*)$"
        if spelling then assert.equal(spelling, address.check(spelling)) end
      end
    end
    assert.truthy(taken > 2000 and refused > 2000)
  end)

  it("is taken apart", function()
    local a = "/ipfs-pubsub/c/dswarm-line/ip4/1.2.3.4/udp/3825/dswarm-line/dswarm/*/brain"
    assert.same({ { "ipfs-pubsub", "c" }, { "dswarm-line" }, { "ip4", "1.2.3.4" }, { "udp", "3825" },
      { "dswarm-line" }, { "dswarm", "*", "brain" } }, address.parts(a))
  end)

  it("never takes a protocol for a component", function()
    assert.same({ { "dswarm", "*" }, { "dswarm-line" } }, address.parts "/dswarm/*/dswarm-line")
    assert.same({ { "irc" }, { "dswarm-line" } }, address.parts "/irc/dswarm-line")
    assert.same({ { "dswarm", "*", "ira" } }, address.parts "/dswarm/*/ira")
  end)

  it("is bounded", function()
    local _, _, word = address.check("/dns4/" .. ("a."):rep(300) .. "a")
    assert.equal("long", word)
    assert.is_nil((address.check(("/irc"):rep(33))))
    assert.truthy(address.check(("/irc"):rep(32)))
  end)
end)
