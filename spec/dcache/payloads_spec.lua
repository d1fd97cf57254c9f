-- payloads_spec.lua - what updates need, as content has it: taken in, fetched, served and claimed apart from copies of
-- logs. Two contents on loopback; who needs it, and when it goes, is clients/updates'.
local contents = require "spec.dcache.contents"
local folder = require "spec.folder"

local MIB <const> = 1048576

describe("payloads of updates", function()
  local w, home

  before_each(function()
    w = contents.new()
    home = w.home
  end)
  after_each(function() w:close() end)

  local function node(...) return w:node(...) end

  local function wait(ask) return w:wait(ask) end

  local function take(c, path) return wait(function(done) c:take(path, done) end) end

  it("takes a file in: a copy of it is held, served and claimed, with no origin and no domain", function()
    local bytes = folder.bytes(3 * MIB + 9)
    folder.write(home.path .. "/demos.tar.gz", bytes)
    local c, g, said = node("desk", {}, { domain = "rack-1" })
    local cid, size = assert(take(c, home.path .. "/demos.tar.gz"))
    assert.equal(folder.hash(home.path, "demos.tar.gz").cid, cid)
    assert.equal(#bytes, size)
    assert.equal(home.path .. "/desk/files/updates/demos.tar.gz", c:path_of(cid))
    assert.is_true(folder.read(c:path_of(cid)) == bytes)
    assert.same({ { verb = "propose", bucket = "share/safe", key = cid, data = { class = "lab",
      from = "desk", name = "updates/demos.tar.gz", size = size }, ttl = 30 * 86400 } }, said)
    assert.is_true(c:is_payload(cid))
    assert.same({ cid }, c:payloads())
    assert.same({ 0, 0 }, { c:sums() }) -- it is nobody's log
    assert.equal(cid, take(c, home.path .. "/demos.tar.gz")) -- once more: nothing to do
    folder.write(home.path .. "/demos.tar.gz", "changed")
    local robot = node("ada", { desk = g:port() })
    local path = assert(wait(function(done) robot:fetch_payload(cid, size, "demos-42", done) end))
    assert.equal(home.path .. "/ada/files/updates/demos-42", path)
    assert.is_true(folder.read(path) == bytes)
    assert.is_true(robot:is_payload(cid))
  end)

  it("takes a short text, and tells by hashing whether a payload is still what it was", function()
    local c = node("desk", {})
    c:start()
    local cid, size = assert(wait(function(done) c:take_text('{"order":[]}', done) end))
    assert.equal(12, size)
    assert.equal('{"order":[]}', folder.read(c:path_of(cid)))
    assert.is_true(wait(function(done) c:verify(cid, done) end))
    local path = c:path_of(cid)
    wait(function(done) w.loop:after(300, done) end) -- it is written down
    local damaged <close> = assert(io.open(path, "r+b"))
    damaged:seek("set", 3)
    damaged:write "X"
    damaged:flush()
    local lost
    c:on_lost(function(key) lost = key end)
    assert.equal("block", select(3, wait(function(done) c:verify(cid, done) end)))
    w:run_till(function() return lost end)
    assert.equal(cid, lost)
    assert.equal("missing", select(3, wait(function(done) c:verify(cid, done) end)))
  end)

  it("takes an empty file, and one whose name is taken; refuses what is no file, and what has no room", function()
    folder.write(home.path .. "/empty", "")
    os.execute(("mkdir %s/other"):format(home.path))
    folder.write(home.path .. "/other/empty", "now it has bytes")
    local room
    local c = node("desk", {}, { space = function() return room end })
    local first = assert(take(c, home.path .. "/empty"))
    local second = assert(take(c, home.path .. "/other/empty"))
    assert.equal(home.path .. "/desk/files/updates/empty~" .. second:sub(-4), c:path_of(second))
    assert.equal(home.path .. "/desk/files/updates/empty", c:path_of(first))
    local function refused(path) return select(3, take(c, path)) end
    assert.equal("ENOENT", refused(home.path .. "/none"))
    assert.equal("form", refused "relative/path")
    assert.equal("link", refused(home.path .. "/other"))
    room = 1000
    folder.write(home.path .. "/large", folder.bytes(2 * MIB))
    assert.equal("disk", refused(home.path .. "/large"))
    assert.is_nil(c:trouble()) -- nobody waits for room
    assert.same({}, c:partial_files())
  end)

  it("tells of a file that changes, or is cut, between its hash and its copy, and leaves nothing behind", function()
    local c, path = node("desk", {}), home.path .. "/a.bin"
    local ask = c.disk_space.ask
    for _, other in ipairs { folder.bytes(2 * MIB + 5, 9), folder.bytes(MIB), "" } do
      folder.write(path, folder.bytes(2 * MIB + 5))
      function c.disk_space.ask(...)
        folder.write(path, other)
        return ask(...)
      end
      assert.equal("moved", select(3, take(c, path)), #other)
      assert.same({ {}, {} }, { c:payloads(), c:partial_files() })
    end
  end)

  it("knows them again after a start, and claims them as before", function()
    folder.write(home.path .. "/a.lua", "return 1")
    local c = node("desk", {})
    local cid = assert(take(c, home.path .. "/a.lua"))
    c:stop()
    local again = node("desk", {})
    again:start()
    assert.is_true(again:is_payload(cid))
    assert.same({ 0, 0 }, { again:sums() })
  end)

  it("asks only those who are chosen, and leaves a beginning alone that is gone on with", function()
    folder.write(home.path .. "/a.bin", folder.bytes(2 * MIB))
    local desk, g = node("desk", {})
    local cid, size = assert(take(desk, home.path .. "/a.bin"))
    local robot = node("ada", { desk = g:port() })
    local asked
    robot:fetch_payload(cid, size, "a", function() end, nil, function(list)
      asked = list
      return {}
    end)
    w:run_till(function() return asked end)
    w:run(300)
    assert.equal("desk", asked[1].id)
    assert.is_false(asked[1].far)
    assert.is_nil(robot:path_of(cid))
    robot:drop(cid, "the spec ends it")
    folder.write(robot.partials:folder() .. "/" .. cid, "half")
    robot:await(cid, true)
    assert.same({}, robot:partial_files())
    robot:await(cid, false)
    assert.same({ { cid = cid, size = 4 } }, robot:partial_files())
  end)
end)
