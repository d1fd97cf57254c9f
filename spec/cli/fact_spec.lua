-- fact_spec.lua - `fact` at a whole daemon: for a time, as long as a command runs, ended, listed; what is refused.
local folder = require "spec.folder"
local json = require "core.json"
local process = require "spec.process"
local uv = require "luv"

describe("dt-swarm-cli fact", function()
  local w, ada

  setup(function()
    w = process.new()
    ada = w:start("ada", {})
  end)
  teardown(function() w:close() end)

  local function value(name)
    for _, row in ipairs(ada:ask "fact".facts) do
      if row.fact == name and row.counts then return row.value end
    end
  end

  it("tells a fact for a time, and ends it before", function()
    local said, code = ada:cli "fact driving no --for 10min --why 'on its stand'"
    assert.equal(0, code, said)
    assert.matches("driving +no +10 min +on its stand", said)
    assert.is_false(value "driving")
    said = ada:cli "fact driving end"
    assert.equal("driving is unknown again.\n", said)
    assert.is_nil(value "driving")
    assert(ada:cli "fact recording yes --for 1s")
    assert.truthy(process.within(10, function() return value "recording" == nil end))
  end)

  it("tells it as long as a command runs, and ends as that did", function()
    local said, code = ada:cli(("fact busy yes -- sh -c './dt-swarm-cli %s fact; exit 7'"):format(ada.socket))
    assert.matches("busy +yes +while it runs", said)
    assert.equal(7, code)
    assert.truthy(process.within(10, function() return value "busy" == nil end))
  end)

  it("tells it no longer once the command, or what runs it, was killed", function()
    for _, victim in ipairs { "sleep 77", "dt-swarm-cli" } do
      os.execute(("rm -f %s/pids; ./dt-swarm-cli %s fact busy yes -- sh -c 'echo $$ > %s/pids; exec sleep 77' & \z
        echo $! > %s/cli"):format(w.dir, ada.socket, w.dir, w.dir))
      assert.truthy(process.within(10, function()
        return value "busy" and (folder.read(w.dir .. "/pids") or ""):find "\n"
      end), victim)
      os.execute(("kill -9 $(%s)"):format(victim == "sleep 77" and ("cat %s/pids"):format(w.dir)
        or ("cat %s/cli"):format(w.dir)))
      assert.truthy(process.within(10, function() return value "busy" == nil end), victim)
      os.execute(("kill -9 $(cat %s/pids) 2>/dev/null"):format(w.dir))
    end
  end)

  it("says what a time or a command lacks before anybody is asked", function()
    for words, fault in pairs {
      ["busy yes 10s"] = "10s would be a command; for a time write %-%-for 10s",
      ["busy yes --for 1h -- true"] = "but not both",
      ["busy yes"] = "for how long is busy so%?",
    } do -- any order
      local said, code = ada:cli("fact " .. words)
      assert.matches("^fact: .*" .. fault, said)
      assert.equal(3, code)
    end
    assert.same({}, ada:ask "fact".facts)
  end)

  it("says that the daemon stopped before the command did, and ends as that did", function()
    local bea = w:start("bea", {})
    local said, code = bea:cli(("fact busy yes -- sh -c 'kill %d; while [ -e %s ]; do sleep 0.05; done; exit 5'")
      :format(bea.pid, bea.socket))
    assert.equal("The daemon stopped meanwhile: from then on it was not told that busy is yes.\n", said)
    assert.equal(5, code)
  end)

  it("tells it again to a daemon that starts anew while the command runs, and says for how long it did not", function()
    local carl = w:start("carl", {})
    os.execute(("./dt-swarm-cli %s fact busy yes -- sh -c 'while [ ! -e %s/enough ]; do sleep 0.05; done; exit 6' \z
      >%s/said 2>&1; echo $? >>%s/said"):format(carl.socket, w.dir, w.dir, w.dir):gsub("^", "( ") .. " ) &")
    local function is_told()
      local answer = carl:ask "fact"
      return answer and answer.facts[1] and answer.facts[1].fact == "busy"
    end
    assert(process.within(10, is_told), folder.read(w.dir .. "/said") or carl:log())
    carl:stop()
    carl = w:start("carl", {})
    assert.truthy(process.within(20, is_told))
    folder.write(w.dir .. "/enough", "")
    assert.truthy(process.within(10, function() return (folder.read(w.dir .. "/said") or ""):find "%d\n$" end))
    assert.matches("^The daemon started anew meanwhile: for [%d.]+ %a+ it was not told that busy is yes.\n6\n$",
      folder.read(w.dir .. "/said"))
  end)

  it("ends with the connection, however that ends, and by another line on it", function()
    local request = { command = "fact", name = "busy", value = true, connected = true }
    local function told() return value "busy" end
    local function gone() return value "busy" == nil end
    local one = ada:connect()
    assert.is_true(one:ask(request).continues)
    assert.is_true(told())
    one:send { over = true }
    assert.is_nil(one:receive().continues)
    assert.truthy(process.within(10, gone))
    assert.is_true(one:ask(request).continues) -- the same connection may tell another
    one:close()
    assert.truthy(process.within(10, gone))
    for _, more in ipairs { "", ("x"):rep(200000), ("{}\n"):rep(20000) } do
      for _, says_last in ipairs { true, false } do -- a client that says no more, or one that could
        local pipe = uv.new_pipe(false)
        pipe:connect(ada.socket)
        pipe:write(json.encode(request) .. "\n")
        assert.truthy(process.within(10, function()
          uv.run "nowait"
          return told()
        end))
        pipe:write(more)
        if says_last then pipe:shutdown() end
        for _ = 1, 5 do uv.run "nowait" end
        pipe:close()
        uv.run "nowait"
        assert.truthy(process.within(10, gone), #more)
      end
    end
  end)

  it("takes a request as other programs write it", function()
    local one = ada:connect()
    assert(one.stream:send('{"seconds": 60, "value": 80, "command": "fact", "name": "battery"}\n'))
    local answer = one:receive()
    assert.is_nil(answer.error)
    assert.equal(80, value "battery")
    one:ask { command = "fact", name = "battery", ["end"] = true }
    one:close()
  end)

  it("counts the connections of one user as the daemon counts what goes on", function()
    local list, refused = {}, nil
    for i = 1, 14 do
      list[i] = ada:connect()
      local answer = list[i]:ask { command = "fact", name = "recording", value = true, connected = true }
      refused = refused or answer.error and answer.error.word
    end
    assert.equal("full", refused)
    local n = #ada:ask "fact".facts
    assert.equal(12, n)
    for _, one in ipairs(list) do one:close() end
    assert.truthy(process.within(10, function() return #ada:ask "fact".facts == 0 end))
  end)

  it("refuses the 17th, and says what would be right", function()
    local one = ada:connect()
    for _ = 1, 16 do
      assert.is_nil(one:ask { command = "fact", name = "busy", value = true, seconds = 60 }.error)
    end
    local refused = one:ask { command = "fact", name = "estop", value = true, seconds = 60 }.error
    assert.equal("full", refused.word)
    assert.matches("16 facts are told already; end one", refused.text)
    assert.equal(16, one:ask { command = "fact", name = "busy", ["end"] = true }.ended)
    one:close()
  end)

  it("refuses what cannot be told, by a word or with what to type", function()
    for words, wanted in pairs {
      ["fact busi yes --for 10s"] = { 1, "did you mean busy" },
      ["fact busy perhaps --for 10s"] = { 3, "none of yes, no, end" },
      ["fact busy yes"] = { 3, "for how long" },
      ["fact busy yes --for 10s -- true"] = { 3, "for how long" },
      ["fact busy"] = { 3, "what of busy" },
      ["fact busy yes --for 25h"] = { 4, "1 s to 24 h" },
      ["fact busy yes --for soon"] = { 3, "10s, 5min, 2h" },
      ["fact busy 3 --for 10s"] = { 4, "busy is yes or no" },
      ["fact battery yes --for 10s"] = { 4, "whole number of percent" },
    } do
      local said, code = ada:cli(words)
      assert.matches(wanted[2], said, 1, true)
      assert.equal(wanted[1], code, words)
    end
    for _, seconds in ipairs { -1, 0, 1000000000 } do
      local connection = ada:connect()
      local answer = connection:ask { command = "fact", name = "busy", value = true, seconds = seconds }
      connection:close()
      assert.equal("form", answer.error.word)
    end
    assert.same({}, ada:ask "fact".facts)
  end)
end)
