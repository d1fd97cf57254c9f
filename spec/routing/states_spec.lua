-- states_spec.lua - since when a channel is as it is, how much goes over it, and what is told of that. No socket.
local states = require "routing.channels.states"
local simloop = require "sim.loop"

describe("states of channels", function()
  local loop, rows, told, set

  before_each(function()
    loop, told = simloop.new(), {}
    rows = { { address = "a", kind = "udp", state = "up", sent = { bytes = 0 }, heard = { bytes = 0 } },
      { address = "b", kind = "tcp", state = "waiting", reason = "nobody listens" } }
    set = states.new { loop = loop, rows = function()
      local copies = {}
      for i, row in ipairs(rows) do
        copies[i] = {}
        for name, value in pairs(row) do copies[i][name] = value end
      end
      return copies
    end, told = function(row, event) told[#told + 1] = ("%s %s %s"):format(row.address, event, row.reason or "-") end }
    set:changed()
  end)

  it("are told when they change, with the reason, and when a channel is no more", function()
    assert.same({ "a up -", "b waiting nobody listens" }, told)
    loop:run_until(10000)
    assert.equal(2, #told)
    rows[2].state, rows[2].reason = "up", nil
    loop:run_until(13000)
    rows[2].reason = "another word"
    loop:run_until(16000)
    table.remove(rows, 2)
    set:changed()
    assert.same({ "b up -", "b up another word", "b closed another word" }, { table.unpack(told, 3) })
  end)

  it("have a time that begins with the state, not with a new reason, and a rate of the last ten seconds", function()
    loop:run_until(60000)
    rows[2].reason = "still nobody"
    loop:run_until(70000)
    assert.same({ 70000, 70000 }, { set:fill()[1].since_ms, set:fill()[2].since_ms })
    rows[1].state = "down"
    loop:run_until(75000)
    local since = set:fill()[1].since_ms
    assert.is_true(since >= 3000 and since <= 5000, since)
    for i = 1, 20 do
      rows[1].sent = { bytes = i * 1000 }
      loop:run_until(75000 + i * 1000)
    end
    local rate = set:fill()[1].rate
    assert.is_true(rate.sent >= 900 and rate.sent <= 1100, rate.sent)
    assert.equal(0, rate.heard)
    rows[1].sent = { bytes = 300 } -- opened anew, it counts from nothing
    assert.is_nil(set:fill()[1].rate)
    loop:run_until(110000)
    assert.same({ sent = 0, heard = 0 }, set:fill()[1].rate)
    set:stop()
    assert.is_nil(set.timer)
  end)
end)
