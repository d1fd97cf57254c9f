-- trace_spec.lua - whole daemons in a row by their routes: each hop of a trace names itself, and the wire counted just
-- those frames; also while a route changes, and where two robots have one name.
-- mostly waits: for daemons that meet
local folder = require "spec.folder"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"
local wire = require "spec.net.wire"

local HOSTS <const> = { "ada", "rita", "rolf", "rosa", "bea", "twin" }
local TRACES <const> = os.getenv "DT_SWARM_SOAK" and 200 or 8
local APART <const> = 0.25 -- s between two traces: more would be more than UDP's share of the air carries
-- IPv4 alone: addresses of IPv6, which are proved a few seconds after the start, would be counted, too.
local POLICY <const> = [[
local p = extend "duckiebot"
p.routing.channels = { "/ip4/0.0.0.0/udp/3825/dswarm-line", "/ip4/0.0.0.0/tcp/3825/dswarm-line" }
%sreturn p
]]
local NOBODY <const> = "12D3KooWQ1vBXn8rCzEe4yqS5kTq7Zy3mCw2Jd9hUu1o5Ls17f3a"

describe("a trace over routes", function()
  local s, why
  local again = 0 -- lines of traces that were said once more, for want of an answer

  local function within(bar, what, test)
    local took = swarm.within(bar, test)
    assert.is_truthy(took, what .. "\n" .. s:cli("ada", "trace bea --json") .. s:logs())
    patience.took(what, took, bar)
  end

  -- HOST sends what is for bea to the host NEXT, or over NEXT, the beginning of an address; nil: by whatever way.
  local function policy(host, next)
    local over = next and (next:sub(1, 1) == "/" and next or ("/ip4/%s/udp/3825/dswarm-line"):format(
      s.world:address(next)))
    local route = over and ('p.routing.routes["/dswarm/bea/*"] = "%s/$0"\n'):format(over) or ""
    folder.write(s:path(host, "my.lua"), POLICY:format(route))
  end

  -- The same until HOST starts again, without a new policy.
  local function set(host, next)
    local text, code = s:cli(host, ("route set '/dswarm/bea/*' '/ip4/%s/udp/3825/dswarm-line/$0'"):format(
      s.world:address(next)))
    assert(code == 0, text)
  end

  setup(function()
    s, why = swarm.new(HOSTS, nil, { wire = true, seed = 3, names = { twin = "bea" } })
    if not s then return end
    for _, host in ipairs(HOSTS) do swarm.sh("mkdir -p " .. s:path(host, "share")) end
    policy("ada", "rita")
    policy("rita", "rolf")
    for _, host in ipairs { "rolf", "rosa", "bea", "twin" } do policy(host) end
    for _, host in ipairs { "ada", "rita", "rolf", "rosa", "bea" } do s:start(host, s:path(host, "my.lua")) end
  end)
  teardown(function() if s then s:close() end end)

  -- The labels of those who answered a trace from ada to WHO, and whether its end was reached.
  local function trace(who)
    local answer = s:ask("ada", "trace " .. (who or "bea"))
    local names = {}
    for i, hop in ipairs(answer and answer.hops or {}) do
      names[i], again = hop.label or hop.code, again + math.max(hop.tries - 1, 0)
    end
    return table.concat(names, " "), answer and answer.done
  end

  -- Frames to one alone that came to each host, as the wire counted them, and lines that it says it passed on. A line
  -- may take the connection of a repair.
  local function heard()
    local counters, frames, lines = s.world:counters(), {}, {}
    for _, host in ipairs(HOSTS) do
      frames[host] = wire.sum(counters, host, "out", "udp") + wire.sum(counters, host, "out", "tcp")
      lines[host] = ((s:ask(host, "channels") or {}).relay or { lines = 0 }).lines
    end
    return frames, lines
  end

  -- A trace over N nodes has the I-th one hear 2 (N - I) + 1 frames: the probe that ends there, and of each that goes
  -- on the way there and the way back; both of these it passes on. COUNTS: traces by the node in the middle.
  local function assert_counted(frames, lines, counts)
    local now, passed = heard()
    local all = 0
    for _, n in pairs(counts) do all = all + n end -- a sum
    local rolf, rosa = counts.rolf or 0, counts.rosa or 0
    local least = { ada = 3 * all, rita = 5 * all, bea = all, rolf = 3 * rolf, rosa = 3 * rosa, twin = 0 }
    local expected = { ada = 0, rita = 2 * all, bea = 0, rolf = rolf, rosa = rosa, twin = 0 }
    for _, host in ipairs(HOSTS) do
      local n, on = now[host] - frames[host], passed[host] - lines[host]
      print(("# %s heard %d frames and passed on %d lines; its traces need %d and %d"):format(host, n, on, least[host],
        expected[host]))
      assert.is_true(n >= least[host], host .. " " .. n)
      assert.is_true(on >= expected[host] and on < expected[host] + all // 2 + 2 * again, host .. " " .. on)
    end
  end

  it("names each hop, and the wire counts just those frames", function()
    if not s then return pending(why) end
    within(10, "the trace goes over two hops", function() return trace() == "rita rolf bea" end)
    local frames, lines = heard()
    again = 0
    for _ = 1, TRACES do
      swarm.sh("sleep " .. APART)
      local names, done = trace()
      assert.same({ "rita rolf bea", true }, { names, done })
    end
    assert_counted(frames, lines, { rolf = TRACES })
    local page = s:cli("ada", "trace bea")
    assert.truthy(page:find("\n +1  rita %w+, .* ms.*\n +2  rolf %w+, .* ms.*\n +3  bea %w+, .* ms.*\n"), page)
    assert.truthy(page:find "bea %w+ is reached over 2 hops.", page)
    local counted = s:ask("rita", "channels").relay
    assert.is_true(counted.lines >= 2 * TRACES, "what rita passed on")
    assert.truthy(s:cli("rita", "channels"):find "Passed on %d+ lines for others", s:cli("rita", "channels"))
  end)

  it("follows a route that changes meanwhile", function()
    if not s then return pending(why) end
    local frames, lines = heard()
    local counts = {}
    again = 0
    for i = 1, TRACES do
      swarm.sh("sleep " .. APART)
      if i == TRACES // 4 then set("rita", "rosa") end
      local names, done = trace()
      assert.is_true(done, names)
      local between = names:match "^rita (%l+) bea$"
      assert.truthy(between, names)
      counts[between] = (counts[between] or 0) + 1
    end
    assert.is_true(counts.rosa and counts.rosa > TRACES // 4, "the new route was taken")
    assert_counted(frames, lines, counts)
  end)

  it("says which hop knows no further, and its word", function()
    if not s then return pending(why) end
    policy("rita", "/dswarm/" .. NOBODY)
    s:cli("rita", "route unset '/dswarm/bea/*'") -- the policy's counts again
    local page, code
    within(10, "the route of rita leads to nobody", function()
      page, code = s:cli("ada", "trace bea")
      return page:find "\n +2  rita %w+, .* ms: address\n"
    end)
    assert.truthy(page:find "the last who answered is rita", page)
    assert.equal(1, code)
  end)

  it("is refused where two robots have that name, with both keys", function()
    if not s then return pending(why) end
    s:start("twin", s:path("twin", "my.lua"))
    local keys = { s:ask("bea", "identity").id:sub(-4), nil }
    within(10, "both are heard", function()
      keys[2] = (s:ask("twin", "identity") or { id = "" }).id:sub(-4)
      return s:cli("ada", "trace bea"):find "ambiguous"
    end)
    local function passed()
      local _, lines = heard()
      return { lines.rita, lines.rolf, lines.rosa }
    end
    within(10, "nothing is said to either", function() -- others' lines may go by there meanwhile
      local before = passed()
      for _, command in ipairs { "trace bea", "ping bea", "trace /dswarm/bea" } do
        local text, code = s:cli("ada", command)
        assert.equal(1, code, text)
        for _, key in ipairs(keys) do assert.truthy(text:find("bea~" .. key, 1, true), text) end
      end
      return table.concat(before, " ") == table.concat(passed(), " ")
    end)
    within(10, "one of them is reached by his key", function()
      local names, done = trace("bea~" .. keys[1])
      return done and names:gsub("~.*", "") == "bea"
    end)
  end)
end)
