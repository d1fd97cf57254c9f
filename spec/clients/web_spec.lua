-- web_spec.lua - answers of the page door: made once for many, kept, too slow, too long, failed. Raw sockets, a loop of
-- its own, and a handler that the spec has.
-- mostly waits: for answers that are slow on purpose
local json = require "core.json"
local loop_of = require "loop"
local page = require "core.page"
local uv = require "luv"
local web = require "clients.web"

describe("the page door's answers", function()
  local loop, door, asked, handler, logged

  before_each(function()
    asked, logged = {}, {}
    loop = loop_of.new { on_error = function(text) error(text, 0) end }
    local function log(_, _, what) logged[#logged + 1] = what end
    door = web.new { loop = loop, log = { info = log, warn = log, error = log }, make = page.new,
      wanted = { "127.0.0.1", 0 }, handler = function(request, reply)
        asked[#asked + 1] = request
        handler(request, reply)
      end }
  end)
  after_each(function()
    door:stop()
    loop:close()
    uv.run "nowait"
  end)

  local function get(uri)
    local one, tcp = { heard = "" }, uv.new_tcp()
    tcp:connect("127.0.0.1", door.page:port(), function(err)
      assert(not err, err)
      tcp:write(("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"):format(uri))
      tcp:read_start(function(_, bytes)
        one.heard = one.heard .. (bytes or "")
        if bytes then return end
        one.status, one.body = one.heard:match "^HTTP/1.1 (%d+).-\r\n\r\n(.*)$"
        tcp:close()
      end)
    end)
    return one
  end

  local function wait(...)
    local late = uv.hrtime() + 30e9
    for _, one in ipairs { ... } do
      while not one.status do
        assert(uv.hrtime() < late, "no answer")
        uv.run "nowait"
        uv.sleep(1)
      end
    end
    return ...
  end

  local function word_of(one) return one.status .. " " .. json.decode((one.body:gsub("\n$", ""))).error.word end

  it("is made once for all who wait, and given again for a second", function()
    function handler(_, reply) reply { nodes = json.array {}, n = #asked } end
    local a, b, again, began
    repeat -- until it was not a second since the first of them; else it is made once more, and rightly so
      if began then uv.sleep(1050) end
      began, asked = uv.hrtime(), {}
      a, b = wait(get "/peers", get "/peers")
      again = wait(get "/peers")
    until uv.hrtime() - began < 0.9e9
    assert.same({ "200", a.body, 1 }, { a.status, b.body, #asked })
    assert.equal(a.body, again.body)
    local builds = door:facts().builds
    uv.sleep(1050)
    assert.not_equal(a.body, wait(get "/peers").body)
    assert.equal(builds + 1, door:facts().builds)
    local other = wait(get "/peers?near=1&after=a%2Bb+c")
    assert.equal("200", other.status)
    assert.same({ command = "discover", watching = true, near = true, after = "a+b c" }, asked[3])
  end)

  it("is a refusal where there is none: none such, a failure, more than 1 MiB, more than 2 s", function()
    function handler(request, reply)
      if request.after == "none" then return reply(nil, "missing: nobody", "missing") end
      if request.after == "fails" then error "on purpose" end
      if request.after == "long" then
        local rows = {}
        for i = 1, 2000 do rows[i] = ("x"):rep(600) end
        return reply { nodes = json.array(rows) }
      end
    end
    local none, fails, long = wait(get "/peers?after=none", get "/peers?after=fails", get "/peers?after=long")
    assert.same({ "404 missing", "500 kind", "500 size" }, { word_of(none), word_of(fails), word_of(long) })
    assert.same({ "a request failed" }, logged)
    local began = uv.hrtime()
    local one, two = wait(get "/status", get "/report")
    assert.same({ "503 slow", "503 slow" }, { word_of(one), word_of(two) })
    assert.matches("Retry%-After: 1", one.heard)
    assert.is_true(uv.hrtime() - began >= 1.9e9)
    assert.same({ missing = 1, kind = 1, size = 1, slow = 2 }, door:facts().refused)
    function handler(_, reply) reply { fine = true } end
    assert.equal("200", wait(get "/status").status, "it goes on")
  end)

  it("is made no faster for who asks for ever other pages", function()
    function handler(_, reply) reply { n = #asked } end
    local list, began = {}, uv.hrtime()
    for i = 1, 14 do list[i] = get("/peers?after=" .. i) end
    wait(table.unpack(list))
    local seconds = (uv.hrtime() - began) / 1e9 -- two, or longer where the machine stood still
    local fine, slow = 0, 0
    for _, one in ipairs(list) do
      if one.status == "200" then fine = fine + 1 else slow = slow + (word_of(one) == "503 slow" and 1 or 0) end
    end
    assert.equal(14, fine + slow)
    local builds = door:facts().builds -- one that is begun late may come too late
    assert.is_true(fine >= 8 and fine <= builds, ("%d of %d came"):format(fine, builds))
    assert.is_true(builds <= 8 + 2 * seconds, ("%d were made in %.1f s"):format(builds, seconds))
    local unknown = {}
    for i = 1, 14 do unknown[i] = get("/x" .. i) end
    for _, one in ipairs { wait(table.unpack(unknown)) } do assert.equal("404 missing", word_of(one)) end
  end)

  it("ends with `closed` for who waits, and the port is chosen by the kernel where it is taken", function()
    handler = function() end
    local one, port = get "/status", door.page:port()
    local late = uv.hrtime() + 10e9
    while not asked[1] and uv.hrtime() < late do uv.run "nowait" end
    local other = web.new { loop = loop, log = { info = function() end }, make = page.new, handler = handler,
      wanted = { "127.0.0.1", port } }
    assert.not_equal(port, other:facts().port)
    other:stop()
    door:stop()
    assert.equal("503 closed", word_of(wait(one)))
    assert.is_nil(door:facts())
  end)
end)
