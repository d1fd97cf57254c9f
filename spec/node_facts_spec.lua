-- node_facts_spec.lua - facts about a node that a spec makes up as a tree of files: measured, or nil.
local node_facts = require "node_facts"
local kernel = require "core.board"
local disk = require "core.disk"
local uv = require "luv"

local root, loop, up

local board = { space = kernel.space, uptime = function() return up end }

local function path(name) return root .. "/" .. name end

local function write(name, content)
  local folder = root
  for part in name:gmatch "([^/]+)/" do
    folder = folder .. "/" .. part
    uv.fs_mkdir(folder, 448)
  end
  local file = assert(io.open(path(name), "w"))
  file:write(content)
  file:close()
end

local function new(options)
  options = options or {}
  options.loop, options.disk, options.board, options.root = loop, disk.real(), board, root
  return node_facts.new(options)
end

describe("here", function()
  before_each(function()
    local name = os.tmpname()
    os.remove(name)
    root = assert(uv.fs_mkdtemp(name .. "XXXXXX"))
    loop, up = { at = 1000, now = function(self) return self.at end }, nil
  end)
  after_each(function() os.execute("rm -rf '" .. root .. "'") end)

  it("knows what it was told, and nothing where nothing can be read", function()
    assert.same({ id = "12D3", name = "donald", type = "computer", tags = { "lab" },
      permission = { logs = true, stats = false, config = false } },
      new { id = "12D3", name = "donald", tags = { "lab" } }:facts())
    assert.same({ type = "computer", tags = {}, permission = { logs = true, stats = false, config = false } },
      new():facts())
  end)

  it("measures", function()
    up = 350735
    write("data/config/robot_type", "duckiebot\n")
    local clock = { quality = "proved", proved_now = function() return 1795358987000 end }
    local f = new { share = root, time = clock, peers = function() return 7 end, name = "d",
      sensors = { driving = function() return false end, estop = function() end } }:facts()
    assert.truthy(f.disk_free > 0 and f.disk_total >= f.disk_free)
    assert.is_nil(f.store_free) -- nobody said where fetched files go
    f.disk_free, f.disk_total = nil, nil
    assert.same({ name = "d", type = "duckiebot", tags = {}, uptime = 350735, clock = "proved",
      hour = 14, peers = 7, driving = false, permission = { logs = true, stats = false, config = false } }, f)
  end)

  it("tells heat and battery as the looks at the sensors do, a lease before them, and what is unknown not at all",
    function()
      local known, leases, one = {}, {}, nil
      local h = new { sensors = node_facts.sensors(function() return one end) }
      local function check(wanted)
        loop.at = loop.at + 1000
        local f, found = h:facts(), {}
        for _, name in ipairs { "load", "temperature", "battery", "charging", "power" } do found[name] = f[name] end
        assert.same(wanted, found)
      end
      check {}
      one = { comms = { clones = { own = function() end } },
        leases = { value = function(_, name) return leases[name] end },
        diagnostics = { values = { get = function(_, name) return { value = known[name] } end } } }
      check {}
      known = { load1 = 0.5, cpu_temperature_celsius = 48.312, battery_ratio = 0.87, battery_charging = 0,
        mains_power = 1 }
      check { load = 0.5, temperature = 48.312, battery = 87, charging = false, power = "mains" }
      leases, known.mains_power = { battery = 12, charging = true }, 0
      check { load = 0.5, temperature = 48.312, battery = 12, charging = true, power = "battery" }
      leases, known = {}, {}
      check {}
    end)

  it("tells no hour by a clock that is not proved, no room on a disk that is not there", function()
    local clock = { quality = "adopted", proved_now = function() end }
    local f = new { time = clock, share = root .. "/nothing" }:facts()
    assert.equal("adopted", f.clock)
    assert.is_nil(f.hour)
    assert.is_nil(f.disk_free)
  end)

  it("tells the room where fetched files go, another disk than the share's, less what is on its way", function()
    local taken, spaces = 0, { share = { 900, 1000 }, store = { 100, 200 } }
    local h = node_facts.new { loop = loop, disk = disk.real(), root = root, share = "share", store = "store",
      reserved = function() return taken end,
      board = { uptime = board.uptime, space = function(which) return table.unpack(spaces[which]) end } }
    assert.same({ 900, 1000, 100 }, { h:facts().disk_free, h:facts().disk_total, h:facts().store_free })
    taken = 30 -- a file began, in the same second
    assert.equal(70, h:facts().store_free)
    taken = 130
    assert.equal(0, h:facts().store_free)
    spaces.store = { nil, "gone" }
    assert.is_nil(h:facts().store_free)
  end)

  it("tells laptops from other computers, and takes a robot's word only if it is a word", function()
    write("sys/class/dmi/id/chassis_type", "3\n")
    assert.equal("computer", new():facts().type)
    write("sys/class/dmi/id/chassis_type", "10\n")
    assert.equal("laptop", new():facts().type)
    write("data/config/robot_type", "\27[2Jx\n")
    assert.equal("laptop", new():facts().type)
    write("data/config/robot_type", "")
    assert.equal("laptop", new():facts().type)
    write("data/config/robot_type", "duckiedrone\n")
    assert.equal("duckiedrone", new():facts().type)
    assert.equal("kiosk", new { type = "kiosk" }:facts().type)
  end)

  it("looks again after a second, and when it is told something", function()
    up = 10
    local h = new { name = "a" }
    assert.equal(10, h:facts().uptime)
    up = 11
    loop.at = loop.at + 999
    assert.equal(10, h:facts().uptime)
    loop.at = loop.at + 1
    assert.equal(11, h:facts().uptime)
    h:set("name", "b")
    assert.equal("b", h:facts().name)
  end)
end)

describe("permission of the owner", function()
  local file = "data/config/permissions/allow_push_logs_data"
  local h

  before_each(function()
    local name = os.tmpname()
    os.remove(name)
    root = assert(uv.fs_mkdtemp(name .. "XXXXXX"))
    loop = { now = function() return 1 end }
    h = new()
  end)
  after_each(function() os.execute("rm -rf '" .. root .. "'") end)

  it("is yes without a file, no with one that does not say 1, and read at that moment", function()
    assert.is_true(h:permission().logs)
    for content, answer in pairs { ["1"] = true, ["1\n"] = true, [" 1 \n"] = true, ["0\n"] = false, [""] = false,
      ["\n"] = false, ["11"] = false, ["yes"] = false, ["1 0"] = false, [("1"):rep(300)] = false,
      ["1" .. (" "):rep(300) .. "0"] = false } do -- any order
      write(file, content)
      assert.equal(answer, h:permission().logs, content)
    end
    os.remove(path(file))
    assert.is_true(h:permission().logs)
  end)

  it("is unknown where it cannot be read, and holds up nobody", function()
    write(file .. "/x", "")
    assert.is_nil(h:permission().logs)
    os.execute(("rm -rf '%s' && mkfifo '%s'"):format(path(file), path(file)))
    assert.is_nil(h:permission().logs)
    if uv.getuid() ~= 0 then
      os.execute("rm -rf '" .. path(file) .. "'")
      write(file, "1")
      uv.fs_chmod(path(file), 0)
      assert.is_nil(h:permission().logs)
    end
  end)

  it("is never given by silence for statistics and configuration", function()
    assert.same({ logs = true, stats = false, config = false }, h:permission())
    write("data/config/permissions/allow_push_stats_data", "1\n")
    write("data/config/permissions/allow_push_config_data", "1\n")
    assert.same({ logs = true, stats = true, config = true }, h:permission())
  end)

  it("stands where the node was told", function()
    write("etc/perm/allow_push_logs_data", "0")
    assert.is_false(new { permissions = "/etc/perm" }:permission().logs)
    for _, answer in ipairs { true, false } do
      assert.equal(answer, new { logs_permission = function() return answer, "why" end }:permission().logs)
    end
    assert.is_nil(new { logs_permission = function() end }:permission().logs)
  end)
end)
