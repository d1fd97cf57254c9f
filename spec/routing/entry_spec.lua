-- entry_spec.lua - one entry of routing.channels read: address, options, whose key is expected. Opens nothing.
local entry = require "routing.channels.entry"

local ID = require "core.key".generate(("k"):rep(32)):id()
local IRC = "/dns4/x/tcp/1/irc/#a/dswarm-line"
local KINDS = { { scheme = "tcp", module = "routing.channels.tcp" }, { scheme = "irc", module = "spec.entry_irc" },
  { scheme = "ipfs-pubsub", module = "spec.entry_pubsub" } }

describe("an entry of routing.channels", function()
  setup(function()
    package.loaded["spec.entry_irc"] = { form = "/dns4/A/tcp/P/irc/#C/dswarm-line",
      options = { password = "a password is for who lets in by name", nicks = "nicks are for chat rooms" },
      read = function(parts) return parts[3][1] == "irc" and { room = parts[3][2] } or nil end }
    package.loaded["spec.entry_pubsub"] = { form = "/ipfs-pubsub/T/dswarm-line",
      options = { password = "a password is for who lets in by name" }, read = function(parts) return parts end }
  end)
  teardown(function() package.loaded["spec.entry_irc"], package.loaded["spec.entry_pubsub"] = nil, nil end)

  it("hands on all of its options, and is another entry with any other of them", function()
    local given = { address = IRC, budget = 60, cost = 3, near = true, password = "p", nicks = { "a", "b" } }
    local read, keys = entry.read(KINDS, given), {}
    assert.same({ "irc", IRC, "#a" }, { read.scheme, read.address, read.room })
    for name, value in pairs(given) do assert.same(value, read[name]) end
    keys[read.key] = true
    assert.equal(read.key, entry.read(KINDS, given).key)
    for name, value in pairs { budget = 61, cost = 4, near = false, password = "q", nicks = { "b", "a" } } do
      local other = setmetatable({ [name] = value }, { __index = given })
      for _, field in ipairs { "address", "budget", "cost", "near", "password", "nicks" } do
        other[field] = other[field]
      end
      local key = entry.read(KINDS, other).key
      assert.is_nil(keys[key], name)
      keys[key] = true
    end
  end)

  it("says for which kinds an option is, and which one is nobody's", function()
    local tcp = "/ip4/1.2.3.4/tcp/1/dswarm-line"
    assert.same({ nil, ("address: %s: a password is for who lets in by name: /dns4/A/tcp/P/irc/#C/dswarm-line or " ..
      "/ipfs-pubsub/T/dswarm-line"):format(tcp), "address" }, { entry.read(KINDS, { address = tcp, password = "x" }) })
    assert.same({ nil, ("address: %s: no kind of channel takes `speed`"):format(tcp), "address" },
      { entry.read(KINDS, { address = tcp, speed = 1 }) })
    assert.equal(60, entry.read(KINDS, { address = tcp, budget = 60 }).budget)
  end)

  it("goes through TLS or a proxy only where it is dialled", function()
    for _, option in ipairs { "tls", "proxy" } do
      local _, text, code = entry.read(KINDS, { address = "/ip4/0.0.0.0/tcp/1/dswarm-line", [option] = true })
      assert.equal("address", code)
      assert.matches("this is where others dial us", text, 1, true)
      assert.is_truthy((entry.read(KINDS, { address = "/ip4/1.2.3.4/tcp/1/dswarm-line", [option] = true })))
    end
  end)

  it("may name whose key is expected there", function()
    local tcp = "/dns4/a.example/tcp/1/dswarm-line"
    local plain, named = entry.read(KINDS, { address = tcp }), entry.read(KINDS, { address = tcp .. "/dswarm/" .. ID })
    assert.same({ tcp, ID, "a.example", 1 }, { named.address, named.expected, named.host, named.port })
    assert.same({ tcp }, { plain.address, plain.expected })
    assert.not_equal(plain.key, named.key)
    for _, tail in ipairs { "/dswarm/" .. ID .. "/brain", "/dswarm/*", "/dswarm/nobody", "/dswarm" } do
      local ok, _, code = entry.read(KINDS, { address = tcp .. tail })
      assert.same({ nil, "address" }, { ok, code }, tail)
    end
  end)
end)
