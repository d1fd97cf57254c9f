-- car_spec.lua - CARs of the gateway, read by another reader than ours: order, sizes, and what ends one early.
local uv = require "luv"
local car = require "spec.car"
local codecs = require "spec.codecs"
local folder = require "spec.folder"
local gateway = require "core.gateway"
local gateways = require "spec.core.gateways"
local unixfs = require "core.unixfs"

local MIB = 1048576
local TYPE = "application/vnd.ipld.car"

describe("the gateway's CAR", function()
  local g, home

  before_each(function()
    g = assert(gateway.new { host = "127.0.0.1", readers = 4 })
    home = folder.new()
  end)
  after_each(function()
    g:close()
    home.remove()
  end)

  local function curl(path, more) return gateways.curl(g, home.path, path, more) end

  local function ask(key, query, more) return curl("/ipfs/" .. key .. "?format=car" .. (query or ""), more) end

  local function offer(name, bytes) return gateways.offer(g, home.path, name, bytes) end

  local function offer_sparse(size, places)
    local file = folder.sparse(home.path, "sparse", size, places)
    assert(g:serve(file))
    return file
  end

  local function order_of(blocks)
    local list = {}
    for i, block in ipairs(blocks) do list[i] = block.cid end
    return list
  end

  local function once_each(list)
    local seen, kept = {}, {}
    for _, each in ipairs(list) do
      if not seen[each] then kept[#kept + 1] = each end
      seen[each] = true
    end
    return kept
  end

  for _, size in ipairs { 0, 1, MIB, MIB + 1, 5 * MIB + 3 } do
    it(("of %d bytes: root first, depth first, the length said before"):format(size), function()
      local bytes = folder.bytes(size)
      local file = offer("a.bag", bytes)
      local status, headers, body = ask(file.cid)
      assert.equal(200, status)
      assert.equal(TYPE .. "; version=1; order=dfs; dups=n", headers["content-type"])
      assert.equal(tostring(#body), headers["content-length"])
      local got = car.read(body)
      assert.equal(1, got.version)
      assert.same({ codecs.cid_bytes(file.cid) }, got.roots)
      local content, order = car.file(got.blocks, got.roots[1])
      assert.is_true(content == bytes)
      assert.same(order, order_of(got.blocks))
      gateways.wait(function() return g:counts().connections == 0 end)
      local counts = g:counts()
      assert.same({}, counts.refused)
      assert.equal(#got.blocks, counts.blocks)
      assert.equal(0, counts.readers)
    end)
  end

  it("of a part is a CAR whose root is that part", function()
    local bytes = folder.bytes(2 * MIB + 5)
    local file = offer("a", bytes)
    local whole = car.read(select(3, ask(file.cid)))
    local leaf = whole.blocks[4]
    local got = car.read(select(3, ask(codecs.cid_text(leaf.cid))))
    assert.same({ leaf.cid }, got.roots)
    assert.same({ leaf }, got.blocks)
    got = car.read(select(3, ask(file.cid, "&dag-scope=block")))
    assert.same({ whole.blocks[1] }, got.blocks)
    got = car.read(select(3, ask(file.cid, "&dag-scope=entity")))
    assert.same(whole, got)
  end)

  it("has equal blocks once, or as often as they occur where that is asked for", function()
    local leaf = folder.bytes(MIB)
    local bytes = leaf .. folder.bytes(MIB, 2) .. leaf .. leaf .. "end"
    local file = offer("a", bytes)
    local once = car.read(select(3, ask(file.cid)))
    local _, headers, body = ask(file.cid, "&car-dups=y")
    assert.equal(TYPE .. "; version=1; order=dfs; dups=y", headers["content-type"])
    local twice = car.read(body)
    local content, order = car.file(once.blocks, once.roots[1])
    assert.is_true(content == bytes)
    assert.equal(6, #order)
    assert.same(order, order_of(twice.blocks))
    assert.same(once_each(order), order_of(once.blocks))
    assert.equal(4, #once.blocks)
  end)

  it("of more than 1,024 leaves goes through the levels of its tree", function()
    local file = offer_sparse(2049 * MIB + 1, { MIB, 1023 * MIB + 5, 1024 * MIB, 2048 * MIB, 2049 * MIB })
    local _, headers, body = ask(file.cid)
    assert.equal(tostring(#body), headers["content-length"])
    local got = car.read(body)
    assert.equal(1 + 3 + 1 + 5, #got.blocks)
    local by_cid, order = {}, {}
    for _, block in ipairs(got.blocks) do by_cid[block.cid] = block end
    local function walk(each)
      order[#order + 1] = each
      for _, link in ipairs(car.links(by_cid[each])) do walk(link) end
    end
    walk(got.roots[1])
    assert.equal(1 + 3 + 2050, #order)
    assert.same(once_each(order), order_of(got.blocks))
    -- The second node alone: what was equal before it counts no more.
    local second = codecs.cid_text(car.links(got.blocks[1])[2])
    local part = car.read(select(3, ask(second)))
    assert.equal(1 + 2, #part.blocks)
    assert.equal(codecs.cid_bytes(second), part.blocks[1].cid)
    -- Twice as often is said in the length, and begins in the same order.
    local _, full = ask(file.cid, "&car-dups=y", "-I")
    assert.is_true(tonumber(full["content-length"]) > 2049 * MIB)
    local parted
    for _, seconds in ipairs { 2, 10, 50 } do
      parted = select(3, ask(file.cid, "&car-dups=y", "--limit-rate 8M -m " .. seconds))
      if #parted > 2 * MIB then break end
    end
    assert.is_true(#parted > 2 * MIB)
    assert.equal(body:sub(1, 2 * MIB), parted:sub(1, 2 * MIB))
  end)

  it("has equal nodes once, and nothing beneath them again", function()
    local file = offer_sparse(3072 * MIB, {})
    local got = car.read(select(3, ask(file.cid)))
    assert.equal(3, #got.blocks)
    local nodes = car.links(got.blocks[1])
    assert.same({ nodes[1], nodes[1], nodes[1] }, nodes)
    local _, headers = ask(file.cid, "&car-dups=y", "-I")
    local node, leaf = 3 + 36 + #got.blocks[2].bytes, 3 + 36 + MIB
    assert.equal(59 + 2 + 36 + #got.blocks[1].bytes + 3 * node + 3072 * leaf, tonumber(headers["content-length"]))
  end)

  it("is told from a block by `format`, then by Accept, whose parameters it heeds", function()
    local file = offer("a", folder.bytes(MIB + 1))
    local path = "/ipfs/" .. file.cid
    local function kind(query, accept)
      local status, headers = curl(path .. query, accept and "-H 'Accept: " .. accept .. "'")
      return status == 200 and headers["content-type"]:match "^[^;]+" .. (headers["content-type"]:match "dups=%l" or "")
        or status
    end
    local raw = "application/vnd.ipld.raw"
    assert.equal(TYPE .. "dups=n", kind("", TYPE))
    assert.equal(TYPE .. "dups=y", kind("", TYPE .. ";version=1; order=dfs;dups=y"))
    assert.equal(TYPE .. "dups=y", kind("", TYPE .. "; order=foo, " .. TYPE .. ";order=unk;dups=y;q=0.5"))
    assert.equal(TYPE .. "dups=n", kind("?car-dups=n", TYPE .. ";dups=y"))
    assert.equal(TYPE .. "dups=n", kind("?format=car", raw))
    assert.equal(raw, kind("?format=raw", TYPE))
    assert.equal(raw, kind("", raw .. ", " .. TYPE))
    assert.equal(406, kind("", TYPE .. "; version=2"))
    assert.equal(406, kind("", TYPE .. ";order=foo"))
    assert.equal(406, kind("?format=car&car-version=2"))
    assert.equal(406, kind("?format=car&car-dups=maybe"))
    assert.equal(406, kind("?format=car&car-order=bfs"))
    assert.equal(400, kind("?format=car&dag-scope=some"))
    assert.equal(400, kind("?format=car&entity-bytes=0:*"))
    assert.equal("application/octet-stream", kind("", "text/html")) -- the file itself
    assert.same({ kind = 5, form = 2 }, g:counts().refused)
  end)

  it("has a gateway's headers, a tag of its own, and answers HEAD and the probe", function()
    local file = offer("a", folder.bytes(MIB + 1))
    local status, headers = ask(file.cid, "", "-I")
    assert.equal(200, status)
    local length = headers["content-length"]
    assert.equal(length, tostring(#select(3, ask(file.cid))))
    assert.equal(('"all.dfs.n.%s.car"'):format(file.cid), headers.etag)
    assert.equal(('attachment; filename="%s.car"'):format(file.cid), headers["content-disposition"])
    assert.equal("public, max-age=29030400, immutable", headers["cache-control"])
    assert.equal(file.cid, headers["x-ipfs-roots"])
    assert.equal("nosniff", headers["x-content-type-options"])
    assert.equal(304, (ask(file.cid, "", "-H 'If-None-Match: W/" .. headers.etag .. "'")))
    assert.equal(200, (ask(file.cid, "", ("-H 'If-None-Match: \"%s.raw\"'"):format(file.cid))))
    local probe = car.read(select(3, ask "bafkqaaa"))
    assert.same({ roots = { "\1\85\0\0" }, version = 1, blocks = {} }, probe)
    assert.equal(404, (ask "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"))
    assert.equal(400, (ask "nonsense"))
  end)

  -- One who asks for a CAR and reads no more than is sent before he is told to.
  -- REACH: to which class files go to him; nil: one of this machine
  local function slow_reader(key, reach)
    local client, got, before = reach and uv.new_pipe() or uv.new_tcp(), { bytes = 0 }, g:counts().readers
    local function begin()
      client:write(("GET /ipfs/%s?format=car HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"):format(key))
    end
    if reach then
      local pair = uv.socketpair("stream", nil, { nonblock = true }, { nonblock = true })
      g:add(pair[1], reach)
      client:open(pair[2])
      begin()
    else
      client:connect("127.0.0.1", g:port(), begin)
    end
    function got.read()
      client:read_start(function(_, bytes)
        if not bytes then got.ended = true else
          got.head = got.head or bytes:match "^.-\r\n\r\n"
          got.bytes = got.bytes + #bytes
        end
      end)
    end
    function got.leave()
      client:close()
      uv.run "nowait"
    end
    function got.length() return tonumber(got.head:match "Content%-Length: (%d+)") + #got.head end
    gateways.wait(function() return g:counts().readers > before end)
    return got
  end

  local function big(name) return offer(name, folder.bytes(24 * MIB)) end

  it("is cut short, and that is counted, when the file moves in the middle", function()
    local file = big "a"
    local reader = slow_reader(file.cid)
    folder.write(home.path .. "/a", folder.bytes(24 * MIB, 9))
    reader.read()
    gateways.wait(function() return reader.ended end)
    assert.is_true(reader.bytes > 0 and reader.bytes < reader.length())
    reader.leave()
    gateways.wait(function() return g:counts().readers == 0 end)
    assert.same({ moved = 1 }, g:counts().refused)
    local leaf = car.links(car.read(select(3, ask(file.cid, "&dag-scope=block"))).blocks[1])[2]
    assert.equal(410, (ask(codecs.cid_text(leaf)))) -- where nothing was sent yet, it is said
  end)

  it("stops at the next block when the file is withdrawn, and not when it is offered anew", function()
    local file = big "a"
    local reader = slow_reader(file.cid)
    assert(uv.fs_link(home.path .. "/a", home.path .. "/b"))
    local again = folder.hash(home.path, "b")
    assert(g:serve(again))
    assert(os.remove(home.path .. "/a"))
    reader.read()
    gateways.wait(function() return reader.bytes == (reader.head and reader.length()) end)
    reader.leave()
    assert.same({}, g:counts().refused)
    g:close()
    g = assert(gateway.new { host = "127.0.0.1" })
    assert(g:serve(again))
    reader = slow_reader(file.cid)
    assert.is_true(g:withdraw(file.cid))
    reader.read()
    gateways.wait(function() return reader.ended end)
    assert.is_true(reader.bytes < reader.length())
    reader.leave()
    assert.same({ missing = 1 }, g:counts().refused)
  end)

  it("stops at the next block when the file goes to fewer than who gets it, not when it goes to more", function()
    local file = big "a"
    file.class = "swarm"
    assert(g:serve(file))
    local reader = slow_reader(file.cid, "swarm")
    file.class = "public"
    assert(g:serve(file))
    reader.read()
    gateways.wait(function() return reader.bytes == (reader.head and reader.length()) end)
    reader.leave()
    gateways.wait(function() return g:counts().readers == 0 end) -- its last bytes came a moment before
    reader = slow_reader(file.cid, "swarm")
    file.class = "lab"
    assert(g:serve(file))
    reader.read()
    gateways.wait(function() return reader.ended end)
    assert.is_true(reader.bytes < reader.length())
    reader.leave()
    assert.same({ missing = 1 }, g:counts().refused)
  end)

  it("leaves half of the readers to those who ask for blocks", function()
    local file = big "a"
    local one = slow_reader(file.cid)
    local two = slow_reader(file.cid)
    local status, headers, body = ask(file.cid)
    assert.equal(503, status)
    assert.equal("1", headers["retry-after"])
    assert.equal("full\n", body)
    local _, _, root = curl("/ipfs/" .. file.cid .. "?format=raw")
    assert.equal(200, (curl("/ipfs/" .. unixfs.decode(file.cid, root, file.size)[1].cid .. "?format=raw")))
    one.leave()
    two.leave()
    gateways.wait(function() return g:counts().readers == 0 end)
    assert.same({ full = 1, closed = 2 }, g:counts().refused)
    assert.equal(200, (ask(file.cid)))
  end)

  it("ends with the gateway", function()
    local reader = slow_reader(big("a").cid)
    g:close()
    reader.read()
    gateways.wait(function() return reader.ended end)
    reader.leave()
  end)
end)
