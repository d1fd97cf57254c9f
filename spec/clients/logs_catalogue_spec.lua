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
local sql = require "core.sql"
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
    local log = { warn = function(_, _, what) warned[#warned + 1] = what end, info = function() end }
    return catalogue.open { loop = L, disk = d, log = log, state = dir, start = start,
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
    local function again()
      c:stop()
      return open(L, d, "/state")
    end

    it("is found again, and what was dropped is not", function()
      local a, b = file "a", file "b"
      keep(c, a)
      keep(c, b)
      run(5000)
      c:drop "a"
      run(5000)
      assert.is_nil(d:stat("/state/leaves/" .. a.cid))
      local after = again()
      assert.is_true(knows(after, b))
      assert.is_nil((after:find("a", a.identity)))
      assert.is_true(c:stop())
    end)

    it("keeps the leaves of bytes that have another name, and not those of what a name had before", function()
      local a, b = file "a", file "b"
      keep(c, a)
      c:put("other", a.cid, a.identity)
      run(5000)
      c:drop "a"
      run(5000)
      assert.truthy(d:stat("/state/leaves/" .. a.cid))
      keep(c, { name = "other", cid = b.cid, leaves = b.leaves, identity = b.identity })
      run(5000)
      assert.is_nil(d:stat("/state/leaves/" .. a.cid))
      assert.equal(b.cid, (again():find("other", b.identity)))
    end)

    it("writes once for what changes while it writes, and then the newest", function()
      keep(c, file "first")
      run(5000)
      local before = d:counts().write
      for i = 1, 300 do c:put("n" .. i % 20, file("n" .. i).cid, file("n" .. i).identity) end
      run(10000)
      assert.is_true(d:counts().write - before < 60, d:counts().write - before)
      assert.equal(file("n299").cid, again().entries.n19.cid)
    end)

    it("writes all of what is more than goes at once", function()
      for i = 1, 1200 do c:put("n" .. i, file("n" .. i % 7).cid, file("n" .. i % 7).identity) end
      run(10000)
      assert.same({}, c.files.changes)
      local n = 0
      for _ in pairs(again().entries) do n = n + 1 end
      assert.equal(1200, n)
    end)

    it("writes at its stop what was on its way to no thread yet", function()
      local row = { place = "share", path = "x", cid = "b", size = 1, dev = 1, ino = 1, mtime_ns = 1, ctime_ns = 1 }
      local w = c.files.beside:get()
      local begin = w.run
      w.run = function(...)
        local job = begin(...)
        c:stop()
        return job
      end
      c.files:put(row, error)
      run(100)
      assert.is_true(c.files.stopped)
      assert.equal("b", again().entries.x.cid)
    end)

    it("forgets once what is not there any more, and sweeps what a power cut left", function()
      local a, b = file "a", file "b"
      keep(c, a)
      keep(c, b)
      run(5000)
      local left, half = file("left").cid, a.cid .. ".new"
      assert(d:replace("/state/leaves/" .. left, "x"))
      assert(d:replace("/state/leaves/" .. half, "x"))
      c.leaves:sweep(L)
      run(10)
      assert.same({ a.cid, b.cid }, (function()
        local names = d:list "/state/leaves"
        table.sort(names)
        return names[1] == a.cid and names or { names[2], names[1], names[3] }
      end)())
      c:keep_only { b = true }
      run(5000)
      assert.same({ b.cid }, d:list "/state/leaves")
      c:keep_only {} -- once: what comes later is told of by name
      assert.is_true(knows(again(), b))
    end)

    it("names no leaves that could not be kept, and says why", function()
      local a, said = file "a", nil
      d:inject { operation = "sync", errno = "ENOSPC" }
      keep(c, a, function(...) said = { ... } end)
      run(5000)
      assert.is_nil(said[1])
      assert.equal("ENOSPC", said[3])
      assert.is_nil(c:find("a", a.identity))
      assert.same({}, again().entries)
    end)

    it("is tried again, ever later, where the disk refuses", function()
      local a, rows = file "a", c.files
      keep(c, a)
      run(10)
      for i = 1, 4 do d:inject { operation = "write", nth = i, errno = "EIO" } end
      local tries = {}
      for _ = 1, 600 do
        run(100)
        if rows.failures > #tries then tries[#tries + 1] = L:now() end
      end
      assert.equal(4, #tries)
      assert.equal(1, #warned, "said once")
      for i = 3, 4 do assert.is_true(tries[i] - tries[i - 1] > 1.5 * (tries[i - 1] - tries[i - 2])) end
      assert.is_true(knows(again(), a))
    end)

    it("leaves alone what is on its way when what named it before goes", function()
      local a = file "a"
      keep(c, a)
      run(5000)
      c:drop "a"
      keep(c, a) -- the same bytes come back before that is written
      run(5000)
      assert.is_true(knows(c, a))
      assert.is_true(knows(again(), a))
    end)

    it("takes over the text file of an earlier version once, and puts it aside", function()
      local a, one = file "a", { cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", name = "b c.bag",
        identity = { size = 5, dev = -1, ino = 2, mtime_ns = -3, ctime_ns = 4 } }
      local text = "dt-swarm catalogue 1\n"
      for _, each in ipairs { a, one } do
        local i = each.identity
        text = text .. ("%s %d %d %d %d %d %s\n"):format(each.cid, i.size, i.dev, i.ino, i.mtime_ns, i.ctime_ns,
          each.name)
      end
      c:stop()
      assert(d:replace("/state/leaves/" .. a.cid, a.leaves))
      assert(d:replace("/state/catalogue", text .. "nonsense\nbafy 1 2 3\n"))
      local after = again()
      assert.is_true(knows(after, a))
      assert.equal(one.cid, (after:find(one.name, one.identity)))
      assert.is_nil(d:stat "/state/catalogue")
      assert.truthy(d:stat "/state/catalogue.old")
      after:drop "a"
      after:stop()
      local third = again()
      assert.is_nil((third:find("a", a.identity)))
      assert.equal(one.cid, (third:find(one.name, one.identity)))
    end)

    it("begins anew where the database is damaged or of a later version, and puts that aside", function()
      keep(c, file "a")
      run(5000)
      c:stop()
      local whole = d:read "/state/files.db"
      assert(d:replace("/state/files.db", whole:sub(1, 200) .. ("x"):rep(#whole - 200)))
      c = again()
      assert.same({}, c.entries)
      assert.same({ "what was known of files is lost: they are hashed again" }, warned)
      assert.truthy(d:stat "/state/files.db.damaged-undated")
      keep(c, file "b")
      run(5000)
      c = again()
      assert.is_true(knows(c, file "b"))
      c:stop()
      local db = assert(sql.open(d, "/state/files.db"))
      assert(db:run { { "PRAGMA user_version = 2" } })
      db:close()
      assert.same({}, again().entries)
      assert.truthy(d:stat "/state/files.db.version-undated")
    end)

    it("is written anew as a whole where the database is damaged while it is used", function()
      keep(c, file "a")
      run(5000)
      for i = 1, 40 do c:put("many" .. i, file("m" .. i).cid, file("m" .. i).identity) end
      run(5000)
      local rows = c.files
      local db = rows.db
      rows.db = { run = function() return nil, "form: the database is damaged", "form" end,
        close = function() db:close() end }
      rows.beside:close() -- so that it is asked in the loop
      c:put("new", file("new").cid, file("new").identity)
      run(60000)
      assert.truthy(d:stat "/state/files.db.damaged-undated")
      local after = again()
      assert.is_true(knows(after, file "a"))
      assert.equal(file("m40").cid, after.entries.many40.cid)
      assert.equal(file("new").cid, after.entries.new.cid)
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
          local after = open(L, d, "/state")
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
      local c, done = open(L, d, home.path, start), false
      d:slow(300)
      local row = { place = "share", path = "x", cid = "b", size = 1, dev = 1, ino = 1, mtime_ns = 1, ctime_ns = 1 }
      L:after(10, function() c.files:put(row, function() done = true end) end) -- synced
      keep(c, file "a")
      local longest = beats(L, function() return done and knows(c, file "a") end)
      assert(c:stop())
      return longest
    end

    local function beside() return worker.new { loop = L } end

    it("holds up no timer", function()
      local longest = patience.least(200, function() return longest_of(beside) end)
      assert.is_true(longest < 200, longest .. " ms between two beats")
    end)

    it("holds up the loop where there is no thread for it", function() -- negative control of the measure
      assert.is_true(longest_of(nil) >= 200)
    end)

    it("waits at its stop for what is being written, and leaves the newest", function()
      local c, a, b = open(L, d, home.path, beside), file "a", file "b"
      keep(c, a)
      beats(L, function() return knows(c, a) end)
      d:slow(3000) -- so that it is met in the midst of that
      local told = false
      c.files:put({ place = "share", path = "two", cid = b.cid, size = 1, dev = 1, ino = 1, mtime_ns = 1,
        ctime_ns = 1 }, function() told = true end)
      beats(L, function() return c.files.writing end)
      assert.is_false(told)
      d:slow(0)
      c:put("one", b.cid, b.identity)
      assert.is_true(c:stop())
      local after = open(L, d, home.path)
      assert.is_true(knows(after, a))
      assert.equal(b.cid, after.entries.one.cid)
      assert.equal(b.cid, after.entries.two.cid)
      assert.same({}, warned)
      after:stop()
    end)

    it("holds up no timer of a node that publishes", function()
      local function longest_once()
        local k = kit.new()
        k:start()
        k.disk:slow(300)
        k:write("a.bag", folder.bytes(2 * unixfs.chunk + 5))
        local longest = beats(k.loop, function()
          return k:file "a.bag" and k:file "a.bag".state == "published" and not next(k.logs.catalogue.files.changes)
        end)
        k:close()
        return longest
      end
      local longest = patience.least(200, longest_once)
      assert.is_true(longest < 200, longest .. " ms between two beats")
    end)
  end)
end)
