-- fetch_spec.lua - files over real sockets: whole, resumed, from the honest among liars; nothing in place unchecked.
local uv = require "luv"
local client = require "dcache.content.http_client"
local disk = require "core.disk"
local sim_disk = require "core.sim"
local fetch = require "dcache.content.fetch"
local folder = require "spec.folder"
local gateway = require "core.gateway"
local log = require "log"
local loop = require "loop"
local random = require "core.random"
local disk_space = require "dcache.content.disk_space"
local unixfs = require "core.unixfs"
local worker = require "worker"
local patience = require "spec.patience"

local MIB = 1048576

describe("dcache.content.fetch", function()
  local L, home, open, said, D

  local sigpipe = uv.new_signal() -- the liars write to who hung up
  sigpipe:start("sigpipe", function() end)
  sigpipe:unref()
  teardown(function()
    sigpipe:close()
    uv.run "nowait"
  end)

  before_each(function()
    home, open, said = folder.new(), {}, {}
    D = disk.real()
    L = loop.new { on_error = function(text) said.error = text L:stop() end }
  end)
  after_each(function()
    for _, each in ipairs(open) do each:close() end
    L:close()
    uv.run "nowait"
    home.remove()
    assert.is_nil(said.error)
  end)

  local function publish(name, bytes)
    folder.write(home.path .. "/" .. name, bytes)
    return folder.hash(home.path, name)
  end

  local function serve(file, port)
    local g = assert(gateway.new { host = "127.0.0.1", port = port or 0 })
    open[#open + 1] = g
    assert(g:serve(file))
    return g
  end

  local function source(id, port) return { id = id, name = id, url = "http://127.0.0.1:" .. port, own = true } end

  local function fetcher(options)
    local http = client.new { loop = L }
    open[#open + 1] = http
    local function beside(threads) return worker.new { loop = L, threads = threads } end
    local f = fetch.new { loop = L, disk = options.disk or D, http = http, dir = home.path .. "/state",
      flusher = not (options.disk or options.inline) and beside or nil,
      log = log.new { wall = function() return 0 end, level = "debug",
        write = function(text) said[#said + 1] = text end },
      random = random.seeded(1), sources = options.sources, on_progress = options.on_progress,
      timeout = options.timeout,
      disk_space = options.space and disk_space.new { loop = L, path = home.path .. "/state",
        space = options.space } }
    table.insert(open, { close = function() f:stop() end })
    return f
  end

  -- Runs until the file is there, at most for so long as a busy machine may take → path | nil, text, word
  local function run(f, file)
    local result
    assert(f:start(file.cid, file.size, file.name, function(...)
      result = table.pack(...)
      L:stop()
    end))
    local timer = L:after(120000, function() L:stop() end)
    L:run()
    timer:cancel()
    if said.error then error(said.error) end
    if result then return table.unpack(result, 1, result.n) end
    return nil, "still at it"
  end

  -- Blocks that G has given: it counts one a moment after that came.
  local function given(g)
    local n
    repeat
      n = g:counts().blocks
      uv.sleep(100)
    until n == g:counts().blocks
    return n
  end

  local function in_place(file) return folder.read(home.path .. "/state/files/" .. file.cid .. "/" .. file.name) end

  it("fetches 64 MiB, byte for byte, and says what its leaves are", function()
    local bytes = folder.bytes(64 * MIB + 17)
    local file = publish("a.bag", bytes)
    local g = serve(file)
    local last = 0
    local function from() return { source("a", g:port()) } end
    local f = fetcher { sources = from, on_progress = function(done, size, by)
      assert(done > last and size == file.size and by.name == "a")
      last = done
    end }
    local path, leaves = run(f, file)
    assert.equal(home.path .. "/state/files/" .. file.cid .. "/a.bag", path)
    assert.is_true(in_place(file) == bytes)
    assert.is_true(leaves == file.leaves)
    assert.equal(file.size, last)
    assert.same({}, f:status())
    assert.same({}, f.refused)
    assert.is_nil(D:stat(home.path .. "/state/partial/" .. file.cid))
  end)

  it("fetches files of 0, 1, 2^20 and 2^20 + 1 bytes", function()
    for _, size in ipairs { 0, 1, MIB, MIB + 1 } do
      local bytes = folder.bytes(size, size)
      local file = publish("f" .. size, bytes)
      local g = serve(file)
      assert(run(fetcher { sources = function() return { source("a", g:port()) } end }, file))
      assert.is_true(in_place(file) == bytes)
    end
  end)

  it("leaves holes as holes, goes on behind them, and writes zeros where other bytes were", function()
    local zeros, tail = ("\0"):rep(20 * MIB), folder.bytes(2 * MIB, 3)
    local bytes = folder.bytes(2 * MIB, 2) .. zeros .. tail .. zeros:sub(1, 5 * MIB + 3)
    local file = publish("a", bytes)
    local g = serve(file)
    local function from() return { source("a", g:port()) } end
    local f = fetcher { sources = from, on_progress = function(done) if done >= 12 * MIB then L:stop() end end }
    assert.is_nil((run(f, file)))
    f:stop()
    local part, before = home.path .. "/state/partial/" .. file.cid, given(g)
    assert.is_true(D:stat(part).size >= 12 * MIB)
    local damaged = assert(io.open(part, "r+b"))
    damaged:seek("set", 4 * MIB)
    damaged:write "no zeros"
    damaged:close()
    assert(run(fetcher { sources = from }, file))
    assert.is_true(in_place(file) == bytes)
    assert.is_true(g:counts().blocks - before <= 1 + 29 + 1 - 11) -- the root, what had not come, the damaged one
    local pipe = io.popen(("stat -c %%b %s/state/files/%s/a"):format(home.path, file.cid))
    local blocks = pipe:read "n"
    pipe:close()
    assert.is_true(blocks * 512 <= 6 * MIB, blocks .. " blocks for 4 MiB of bytes, and one leaf that was written")
  end)

  it("goes on where it was when the publisher stops and starts again", function()
    local bytes = folder.bytes(64 * MIB, 2)
    local file = publish("a.bag", bytes)
    local g = serve(file)
    local port, served, stopped = g:port(), 0, false
    local f
    f = fetcher { sources = function() return { source("a", port) } end, on_progress = function(done)
      if done < 20 * MIB or stopped then return end
      stopped = true
      served = g:counts().blocks
      g:close()
      local kept = uv.new_tcp() -- nobody else gets that port meanwhile
      kept:bind("127.0.0.1", port)
      open[#open + 1] = kept
      local function look() -- what had come by then may be long on its way to a busy disk
        local row = f:status()[1]
        if row.state ~= "waits" or row.reason ~= "a does not answer" then return L:after(100, look) end
        assert.is_nil(row.rate)
        assert.is_nil(in_place(file))
        g = serve(file, port)
      end
      L:after(1500, look)
    end }
    assert(run(f, file))
    assert.is_true(stopped)
    assert.is_true(in_place(file) == bytes)
    assert.is_true(served >= 20)
    assert.is_true(g:counts().blocks <= 65 - 20)
  end)

  it("keeps what it has when it is started again itself, and hashes it", function()
    local bytes = folder.bytes(32 * MIB, 3)
    local file = publish("a.bag", bytes)
    local g = serve(file)
    local function from() return { source("a", g:port()) } end
    local f = fetcher { sources = from, on_progress = function(done) if done >= 16 * MIB then L:stop() end end }
    assert.is_nil((run(f, file)))
    f:stop()
    assert.is_nil(in_place(file))
    local before = given(g)
    local partial = home.path .. "/state/partial/" .. file.cid
    local damaged = assert(io.open(partial, "r+b")) -- one byte of one leaf that was there
    damaged:seek("set", 3 * MIB + 5)
    damaged:write(string.char(255 - bytes:byte(3 * MIB + 6)))
    damaged:close()
    assert(run(fetcher { sources = from }, file))
    assert.is_true(in_place(file) == bytes)
    local again = g:counts().blocks - before
    -- The root, the damaged leaf, what had not come; four more may have come and three been on their way to the disk.
    assert.is_true(again >= 32 - 16 - 7 + 2, again)
    assert.is_true(again <= 32 - 16 + 4 + 2, again)
  end)

  -- A server that answers every request with what ANSWER(cid) gives.
  local function liar(answer)
    local server = { socket = uv.new_tcp(), asked = 0, clients = {} }
    server.socket:bind("127.0.0.1", 0)
    server.port = server.socket:getsockname().port
    server.socket:listen(16, function()
      local connection = uv.new_tcp()
      server.socket:accept(connection)
      table.insert(server.clients, connection)
      connection:read_start(function(_, text)
        if not text then return end
        server.asked = server.asked + 1
        answer(connection, text:match "^GET /ipfs/(%w+)")
      end)
    end)
    function server.close()
      for _, connection in ipairs(server.clients) do
        if not connection:is_closing() then connection:close() end
      end
      server.socket:close()
    end
    open[#open + 1] = server
    return server
  end

  local function body(bytes) return ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#bytes, bytes) end

  local LIES = {
    { "block", "wrong blocks", function(c) c:write(body "wrong") end },
    { "block", "lying lengths", function(c)
      c:write "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nlonger than that"
    end },
    { "length", "bodies cut short", function(c)
      c:write "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort"
      c:shutdown()
    end },
    { "long", "endless bodies", function(c)
      local function more(err)
        if not err and not c:is_closing() then c:write("8000\r\n" .. ("x"):rep(32768) .. "\r\n", more) end
      end
      c:write "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      more()
    end },
    { "redirect", "redirects", function(c)
      c:write "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    end },
    { "form", "nonsense", function(c) c:write "SSH-2.0-OpenSSH\r\n" end },
    { "missing", "404", function(c) c:write "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n" end },
    { "closed", "nothing", function(c) c:close() end },
  }

  for _, lie in ipairs(LIES) do
    it("takes the file from the other source when one gives " .. lie[2], function()
      local bytes = folder.bytes(3 * MIB, 4)
      local file = publish("a", bytes)
      local g, bad = serve(file), liar(lie[3])
      local f = fetcher { sources = function() return { source("bad", bad.port), source("good", g:port()) } end }
      assert(run(f, file))
      assert.is_true(in_place(file) == bytes)
      assert.is_true(f.refused[lie[1]] >= 1)
      assert.is_true(bad.asked >= 1 and bad.asked <= 4)
    end)

    it("puts nothing in place when all there is gives " .. lie[2], function()
      local file = publish("a", folder.bytes(3 * MIB, 4))
      local bad = liar(lie[3])
      local f = fetcher { sources = function() return { source("bad", bad.port) } end, timeout = 400 }
      local path, message = run(f, file)
      assert.is_nil(path)
      assert.not_equal("still at it", message)
      assert.is_nil(in_place(file))
      assert.is_true(bad.asked <= 6) -- it backs off
    end)
  end

  it("gives up a source that lies about one leaf only, and takes that leaf elsewhere", function()
    local bytes = folder.bytes(8 * MIB, 5)
    local file = publish("a", bytes)
    local g = serve(file)
    local root
    for _, block in ipairs(select(2, unixfs.layout(file.size, file.leaves))) do root = block.bytes end
    local links = assert(unixfs.decode(file.cid, root, file.size))
    local bad = liar(function(c, cid)
      if cid == file.cid then return c:write(body(root)) end
      for i, link in ipairs(links) do
        if link.cid == cid then
          local leaf = bytes:sub(link.offset + 1, link.offset + link.size)
          return c:write(body(i == 4 and leaf:sub(1, -2) .. "\0" or leaf))
        end
      end
    end)
    local f = fetcher { sources = function() return { source("bad", bad.port), source("good", g:port()) } end }
    assert(run(f, file))
    assert.is_true(in_place(file) == bytes)
    assert.equal(1, f.refused.block)
    assert.truthy(table.concat(said):find "wrong answer")
  end)

  it("waits for a source, and is told when there is one", function()
    local file = publish("a", "hello")
    local list = {}
    L:after(300, function() list[1] = source("a", serve(file):port()) end)
    assert(run(fetcher { sources = function() return list end }, file))
    assert.equal("hello", in_place(file))
  end)

  it("says that the disk is full, keeps no place, and goes on with its half when it is not", function()
    local M = sim_disk.memory(1)
    local file = publish("a", folder.bytes(4 * MIB, 6))
    local g = serve(file)
    M:limit(2 * MIB)
    local f = fetcher { disk = M, sources = function() return { source("a", g:port()) } end }
    local path, message, word = run(f, file)
    assert.same({ nil, "disk" }, { path, word })
    assert.matches("^disk: the disk of .* is full$", message)
    assert.same({}, f:status())
    assert.is_true(f.refused.disk >= 1)
    local trouble = f.disk_space:trouble()
    assert.same({ "ENOSPC", home.path .. "/state" }, { trouble.word, trouble.path })
    M:limit(0)
    local before = given(g)
    assert(run(f, file))
    assert.is_nil(f.disk_space:trouble())
    assert.is_true(g:counts().blocks - before <= 4) -- the root, and what had not come
    assert.equal(file.size, M:stat(home.path .. "/state/files/" .. file.cid .. "/a").size)
  end)

  it("leaves what lies there of a file as it is while a record says a wrong size of it", function()
    local bytes = folder.bytes(5 * MIB, 6)
    local file = publish("a.bag", bytes)
    local g = serve(file)
    local f = fetcher { sources = function() return { source("a", g:port()) } end }
    local part = home.path .. "/state/partial/" .. file.cid
    D:mkdir(home.path .. "/state/partial")
    folder.write(part, bytes:sub(1, 4 * MIB))
    assert.is_nil((run(f, { cid = file.cid, size = 2 * MIB, name = "a.bag" })))
    assert.equal(4 * MIB, D:stat(part).size)
    local before = given(g)
    assert.truthy(run(f, file))
    assert.is_true(in_place(file) == bytes)
    assert.equal(2, given(g) - before) -- the node and the last leaf
  end)

  it("begins only with what fits, the partial files that lie there counted", function()
    local space, file = 3 * MIB, publish("a", folder.bytes(4 * MIB, 6))
    local g = serve(file)
    local f = fetcher { sources = function() return { source("a", g:port()) } end,
      space = function() return space end }
    local _, message, word = f:start(file.cid, file.size, "a", function() end)
    assert.equal("disk", word)
    assert.matches("^disk: needs 2%.4 MB more room on /", message) -- 4 MiB, a part for what goes with it
    assert.equal(0, g:counts().blocks)
    local trouble = f.disk_space:trouble()
    assert.same({ "ENOSPC", 1, space, 4 * MIB + MIB + MIB // 4 - space },
      { trouble.word, trouble.files, trouble.free, trouble.needed })
    local small = publish("b", "small")
    assert(g:serve(small))
    assert(run(f, small)) -- what is small goes on
    folder.write(home.path .. "/state/partial/" .. file.cid, folder.bytes(4 * MIB, 6):sub(1, 3 * MIB))
    assert(run(f, file))
    assert.is_nil(f.disk_space:trouble())
  end)

  it("says that a file is there only when no power cut can take it back", function()
    for seed = 1, 20 do
      local M = sim_disk.memory(seed)
      local bytes = folder.bytes(2 * MIB + 1, 8)
      local file = publish("a", bytes)
      local g = serve(file)
      local path = assert(run(fetcher { disk = M, sources = function() return { source("a", g:port()) } end }, file))
      local after = M:crash(seed)
      assert.is_true(after:read(path) == bytes)
      assert(D:unlink(home.path .. "/a"))
    end
  end)

  -- The longest time in ms between two beats of the loop while a file of that SEED comes and each sync takes 300 ms.
  local function stall(inline, seed)
    local bytes = folder.bytes(10 * MIB, seed)
    local file = publish("a", bytes)
    local g = serve(file)
    for _, name in ipairs { "partial", "files" } do D:mkdir(home.path .. "/state/" .. name) end -- as at a node's start
    D:slow(300)
    local f = fetcher { inline = inline, sources = function() return { source("a", g:port()) } end }
    local stop = patience.beats(L)
    assert(run(f, file))
    local longest = stop()
    assert.is_true(in_place(file) == bytes)
    assert.is_true(D:counts().sync >= 3)
    return longest
  end

  it("holds up no timer, however slow the disk", function()
    local seed = 0
    local longest = patience.least(200, function()
      seed = seed + 1
      return stall(false, seed)
    end)
    assert.is_true(longest < 200, longest .. " ms between two beats")
  end)

  it("holds up the loop where there is no thread for it", function() -- negative control of the measure
    assert.is_true(stall(true, 9) >= 200)
  end)

  -- ms from the first of seven leaves to the sixth, and to the last, while each sync takes a second
  local function leaves_beside_sync(seed)
    local file = publish("a", folder.bytes(7 * MIB, seed)) -- the fourth leaf is synced, the last three with the file
    local g = serve(file)
    for _, name in ipairs { "partial", "files" } do D:mkdir(home.path .. "/state/" .. name) end
    D:slow(1000)
    local times = {}
    local f = fetcher { sources = function() return { source("a", g:port()) } end,
      on_progress = function() times[#times + 1] = L:now() end }
    assert(run(f, file))
    assert.equal(7, #times)
    return times[6] - times[1], times[7] - times[1]
  end

  it("checks and writes the next leaves while a sync takes its time", function()
    local sixth, last
    for seed = 11, 15 do -- the machine may be busy with others: not each time
      sixth, last = leaves_beside_sync(seed)
      assert.is_true(last >= 800)
      if sixth < 800 then return end
    end
    error(sixth .. " ms, time and again")
  end)

  it("writes nothing any more after it was stopped in the midst", function()
    local file = publish("a", folder.bytes(32 * MIB, 10))
    local g = serve(file)
    D:slow(300)
    local f = fetcher { sources = function() return { source("a", g:port()) } end,
      on_progress = function(done) if done >= 9 * MIB then L:stop() end end }
    assert.is_nil((run(f, file)))
    f:stop()
    local written = D:counts().write
    local timer = L:after(500, function() L:stop() end)
    L:run()
    timer:cancel()
    assert.equal(written, D:counts().write)
    assert.is_nil(in_place(file))
    assert.same({}, f:status())
  end)

  it("ends a file whose record lies about its size", function()
    local file = publish("a", folder.bytes(3 * MIB, 7))
    local g = serve(file)
    file.size = 2 * MIB
    local path, _, word = run(fetcher { sources = function() return { source("a", g:port()) } end }, file)
    assert.is_nil(path)
    assert.equal("form", word)
    assert.is_nil(in_place(file))
  end)

  it("refuses what cannot be a file, and what is under way", function()
    local f = fetcher { sources = function() return {} end }
    local file = publish("a", folder.bytes(2 * MIB))
    local nobody = function() end
    assert.equal("form", select(3, f:start("nonsense", 5, "a", nobody)))
    assert.equal("size", select(3, f:start(file.cid, 5, "a", nobody)))
    assert.equal("size", select(3, f:start(file.cid, -1, "a", nobody)))
    assert.is_true(f:start(file.cid, file.size, "a", nobody))
    assert.equal("duplicate", select(3, f:start(file.cid, file.size, "a", nobody)))
    assert.equal("a", f:status()[1].name)
    f:give_up(file.cid, "missing: a spec", "missing")
    assert.same({}, f:status())
  end)

  -- Passes on to PORT, and hangs up on each answer after MOST bytes. → { port =, sent = bytes of answers }
  local function breaking_path(port, most)
    local path = { socket = uv.new_tcp(), sent = 0, count = 0 }
    path.socket:bind("127.0.0.1", 0)
    path.port = path.socket:getsockname().port
    path.socket:listen(16, function()
      local near, far, left = uv.new_tcp(), uv.new_tcp(), most
      path.socket:accept(near)
      path.count = path.count + 1
      local function hang_up()
        for _, each in ipairs { near, far } do
          if not each:is_closing() then each:close() end
        end
      end
      far:connect("127.0.0.1", port, function()
        near:read_start(function(_, bytes) if bytes then far:write(bytes) else hang_up() end end)
        far:read_start(function(_, bytes)
          if not bytes or near:is_closing() then return hang_up() end
          bytes = bytes:sub(1, left)
          left, path.sent = left - #bytes, path.sent + #bytes
          near:write(bytes, function() if left == 0 then hang_up() end end)
        end)
      end)
    end)
    function path.close(_) path.socket:close() end
    open[#open + 1] = path
    return path
  end

  it("goes on within a block where an answer broke off", function()
    local bytes = folder.bytes(MIB)
    local file = publish("a.bag", bytes)
    local path = breaking_path(serve(file):port(), 400000)
    local f = fetcher { sources = function() return { source("a", path.port) } end }
    assert.is_string(run(f, file))
    assert.is_true(in_place(file) == bytes)
    assert.equal(3, path.count)
    assert.is_true(path.sent < MIB + 3 * 1000, path.sent .. " bytes were sent")
    local broken = 0
    for _, n in pairs(f.refused) do broken = broken + n end -- a sum
    assert.equal(2, broken, "and each break is counted, by its word")
  end)

  it("makes no path of a name", function()
    local cid = "bafy"
    assert.equal("b.bag", require("dcache.content.request").file_name("a/b.bag", cid))
    for _, name in ipairs { "", ".", "..", ".ssh", "a/", "../..", "a\nb", "\27[2J", ("x"):rep(201), "a/.hidden" } do
      assert.equal(cid, require("dcache.content.request").file_name(name, cid))
    end
    assert.equal(cid, require("dcache.content.request").file_name(nil, cid))
  end)
end)
