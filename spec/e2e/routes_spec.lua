-- routes_spec.lua - a line of the routing table sends a robot's lines by a server: live at a save, and for now by
-- `route set`. Whole daemons on the wire, which counts.
-- mostly waits: for daemons that meet
local folder = require "spec.folder"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"
local wire = require "spec.net.wire"

local HOSTS <const> = { "ada", "server", "other", "bea" }
local AWAY <const> = "carl" -- behind a router, where nobody of the others is heard
local TWIN <const> = "twin" -- another robot that is called bea
local PINGS <const> = os.getenv "DT_SWARM_SOAK" and 40 or 5

describe("a line of the routing table", function()
  local s, why, bea

  local function within(bar, what, test)
    local took = swarm.within(bar, test)
    assert.is_truthy(took, what .. "\n" .. s:cli("ada", "route get bea") .. s:logs())
    patience.took(what, took, bar)
  end

  local function line(component, next)
    return ('p.routing.routes["/dswarm/%s/%s"] = "/ip4/%s/udp/3825/dswarm-line/$0"\n'):format(bea, component,
      s.world:address(next))
  end

  local function policy(routes)
    folder.write(s:path("ada", "my.lua"), 'local p = extend "duckiebot"\n' .. routes .. "return p\n")
  end

  setup(function()
    s, why = swarm.new({ AWAY, TWIN, table.unpack(HOSTS) }, nil, { wire = true, seed = 4, nat = { north = { AWAY } },
      names = { [TWIN] = "bea" } })
    if not s then return end
    for _, host in ipairs { AWAY, TWIN, table.unpack(HOSTS) } do swarm.sh("mkdir -p " .. s:path(host, "share")) end
    s.world:cut("ada", "bea") -- neither hears the other
    s.world:cut("bea", "ada")
    policy ""
    for _, host in ipairs(HOSTS) do
      if host ~= "bea" then s:start(host, host == "ada" and s:path("ada", "my.lua") or "") end
    end
    assert(swarm.within(10, function() return #s:names "ada" == 3 end), s:logs())
    s:start("bea", "") -- last: the servers pass on what she says as she comes
    assert(swarm.within(10, function()
      local answer = s:ask("bea", "identity")
      bea = answer and answer.id
      return bea
    end), s:logs())
  end)

  teardown(function() if s then s:close() end end)

  -- Over whom lines go from ada to bea, by their labels.
  local function trace()
    local names = {}
    for i, hop in ipairs((s:ask("ada", "trace bea") or { hops = {} }).hops) do names[i] = hop.label or hop.code end
    return table.concat(names, " ")
  end

  -- Frames to HOST alone, and lines that it says it passed on. A line may take the connection of a repair.
  local function heard(host)
    local counters = s.world:counters()
    return wire.sum(counters, host, "out", "udp") + wire.sum(counters, host, "out", "tcp"),
      ((s:ask(host, "channels") or {}).relay or { lines = 0 }).lines
  end

  local function ping(count)
    local answer = s:ask("ada", "ping bea --count " .. count)
    return answer and answer.answered or 0
  end

  it("sends what is for another robot by the server that it names, and no other", function()
    if not s then return pending(why) end
    within(10, "ada hears of bea by the servers", function()
      return ping(1) == 1
    end)
    for _, each in ipairs { { "server", "other" }, { "other", "server" } } do
      local by, beside = table.unpack(each)
      local saved = patience.now()
      policy(line("brain", by) .. line("ping", by))
      within(5, "the route is in force after its save", function()
        return s:ask("ada", "route get bea").head == "channel"
      end)
      patience.took("a route that was saved is in force", patience.now() - saved, 0.2)
      within(5, "a line goes by it", function() return trace() == by .. " bea" end)
      local before, over = heard(by)
      local other_before, other_over = heard(beside)
      assert.equal(PINGS, ping(PINGS), s:logs())
      local frames, lines = heard(by)
      local other_frames, other_lines = heard(beside)
      print(("# %d pings: %d frames to %s, which passed on %d lines, %d to %s, which passed on %d"):format(PINGS,
        frames - before, by, lines - over, other_frames - other_before, beside, other_lines - other_over))
      assert.is_true(frames - before >= 2 * PINGS, "the ping, and the pong on its way back")
      assert.is_true(lines - over >= PINGS, "it passed them on")
      assert.is_true(other_lines - other_over < PINGS, "by the other one go second tries of before, if any")
      local rows = s:ask("ada", "route list").routes
      assert.is_true(rows[2].count >= PINGS and rows[2].origin == "my.lua:3", rows[2].origin)
      policy ""
      within(5, "and without it again by whatever way there is", function()
        return s:ask("ada", "route get bea").head == "node"
      end)
    end
  end)

  it("has a robot in another network connect to that server, show who it is, and send its lines there", function()
    if not s then return pending(why) end
    folder.write(s:path(AWAY, "my.lua"), ('local p = extend "duckiebot"\np.routing.routes["/dswarm/%s/*"] = \z
      "/ip4/%s/tcp/3825/dswarm-line/$0"\nreturn p\n'):format(bea, s.world:address "server"))
    local answer
    for _ = 1, 3 do -- a second try is said after 2 s, which may pass on a busy machine
      s:start(AWAY, s:path(AWAY, "my.lua"))
      within(10, "its daemon is there", function() return s:ask(AWAY, "identity") end)
      answer = s:ask(AWAY, ("ping %s --count 1"):format(bea))
      if answer and answer.tries[1].tries == 1 then break end
      s:stop(AWAY)
    end
    assert.is_truthy(answer, s:log(AWAY) .. s:log "server")
    assert.same({ 1, 1, bea }, { answer.answered, answer.tries[1].tries, answer.tries[1].id })
  end)

  it("may be set for now, and is gone with the daemon", function()
    if not s then return pending(why) end
    local pattern = ("'/dswarm/bea/*'")
    local text, code = s:cli("ada", ("route set %s '/dswarm/other/$0'"):format(pattern))
    assert.equal(0, code, text)
    assert.truthy(text:find("until the daemon starts again", 1, true), text)
    within(5, "a line goes by the node that was set", function() return trace() == "other bea" end)
    policy "p.tags = { 'x' }\n"
    within(5, "a reload takes it not away", function()
      return s:cli("ada", "policy show tags"):find("x", 1, true) and #s:ask("ada", "route list").routes == 1
    end)
    within(5, "a line goes by it still", function() return trace() == "other bea" end)
    s:start(TWIN)
    local keys
    within(10, "by a name that two have it rests, and says both", function()
      local row = (s:ask("ada", "route list") or { routes = {} }).routes[1]
      keys = row and row.code == "ambiguous" and row.rests
      return keys
    end)
    for _, id in ipairs { bea, s:ask(TWIN, "identity").id } do assert.truthy(keys:find(id, 1, true), keys) end
    assert.equal(0, select(2, s:cli("ada", ("route set '/dswarm/bea~%s/*' '/dswarm/other/$0'"):format(bea:sub(-6)))))
    within(5, "by name~key it is taken", function()
      local answer = s:ask("ada", "route get " .. bea)
      return answer and answer.steps[1] and answer.steps[1].pattern:find("~", 1, true)
    end)
    s:stop "ada"
    s:start("ada", s:path("ada", "my.lua"))
    within(10, "the daemon is there again", function()
      local answer = s:ask("ada", "route list")
      return answer and not answer.routes[1]
    end)
  end)
end)
