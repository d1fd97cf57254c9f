-- streams_opening_spec.lua - how streams come to be: which lines cost a link, which ports are tried again. No bytes.
local accepting = require "clients.streams.accepting"
local asking = require "clients.streams.asking"
local key = require "core.key"
local sim = require "sim.loop"
local taken_over = require "routing.channels.taken_over"
local text = require "core.text"

describe("a stream", function()
  local loop, node

  before_each(function()
    local own = key.generate(("k"):rep(32))
    loop = sim.new()
    node = { key = own, id = own:id(), swarm = "x", comms = { peers = { by_id = {}, prover = function() end,
      source_proved = function() return true end } } }
  end)

  -- A connection that heard and said so many lines.
  local function link(heard, said)
    local one = { heard = { frames = heard }, sent = { frames = said }, refused = {}, queued = 0, traits = {},
      reader = { half = function() return false end } }
    function one:close(why) self.closed, self.why = true, why end
    function one:send() self.sent.frames = self.sent.frames + 1 end
    taken_over(one)
    return one
  end

  -- What becomes of the connection ONE over which the call REST comes, with no hops left.
  local function after(one, rest)
    local callee = accepting.new { loop = loop, node = node, streams = {}, refused = function() end }
    callee:take({ to = ("/dswarm/%s/content"):format(node.id), from = "/dswarm/x/content", hops = 0, kind = "call",
      rest = rest }, { channel = one, id = "tcp 192.0.2.1:1", principal = "192.0.2.1" }, function() end)
    loop:run_until(loop:now() + 10 * 1000)
    callee:stop()
    return one.why and one.why:match "^%l+"
  end

  it("costs no link on which other lines go, as a neighbour may have passed that one on", function()
    local opens = ("%s open %s"):format(text.base64url(("e"):rep(32)), node.id)
    assert.same({ "form", "slow" }, { after(link(1, 0), "noise"), after(link(1, 0), opens) })
    assert.is_nil(after(link(7, 5), "noise"))
    assert.is_nil(after(link(7, 5), opens))
    assert.is_nil(after(link(1, 1), opens))
  end)

  it("is opened by who comes while a few hosts half open many, or while many do, a second later", function()
    local words = {}
    local callee = accepting.new { loop = loop, node = node, streams = {}, refused = function(code)
      words[code] = (words[code] or 0) + 1
    end }
    local function open(i, host)
      local one = link(1, 0)
      local opens = ("%s open %s"):format(text.base64url(("%032d"):format(i)), node.id)
      callee:take({ to = ("/dswarm/%s/content"):format(node.id), from = "/dswarm/x/content", hops = 0, kind = "call",
        rest = opens }, { channel = one, id = "tcp " .. host .. ":" .. i, principal = host }, function() end)
      loop:run_until(loop:now() + 1)
      return one
    end
    local function states(list)
      for i, one in ipairs(list) do list[i] = one.closed and one.why:match "^%l+" or "open" end
      return table.concat(list, " ")
    end
    local first = { open(1, "192.0.2.1"), open(2, "192.0.2.1"), open(3, "192.0.2.1") }
    assert.equal("open open full", states(first))
    loop:run_until(loop:now() + 5000)
    local all = {}
    for i = 1, 12 do all[i] = open(i + 3, "192.0.2." .. i % 4) end -- two of each host
    all[13] = open(16, "192.0.2.9")
    assert.equal("full open open open open open open open full full full full open", states(all))
    callee:stop()
    callee = accepting.new { loop = loop, node = node, streams = {}, refused = function() end }
    all = {}
    for i = 1, 9 do all[i] = open(100 + i, "198.51.100." .. i) end
    loop:run_until(loop:now() + 1000)
    all[10] = open(110, "198.51.100.10")
    assert.equal("full open open open open open open open full open", states(all))
    loop:run_until(loop:now() + 5000)
    callee:stop()
  end)

  it("is dialled again by who is asked to dial in vain", function()
    local other, dials = key.generate(("o"):rep(32)):id(), 0
    node.net = { connect = function()
      dials = dials + 1
      return nil, "refused", "ECONNREFUSED"
    end }
    node.comms.peers.by_id[other] = { tcp = 3825, flows = {} }
    function node.comms.peers.hosts() return { { host = "192.0.2.1" } } end
    node.routing = { send = function() return true end }
    local one = asking.new { loop = loop, node = node, opened = function() end }
    for i = 1, 2 do
      local word
      one:connect(other, function(_, code) word = code end)
      loop:run_until(loop:now() + 60 * 1000)
      assert.same({ "slow", i }, { word, dials })
    end
    one:stop()
  end)
end)
