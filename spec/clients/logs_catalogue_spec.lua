-- logs_catalogue_spec.lua - what was hashed is kept beside the loop: leaves first, newest last, whatever the disk does.
local catalogue = require "clients.logs.catalogue"
local disk = require "core.disk"
local sim_disk = require "core.sim"
local folder = require "spec.folder"
local hash = require "core.hash"
local kit = require "spec.clients.logs.kit"
local loop = require "loop"
local atomic_write = require "atomic_write"
local simloop = require "sim.loop"
local unixfs = require "core.unixfs"
local worker = require "worker"
local patience = require "spec.patience"

local SIZE = 2 * unixfs.chunk
local EACH = 4 -- images of a power cut

-- What hashing a file of two leaves would give.
local function file(name, content)
  local leaves = hash.sha256(content or name) .. hash.sha256(name .. "b")
  return { name = name, leaves = leaves, cid = unixfs.layout(SIZE, leaves),
    identity = { size = SIZE, dev = 1, ino = 2, mtime_ns = 3, ctime_ns = 4 } }
end

local function keep(c, one, told)
  c:keep(one.cid, one.leaves, function(...)
    if ... then c:put(one.name, one.cid, one.identity) end
    if told then told(...) end
  end)
end

local function knows(c, one)
  local cid, leaves = c:find(one.name, one.identity)
  return cid == one.cid and leaves == one.leaves
end

describe("the catalogue", function()
  local warned

  local function open(L, d, dir, start)
    local log = { warn = function(_, _, what) warned[#warned + 1] = what end }
    return catalogue.open { loop = L, disk = d, log = log, folder = dir,
      atomic_write = atomic_write.new { disk = d, log = log, start = start } }
  end

  before_each(function() warned = {} end)

  describe("on a disk in memory, in virtual time", function()
    local L, d, c

    local function start(image)
      L, d = simloop.new(), image or sim_disk.memory(1)
      c = open(L, d, "/state", function() return worker.new { loop = L, inline = true } end)
    end
    before_each(function() start() end)

    local function run(ms) L:run_until(L:now() + ms) end
    local function again() return open(L, d, "/state") end

    it("is found again, and what was dropped is not", function()
      local a, b = file "a", file "b"
      keep(c, a)
      keep(c, b)
      run(5000)
      c:drop "a"
      run(5000)
      assert.is_true(knows(again(), b))
      assert.is_nil((again():find("a", a.identity)))
      assert.is_nil(d:stat("/state/leaves/" .. a.cid))
      assert.is_true(c:stop())
    end)

    it("writes once for what changes while it writes, and then the newest", function()
      keep(c, file "first")
      run(1000)
      local before = d:counts().rename
      c:write() -- on its way until the loop's next turn
      for i = 1, 20 do c:put("n" .. i, file("n" .. i).cid, file("n" .. i).identity) end
      run(10000)
      assert.equal(before + 2, d:counts().rename)
      assert.equal("n20", again().entries.n20.name)
    end)

    it("names no leaves that could not be kept, and says why", function()
      local a, said = file "a", nil
      d:inject { operation = "sync", errno = "ENOSPC" }
      keep(c, a, function(...) said = { ... } end)
      run(5000)
      assert.is_nil(said[1])
      assert.equal("ENOSPC", said[3])
      assert.is_nil(c:find("a", a.identity))
      assert.is_nil(d:read "/state/catalogue")
    end)

    it("is tried again, ever later, where the disk refuses", function()
      local a = file "a"
      keep(c, a)
      run(10)
      for i = 1, 4 do d:inject { operation = "rename", nth = i } end
      local tries = {}
      for _ = 1, 600 do
        run(100)
        if c.failures > #tries then tries[#tries + 1] = L:now() end
      end
      assert.equal(4, #tries)
      assert.equal(1, #warned, "said once")
      for i = 3, 4 do assert.is_true(tries[i] - tries[i - 1] > 1.5 * (tries[i - 1] - tries[i - 2])) end
      assert.is_true(knows(again(), a))
    end)

    it("leaves alone what is on its way while it sweeps", function()
      local a = file "a"
      keep(c, a)
      run(5000)
      c:drop "a"
      c:write()
      keep(c, a) -- the same bytes come back before the catalogue without them is written
      run(5000)
      assert.is_true(knows(c, a))
      assert.is_true(knows(again(), a))
    end)

    it("is whole after any power cut, and all its leaves are there", function()
      local files = {}
      for i = 1, 6 do files[i] = file("f" .. i) end
      local function life(image)
        start(image)
        for i, one in ipairs(files) do
          keep(c, one)
          run(i % 2 == 0 and 1500 or 200)
          if i % 3 == 0 then c:drop("f" .. i - 1) end
        end
        run(5000)
      end
      life(sim_disk.memory(1))
      local all, found = 0, 0
      for kind, count in pairs(d:counts()) do
        if kind ~= "read" and kind ~= "bytes" then all = all + count end
      end
      for cut = 1, all do
        local image = sim_disk.memory(cut)
        image:inject { nth = cut, effect = "off" }
        life(image)
        for n = 1, EACH do
          d = image:crash(cut * 100 + n)
          local after = again()
          assert.equal(0, after.damaged)
          for _, one in ipairs(files) do
            if after.entries[one.name] then
              assert.is_true(knows(after, one), one.name)
              found = found + 1
            end
          end
        end
      end
      assert(found > all, found)
    end)
  end)

  describe("on a slow disk", function()
    local home, L, d

    before_each(function()
      home, L, d = folder.new(), loop.new { on_error = error }, disk.real()
    end)
    after_each(function()
      L:close()
      home.remove()
    end)

    -- The longest time in ms between two beats of the loop until TEST holds.
    local function beats(on, test)
      local stop, held = patience.beats(on), false
      local look = on:every(20, function()
        held = test()
        if held then on:stop() end
      end)
      local most = on:after(120000, function() on:stop() end)
      on:run()
      local longest = stop()
      for _, timer in ipairs { look, most } do timer:cancel() end
      assert.is_truthy(held)
      return longest
    end

    local function longest_of(start)
      local c = open(L, d, home.path, start)
      d:slow(300)
      keep(c, file "a")
      local longest = beats(L, function() return folder.read(home.path .. "/catalogue") end)
      assert(c:stop())
      return longest
    end

    local function beside() return worker.new { loop = L } end

    it("holds up no timer", function()
      local longest = longest_of(beside)
      assert.is_true(longest < 200, longest .. " ms between two beats")
    end)

    it("holds up the loop where there is no thread for it", function() -- negative control of the measure
      assert.is_true(longest_of(nil) >= 290)
    end)

    it("waits at its stop for what is being written, and leaves the newest", function()
      local c, a, b = open(L, d, home.path, beside), file "a", file "b"
      keep(c, a)
      beats(L, function() return knows(c, a) end)
      d:slow(300)
      c:write()
      beats(L, function() return folder.read(home.path .. "/catalogue.new") end)
      c:put("one", b.cid, b.identity)
      assert.is_true(c:stop())
      local after = open(L, d, home.path)
      assert.is_true(knows(after, a))
      assert.equal(b.cid, after.entries.one.cid)
      assert.is_nil(folder.read(home.path .. "/catalogue.new"))
      assert.same({}, warned)
    end)

    it("holds up no timer of a node that publishes", function()
      local k = kit.new()
      k:start()
      k.disk:slow(300)
      k:write("a.bag", folder.bytes(2 * unixfs.chunk + 5))
      local longest = beats(k.loop, function()
        return k:file "a.bag" and k:file "a.bag".state == "published" and folder.read(k.root .. "/state/catalogue")
      end)
      k:close()
      assert.is_true(longest < 200, longest .. " ms between two beats")
    end)
  end)
end)
