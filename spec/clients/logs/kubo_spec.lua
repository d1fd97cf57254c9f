-- kubo_spec.lua - which files a node has its Kubo pin, in which order, and how long it waits after a failure. Pins are
-- a fake; virtual time.
local kubo = require "clients.logs.kubo"
local random = require "core.random"
local sim_loop = require "sim.loop"
local till = require "spec.net.till"

describe("what a node has its Kubo pin", function()
  local loop, public, did, pinned, fault, here, self, paused, port, made, stands
  local MINUTE <const> = 60 * 1000

  local function later(done, ...)
    local told = table.pack(...)
    loop:after(10, function() done(table.unpack(told, 1, told.n)) end)
  end

  -- Answers as kubo_pins.lua does, each a moment later.
  local function fake(given)
    local pins = {}
    made[#made + 1] = given.sees
    function pins.check(_, done)
      if fault.check then return later(done, nil, "closed: nobody", "closed", "start it") end
      later(done, "0.43.0")
    end
    function pins.list(_, done)
      local found = {}
      for key, is_here in pairs(pinned) do found[key] = is_here end -- any order: a set
      later(done, found)
    end
    function pins.remove(_, key, done)
      did[#did + 1] = "-" .. key
      later(done, true)
    end
    function pins.add(_, key, size, from, done)
      did[#did + 1] = "+" .. key
      local upload = { key = key, size = size, sent = 0, from = from }
      function upload.cancel() upload.over = true did[#did + 1] = "x" .. key end
      loop:after(fault.slow or 10, function()
        if upload.over then return end
        local told = fault[key]
        if told then return done(nil, told, told:match "^%l+", nil, true) end
        done(true)
      end)
      return upload
    end
    function pins.close() did[#did + 1] = "closed" end
    return pins
  end

  before_each(function()
    loop, public, did, pinned, fault, paused, port, made = sim_loop.new(), {}, {}, {}, {}, nil, "http://127.0.0.1:1", {}
    here, stands = { api = "/ip4/127.0.0.1/tcp/5001" }, {}
    self = kubo.new { loop = loop, log = till.log(), random = random.seeded(1), id = "12D3", make = fake,
      paused = function() return paused end, from = function() return port end, secrets = function() end,
      stands = function(key) return stands[key] or false end, listen = function() end, each_public = function()
        local i = 0
        return function()
          i = i + 1
          return public[i]
        end
      end }
    self.setting = function() return here end
  end)

  local function share(...)
    public = {}
    for i, key in ipairs { ... } do public[i] = { cid = key, name = key .. ".bag", size = 100 } end
  end

  local function run(ms)
    loop:run_until(loop.time + ms)
    return table.concat(did, " ")
  end

  it("is what is public, one after the other; what is not wanted any more goes first", function()
    share("b", "a", "c")
    pinned = { c = true, z = true, d = false }
    self:start()
    assert.equal("-d -z +a +b", run(2000))
    assert.same({ api = here.api, version = "0.43.0", pinned = 3, waits = 0 }, self:facts())
    share("b", "c")
    self:look_soon()
    assert.equal("-d -z +a +b -a", run(2000))
  end)

  it("is looked at again where something was said while it was looked at", function()
    share "a"
    self:start()
    run(2000)
    public = setmetatable({}, { __index = function(_, i) -- a file that comes when the look has begun
      if i == 1 then share "b" self:look() end
    end })
    self:look()
    assert.equal("+a -a +b", run(2000))
  end)

  it("is pinned anew where it lay elsewhere", function()
    share "a"
    pinned = { a = false }
    self:start()
    assert.equal("-a +a", run(2000))
  end)

  it("waits for a Kubo that is away, ever longer, and says why", function()
    share "a"
    fault.check = true
    self:start()
    run(1000)
    assert.equal("closed: nobody", self:facts().why)
    assert.equal("start it", self:facts().cure)
    run(9 * MINUTE)
    local tries = #made
    assert.is_true(tries >= 3 and tries <= 6, tries .. " tries in ten minutes")
    run(60 * MINUTE)
    assert.is_true(#made - tries <= 4, #made - tries .. " tries in the next hour")
    fault.check = nil
    run(61 * MINUTE)
    assert.is_nil(self:facts().why)
    assert.equal(1, self:facts().pinned)
  end)

  it("leaves out for a while what the own gateway does not give, and goes on with others", function()
    share("a", "b")
    fault.a = "moved: it changed"
    self:start()
    assert.equal("+a +b", run(5 * MINUTE))
    assert.equal("+a +b +a", run(6 * MINUTE))
    assert.is_nil(self:facts().why)
  end)

  it("rests while the node pauses, and begins when that is over; so what broke off by it", function()
    share("a", "b")
    paused = "driving"
    self:start()
    assert.equal("", run(3 * MINUTE))
    paused, fault.a = nil, "pause: it drives"
    assert.equal("+a +b", run(MINUTE + 1000))
    fault.a = nil
    assert.equal("+a +b +a", run(MINUTE))
  end)

  it("is nothing where the gateway has another port than the policy's", function()
    share "a"
    port = nil
    self:start()
    assert.equal("", run(3 * MINUTE))
  end)

  it("is given up where it is withdrawn meanwhile", function()
    share "a"
    fault.slow = 3000
    self:start()
    assert.equal("+a", run(1000))
    share()
    self:look_soon()
    assert.equal("+a xa -a", run(5000), "Kubo may have pinned it already")
    assert.equal(0, self:facts().pinned)
  end)

  it("stays pinned while our own word stands, as before the folder was looked through, and goes with it", function()
    pinned, stands = { a = true, b = true, c = false }, { a = true, c = true }
    self:start()
    assert.equal("-b -c", run(2000))
    stands.a = nil
    assert.equal("-b -c -a", run(MINUTE))
  end)

  it("is asked of another Kubo when the policy names one, and of none without", function()
    share "a"
    self:start()
    assert.equal("+a", run(1000))
    here = { api = "/ip4/127.0.0.1/tcp/5002", sees = "http://10.0.0.1:1" }
    self:apply(nil, { ["clients.logs.kubo"] = {} })
    assert.equal("+a closed +a", run(1000))
    assert.same({ "http://127.0.0.1:3826", "http://10.0.0.1:1" }, made)
    here = false
    self:apply(nil, { ["clients.logs.kubo"] = {} })
    assert.equal("+a closed +a closed", run(5 * MINUTE))
    assert.is_nil(self:facts())
  end)

  it("needs the secret that the policy names", function()
    share "a"
    here.token = { secret = "kubo" }
    self:start()
    assert.equal("", run(1000))
    assert.matches("^kind: ", self:facts().why)
  end)
end)
