-- reload_spec.lua - `policy reload` where the daemon starts anew just then for what was saved: it is asked again, soon
-- and not for ever; nothing else is said twice. The command is a process, the daemon a script that hangs up.
-- mostly waits: for a daemon that hangs up
local folder = require "spec.folder"
local patience = require "spec.patience"

-- Hangs up on as many as it is told, is away for half a second, and then answers all; writes down what it hears.
local DAEMON <const> = [[
local uv = require "luv"
local path, hangs_up, out = arg[1], tonumber(arg[2]), arg[3]
local function listen(heard)
  local server = uv.new_pipe(false)
  assert(server:bind(path))
  server:listen(16, function()
    local one = uv.new_pipe(false)
    server:accept(one)
    one:read_start(function(_, bytes)
      if not bytes then return one:close() end
      local file = io.open(out, "a")
      file:write(bytes)
      file:close()
      heard(server, one)
    end)
  end)
end
local function answer(_, one) one:write '{"changes":[],"command":"reload","schema":1}\n' end
listen(hangs_up == 0 and answer or function(server, one)
  one:close()
  hangs_up = hangs_up - 1
  if hangs_up > 0 then return end
  server:close()
  os.remove(path)
  local timer = uv.new_timer()
  timer:start(500, 0, function() listen(answer) end)
end)
print "listens"
io.stdout:flush()
uv.run()
]]

describe("policy reload", function()
  local place, pid
  before_each(function()
    place = folder.new()
    folder.write(place.path .. "/daemon.lua", DAEMON)
  end)
  after_each(function()
    os.execute("kill -KILL " .. pid)
    place.remove()
  end)

  local function start(hangs_up)
    local pipe = io.popen(("%s %s/daemon.lua %s/sock %d %s/heard >%s/said 2>&1 & echo $!"):format(
      os.getenv "LUA" or "lua5.4", place.path, place.path, hangs_up, place.path, place.path))
    pid = pipe:read "l"
    pipe:close()
    assert(patience.within(5, function() return folder.read(place.path .. "/said") == "listens\n" end))
  end

  -- → what is said, exit code, how often the daemon was asked
  local function run(command)
    local pipe = io.popen(("./dt-swarm-cli %s/sock %s --json 2>&1"):format(place.path, command))
    local said = pipe:read "a"
    local _, _, code = pipe:close()
    return said, code, select(2, folder.read(place.path .. "/heard"):gsub("\n", ""))
  end

  it("asks again where the daemon hangs up, and where it is away for a moment after that", function()
    start(2)
    assert.same({ '{"changes":[],"command":"reload","schema":1}\n', 0, 3 }, { run "policy reload" })
  end)

  it("is the only one: another command says that it hung up", function()
    start(1)
    local said, code, times = run "status"
    assert.same({ 2, 1 }, { code, times })
    assert.matches("hung up without an answer", said)
  end)

  it("gives up after a while", function()
    start(1000000)
    local said, code, times = run "policy reload"
    assert.equal(2, code)
    assert.matches("hung up without an answer", said)
    assert.is_true(times > 2 and times <= 60, times)
  end)
end)
