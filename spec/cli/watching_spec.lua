-- watching_spec.lua - what a command that fetches says and does of a source that gives nothing, with what the daemon
-- knows of him. The fetch and the clock are tables.
local watching = require "cli.watching"

local PATIENCE <const> = 30000

describe("watching a file that is fetched", function()
  local now, tick, row, ended, said, back, holder, missing, looks

  before_each(function()
    now, ended, said, back, missing, looks = 0, nil, {}, {}, false, 0
    row = { done = 0, size = 100, state = "waits", source = "vm", source_id = "V", reason = "vm does not answer" }
    holder = { id = "V", status = "ready", seen_ms = 2000, reachable = true }
  end)

  local function start(origin)
    local loop = { now = function() return now end, every = function(_, _, fn)
      tick = fn
      return { cancel = function() end }
    end }
    return watching.new { loop = loop, cid = "c", sources = {}, origin = origin, timeout = PATIENCE,
      fetch = {
        status = function()
          local copy = {}
          for key, value in pairs(row) do copy[key] = value end -- any order
          return { copy }
        end,
        back = function(_, id) back[#back + 1] = id end, cancel = function() end,
      },
      ask = function(request, told)
        looks = looks + (request.look and 1 or 0)
        if missing then return told(nil, "missing: no", "missing") end
        told { sources = {}, holders = { holder } }
      end,
      on_row = function(each) said[#said + 1] = each.reason or false end,
      finish = function(_, text, word, gone) ended = ended or { text, word, now, gone } end,
    }
  end

  local function pass(ms)
    for _ = 1, ms // 250 do
      now = now + 250
      if not ended then tick() end
    end
  end

  it("waits for one whom the daemon hears and who is full or hangs up in the middle: he is busy", function()
    for _, word in ipairs { "full", "closed", "slow", "length" } do
      row.word, row.done, ended, back = word, word == "full" and 0 or 40, nil, {}
      looks = 0
      local watch = start()
      pass(3000)
      assert.same({ "vm is busy", "vm is busy" }, { said[#said], watch.why })
      assert.is_true(watch:silence(4000) > PATIENCE)
      assert.equal("V", back[1])
      assert.equal(3, looks) -- by the daemon, whether he is there
      pass(2 * PATIENCE)
      assert.is_nil(ended)
      pass(3 * PATIENCE)
      assert.same({ "vm is busy", "missing" }, { ended[1], ended[2] })
    end
  end)

  it("asks again at once, before it gives up, where what it knows of him is old", function()
    row.word, row.done, row.rate = "slow", 40, 5
    local watch = start()
    pass(1000)
    assert.equal(4000, watch:silence(4000)) -- nothing is known
    row.rate = nil
    pass(500)
    row.rate = 5
    for _ = 1, 36 do
      row.done = row.done + 1
      pass(250)
    end
    assert.equal(PATIENCE, watch:silence(4000))
    pass(3500)
    assert.is_true(watch:silence(4000) > PATIENCE)
  end)

  it("says of a holder whose bytes are others than its copy's that the copy is damaged, and keeps what came", function()
    row.word = "moved"
    for origin, expected in pairs { [false] = { "vm's copy is damaged", "block", false },
      ADA = { "vm's copy is damaged", "block", false }, V = { "nobody shares it any more", "moved", true } } do
      ended, missing = nil, false
      start(origin)
      pass(500)
      missing = true
      pass(2000)
      assert.same(expected, { ended[1], ended[2], ended[4] or false })
    end
  end)

  it("gives up soon one whom nobody hears any more", function()
    row.word = "slow"
    for _, seen in ipairs { false, 31000 } do
      holder.seen_ms = seen or nil
      local watch = start()
      pass(3000)
      assert.same({ "vm does not answer", 4000 }, { said[#said], watch:silence(4000) })
      assert.is_nil(watch.why)
    end
    holder.seen_ms, holder.status = 100, "left"
    local watch = start()
    pass(3000)
    assert.equal(4000, watch:silence(4000))
    assert.same({}, back)
  end)

  it("does not say of one who shares the file that he no longer does, nor that he is busy who is not met", function()
    row.word, row.reason = "missing", "vm cannot give it now"
    local watch = start()
    pass(3000)
    assert.matches("vm cannot be reached from here", said[1])
    assert.matches("^vm is here, but cannot give it now: the disk of its copies may not be there", watch.why)
    holder.seen_ms = 99000
    pass(2000)
    assert.matches("vm cannot be reached from here", watch.why)
    holder.seen_ms = 100
    pass(2000)
    assert.equal(4000, watch:silence(4000))
    row.word = "EHOSTUNREACH"
    pass(1000)
    assert.equal("vm cannot be reached from here, though the daemon hears it", watch.why)
    assert.equal(4000, watch:silence(4000))
    row.word = "slow"
    pass(1000)
    assert.matches("cannot be reached from here; the daemon hears it", watch.why)
    assert.equal(PATIENCE, watch:silence(4000))
    holder.id, row.word = "another", "missing"
    pass(2000)
    assert.equal("vm cannot give it now", said[#said])
    missing = true
    pass(2000)
    assert.equal("moved", ended[2])
  end)
end)
