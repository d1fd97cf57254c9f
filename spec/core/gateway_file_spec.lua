-- gateway_file_spec.lua - files as they are, from the gateway to curl: names, types, ranges, what is cached, a pause.
local uv = require "luv"
local folder = require "spec.folder"
local gateway = require "core.gateway"
local gateways = require "spec.core.gateways"
local unixfs = require "core.unixfs"

local MIB <const> = 1048576
local ABSENT <const> = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

describe("the gateway's file", function()
  local g, home

  before_each(function()
    g = assert(gateway.new { host = "127.0.0.1" })
    home = folder.new()
  end)
  after_each(function()
    g:close()
    home.remove()
  end)

  local function curl(path, more) return gateways.curl(g, home.path, path, more) end

  -- What was sent is counted a moment after it came.
  local function wait_for_bytes(n)
    gateways.wait(function() return g:counts().bytes == n end)
  end

  local function get(file, more, query) return curl("/ipfs/" .. file.cid .. (query or ""), more) end

  local function range(file, text, more) return get(file, ("-H 'Range: %s' %s"):format(text, more or "")) end

  local function offer(name, bytes) return gateways.offer(g, home.path, name, bytes) end

  for _, size in ipairs { 0, 1, MIB, MIB + 1, 5 * MIB + 3 } do
    it(("of %d bytes is what it is, its length told before"):format(size), function()
      local bytes = folder.bytes(size)
      local file = offer("a.bag", bytes)
      local status, headers, body = get(file)
      assert.equal(200, status)
      assert.equal(tostring(size), headers["content-length"])
      assert.equal('"' .. file.cid .. '"', headers.etag)
      assert.equal("bytes", headers["accept-ranges"])
      assert.equal("public, max-age=29030400, immutable", headers["cache-control"])
      assert.equal("/ipfs/" .. file.cid, headers["x-ipfs-path"])
      assert.is_true(body == bytes)
      wait_for_bytes(size)
      status, headers = get(file, "-I")
      assert.equal(200, status)
      assert.equal(tostring(size), headers["content-length"])
      assert.equal(size, g:counts().bytes)
    end)
  end

  it("gives any one range, across blocks too", function()
    local size = 3 * MIB + 7
    local bytes = folder.bytes(size)
    local file = offer("a.bag", bytes)
    for _, case in ipairs { { "0-", 0, size }, { "0-0", 0, 1 }, { "5-9", 5, 10 },
      { MIB - 1 .. "-" .. MIB, MIB - 1, MIB + 1 }, { MIB .. "-" .. 2 * MIB - 1, MIB, 2 * MIB },
      { 100 .. "-" .. size + 5, 100, size }, { "-5", size - 5, size },
      { "-" .. size + 1, 0, size }, { size - 1 .. "-", size - 1, size },
      { MIB + 3 .. "-99999999999999999999", MIB + 3, size } } do
      local status, headers, body = range(file, "bytes=" .. case[1])
      assert.equal(206, status, case[1])
      assert.equal(("bytes %d-%d/%d"):format(case[2], case[3] - 1, size), headers["content-range"])
      assert.equal(tostring(case[3] - case[2]), headers["content-length"])
      assert.is_true(body == bytes:sub(case[2] + 1, case[3]), case[1])
    end
    gateways.wait(function() return g:counts().readers == 0 end)
    local before = g:counts().bytes
    range(file, "bytes=5-9")
    wait_for_bytes(before + 5)
  end)

  it("gives all to who asks for no range, or none that is known", function()
    local bytes = folder.bytes(1000)
    local file = offer("a.bag", bytes)
    for _, text in ipairs { "items=0-5", "bytes=9-5", "bytes=", "bytes=-", "bytes=5", "bytes=0-1,5-6", "bytes=a-b",
      "bytes=0x1-5", "bytes=1-5x" } do
      local status, headers, body = range(file, text)
      assert.equal(200, status, text)
      assert.is_nil(headers["content-range"])
      assert.is_true(body == bytes)
    end
    assert.equal(200, (range(offer("empty", ""), "bytes=0-")))
  end)

  it("says how long it is to who asks for what is behind its end", function()
    local file = offer("a.bag", folder.bytes(1000))
    for _, text in ipairs { "bytes=1000-", "bytes=2000-3000", "bytes=-0", "bytes=99999999999999999999-" } do
      local status, headers, body = range(file, text)
      assert.equal(416, status, text)
      assert.equal("bytes */1000", headers["content-range"])
      assert.equal("length\n", body)
    end
    assert.same({ length = 4 }, g:counts().refused)
  end)

  it("goes on with what is left of the same file, and gives all of another", function()
    local bytes = folder.bytes(1000)
    local file = offer("a.bag", bytes)
    assert.equal(206, (range(file, "bytes=400-", ("-H 'If-Range: \"%s\"'"):format(file.cid))))
    for _, tag in ipairs { '"' .. ABSENT .. '"', 'W/"' .. file.cid .. '"', "Sun, 29 Nov 2026 08:00:00 GMT" } do
      local status, _, body = range(file, "bytes=400-", ("-H 'If-Range: %s'"):format(tag))
      assert.equal(200, status, tag)
      assert.is_true(body == bytes)
    end
  end)

  it("is not sent again to who has it", function()
    local file = offer("a.bag", folder.bytes(1000))
    for _, tag in ipairs { '"%s"', 'W/"%s"', '"x", "%s"', "*" } do
      local status, headers, body = get(file, ("-H 'If-None-Match: %s'"):format(tag:format(file.cid)))
      assert.equal(304, status, tag)
      assert.equal("", body)
      assert.equal('"' .. file.cid .. '"', headers.etag)
    end
    for _, tag in ipairs { '"' .. file.cid .. '.raw"', '"' .. ABSENT .. '"' } do
      assert.equal(200, (get(file, ("-H 'If-None-Match: %s'"):format(tag))), tag)
    end
  end)

  it("is resumed by curl -C -, where it broke off and where it is whole", function()
    local bytes = folder.bytes(5 * MIB + 3)
    local file = offer("a.bag", bytes)
    local out = home.path .. "/out"
    local url = ("-o %s 'http://127.0.0.1:%d/ipfs/%s'"):format(out, g:port(), file.cid)
    folder.write(out, bytes:sub(1, 2 * MIB + 11))
    assert.equal(0, gateways.run_curl("-C - " .. url))
    assert.is_true(folder.read(out) == bytes)
    wait_for_bytes(#bytes - 2 * MIB - 11)
    assert.equal(0, gateways.run_curl("-C - " .. url))
    assert.is_true(folder.read(out) == bytes)
  end)

  it("has the type of its name, and what a browser could run is for the disk", function()
    local types = { ["a.txt"] = "text/plain; charset=utf-8", ["a.LOG"] = "text/plain; charset=utf-8",
      ["a.png"] = "image/png", ["a.b.jpeg"] = "image/jpeg", ["a.jpg"] = "image/jpeg", ["a.mp4"] = "video/mp4",
      ["a.html"] = false, ["a.svg"] = false, ["a.xml"] = false, ["a.js"] = false, ["a.pdf"] = false, ["a.bag"] = false,
      ["png"] = false, ["a.png.html"] = false, ["a.txt%00.html"] = "text/plain; charset=utf-8" }
    local file = offer("here.mp4", "hello")
    for name, type in pairs(types) do -- any order: each is asked for alone
      local status, headers = get(file, "", "?filename=" .. name)
      assert.equal(200, status, name)
      assert.equal(type or "application/octet-stream", headers["content-type"], name)
      assert.equal(type and "inline" or "attachment", headers["content-disposition"]:match "^%l+", name)
      assert.equal("nosniff", headers["x-content-type-options"])
      assert.matches("^sandbox; default%-src 'none';", headers["content-security-policy"])
    end
  end)

  it("is called as it is asked for, else as it is called here, else by its CID", function()
    os.execute("mkdir " .. home.path .. "/sub")
    local file = offer("sub/run 7.bag", folder.bytes(2 * MIB))
    local function called(query)
      local _, headers = get(file, "", query)
      return headers["content-disposition"]
    end
    assert.equal("attachment; filename=\"run 7.bag\"; filename*=UTF-8''run%207.bag", called())
    assert.equal("attachment; filename=\"x_y__.bag\"; filename*=UTF-8''x%22y%C3%A4.bag",
      called "?filename=x%22y%C3%A4.bag")
    assert.equal("attachment; filename=\"a__Set-Cookie: b\"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20b",
      called "?filename=a%0d%0aSet-Cookie:+b")
    assert.equal(1062, #called("?filename=" .. ("%C3"):rep(300)))
    local leaf = unixfs.decode(file.cid, select(3, get(file, "", "?format=raw")), file.size)[2].cid
    local status, headers, body = curl("/ipfs/" .. leaf)
    assert.equal(200, status)
    assert.equal(MIB, #body)
    assert.truthy(headers["content-disposition"]:find(leaf, 1, true))
  end)

  it("is the part of the file beneath an inner node", function()
    local file = folder.sparse(home.path, "sparse", 1025 * MIB + 9, { 1024 * MIB, 1025 * MIB + 8 })
    assert(g:serve(file))
    local halves = assert(unixfs.decode(file.cid, select(3, get(file, "", "?format=raw")), file.size))
    local status, headers, body = curl("/ipfs/" .. halves[2].cid)
    assert.equal(200, status)
    assert.equal(tostring(MIB + 9), headers["content-length"])
    assert.equal("\1\0", body:sub(1, 2))
    assert.equal("\0\2", body:sub(-2))
    assert.equal("\0\2", select(3, range(file, "bytes=-2")))
  end)

  it("refuses by word what is not here, no CID, or of a form that there is not", function()
    local file = offer("a", "hello")
    for _, case in ipairs { { 404, "missing", "/ipfs/" .. ABSENT }, { 400, "form", "/ipfs/nonsense" },
      { 400, "form", "/ipfs/" .. file.cid .. "/a" }, { 406, "kind", "/ipfs/" .. file.cid .. "?format=tar" } } do
      local status, _, body = curl(case[3])
      assert.equal(case[1], status)
      assert.equal(case[2], body:match "^%l+")
    end
    assert.equal(200, (curl "/ipfs/bafkqaaa"))
  end)

  it("ends in the midst where it is withdrawn or changed; who has the rest may go on", function()
    local bytes = folder.bytes(8 * MIB)
    local file = offer("a.bag", bytes)
    folder.write(home.path .. "/a.bag", bytes:sub(1, 3 * MIB) .. ("x"):rep(5 * MIB))
    local status, _, body, code = get(file)
    assert.equal(200, status)
    assert.is_true(code ~= 0)
    assert.is_true(body == bytes:sub(1, 3 * MIB))
    assert.same({ moved = 1 }, g:counts().refused)
    assert.equal(410, (range(file, "bytes=" .. 4 * MIB .. "-")))
  end)

  it("gives nothing while paused, and ends what is under way with its block", function()
    local bytes = folder.bytes(16 * MIB)
    local file = offer("a.bag", bytes)
    local out = home.path .. "/out"
    local url = ("'http://127.0.0.1:%d/ipfs/%s'"):format(g:port(), file.cid)
    os.execute(("(LD_PRELOAD= curl -s --limit-rate 2M -o %s %s & echo $! >%s.pid; wait $!; echo >%s.ended) &"):format(
      out, url, out, out))
    gateways.wait(function() return #(folder.read(out) or "") > 0 end)
    g:pause(true)
    gateways.wait(function() return g:counts().readers == 0 end)
    os.execute(("kill $(cat %s.pid)"):format(out)) -- what lies in sockets already may come for long
    gateways.wait(function() return folder.read(out .. ".ended") end)
    local got = #folder.read(out)
    assert.is_true(got < #bytes, ("%d bytes came"):format(got))
    for _, query in ipairs { "", "?format=raw", "?format=car" } do
      local status, headers, body = get(file, "", query)
      assert.equal(503, status)
      assert.equal("60", headers["retry-after"])
      assert.equal("pause\n", body)
    end
    assert.equal(200, (get(file, "-I")))
    assert.equal(4, g:counts().refused.pause)
    g:pause(false)
    assert.equal(0, gateways.run_curl(("-C - -o %s %s"):format(out, url)))
    assert.is_true(folder.read(out) == bytes)
  end)

  it("leaves half of the readers to who asks for blocks", function()
    g:close()
    g = assert(gateway.new { host = "127.0.0.1", readers = 2 })
    os.execute(("LD_PRELOAD= head -c %d /dev/urandom > %s/big"):format(16 * MIB, home.path))
    local file = folder.hash(home.path, "big")
    assert(g:serve(file))
    local client = uv.new_tcp()
    client:connect("127.0.0.1", g:port(), function()
      client:write(("GET /ipfs/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"):format(file.cid)) -- and reads nothing
    end)
    gateways.wait(function()
      uv.run "nowait"
      return g:counts().readers == 1
    end)
    local status, _, body = get(file)
    assert.equal(503, status)
    assert.equal("full\n", body)
    assert.equal(206, (range(file, "bytes=5-9")))
    assert.equal(200, (get(file, "", "?format=raw")))
    client:close()
    uv.run "nowait"
  end)
end)
