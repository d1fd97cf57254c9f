-- irc_protocol_spec.lua - one visit to an IRC server, line by line: what we say, and what we take from what it says.
local irc_lines = require "routing.channels.irc_lines"
local irc_protocol = require "routing.channels.irc_protocol"
local random = require "core.random"

local ID = "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"
local NICK = "dkSCVe2Xo"

describe("a visit to an IRC server", function()
  local one, said, told, now

  local function visit(more)
    said, told, now = {}, {}, 0
    local given = { id = ID, room = "#lab", random = random.seeded(7), now = 0,
      say = function(line) table.insert(said, line) end,
      on = { joined = function() table.insert(told, "joined") end,
        met = function(nick) table.insert(told, "met " .. nick) end,
        heard = function(nick, text, to_all) table.insert(told, { nick, text, to_all }) end,
        ended = function(fault) table.insert(told, fault) end } }
    for name, value in pairs(more or {}) do given[name] = value end
    one = irc_protocol.new(given)
  end

  before_each(function() visit() end)

  local function server(...)
    for _, line in ipairs { ... } do one:take(line .. "\r\n", now) end
  end

  local function join()
    server(":irc.a 001 " .. NICK .. " :Welcome", (":%s!~dt@192.168.1.9 JOIN :#lab"):format(NICK),
      (":irc.a 353 %s = #lab :%s @bea +carl"):format(NICK, NICK), (":irc.a 366 %s #lab :End"):format(NICK))
  end

  local function last() return said[#said] end

  it("says who it is, waits for the welcome, and joins", function()
    assert.same({ "NICK " .. NICK, "USER dtswarm 0 * :dt-swarm " .. ID }, said)
    server ":irc.a NOTICE * :*** Looking up your hostname"
    server ":irc.a 451 * JOIN :You have not registered."
    assert.equal(2, #said)
    server(":irc.a 001 " .. NICK .. " :Welcome")
    assert.same({ "JOIN #lab", "welcomed" }, { last(), one.state })
    join()
    assert.same({ "joined", 3, { "joined" } }, { one.state, one.members, told })
  end)

  it("says its password first, in one line whatever is in it", function()
    visit { password = "let me in\r\nQUIT" }
    assert.equal("PASS :let me inQUIT", said[1])
  end)

  it("takes another nick where one is taken, a shorter one where it is too long, and gives up in the end", function()
    server(":irc.a 433 * " .. NICK .. " :Nickname is already in use.")
    local second = last():match "^NICK (d%w+)$"
    assert.same({ 9, false }, { #second, second == NICK })
    server ":irc.a 432 * x :Erroneous nickname"
    assert.equal(8, #last():match "^NICK (d%w+)$")
    for _ = 1, 20 do server ":irc.a 436 * x :Nickname collision" end
    assert.same({ 1, "name", true }, { #told, told[1].code, told[1].slow })
    assert.equal(13, #said, "twelve nicks at most, and USER")
  end)

  it("answers PING at any time, with what was asked", function()
    server "PING :a b"
    assert.equal("PONG :a b", last())
    join()
    server ":irc.a PING irc.a"
    assert.equal("PONG :irc.a", last())
  end)

  it("hears the channel and what is said to it alone, in either case of letters, and nothing of its own", function()
    join()
    server(":bea!b@h PRIVMSG #LAB :* - 8 ping x", (":bea!b@h PRIVMSG %s ::-) "):format(NICK:upper()),
      ":bea!b@h PRIVMSG #other :no", ":bea!b@h NOTICE #lab :no", ":irc.a PRIVMSG #lab :no",
      (":%s!~dt@h PRIVMSG #lab :echo"):format(NICK), "@time=1;x=\\s :carl!c@h PRIVMSG #lab plain")
    assert.same({ "joined", { "bea", "* - 8 ping x", true },
      { "bea", ":-) ", false }, { "carl", "plain", true } }, told)
  end)

  it("speaks to all or to one, in lines that still fit when the server has put us before them", function()
    join()
    one:speak("hello", nil)
    one:speak("you", "bea")
    assert.same({ "PRIVMSG #lab :hello", "PRIVMSG bea :you" }, { said[#said - 1], last() })
    assert.equal(390, one:usable())
    for _, target in ipairs { "#" .. ("x"):rep(62), ("n"):rep(30) } do
      visit { room = target:sub(1, 1) == "#" and target or nil }
      local room = one.room
      server(":irc.a 001 " .. NICK .. " :Welcome", (":%s!~dt@%s JOIN %s"):format(NICK, ("h"):rep(63), room))
      local shown = (":%s!~dt@%s PRIVMSG %s :%s\r\n"):format(NICK, ("h"):rep(63), target, ("x"):rep(one:usable(target)))
      assert.is_true(#shown <= 512 and one:usable(target) > 340, #shown)
    end
    visit()
    server(":irc.a 001 " .. NICK .. " :Hi", ":irc.a 005 " .. NICK .. " LINELEN=200 NICKLEN=30 :are supported")
    assert.is_true(one:usable() < 200 - #NICK - 63)
  end)

  it("knows how many are here, and tells of who comes", function()
    join()
    server ":dora!d@h JOIN #lab"
    assert.same({ 4, "met dora" }, { one.members, told[2] })
    server(":dora!d@h PART #lab", ":bea!b@h QUIT :irc.a irc.b", ":carl!c@h KICK #lab eve :x",
      ":x!x@h QUIT :y", ":y!x@h QUIT")
    assert.same({ 1, "joined" }, { one.members, one.state })
  end)

  it("goes by the nick that the server gives it", function()
    server(":irc.a 001 dshort :Welcome", ":dshort!~dt@h JOIN #lab", ":irc.a 366 dshort #lab :End",
      ":dshort!~dt@h NICK :Guest77", ":bea!b@h PRIVMSG Guest77 :hi", ":bea!b@h PRIVMSG dshort :no")
    assert.same({ "Guest77", { "bea", "hi", false }, 2 }, { one.nick, told[2], #told })
  end)

  -- Each: what the server says, once joined or before; the word; must a person mend it; what people read.
  for said_by, want in pairs {
    [":irc.a 464 * :Password incorrect"] = { "permission", true, "password" },
    ["ERROR :Access denied: Bad server password?"] = { "permission", true, "password" },
    [":irc.a 465 * :You are banned from this server"] = { "permission", true, "lift the ban" },
    ["ERROR :Closing link: (u@1.2.3.4) [K-Lined: spam]"] = { "permission", true, "spam" },
    ["ERROR :Closing link: (u@1.2.3.4) [No more connections allowed from your host via this connect class (local)]"] =
      { "full", true, "more an address" },
    ["ERROR :Closing Link: [RecvQ exceeded]"] = { "quota", false, "half the pace" },
    ["ERROR :Closing Link: x (Excess Flood)"] = { "quota", false, "half the pace" },
    ["ERROR :Trying to reconnect too fast."] = { "quota", true, "too often" },
    ["ERROR :Server going down"] = { "closed", false, "tried again" },
    [":irc.a 471 d #lab :Cannot join channel (+l)"] = { "full", true, "limit" },
    [":irc.a 473 d #lab :Cannot join channel (+i)"] = { "permission", true, "invite" },
    [":irc.a 474 d #lab :Cannot join channel (+b)"] = { "permission", true, "ban" },
    [":irc.a 475 d #LAB :Cannot join channel (+k)"] = { "permission", true, "key" },
    [":irc.a 477 d #lab :You need to be identified"] = { "permission", true, "registered" },
    [":irc.a 403 d #lab :No such channel"] = { "address", true, "no such channel" },
    [":irc.a 404 d #lab :Cannot send to channel"] = { "permission", true, "let us speak" },
    [":irc.a 437 d #lab :Nick/channel is temporarily unavailable"] = { "closed", false, "tried again" },
    [":op!o@h KICK #lab " .. NICK .. " :out"] = { "permission", true, '"out"' },
    [":op!o@h KILL " .. NICK .. " :bye"] = { "permission", true, '"bye"' },
    [":irc.a KILL " .. NICK .. " :Nick collision"] = { "duplicate", false, "another one" },
  } do
    it("ends, once, at " .. said_by, function()
      join()
      server(said_by, said_by, "PING :x")
      assert.same({ 2, "over" }, { #told, one.state })
      local fault = told[2]
      assert.same({ want[1], want[2] }, { fault.code, fault.slow })
      assert.equal(fault.code .. ": ", fault.text:sub(1, #fault.code + 2))
      assert.truthy((fault.text .. fault.cure):lower():find(want[3], 1, true), fault.text)
      assert.equal(fault.cure:find "half the pace" ~= nil, fault.flood)
    end)
  end

  it("is moved by nothing that is said of other channels and nicks", function()
    join()
    server(":irc.a 473 d #other :no", ":irc.a 404 d bea :no", ":irc.a 401 d bea :No such nick", ":x!x@h PART #other",
      ":op!o@h KICK #other " .. NICK, ":op!o@h KILL bea :x", ":bea!b@h NICK eve", ":irc.a 433 d x :taken", "NOTICE",
      "PRIVMSG", "JOIN", "KICK #lab", "NICK", ":x 353", ":x 366", ":x 396", "MODE", ":irc.a 464x :no")
    assert.same({ "joined", 1, 3 }, { one.state, #told, one.members })
  end)

  it("joins once, at the end of the list of who is there, and ends where that never comes", function()
    join()
    for _ = 1, 5 do server((":irc.a 353 %s = #lab :a b c d"):format(NICK), (":irc.a 366 %s #lab :End"):format(NICK)) end
    assert.same({ { "joined" }, 4 }, { told, one.members })
    visit()
    server(":irc.a 001 " .. NICK .. " :Welcome", (":%s!~dt@192.168.1.9 JOIN :#lab"):format(NICK))
    one:tick(30000)
    assert.same({ {}, "entering" }, { told, one.state })
    one:tick(30001)
    assert.same({ 1, "slow" }, { #told, told[1].code })
  end)

  it("takes no nick that is none, and answers a long PING by a line that fits", function()
    server ":irc.a 001 \27[31mred :Welcome"
    assert.equal(NICK, one.nick)
    server((":%s!~dt@h JOIN #lab"):format(NICK), (":irc.a 366 %s #lab :End"):format(NICK))
    for _, nick in ipairs { "\255\254", "a b", ("n"):rep(65), "a\"\27", ":x", "a!b" } do
      server((":%s!~dt@h NICK :%s"):format(NICK, nick))
    end
    assert.is_nil(one.nick:find "[^!-~]")
    assert.is_true(#one.nick <= 64)
    server("PING :" .. ("x"):rep(4000))
    assert.is_true(#last() <= 510)
  end)

  it("ends where nobody welcomes it, lets it in, or answers, and asks while all is silent", function()
    one:tick(60000)
    assert.equal(0, #told)
    one:tick(60001)
    assert.same({ "slow", false }, { told[1].code, told[1].slow })
    visit()
    server(":irc.a 001 " .. NICK .. " :Welcome")
    one:tick(30001)
    assert.equal("slow", told[1].code)
    visit()
    join()
    one:tick(45000)
    local before = #said
    one:tick(45001)
    assert.equal("PING :45001", last())
    now = 60000
    server(":bea!b@h PRIVMSG #lab :others are heard", ":irc.a PONG irc.a :45001")
    one:tick(80000)
    assert.same({ before + 1, "joined" }, { #said, one.state })
    one:tick(105001)
    now = 130000
    server ":bea!b@h PRIVMSG #lab :what we say is lost, though others are heard"
    one:tick(135002)
    assert.equal("slow", told[#told].code)
  end)

  it("ends at a line longer than any of IRC, and at what is no IRC, with few bytes kept", function()
    local mega = ("x"):rep(1 << 16)
    for i = 1, 160 do
      one:take(mega, i)
      assert.is_true(#one.reader.rest <= #mega)
    end
    assert.same({ 1, "long", true }, { #told, told[1].code, told[1].slow })
    visit()
    for _ = 1, 65 do server "HTTP/1.1 400 Bad Request" end
    for _ = 1, 65 do server "<html>" end
    assert.same({ 1, "form", true }, { #told, told[1].code, told[1].slow })
  end)

  it("that ends before the server said a word names the port's TLS, later the end alone", function()
    server ":irc.a NOTICE * :*** Looking up your hostname"
    one:gone "ECONNRESET"
    assert.same({ "closed", false, "Nothing; it is tried again." }, { told[1].code, told[1].slow, told[1].cure })
    visit()
    one:gone "ECONNRESET"
    assert.same({ "closed", false }, { told[1].code, told[1].slow })
    assert.matches("tls = true", told[1].cure)
  end)

  it("says that it goes, and then nothing more", function()
    join()
    one:quit "closed: by the policy"
    server "PING :x"
    one:gone "ECONNRESET"
    assert.same({ "QUIT :closed: by the policy", 1 }, { last(), #told })
  end)
end)

describe("a line of IRC", function()
  it("is read in any pieces", function()
    local text, all = ":a!b@c PRIVMSG #x :one two\r\nPING :z\n\r\n:irc.a 001 me :\r\n", {}
    for size = 1, #text do
      local reader, list = irc_lines.reader(), {}
      for at = 1, #text, size do
        reader:feed(text:sub(at, at + size - 1))
        for message in function() return reader:next() end do list[#list + 1] = message end
      end
      all[size] = list
      assert.same(all[1], list)
    end
    assert.same({ command = "PRIVMSG", origin = "a!b@c", nick = "a", user = "b", host = "c",
      params = { "#x", "one two" } }, all[1][1])
    assert.same({ 3, { "me", "" } }, { #all[1], all[1][3].params })
  end)

  it("is none without a command, with a zero byte, or from a nick that none can have", function()
    for _, line in ipairs { ":only.a.prefix", ":", "@tags", "12 x", "0123", "PRIV\0MSG", ":a,b!c@d PRIVMSG #x :y",
      (":%s!c@d PRIVMSG #x :y"):format(("n"):rep(65)), ":a\7!c@d PRIVMSG #x :y" } do
      assert.is_nil(irc_lines.parse(line), line)
    end
    assert.equal(15, #irc_lines.parse(("A" .. (" x"):rep(40))).params)
  end)
end)
