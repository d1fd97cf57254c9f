-- gateway_spec.lua - HTTP in against curl and raw sockets: what it gives, refuses and counts.
local uv = require "luv"
local gateway = require "core.gateway"
local gateways = require "spec.core.gateways"
local unixfs = require "core.unixfs"
local hash = require "core.hash"
local folder = require "spec.folder"
local patience = require "spec.patience"

local MIB = 1048576
local RAW = "application/vnd.ipld.raw"
local ABSENT = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

describe("core.gateway", function()
  local sigpipe = uv.new_signal() -- some write to who hung up
  sigpipe:start("sigpipe", function() end)
  sigpipe:unref()
  teardown(function()
    sigpipe:close()
    uv.run "nowait"
  end)

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

  local function block(cid, more)
    return curl("/ipfs/" .. cid .. "?format=raw", more)
  end

  local function offer(name, bytes) return gateways.offer(g, home.path, name, bytes) end

  local function digest_cid(bytes)
    return (unixfs.layout(#bytes, hash.sha256(bytes)))
  end

  it("gives root, inner nodes and leaves, each with its hash", function()
    local bytes = folder.bytes(2 * MIB + 5)
    local file = offer("a.bag", bytes)
    local status, _, root = block(file.cid)
    assert.equal(200, status)
    local links = assert(unixfs.decode(file.cid, root, file.size))
    assert.equal(3, #links)
    local got = {}
    for i, link in ipairs(links) do
      local _, headers, leaf = block(link.cid)
      assert.equal(tostring(#leaf), headers["content-length"])
      assert.equal(link.cid, digest_cid(leaf))
      got[i] = leaf
    end
    assert.is_true(table.concat(got) == bytes)
    gateways.wait(function() return g:counts().connections == 0 end)
    local counts = { blocks = 4, bytes = #bytes + #root, files = 1, connections = 0, readers = 0, refused = {} }
    assert.same(counts, g:counts())
  end)

  it("gives the rest of a block to who has its beginning; other ranges get it whole", function()
    local bytes = folder.bytes(1000)
    local file = offer("a.bag", bytes)
    for _, from in ipairs { 1, 400, 999 } do
      local status, headers, body = block(file.cid, ("-H 'Range: bytes=%d-'"):format(from))
      assert.equal(206, status)
      assert.equal(("bytes %d-999/1000"):format(from), headers["content-range"])
      assert.is_true(bytes:sub(from + 1) == body)
    end
    for _, range in ipairs { "bytes=0-", "bytes=1000-", "bytes=-5", "bytes=5-9", "bytes=5", "bytes=5-,7-", "items=5-",
      "bytes=99999999999999999999-", "bytes=" } do
      local status, headers, body = block(file.cid, ("-H 'Range: %s'"):format(range))
      assert.equal(200, status, range)
      assert.is_nil(headers["content-range"])
      assert.is_true(bytes == body)
    end
  end)

  it("gives the levels of a tree of more than 1,024 leaves", function()
    local path = home.path .. "/sparse"
    os.execute(("truncate -s %d '%s'"):format(1025 * MIB, path))
    local file = folder.hash(home.path, "sparse")
    assert(g:serve(file))
    local _, _, root = block(file.cid)
    local halves = assert(unixfs.decode(file.cid, root, file.size))
    assert.equal(2, #halves)
    for _, half in ipairs(halves) do
      local _, _, node = block(half.cid)
      assert.truthy(unixfs.decode(half.cid, node, half.size, half.height))
    end
    local status = block(assert(unixfs.decode(halves[2].cid, select(3, block(halves[2].cid)), MIB, 1))[1].cid)
    assert.equal(200, status)
  end)

  it("gives files of 0, 1 and 2^20 bytes, which are their own leaf", function()
    for _, size in ipairs { 0, 1, MIB } do
      local bytes = folder.bytes(size)
      local file = offer("f" .. size, bytes)
      local status, headers, body = block(file.cid)
      assert.equal(200, status)
      assert.equal(tostring(size), headers["content-length"])
      assert.is_true(body == bytes)
    end
  end)

  it("sends the headers of a trustless gateway", function()
    local file = offer("a", "hello")
    local _, headers = curl("/ipfs/" .. file.cid, "-H 'Accept: " .. RAW .. "'")
    assert.equal(RAW, headers["content-type"])
    assert.equal('"' .. file.cid .. '.raw"', headers.etag)
    assert.equal("public, max-age=29030400, immutable", headers["cache-control"])
    assert.equal("nosniff", headers["x-content-type-options"])
    assert.truthy(headers["content-security-policy"]:find "^sandbox")
    assert.equal("/ipfs/" .. file.cid, headers["x-ipfs-path"])
    assert.truthy(headers["content-disposition"]:find "^attachment")
    assert.is_nil(headers["access-control-allow-origin"])
    local status, _, body = block(file.cid, ("-H 'If-None-Match: \"%s.raw\"'"):format(file.cid))
    assert.equal(304, status)
    assert.equal("", body)
  end)

  it("answers HEAD with a length and reads nothing", function()
    local file = offer("a", ("x"):rep(1000))
    local status, headers, head = block(file.cid, "-I")
    assert.equal(200, status)
    assert.equal("1000", headers["content-length"])
    assert.is_nil(head:find "xx")
    assert.equal(0, g:counts().blocks)
  end)

  it("answers the empty CID with which clients probe", function()
    assert.equal(200, (block "bafkqaaa"))
  end)

  it("refuses by word what it does not have or do", function()
    local file = offer("a", "hello")
    local accept = "-H 'Accept: " .. RAW .. "'"
    local cases = {
      { 404, "missing", function() return block(ABSENT) end },
      { 404, "missing", outside = true, function() return curl "/" end },
      { 404, "missing", outside = true, function() return curl "/etc/passwd" end },
      { 400, "form", function() return block "nonsense" end },
      { 400, "form", function() return block(file.cid .. "/a") end },
      { 400, "form", function() return block(file.cid:upper()) end },
      { 400, "form", function() return block "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG" end },
      { 405, "form", function() return block(file.cid, "-X DELETE") end },
      { 405, "form", function() return block(file.cid, "-d x=y") end },
      { 406, "kind", function() return curl("/ipfs/" .. file.cid .. "?format=tar") end },
      { 406, "kind", function() return curl("/ipfs/" .. file.cid .. "?format=tar", accept) end },
      { 403, "host", function() return block(file.cid, "-H 'Host: evil.example'") end },
      { 403, "host", function() return block(file.cid, "-H 'Host: 127.0.0.1.evil.example:80'") end },
      { 403, "host", function() return block(file.cid, "-H 'Host: [127.0.0.1]'") end },
    }
    local expected = {}
    for i, case in ipairs(cases) do
      local status, headers, body = case[3]()
      assert.equal(case[1], status, "case " .. i)
      assert.equal(case[2], body:match "^(%l+)\n$" or body:match "^(%l+): [^\n]+\n$")
      assert.equal(status == 406 or case.outside == true, body:find ": " ~= nil, body) -- what to ask for instead
      assert.equal("nosniff", headers["x-content-type-options"])
      expected[case[2]] = (expected[case[2]] or 0) + 1
    end
    assert.same(expected, g:counts().refused)
    assert.equal(0, g:counts().blocks)
    for _, host in ipairs { "localhost", "LOCALHOST:1", "192.168.1.5:3826", "[::1]:3826", "[fe80::1]" } do
      assert.equal(200, (block(file.cid, "-H 'Host: " .. host .. "'")))
    end
  end)

  it("tells a person in a browser what there is, and what would help; no page of anybody's", function()
    local file = offer("a.bag", folder.bytes(1000))
    local browser = "-H 'Accept: text/html,application/xhtml+xml,*/*;q=0.8'"
    local status, headers, body = curl("/", browser)
    assert.equal(200, status)
    assert.truthy(body:find("/ipfs/CID  ", 1, true) and body:find("files get", 1, true), body)
    assert.matches("^text/plain", headers["content-type"])
    assert.equal("no-store", headers["cache-control"])
    assert.equal("nosniff", headers["x-content-type-options"])
    assert.is_nil(body:find "<")
    assert.equal(1000, #select(3, curl("/ipfs/" .. file.cid, browser)))
    assert.equal(406, (curl("/ipfs/" .. file.cid .. "?format=tar", browser)))
    for word, told in pairs { host = "IP address", missing = "no file or block" } do
      status, headers, body = curl(word == "host" and "/" or "/ipfs/" .. digest_cid "nobody's" .. "?format=raw",
        browser .. (word == "host" and " -H 'Host: ada.example'" or ""))
      assert.is_true(status == 403 or status == 404)
      assert.matches("^text/plain", headers["content-type"])
      assert.truthy(body:find(word .. ": ", 1, true) == 1 and body:find(told, 1, true), body)
    end
    status, headers, body = curl("/ipfs/" .. digest_cid "nobody's", browser)
    assert.equal("nosniff", headers["x-content-type-options"])
    assert.equal(404, status)
    assert.matches("^missing: this node has no file or block of that CID%.\n", body)
    for _, path in ipairs { "x", file.cid .. "/a", "%3Cb%3E", "" } do
      status, headers, body = curl("/ipfs/" .. path, browser)
      assert.is_nil(headers["content-disposition"])
      assert.equal(400, status)
      assert.truthy(body:find "^form: " and not body:find "<", body)
    end
    g:pause(true)
    status, headers, body = curl("/ipfs/" .. file.cid, browser)
    assert.equal("60", headers["retry-after"])
    assert.equal(503, status)
    assert.matches("^pause: .*again in a minute", body)
  end)

  it("withdraws at the next block, and only what was asked", function()
    local shared = folder.bytes(MIB, 7)
    local one, two = offer("one", shared .. "1"), offer("two", shared .. "2")
    local leaf = digest_cid(shared)
    assert.equal(200, (block(leaf)))
    assert.is_true(g:withdraw(one.cid))
    assert.is_false(g:withdraw(one.cid))
    assert.equal(404, (block(one.cid)))
    assert.equal(404, (block(digest_cid "1")))
    assert.equal(200, (block(leaf)))
    assert.equal(200, (block(two.cid)))
    assert.is_true(g:withdraw(two.cid))
    assert.equal(404, (block(leaf)))
    assert(g:serve(one))
    assert.equal(200, (block(leaf)))
  end)

  it("withdraws files that share blocks in any order, and gives what any of the others has", function()
    local blocks, files = {}, {}
    for i = 1, 4 do blocks[i] = folder.bytes(MIB, 20 + i) end
    for i, parts in ipairs { { 1, 2, 2 }, { 2, 1, 3 }, { 3, 3, 4 }, { 1, 4, 1 }, { 2, 3, 2 } } do
      local bytes = blocks[parts[1]] .. blocks[parts[2]] .. blocks[parts[3]]
      files[i] = { parts = parts, file = offer("f" .. i, bytes) }
    end
    for _, gone in ipairs { 3, 1, 5, 2, 4 } do
      assert.is_true(g:withdraw(files[gone].file.cid))
      files[gone].parts = {}
      local has = {}
      for _, one in ipairs(files) do
        for _, part in ipairs(one.parts) do has[part] = true end
      end
      for i = 1, 4 do assert.equal(has[i] and 200 or 404, (block(digest_cid(blocks[i])))) end
    end
  end)

  it("takes out one of many files without going over the others'", function()
    local size = 200 * MIB
    local function put(seed)
      local leaves = {}
      for i = 1, 200 do leaves[i] = hash.sha256(seed .. "." .. i) end
      local file = { cid = (unixfs.layout(size, table.concat(leaves))), folder = home.path, name = "x",
        leaves = table.concat(leaves), identity = { size = size, dev = 1, ino = 1, mtime_ns = 0, ctime_ns = 0 } }
      assert(g:serve(file))
      return file.cid
    end
    local function took(cids)
      local began = os.clock()
      for _, cid in ipairs(cids) do assert.is_true(g:withdraw(cid)) end
      return os.clock() - began
    end
    local few, others = {}, {}
    for i = 1, 50 do few[i] = put(i) end
    local alone = took(few)
    local function took_beside()
      for i = 1, 50 do few[i] = put(i) end
      for i = 51, 1000 do others[i - 50] = put(i) end
      local spent = took(few)
      took(others)
      return spent
    end
    local most = alone * 10 + 0.005 -- a walk over all would take some 20 times as long
    local beside = patience.least(most, took_beside)
    assert.is_true(beside < most, ("%.4f s beside others, %.4f s alone"):format(beside, alone))
  end)

  it("gives nothing of a file that changed but what still has its hash", function()
    local bytes = folder.bytes(2 * MIB, 3)
    offer("a", bytes)
    local first, second = digest_cid(bytes:sub(1, MIB)), digest_cid(bytes:sub(MIB + 1))
    assert.equal(200, (block(second)))
    folder.write(home.path .. "/a", bytes:sub(1, MIB) .. folder.bytes(MIB, 4))
    local status, _, body = block(second)
    assert.equal(410, status)
    assert.equal("moved\n", body)
    status, _, body = block(first)
    assert.equal(200, status)
    assert.is_true(body == bytes:sub(1, MIB))
    folder.write(home.path .. "/a", "short")
    assert.equal(410, (block(first)))
    assert.equal(410, (block(second)))
    os.remove(home.path .. "/a")
    assert.equal(404, (block(first)))
    assert.same({ moved = 3, missing = 1 }, g:counts().refused)
  end)

  it("finds bytes that changed though the file's identity did not", function()
    folder.write(home.path .. "/a", "hello")
    local file = folder.hash(home.path, "a")
    folder.write(home.path .. "/a", "jello")
    file.identity = folder.hash(home.path, "a").identity -- as a disk that lies would have it
    assert(g:serve(file))
    local status, _, body = block(file.cid)
    assert.equal(410, status)
    assert.equal("block\n", body)
  end)

  it("follows no link and waits for no FIFO", function()
    local secret = home.path .. "/secret"
    folder.write(secret, "hello")
    local file = folder.hash(home.path, "secret")
    os.execute("mkdir " .. home.path .. "/share")
    os.execute(("ln -s %s %s/share/a; mkfifo %s/share/b"):format(secret, home.path, home.path))
    for _, name in ipairs { "a", "b", "../secret" } do
      file.folder, file.name = home.path .. "/share", name
      assert(g:serve(file))
      local status, _, body = block(file.cid)
      assert.equal(410, status)
      assert.equal("link\n", body)
    end
  end)

  it("takes no offer whose leaves are not its root's", function()
    folder.write(home.path .. "/a", "hello")
    local file = folder.hash(home.path, "a")
    file.cid = ABSENT
    local ok, message, word = g:serve(file)
    assert.is_nil(ok)
    assert.equal("block", word)
    assert.truthy(message:find "^block: ")
    file.leaves = "short"
    assert.has_error(function() g:serve(file) end)
  end)

  it("keeps a connection, and answers loopback whatever the networks are", function()
    local file = offer("a", "hello")
    g:networks { { "10.0.0.0", 8 }, { "fe80::", 64 } }
    local url = ("http://127.0.0.1:%d/ipfs/%s?format=raw"):format(g:port(), file.cid)
    local command = "LD_PRELOAD= curl -s -w '%%{num_connects}' '%s' -w '%%{num_connects}' '%s'"
    local pipe = io.popen(command:format(url, url))
    assert.equal("hello1hello0", pipe:read "a")
    pipe:close()
    assert.has_error(function() g:networks { { "10.0.0.0", 33 } } end)
    assert.has_error(function() g:networks { { "host", 3 } } end)
  end)

  it("answers on-link sources only, as told", function()
    local host
    for _, interface in ipairs(require("core.net").interfaces()) do
      if interface.family == 4 and not interface.loopback then host = interface.host end
    end
    if not host then return pending "no interface but loopback" end
    g:close()
    g = assert(gateway.new {})
    local file = offer("a", "hello")
    local function ask()
      local url = ("http://%s:%d/ipfs/%s?format=raw"):format(host, g:port(), file.cid)
      local pipe = io.popen(("LD_PRELOAD= curl -s -w ' %%{http_code}' '%s'"):format(url))
      local answer = pipe:read "a"
      pipe:close()
      return answer
    end
    assert.equal("permission\n 403", ask())
    g:networks { { "203.0.113.0", 24 }, { host, 32 } }
    assert.equal("hello 200", ask())
    local three, last = host:match "^(.*%.)(%d+)$"
    last = tonumber(last)
    g:networks { { three .. (last ~ 64), 26 } }
    assert.equal("permission\n 403", ask())
    g:networks { { three .. (last ~ 31), 26 } }
    assert.equal("hello 200", ask())
    g:networks { { "0.0.0.0", 0 } }
    assert.equal("hello 200", ask())
    g:networks {}
    assert.equal("permission\n 403", ask())
    assert.same({ permission = 3 }, g:counts().refused)
    g:networks { { host, 32, true }, { "0.0.0.0", 0 } }
    assert.equal(" 000", ask(), "he is sent away unheard")
    assert.same({ permission = 4 }, g:counts().refused)
    g:networks { { "0.0.0.0", 0 }, { "203.0.113.0", 24, true } }
    assert.equal("hello 200", ask())
  end)

  it("says which port is taken", function()
    local other, message, word = gateway.new { host = "127.0.0.1", port = g:port() }
    assert.is_nil(other)
    assert.equal("EADDRINUSE", word)
    assert.truthy(message:find "127.0.0.1")
  end)

  it("closes while somebody reads, and twice", function()
    local file = offer("a", folder.bytes(MIB))
    local client = uv.new_tcp()
    client:connect("127.0.0.1", g:port(), function()
      client:write(("GET /ipfs/%s?format=raw HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"):format(file.cid))
    end)
    gateways.wait(function() return g:counts().connections == 1 end)
    g:close()
    g:close()
    assert.has_error(function() g:port() end)
    client:close()
    uv.run "nowait"
  end)

  -- Connections that ask for ten blocks each in one go and read none of them.
  local function greedy(count, links)
    local clients = {}
    for i = 1, count do
      local client = uv.new_tcp()
      clients[i] = client
      client:connect("127.0.0.1", g:port(), function()
        for j = 1, 10 do
          client:write(("GET /ipfs/%s?format=raw HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"):format(links[j].cid))
        end
      end)
    end
    gateways.wait(function() return g:counts().readers == count end)
    return function()
      for _, client in ipairs(clients) do client:close() end
      uv.run "nowait"
    end
  end

  local function offer_big()
    os.execute(("LD_PRELOAD= head -c %d /dev/urandom > %s/big"):format(16 * MIB, home.path))
    local file = folder.hash(home.path, "big")
    assert(g:serve(file))
    return file, assert(unixfs.decode(file.cid, select(3, block(file.cid)), file.size))
  end

  it("sends the next reader away when all places are taken", function()
    g:close()
    g = assert(gateway.new { host = "127.0.0.1", readers = 2 })
    local file, links = offer_big()
    local leave = greedy(2, links)
    local status, headers, body = block(file.cid)
    assert.equal(503, status)
    assert.equal("1", headers["retry-after"])
    assert.equal("full\n", body)
    assert.same({ full = 1 }, g:counts().refused)
    assert.equal(404, (block(ABSENT))) -- what needs no place is answered
    leave()
    gateways.wait(function() return g:counts().readers == 0 end)
    assert.equal(200, (block(file.cid)))
    assert.equal(2, g:counts().refused.closed)
  end)

  it("takes places back from the slow while others are sent away, and only then", function()
    g:close()
    g = assert(gateway.new { host = "127.0.0.1", readers = 2, pressed_ms = 200 })
    local file, links = offer_big()
    local leave = greedy(2, links)
    uv.sleep(600)
    assert.equal(2, g:counts().readers)
    assert.equal(503, (block(file.cid)))
    gateways.wait(function() return g:counts().readers == 1 end)
    assert.equal(200, (block(file.cid)))
    assert.equal(1, g:counts().refused.slow)
    leave()
  end)

  it("hangs up on who does not finish asking", function()
    g:close()
    g = assert(gateway.new { host = "127.0.0.1", request_ms = 300 })
    local client, ended = uv.new_tcp(), false
    local timer = uv.new_timer()
    client:connect("127.0.0.1", g:port(), function()
      client:write "GET /ipfs/"
      timer:start(50, 50, function() client:write "b" end)
      client:read_start(function(_, bytes) ended = not bytes end)
    end)
    gateways.wait(function() return ended end)
    timer:close()
    client:close()
    gateways.wait(function() return g:counts().connections == 0 end)
    assert.same({ slow = 1 }, g:counts().refused)
  end)
end)
