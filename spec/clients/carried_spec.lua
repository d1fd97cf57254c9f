-- carried_spec.lua - which copies a carrier lets go of, of many, and how many at a time. Holders are tables.
local carried = require "clients.logs.carried"
local sim_loop = require "sim.loop"

describe("a carrier", function()
  local loop, held, gone, claimed, self

  before_each(function()
    loop, held, gone, claimed = sim_loop.new(), {}, {}, {}
    for i = 1, 3000 do held[i] = ("c%04d"):format(i) end
    local is_held = {}
    for _, key in ipairs(held) do is_held[key] = true end
    self = carried.new { loop = loop, holders = { map = {}, of = function() return {} end },
      placement = { is_carrier = function() return true end,
        lets_go = function(_, key) return claimed[key] or false end },
      content = { holds = function(_, key) return is_held[key] or false end, is_payload = function() return false end,
        held_cids = function() return table.move(held, 1, #held, 1, {}) end,
        let_go = function(_, key)
          is_held[key] = nil
          gone[#gone + 1] = ("%s at %d"):format(key, loop:now())
        end } }
  end)

  it("looks at all that it holds, in turns, and removes one file in a turn", function()
    claimed = { c0001 = true, c2999 = true, c3000 = true }
    for _, key in ipairs(held) do self.holders.map[key] = {} end
    self:check()
    loop:run_until(10000)
    assert.equal(3, #gone)
    local at = {}
    for i, one in ipairs(gone) do at[i] = one:match "%d+$" end
    assert.is_true(at[1] ~= at[2] and at[2] ~= at[3], table.concat(gone, ", "))
  end)

  it("lets go of what somebody claims a moment after that, once", function()
    claimed = { c0007 = true }
    for _ = 1, 3 do self:soon "c0007" end
    self:soon "c0008"
    loop:run_until(10000)
    assert.same({ "c0007 at 1000" }, gone)
    claimed.c0008 = true
    self:soon "c0008"
    self:stop()
    loop:run_until(20000)
    assert.equal(1, #gone)
  end)
end)
