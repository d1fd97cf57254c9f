-- own_addresses_spec.lua - where a node says that it can be met: what its policy tells, when, and in what form.
local forms = require "dcache.forms"
local json = require "core.json"
local own_addresses = require "clients.discovery.own_addresses"
local sim_loop = require "sim.loop"
local till = require "spec.net.till"

local ME <const> = "12D3KooWEwykBEJZ8ZZtDmVzYNAPjkNgsWRHKWCBHRPJnhGGugNt"
local KUBO <const> = { "12D3KooWKubo", 4001 }

local function at(host) return { address = ("/ip4/%s/tcp/3825/dswarm-line"):format(host) } end

describe("where a node says that it can be met", function()
  local loop, said, known, hides, kubo, one
  before_each(function()
    loop, said, known, hides, kubo = sim_loop.new(), {}, { at "198.51.100.1", at "10.0.0.1" }, false, nil
    local function say(data)
      said[#said + 1] = data and json.encode(data) or "dismiss"
      return { short = "short " .. #said }
    end
    one = own_addresses.new { loop = loop, id = ME, log = till.log(), known = function() return known, 3826 end,
      told = function() return { addresses = hides and {} or known, http = 3826 } end,
      ipfs = function() return kubo end,
      comms = { propose = function(_, bucket, data)
        assert.equal(("pri/%s/addresses"):format(ME), bucket)
        assert.is_truthy(forms.read(bucket, ME, json.decode(json.encode(data))))
        return say(data)
      end, dismiss = function() return say() end } }
    one:start()
  end)
  after_each(function() one:stop() end)

  local function run(minutes) loop:run_until(loop.time + minutes * 60000) end

  local FIRST <const> = '{"at":["/ip4/198.51.100.1/tcp/3825/dswarm-line","/ip4/10.0.0.1/tcp/3825/dswarm-line"],'
    .. '"http":3826}'

  it("is said at the start and each five minutes, and soon after it changed", function()
    assert.same({ FIRST }, said)
    run(4.5)
    assert.equal(1, #said)
    run(1)
    assert.same({ FIRST, FIRST }, said)
    known = { at "10.0.0.1" }
    one:look_soon()
    run(0.1)
    assert.equal('{"at":["/ip4/10.0.0.1/tcp/3825/dswarm-line"],"http":3826}', said[3])
    kubo = KUBO
    run(1)
    assert.matches('"ipfs":%["12D3KooWKubo",4001%]', said[4])
  end)

  it("is taken back soon after another policy hides it, and is no news where that one tells the same", function()
    one:ask_anew()
    run(0.1)
    assert.equal(1, #said)
    hides = true
    one:ask_anew()
    run(0.1)
    assert.same({ FIRST, "dismiss" }, said)
    run(11)
    assert.equal(2, #said, "nothing is taken back twice")
    hides = false
    one:ask_anew()
    run(0.1)
    assert.equal(FIRST, said[3])
  end)

  it("names a chat room in which it is met, however many addresses of its own there are", function()
    for i = 3, 6 do known[#known + 1] = at("10.0.0." .. i) end
    known[#known + 1] = { address = "/dns4/irc.example.org/tcp/6697/irc/#a/dswarm-line", own = false }
    run(1)
    assert.same({ "/ip4/198.51.100.1/tcp/3825/dswarm-line", "/ip4/10.0.0.1/tcp/3825/dswarm-line",
      "/ip4/10.0.0.3/tcp/3825/dswarm-line", known[#known].address }, json.decode(said[2]).at)
  end)

  it("is at most four addresses of ours in 440 bytes, whatever the policy put there", function()
    known = { at "10.0.0.1", at "10.0.0.1", { address = "/ip4/10.0.0.2/udp/1" }, { address = 7 }, "x", {} }
    for i = 3, 9 do known[#known + 1] = at("10.0.0." .. i) end
    hides = false
    one.known = function() return { at "10.0.0.1" }, 3826 end
    run(1)
    assert.same({ "/ip4/10.0.0.1/tcp/3825/dswarm-line", "/ip4/10.0.0.3/tcp/3825/dswarm-line",
      "/ip4/10.0.0.4/tcp/3825/dswarm-line", "/ip4/10.0.0.5/tcp/3825/dswarm-line" }, json.decode(said[2]).at)
    known = {}
    local name = ("a"):rep(60) .. "." .. ("c"):rep(60) .. ".example"
    for i = 1, 4 do known[i] = { address = ("/dns4/%s/tcp/%d/dswarm-line"):format(name, i) } end
    one:ask_anew()
    run(0.1)
    assert.is_true(#said[3] <= 440 and #json.decode(said[3]).at < 4, said[3])
    known = 7
    one:ask_anew()
    run(0.1)
    assert.equal("dismiss", said[4])
  end)
end)

describe("the form of pri/*/addresses", function()
  local function read(text, key)
    local data, why = forms.read(("pri/%s/addresses"):format(ME), key or ME, json.decode(text))
    return data and "good" or why
  end

  it("is one to four addresses, a port, and a Kubo", function()
    local line = '"/ip4/10.0.0.1/tcp/3825/dswarm-line"'
    assert.equal("good", read('{"at":[' .. line .. "]}"))
    assert.equal("good", read('{"at":[' .. line .. '],"http":3826,"ipfs":["12D3KooWKubo",4001]}'))
    assert.matches("no peer ID", read('{"at":[' .. line .. "]}", "x"))
    for text, why in pairs {
      ["{}"] = "1 to 4", ['{"at":[]}'] = "1 to 4", ['{"at":"x"}'] = "1 to 4", ['{"at":["x"]}'] = "no address",
      ['{"at":[7]}'] = "no address", ['{"at":["/ip4/10.0.0.1/tcp/3825"]}'] = "does not end",
      ['{"at":[' .. line .. "," .. line .. "]}"] = "twice", ['{"at":[' .. line .. '],"x":1}'] = "member",
      ['{"at":[' .. line .. '],"http":0}'] = "no port", ['{"at":[' .. line .. '],"http":"80"}'] = "no port",
      ['{"at":[' .. line .. '],"ipfs":["12D3KooWKubo"]}'] = "ipfs", ['{"at":[' .. line .. '],"ipfs":[7,1]}'] = "ipfs",
      ['{"at":[' .. line .. '],"ipfs":["a/b",1]}'] = "ipfs", ['{"at":[' .. line .. '],"ipfs":["a",65536]}'] = "ipfs",
    } do -- any order
      assert.matches(why, read(text), text)
    end
  end)
end)
