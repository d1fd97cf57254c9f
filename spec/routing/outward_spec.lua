-- outward_spec.lua - how others are dialled and joined: asked of what is open, by channels of tables.
local outward = require "routing.channels.outward"

describe("how this node is joined", function()
  local entries, one
  before_each(function()
    entries = {}
    one = outward.new { kinds = {}, order = {}, entries = function() return entries end }
  end)

  local function topic(name, place)
    local made = { address = "/ipfs-pubsub/" .. name .. "/dswarm-line", met = {} }
    function made.meeting() return place end
    function made.meet(_, host, id, port, done)
      table.insert(made.met, ("%s %s %d"):format(host, id, port))
      done(true)
    end
    return made
  end

  it("is by the first channel that can be joined now", function()
    local away, here = topic("a"), topic("b", { "12D3KooWMe", 4001 })
    entries = { {}, { one = { address = "/ip4/0.0.0.0/udp/1/dswarm-line" } }, { one = away }, { one = here } }
    assert.same({ "12D3KooWMe", 4001 }, one:meeting())
    local ok
    one:meet("10.0.0.2", "12D3KooWYou", 4002, function(...) ok = ... end)
    assert.same({ true, {}, { "10.0.0.2 12D3KooWYou 4002" } }, { ok, away.met, here.met })
  end)

  it("is said of a chat room, too, while this node is in one", function()
    local room = { address = "/x" }
    function room.meets() return "/dns4/irc.example.org/tcp/6667/irc/#a/dswarm-line" end
    local outside = { address = "/y", meets = function() end }
    entries = { { one = outside }, { one = room }, { one = topic "a" } }
    assert.same({ { address = room.meets(), lan = false, own = false },
      { address = "/ipfs-pubsub/a/dswarm-line", lan = false, own = false } }, one:own_addresses())
  end)

  it("is said beside where it is dialled, and is refused where nothing can be joined or dialled", function()
    entries = { { one = topic "a" } }
    assert.same({ { address = "/ipfs-pubsub/a/dswarm-line", lan = false, own = false } }, one:own_addresses())
    assert.is_nil((one:meeting()))
    for _, method in ipairs { "meet", "dial", "dial_link" } do
      local code
      local function done(_, _, why) code = why end
      if method == "meet" then one:meet("10.0.0.2", "x", 1, done) else one[method](one, "10.0.0.2", 1, done) end
      assert.equal("address", code, method)
    end
    assert.equal(0, one:port())
  end)
end)
