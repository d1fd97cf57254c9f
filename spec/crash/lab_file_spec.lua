-- lab_file_spec.lua - the power goes at each write while a node joins a lab or leaves it: the old file or the new one.
require "spec.helper"
local atomic_write = require "atomic_write"
local disk = require "core.sim"
local driver = require "spec.crash.driver"
local lab_file = require "lab_file"
local labs = require "spec.labs"
local simloop = require "sim.loop"
local worker = require "worker"

local STATE <const>, PATHS <const> = "/state", { "/state/lab", "/etc/lab" }
local IMAGES = os.getenv "DT_SWARM_SOAK" and 400 or 40
local OLD <const>, NEW <const> = labs.new { name = "old" }, labs.new { name = "new", roots = 2 }
local UID <const> = 0

local function fresh(seed, content)
  local d = disk.memory(seed)
  assert(d:mkdir(STATE))
  assert(d:sync_directory "/")
  if content then assert(d:replace(PATHS[1], content, 384)) end
  return d
end

-- Does the disk D take CONTENT as the lab file, told when it is there? → true | nil, text, code
local function put(d, content)
  local loop, told = simloop.new(), nil
  local writer = atomic_write.new { disk = d, log = { warn = function() end },
    start = function() return worker.new { loop = loop, inline = true } end }
  lab_file.put(writer, STATE, content, function(...) told = table.pack(...) end)
  loop:run_until(loop:now() + 10)
  return table.unpack(told, 1, told.n)
end

-- The name of the lab on D, "none" where there is none. A file that is neither is a failure.
local function name_on(d)
  local found, err = lab_file.find(d, PATHS, UID)
  assert.is_nil(err)
  return found and found.name or "none"
end

describe("the lab file after a power cut", function()
  -- START: what is there first; CHANGE(d) is cut at each of its operations; FROM and TO: the labs before and after.
  local function each_cut(start, change, from, to)
    local d = fresh(1, start)
    local before = driver.operations(d)
    change(d)
    assert.equal(to, name_on(d))
    local count, met = driver.operations(d) - before, { [from] = 0, [to] = 0 }
    for cut = 1, count do
      for seed = 1, IMAGES do
        d = fresh(seed, start)
        d:inject { nth = cut, effect = "off" }
        change(d)
        local name = name_on(d:crash(cut * 1000 + seed))
        assert.is_truthy(met[name], ("cut %d seed %d: %s"):format(cut, seed, name))
        met[name] = met[name] + 1
      end
    end
    assert.is_true(met[from] > 0 and met[to] > 0, "both were met")
  end

  it("is the old one or the new one, also where there was none", function()
    each_cut(OLD.text, function(d) put(d, NEW.text) end, "old", "new")
    each_cut(nil, function(d) put(d, NEW.text) end, "none", "new")
  end)

  it("is there or gone, when the node left", function()
    each_cut(OLD.text, function(d) lab_file.remove(d, STATE) end, "old", "none")
  end)

  it("is what was promised", function()
    for seed = 1, IMAGES do
      local d = fresh(seed, OLD.text)
      assert.is_true(put(d, NEW.text))
      d = d:crash(seed)
      assert.equal("new", name_on(d))
      assert.is_true(lab_file.remove(d, STATE))
      assert.equal("none", name_on(d:crash(seed)))
    end
  end)

  it("is the old one on a full disk, with the reason, and the new one once there is room", function()
    local d = fresh(1, OLD.text)
    d:limit(#OLD.text + 10)
    local ok, err, code = put(d, NEW.text)
    assert.same({ nil, "ENOSPC" }, { ok, code })
    assert.truthy(err:find("ENOSPC", 1, true))
    assert.equal("old", name_on(d))
    assert.equal("old", name_on(d:crash(1)))
    d:limit(1 << 20)
    assert.is_true(put(d, NEW.text))
    assert.equal("new", name_on(d))
  end)
end)
