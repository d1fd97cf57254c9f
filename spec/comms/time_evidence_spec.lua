-- time_evidence_spec.lua - whose refused word bears witness of the time, and when. With stubs for who is met.
local listeners = require "listeners"
local time_evidence = require "comms.time_evidence"

local WORD <const> = { bucket = "peer", verb = "propose", signer = "ada", at = 1700000000000 }

describe("a word that was refused for its time", function()
  local evidence, peers, met, heard, back, signed

  before_each(function()
    met, heard, back, signed = false, {}, listeners.new(), true
    peers = { by_id = {}, on_back = function(_, fn) return back:add(fn) end, stands = function() return true end,
      best = function() return met end, living = function() return true end }
    evidence = time_evidence.new { peers = peers, swarm = "duckietown", allowed = function() return true end,
      charge = function() end, checks = { statement = function() return signed end } }
    evidence:on_witness(function(st) heard[#heard + 1] = st end)
  end)

  local function meet()
    met, peers.by_id.ada = true, { id = "ada" }
    back:call(peers.by_id.ada)
  end

  it("bears witness at once where its signer is here", function()
    meet()
    evidence:hear(WORD, {})
    assert.same({ WORD }, heard)
  end)

  it("waits for its signer to be met, bears witness then, and once", function()
    evidence:hear(WORD, {})
    assert.same({}, heard)
    meet()
    assert.same({ WORD }, heard)
    back:call(peers.by_id.ada)
    evidence:hear(WORD, {})
    assert.same({ WORD }, heard)
  end)

  it("bears none when its signature is false, then either", function()
    signed = false
    evidence:hear(WORD, {})
    meet()
    assert.same({}, heard)
  end)

  it("waits with 64 of others at most", function()
    evidence:hear(WORD, {})
    for i = 1, 64 do
      evidence:hear({ bucket = "peer", verb = "propose", signer = "n" .. i, at = 1 }, {})
    end
    meet()
    assert.same({}, heard)
  end)
end)
