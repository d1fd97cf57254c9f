-- control_spec.lua - what the control socket answers, over a real socket and loop, of a node made of tables.
local uv = require "luv"
local json = require "core.json"
local net = require "core.net"
local disk = require "core.disk"
local paths = require "paths"
local socket = require "spec.clients.socket"
local control = require "clients.control"
local asked = require "spec.clients.asked"
local kept = require "kept"
local last_seen = require "clients.control.last_seen"
local fake = require "spec.clients.fake_node"

local at, loop, folder, path, open, log

local function start(options, facts)
  local server = control.new {
    loop = loop, net = net, disk = disk.real(), log = log,
    path = options.path or path, uid = options.uid or paths.uid(),
    state = options.state, command = options.command, clients = options.clients, limits = options.limits,
    conversations = options.conversations, own_conversations = options.own_conversations,
    answer = options.answer or asked.handler(fake.node(facts)),
  }
  open[#open + 1] = server
  return server, server:listen()
end

local function until_true(test) return at:until_true(test) end

local function client(where)
  local one = at:client(where)
  function one.say(text) return one.stream:send(text) end
  function one.line()
    until_true(function() return one.heard:find("\n", 1, true) or one.ended end)
    local line, rest = one.heard:match "^([^\n]*)\n(.*)$"
    one.heard = rest or one.heard
    return line and assert(json.decode(line))
  end
  return one
end

local function ask(text, where)
  local one = client(where)
  one.say(text .. "\n")
  return one.line()
end

describe("the control socket", function()
  before_each(function()
    at = socket.new()
    loop, folder, path, open = at.loop, at.folder, at.path, at.open
    log = { said = {} }
    for _, level in ipairs { "info", "warn", "error" } do
      log[level] = function(self, _, what) self.said[#self.said + 1] = what end
    end
  end)

  after_each(function() at:close() end)

  it("answers a line with a line that has a schema", function()
    assert(select(2, start {}))
    local answer = ask '{"command":"status"}'
    assert.equal(1, answer.schema)
    assert.equal("status", answer.command)
    assert.equal(fake.ADA, answer.node.id)
    assert.equal(200000, answer.node.running_ms)
    assert.equal("proved", answer.time.quality)
  end)

  it("answers one client's requests in their order, also when they came in one piece", function()
    start {}
    local one = client()
    one.say '{"command":"discover"}\n{"command":"summary"}\n{"command":"identity"}\n'
    for _, name in ipairs { "discover", "summary", "identity" } do assert.equal(name, one.line().command) end
  end)

  it("reads the JSON of other people's programs too", function()
    start {}
    assert.equal("discover", ask('{ "extra": [1.5, null], "command": "discover" }').command)
  end)

  it("answers every command of the table, with nobody and nothing there", function()
    start {}
    for _, name in ipairs { "status", "discover", "summary", "report", "files", "identity" } do
      local answer = ask(json.encode { command = name })
      assert.equal(name, answer.command)
      assert.is_nil(answer.error)
    end
  end)

  it("says what is wrong with garbage, and goes on", function()
    local server = start {}
    local one = client()
    local bad = { "hello", "[]", "{}", "", '{"command":7}', "\255\0\27[2J", '{"command":"no such"}' }
    for _, garbage in ipairs(bad) do
      one.say(garbage .. "\n")
      local answer = one.line()
      assert.equal(1, answer.schema)
      assert.matches("^%l+$", answer.error.word)
    end
    one.say '{"command":"discover"}\n'
    assert.equal("discover", one.line().command)
    assert.equal(6, server:status().refused.form)
    assert.equal(1, server:status().refused.kind)
  end)

  it("refuses a request of more than 64 KiB, takes one of exactly that", function()
    start {}
    local head, tail = '{"command":"discover","x":"', '"}'
    local fill = ("x"):rep(65536 - #head - #tail)
    local function send_all(one, text)
      until_true(function()
        local sent, _, word = one.say(text)
        if not sent then return word ~= "EAGAIN" end
        text = text:sub(sent + 1)
        return text == ""
      end)
    end
    local one = client()
    send_all(one, head .. fill .. tail .. "\n")
    assert.equal("discover", one.line().command)
    local other = client()
    send_all(other, head .. fill .. "x" .. tail .. "\n")
    assert.equal("long", other.line().error.word)
    assert(until_true(function() return other.ended end))
  end)

  it("keeps a client that is turned away apart from the others, and for a moment only", function()
    local server = start { clients = 2 }
    for _ = 1, 20 do client() end
    assert(until_true(function() return server:status().refused.full == 18 end))
    assert.is_true(server:status().clients <= 10)
    assert(until_true(function() return server:status().clients == 2 end))
    assert.is_nil(server:status().refused.slow)
  end)

  it("gives an answer later, in its turn, once, and to who only listens any more", function()
    local tells = {}
    start { answer = function(request, reply)
      if request.command == "now" then return reply {} end
      tells[#tells + 1] = reply
    end }
    local one = client()
    one.say '{"command":"later"}\n{"command":"now"}\n'
    assert(until_true(function() return tells[1] end))
    assert.equal("now", ask('{"command":"now"}').command, "others are answered meanwhile")
    assert.equal("", one.heard)
    assert.is_true(tells[1] { first = true })
    assert.is_false(tells[1] { second = true })
    assert.equal("later", one.line().command)
    assert.equal("now", one.line().command)

    local pipe, heard = uv.new_pipe(false), ""
    pipe:connect(path, function()
      pipe:read_start(function(_, bytes) heard = heard .. (bytes or "") end)
      pipe:write '{"command":"later"}\n{"command":"now"}\n'
      pipe:shutdown()
    end)
    assert(until_true(function() return tells[2] end))
    tells[2](nil, "missing: nothing", "missing")
    assert(until_true(function() return select(2, heard:gsub("\n", "")) == 2 end))
    assert.equal('{"error":{"text":"nothing","word":"missing"},"schema":1}', heard:match "[^\n]+")
    pipe:close()
  end)

  it("gives up an answer that was to come later when nobody waits for it, or it takes too long", function()
    local given_up, begun = 0, 0
    local function answer(_, reply)
      begun = begun + 1
      reply:on_cancel(function() given_up = given_up + 1 end)
    end
    local server = start { answer = answer }
    local stream = assert(net.unix_connect(path))
    stream:send '{"command":"later"}\n'
    assert(until_true(function() return begun == 1 end))
    stream:close()
    assert(until_true(function() return given_up == 1 end))
    assert.equal(0, server:status().refused.slow or 0)
    server = start { path = path .. "2", limits = { slow = 300 }, answer = answer }
    local one = client(path .. "2")
    one.say(('{"command":"later"}\n'):rep(9000))
    assert(until_true(function() return one.ended end))
    assert.same({ 2, 2, 1, 0 }, { begun, given_up, server:status().refused.slow, server:status().clients })
  end)

  it("does not fall when what was to come later fails", function()
    start { answer = function(_, reply) loop:after(5, function() reply { half = 0.5 } end) end }
    assert.equal("kind", ask('{"command":"status"}').error.word)
    local cancelled = 0
    start { path = path .. "2", answer = function(_, reply)
      reply:on_cancel(function() cancelled = cancelled + 1 end)
      error "a fault of ours"
    end }
    assert.equal("kind", ask('{"command":"status"}', path .. "2").error.word)
    assert.equal(1, cancelled)
  end)

  it("does not fall when a command fails", function()
    start { answer = function() error "a fault of ours" end }
    assert.equal("kind", ask('{"command":"status"}').error.word)
    assert.same({ "a request failed" }, log.said)
  end)

  it("does not fall over an answer that JSON cannot hold", function()
    start { answer = function(_, reply) reply { half = 0.5 } end }
    assert.equal("kind", ask('{"command":"status"}').error.word)
  end)

  it("drops clients that send half a line and wait, however they drip", function()
    local server = start { limits = { slow = 80 } }
    local one = client()
    one.say '{"comm'
    local drip = loop:every(20, function() pcall(one.say, "a") end)
    assert(until_true(function() return one.ended end))
    drip:cancel()
    assert.equal(0, server:status().clients)
    assert.equal(1, server:status().refused.slow)
  end)

  it("drops clients that ask and do not read, and reads no more of theirs meanwhile", function()
    local big = ("x"):rep(1 << 20)
    local times = 0
    local server = start { limits = { slow = 150 }, answer = function(_, reply)
      times = times + 1
      reply { big = big }
    end }
    local stream = assert(net.unix_connect(path))
    stream:send(('{"command":"status"}\n'):rep(50))
    assert(until_true(function() return server:status().refused.slow == 1 end))
    assert.equal(1, times)
    assert.equal(0, server:status().clients)
    stream:close()
  end)

  it("drops the silent after a time, not the busy", function()
    local server = start { limits = { idle = 60 } }
    local silent = client()
    assert(until_true(function() return silent.ended end))
    assert.equal(1, server:status().refused.slow)
  end)

  it("turns away the client after the last that there is room for, and has room again", function()
    local server = start { clients = 3 }
    local first, all = nil, {}
    for i = 1, 3 do
      all[i] = client()
      first = first or all[i]
    end
    assert(until_true(function() return server:status().clients == 3 end))
    assert.equal("full", ask('{"command":"status"}').error.word)
    first.watch:close()
    first.stream:close()
    assert(until_true(function() return server:status().clients == 2 end))
    assert.equal("status", ask('{"command":"status"}').command)
  end)

  it("is its owner's: mode 0600, and another user is told no", function()
    start { uid = 4242 }
    assert.equal(tonumber("600", 8), disk.real():stat(path).mode)
    local own = paths.uid()
    local answer = ask '{"command":"status"}'
    if own == 0 then
      assert.equal("status", answer.command)
    else
      assert.equal("permission", answer.error.word)
    end
  end)

  it("tells a stranger no, whoever he is", function()
    local stranger = setmetatable({}, { __index = net })
    function stranger.unix_listen(...)
      local real = assert(net.unix_listen(...))
      return {
        fd = function() return real:fd() end, close = function() real:close() end,
        accept = function()
          local stream = real:accept()
          return stream and setmetatable({}, { __index = function(_, name)
            if name == "credentials" then return function() return 4711, 1 end end
            return function(_, ...) return stream[name](stream, ...) end
          end })
        end,
      }
    end
    local server = control.new {
      loop = loop, net = stranger, disk = disk.real(), log = log, path = path, uid = paths.uid(),
      answer = asked.handler(fake.node()),
    }
    open[#open + 1] = server
    assert(server:listen())
    assert.equal("permission", ask('{"command":"identity","secret":true}').error.word)
  end)

  it("replaces the socket of a dead daemon, never that of a living one or another file", function()
    local stale = assert(io.popen(("lua5.4 -e 'package.cpath=\"%s/?.so;\" require \"core\" "
      .. "l = require(\"core.net\").unix_listen(\"%s\") io.write(\"up\\n\") io.flush() os.exit(0, false)'")
      :format(os.getenv "DT_SWARM_BUILD" or ".build", path)))
    assert.equal("up", stale:read "l")
    stale:close()
    assert.equal("other", disk.real():stat(path).kind)
    assert(select(2, start {}))
    local _, ok, message, word = start {}
    assert.is_nil(ok)
    assert.equal("EADDRINUSE", word)
    assert.matches(path, message, 1, true)
    assert.equal("status", ask('{"command":"status"}').command)

    local file = folder .. "/precious"
    assert(disk.real():replace(file, "data"))
    _, ok, message, word = start { path = file }
    assert.is_nil(ok)
    assert.equal("EEXIST", word)
    assert.matches("no socket", message)
    assert.equal("data", disk.real():read(file))
  end)

  it("says plainly when the path is too long for a socket", function()
    local _, ok, message, word = start { path = folder .. "/" .. ("x"):rep(108) }
    assert.is_nil(ok)
    assert.equal("long", word)
    assert.matches("107", message)
  end)

  it("leaves behind how it ended, and its path free", function()
    local server = start { state = folder }
    assert.equal("running", last_seen.read(disk.real():read(folder .. "/last")).how)
    server:close()
    server:close()
    local found = last_seen.read(disk.real():read(folder .. "/last"))
    assert.equal("stopped cleanly", found.how)
    assert.equal(path, found.socket)
    assert.is_nil(disk.real():stat(path))
    assert.is_nil(last_seen.read "stopped\nyesterday\n/x\n")
  end)

  it("leaves the options that start it again, beside its socket, too", function()
    local other = folder .. "/state"
    assert(disk.real():mkdir(other))
    start({ state = other, command = "--name bea --state '/a b'" }):close()
    for _, place in ipairs { other .. "/last", table.concat({ last_seen.beside(path) }, "/") } do
      local found = last_seen.read(disk.real():read(place))
      assert.same({ "--name bea --state '/a b'", path }, { found.command, found.socket }, place)
      assert.equal(tonumber("600", 8), disk.real():stat(place).mode)
    end
    assert.is_nil(last_seen.data("running", 1, "/x", "--name a\n--name b").command, "one line")
    assert.is_nil(last_seen.data("running", 1, "/\xff", nil), "no JSON can hold it")
  end)

  it("reads what a daemon of an earlier version left behind, and nothing that is damaged", function()
    assert.same({ how = "stopped cleanly", at = 5, socket = "/x" }, last_seen.read "stopped cleanly\n5\n/x\n")
    assert.same({ how = "running", at = 5, socket = "/x", command = "--name a" },
      last_seen.read "running\n5\n/x\n--name a\n")
    local whole = kept.encode(last_seen.data("running", 1, "/x", "--name a"))
    assert.equal("running", last_seen.read(whole).how)
    for i = 1, #whole do
      assert.is_nil(last_seen.read(whole:sub(1, i - 1) .. string.char(whole:byte(i) ~ 1) .. whole:sub(i + 1)), i)
    end
  end)
end)

describe("requests", function()
  local function answer(request, facts)
    return asked.of(fake.node(facts))(request)
  end

  it("finds a file by name, CID and the beginning of either", function()
    for _, what in ipairs { "run-12.bag", "run-1", fake.CID, fake.CID:sub(1, 12) } do
      local found = answer({ command = "sources", what = what }, fake.two())
      assert.equal(fake.CID, found.cid)
      assert.equal("run-12.bag", found.name)
      assert.equal("ada", found.from.name)
    end
  end)

  it("never guesses: two that fit are listed, a short beginning fits nothing", function()
    local facts = fake.two()
    facts.records[2] = fake.file(fake.OTHER_CID, fake.DONALD, "run-12.bag", 70, 100)
    local found, _, word, candidates = answer({ command = "sources", what = "run-12.bag" }, facts)
    assert.is_nil(found)
    assert.equal("ambiguous", word)
    assert.equal(2, #candidates)
    assert.equal(fake.OTHER_CID, answer({ command = "sources", what = fake.OTHER_CID }, facts).cid)
    for _, what in ipairs { "run", "baf", "nothing like it" } do
      assert.equal("missing", select(3, answer({ command = "sources", what = what }, facts)))
    end
    assert.equal("form", select(3, answer({ command = "sources" }, facts)))
  end)

  it("says of a word that nobody shares what is like it, or that it is not finished here", function()
    local function said(what, from, facts)
      local found, message, word = answer({ command = "sources", what = what, from = from }, facts or fake.two())
      assert.same({ nil, "missing" }, { found, word })
      return message
    end
    for _, what in ipairs { "run-21.bag", "run12.bag", "RUN-12.BAG", "un-12", "run-12.bags" } do
      assert.equal(("missing: nobody has shared %s; did you mean run-12.bag? report lists all files"):format(what),
        said(what))
    end
    assert.equal("missing: nobody has shared quite-another; report lists all files", said "quite-another")
    assert.equal("missing: donald has shared no x; report lists all files", said("x", "donald"))
    for _, from in ipairs { false, "ada" } do
      local what = from and "run-21.bag" or "ada:run-21.bag"
      assert.equal("missing: ada has shared no run-21.bag; did you mean run-12.bag? report lists all files",
        said(what, from or nil))
    end
    assert.equal("missing: nobody has shared " .. fake.OTHER_CID:sub(1, 20) .. "x; report lists all files",
      said(fake.OTHER_CID:sub(1, 20) .. "x"))
    local facts = fake.two()
    facts.files = { { name = "today/rec.mcap", size = 5, state = "growing" }, { name = "p", state = "refused" } }
    for _, what in ipairs { "rec.mcap", "today/rec.mcap", "ada:rec.mcap" } do
      assert.equal("missing: today/rec.mcap is in this node's own folder, still growing: it can be had once it is "
        .. "finished", said(what, nil, facts))
    end
    assert.matches("own folder, still growing", said("rec.mcap", "ada", facts))
    assert.matches("donald has shared no rec%.mcap", said("rec.mcap", "donald", facts))
    assert.matches("p is in this node's own folder, but not shared: files list", said("p", nil, facts))
  end)

  it("takes no long time over names that are like none of very many", function()
    local facts = fake.two()
    for i = 1, 5000 do
      facts.records[i] = fake.file(("bafy%d"):format(i), fake.ADA, ("d/some-name-%05d.bag"):format(i), 1, 1)
    end
    local node = fake.node(facts)
    local view = require("clients.control.file_index").new(node):now()
    local least = math.huge
    for _ = 1, 5 do -- what else runs on this machine only adds
      local before = os.clock()
      require("clients.control.hint").of(node, view, "some_nome_x0001.bag")
      least = math.min(least, os.clock() - before)
    end
    assert.is_true(least < 0.2, least)
  end)

  it("takes the whole name before the beginning of another", function()
    local facts = fake.two()
    facts.records[2] = fake.file(fake.OTHER_CID, fake.DONALD, "run-12.bag.old", 70, 100)
    assert.equal(fake.CID, answer({ command = "sources", what = "run-12.bag" }, facts).cid)
  end)

  it("counts copies once a signer, and not those of words that do not hold", function()
    local facts = fake.two()
    local function safe(signer, holds, verb)
      return {
        bucket = "share/safe", key = fake.CID, signer = signer, verb = verb or "propose", holds = holds,
        at = fake.NOW, data = {},
      }
    end
    facts.records[2] = safe(fake.ADA, true)
    assert.equal(1, #answer({ command = "report" }, facts).files[1].copies)
    facts.records[3] = safe(fake.DONALD, false)
    facts.records[4] = safe(fake.SERVER, false, "dismiss")
    assert.equal(1, #answer({ command = "report" }, facts).files[1].copies)
    facts.records[5] = safe(fake.SERVER, true)
    local file = answer({ command = "report" }, facts).files[1]
    assert.equal(2, #file.copies)
    assert.is_true(file.safe)
  end)

  it("calls a file gone only where that is known: unsaid, over, named otherwise, or its robot is all heard", function()
    local function of(said, agrees, from)
      local facts = fake.two()
      facts.agrees = agrees
      facts.records = { fake.safe(fake.CID, fake.SERVER, from or fake.DONALD, "f1.bag", 6), said }
      facts.held = { { name = "f1.bag", cid = fake.CID, size = 6, from = from or fake.DONALD } }
      local report, list = answer({ command = "report" }, facts), answer({ command = "files" }, facts)
      local file = report.files[1]
      assert.equal(1, #file.copies)
      assert.equal(file.gone, file.named[1].gone or false)
      assert.equal(file.gone, list.held[1].gone)
      assert.equal(file.gone and 1 or 0, report.gone)
      return file.gone
    end
    local function word(changes)
      local record = fake.file(fake.CID, fake.DONALD, "other.bag", 6, 1000)
      for name, value in pairs(changes) do record[name] = value end -- any order
      return record
    end
    assert.is_false(of(nil), "his words are refused here, perhaps")
    assert.is_false(of(nil, fake.ADA))
    assert.is_true(of(nil, fake.DONALD), "all his words are known")
    assert.is_true(of(nil, nil, fake.ADA), "this node knows what it says")
    assert.is_true(of(word { verb = "dismiss", holds = false, data = 0 }))
    assert.is_true(of(word { holds = false, valid_until = fake.NOW // 1000 - 1 }))
    assert.is_false(of(word { holds = false, valid_until = fake.NOW // 1000 + 9 }), "it is meant for later")
    assert.is_false(of(word { holds = false, malformed = "x", valid_until = 1 }))
  end)

  it("counts as servers those who are here, and knows of nodes whose type nobody said", function()
    local facts = fake.two()
    local function told()
      local report = answer({ command = "report" }, facts)
      return { report.servers, report.untyped }
    end
    assert.same({ 0, 0 }, told())
    facts.nodes[3] = { id = fake.SERVER, name = "lab", status = "ready" }
    assert.same({ 0, 1 }, told())
    facts.nodes[3].type = "server"
    assert.same({ 1, 0 }, told())
    facts.nodes[3].status = "lost"
    assert.same({ 0, 0 }, told())
  end)

  -- ada shares two bags as folders, donald one of the same name; the server holds a file that ada had.
  local function bags()
    local facts = fake.two()
    facts.nodes[3] = { id = fake.SERVER, name = "lab", type = "server", status = "silent", seen_ms = 240000 }
    facts.records = {
      fake.file("bafy-a0", fake.ADA, "one/rosbag2_0.mcap", 10, 5000),
      fake.file("bafy-b0", fake.ADA, "two/rosbag2_0.mcap", 20, 4000),
      fake.file("bafy-m", fake.ADA, "one/metadata.yaml", 3, 4000),
      fake.file("bafy-d0", fake.DONALD, "one/rosbag2_0.mcap", 40, 3000),
      fake.file("bafy-r2", fake.ADA, "run.bag", 7, 1000),
      fake.safe("bafy-r1", fake.SERVER, fake.ADA, "run.bag", 6),
      fake.safe("bafy-old", fake.SERVER, fake.ADA, "deep/in/old.bag", 5),
    }
    facts.records[3].data.names = { "one/metadata.yaml", "two/metadata.yaml" }
    return facts
  end

  it("finds what is held by each of its names, but by none that its robot uses for another file since", function()
    local facts = bags()
    for i, name in ipairs { "log.2", "log.1", "log" } do -- rotated twice
      facts.records[7 + i] = fake.safe("bafy-log" .. i, fake.SERVER, fake.ADA, "logs/" .. name, i)
    end
    facts.records[8].data.also = { { name = "kept/log" }, { name = "logs/log" }, { name = "logs/log.1" },
      { from = fake.DONALD, name = "log" } }
    facts.records[9].data.also = { { name = "logs/log" } }
    local function get(what) return answer({ command = "sources", what = what }, facts) end
    for what, cid in pairs { ["logs/log"] = "bafy-log3", ["logs/log.1"] = "bafy-log2", ["logs/log.2"] = "bafy-log1",
      ["kept/log"] = "bafy-log1", ["donald:log"] = "bafy-log1" } do
      assert.equal(cid, assert(get(what)).cid, what)
    end
    assert.equal(3, get("logs").files)
    assert.equal(1, get("kept").files)
  end)

  local function source(what, from) return answer({ command = "sources", what = what, from = from }, bags()) end

  it("finds what is held though its robot no longer shares it: by name, robot, folder and CID", function()
    for _, what in ipairs { "deep/in/old.bag", "old.bag", "ada:deep/in/old.bag", "ada:old.bag", "bafy-old",
      fake.ADA .. ":old.bag", "~7f3a:old.bag" } do
      local found = assert(source(what))
      assert.same({ "bafy-old", "deep/in/old.bag", "ada", true },
        { found.cid, found.name, found.from.name, found.gone }, what)
      assert.same({ "lab", "silent", 240000, false }, { found.holders[1].label, found.holders[1].status,
        found.holders[1].seen_ms, found.holders[1].reachable })
    end
    assert.equal("bafy-old", source("old.bag", "ada").cid)
    assert.equal("missing", select(3, source("old.bag", "donald")))
    assert.same({ "deep/in", 1 }, { source("deep/in/").folder, source("deep/in/").files })
    assert.equal("deep/in", source("ada:in/").folder)
  end)

  it("gives a file the name that was asked for, and a name with other bytes now means those", function()
    assert.equal("two/metadata.yaml", source("two/metadata.yaml").name)
    assert.equal("one/metadata.yaml", source("one/metadata.yaml").name)
    assert.equal("bafy-r2", source("run.bag").cid)
    local older = source "bafy-r1"
    assert.same({ "bafy-r1", "run.bag", true }, { older.cid, older.name, older.gone })
  end)

  it("takes a CID and a name as lists shorten them", function()
    local cut = fake.CID:sub(1, 11) .. "…" .. fake.CID:sub(-4)
    assert.equal(fake.CID, answer({ command = "sources", what = cut }, fake.two()).cid)
    assert.equal(fake.CID, answer({ command = "sources", what = (cut:gsub("…", "...")) }, fake.two()).cid)
    assert.equal("bafy-old", source("deep/i…ld.bag").cid)
    assert.equal("missing", select(3, source "…bag"))
  end)

  it("lists what fits with a word that means it alone", function()
    local found, message, word, candidates = source "rosbag2_0.mcap"
    assert.is_nil(found)
    assert.equal("ambiguous", word)
    assert.matches("3 files", message)
    for _, each in ipairs(candidates) do
      local one = assert(source(each.say))
      assert.equal(each.cid, one.cid)
      assert.is_truthy(each.from.label and each.size and each.age_ms)
    end
    assert.same({ "ada:one/rosbag2_0.mcap", "donald:one/rosbag2_0.mcap", "ada:two/rosbag2_0.mcap" },
      { candidates[1].say, candidates[2].say, candidates[3].say })
    candidates, word = select(4, source "one"), select(3, source "one")
    assert.equal("ambiguous", word)
    assert.same({ "ada:one/", 2, 13 }, { candidates[1].say, candidates[1].files, candidates[1].size })
    assert.equal("donald:one/", candidates[2].say)
    assert.equal("donald", source("donald:one/").from.name)
    local facts = bags()
    facts.records = { fake.safe("bafy-1", fake.SERVER, fake.ADA, "run.bag", 6),
      fake.safe("bafy-2", fake.DONALD, fake.ADA, "run.bag", 7) } -- two versions, neither of them there any more
    candidates = select(4, answer({ command = "sources", what = "run.bag" }, facts))
    assert.same({ "bafy-1", "bafy-2" }, { candidates[1].say, candidates[2].say })
  end)

  it("lists no word that means another file, where somebody has called one as a word would be", function()
    local facts = bags()
    for _, one in ipairs { { "bafy-x1", fake.ADA, "drive.bag" }, { "bafy-x2", fake.DONALD, "drive.bag" },
      { "bafy-x3", fake.DONALD, "ada:drive.bag" }, { "bafy-y1", fake.DONALD, "ada:one/other.bag" } } do
      facts.records[#facts.records + 1] = fake.file(one[1], one[2], one[3], 5, 900)
    end
    local candidates = select(4, answer({ command = "sources", what = "drive.bag" }, facts))
    assert.same({ "bafy-x1", "donald:drive.bag" }, { candidates[1].say, candidates[2].say })
    candidates = select(4, answer({ command = "sources", what = "one" }, facts))
    assert.equal(2, #candidates)
    for _, each in ipairs(candidates) do
      local one = assert(answer({ command = "sources", what = each.say }, facts))
      assert.same({ each.from.id, each.name }, { one.from.id, one.folder })
    end
    assert.equal(fake.ADA .. ":one/", candidates[1].say)
  end)

  it("gives a folder's files a page at a time, each with who has it", function()
    local facts = fake.two()
    facts.records = {}
    for i = 1, 250 do facts.records[i] = fake.file("cid" .. i, fake.ADA, ("bag/%03d/x"):format(i), i, 1000) end
    facts.records[251] = fake.safe("cid-gone", fake.SERVER, fake.ADA, "bag/000", 9)
    facts.records[252] = fake.safe("cid-older", fake.SERVER, fake.ADA, "bag/001/x", 9) -- other bytes are there now
    facts.sources = { { id = fake.SERVER, url = "http://192.168.1.2:3826" } }
    local answer_of, after, shown = asked.of(fake.node(facts)), nil, {}
    for page = 1, 3 do
      local part = assert(answer_of { command = "folder", what = "bag/", from = fake.ADA, after = after })
      assert.equal(page < 3, part.more)
      for _, file in ipairs(part.files) do
        shown[#shown + 1] = file.path .. " " .. file.cid
        assert.equal(fake.SERVER, file.sources[1].id)
        after = file.path
      end
    end
    assert.equal(251, #shown)
    assert.same({ "000 cid-gone", "001/x cid1", "250/x cid250" }, { shown[1], shown[2], shown[251] })
    assert.equal("missing", select(3, answer_of { command = "folder", what = "bag/001/x" }))
    assert.equal("form", select(3, answer_of { command = "folder" }))
    assert.equal("form", select(3, answer_of { command = "sources", what = "bag/", from = 7 }))
  end)

  it("gives the key only when asked for it", function()
    assert.is_nil(answer({ command = "identity" }).key)
    assert.matches("^CAESQ", answer({ command = "identity", secret = true }).key)
  end)

  it("answers in canonical JSON whatever the facts are", function()
    local facts = fake.two()
    facts.nodes[2].name, facts.nodes[2].via.rtt_us = "bad\27[2J\nname\255", 412.7
    facts.records[1].data = { names = { "a\nb", 7, {} }, size = "big" }
    facts.files = { { name = "\0\255", size = 1 / 0, state = "growing", progress = 0 / 0 } }
    facts.refused = { form = 2 ^ 60 }
    for _, name in ipairs { "status", "discover", "summary", "report", "files", "identity" } do
      local text = json.encode((answer({ command = name }, facts)))
      assert(json.decode(text))
      assert.is_nil(text:find "[%z\1-\31]")
    end
    assert.equal(412, answer({ command = "discover" }, facts).nodes[2].via.rtt_us)
  end)
end)
