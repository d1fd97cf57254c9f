-- edits_spec.lua - the routing table is edited again and again while lines go by it: none of them is lost, and none
-- comes twice. Whole daemons, and two sockets that stand for the next hops.
-- mostly waits: for policies that are read
local hash = require "core.hash"
local json = require "core.json"
local key = require "core.key"
local loopback = require "spec.loopback"
local net = require "core.net"
local patience = require "spec.patience"
local process = require "spec.process"
local uv = require "luv"

local EDITS <const> = os.getenv "DT_SWARM_SOAK" and 50 or 10
local LINES <const> = 200 -- an edit
local AT_ONCE <const>, PAUSE <const> = 10, 4 -- lines; ms, in which the sockets are read
local UNDER_WAY <const> = 100 -- lines: a daemon that stood still sends all that wait, and a socket has room for 277
local CALL_S <const> = 10 -- a call that nobody answers is given up after 25 s

-- A node that nobody ever heard: only the routing table knows where it is.
local FAR <const> = key.generate(hash.blake2b "a node that is far"):id()

describe("lines by a route that is edited meanwhile", function()
  local w, ada, sinks, heard
  local port = loopback.free_port()

  before_each(function()
    w = process.new()
    sinks, heard = {}, {}
    for i = 1, 2 do sinks[i] = assert(net.udp { host = "127.0.0.1", port = 0 }) end
  end)
  after_each(function()
    for _, sink in ipairs(sinks) do sink:close() end
    w:close()
  end)

  -- What is one medium's fair share is no matter here.
  local CHANNELS <const> = [[p.routing.channels = { { "/ip4/0.0.0.0/udp/3825/dswarm-line", budget = 100 * MB },
    "/ip4/127.0.0.1/tcp/%d/dswarm-line" }
]]

  local function save(i)
    local line = 'p.routing.routes["/dswarm/%s/*"] = "/ip4/127.0.0.1/udp/%d/dswarm-line/$0"'
    return w:policy("ada.lua", CHANNELS:format(port) .. line:format(FAR, sinks[i]:port()))
  end

  -- Takes what came: number of a line → how often; and of each socket how many.
  local function drain()
    for i, sink in ipairs(sinks) do
      local datagram = sink:receive()
      while datagram do
        local number = math.tointeger(tonumber(datagram:match " call (%d+) "))
        assert.is_truthy(number, datagram)
        heard[number], heard[-i] = (heard[number] or 0) + 1, (heard[-i] or 0) + 1
        datagram = sink:receive()
      end
    end
  end

  -- TELLER: the daemon by which the lines are said.
  local function edit_and_count(teller)
    local asked, lines, begun = ada:connect(), nil, nil
    local sent, slowest, waiting = 0, 0, ""
    local function came() return (heard[-1] or 0) + (heard[-2] or 0) end
    local function say(count)
      for _ = 1, count do
        sent = sent + 1
        local rest = ("%011d numbered"):format(sent)
        local request = not begun and { command = "call", to = FAR, rest = rest } or { rest = rest }
        begun = begun or patience.now()
        waiting = waiting .. json.encode(request) .. "\n"
      end
      waiting = waiting:sub((lines.stream:send(waiting) or 0) + 1) -- a socket takes what it has room for
      uv.sleep(PAUSE)
      drain()
    end
    local function all_came()
      local took = process.within(5, function()
        say(0)
        return came() >= sent
      end)
      assert.is_truthy(took, ("%d of %d lines came\n%s"):format(came(), sent, ada:log()))
    end
    local function call()
      if lines then
        all_came()
        lines:close()
      end
      lines, begun = teller:connect(), nil
      say(1)
      assert.equal(FAR, lines:receive().calling)
      all_came() -- a connection that is only beginning holds a few lines alone
    end
    call()
    for edit = 1, EDITS do
      local to = edit % 2 + 1
      local saved, in_force = patience.now(), nil
      save(to)
      local until_line
      while not until_line or sent < until_line do -- so many once it is in force, however long that took
        if patience.now() - begun > CALL_S then call() end
        say(sent - came() < UNDER_WAY and AT_ONCE or 0)
        local target = asked:ask { command = "route-list" }.routes[1].target
        if not in_force and target:find(("/%d/"):format(sinks[to]:port()), 1, true) then
          in_force, until_line = patience.now(), sent + LINES
        end
        assert(patience.now() - saved < 60, ada:log())
      end
      slowest = math.max(slowest, in_force - saved)
    end
    patience.took("the slowest of the edits is in force", slowest, 0.2)
    all_came()
    for number = 1, sent do assert.equal(1, heard[number], "line " .. number) end
    local least = EDITS * LINES // 4 -- of half of the edits half of the lines
    assert.is_true(heard[-1] > least and heard[-2] > least, "both next hops had their share")
    print(("# %d lines over %d edits: %d by the one next hop, %d by the other, none lost"):format(sent, EDITS,
      heard[-1], heard[-2]))
    asked:close()
    lines:close()
  end

  it("reach the next hop, each once, before and after each edit", function()
    ada = w:start("ada", { policy = save(1) })
    edit_and_count(ada)
  end)

  it("do so, too, where they are another node's, and are passed on", function()
    ada = w:start("ada", { policy = save(1) })
    local bea = w:start("bea", { policy = w:policy("bea.lua", ([[
p.routing.channels = { "/ip4/127.0.0.1/tcp/%d/dswarm-line" }
p.routing.routes["/dswarm/%s/*"] = "/ip4/127.0.0.1/tcp/%d/dswarm-line/$0"]]):format(loopback.free_port(), FAR, port)) })
    edit_and_count(bea)
  end)
end)
