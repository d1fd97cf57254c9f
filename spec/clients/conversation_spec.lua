-- conversation_spec.lua - requests that are answered later and more than once, over a real socket and loop.
local call = require "cli.call"
local net = require "core.net"
local disk = require "core.disk"
local json = require "core.json"
local paths = require "paths"
local slices = require "slices"
local socket = require "spec.clients.socket"
local control = require "clients.control"
local uv = require "luv"

local at, loop, folder, open, log, replies, cancelled

local function nothing() end

-- A control object whose requests go on; each one's `reply` is in replies, in order.
local function start(options)
  local given = { loop = loop, net = net, disk = disk.real(), log = log, path = folder .. "/control.sock",
    uid = paths.uid(), answer = function(_, reply)
      replies[#replies + 1] = reply
      reply:on_cancel(function() cancelled[#cancelled + 1] = reply end)
    end }
  for name, value in pairs(options or {}) do given[name] = value end
  local server = control.new(given)
  assert(server:listen())
  open[#open + 1] = server
  return server
end

local function until_true(test) return at:until_true(test) end

-- READS: false for a client that does not read.
local function client(reads)
  local one = at:client(nil, reads, function(one)
    local at_end = one.heard:find("\n", 1, true)
    while at_end do
      one.lines[#one.lines + 1] = assert(json.decode(one.heard:sub(1, at_end - 1)))
      one.heard = one.heard:sub(at_end + 1)
      at_end = one.heard:find("\n", 1, true)
    end
  end)
  one.lines = {}
  one.stream:send '{"command":"watch"}\n'
  return one
end

-- A client whose conversation has begun with a first answer, and its reply.
local function talking(reads)
  local one, before = client(reads), #replies
  assert(until_true(function() return #replies == before + 1 end))
  assert.is_true(replies[#replies]({ n = 1 }, true))
  return one, replies[#replies]
end

-- REQUESTS of a client, as the command line makes them: → answer, message, whether it was told to wait.
local function asked(within_ms)
  local stream = assert(net.unix_connect(folder .. "/control.sock"))
  local is_told = false
  local answer, message = call.ask(loop, stream, { command = "report" }, within_ms, function() is_told = true end)
  return answer, message, is_told
end

describe("an answer that takes long to make", function()
  before_each(function()
    at = socket.new()
    loop, folder, open = at.loop, at.folder, at.open
    log = { info = nothing, warn = nothing, error = nothing }
  end)

  after_each(function() at:close() end)

  -- The answer is there after SECONDS of work in slices, or never, without any.
  local function working(alive, seconds)
    start { limits = { alive = alive }, answer = function(_, reply)
      local late = loop:now() + (seconds or 0) * 1000
      while seconds and loop:now() < late do slices.step(1000) end
      if seconds then reply { n = 1 } end
    end }
  end

  it("is waited for while the daemon says that it works", function()
    working(50, 1)
    local answer, message, is_told = asked(500)
    assert.same({ { schema = 1, command = "report", n = 1 }, nil, true }, { answer, message, is_told })
  end)

  it("is not, where the daemon says nothing, or has none in the making", function()
    working(60000, 60) -- far longer than it is waited for
    assert.same({ nil, "did not answer within 0 s", false }, { asked(500) })
    open[#open]:close()
    working(50)
    assert.same({ nil, "did not answer within 0 s", false }, { asked(500) })
  end)

  it("is not given up for time in which the asker stood still himself", function()
    start { answer = function(_, reply)
      loop:after(1, function() uv.sleep(700) end)
      loop:after(10, function() reply { n = 1 } end)
    end }
    assert.equal(1, (asked(500) or {}).n)
  end)
end)

describe("a conversation on the control socket", function()
  before_each(function()
    at = socket.new()
    loop, folder, open, replies, cancelled = at.loop, at.folder, at.open, {}, {}
    log = { said = {}, info = nothing, warn = nothing, error = function(self, _, _, facts)
      table.insert(self.said, facts.reason)
    end }
  end)

  after_each(function() at:close() end)

  it("has answers that say that more will come, one that is the last, and then the next request", function()
    local server = start()
    local one, reply = talking()
    assert.equal(1, server:status().conversations)
    one.stream:send '{"command":"next"}\n'
    assert(until_true(function() return #one.lines == 1 end))
    assert.is_true(reply({ n = 2 }, true))
    assert(until_true(function() return #one.lines == 2 end))
    assert.equal(1, #replies, "the next request waits")
    assert.is_true(reply { n = 3 })
    assert.is_false(reply { n = 4 })
    assert(until_true(function() return #one.lines == 3 and #replies == 2 end))
    for i, line in ipairs(one.lines) do
      assert.same({ schema = 1, command = "watch", n = i, continues = i < 3 or nil }, line)
    end
    assert.equal(0, server:status().conversations)
    assert.same({}, cancelled)
  end)

  it("may end with a refusal after answers", function()
    start()
    local one, reply = talking()
    reply(nil, "closed: it is over", "closed")
    assert(until_true(function() return #one.lines == 2 end))
    assert.same({ schema = 1, error = { word = "closed", text = "it is over" } }, one.lines[2])
  end)

  it("is refused also in words that say again what was asked for, whatever bytes that had", function()
    start()
    local one = client()
    for _, bytes in ipairs { "a\tb", "a\nb", "a\0b", "a\xffb" } do
      local before, heard = #replies, #one.lines
      if heard > 0 then one.stream:send '{"command":"watch"}\n' end
      assert(until_true(function() return #replies == before + 1 end))
      replies[#replies](nil, "missing: no run " .. bytes, "missing", { "a\tb" })
      assert(until_true(function() return #one.lines == heard + 1 end), "nobody answered")
      local text = one.lines[#one.lines].error.text
      assert.equal(("no run a\\x%02xb"):format(bytes:byte(2)), text)
    end
    assert.same({}, log.said)
  end)

  it("is cancelled once when the client goes, also one that only listened, and when the daemon stops", function()
    local server = start()
    local one = talking()
    one.close()
    assert(until_true(function() return #cancelled == 1 end))
    assert.is_false(replies[1]({ n = 2 }, true))
    local late
    replies[1]:on_cancel(function() late = true end)
    assert.is_true(late, "who asks too late is told at once")
    talking()
    server:close()
    assert.equal(replies[2], cancelled[2])
    assert.same({ 2, 0 }, { #cancelled, server:status().conversations })
  end)

  it("is one of so many, in all and of one user; the next is refused, with what would help", function()
    for _, limits in ipairs { { conversations = 2 }, { own_conversations = 2 } } do
      replies, cancelled = {}, {}
      local server = start(limits)
      local first = talking()
      talking()
      local third = client()
      assert(until_true(function() return #replies == 3 end))
      assert.is_false(replies[3]({ n = 1 }, true))
      assert(until_true(function() return #third.lines == 1 end))
      assert.equal("full", third.lines[1].error.word)
      assert.matches("end one of them", third.lines[1].error.text, 1, true)
      assert.same({ replies[3] }, cancelled)
      assert.equal(1, server:status().refused.full)
      first.close()
      assert(until_true(function() return server:status().conversations == 1 end))
      talking()
      server:close()
    end
  end)

  it("keeps one line for a reader who is slow, and tells when there is room again", function()
    start()
    local one, reply = talking(false)
    local big, taken, rooms = ("x"):rep(1 << 18), 0, 0
    reply:on_room(function() rooms = rooms + 1 end)
    while reply({ big = big }, true) do
      taken = taken + 1
      assert(taken < 20)
    end
    assert.is_false(reply:has_room())
    assert.is_false(reply({ big = big }, true))
    one.watch:set "r"
    assert(until_true(function() return rooms > 0 end))
    assert.equal(1, rooms)
    assert.is_true(reply { n = 9 })
    assert(until_true(function() return one.lines[#one.lines] and one.lines[#one.lines].n == 9 end))
    assert.equal(taken + 2, #one.lines, "what was not taken is not said")
  end)

  it("has no end in time while its reader takes what is said, and one where he takes nothing", function()
    local server = start { limits = { slow = 60, idle = 400 } }
    local one, reply = talking()
    local wait = loop:after(250, function() loop:stop() end)
    loop:run()
    wait:cancel()
    assert.is_nil(one.ended)
    assert.is_true(reply({ n = 2 }, true))
    local _, deaf = talking(false)
    for _ = 1, 20 do deaf({ big = ("x"):rep(1 << 18) }, true) end
    assert(until_true(function() return cancelled[1] end))
    assert.equal(deaf, cancelled[1])
    assert.same({ 1, 1 }, { server:status().refused.slow, server:status().conversations })
  end)

  it("ends with a word when its answer is none, and lives on when what it cancels fails", function()
    start()
    local one, reply = talking()
    reply:on_cancel(function() error "at the end" end)
    assert.is_false(reply({ half = 0.5 }, true))
    assert(until_true(function() return #one.lines == 2 end))
    assert.equal("kind", one.lines[2].error.word)
    assert.equal(2, #log.said)
    assert.matches("at the end", log.said[2])
  end)
end)
