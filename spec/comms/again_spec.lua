-- again_spec.lua - words of a link that were refused as a stranger's are asked for anew; a liar takes no other's room.
local again = require "comms.again"

local MOST <const> = 8192 -- as in again.lua

-- A frame of statements by SIGNERS (array of texts), as core.batch has it.
local function frame(signers)
  return { short = function(_, i) return "short of " .. signers[i] end, bucket = function() return "share/files" end,
    statement = function(_, i) return { signer = signers[i] } end }
end

describe("words of strangers on links", function()
  it("are asked for anew once their signer stands, also where another link brought more than is remembered", function()
    local verdict, standing, asked = {}, {}, {}
    local trust = { lab = {}, verdict = function() return verdict end,
      stands = function(_, id) return standing[id] end }
    local one = again.new { loop = { every = function() return { cancel = function() end } end }, trust = trust,
      ask = function(link, shorts) asked[#asked + 1] = { link, #shorts, shorts[1] } end }
    local liar, honest = {}, {}
    one:expect(liar)
    local hear = one:hearer(liar)
    for i = 1, MOST + 10 do hear(frame { "liar " .. i }, 1, "stranger") end
    one:expect(honest)
    hear = one:hearer(honest)
    for i = 1, 400 do hear(frame { "robot " .. i }, 1, "stranger") end
    assert.equal(MOST, one.count)
    for i = 1, 400 do standing["robot " .. i] = true end
    verdict = {}
    one:look()
    assert.same({ { honest, 400, "short of robot 1" } }, asked)
    assert.equal(MOST - 400, one.count)
  end)

  it("are forgotten with their link, whether or not any was refused", function()
    local one = again.new { loop = { every = function() return { cancel = function() end } end },
      trust = { lab = {}, verdict = function() return {} end, stands = function() return false end },
      ask = function() end }
    for i = 1, 100 do
      local link = {}
      one:expect(link)
      if i % 2 == 0 then one:hearer(link)(frame { "stranger " .. i }, 1, "stranger") end
      link.closed = true
    end
    one:expect {}
    assert.same({ 1, 0 }, { #one.links, one.count })
  end)
end)
