-- exec_spec.lua - two LANs, or two daemons, joined by a program: slow, lossy, or one that may not run. Whole daemons.
local folder = require "spec.folder"
local pipe = require "spec.routing.pipe"
local swarm = require "spec.e2e.swarm"

local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local udp = '"/ip4/0.0.0.0/udp/3825/dswarm-line"'

local function policy(path, channels)
  local file = assert(io.open(path, "w"))
  file:write('local p = extend "duckiebot"\np.routing.channels = {\n  ', channels, ',\n}\nreturn p\n')
  file:close()
end

-- Hosts ada and bob, whose networks are down, and a line between them as spec/routing/pipe.lua has it.
local function joined(options, channels)
  local s, why = swarm.new({ "ada", "bob" }, { "ada", "bob" })
  if not s then return nil, why end
  local ends = { pipe.ends(s.dir, options) }
  for i, host in ipairs { "ada", "bob" } do
    swarm.sh(("mkdir -p %s"):format(s:path(host, "share")))
    pipe.put(s:path(host, "dt-swarm"), "line", ends[i])
    policy(s:path(host, "my.lua"), channels)
    s:start(host, s:path(host, "my.lua"))
  end
  return s
end

-- Two LANs, ada and bea on one and bob and dan on the other, each behind a router; ada and bob have ends of the line.
local function lans(options)
  local s, why = swarm.new({ "ada", "bea", "bob", "dan" }, nil, { wire = true, seed = options.seed,
    nat = { north = { "ada", "bea" }, south = { "bob", "dan" } } })
  if not s then return nil, why end
  local ends = { pipe.ends(s.dir, options) }
  for i, host in ipairs { "ada", "bob", "bea", "dan" } do
    swarm.sh(("mkdir -p %s"):format(s:path(host, "share")))
    if ends[i] then pipe.put(s:path(host, "dt-swarm"), "line", ends[i]) end
    local line = (', { "/exec/line/dswarm-line", budget = %d }'):format(options.rate)
    policy(s:path(host, "my.lua"), udp .. ', "/ip4/0.0.0.0/tcp/3825/dswarm-line"' .. (ends[i] and line or ""))
    s:start(host, s:path(host, "my.lua"))
  end
  return s
end

-- How many files HOST knows, and a set of their names.
local function known(s, host)
  local n, names = 0, {}
  for _, file in ipairs((s:ask(host, "report") or { files = {} }).files) do
    n = n + 1
    for _, name in ipairs(file.names) do names[name] = true end
  end
  return n, names
end

-- bea's dismissals of FIRST records go to dan before so many that wait, at RATE bytes a second.
local function passes(s, rate, waiting)
  local share = s:path("bea", "share")
  swarm.sh(("for i in 1 2 3 4 5; do echo first $i >%s/first$i.txt; done"):format(share))
  local function firsts()
    local n, names = known(s, "dan")
    local here = 0
    for i = 1, 5 do here = here + (names[("first%d.txt"):format(i)] and 1 or 0) end
    return here, n
  end
  assert.is_truthy(swarm.within(60, function() return firsts() >= 3 end), s:logs())
  local before = firsts() -- of five lines one after another at most two are lost
  swarm.sh(("for i in $(seq %d); do echo $i >%s/f$i.txt; done"):format(waiting, share))
  assert.is_truthy(swarm.within(30, function() return known(s, "ada") >= waiting + 5 end), "ada knows them")
  swarm.sh(("rm %s/first*.txt"):format(share))
  local took = swarm.within(90, function() return firsts() < before end)
  assert.is_truthy(took, s:logs())
  local _, n = firsts()
  assert.is_true(n < waiting, n .. " came before it")
  print(("# at %d bit/s a dismissal took %.1f s, and passed %d of %d"):format(rate * 8, took, waiting - n, waiting))
  return n
end

describe("two LANs joined by a program alone, where one line of five is lost", function()
  if not SOAK then return end
  local s
  after_each(function()
    if s then s:close() end
    s = nil
  end)

  local function at(rate, seed)
    local why
    s, why = lans { each = 5, rate = rate, seed = seed }
    return s or pending(why)
  end

  it("hold the same in the end, at 115,200 bit/s", function()
    if not at(11520, 3) then return end
    local hosts = { "ada", "bea", "bob", "dan" }
    for _, host in ipairs(hosts) do
      for i = 1, 20 do folder.write(s:path(host, ("share/%s%d.txt"):format(host, i)), host .. i) end
    end
    local took = swarm.within(60, function()
      for _, host in ipairs(hosts) do if known(s, host) ~= 80 then return false end end
      return true
    end)
    assert.is_truthy(took, s:logs())
    print(("# 80 records over a line that loses a fifth: %.1f s"):format(took))
  end)

  it("let a dismissal pass before 500 records that wait, at 1,200 bit/s", function()
    if at(150, 7) then assert.is_true(passes(s, 150, 500) < 100) end
  end)
end)

describe("two robots that a program can join", function()
  local s
  after_each(function()
    if s then s:close() end
  end)

  it("take it up by a reload, and refuse a policy whose program is not there or may be written by others", function()
    local why
    s, why = joined({}, udp)
    if not s then return pending(why) end
    assert.is_truthy(swarm.within(5, function() return s:ask("ada", "channels") and s:ask("bob", "channels") end))
    local file, program = s:path("ada", "my.lua"), s:path("ada", "dt-swarm/channels/line")
    local function refused(part)
      local text, code = s:cli("ada", "policy reload")
      assert.not_equal(0, code)
      local shown = text:gsub("%s+", " ")
      assert.truthy(shown:find("my.lua:4: routing.channels: /exec/", 1, true), text)
      assert.truthy(shown:find(part, 1, true), text)
      assert.equal(1, #s:ask("ada", "channels").channels)
    end
    policy(file, udp .. ', "/exec/nothing/dswarm-line"')
    refused "there is no program nothing"
    swarm.sh("chmod g+w " .. program)
    policy(file, udp .. ', "/exec/line/dswarm-line"')
    refused "may be written by others"
    swarm.sh("chmod g-w " .. program)
    policy(s:path("bob", "my.lua"), udp .. ', "/exec/line/dswarm-line"')
    for _, host in ipairs { "ada", "bob" } do assert.equal(0, select(2, s:cli(host, "policy reload"))) end
    assert.is_truthy(swarm.within(10, function() return table.concat(s:names "ada", " ") == "ada bob" end), s:log "ada")
    assert.equal("/exec/line/dswarm-line", s:ask("ada", "channels").channels[2].address)
    folder.write(s:path("ada", "share/first.txt"), "first")
    assert.is_truthy(swarm.within(10, function() return known(s, "bob") == 1 end), s:log "bob")
    policy(file, udp)
    assert.equal(0, select(2, s:cli("ada", "policy reload")))
    assert.is_truthy(swarm.within(5, function()
      return #s:ask("ada", "channels").channels == 1
    end))
  end)
end)
