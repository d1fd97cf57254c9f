-- redraw_spec.lua - `--watch`: a terminal (tmux) is drawn in place, at any size; elsewhere what changed is said again.
local folder = require "spec.folder"
local json = require "core.json"
local swarm = require "spec.e2e.swarm"
local terminal = require "spec.terminal"
local width = require "cli.width"

describe("--watch", function()
  local s, why, screen

  setup(function()
    s, why = swarm.new { "ada", "bea" }
    if not s then return end
    folder.write(s.dir .. "/ada.lua", 'local p = extend "default"\n'
      .. "p.clients.logs.settle = { least = 0, per = 32 * MB, most = 1 }\nreturn p\n")
    s:start("ada", s.dir .. "/ada.lua")
    s:start "bea"
    assert(swarm.within(10, function() return #s:names "ada" == 2 end))
  end)

  teardown(function()
    if not s then return end
    if screen then screen:close() end
    s:close()
  end)

  -- The screen once it has WANTED; all its lines fit.
  local function shows(wanted, columns)
    local text
    assert.is_truthy(swarm.within(10, function()
      text = screen:screen()
      return text:find(wanted)
    end), text)
    for line in text:gmatch "[^\n]+" do assert.is_true(width.of(line) <= columns, line) end
    return text
  end

  local function watch(command, columns, lines)
    if screen then screen:close() end
    screen = terminal.start(("seq 5; %s/dt-swarm-cli %s %s --watch"):format(s.here,
      s:path("ada", "state/control.sock"), command), columns, lines)
  end

  it("draws a table in place, only the lines that changed, and leaves the last picture", function()
    if not s then return pending(why) end
    watch("discover", 80, 24)
    local text = shows("2 nodes%.", 80)
    assert.matches("^NAME ", text)
    local titles = text:match "^[^\n]+"
    screen:record(s.dir .. "/drawn")
    s:stop "bea"
    text = shows("bea +%w+ +%w+ +left", 80)
    assert.matches("^NAME ", text)
    assert.is_nil(text:find("\nNAME ", 1, true), text)
    local drawn
    assert.truthy(swarm.within(5, function() -- it is written down a little later
      drawn = folder.read(s.dir .. "/drawn")
      return drawn:find("left", 1, true)
    end))
    if text:match "^[^\n]+" == titles then -- a column is wider where an answer took 10 ms
      assert.is_nil(drawn:find("NAME", 1, true), "the line of titles did not change")
    end
    assert.is_nil(drawn:find("\27[2J", 1, true))
    s:start "bea"
    shows("bea +%w+ +%w+ +ready", 80)
    screen:press "C-c"
    text = shows("exit 130", 80)
    assert.matches("^NAME .*2 nodes%.", text)
  end)

  it("keeps to the window, however small, to its end, and to a daemon that starts again", function()
    if not s then return pending(why) end
    watch("status", 50, 12)
    local text = shows("… %d+ lines more", 50)
    assert.matches("^ada ", text)
    assert.truthy(text:find "channels up%." or text:find "means%.\n" or text:find "twice%.\n", text) -- what was refused
    screen:resize(80, 40)
    text = shows("control .*channels up%.", 80)
    assert.is_nil(text:find("lines more", 1, true), text)
    local pid = (s:ask("ada", "status")).node.started
    s:stop "ada"
    s:start("ada", s.dir .. "/ada.lua")
    assert.is_truthy(swarm.within(10, function()
      local answer = s:ask("ada", "status")
      return answer and answer.node.started ~= pid
    end))
    folder.write(s:path("ada", "share") .. "/x.bag", "")
    shows("share .*, 1 file\n", 80)
  end)

  it("prints again where there is no terminal when more than ages changed; --json: a line each", function()
    if not s then return pending(why) end
    for _, more in ipairs { "", " --json" } do
      local out, name = s.dir .. "/out", more == "" and "one.bag" or "two.bag"
      local code = select(2, swarm.sh(([[cd %s; ./dt-swarm-cli %s files --watch%s >%s 2>&1 & pid=$!
        for i in $(seq 1200); do [ -s %s ] && break; sleep 0.05; done; sleep 0.3; echo %s > %s/%s
        for i in $(seq 1200); do grep -q '%s.*bafk' %s && break; sleep 0.05; done; kill -INT $pid; wait $pid]]):format(
        s.here, s:path("ada", "state/control.sock"), more, out, out, name, s:path("ada", "share"), name, name, out)))
      local text, pictures, last = folder.read(out), 0, nil
      assert.equal(130, code, text)
      if more == "" then
        for picture in (text .. "\n"):gmatch "(.-\n)\n" do
          pictures = pictures + 1
          assert.not_equal(last, picture)
          last = picture
        end
        assert.is_true(pictures >= 2 and pictures <= 8, text)
      else
        for line in text:gmatch "[^\n]+" do assert.equal("files", assert(json.decode(line)).command) end
      end
    end
    local said, code = s:cli("ada", "summary --watch")
    assert.equal(3, code, said)
  end)
end)
