-- exec_spec.lua - two daemons without a network in common, joined by a program: slow, lossy, or bad. Whole daemons.
local pipe = require "spec.routing.pipe"
local swarm = require "spec.e2e.swarm"

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

-- How many files of ada's HOST knows, and a set of their names.
local function known(s, host)
  local n, names = 0, {}
  for _, file in ipairs((s:ask(host, "report") or { files = {} }).files) do
    n = n + 1
    for _, name in ipairs(file.names) do names[name] = true end
  end
  return n, names
end

describe("two robots joined by a program alone", function()
  local s
  after_each(function()
    if s then s:close() end
    s = nil
  end)

  it("at 1,200 bit/s, where one line of five is lost: a dismissal passes before 500 waiting records", function()
    local why
    s, why = joined({ each = 5, rate = 150, seed = 7 }, '{ "/exec/line/dswarm-line", budget = 150 }')
    if not s then return pending(why) end
    local share = s:path("ada", "share")
    swarm.sh(("for i in 1 2 3 4 5; do echo first $i >%s/first$i.txt; done"):format(share))
    local function firsts()
      local n, names = known(s, "bob")
      local here = 0
      for i = 1, 5 do here = here + (names[("first%d.txt"):format(i)] and 1 or 0) end
      return here, n
    end
    assert.is_truthy(swarm.within(60, function() return firsts() >= 3 end), s:log "bob")
    local before = firsts() -- of five lines one after another at most two are lost
    swarm.sh(("for i in $(seq 500); do echo $i >%s/f$i.txt; done"):format(share))
    assert.is_truthy(swarm.within(30, function() return known(s, "ada") >= 505 end), "ada shares them")
    swarm.sh(("rm %s/first*.txt"):format(share))
    assert.is_truthy(swarm.within(90, function() return firsts() < before end), s:log "ada")
    local _, n = firsts()
    assert.is_true(n < 100, n .. " of 500 came before it")
  end)

  it("at 115,200 bit/s, where one line of five is lost: both hold the same in the end", function()
    local why
    s, why = joined({ each = 5, rate = 11520, seed = 3 }, '{ "/exec/line/dswarm-line", budget = 11520 }')
    if not s then return pending(why) end
    for _, host in ipairs { "ada", "bob" } do
      swarm.sh(("for i in $(seq 40); do echo %s $i >%s/%s$i.txt; done"):format(host, s:path(host, "share"), host))
    end
    local took = swarm.within(60, function() return known(s, "ada") == 80 and known(s, "bob") == 80 end)
    assert.is_truthy(took, s:log "ada")
    print(("# 80 records over a line that loses a fifth: %.1f s"):format(took))
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
    policy(file, udp)
    assert.equal(0, select(2, s:cli("ada", "policy reload")))
    assert.is_truthy(swarm.within(5, function()
      return #s:ask("ada", "channels").channels == 1
    end))
  end)
end)
