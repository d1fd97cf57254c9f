-- why_channel.lua: which channels a person's word means, and what is said of each.
local why_channel = require "clients.control.why_channel"

local IRC <const> = "/dns4/irc.example.org/tcp/6667/irc/#robots"
local rows_of_status = {
  { kind = "udp", address = "/ip4/0.0.0.0/udp/3825/dswarm-line", state = "up", refused = { quota = 2, address = 1 } },
  { kind = "irc", address = IRC .. "/dswarm-line", state = "waiting", reason = "permission: it has a ban on us",
    cure = "Ask who runs it", refused = { permission = 0 } },
  { kind = "exec", address = "/exec/modem/dswarm-line", state = "closed",
    reason = "closed by the policy: no need of it" },
  { kind = "exec", address = "/exec/other/dswarm-line", state = "up", note = "It is slow.", refused = {} },
}
local node = { routing = { channels = function() return rows_of_status end } }

local function rows(name) return why_channel.rows(node, { channel = name }) end

describe("why a channel", function()
  it("waits is what it says itself, by its kind or its address", function()
    for _, name in ipairs { "irc", IRC, IRC .. "/dswarm-line" } do
      assert.same({ { code = "permission", what = IRC, seen = "waiting: it has a ban on us",
        cure = "Ask who runs it" } }, rows(name))
    end
  end)

  it("is up comes with what was refused there", function()
    assert.same({ { what = "/ip4/0.0.0.0/udp/3825", seen = "up" },
      { what = "refused there", seen = "1 address, 2 quota", cure = "What it means: dt-swarm-cli HOST why address" } },
      rows "udp")
  end)

  it("is closed, and what people should know of it, are said of each that is meant", function()
    assert.same({ { what = "/exec/modem", seen = "closed by the policy: no need of it" },
      { what = "/exec/other", seen = "up" }, { what = "note", seen = "It is slow." } }, rows "exec")
  end)

  it("has no reason where none is meant", function()
    assert.same({}, rows "tcp")
    assert.is_nil(why_channel.rows(node, { peer = "udp" }))
  end)
end)
