-- identity_spec.lua - a key is made once, stays on its board, and is never lost without a word.
local identity = require "identity"
local disk = require "core.sim"
local key = require "core.key"
local json = require "core.json"
local random = require "core.random"
local text = require "core.text"

local pi = { serial = "10000000abcdef01", mac = "b8:27:eb:12:34:56", card = "03534453433332" }
local other = { serial = "10000000abcdef02", mac = "b8:27:eb:99:99:99", card = "1b534d33303030" }

local function with(facts, changes)
  local copy = {}
  for name, value in pairs(facts) do copy[name] = value end
  for name, value in pairs(changes) do copy[name] = value or nil end
  return copy
end

local function open(d, board, options)
  options = options or {}
  return identity.open {
    disk = d, dir = "/s", board = board, key = key, random = random.seeded(options.seed or 1),
    now = function() return 1795358987000 end, log = options.log,
  }
end

local function fresh_disk()
  local d = disk.memory(1)
  assert(d:mkdir "/s")
  return d
end

describe("identity", function()
  it("makes a key once, private, as IPFS configs hold it", function()
    local d = fresh_disk()
    local first = assert(open(d, pi))
    assert.is_true(first.fresh)
    assert.is_nil(first.note)
    assert.same({ "card", "mac", "serial" }, first.bound)
    assert.equal("bound to this board by its disk, MAC address and serial number", first.text)
    assert.truthy(first.id:match "^12D3KooW%w+$")
    local again = assert(open(d, pi, { seed = 2 }))
    assert.equal(first.id, again.id)
    assert.is_false(again.fresh)
    assert.is_nil(again.note)
    assert.equal(again:export() .. "\n", d:read "/s/key")
    assert.equal(384, d:stat("/s/key").mode)
    assert.equal(again.id, key.load(text.unbase64(again:export())):id())
    assert.same(pi, json.decode((d:read "/s/board"):sub(1, -2)))
    again:close()
    again:close()
  end)

  it("starts with a new key on another board, says so, and keeps the old one", function()
    local d = fresh_disk()
    local first = assert(open(d, pi))
    local copy = assert(open(d, with(other, { card = pi.card }), { seed = 2 })) -- the card itself was moved
    assert.is_true(copy.fresh)
    assert.not_equal(first.id, copy.id)
    assert.equal("new key: this state folder was copied from another board (its MAC address and serial number differ); "
      .. "the key of " .. first.id .. " is kept in /s/key.copied-20261122T144947Z", copy.note)
    assert.equal(first:export() .. "\n", d:read "/s/key.copied-20261122T144947Z")
    assert.same(pi, json.decode((d:read "/s/board.copied-20261122T144947Z"):sub(1, -2)))
    assert.is_nil(assert(open(d, with(other, { card = pi.card }))).note)
    local third = assert(open(d, pi, { seed = 3 }))
    assert.is_true(third.fresh)
    assert.equal(copy:export() .. "\n", d:read "/s/key.copied-20261122T144947Z-2")
    assert.equal(first:export() .. "\n", d:read "/s/key.copied-20261122T144947Z")
  end)

  it("is renewed: another key at the next start, the old one is kept", function()
    local d = fresh_disk()
    local first = assert(open(d, pi))
    local id, aside = assert(first:renew())
    assert.equal("/s/key.renewed-20261122T144947Z", aside)
    assert.equal(first:export() .. "\n", d:read(aside))
    assert.equal(384, d:stat(aside).mode)
    local second = assert(open(d, pi))
    assert.equal(id, second.id)
    assert.not_equal(first.id, id)
    assert.is_false(second.fresh)
    assert.same({ "card", "mac", "serial" }, second.bound)
  end)

  it("keeps its key and leaves nothing behind where the disk is full at any moment of a renewal", function()
    local renewed, refused = 0, 0
    for room = 1, 250, 7 do
      local d = fresh_disk()
      local first = assert(open(d, pi))
      local before = first:export() .. "\n"
      d:limit(#before + d:stat "/s/board".size + room)
      local id, _, code = first:renew()
      d:limit()
      if id then
        renewed = renewed + 1
        assert.equal(id, assert(open(d, pi)).id)
      else
        refused = refused + 1
        assert.equal("ENOSPC", code)
        assert.equal(before, d:read "/s/key")
        assert.same({ "board", "key" }, d:list "/s")
      end
    end
    assert.is_true(renewed > 0 and refused > 0, ("%d renewed, %d refused"):format(renewed, refused))
  end)

  it("stays when one fact of three changes, and knows the board by the new one then", function()
    local d = fresh_disk()
    local id = assert(open(d, pi)).id
    assert.equal(id, assert(open(d, with(pi, { mac = other.mac }))).id)
    assert.equal(id, assert(open(d, with(pi, { mac = other.mac, card = other.card }))).id)
    assert.equal(id, assert(open(d, with(pi, { mac = false, card = other.card }))).id)
    assert.equal(id, assert(open(d, with(pi, { mac = other.mac, card = other.card }))).id)
    assert.is_true(assert(open(d, pi, { seed = 2 })).fresh)
  end)

  -- The rule in full, against its own table: 0 unknown, 1 as before, 2 other.
  it("decides each of the 27 cases by two facts as far as known", function()
    for case = 0, 26 do
      local states = { card = case % 3, mac = case // 3 % 3, serial = case // 9 }
      local board, same, differs = {}, 0, 0
      for name, what in pairs(states) do
        if what == 1 then board[name], same = pi[name], same + 1 end
        if what == 2 then board[name], differs = other[name], differs + 1 end
      end
      local d = fresh_disk()
      local id = assert(open(d, pi)).id
      local second = assert(open(d, board, { seed = 2 }))
      local stays = differs == 0 or same >= 2
      assert.equal(stays, second.id == id, "case " .. case)
      assert.equal(not stays, second.fresh)
      assert.equal(not stays, second.note ~= nil)
    end
  end)

  it("is unbound where a board shows fewer than two facts, and bound once it shows more", function()
    local d = fresh_disk()
    local first = assert(open(d, {}))
    assert.same({}, first.bound)
    assert.equal("unbound: this board shows no serial number, MAC address or disk of its own", first.text)
    local second = assert(open(d, { mac = pi.mac }))
    assert.equal("unbound: this board shows only its MAC address, and a board is known by two facts", second.text)
    assert.equal(first.id, assert(open(d, { mac = other.mac }, { seed = 2 })).id)
    assert.same({ "card", "mac", "serial" }, assert(open(d, pi)).bound)
    assert.is_true(assert(open(d, other, { seed = 2 })).fresh)
  end)

  it("takes whatever a maker wrote for a serial number", function()
    local d, odd = fresh_disk(), with(pi, { serial = "\xFF\27[2J\"" })
    local id = assert(open(d, odd)).id
    assert.equal(id, assert(open(d, odd)).id)
  end)

  it("refuses a damaged key or board, and touches nothing", function()
    for name, content in pairs {
      key = { "", "x\n", "\n", "CAESQA==\n", false }, board = { "", "{\n", '{"mac":1.5}\n', "[\n" },
    } do
      for _, damage in ipairs(content) do
        local d = fresh_disk()
        local first = assert(open(d, pi))
        damage = damage or first:export() -- without its line feed: cut off
        assert(d:replace("/s/" .. name, damage))
        local got, message, word = open(d, pi, { seed = 2 })
        assert.is_nil(got)
        assert.equal("form", word)
        assert.truthy(message:find("^form: /s/" .. name .. " is damaged; "))
        assert.same({ "board", "key" }, d:list "/s")
        assert.equal(damage, d:read("/s/" .. name))
      end
    end
  end)

  it("closes a key file that others could read, and says so", function()
    local d = fresh_disk()
    local id = assert(open(d, pi)).id
    assert(d:chmod("/s/key", 420))
    local again = assert(open(d, pi))
    assert.equal(id, again.id)
    assert.equal("/s/key could be read by others, and is closed to them now", again.note)
    assert.equal(384, d:stat("/s/key").mode)
    assert.is_nil(assert(open(d, pi)).note)
  end)

  it("logs one line, a warning where the key is new by a copy", function()
    local lines = {}
    local log = {}
    for _, level in ipairs { "info", "warn" } do
      log[level] = function(_, layer, what, facts)
        lines[#lines + 1] = ("%s %s %s %s=%s %s=%s"):format(level, layer, what, facts[1][1], facts[1][2], facts[2][1],
          facts[2][2])
      end
    end
    local d = fresh_disk()
    local first = open(d, pi, { log = log })
    open(d, {}, { log = log })
    local second = open(d, other, { log = log, seed = 2 })
    assert.same({ "info identity fresh id=" .. first.id .. " bound=card,mac,serial",
      "info identity loaded id=" .. first.id .. " bound=card,mac,serial",
      "warn identity fresh id=" .. second.id .. " bound=card,mac,serial" }, lines)
  end)
end)

describe("identity on a disk that loses power", function()
  it("has one key or the other afterwards, never the old one on the new board, and loses none", function()
    local cut = 0
    for seed = 1, 300 do
      local d = fresh_disk()
      local first = assert(open(d, pi))
      d:inject { operation = "any", nth = 1 + seed % 30, effect = "off" }
      local copy, _, word = open(d, other, { seed = 2 })
      if not copy then cut = cut + 1 end
      assert.truthy(copy or word)
      d = d:crash(seed)
      local after = assert(open(d, other, { seed = 3 }))
      assert.not_equal(first.id, after.id)
      if copy then assert.equal(copy.id, after.id) end
      local kept = false
      for _, name in ipairs(d:list "/s") do
        kept = kept or d:read("/s/" .. name) == first:export() .. "\n"
      end
      assert.is_true(kept, "seed " .. seed)
    end
    assert.truthy(cut > 50)
  end)
end)
