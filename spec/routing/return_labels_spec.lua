-- return_labels_spec.lua - labels as FROM: read by the node that made them, for two minutes, and by nobody else.
require "spec.helper"
local random = require "core.random"
local return_labels = require "routing.return_labels"
local sim_loop = require "sim.loop"

local SOURCE <const> = { id = "udp 192.0.2.7:4000" }
local FROM <const> = "/dswarm/12D3far/control"

describe("a return label", function()
  local loop, ours, others

  before_each(function()
    loop = sim_loop.new()
    ours = return_labels.new { loop = loop, random = random.seeded(1) }
    others = return_labels.new { loop = loop, random = random.seeded(2) }
  end)

  -- What the label TEXT is refused with by LIST.
  local function refusal(list, text)
    local entry, why, code = list:read(text:sub(2))
    assert.is_nil(entry)
    assert.equal("address", code)
    return why
  end

  it("names the flow and the FROM of the line for which it was made", function()
    local text = ours:make(SOURCE, FROM)
    assert.matches("^~[%w_-]+$", text)
    assert.equal(23, #text)
    local entry = ours:read(text:sub(2))
    assert.same({ SOURCE, FROM }, { entry.source, entry.from })
  end)

  it("stays the same for one flow and FROM, and is another one for each other", function()
    local text = ours:make(SOURCE, FROM)
    loop:run_until(loop.time + 59 * 1000)
    assert.equal(text, (ours:make(SOURCE, FROM)))
    assert.not_equal(text, (ours:make(SOURCE, FROM .. "x")))
    assert.not_equal(text, (ours:make({ id = "udp 192.0.2.8:4000" }, FROM)))
    loop:run_until(loop.time + 2000)
    assert.not_equal(text, (ours:make(SOURCE, FROM)))
  end)

  it("of another node is none, nor is one that is changed by a bit, or invented", function()
    local text = ours:make(SOURCE, FROM)
    others:make(SOURCE, FROM)
    assert.matches("another node", refusal(others, text))
    for i = 2, #text - 1 do
      local other = text:sub(i, i) == "A" and "B" or "A"
      refusal(ours, text:sub(1, i - 1) .. other .. text:sub(i + 1))
    end
    refusal(ours, "~" .. ("A"):rep(22))
    assert.matches("no return label", refusal(ours, "~short"))
  end)

  it("ends after two minutes, and says so", function()
    local text = ours:make(SOURCE, FROM)
    loop:run_until(loop.time + 119 * 1000)
    assert.is_truthy(ours:read(text:sub(2)))
    loop:run_until(loop.time + 2000)
    assert.matches("has ended", refusal(ours, text))
  end)

  it("of which there are too many at once puts the oldest out, counted", function()
    local first = ours:make(SOURCE, FROM)
    local limit = ours:bounds()[1].limit
    for i = 1, limit do ours:make({ id = "udp 192.0.2.8:" .. i }, FROM) end
    assert.matches("has ended", refusal(ours, first))
    local row = ours:bounds()[1]
    assert.same({ limit, 1 }, { row.count, row.dropped })
  end)

  it("is not put out by a node that has many, by whatever flows, either", function()
    local text = ours:make(SOURCE, FROM, nil, "bob")
    for i = 1, 3 * ours:bounds()[1].limit do
      ours:make({ id = "udp 192.0.2.8:" .. i % 8 }, FROM .. i, nil, "mallory")
    end
    assert.is_truthy(ours:read(text:sub(2)))
  end)

  it("is not put out by a flow that has many, which loses its own oldest", function()
    local text = ours:make(SOURCE, FROM)
    local greedy = { id = "udp 192.0.2.8:4000" }
    local oldest = ours:make(greedy, FROM)
    for i = 1, 3 * ours:bounds()[1].limit do ours:make(greedy, FROM .. i) end
    assert.is_truthy(ours:read(text:sub(2)))
    assert.matches("has ended", refusal(ours, oldest))
    loop:run_until(loop.time + 121 * 1000)
    ours:make(SOURCE, FROM)
    assert.equal(1, ours:bounds()[1].count)
  end)
end)
