-- irc_servers_spec.lua - IRC channels against real ngircd and inspircd, stock limits: at full pressure, and refused.
-- All of it waits side by side, in one loop; 20 s, in soak 3 min.
-- mostly waits: for IRC servers at their pace
local certificates = require "spec.net.certificates"
local folder = require "spec.folder"
local http = require "core.http"
local inspircd = require "spec.net.inspircd"
local irc = require "routing.channels.irc"
local net = require "core.net"
local ngircd = require "spec.net.ngircd"
local random = require "core.random"
local stub = require "spec.net.stub"
local till = require "spec.net.till"

local PRESSURE_MS <const> = (os.getenv "DT_SWARM_SOAK" and 180 or 20) * 1000
local LINE_MS <const> = 2000 -- of the pace

if not (ngircd.found() and inspircd.found()) then
  it("IRC channels against real servers", function() pending "NO SERVERS: spec/net/servers.sh says why" end)
  return
end

-- An operator who may do all.
local OPERATOR <const> = [[
<class name="All" commands="*" usermodes="*" chanmodes="*">
<type name="Spec" classes="All">
<oper name="all" password="secret" host="*@*" type="Spec">
<module name="sanick">
]]

describe("an IRC channel against real servers", function()
  local L, log, servers, made, files, authority

  setup(function()
    L, log, servers, made, files, authority = till.loop(), till.log(), {}, {}, folder.new(), certificates.new()
  end)
  teardown(function()
    for _, one in ipairs(made) do one:close() end
    for _, server in ipairs(servers) do server.remove() end
    L:close()
    files.remove()
    authority.remove()
  end)

  local function serve(kind, options)
    servers[#servers + 1] = kind.start(options or {})
    return servers[#servers]
  end

  -- A node in ROOM of SERVER; MORE: further options of its address. → channel with `told` and `row()`
  local function node(server, room, more)
    local n = #made + 1
    local one = stub.open(irc.new { loop = L, net = net, dial_through = http.dial, random = random.seeded(n), log = log,
      secrets = { read = function(_, name) return name end }, room = room, rate = more and more.budget }, {})
    one.told = { ups = 0, downs = {}, heard = {} }
    local told = one.told
    one.owner = stub.owner { on_up = function() told.ups = told.ups + 1 end,
      on_down = function(_, why) table.insert(told.downs, why) end,
      on_room = function() if one.pressed then one:pressed() end end,
      on_frame = function(_, source, message)
        table.insert(told.heard, { stub.text(message), source.principal, source.broadcast, source })
        return true
      end }
    local options = { family = "ip4", host = server.address, port = server.port, room = room,
      id = ("node%04d"):format(n),
      address = ("/ip4/%s/tcp/%d/irc/%s/dswarm-line"):format(server.address, server.port, room) }
    for name, value in pairs(more or {}) do options[name] = value end -- into a table again
    local entry = one:add(options)
    function one.row() return entry:status() end
    made[n] = one
    return one
  end

  -- A person says LINES there, and stays SECONDS.
  local function person(server, nick, seconds, ...)
    local words = {}
    for i, line in ipairs { ... } do words[i] = "'" .. line .. "'" end
    os.execute(("lua5.4 spec/net/irc_say.lua %s %d %s %s %s >%s/%s 2>&1 &"):format(server.address, server.port, nick,
      seconds, table.concat(words, " "), files.path, nick))
  end

  -- Sends as much as it may, always: frames of one line and of many in turn.
  local function press(one)
    one.frames = {}
    function one.pressed()
      for _ = 1, 50 do
        local n = #one.frames + 1
        if one:budget() == 0 then return end
        local text = n % 2 == 0 and ("* - 8 ping %d"):format(n) or ("* - 8 statements\n%d %s\n%s"):format(n,
          ("x"):rep(500), ("y"):rep(500))
        if not one:send(stub.message(text)) then return error "not sent" end
        one.frames[n] = text
      end
    end
    one:pressed()
  end

  -- Until TEST holds; WHAT is said where it never does, with the last rows of all.
  local function wait(what, test)
    if pcall(till.holds, L, test, 20000) then return end
    local rows = { what }
    for i, one in ipairs(made) do
      local row = one.row()
      rows[i + 1] = ("%d %s %s %s"):format(i, row.address, row.state, row.reason or row.nick)
    end
    error(table.concat(rows, "\n"), 2)
  end

  local function up(...)
    for i, one in ipairs { ... } do wait(i .. " joins", function() return one.was_up end) end
  end

  local function all_in(one, members) wait("all are in", function() return one.row().members == members end) end

  it("is never put out at full pressure, and loses nothing; what it may not do is named, and it backs off", function()
    local a, b, ban = serve(ngircd, { tls = authority.issue("irc.spec.net", "127.0.0.1") }), serve(inspircd),
      serve(inspircd, { extra = OPERATOR })
    local closed = serve(ngircd, { password = "sesame" })
    local pressed = { node(a, "#full"), node(b, "#full") }
    local hearing = { node(a, "#full"), node(b, "#full") }
    local wrong, right = node(closed, "#lab", { password = { secret = "wrong" } }),
      node(closed, "#lab", { password = { secret = "sesame" } })
    local late = node(serve(inspircd, { resolve = true }), "#lab") -- welcomes after 5 s, and refuses what comes before
    local forged = node(a, "#lab", { tls = true, port = a.tls_port })
    local renamed, ended = node(ban, "#lab"), node(ban, "#lab")
    up(pressed[1], pressed[2], hearing[1], hearing[2], right, renamed, ended)
    all_in(pressed[1], 2)
    all_in(pressed[2], 2)
    for i = 1, 2 do press(pressed[i]) end
    local began = L:now()

    person(a, "guard", 90, "JOIN #closed", "MODE #closed +i")
    local third = node(b, "#other")
    up(third)
    local fourth = node(b, "#full")
    wait("the guard has closed his channel", function()
      return (folder.read(files.path .. "/guard") or ""):find "MODE #closed %+i"
    end)
    local uninvited = node(a, "#closed")

    -- An operator gives one of us another nick, and sends another one away.
    person(ban, "oper", 1, "OPER all secret", "SANICK " .. renamed.row().nick .. " someone",
      "KILL " .. ended.row().nick .. " :not here")
    wait("another nick, sent away", function() return renamed.row().nick == "someone" and not ended.was_up end)
    assert.matches('^permission: .*%("[^\n]*not here', ended.row().reason)
    local loud = node(ban, "#lab", { budget = 1 << 15 })
    up(loud)
    assert.is_true(loud:send(stub.message "* - 8 ping all"))
    wait("the renamed one hears", function() return renamed.told.heard[1] end)
    assert.is_true(renamed:send(stub.message "* - 8 ping back"))
    wait("he is heard by his new nick", function() return loud.told.heard[1] end)
    assert.same({ "* - 8 ping back", "irc someone", true }, table.move(loud.told.heard[1], 1, 3, 1, {}))
    assert.is_true(loud:send(stub.message "* - 8 ping you", loud.told.heard[1][4]))
    wait("he is spoken to by it", function() return renamed.told.heard[2] end)
    assert.same({ "* - 8 ping you", false }, { renamed.told.heard[2][1], renamed.told.heard[2][3] })

    -- The control of the pressure: with a hundred times the pace one is put out, and goes on at half of it.
    press(loud)
    wait("who does not keep the pace is put out", function() return not loud.was_up end)
    assert.matches("^quota: the server says that we send too fast", loud.row().reason)
    assert.equal(1 << 14, loud.servers[1].pace.rate)
    loud.pressed = nil

    person(ban, "banner", 1, "OPER all secret", "KLINE dtswarm@127.0.0.1 1h :too loud")
    wait("a K-line", function() return not renamed.was_up end)

    for one, words in pairs { [wrong] = "permission: the server does not take the password",
      [forged] = "certificate", [uninvited] = "permission: the channel is for invited people only",
      [fourth] = "full: the server takes no more connections from this address",
      [renamed] = "permission: the server does not let us in" } do
      wait(words, function() return (one.row().reason or ""):find(words, 1, true) end)
      assert.is_true(one.servers[1].slow.tries > 0, words .. ": backs off slowly")
      assert.equal("waiting", one.row().state)
    end
    assert.truthy(renamed.row().reason:find("banned!", 1, true))
    assert.is_true(right.was_up)
    wait("the server without a resolver", function() return late.was_up end)
    assert.same({ 1, {}, {} }, { late.told.ups, late.told.downs, late.row().refused })

    till.passed(L, math.max(1, began + PRESSURE_MS - L:now()))
    for i, one in ipairs(pressed) do
      one.pressed = nil
      assert.same({}, one.told.downs)
      assert.is_true(one.was_up)
      wait("all is heard", function() return #hearing[i].told.heard >= #one.frames end)
      assert.is_true(one.row().sent.frames >= PRESSURE_MS // LINE_MS * 2 // 5, one.row().sent.frames)
      for n, heard in ipairs(hearing[i].told.heard) do assert.equal(one.frames[n], heard[1]) end
    end
    print(("  in %d s: %d frames by ngircd, %d by inspircd, none lost"):format((L:now() - began) // 1000,
      #pressed[1].frames, #pressed[2].frames))
  end)
end)
