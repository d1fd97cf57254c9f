-- exec_spec.lua - programs as channels: bad ones, slow ones, and who may be run at all. Real processes.
-- mostly waits: for programs that are started again
local channels = require "routing.channels"
local disks = require "core.disk"
local exec = require "routing.channels.exec"
local folder = require "spec.folder"
local lone_lines = require "routing.channels.lone_lines"
local pipe = require "spec.routing.pipe"
local programs = require "routing.channels.programs"
local random = require "core.random"
local stub = require "spec.net.stub"
local till = require "spec.net.till"
local uid = require "paths".uid()

local sigpipe = require "luv".new_signal() -- the daemon ignores it (core/main.c): some programs end before they read
sigpipe:start("sigpipe", function() end)
sigpipe:unref()

local function ping(text) return { head = "* - 8 ping " .. text, kind = "ping" } end

local function statements(n)
  local message = { head = "* - 8 statements", kind = "statements", body = {} }
  for i = 1, n do message.body[i] = ("S%03d"):format(i) .. ("s"):rep(96) end
  return message
end

describe("a channel that is a program", function()
  local L, log, dir, one, told
  before_each(function()
    L, log, dir, told = till.loop(), till.log(), folder.new(), { downs = {}, ups = 0, heard = {} }
  end)
  after_each(function()
    if one then one:close() end
    L:close()
    dir.remove()
  end)

  -- The program of that TEXT, running; MORE: what exec.new is given beside.
  local function run(text, more)
    local path = pipe.put(dir.path, "mine", text)
    local given = { loop = L, random = random.seeded(1), log = log, program = "mine", retry_ms = 20,
      find = function() return path end }
    for name, value in pairs(more or {}) do given[name] = value end
    one = exec.new(given)
    stub.open(one, { on_up = function() told.ups = told.ups + 1 end,
      on_room = function() told.room = true end,
      on_down = function(_, why) table.insert(told.downs, why) end,
      on_frame = function(_, _, message)
        if message.list then message.list:close() end
        if more and more.of_use == false then return nil, "quota: no use", "quota" end
        table.insert(told.heard, message)
        return true
      end })
    exec.start(one)
    return one
  end

  it("waits, and says why, where its program closed its input, or ended and left another in its place", function()
    run "#!/bin/sh\nexec <&-\nexec sleep 30\n"
    till.holds(L, function()
      one:send(ping "x")
      return told.downs[1]
    end, 10000)
    assert.matches("^closed: .*standard input", told.downs[1])
    one:close()
    run "#!/bin/sh\nsetsid sleep 5 &\nsleep 0.3\nexit 3\n"
    till.holds(L, function() return one:status().ends > 0 end, 10000)
    assert.matches("^closed: mine ended with 3", told.downs[#told.downs])
  end)

  it("reads what is nobody's, and its standard error, no quicker than is of use", function()
    for text, most in pairs { ["yes '* - 8 ping x'"] = 1 << 17, ["yes >&2"] = 1 << 18 } do
      run("#!/bin/sh\nexec " .. text .. "\n", { of_use = false })
      local began, bytes = L:now(), nil
      till.holds(L, function()
        local row = one:status()
        bytes = row.heard.bytes + 2 * (row.refused.full or 0)
        return L:now() - began > 1000 and bytes > 10000
      end)
      local may = most + ((L:now() - began) << 17) // 1000 + (1 << 16)
      assert.is_true(bytes <= may, ("%s: %d bytes"):format(text, bytes))
      one:close()
    end
  end)

  it("ends a program that prints a line without an end", function()
    run "#!/bin/sh\nexec tr '\\0' S </dev/zero\n"
    till.holds(L, function() return told.downs[1] end, 20000)
    assert.matches("^long: what it prints are not our lines", told.downs[1])
  end)

  it("keeps nothing of what a program prints that does not end when it should", function()
    run "#!/bin/sh\ntrap '' TERM\nb=$(printf '\\001')\nyes $b\nyes $b\n"
    till.holds(L, function() return one.fault end)
    till.passed(L, 300)
    assert.is_true(#one.reader.rest - one.reader.at < 1 << 17, #one.reader.rest)
  end)

  it("is started again when it ends, later and later, and says once why, with its last words", function()
    run "#!/bin/sh\necho no modem here >&2\nexit 7\n"
    local row, ups
    till.holds(L, function() -- on a busy machine it is started once more before we go on
      row, ups = one:status(), told.ups
      return row.ends >= 3
    end, 10000)
    assert.same({ "waiting", 3 }, { row.state, ups })
    assert.matches("^closed: mine ended with 7 after %d+ s; it said: no modem here$", row.reason)
    assert.matches("^Run it by hand and see: /.*/channels/mine$", row.cure)
    assert.equal(row.reason, told.downs[3])
    local said = 0
    for _, line in ipairs(log.lines) do
      if line:find "warn " and line:find "program waits" then said = said + 1 end
    end
    assert.equal(1, said)
    assert.truthy(log:has "text=\"no modem here\"")
    assert.same({ 0, nil, "closed" }, { one:budget(), select(1, one:send(ping "x")), select(3, one:send(ping "x")) })
    assert.is_nil(one.closed)
  end)

  it("is ended when what it prints are no lines of ours, and no memory is taken by a line without end", function()
    run "#!/bin/sh\nwhile :; do head -c 4000 /dev/urandom | tr '\\n' ' '; printf '\\001\\n'; done\n"
    till.holds(L, function() return told.downs[1] end, 10000)
    assert.matches("^form: what it prints are not our lines", told.downs[1])
    assert.is_true(one:status().refused.form > 16)
    one:close()
    run "#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' x; echo; echo '* - 8 ping here'; sleep 60\n"
    till.holds(L, function() return told.heard[1] end, 10000)
    assert.same({ "here", 1 }, { told.heard[1].rest, one:status().refused.long })
    assert.is_true(#one.reader.rest <= 2 * 65536)
  end)

  it("that never reads takes what its queue holds, and no more", function()
    run("#!/bin/sh\nexec sleep 60\n", { stall_ms = 600 })
    till.holds(L, function() return told.room end)
    local n, code = 0, nil
    while not code and n < 100000 do
      local _, _, why = one:send(statements(60))
      n, code = n + 1, why
    end
    assert.equal("full", code)
    assert.is_true(one:status().queued <= 65536)
    assert.is_true(one:budget() < one.traits.frame_max)
    till.holds(L, function() return told.downs[1] end, 10000)
    assert.matches("^slow: it reads nothing", told.downs[1])
  end)

  it("gets no more than its rate, in frames that suit it", function()
    run("#!/bin/sh\nexec cat >" .. dir.path .. "/got\n", { rate = 2000 })
    assert.equal(2000, one.traits.frame_max)
    till.holds(L, function() return told.room end)
    local began, sent = L:now(), 0
    local timer = L:every(5, function()
      if one:send(statements(10)) then sent = sent + 1010 end
    end)
    till.holds(L, function() return L:now() - began >= 1000 and sent >= 2000 end)
    timer:cancel()
    local seconds = (L:now() - began) / 1000
    assert.is_true(sent <= 2000 + 2000 * seconds + 1010, sent)
    assert.is_true((one:status().refused.budget or 0) > 0)
    assert.is_nil(exec.new({ loop = L, random = random.seeded(1), log = log, program = "x" }).rate)
    local slow = exec.new { loop = L, random = random.seeded(1), log = log, program = "x", rate = 150 }
    assert.same({ 1200, 150 }, { slow.traits.frame_max, slow.rate })
  end)

  it("may fill no log by what it says of itself", function()
    run "#!/bin/sh\nwhile :; do echo '\027[31m noise noise noise noise noise noise noise noise noise' >&2; done\n"
    till.holds(L, function() return (one:status().refused.full or 0) > 1000 end, 10000)
    local bytes = 0
    for _, line in ipairs(log.lines) do bytes = bytes + #line end
    assert.is_true(bytes < 65536, bytes)
    assert.is_nil(log:has "\27")
  end)
end)

describe("lines that stand for themselves", function()
  local function read(bytes, step)
    local reader, out = lone_lines.reader(), {}
    for at = 1, #bytes, step do
      reader:feed(bytes:sub(at, at + step - 1))
      repeat
        local message, size = reader:next()
        if message then out[#out + 1] = message.list and message.list:text() or message.rest end
        if message == false then out[#out + 1] = "?" .. size end
      until message == nil
    end
    return table.concat(out, "\n")
  end

  it("are read however they are cut", function()
    local bytes = lone_lines.encode(ping "1") .. lone_lines.encode(statements(3)) .. lone_lines.encode(ping "2")
    local whole = "1\n" .. table.concat(statements(3).body, "\n") .. "\n2"
    for _, step in ipairs { 1, 7, 100, #bytes } do assert.equal(whole, read(bytes, step)) end
  end)

  it("are told from statements where they go back along a return label", function()
    local label = "~" .. ("-"):rep(22)
    local pong = lone_lines.encode { kind = "pong", head = label .. " - 8 pong 1" }
    assert.equal("1\n" .. table.concat(statements(2).body, "\n"), read(pong .. lone_lines.encode(statements(2)), 9))
    assert.is_nil(lone_lines.encode { kind = "pong", head = label .. "x - 8 pong 1" })
  end)

  it("lose none beside the one that is lost", function()
    local bytes = lone_lines.encode(ping "1") .. lone_lines.encode(statements(3)) .. lone_lines.encode(ping "2")
    local lines = {}
    for line in bytes:gmatch "[^\n]+" do lines[#lines + 1] = line end
    for lost = 1, #lines do
      local left = table.move(lines, 1, #lines, 1, {})
      table.remove(left, lost)
      assert.equal(table.concat(left, "\n"):gsub("%* %- 8 ping ", ""), read(table.concat(left, "\n") .. "\n", 50))
    end
  end)

  it("leave out what is too long or no text, once each", function()
    local bytes = ("x"):rep(9000) .. "\n* - 8 ping 1\nS\1\n" .. ("y"):rep(50000) .. "\n* - 8 ping 2\n"
    for _, step in ipairs { 9, 4096, #bytes } do assert.equal("?long\n1\n?form\n?long\n2", read(bytes, step)) end
    assert.equal("S1\n?long\n1", read("S1\n" .. ("x"):rep(9000) .. "\n* - 8 ping 1\n", 20000))
  end)
end)

describe("the programs that may be run", function()
  local dir, set
  before_each(function()
    dir = folder.new()
    local folders = { dir.path .. "/user/channels", dir.path .. "/system/channels" }
    set = programs.new { disk = disks.real(), folders = folders, uid = uid }
  end)
  after_each(function() dir.remove() end)

  local function put(where, mode) return pipe.put(dir.path .. "/" .. where, "modem", "#!/bin/sh\n", mode) end

  local function refused(code, ...)
    local path, text, why = set:find "modem"
    assert.same({ nil, code }, { path, why })
    for _, part in ipairs { ... } do assert.truthy(text:find(part, 1, true), text) end
  end

  it("lie in the user's folder or in the system's, in this order", function()
    refused("missing", "put one into " .. dir.path .. "/user/channels or " .. dir.path .. "/system/channels")
    local path = put "system"
    assert.equal(path, set:find "modem")
    path = put "user"
    assert.equal(path, set:find "modem")
  end)

  it("are the owner's alone: nobody else may write them, nor their folder, and no link leads away", function()
    local path = put "user"
    put "system"
    for _, mode in ipairs { "775", "757", "777" } do
      os.execute(("chmod %s %s"):format(mode, path))
      refused("permission", path, "may be written by others", "chmod go-w")
    end
    os.execute(("chmod 644 %s"):format(path))
    refused("permission", "is not executable", "chmod +x")
    os.execute(("chmod 755 %s; chmod 775 %s/user/channels"):format(path, dir.path))
    refused("permission", "/user/channels may be written by others")
    os.execute(("chmod 755 %s/user/channels; mv %s %s.real; ln -s modem.real %s"):format(dir.path, path, path, path))
    refused("permission", "is no regular file")
    os.execute(("rm %s; mkdir %s"):format(path, path))
    refused("permission", "is no regular file")
    if uid == 0 then
      os.execute(("rmdir %s; mv %s.real %s; chown 61001 %s"):format(path, path, path, path))
      refused("permission", "belongs to another user")
    end
  end)

  it("are named by the policy's address, and opened by it", function()
    local L = till.loop()
    local given = { loop = L, net = {}, random = random.seeded(1), log = till.log(), programs = set,
      add = function(made) return stub.open(made, {}) end }
    local open = channels.new(given)
    local list = { { address = "/exec/modem/dswarm-line", budget = 150 } }
    local ok, text, code = open:apply(list)
    assert.same({ nil, "missing" }, { ok, code })
    assert.matches("^routing%.channels%[1%]: /exec/modem/dswarm%-line: missing: there is no program modem", text)
    pipe.put(dir.path .. "/user", "modem", "#!/bin/sh\nexec cat\n")
    assert.is_true(open:apply(list))
    till.holds(L, function() return open:status()[1].state == "up" end)
    assert.same({ "exec", 1200 }, { open:status()[1].kind, open:at(list[1].address).traits.frame_max })
    local pid = open:at(list[1].address).child.pid
    assert.is_true(open:apply {})
    till.holds(L, function() return not io.open(("/proc/%d/stat"):format(pid)) end)
    open:stop()
    L:close()
  end)
end)
