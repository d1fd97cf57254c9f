-- content_spec.lua - what a node serves, holds and claims, over restarts; and whom it would ask. No Comms.
local client = require "dcache.content.http_client"
local contents = require "spec.dcache.contents"
local disk = require "core.disk"
local folder = require "spec.folder"
local forms = require "dcache.forms"
local json = require "core.json"
local sources = require "dcache.content.sources"
local sql = require "core.sql"
local unixfs = require "core.unixfs"
local worker = require "worker"
local patience = require "spec.patience"

local MIB = 1048576
local ADA <const> = "12D3KooWEwykBEJZ8ZZtDmVzYNAPjkNgsWRHKWCBHRPJnhGGugNt"

describe("dcache.content", function()
  local w, L, home

  local function open()
    w = contents.new()
    L, home = w.loop, w.home
  end
  before_each(open)
  after_each(function() w:close() end)

  local function node(...) return w:node(...) end

  local function run_till(test) w:run_till(test) end

  local function fetch(c, file, origin)
    local name = origin and origin.name or file.name
    return w:wait(function(done) c:fetch(file.cid, file.size, name, done, nil, origin) end)
  end

  local function publisher()
    folder.write(home.path .. "/a.bag", folder.bytes(3 * MIB + 9))
    local file = folder.hash(home.path, "a.bag")
    local c, g = node("publisher", {})
    assert(c:serve(file.cid, home.path, "a.bag", file.identity, file.leaves))
    return file, g:port(), c
  end

  it("fetches, claims what it holds, and serves it to the next", function()
    local file, port, source = publisher()
    local c, g, said = node("server", { publisher = port })
    local path = assert(fetch(c, file))
    assert.is_true(folder.read(path) == folder.read(home.path .. "/a.bag"))
    assert.same({ { verb = "propose", bucket = "share/safe", key = file.cid, data = { size = file.size },
      ttl = 30 * 86400 } }, said)
    assert.is_true(c:holds(file.cid))
    assert.same({ { cid = file.cid, name = "a.bag", size = file.size, path = path } }, c:stored())
    source:withdraw(file.cid)
    local third = node("third", { server = g:port() })
    assert(fetch(third, file))
    assert.equal("duplicate", select(3, fetch(third, file)))
  end)

  local function beside(threads) return worker.new { loop = L, threads = threads } end

  -- A file comes on a disk whose syncs take 300 ms. → the longest time in ms between two beats of the loop until it is
  -- claimed, what was said, the content
  local function stall(flusher)
    local file, port = publisher()
    local slow, claimed = disk.real(), false
    local c, _, said = node("server", { publisher = port }, { disk = slow, flusher = flusher })
    c:start()
    slow:slow(300)
    local stop = patience.beats(L)
    local beat = L:every(5, function()
      if said[1] and not claimed then
        claimed = true
        L:stop()
      end
    end)
    assert(fetch(c, file))
    if not claimed then w:run(60000) end
    beat:cancel()
    return stop(), said
  end

  it("holds up no timer from the first block to the claim, however slow the disk", function()
    local least = patience.least(200, function()
      w:close()
      open()
      local longest, said = stall(beside)
      assert.equal("propose", said[1].verb)
      return longest
    end)
    assert.is_true(least < 200, least .. " ms between two beats")
  end)

  it("holds up the loop where there is no thread for it", function() -- negative control of the measure
    assert.is_true(stall(nil) >= 200)
  end)

  it("knows what came just before it was stopped", function()
    local file, port = publisher()
    local slow = disk.real()
    local c, _, said = node("server", { publisher = port }, { disk = slow, flusher = beside })
    c:start()
    slow:slow(300)
    for i = 1, 40 do -- so that its turn to be written down does not come
      c.atomic_write:put(home.path .. "/other" .. i, "x", 384, function() end)
    end
    assert(fetch(c, file))
    assert.same({}, said) -- not written down yet, so not claimed
    c:stop()
    local again = node("server", {})
    again:start()
    assert.is_true(again:holds(file.cid))
  end)

  it("claims nothing that did not come", function()
    local file, port = publisher()
    local c, _, said = node("server", { publisher = port })
    folder.write(home.path .. "/a.bag", "something else")
    c.fetcher.timeout = 300
    local path, _, word = fetch(c, file)
    assert.is_nil(path)
    assert.equal("missing", word)
    assert.same({}, said)
    assert.same({}, c:stored())
    assert.is_true(c:counts().refused.moved >= 1)
  end)

  it("knows after a restart what it holds, without hashing, and serves it", function()
    local file, port = publisher()
    local c = node("server", { publisher = port })
    assert(fetch(c, file))
    c:stop()
    local again, g, said = node("server", {})
    again:start()
    assert.is_true(again:holds(file.cid))
    assert.equal("propose", said[1].verb)
    local third = node("third", { server = g:port() })
    assert(fetch(third, file))
  end)

  it("says whose file it is, by which path and class, and still knows it after a restart", function()
    local file, port = publisher()
    local c, _, said = node("server", { publisher = port })
    L:post(function()
      assert.same({ "one/a.bag", ADA }, { c:fetching()[1].name, c:fetching()[1].from })
    end)
    assert(fetch(c, file, { class = "swarm", from = ADA, name = "one/a.bag" }))
    assert.same({}, c:fetching())
    local claim = { class = "swarm", from = ADA, name = "one/a.bag", size = file.size }
    assert.same(claim, said[1].data)
    c:stop()
    local record = { key = file.cid, mine = true, verb = "propose", holds = true, valid_until = 1000 + 20 * 86400,
      at = 1000000, data = claim }
    local again
    again, _, said = node("server", {}, { records = { record }, time = { now = function() return 1000000 end } })
    again:start()
    assert.same({}, said)
    local row = again:stored()[1]
    assert.same({ "one/a.bag", "swarm", ADA }, { row.name, row.class, row.from })
    assert.truthy(row.path:find("/a.bag", 1, true))
    assert.truthy(folder.read(row.path))
    record.data = { size = file.size } -- as an earlier version said it
    again:say_again()
    assert.same(claim, said[1].data)
  end)

  it("serves what an earlier run held when it may, and says until then to ask again, not that it is gone", function()
    local file, port = publisher()
    local c = node("server", { publisher = port })
    assert(fetch(c, file))
    c:stop()
    local again, g = node("server", {})
    again:hold_back()
    again:start()
    local function get(cid)
      local pipe = io.popen(("LD_PRELOAD= curl -s -m 60 -w %%{http_code} -o %s/got http://127.0.0.1:%d/ipfs/%s")
        :format(home.path, g:port(), cid))
      return pipe:read "a":match "%d+", pipe:close()
    end
    local other = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
    assert.equal("503", get(file.cid))
    assert.equal("503", get(other))
    assert.matches("^full: this node has just started", folder.read(home.path .. "/got"))
    again:serve_kept()
    run_till(function() return g:counts().files == 1 end)
    assert.equal("200", get(file.cid))
    assert.equal("404", get(other))
    assert.equal("404", get(other))
    local nobody, empty = node("nobody", {})
    nobody:hold_back()
    nobody:start()
    g = empty
    assert.equal("404", get(other)) -- it holds nothing, so there is nothing to look at
  end)

  it("names the file as its robot did last", function()
    local file, port = publisher()
    local c, _, said = node("server", { publisher = port })
    assert(fetch(c, file, { class = "swarm", from = ADA, name = "one/a.bag" }))
    local function heard(claims, signer, names, class)
      c:heard { key = file.cid, verb = "propose", holds = true, signer = signer,
        data = { class = class, names = names, size = 1 } }
      if #said < claims then run_till(function() return #said >= claims end) end
      w:run(100)
      return #said, said[#said].data.name
    end
    assert.same({ 1, "one/a.bag" }, { heard(1, ADA, { "one/a.bag", "x" }, "swarm") })
    assert.same({ 1, "one/a.bag" }, { heard(1, "12D3KooW" .. ("x"):rep(44), { "y" }, "swarm") }) -- another's file
    assert.same({ 2, "two/b.bag" }, { heard(2, ADA, { "two/b.bag", "x" }, "swarm") })
    assert.same({ 3, "two/b.bag" }, { heard(3, ADA, { "two/b.bag" }, "lab") })
    c:stop()
    local again = node("server", {})
    again:start()
    assert.same({ "two/b.bag", "lab" }, { again:stored()[1].name, again:stored()[1].class })
  end)

  it("knows a file by all names that it has at all robots, taken away or not, and after a restart", function()
    local BEA = ADA:sub(1, -3) .. "Aa"
    local file, port = publisher()
    local c, _, said = node("server", { publisher = port })
    assert(fetch(c, file, { class = "lab", from = ADA, name = "a/same" }))
    local function heard(signer, names, verb)
      c:heard { key = file.cid, verb = verb or "propose", holds = verb ~= "dismiss", signer = signer,
        data = { class = "lab", names = names, size = 1 } }
    end
    heard(BEA, { "a/same" })
    heard(ADA, { "a/same", "b/same" })
    heard(ADA, { "b/same" })
    heard(ADA, { "c/same" }, "dismiss")
    local claim = { class = "lab", from = ADA, name = "b/same", size = file.size,
      also = { { name = "a/same" }, { from = BEA, name = "a/same" } } }
    run_till(function() return said[2] end)
    assert.same(claim, said[2].data)
    assert.same({ { from = ADA, name = "a/same" }, { from = BEA, name = "a/same" } }, c:stored()[1].also)
    local many = {}
    for i = 1, 300 do many[i] = ("d/%03d"):format(i) end
    heard(ADA, { "b/same", table.unpack(many) })
    w:run(300)
    assert.equal(2, #said) -- further names of a file that was claimed just now wait
    assert.equal(256, #c:stored()[1].also)
    c:stop()
    local again
    again, _, said = node("server", {})
    again:start()
    assert.same(256, #again:stored()[1].also)
    local text = json.encode(said[1].data)
    assert.is_true(#text <= 640 and #text > 600, #text)
    assert.truthy(forms.read("share/safe", file.cid, json.decode(text)))
  end)

  -- Puts C's copy of FILE and what is known of it where an earlier version had them; VERSION of its note. → path
  local function as_before(c, file, version)
    local root, one = home.path .. "/server/", c.list[1]
    local path, leaves = c:stored()[1].path, require "dcache.content.store".leaves(c, one)
    c:stop()
    local old = root .. "files/" .. file.cid
    assert(os.execute(("mkdir -p %s %sheld && mv %s %s/a.bag && rm -r %sfiles.db %sleaves"):format(old, root, path, old,
      root, root)))
    local facts, numbers = disk.real():stat(old .. "/a.bag"), {}
    for i, field in ipairs { "dev", "ino", "size", "mtime_ns", "ctime_ns" } do numbers[i] = facts[field] end
    local claim = version == 2 and json.encode(c:claim(one)) .. "\n" or ""
    folder.write(root .. "held/" .. file.cid, ("dt-swarm held %d\na.bag\n%s\n%s"):format(version,
      table.concat(numbers, " "), claim .. leaves))
    return old .. "/a.bag"
  end

  it("takes over what an earlier version wrote down, once, and puts its files where a person finds them", function()
    local file, port = publisher()
    local c = node("server", { publisher = port })
    assert(fetch(c, file, { class = "swarm", from = ADA, name = "one/a.bag" }))
    local before = as_before(c, file, 2)
    local again, g, said = node("server", {})
    again.integrity.rehash = error -- not one byte is hashed
    again:start()
    local row = again:stored()[1]
    assert.same({ "one/a.bag", "swarm", ADA }, { row.name, row.class, row.from })
    assert.truthy(row.path:find "/server/files/robot~ugNt/20%d%d%-%d%d/a%.bag$")
    assert.equal(file.size, #folder.read(row.path))
    assert.is_nil(folder.read(before))
    assert.same({ "propose", 1 }, { said[1].verb, g:counts().files })
    assert.is_nil(disk.real():stat(home.path .. "/server/held"))
    assert.truthy(disk.real():stat(home.path .. "/server/held.old/" .. file.cid))
    again:stop()
    local third = node("server", {})
    third.integrity.rehash = error
    third:start()
    assert.equal(row.path, third:stored()[1].path)
  end)

  it("learns the origin of what the first version wrote down from what is shared", function()
    local file, port = publisher()
    local c = node("server", { publisher = port })
    assert(fetch(c, file))
    as_before(c, file, 1)
    local told
    local again, _, said = node("server", {}, { files = function(fn)
      told = fn
      return { stop = function() end }
    end })
    again:start()
    assert.same({ size = file.size }, said[1].data)
    told { key = file.cid, verb = "dismiss", signer = ADA }
    told { key = file.cid, verb = "propose", signer = ADA, malformed = "form: x" }
    assert.is_nil(again:stored()[1].from)
    told { key = file.cid, verb = "propose", signer = ADA, holds = true,
      data = { class = "lab", names = { "two/a.bag", "x" }, size = file.size } }
    run_till(function() return said[2] end)
    assert.same({ also = { { name = "x" } }, class = "lab", from = ADA, name = "two/a.bag", size = file.size },
      said[2].data)
    again:stop()
    local third = node("server", {})
    third:start()
    assert.equal("two/a.bag", third:stored()[1].name)
  end)

  it("gives a file of the same name the end of its CID, and each robot and month its folder", function()
    local file, port, source = publisher()
    folder.write(home.path .. "/b.bag", folder.bytes(MIB + 1))
    local other = folder.hash(home.path, "b.bag")
    assert(source:serve(other.cid, home.path, "b.bag", other.identity, other.leaves))
    local c = node("server", { publisher = port }, { robot = function() return "ada ../x" end,
      time = { now = function() return 1790000000000 end } })
    local origin = { class = "lab", from = ADA, name = "night/run.bag" }
    local one, two = assert(fetch(c, file, origin)), assert(fetch(c, other, origin))
    assert.equal(home.path .. "/server/files/ada____x~ugNt/2026-09/run.bag", one)
    assert.equal(one .. "~" .. other.cid:sub(-4), two)
    c:stop()
    local again = node("server", {})
    again:start()
    local paths = { again:stored()[1].path, again:stored()[2].path }
    table.sort(paths)
    assert.same({ one, two }, paths)
  end)

  it("finds all copies again where what was known of them is lost, and unsays and fetches none meanwhile", function()
    local file, port = publisher()
    local c = node("server", { publisher = port })
    local path = assert(fetch(c, file, { class = "swarm", from = ADA, name = "one/a.bag" }))
    c:stop()
    folder.write(home.path .. "/server/files.db", ("x"):rep(9000))
    os.execute(("rm -r %s/server/leaves"):format(home.path))
    folder.write(path:gsub("[^/]+$", "other"), "nobody's")
    local data = { class = "swarm", from = ADA, name = "one/a.bag", size = file.size }
    local stray = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
    local records = {
      { key = file.cid, mine = true, verb = "propose", holds = true, valid_until = 9000000, data = data },
      { key = stray, mine = true, verb = "propose", holds = true, valid_until = 9000000, data = { size = 1 } } }
    local again, g, said = node("server", {}, { records = records, flusher = beside,
      time = { now = function() return 1000000 end } })
    again:start()
    assert.is_true(again:holds(file.cid))
    assert.is_true(again:holds(stray))
    assert.same({}, said)
    run_till(function() return again.by_cid[file.cid] and again.by_cid[file.cid].served and said[1] end)
    assert.same({ "one/a.bag", "swarm", ADA, path }, { again:stored()[1].name, again:stored()[1].class,
      again:stored()[1].from, again:stored()[1].path })
    run_till(function() return not again:holds(stray) end)
    for _, each in ipairs(said) do assert.is_true(each.verb == "propose" or each.key == stray) end
    assert.equal(1, g:counts().files)
    assert.equal("nobody's", folder.read((path:gsub("[^/]+$", "other"))))
    assert.is_nil(again:stored()[2])
    local third = node("third", { server = g:port() })
    assert(fetch(third, file))
  end)

  it("begins what is known of files anew where its table is gone, at a start or later", function()
    local file, port = publisher()
    local function drop(db) assert(db:run({ { "DROP TABLE file" } }, true)) end
    local data = { size = file.size }
    local records = { { key = file.cid, mine = true, verb = "propose", holds = true, valid_until = 9000000,
      data = data } }
    local c = node("server", { publisher = port })
    assert(fetch(c, file))
    c:stop()
    local db = assert(sql.open(disk.real(), home.path .. "/server/files.db"))
    drop(db)
    db:close()
    local again = node("server", {}, { records = records, time = { now = function() return 1000000 end } })
    again:start()
    run_till(function() return again.by_cid[file.cid] and again.by_cid[file.cid].saved end)
    drop(again.rows.db)
    again.by_cid[file.cid].saved = nil
    again.rows.backoff = require("backoff").quick(nil, 50)
    require("dcache.content.store").check_all(again)
    run_till(function()
      require("dcache.content.store").check_all(again)
      return again.by_cid[file.cid].saved
    end)
    again:stop()
    local third = node("server", {})
    third:start()
    assert.is_true(third:holds(file.cid))
  end)

  it("looks for the copies that own words name which came back, before it unsays one", function()
    local file, port = publisher()
    local c = node("server", { publisher = port })
    assert(fetch(c, file, { class = "swarm", from = ADA, name = "one/a.bag" }))
    c:stop()
    os.execute(("rm %s/server/files.db*"):format(home.path)) -- as an older image of the system's disk
    local records = {}
    local again, _, said = node("server", {}, { records = records, flusher = beside,
      time = { now = function() return 1000000 end } })
    again:start()
    local data = { class = "swarm", from = ADA, name = "one/a.bag", size = file.size }
    records[1] = { key = file.cid, mine = true, verb = "propose", holds = true, valid_until = 9000000, data = data }
    again:put_right()
    assert.is_true(again:holds(file.cid))
    run_till(function() return again.list[1] and again.list[1].served and said[1] end)
    for _, each in ipairs(said) do assert.equal("propose", each.verb) end
  end)

  it("unsays none where what was known is lost and another file system lies where the copies were", function()
    local place = "one"
    local mount = { key = function() return #place * 7919 + place:byte() end,
      of = function() return { mounted = true, id = place, type = "ext4" } end }
    local file, port = publisher()
    local root = home.path .. "/server/"
    local c = node("server", { publisher = port }, { mount = mount })
    assert(fetch(c, file))
    c:stop()
    assert(os.execute(("cd %s && rm files.db* && mv files right && mkdir files"):format(root)))
    place = "two"
    local records = { { key = file.cid, mine = true, verb = "propose", holds = true, valid_until = 9000000,
      data = { size = file.size } } }
    local again, _, said = node("server", { publisher = port }, { mount = mount, records = records,
      time = { now = function() return 1000000 end } })
    again:start()
    again:put_right()
    assert.same({ true, nil }, { again:holds(file.cid), said[1] })
    local small = { cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", size = 3, name = "s" }
    assert.equal("disk", select(3, fetch(again, small)))
    local store = require "dcache.content.store"
    store.check_away(again)
    assert(os.execute(("cd %s && mv files wrong && mv right files"):format(root)))
    place = "one"
    store.check_away(again)
    run_till(function() return again.list[1] and again.list[1].served end)
    assert.is_nil(again:trouble())
    for _, each in ipairs(said) do assert.equal("propose", each.verb) end
  end)

  it("puts aside what was known where the disk does not give it for a while, and serves again", function()
    local file, port = publisher()
    local c = node("server", { publisher = port })
    assert(fetch(c, file))
    c:stop()
    local real, path = sql.open, home.path .. "/server/files.db"
    local bad = disk.real():stat(path).ino -- a bad place of the disk
    finally(function() sql.open = real end)
    function sql.open(d, where)
      local facts = d:stat(where)
      if facts and facts.ino == bad then return nil, "EIO: " .. where, "EIO" end
      return real(d, where)
    end
    local again, _, said = node("server", {}, { records = { { key = file.cid, mine = true, verb = "propose",
      holds = true, valid_until = 9000000, data = { size = file.size } } },
      time = { now = function() return 1000000 end } })
    again.rows.backoff = require("backoff").quick(nil, 50)
    again:start()
    run_till(function() return again.rows.db end)
    require("dcache.content.store").check_all(again)
    run_till(function() return again.list[1] and again.list[1].served end)
    for _, each in ipairs(said) do assert.equal("propose", each.verb) end
  end)

  it("hashes again a copy whose leaves are lost", function()
    local file, port = publisher()
    local c = node("server", { publisher = port })
    assert(fetch(c, file))
    c:stop()
    os.execute(("rm -r %s/server/leaves"):format(home.path))
    local again, g = node("server", {}, { flusher = beside })
    again:start()
    run_till(function() return again.list[1].served end)
    assert.equal(1, g:counts().files)
    again:stop()
    local third = node("server", {})
    third.integrity.rehash = error
    third:start()
    assert.is_true(third.list[1].served)
  end)

  it("looks at few files in a turn, as the disk may be slow", function()
    local c = node("server", {})
    local real, looked = c.disk, 0
    c.integrity.disk = setmetatable({ stat = function(_, path)
      if path:find("many-", 1, true) then looked = looked + 1 end
      return real:stat(path)
    end }, { __index = function(_, name) return function(_, ...) return real[name](real, ...) end end })
    for i = 1, 500 do
      local one = { cid = ("%05d"):format(i), path = "many-" .. i, name = "many-" .. i, identity = { size = 0 } }
      c:insert(one)
    end
    c.integrity.home_filesystem.lost = true -- so that none is missing
    require("dcache.content.store").check_all(c)
    assert.is_true(looked > 0 and looked <= 32, looked)
    run_till(function() return looked == 500 end)
    c.list, c.by_cid = {}, {}
  end)

  it("looks at all as soon as something else lies where the store should be, and not before", function()
    local store = require "dcache.content.store"
    local file, port = publisher()
    local c = node("server", { publisher = port })
    assert(fetch(c, file))
    local root, looks, check_all = home.path .. "/server/", 0, store.check_all
    finally(function() store.check_all = check_all end)
    assert(os.execute(("mv %sfiles %selsewhere"):format(root, root)))
    c:say_again()
    assert.equal("ENOENT", c:trouble().word)
    store.check_all = function(...)
      looks = looks + 1
      return check_all(...)
    end
    for _ = 1, 3 do store.check_away(c) end
    assert.equal(0, looks)
    assert(os.execute(("mv %selsewhere %sfiles"):format(root, root)))
    for _ = 1, 3 do store.check_away(c) end
    assert.equal(1, looks)
    assert.is_nil(c:trouble())
  end)

  it("reads copies back, slowly, soon after they came and each week, and sets a spoiled one aside", function()
    local WEEK = 7 * 86400000
    local now, file, port = 1790000000000, publisher()
    local time = { now = function() return now end }
    local c, _, said = node("server", { publisher = port }, { time = time, flusher = beside })
    c:start()
    local path = assert(fetch(c, file))
    run_till(function() return said[1] end)
    c.scrub:check() -- nobody said how fast
    assert.is_nil(c.scrub.file)
    c.scrub:use(function() return 10 * MIB end)
    local began = L:now()
    c.scrub:check()
    assert.equal(c.list[1], c.scrub.file)
    run_till(function() return c.list[1].checked end)
    assert.is_true(L:now() - began >= 280, "not faster than it may") -- 3 MiB at 10 a second
    assert.equal(now, c:stored()[1].checked)
    c:stop()
    local again, _, said_again = node("server", {}, { time = time, flusher = beside })
    again:start()
    again.scrub:use(function() return 100 * MIB end)
    again.scrub:check() -- that is known over a restart
    assert.same({ now, nil }, { again.list[1].checked, again.scrub.file })
    now = now + WEEK - 1
    again.scrub:check()
    assert.is_nil(again.scrub.file)
    local stored = require "dcache.content.stored"
    local same = stored.same
    finally(function() stored.same = same end)
    local handle = assert(io.open(path, "r+b"))
    handle:seek("set", 2 * MIB + 5)
    handle:write "rotten"
    handle:close()
    stored.same = function() return true end -- what a disk does whose bits rot
    now = now + 1
    again.scrub:check()
    run_till(function() return not again:holds(file.cid) end)
    assert.equal("dismiss", said_again[#said_again].verb)
    assert.equal(file.cid, again:damaged()[1].cid)
  end)

  it("holds nothing that is barred by the time that it has come, and says why", function()
    local file, port = publisher()
    local c, _, said = node("server", { publisher = port })
    local asked
    c:use_bar(function(...)
      asked = { ... }
      return "withdrawn by ada"
    end)
    local path, text, word = fetch(c, file, { class = "lab", from = ADA, name = "a.bag" })
    assert.same({ nil, "permission: withdrawn by ada", "permission" }, { path, text, word })
    assert.same({ file.cid, ADA }, asked)
    assert.same({ {}, {} }, { c:stored(), said })
    assert.equal("", io.popen(("find %s -name a.bag"):format(home.path .. "/server")):read "a")
    c:use_bar(nil)
    assert(fetch(c, file))
  end)

  it("is whose it is while it comes, and may be given up", function()
    local file = publisher()
    local c, word = node("server", {}), nil
    c:fetch(file.cid, file.size, "a.bag", function(_, ...) word = { ... } end, nil,
      { class = "lab", from = ADA, name = "a.bag" })
    assert.same({ true, ADA }, { c:is_coming(file.cid), c:origin_of(file.cid).from })
    c:give_up(file.cid, "withdrawn by ada")
    assert.same({ "permission: withdrawn by ada", "permission" }, word)
    assert.same({ false, nil }, { c:is_coming(file.cid), c:origin_of(file.cid) })
  end)

  it("keeps a copy that could not be removed where by the next look it may stay", function()
    local file, port = publisher()
    local d, why = disk.real(), "withdrawn by ada"
    local c, g, said = node("server", { publisher = port })
    c:start()
    local path = assert(fetch(c, file))
    c.disk = setmetatable({ unlink = function(_, name)
      if name:find("a.bag", 1, true) then return nil, "EROFS: read-only", "EROFS" end
      return d:unlink(name)
    end }, { __index = function(_, method) return function(_, ...) return d[method](d, ...) end end })
    c:let_go(file.cid, function() return why end)
    assert.equal("dismiss", said[#said].verb)
    c:say_again()
    assert.equal(0, g:counts().files)
    why = nil
    c:say_again()
    assert.same({ "propose", 1 }, { said[#said].verb, g:counts().files })
    assert.truthy(folder.read(path))
  end)

  it("reads none back whose file changes meanwhile, or goes, and believes no time from the future", function()
    local file, port = publisher()
    local now = 1790000000000
    local c = node("server", { publisher = port }, { time = { now = function() return now end }, flusher = beside })
    c:start()
    assert(fetch(c, file))
    run_till(function() return c.list[1].saved end)
    c.scrub:use(function() return 20 * MIB end)
    c.scrub:check()
    local one = c.list[1]
    c:let_go(file.cid, function() return "a spec" end)
    run_till(function() return not c.scrub.file end)
    assert.is_nil(one.checked)
    assert(fetch(c, file))
    run_till(function() return c.list[1].saved end)
    c.list[1].checked = now + 1
    c.scrub:check()
    assert.equal(c.list[1], c.scrub.file)
  end)

  it("fetches nothing to a store that a person named and that is not there, and goes on when it is", function()
    local file, port = publisher()
    local store = home.path .. "/disk/store"
    local c = node("server", { publisher = port }, { store = store })
    c:start()
    local _, text, word = fetch(c, file)
    assert.equal("disk", word)
    assert.truthy(text:find(store, 1, true))
    assert.equal("ENOENT", c:trouble().word)
    assert.is_nil(disk.real():stat(home.path .. "/disk"))
    assert(os.execute("mkdir -p " .. store))
    c:say_again()
    assert.is_nil(c:trouble())
    local path = assert(fetch(c, file))
    assert.equal(store .. "/unknown/undated/a.bag", path)
    c:stop()
    local again = node("server", {}, { store = store })
    again:start()
    assert.equal(path, again:stored()[1].path)
  end)

  it("claims the size alone where the origin's facts cannot stand in a record", function()
    for _, origin in ipairs { { class = "lab", from = ADA, name = "../x" }, { class = "lab", from = "ada", name = "x" },
      { class = "private", from = ADA, name = "x" } } do
      local file, port = publisher()
      local c, _, said = node("server" .. origin.class .. #origin.from, { publisher = port })
      assert(fetch(c, file, origin))
      assert.same({ size = file.size }, said[1].data)
    end
  end)

  it("says a claim again after a restart, or when the time leapt, only where its record holds no longer", function()
    local file, port = publisher()
    local c = node("server", { publisher = port })
    assert(fetch(c, file))
    c:stop()
    local day, now = 86400, 1000000000
    local record = { key = file.cid, mine = true, verb = "propose", holds = true, valid_until = now + 20 * day,
      at = now * 1000, data = { size = file.size } }
    local time = { now = function() return now * 1000 end }
    local again, _, said = node("server", {}, { records = { record }, time = time })
    again:start()
    again:say_again()
    assert.same({}, said)
    now = now + 6 * day -- the time leaps: less than half is left
    again:say_again()
    assert.equal(1, #said)
    assert.same({ "propose", file.cid }, { said[1].verb, said[1].key })
    record.holds = false -- and it went with a time that was not
    again:say_again()
    assert.equal(2, #said)
  end)

  it("dismisses what is gone, what changed, and claims of files that it does not have", function()
    local file, port = publisher()
    local c = node("server", { publisher = port })
    local path = assert(fetch(c, file))
    c:stop()
    local bytes = folder.read(path)
    folder.write(path, bytes:sub(1, -2) .. "!")
    local other = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
    local records = { { key = other, mine = true, verb = "propose" }, { key = other, mine = false, verb = "propose" } }
    local again, g, said = node("server", {}, { records = records })
    local lost = {}
    again:on_lost(function(cid) table.insert(lost, cid) end)
    again:start()
    assert.is_true(again:holds(file.cid)) -- its bytes are hashed before anything is said
    run_till(function() return not again:holds(file.cid) end)
    assert.same({ "dismiss", "dismiss" }, { said[1].verb, said[2].verb })
    assert.same({ other, file.cid }, { said[1].key, said[2].key })
    assert.is_nil(said[3])
    assert.equal(0, g:counts().files)
    assert.same({ file.cid }, lost)
    assert.is_nil(folder.read(path))
    assert.equal(file.cid, again:damaged()[1].cid)
    assert.equal(#bytes, #folder.read(home.path .. "/server/damaged/" .. file.cid))
  end)

  it("hashes again what has another identity and the same bytes, unsays nothing, and serves it meanwhile", function()
    local file, port = publisher()
    local c = node("server", { publisher = port })
    local path = assert(fetch(c, file))
    c:stop()
    os.execute(("cp -p %s %s.new && mv %s.new %s"):format(path, path, path, path)) -- another inode, as from a backup
    local again, g, said = node("server", {})
    again:start()
    run_till(function() return again.list[1].saved and again.list[1].served end)
    assert.same({ "propose", file.cid, nil }, { said[1].verb, said[1].key, said[2] })
    assert.is_true(again:holds(file.cid))
    assert.equal(1, g:counts().files)
    again:stop()
    local third, _, third_said = node("server", {})
    third:start() -- the new identity was written down
    assert.equal("propose", third_said[1].verb)
    assert.is_nil(third.integrity.queue[1])
  end)

  it("gives up no copy because this process may not read it, or has no descriptor or memory left", function()
    local file, port = publisher()
    local c = node("server", { publisher = port })
    local path = assert(fetch(c, file))
    c:stop()
    os.execute(("cp -p %s %s.new && mv %s.new %s"):format(path, path, path, path))
    local again, _, said = node("server", {})
    local real, word = disk.real(), "EMFILE"
    again.integrity.disk = { stat = function(_, where) return real:stat(where) end,
      unlink = function(_, where) return real:unlink(where) end,
      open = function(_, ...)
        if word then return nil, word .. ": open", word end
        return real:open(...)
      end }
    again:start()
    for _, each in ipairs { "EMFILE", "ENFILE", "ENOMEM", "EACCES", "EPERM" } do
      word = each
      again:say_again()
      assert.same({ true, nil, nil }, { again:holds(file.cid), said[1], again:damaged()[1] })
    end
    word = nil
    again:say_again()
    run_till(function() return again.list[1].saved and again.list[1].served end)
    assert.equal("propose", said[1].verb)
    word, again.list[1].suspect = "EIO", true -- negative control: the disk does not give it, though it takes a byte
    again:say_again()
    assert.is_false(again:holds(file.cid))
  end)

  it("gives up a copy whose bytes changed under the same identity when somebody asks for them", function()
    local file, port = publisher()
    local c, g, said = node("server", { publisher = port })
    c:start()
    local path = assert(fetch(c, file))
    run_till(function() return said[1] end)
    local stored = require "dcache.content.stored"
    local same = stored.same
    finally(function() stored.same = same end)
    local handle = assert(io.open(path, "r+b"))
    handle:seek("set", 5)
    handle:write "rotten"
    handle:close()
    stored.same = function() return true end -- what a disk does whose bits rot
    local asked = client.new { loop = L }
    table.insert(w.open, { stop = function() asked:close() end })
    asked:get({ url = ("http://127.0.0.1:%d/ipfs/%s?format=raw"):format(g:port(), file.cid), max = 65536 },
      function(root)
        for _, link in ipairs(unixfs.decode(file.cid, root.body, file.size, unixfs.height(file.size))) do
          asked:get({ url = ("http://127.0.0.1:%d/ipfs/%s?format=raw"):format(g:port(), link.cid), max = MIB },
            function() end)
        end
      end)
    run_till(function() return not c:holds(file.cid) end)
    assert.equal("dismiss", said[2].verb)
    assert.equal(1, #c:damaged())
  end)

  it("unsays nothing while the folder of held files is not there, says so, and fetches nothing to its place", function()
    local file, port = publisher()
    local c, _, said = node("server", { publisher = port })
    assert(fetch(c, file))
    assert.equal(1, #said)
    os.execute(("mv %s/server/files %s/elsewhere"):format(home.path, home.path))
    local small = { cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", size = 3, name = "s" }
    assert.equal("disk", select(3, fetch(c, small))) -- before anybody looked
    c:say_again()
    assert.is_true(c:holds(file.cid))
    assert.equal("ENOENT", c:trouble().word)
    assert.equal("disk", select(3, fetch(c, small)))
    c:stop()
    local again, _, said_again = node("server", { publisher = port })
    again:start()
    assert.is_true(again:holds(file.cid))
    assert.is_nil(said_again[1])
    os.execute(("mv %s/elsewhere %s/server/files"):format(home.path, home.path))
    again:say_again()
    assert.is_nil(again:trouble())
    assert.equal("propose", said_again[1].verb)
    os.execute(("rm -r %s/server/files/*"):format(home.path)) -- negative control: there, and empty
    again:say_again()
    assert.is_false(again:holds(file.cid))
  end)

  it("unsays nothing while another file system is in the place of that of held files, though their number is the same",
    function()
      local place = "one"
      local mount = { key = function() return #place * 7919 + place:byte() end,
        of = function() return { mounted = true, id = place, type = "ext4" } end }
      local file, port = publisher()
      local c = node("server", { publisher = port }, { mount = mount })
      assert(fetch(c, file))
      c:stop()
      local root = home.path .. "/server/"
      assert(os.execute(("cd %s && mv files right && mkdir files"):format(root))) -- another stick
      place = "two"
      local again, _, said = node("server", { publisher = port }, { mount = mount })
      again:start()
      assert.same({ true, nil }, { again:holds(file.cid), said[1] })
      assert.equal("ENOENT", again:trouble().word)
      local old = root .. "files/" .. again.list[1].path
      assert(os.execute(("mkdir -p %s && echo other > %s"):format(old:match "^(.*)/", old))) -- bytes of its own
      again:say_again()
      assert.same({ true, nil, {} }, { again:holds(file.cid), said[1], again:damaged() })
      assert.equal("other\n", folder.read(old))
      again:stop()
      assert(os.execute(("cd %s && mv files wrong && mv right files"):format(root)))
      place = "one"
      local third, _, third_said = node("server", {}, { mount = mount })
      third:start()
      assert.same({ "propose", nil }, { third_said[1].verb, third:trouble() })
      assert(os.execute(("rm -r %s/files/*"):format(root))) -- negative control: it is the right one, and empty
      third:say_again()
      assert.is_false(third:holds(file.cid))
    end)

  it("takes another file system for the right one where each held file is there, whole", function()
    local place = "one"
    local mount = { key = function() return #place * 7919 + place:byte() end,
      of = function() return { mounted = true, id = place, type = "ext4" } end }
    local file, port = publisher()
    local c = node("server", { publisher = port }, { mount = mount })
    assert(fetch(c, file))
    c:stop()
    os.execute(("cd %s/server && cp -rp files copy && rm -r files && mv copy files"):format(home.path))
    place = "other"
    local again, _, said = node("server", {}, { mount = mount })
    again:start()
    run_till(function() return said[1] end)
    again:say_again()
    assert.is_nil(again:trouble())
    os.execute(("rm -r %s/server/files/*"):format(home.path))
    again:say_again()
    assert.is_false(again:holds(file.cid))
  end)

  it("puts files together on the file system on which they are to be", function()
    local devices = { ["/s/partial"] = { dev = 1 }, ["/s/files"] = { dev = 1 } }
    local set = require "dcache.content.partials".new { dir = "/s", store = "/s/files",
      disk = { stat = function(_, path) return devices[path] end } }
    assert.equal("/s/partial", set:folder())
    devices["/s/files"].dev = 2 -- a disk of its own
    assert.equal("/s/files/.partial", set:folder())
    devices["/s/files"] = nil
    assert.equal("/s/partial", set:folder())
  end)

  it("gives up no more beginnings of files than the room takes that another waits for, and no larger one", function()
    local cid, short, keys = require "core.cid", 150, {}
    local set = require "dcache.content.partials".new { disk = disk.real(), dir = home.path,
      store = home.path .. "/files", log = { info = function() end },
      disk_space = { short = function() return short end, forget = function() end } }
    set.fetcher = { by_cid = {}, give_up = function() end }
    assert(disk.real():mkdir(home.path .. "/partial"))
    for i, size in ipairs { 500, 100, 400, 300, 900 } do
      keys[i] = cid.make("raw", ("%d"):format(i):rep(32))
      folder.write(home.path .. "/partial/" .. keys[i], ("x"):rep(size))
    end
    local function sizes()
      local list = {}
      for i, half in ipairs(set:idle()) do list[i] = half.size end
      table.sort(list)
      return list
    end
    assert.is_true(set:make_room(keys[1]))
    assert.same({ 400, 500, 900 }, sizes())
    short = 401
    assert.is_false(set:make_room(keys[1]))
    short = nil
    assert.is_false(set:make_room(keys[1]))
    assert.same({ 400, 500, 900 }, sizes())
  end)

  it("keeps no more than eight damaged files", function()
    local d, last = disk.real(), 0
    local set = require "dcache.content.quarantine".new { disk = d, dir = home.path }
    for i = 1, 10 do
      repeat folder.write(home.path .. "/x", "x") until d:stat(home.path .. "/x").ctime_ns > last
      assert(set:put(home.path .. "/x", { cid = "cid" .. i, name = "x" }))
      last = d:stat(home.path .. "/damaged/cid" .. i).ctime_ns
    end
    local list = set:list()
    assert.same({ 8, "cid3", "cid10" }, { #list, list[1].cid, list[8].cid })
  end)

  it("keeps the damaged file that it set aside last, however large; one that it cannot stays in its place", function()
    local files, renames = { ["/s/files/x"] = 2000000000, ["/s/damaged/old"] = 5 }, true
    local fake = { mkdir = function() return true end }
    function fake.rename(_, from, to)
      if not renames then return nil, "EXDEV: another file system", "EXDEV" end
      files[from], files[to] = nil, files[from]
      return true
    end
    function fake.unlink(_, path) files[path] = nil end
    function fake.list(_, dir)
      local list = {}
      for path in pairs(files) do list[#list + 1] = path:match("^" .. dir .. "/(.+)$") end -- any order
      return list
    end
    function fake.stat(_, path) return files[path] and { kind = "file", size = files[path], ctime_ns = 1 } end
    local set = require "dcache.content.quarantine".new { disk = fake, dir = "/s" }
    assert.is_true(set:put("/s/files/x", { cid = "bafyX", name = "x" }))
    assert.same({ ["/s/damaged/bafyX"] = 2000000000 }, files)
    renames, files["/s/files/y"] = false, 7
    assert.equal("EXDEV", select(3, set:put("/s/files/y", { cid = "bafyY", name = "y" })))
    assert.equal(7, files["/s/files/y"])
  end)

  it("puts right what own words of a later time say that came back", function()
    local file, port = publisher()
    local records = {}
    local c, _, said = node("server", { publisher = port },
      { records = records, time = { now = function() return 1000000 end } })
    c:start()
    assert(fetch(c, file))
    assert.equal(1, #said)
    local other = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
    records[1] = { key = other, mine = true, verb = "propose", holds = true, valid_until = 9000000,
      data = { size = 1 } }
    records[2] = { key = file.cid, mine = true, verb = "dismiss", holds = false, valid_until = 9000000 }
    c:put_right()
    assert.same({ "propose " .. file.cid, "dismiss " .. other },
      { said[2].verb .. " " .. said[2].key, said[3].verb .. " " .. said[3].key })
    assert.is_nil(said[4])
  end)

  it("keeps serving a held copy when the own file of the same bytes is withdrawn", function()
    local file, port = publisher()
    local c, g = node("server", { publisher = port })
    assert(fetch(c, file))
    assert(c:serve(file.cid, home.path, "a.bag", file.identity, file.leaves))
    c:withdraw(file.cid)
    assert.equal(1, g:counts().files)
    local third = node("third", { server = g:port() })
    assert(fetch(third, file))
  end)

  it("survives records that nobody takes, and unreadable notes", function()
    local file, port = publisher()
    local c = node("server", { publisher = port }, { mute = true })
    assert(fetch(c, file))
    c:stop()
    local db = assert(sql.open(disk.real(), home.path .. "/server/files.db"))
    assert(db:run { { "UPDATE file SET cid = 'nonsense'" } })
    db:close()
    local again = node("server", {})
    again:start()
    assert.same({}, again:stored())
  end)
end)

describe("dcache.content.sources", function()
  local function of(holders, peers)
    local s = sources.new { id = "me", holders = function() return holders end,
      peer = function(id) return peers[id] end }
    return s:of "cid"
  end

  it("are proved hosts of holders, this machine's first, then the quickest", function()
    local list = of({ "far", "near", "me", "here", "mute", "gone", "near" }, {
      far = { name = "f", http = 3826, hosts = { { host = "192.168.1.3", own = false, rtt_us = 9000 } } },
      near = { name = "n", http = 3827, hosts = { { host = "2001:db8::1", own = false, rtt_us = 500 } } },
      here = { name = "h", http = 4000, hosts = { { host = "127.0.0.1", own = true, rtt_us = 100 } } },
      me = { name = "m", http = 1, hosts = { { host = "192.168.1.9", own = true } } },
      mute = { name = "x", http = 0, hosts = { { host = "192.168.1.4", own = false } } },
    })
    local urls = {}
    for i, each in ipairs(list) do urls[i] = each.url end
    assert.same({ "http://127.0.0.1:4000", "http://[2001:db8::1]:3827", "http://192.168.1.3:3826" }, urls)
    assert.same({ true, false, false }, { list[1].own, list[2].own, list[3].own })
  end)

  it("are never loopback, link-local or nobody's address of another machine", function()
    for _, host in ipairs { "127.0.0.1", "127.9.9.9", "169.254.169.254", "0.0.0.0", "224.0.0.1", "255.255.255.255",
      "::1", "::", "fe80::1", "FEBF::1", "ff02::1", "::ffff:127.0.0.1", "localhost", "" } do
      assert.same({}, of({ "a" }, { a = { name = "a", http = 80, hosts = { { host = host, own = false } } } }))
    end
    for _, host in ipairs { "10.0.0.1", "192.168.1.1", "169.253.1.1", "fd00::1", "2001:db8::1" } do
      assert.equal(1, #of({ "a" }, { a = { name = "a", http = 80, hosts = { { host = host, own = false } } } }))
    end
    local heard = { host = "fe80::1%eth0", own = false } -- on an interface of ours: no record can say that
    assert.equal("http://[fe80::1%25eth0]:80", of({ "a" }, { a = { name = "a", http = 80, hosts = { heard } } })[1].url)
  end)

  it("pass over a host that will not do for one that will", function()
    local hosts = { { host = "127.0.0.1", own = false, rtt_us = 1 }, { host = "10.0.0.1", own = false, rtt_us = 2 } }
    assert.equal("http://10.0.0.1:80", of({ "a" }, { a = { name = "a", http = 80, hosts = hosts } })[1].url)
  end)
end)
