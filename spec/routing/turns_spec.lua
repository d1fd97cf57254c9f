-- turns_spec.lua - whose turn it is to pass a line on that many heard: each line by itself, without a wire.
require "spec.helper"
local rank = require "rank"
local sim_loop = require "sim.loop"
local turns = require "routing.turns"

local CHANNEL <const> = {}
local SOURCE <const> = { channel = CHANNEL }

describe("lines that many hear", function()
  local loop, one, passed

  before_each(function()
    loop, passed = sim_loop.new(), {}
    local other = { id = "other", flows = { { source = SOURCE } } }
    one = turns.new { loop = loop, id = "me", peers = { list = { other }, prover = function() end,
      living = function() return true end, speaks = function() return true end } }
  end)

  -- The first N lines in which another one's turn comes first.
  local function seconds(n)
    local list, i = {}, 0
    while #list < n do
      i = i + 1
      if rank.of("line " .. i, { "me", "other" })[1] == "other" then list[#list + 1] = "line " .. i end
    end
    return list
  end

  local function wait(digest, from)
    one:wait(SOURCE, { from = from }, digest, function() passed[#passed + 1] = digest end)
  end

  it("and come from one FROM wait each for itself, and so do those that want no answer", function()
    for _, from in ipairs { "~label", "-" } do
      passed = {}
      local lines = seconds(3)
      for _, digest in ipairs(lines) do wait(digest, from) end
      wait(lines[1], from) -- said twice it is one
      loop:run_until(loop.time + 3000)
      assert.same(lines, passed)
    end
  end)

  it("are left to who passed them on: an answer is for the one that waits longest", function()
    local lines = seconds(2)
    for _, digest in ipairs(lines) do wait(digest, "~label") end
    one:answered "~another"
    one:answered "~label"
    loop:run_until(loop.time + 3000)
    assert.same({ lines[2] }, passed)
  end)

  it("wait up to 64 at one time", function()
    for _, digest in ipairs(seconds(70)) do wait(digest, "-") end
    loop:run_until(loop.time + 3000)
    assert.equal(64, #passed)
  end)
end)
