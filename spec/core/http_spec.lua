-- http_spec.lua - HTTP out against a raw server that answers whatever the case wants.
local uv = require "luv"
local http = require "core.http"

-- The loop's part, by hand.
local function client()
  local c = { h = assert(http.new()), results = {} }
  c.poll = uv.new_poll(c.h:fd())
  c.poll:start("r", function()
    for _, r in ipairs(c.h:step()) do c.results[r.id] = r end
  end)
  return c
end

-- Calls each(connection, count, request text) per request; count is of connections.
local function server(each)
  local s = { socket = uv.new_tcp(), count = 0, open = {} }
  s.socket:bind("127.0.0.1", 0)
  s.port = s.socket:getsockname().port
  s.socket:listen(16, function()
    local connection = uv.new_tcp()
    s.socket:accept(connection)
    s.count = s.count + 1
    s.open[#s.open + 1] = connection
    local text = ""
    connection:read_start(function(_, bytes)
      if not bytes then return end
      text = text .. bytes
      if not text:find("\r\n\r\n", 1, true) then return end
      local request = text
      text = ""
      each(connection, s.count, request)
    end)
  end)
  s.url = "http://127.0.0.1:" .. s.port .. "/x"
  function s.close()
    for _, connection in ipairs(s.open) do
      if not connection:is_closing() then connection:close() end
    end
    s.socket:close()
  end
  return s
end

describe("core.http", function()
  local sigpipe = uv.new_signal() -- some write to who hung up
  sigpipe:start("sigpipe", function() end)
  sigpipe:unref()
  teardown(function()
    sigpipe:close()
    uv.run "nowait"
  end)

  local c, s

  before_each(function() c = client() end)
  after_each(function()
    c.poll:close()
    c.h:close()
    if s then s.close() end
    s = nil
    uv.run "nowait"
  end)

  local function answer(id)
    local late = false
    local timer = uv.new_timer()
    timer:start(60000, 0, function() late = true end)
    while not c.results[id] and not late do uv.run "once" end
    timer:close()
    return assert(c.results[id], "no answer")
  end

  local function get(options, each)
    s = server(each)
    options.url = options.url or s.url
    return answer(assert(c.h:get(options)))
  end

  local function says(text)
    return function(connection) connection:write(text) end
  end

  it("brings a body, its status and type, and asks for what it was told to", function()
    local seen
    local asked = { max = 5, accept = "application/vnd.ipld.raw", range = "0-4" }
    local r = get(asked, function(connection, _, request)
      seen = request
      connection:write "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/x\r\n\r\nhello"
    end)
    assert.same({ id = r.id, status = 200, body = "hello", type = "text/x" }, r)
    assert.truthy(seen:find "^GET /x HTTP/1.1\r\n")
    assert.truthy(seen:find("\r\nAccept: application/vnd.ipld.raw\r\n", 1, true))
    assert.truthy(seen:find("\r\nRange: bytes=0-4\r\n", 1, true))
  end)

  it("uses one connection again", function()
    s = server(says "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    for _ = 1, 3 do assert.equal("ok", answer(c.h:get { url = s.url, max = 2 }).body) end
    assert.equal(1, s.count)
  end)

  it("uses a new one where that is asked", function()
    s = server(function(to) to:write "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" end)
    for count = 1, 3 do
      assert.equal("hi", answer(c.h:get { url = s.url, fresh = true }).body)
      assert.equal(count, s.count)
    end
  end)

  it("keeps a body that is empty or exactly as long as allowed", function()
    assert.equal("", get({ max = 0 }, says "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").body)
  end)

  it("refuses a body one byte longer, announced or not", function()
    local r = get({ max = 4 }, says "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    assert.equal("long", r.word)
    assert.is_nil(r.body)
    s.close()
    r = get({ max = 4 }, says "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello")
    assert.equal("long", r.word)
  end)

  it("ends a body without end", function()
    local stopped = false
    local r = get({ max = 100000 }, function(connection)
      connection:write "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      local function more(err)
        if err or connection:is_closing() then stopped = true return end
        connection:write("400\r\n" .. ("x"):rep(1024) .. "\r\n", more)
      end
      more()
    end)
    assert.equal("long", r.word)
    local timer = uv.new_timer()
    local late
    timer:start(60000, 0, function() late = true end)
    while not stopped and not late do uv.run "once" end
    timer:close()
    assert.is_true(stopped) -- it hung up
  end)

  it("ends headers without end", function()
    local r = get({ max = 10 }, function(connection)
      local function more(err)
        if err or connection:is_closing() then return end
        connection:write("X: " .. ("y"):rep(500) .. "\r\n", more)
      end
      connection:write "HTTP/1.1 200 OK\r\n"
      more()
    end)
    assert.equal("long", r.word)
  end)

  it("knows a body that is shorter than announced", function()
    local r = get({ max = 10 }, function(connection)
      connection:write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
      connection:shutdown()
    end)
    assert.equal("length", r.word)
  end)

  it("follows no redirect", function()
    local other = server(says "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")
    local text = "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"
    local r = get({ max = 10 }, says(text:format(other.url)))
    assert.equal("redirect", r.word)
    assert.equal(302, r.status)
    assert.equal(0, other.count)
    other.close()
  end)

  it("leaves a server that drips", function()
    local timer = uv.new_timer()
    local r = get({ max = 100, timeout_ms = 400 }, function(connection)
      connection:write "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
      timer:start(50, 50, function() if not connection:is_closing() then connection:write "." end end)
    end)
    timer:close()
    assert.equal("slow", r.word)
  end)

  it("gives a word to each refusal, whatever its body", function()
    for _, case in ipairs {
      { 403, "permission" }, { 404, "missing" }, { 410, "moved" }, { 503, "full" }, { 500, "form" },
    } do
      local status, word = case[1], case[2]
      local text = "HTTP/1.1 %d No\r\nContent-Length: 9\r\n\r\nnot found"
      local r = get({ max = 1 }, says(text:format(status)))
      assert.equal(word, r.word)
      assert.equal(status, r.status)
      s.close()
    end
    s = nil
  end)

  it("names why nobody answers", function()
    s = server(says "")
    local url = s.url
    s.close()
    uv.run "nowait"
    s = nil
    assert.equal("ECONNREFUSED", answer(c.h:get { url = url }).word)
  end)

  it("has a word for a server that hangs up or talks nonsense", function()
    assert.equal("closed", get({}, function(connection) connection:close() end).word)
    s.close()
    assert.equal("form", get({}, says "220 mail.example ESMTP\r\n\r\n").word)
  end)

  it("asks numeric addresses by http only", function()
    for _, url in ipairs {
      "https://127.0.0.1:1/x", "ftp://127.0.0.1:1/x", "file:///etc/passwd", "http://localhost:80/x",
      "http://127.1:80/x", "http://user@127.0.0.1:80/x", "http://127.0.0.1/x", "http://127.0.0.1:0/x",
      "http://127.0.0.1:65536/x", "http://127.0.0.1:80", "http://127.0.0.1:80/a b",
      "http://127.0.0.1:80/a\r\nX: y",
      "http://127.0.0.1:80@10.0.0.1:80/", "http://[::1:80/x", "http://::1:80/x", "", "http://[127.0.0.1]:80/",
      "http://[fe80::1%25]:80/x", "http://[fe80::1%25a/b]:80/x", "http://[fe80::1%eth0]:80/x",
      "http://127.0.0.1%25lo:80/x",
    } do
      local id, message, word = c.h:get { url = url }
      assert.is_nil(id, url)
      assert.equal("form", word)
      assert.truthy(message:find "^form: ")
    end
  end)

  it("asks a link-local address on the interface that it is of", function()
    local id, message, word = c.h:get { url = "http://[fe80::1%25no-such-0]:80/x" }
    assert.is_truthy(id, message)
    assert.is_nil(word)
    c.h:cancel(id)
  end)

  it("goes by no proxy, and shows no password, whatever the environment says", function()
    local home = require("spec.folder").new()
    local file = assert(io.open(home.path .. "/.netrc", "w"))
    file:write "machine 127.0.0.1 login ada password secret\n"
    file:close()
    local before = uv.os_getenv "HOME"
    for _, name in ipairs { "http_proxy", "all_proxy", "ALL_PROXY" } do uv.os_setenv(name, "http://127.0.0.1:1") end
    uv.os_setenv("HOME", home.path)
    local asked
    local result = get({}, function(connection, _, request)
      asked = request
      connection:write "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    end)
    for _, name in ipairs { "http_proxy", "all_proxy", "ALL_PROXY" } do uv.os_unsetenv(name) end
    if before then uv.os_setenv("HOME", before) else uv.os_unsetenv "HOME" end
    home.remove()
    assert.equal("hi", result.body)
    assert.truthy(asked:find "^GET /x HTTP")
    assert.is_nil(asked:lower():find "authorization")
  end)

  it("posts a file, and shows what it was told to show", function()
    local asked
    local function each(connection, _, request)
      asked = (asked or "") .. request
      connection:write "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    end
    s = server(each)
    assert.equal("hi", answer(assert(c.h:post { url = s.url, file = "a\0b\n", authorization = "Bearer x" })).body)
    assert.truthy(asked:find "^POST /x HTTP")
    assert.truthy(asked:find("\r\nAuthorization: Bearer x\r\n", 1, true))
    assert.truthy(asked:find("a\0b\n\r\n--", 1, true), asked)
    assert.is_nil(asked:find "Expect")
    asked = nil
    assert.equal("hi", answer(assert(c.h:post { url = s.url })).body)
    assert.truthy(asked:find "Content%-Length: 0\r\n")
    assert.is_nil(asked:find "Authorization")
    assert.has_error(function() c.h:post { url = s.url, authorization = "x\r\nY: z" } end)
    asked = nil
    local long = "Basic " .. ("A"):rep(506)
    assert.equal("hi", answer(assert(c.h:post { url = s.url, authorization = long })).body)
    assert.truthy(asked:find("\r\nAuthorization: " .. long .. "\r\n", 1, true), asked)
    assert.has_error(function() c.h:post { url = s.url, authorization = long .. "A" } end)
  end)

  it("posts a file that is fed to it, however it comes; Kubo's header says where that lies", function()
    local size, got = 3 * 1048576 + 7, {}
    local bytes = ("0123456789abcdef"):rep(size // 16 + 1):sub(1, size)
    local reading, whole = true, ""
    s = server(function(connection, _, request)
      got[#got + 1] = request
      connection:read_stop()
      reading = false
      connection:read_start(function(_, more)
        if more then got[#got + 1] = more end
        whole = table.concat(got)
        if #whole < size or not whole:find("%-%-\r\n$") then return end
        connection:write "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
      end)
    end)
    local id = assert(c.h:post { url = s.url, comes = size, abspath = "http://127.0.0.1:3826/ipfs/x" })
    local function feed_all(from, most)
      while from < size do
        local piece = bytes:sub(from + 1, from + most)
        local waits, message, code = c.h:feed(id, piece)
        if waits then
          from = from + #piece
          assert.is_true(waits <= 1048576)
        else
          assert.same({ "full", true }, { code, message:find("^full: ") ~= nil })
          return from
        end
      end
      return from
    end
    local at = feed_all(0, 262144)
    assert.is_true(at > 0 and at < size, "it takes no more than may wait")
    local deadline = uv.hrtime() + 60e9
    while not c.results[id] do
      assert(uv.hrtime() < deadline, "waited in vain")
      uv.run "nowait"
      at = feed_all(at, 100001)
    end
    assert.equal("hi", c.results[id].body)
    assert.is_false(reading)
    assert.equal(bytes, whole:match "\r\n\r\n.-\r\n\r\n(.*)\r\n%-%-[^\r\n]+%-%-\r\n$")
    assert.truthy(whole:find("Abspath: http://127.0.0.1:3826/ipfs/x\r\n", 1, true))
    assert.equal("closed", select(3, c.h:feed(id, "x")))
    assert.has_error(function() c.h:post { url = s.url, comes = 5, file = "x" } end)
    assert.has_error(function() c.h:post { url = s.url, comes = 5, abspath = "x\r\ny" } end)
  end)

  it("posts such a file to its end, whenever its last bytes are fed", function()
    local got = ""
    s = server(function(connection, _, request)
      got = request
      connection:read_stop()
      local function more(_, bytes)
        got = got .. (bytes or "")
        if not got:find "12345.*%-%-\r\n$" then return end
        connection:read_stop()
        connection:write "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
      end
      connection:read_start(more)
      more()
    end)
    for first = 0, 2 do -- bytes that are there before
      for last = 1, 12 do -- steps after which the others come
        local id, steps = assert(c.h:post { url = s.url, comes = 5, fresh = true }), 0
        if first > 0 then assert(c.h:feed(id, ("12345"):sub(1, first))) end
        c.poll:stop()
        c.poll:start("r", function()
          for _, r in ipairs(c.h:step()) do c.results[r.id] = r end
          steps = steps + 1
        end)
        local quiet = 0
        while steps < last and quiet < 20 do -- it may stop for want of them before
          local before = steps
          uv.run "nowait"
          if steps == before then
            quiet = quiet + 1
            uv.sleep(1)
          end
        end
        assert(c.h:feed(id, ("12345"):sub(first + 1)))
        assert.equal("hi", answer(id).body, ("%d bytes, then %d steps"):format(first, last))
      end
    end
  end)

  it("tells how a refusal begins, and no more of it", function()
    local body = ("no "):rep(200)
    local result = get({}, says(("HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n%s"):format(#body, body)))
    assert.same({ "form", 500, body:sub(1, 240) }, { result.word, result.status, result.said })
  end)

  describe("a stream", function()
    local connection, pieces, head = nil, nil, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    local function write(text) connection:write(("%x\r\n%s\r\n"):format(#text, text)) end

    local function stream(max)
      pieces = {}
      c.poll:stop()
      c.poll:start("r", function()
        for _, r in ipairs(c.h:step()) do
          if r.more then pieces[#pieces + 1] = r.body else c.results[r.id] = r end
        end
      end)
      s = server(function(accepted)
        connection = accepted
        connection:write(head)
      end)
      local id = assert(c.h:post { url = s.url, stream = true, max = max, timeout_ms = 0, low_speed = 0 })
      while not connection do uv.run "once" end
      return id
    end

    local function run_until(holds)
      local late = uv.now() + 60000
      while not holds() and uv.now() < late do uv.run "nowait" end
      assert.is_true(holds())
    end

    after_each(function() connection = nil end)

    it("is handed on as it comes, and ends with a word", function()
      assert.has_error(function() c.h:post { url = "http://127.0.0.1:1/x", stream = true, max = 16383 } end)
      local id = stream(16384)
      write "one\n"
      run_until(function() return table.concat(pieces) == "one\n" end)
      write "two\n"
      run_until(function() return table.concat(pieces) == "one\ntwo\n" end)
      connection:close()
      assert.equal("length", answer(id).word)
    end)

    it("loses nothing where more comes than may wait, and reads nothing while it is paused", function()
      local id, text, sent = stream(200000), ("0123456789abcde\n"):rep(4096), 0
      c.h:pause(id, true)
      for _ = 1, 400 do -- 26 MB: more than the sockets hold
        write(text)
        sent = sent + #text
      end
      local now = uv.now()
      while uv.now() - now < 50 do uv.run "nowait" end
      assert.same({}, pieces)
      assert.is_true(connection:write_queue_size() > sent // 2, "the sender waits")
      c.h:pause(id, false)
      for _, r in ipairs(c.h:step()) do pieces[#pieces + 1] = r.body end
      local got, bad = 0, 0
      run_until(function()
        for _, piece in ipairs(pieces) do
          if #piece > 200000 then bad = bad + 1 end
          got = got + #piece
        end
        pieces = {}
        return got == sent
      end)
      assert.equal(0, bad)
      assert.is_true(c.h:cancel(id))
    end)
  end)

  it("bounds the requests under way, forgets the cancelled, closes twice", function()
    s = server(function() end)
    local ids = {}
    for i = 1, 64 do ids[i] = assert(c.h:get { url = s.url }) end
    assert.equal("full", select(3, c.h:get { url = s.url }))
    assert.is_true(c.h:cancel(ids[1]))
    assert.is_false(c.h:cancel(ids[1]))
    assert.truthy(c.h:get { url = s.url })
    c.h:close()
    c.h:close()
    assert.has_error(function() c.h:step() end)
  end)
end)
