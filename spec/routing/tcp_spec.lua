-- tcp_spec.lua - framing by itself, then TCP lines on real sockets of the loopback interface.
local lines = require "routing.channels.lines"
local links = require "routing.channels.links"
local net = require "core.net"
local random = require "core.random"
local stub = require "spec.net.stub"
local tcp = require "routing.channels.tcp"
local till = require "spec.net.till"

local NOBODYS <const> = 1 -- a port at which nobody listens (tcpmux)

local function statements(n, size)
  local list = { "* - 0 statements" }
  for i = 1, n do list[i + 1] = ("%04d"):format(i) .. ("s"):rep((size or 10) - 4) end
  return table.concat(list, "\n")
end

local function encode(text) return lines.encode(stub.message(text)) end

local function made_of(...) return stub.message(statements(...)) end

describe("lines", function()
  local function read(bytes, step)
    local reader, frames = lines.reader(), {}
    for at = 1, #bytes, step or #bytes do
      reader:feed(bytes:sub(at, at + (step or #bytes) - 1))
      while true do
        local message, word, lost = reader:next()
        if message == nil then break end
        frames[#frames + 1] = message and stub.text(message) or (lost and "lost " or "bad ") .. word
        if lost then return frames, reader end
      end
    end
    return frames, reader
  end

  it("bring every frame over as it was, however the bytes are cut", function()
    local r = random.seeded(11)
    for _ = 1, 200 do
      local sent, bytes = {}, {}
      for i = 1, 1 + r:integer(5) do
        local frame = r:integer(2) == 0 and "* - 0 ping " .. ("p"):rep(r:integer(100))
          or statements(1 + r:integer(8), 4 + r:integer(50))
        sent[i], bytes[i] = frame:gsub(" $", ""), assert(encode((frame:gsub(" $", ""))))
      end
      local got, reader = read(table.concat(bytes), 1 + r:integer(40))
      assert.same(sent, got)
      assert.is_false(reader:half())
    end
  end)

  it("write the count on the stream only, and refuse a wrong one", function()
    assert.equal("* - 0 statements 2\na\nb\n", encode "* - 0 statements\na\nb")
    assert.equal("* - 0 statements\na\nb", read("* - 0 statements 2\na\nb\n")[1])
    for _, text in ipairs { "", "* - 0 statements", "* - 0 statements 2\na\nb",
      "* - 0 statements 3\na\nb", "* - 0 statements\na\n\nb",
      "* - 0 ping\nmore", "bell \7" } do
      assert.same({ nil, "form" }, { encode(text) })
    end
    assert.equal("long", select(2, encode(("x"):rep(8193))))
    assert.equal(8193, #encode(("x"):rep(8192)))
    assert.equal("long", select(2, encode(statements(257))))
    assert.is_truthy(encode(statements(256, 1024)))
    assert.equal("long", select(2, encode(statements(1, 1025))))
  end)

  it("are those of the protocol's vectors", function()
    local function bytes(text)
      return (text:gsub("\\n", "\n"):gsub("\\x(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
    end
    local counts = { frame = 0, stray = 0, lost = 0 }
    for _, line in ipairs(require "spec.vectors.read" "lines.txt") do
      local word, rest = line:match "^(%l+) (.*)$"
      counts[word] = counts[word] + 1
      if word == "frame" then
        local text, wire = rest:match "^(.-) | (.*)$"
        assert.equal(bytes(wire), encode(bytes(text)), line)
        assert.same({ bytes(text) }, (read(bytes(wire), 1)), line)
      else
        local after = word == "stray" and { "bad form", "next" } or { "lost form" }
        assert.same(after, (read(bytes(rest) .. "next\n", 1)), line)
      end
    end
    assert.is_true(counts.frame >= 5 and counts.stray >= 4 and counts.lost >= 8)
  end)

  it("refuse what is none by word, and say when the stream is lost", function()
    assert.same({ "bad form", "bad form", "* - 0 ping" }, (read "\n\1\2\n* - 0 ping\n"))
    for _, count in ipairs { "0", "257", "-1", "01", "x", "2 2", "1e2", "99999999999999999999", "0x2", "2.0" } do
      assert.same({ "lost form" }, (read("* - 0 statements " .. count .. "\na\n")), count)
    end
    assert.same({ "lost form" }, (read "* - 0 statements\na\n"))
    assert.same({ "lost form" }, (read "* - 0 statements 2\na\n\n"))
    assert.same({ "lost long" }, (read(("x"):rep(8193))))
    assert.same({}, (read(("x"):rep(8192))))
    assert.same({ ("x"):rep(8192) }, (read(("x"):rep(8192) .. "\n")))
    assert.same({ "lost long" }, (read("* - 0 statements 1\n" .. ("x"):rep(1025))))
  end)

  it("throw at no bytes at all", function()
    local r = random.seeded(5)
    for _ = 1, 300 do
      local bytes = {}
      for i = 1, 20 do
        local pick = r:integer(4)
        bytes[i] = pick == 0 and r:bytes(r:integer(200)) or pick == 1 and "\n" or pick == 2 and "* - 0 statements "
          or tostring(r:integer(300))
      end
      local _, reader = read(table.concat(bytes), 1 + r:integer(300))
      assert.is_true(reader.waiting:left() <= (reader.need and 256 * 1025 or 8192) + 300)
    end
  end)
end)

describe("TCP lines", function()
  local L, log, made
  before_each(function()
    L, log, made = till.loop(), till.log(), {}
  end)
  after_each(function()
    for _, one in ipairs(made) do one:close() end
    L:close()
  end)

  -- A listener with links of its own, by whose account it dials, too.
  local function server(options)
    local given = { loop = L, net = net, random = random.seeded(1), log = log, host = "127.0.0.1", port = 0 }
    for key, value in pairs(options or {}) do given[key] = value end
    given.links = links.new(given)
    local s
    function given.on_link(link) s.on_link(link) end
    s = tcp.listen(given)
    s.got, s.accepted_links = {}, {}
    function s.attach(link)
      link.got = {}
      stub.open(link, { on_frame = function(_, source, message)
        local text = stub.text(message)
        link.got[#link.got + 1] = text
        s.got[#s.got + 1] = { text = text, source = source }
      end, on_down = function(_, reason) link.went = reason end })
    end
    s.on_link = function(link)
      s.attach(link)
      table.insert(s.accepted_links, link)
    end
    function s.dial(_, host, port, done) given.links:dial(host, port, done, s.account) end
    made[#made + 1] = s
    made[#made + 1] = given.links
    return s
  end

  local function dial(from, to)
    local link, word
    from:dial("127.0.0.1", to.port, function(one, _, why)
      link, word = one, why or "done"
      if one then from.attach(one) end
    end)
    till.holds(L, function() return word ~= nil end)
    if link then till.holds(L, function() return #to.accepted_links > 0 end) end
    return link, word
  end

  local function raw(to)
    local stream = assert(net.connect { host = "127.0.0.1", port = to.port })
    made[#made + 1] = stream
    till.holds(L, function() return stream:finished() end)
    return stream
  end

  it("carry frames both ways, each with its source", function()
    local a, b = server(), server()
    local link = dial(a, b)
    assert.same({ "tcp", true, "up" }, { link.kind, link.dialled, link:status().state })
    assert.equal(("/ip4/127.0.0.1/tcp/%d/dswarm-line"):format(b.port), link.address)
    assert.is_true(link:send(stub.message "* - 0 ping x"))
    assert.is_true(link:send(made_of(3)))
    till.holds(L, function() return #b.got == 2 end)
    assert.same({ "* - 0 ping x", statements(3) }, b.accepted_links[1].got)
    local source = b.got[1].source
    assert.same({ "127.0.0.1", false, true, 13, b.accepted_links[1] },
      { source.host, source.broadcast, source.own, source.received, source.channel })
    assert.equal("tcp 127.0.0.1:" .. source.port, source.id)
    b.accepted_links[1]:send(stub.message "* - 0 pong y")
    till.holds(L, function() return #a.got == 1 end)
    link:close()
    till.holds(L, function() return b.accepted_links[1].went end)
    assert.same({ "closed: here", "closed: by the other side" }, { link.went, b.accepted_links[1].went })
    assert.same({ 0, 2, 1 }, { #b.links.list, b:status().heard.frames, b:status().sent.frames })
    assert.equal("closed", select(3, link:send(stub.message "* - 0 ping x")))
  end)

  it("through TLS or a proxy have a speaker without a host, whom nobody else is", function()
    local b = server()
    local function dial_through(asked)
      assert.same({ "far.example", 6825, true, "http://10.0.0.9:1" },
        { asked.host, asked.port, asked.tls, asked.proxy })
      local stream = assert(net.connect { host = "127.0.0.1", port = b.port })
      local d = { fd = function() return stream:fd() end, close = function() end }
      function d.finished() return stream, "" end
      return d
    end
    local a = server { dial_through = dial_through }
    local address, link = "/dns4/far.example/tcp/6825/dswarm-line", nil
    a.links:dial("far.example", 6825, function(one)
      link = one
      a.attach(one)
    end, a.account, { family = "dns4", tls = true, proxy = "http://10.0.0.9:1", address = address })
    till.holds(L, function() return b.accepted_links[1] end)
    b.accepted_links[1]:send(stub.message "* - 0 pong y")
    till.holds(L, function() return a.got[1] end)
    local source = a.got[1].source
    assert.same({ address, address, "tcp far.example:6825", "tcp far.example:6825" },
      { link.address, source.address, source.principal, source.id })
    assert.same({ false, false }, { source.host or false, source.port or false })
  end)

  it("answer a person at nc, who ends his side first", function()
    local b = server()
    b.on_link = function(link)
      stub.open(link, { on_frame = function(one)
        for _ = 1, 50 do one:send(stub.message("* - 0 pong " .. ("a"):rep(8000))) end
      end })
    end
    local stream = raw(b)
    stream:send "* - 0 ping\n"
    local heard = 0
    till.holds(L, function()
      local bytes = stream:receive(65536)
      heard = heard + (bytes and #bytes or 0)
      return heard > 200000
    end)
    assert.is_true(heard <= 256 * 1024)
  end)

  it("bound what waits for a slow reader, and call when he has read", function()
    local a, b = server(), server()
    local link, rooms, sent, word = dial(a, b), 0, 0, nil
    local other = b.accepted_links[1]
    other:pause()
    link.owner.on_room = function() rooms = rooms + 1 end
    for _ = 1, 5000 do
      local could
      could, _, word = link:send(made_of(30, 1000))
      if not could then break end
      sent = sent + 1
      if sent % 20 == 0 then till.passed(L, 1) end
    end
    assert.equal("full", word)
    assert.is_true(link.queued <= 256 * 1024 and link:budget() < 32768)
    assert.equal(0, #other.got)
    till.passed(L, 20)
    assert.equal(0, rooms)
    other:resume()
    till.holds(L, function() return #other.got == sent end)
    assert.equal(1, rooms)
    assert.equal(256 * 1024, link:budget())
    assert.equal(1, link:status().refused.full)
  end)

  it("take the longest frame there is, and drop who ends none", function()
    local a, b = server(), server { limit = { line_ms = 100, frame_ms = 250, sweep_ms = 5 } }
    local link = dial(a, b)
    assert.is_true(link:send(made_of(200, 1024)))
    till.holds(L, function() return #b.got == 1 end)
    local half = raw(b)
    half:send "* - 0 pi"
    local drip = raw(b)
    drip:send "* - 0 statements 200\n"
    till.holds(L, function() return #b.accepted_links == 3 end)
    local dripping = L:every(10, function() drip:send "line\n" end)
    till.holds(L, function() return b.accepted_links[2].went and b.accepted_links[3].went end)
    dripping:cancel()
    assert.same({ "slow: half a line", "slow: half a frame" },
      { b.accepted_links[2].went, b.accepted_links[3].went })
    assert.is_nil(link.went)
    assert.equal(2, b:status().refused.slow)
  end)

  it("keep who is never between two frames, as long as each ends in time", function()
    local b = server { limit = { frame_ms = 150, sweep_ms = 5 } }
    local slow, turn = raw(b), 0
    slow:send "* - 0 statements 2\nline\n"
    local beat = L:every(20, function()
      turn = turn + 1
      slow:send "line\n* - 0 statements 2\nline\n"
    end)
    till.holds(L, function()
      local link = b.accepted_links[1]
      return link and (link.went or turn >= 15 and #b.got >= 14)
    end)
    beat:cancel()
    assert.is_nil(b.accepted_links[1].went)
  end)

  it("drop who says nothing, but not who speaks", function()
    local b = server { limit = { idle_ms = 200, sweep_ms = 5 } }
    local talker, silent = raw(b), raw(b)
    local beat = L:every(10, function() talker:send "* - 0 ping\n" end)
    till.holds(L, function() return b.accepted_links[2] and b.accepted_links[2].went end)
    beat:cancel()
    assert.equal("slow: says nothing", b.accepted_links[2].went)
    assert.is_nil(b.accepted_links[1].went)
    assert.equal("", silent:receive(10))
  end)

  it("drop who asks and asks but reads no answer", function()
    local b = server { limit = { stall_ms = 100, sweep_ms = 5 } }
    local deaf = raw(b)
    local beat = L:every(10, function()
      deaf:send "* - 0 ping\n"
      local link = b.accepted_links[1]
      while link and not link.closed and link:send(made_of(30, 1000)) do end
    end)
    till.holds(L, function() return b.accepted_links[1] and b.accepted_links[1].went end)
    beat:cancel()
    assert.equal("slow: reads nothing", b.accepted_links[1].went)
    assert.equal(1, b:status().refused.slow)
  end)

  it("read no more for a while of who only asks, again and again, whether they live", function()
    local elsewhere = setmetatable({ is_own = function() return false end }, { __index = net })
    -- For it time stands still: on a busy machine what may be said comes back as quickly as it is read.
    local now = L:now()
    local b = server { net = elsewhere, loop = setmetatable({ now = function() return now end }, { __index = L }) }
    local asker, questions, from = raw(b), ("* - 0 alive 1\n"):rep(200000), 1
    till.holds(L, function()
      local n = from <= #questions and asker:send(questions, from)
      from = from + (n or 0)
      asker:receive(65536)
      return b:status().refused.quota
    end)
    assert.same({}, b.got)
    assert.is_nil(b.accepted_links[1].went)
  end)

  it("are not dropped because this process stood still", function()
    local b = server { limit = { idle_ms = 300, sweep_ms = 5 } }
    local stream, other = raw(b), raw(b)
    till.holds(L, function() return #b.accepted_links == 2 end)
    b.accepted_links[2].owner.on_frame = function() -- a turn that takes long, and what is said meanwhile
      stream:send "* - 0 ping\n"
      local stop = L:now() + 400
      while L:now() < stop do end
    end
    other:send "* - 0 ping\n"
    till.holds(L, function() return #b.got == 1 or b.accepted_links[1].went end)
    assert.is_nil(b.accepted_links[1].went)
  end)

  it("count garbage and drop its speaker, and throw at none", function()
    local b, r = server(), random.seeded(9)
    local polite = raw(b)
    polite:send "\1\2\3\n\n* - 0 ping\n"
    till.holds(L, function() return #b.got == 1 end)
    assert.same({ form = 2 }, b:status().refused)
    local endless, counts, noise = raw(b), raw(b), raw(b)
    endless:send(("x"):rep(9000))
    counts:send "* - 0 statements 9999\nx\n"
    noise:send(r:bytes(8000) .. "\0\n" .. ("\0\n"):rep(30))
    till.holds(L, function() return #b.accepted_links == 4 and #b.links.list == 1 end)
    assert.same({ "* - 0 ping" }, b.accepted_links[1].got)
    local refused = b:status().refused
    assert.equal(1, refused.long)
    assert.is_true(refused.form >= 2 + 1 + 16)
  end)

  it("bound the links, in all and of one host", function()
    local b = server { limit = { loopback = 3, links = 64 } }
    local held = {}
    for i = 1, 5 do held[i] = raw(b) end
    till.holds(L, function() return b:status().refused.full == 2 end)
    assert.equal(3, #b.links.list)
    held[1]:close()
    till.holds(L, function() return #b.links.list == 2 end)
    raw(b)
    till.holds(L, function() return #b.links.list == 3 end)
    local c, d = server { limit = { links = 2, accepted = 1 } }, server()
    raw(c)
    raw(c)
    till.holds(L, function() return c:status().refused.full == 1 end)
    assert.is_truthy((dial(c, d))) -- what others dialled leaves us room to dial
    assert.same({ nil, "full" }, { dial(c, d) })
  end)

  it("of one host are few until somebody spoke over them: robots behind one router are one host", function()
    local elsewhere = setmetatable({ is_own = function() return false end }, { __index = net })
    local b = server { net = elsewhere, limit = { strange = 2, per_host = 4 } }
    for _ = 1, 3 do raw(b) end
    till.holds(L, function() return b:status().refused.full == 1 end)
    for _ = 1, 2 do
      for _, one in ipairs(b.links.list) do one.is_met = true end
      raw(b)
    end
    till.holds(L, function() return #b.links.list == 4 end)
    for _, one in ipairs(b.links.list) do one.is_met = true end
    raw(b)
    till.holds(L, function() return b:status().refused.full == 2 end)
    assert.equal(4, #b.links.list)
  end)

  it("say why a dial failed: refused, no answer, too many, no way", function()
    local limit, words = { dialling = 2 }, {}
    local a = server { limit = limit }
    local function note(name) return function(_, _, word) words[name] = word end end
    a:dial("127.0.0.1", NOBODYS, note "refused")
    till.holds(L, function() return words.refused end)
    a:dial("255.255.255.255", 9, note "way")
    till.holds(L, function() return words.way end)
    limit.dial_ms = 30
    a.links.net = setmetatable({ connect = function() return net.udp { host = "127.0.0.1" } end }, { __index = net })
    local function same_loop(_, name) return function(_, ...) return L[name](L, ...) end end
    a.links.loop = setmetatable({ watch = function() return { close = function() end } end }, { __index = same_loop })
    for i = 1, 3 do a:dial("127.0.0.1", NOBODYS, note(i)) end
    till.holds(L, function() return words[1] and words[2] and words[3] end)
    assert.same({ "ECONNREFUSED", "slow", "slow", "full" }, { words.refused, words[1], words[2], words[3] })
    assert.matches("^E", words.way)
    assert.equal(0, a:status().dialling)
  end)

  it("let the kernel choose where the default port is taken, but try a named one again", function()
    local first = server()
    local second = server { port = first.port }
    assert.is_true(second.port ~= first.port and second.port > 0)
    assert.truthy(log:has("wanted=" .. first.port))
    assert.equal("up", second:status().state)
    local third = server { port = first.port, named = true, retry_ms = 10 }
    local status = third:status()
    assert.same({ "waiting", false }, { status.state, status.port or false })
    assert.matches("tcp 127.0.0.1 port " .. first.port, status.reason, 1, true)
    assert.matches("port in use .*port " .. first.port, log:has "port in use")
    assert.is_truthy((dial(third, second))) -- dialling does not wait for listening
    first:close()
    till.holds(L, function() return third.port ~= nil end)
    assert.same({ "up", first.port }, { third:status().state, third.port })
  end)

  it("rest a while when the process has no room for sockets", function()
    local b, refusals = server(), 0
    b.listener = setmetatable({}, { __index = function(_, name)
      return function()
        if name == "accept" then refusals = refusals + 1 return nil, "EMFILE: full", "EMFILE" end
      end
    end })
    raw(b)
    till.passed(L, 30)
    assert.equal(1, refusals)
    assert.truthy(log:has "no room for another link")
  end)

  it("end every link and dial when closed, once", function()
    local a, b = server(), server()
    local link = dial(a, b)
    local word
    a:dial("127.0.0.1", b.port, function(_, _, why) word = why end)
    a:close()
    a:close()
    a.links:close()
    a.links:close()
    assert.same({ "closed: here", "closed" }, { link.went, word })
    till.holds(L, function() return b.accepted_links[1].went end)
    a:dial("127.0.0.1", b.port, function(_, _, why) word = why .. " again" end)
    till.holds(L, function() return word == "closed again" end)
  end)
end)
