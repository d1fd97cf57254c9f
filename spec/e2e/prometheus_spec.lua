-- prometheus_spec.lua - what the page door tells Prometheus: read by promtool and by a real Prometheus, the same values
-- as the command line shows, bounded and escaped. Whole daemons.
-- mostly waits: for a server that scrapes
local cjson = require "cjson"
local folder = require "spec.folder"
local servers = require "spec.net.servers"
local swarm = require "spec.e2e.swarm"

local HOSTS <const> = { "ada", "bob" }
local SCRAPES <const> = 10
local CONFIG <const> = [[
global: { scrape_interval: 1s }
scrape_configs:
  - job_name: dtswarm
    static_configs: [ { targets: [ "localhost:3827" ] } ]
]]
local POLICY <const> = [[
local p = extend "server"
p.clients.diagnostics.every = 2 * second
p.site = '<b>"room"\\'
return p
]]

if not servers.place() then
  it("Prometheus", function() pending "NO SERVERS: spec/net/servers.sh says why" end)
  return
end

describe("what Prometheus is told", function()
  local s, why

  setup(function()
    s, why = swarm.new(HOSTS)
    if not s then return end
    swarm.sh(("cp policies/*.lua %s"):format(s.dir))
    folder.write(s.dir .. "/my.lua", POLICY)
    folder.write(s.dir .. "/prometheus.yml", CONFIG)
    for _, host in ipairs(HOSTS) do s:start(host, s.dir .. "/my.lua") end
    assert.is_truthy(swarm.within(15, function() return #s:names "ada" == #HOSTS end), s:logs())
  end)
  teardown(function() if s then s:close() end end)

  local function text() return (s.world:run("ada", "curl -s http://localhost:3827/metrics")) end

  -- The value of SERIES in TEXT, as text | nil
  local function value(of, series) return ("\n" .. of):match("\n" .. series:gsub("%p", "%%%0") .. " (%S+)\n") end

  it("pleases promtool, has the other node with what it says of itself, and no series twice", function()
    if not s then return pending(why) end
    local now
    assert(swarm.within(20, function()
      now = text()
      return now:find 'dtswarm_robot_memory_available_ratio{robot="bob"'
        and value(now, 'dtswarm_peers{status="ready"}') == "2"
    end), now)
    folder.write(s.dir .. "/metrics", now)
    local said, code = swarm.sh(("%s check metrics <%s/metrics"):format(servers.program "promtool", s.dir))
    assert.same({ "", 0 }, { said, code })
    local met = {}
    for line in now:gmatch "[^\n]+" do
      local series = line:match "^([%w_]+%b{}) " or line:match "^([%w_]+) "
      if series then
        assert.is_nil(met[series], series)
        met[series] = true
      end
    end
    assert.equal("2", value(now, 'dtswarm_peers{status="ready"}'))
    assert.equal("0", value(now, "dtswarm_robots_omitted"))
    assert.is_nil(now:find("dtswarm_host_battery", 1, true), "a value that nobody knows")
  end)

  it("is scraped ten times by a real one, which then knows what health shows", function()
    if not s then return pending(why) end
    local server = s.world:spawn("ada", ("%s --config.file=%s/prometheus.yml --storage.tsdb.path=%s/tsdb \z
      --web.listen-address=127.0.0.1:9090"):format(servers.program "prometheus", s.dir, s.dir))
    s.running.prometheus = server
    local function query(what)
      local said = s.world:run("ada", ("curl -s -G http://127.0.0.1:9090/api/v1/query --data-urlencode 'query=%s'")
        :format(what))
      local ok, answer = pcall(cjson.decode, said)
      local first = ok and answer.data and answer.data.result[1]
      return first and first.value[2]
    end
    local scraped = swarm.within(SCRAPES + 10, function()
      return tonumber(query "sum_over_time(up[1m])" or "0") >= SCRAPES
    end)
    assert.is_truthy(scraped, server.output())
    -- One that fails for another reason than the second that it has on a busy machine.
    assert.is_nil(query "count_over_time((up == 0 unless on (instance) scrape_duration_seconds > 0.9)[1m:1s])")
    local shown
    for _, row in ipairs(s:ask("ada", "health ada").values) do
      if row.name == "memory_size_bytes" then shown = row.value end
    end
    assert.is_truthy(swarm.within(5, function()
      return query "dtswarm_host_memory_size_bytes" == shown and query 'dtswarm_peers{status="ready"}' == "2"
    end), shown)
    server.stop "KILL"
  end)

  it("has no series of who is lost or left", function()
    if not s then return pending(why) end
    s:stop "bob"
    assert(swarm.within(10, function()
      local now = text()
      return not now:find('robot="bob"', 1, true) and value(now, 'dtswarm_peers{status="left"}') == "1"
    end), text())
  end)
end)
