-- page_spec.lua - the page door's side of HTTP: who waits, who is kept, who is shut, and the end. Raw sockets.
local loop_of = require "loop"
local page = require "core.page"
local patience = require "spec.patience"
local uv = require "luv"

local OK = "HTTP/1.1 200 OK"

describe("core.page", function()
  local loop, p, watch, wanted, open, most -- connections at once

  local function run()
    local uris, ms = p:run()
    most = math.max(most, p:counts().connections)
    for _, uri in ipairs(uris) do wanted[#wanted + 1] = uri end
    if ms == 0 then loop:post(run) end
    return ms
  end

  local function start(options)
    options.host = "127.0.0.1"
    p, most = assert(page.new(options)), 0
    watch = loop:watch(p:fd(), "r", run)
  end

  before_each(function()
    loop, wanted, open = loop_of.new { on_error = function(text) error(text, 0) end }, {}, {}
  end)
  after_each(function()
    for _, one in ipairs(open) do if not one:is_closing() then one:close() end end
    if p then
      watch:close()
      p:close()
    end
    p = nil
    loop:close()
    uv.run "nowait"
  end)

  -- Runs the loop until TEST() holds, with a turn of the core each 10 ms as lua/clients/web does each second.
  local function wait(test, why)
    local late = uv.hrtime() + 30e9
    while not test() do
      assert(uv.hrtime() < late, why or "waited in vain")
      if p then run() end
      uv.run "nowait"
      uv.sleep(2)
    end
  end

  -- A client that says TEXT. Fields: heard, ended.
  local function client(text)
    local one, tcp = { heard = "", ended = false }, uv.new_tcp()
    open[#open + 1] = tcp
    tcp:connect("127.0.0.1", p:port(), function(err)
      assert(not err, err)
      tcp:write(text)
      tcp:read_start(function(_, bytes)
        one.heard = one.heard .. (bytes or "")
        one.ended = one.ended or not bytes
      end)
    end)
    one.tcp = tcp
    return one
  end

  local function get(uri, method)
    return client(("%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n"):format(method or "GET", uri))
  end

  local function answered(one) return function() return one.ended end end

  it("lets all wait for one answer, and gives it again while it is kept", function()
    start {}
    local first, second, head = get "/a", get "/a", get("/a", "HEAD")
    wait(function() return #wanted == 3 end)
    assert.same({ "/a", "/a", "/a" }, wanted)
    assert.is_true(p:answer("/a", 200, "text/plain", "hello", 60 * 1000))
    for _, one in ipairs { first, second, head } do wait(answered(one)) end
    assert.matches("^" .. OK .. ".*\r\n\r\nhello$", first.heard)
    assert.equal(first.heard, second.heard)
    assert.matches("^" .. OK .. ".*Content%-Length: 5\r\n\r\n$", head.heard)
    local third, other = get "/a", get "/b"
    wait(answered(third))
    assert.equal(first.heard, third.heard)
    wait(function() return #wanted == 4 end)
    assert.equal("/b", wanted[4])
    p:answer("/b", 404, "text/plain", "no", 0)
    wait(answered(other))
    get "/b"
    wait(function() return #wanted == 5 end, "what is kept for 0 ms is asked for anew")
    assert.equal(5, p:counts().asked - 1)
  end)

  it("keeps four, and an answer no longer than it was said", function()
    start {}
    for i = 1, 5 do
      local one = get("/" .. i)
      wait(function() return #wanted == i end)
      p:answer("/" .. i, 200, "text/plain", tostring(i), 60 * 1000 + i)
      wait(answered(one))
    end
    local kept = get "/5"
    wait(answered(kept))
    get "/1"
    wait(function() return #wanted == 6 end)
    assert.equal("/1", wanted[6])
    p:answer("/1", 200, "text/plain", "x", 1)
    uv.sleep(5)
    get "/1"
    wait(function() return #wanted == 7 end)
  end)

  it("hangs up on who does not finish asking, and on who does not take the answer", function()
    start { request_ms = 200, connections = 2 }
    local half, drip = client "GET /a HTT", client "GET /a HTTP/1.1\r\n"
    wait(function() return most == 2 end)
    local timer, n = uv.new_timer(), 0
    timer:start(20, 20, function()
      n = n + 1
      if not drip.ended then drip.tcp:write(("X-%d: y\r\n"):format(n)) end
    end)
    local honest = get "/b"
    wait(function() return wanted[1] == "/b" end, "who waits behind them gets their place")
    timer:close()
    p:answer("/b", 200, "text/plain", "b", 0)
    for _, one in ipairs { half, drip, honest } do wait(answered(one)) end
    assert.matches("^" .. OK, honest.heard)
    assert.same({ slow = 2 }, p:counts().refused)
    local lazy = get "/big"
    wait(function() return wanted[2] == "/big" end)
    lazy.tcp:read_stop()
    p:answer("/big", 200, "text/plain", ("x"):rep(8 << 20), 0)
    wait(function() return p:counts().connections == 0 end)
    assert.same({ slow = 3 }, p:counts().refused)
  end)

  it("takes its place from who asks slowest while all are taken, but not from who waits for us", function()
    start { connections = 3 }
    local waits = get "/waits"
    wait(function() return wanted[1] == "/waits" end)
    local half, drip = client "GET /a HTT", client "GET /b HTTP/1.1\r\n"
    wait(function() return most == 3 end)
    local honest = get "/c"
    wait(function() return wanted[2] == "/c" end)
    wait(function() return half.ended or drip.ended end)
    p:answer("/waits", 200, "text/plain", "w", 0)
    p:answer("/c", 200, "text/plain", "c", 0)
    for _, one in ipairs { waits, honest } do
      wait(answered(one))
      assert.matches("^" .. OK, one.heard)
    end
  end)

  it("tells all who wait that it closes, in no time", function()
    start {}
    local list = {}
    for i = 1, 16 do list[i] = get("/wait" .. i) end
    wait(function() return #wanted == 16 end)
    watch:close()
    local began = uv.hrtime()
    p:close()
    p:close()
    p = nil
    assert.is_true(uv.hrtime() - began < 1e9 * patience.TIMES, "it waits for nobody")
    for _, one in ipairs(list) do
      wait(answered(one))
      assert.matches("^HTTP/1.1 503 .*\"word\":\"closed\"", one.heard)
    end
  end)

  it("forgets who goes, also while he waits", function()
    start {}
    local gone = get "/a"
    wait(function() return #wanted == 1 end)
    gone.tcp:close()
    local half = client "GET /b HTTP/1.1\r\n"
    wait(function() return p:counts().connections == 2 end)
    wait(function() return half.tcp:get_write_queue_size() == 0 end)
    for _ = 1, 3 do run() end -- it is read
    half.tcp:close()
    p:answer("/a", 200, "text/plain", ("a"):rep(1 << 20), 0)
    wait(function() return p:counts().connections == 0 end)
    assert.is_nil((select(2, p:run())), "nobody is there, so nothing is to be looked at")
  end)

  it("asks for no more than it can: a host that is none, a port that is taken", function()
    start {}
    assert.same({ "address" }, { select(3, page.new { host = "localhost" }) })
    assert.equal("EADDRINUSE", select(3, page.new { host = "127.0.0.1", port = p:port() }))
    assert.has_error(function() p:answer("/a", 20, "text/plain", "") end)
  end)
end)
