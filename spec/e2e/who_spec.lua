-- who_spec.lua - who is there, and who is not: killed, gone, moved, of one name, unheard for a month. Whole daemons.
-- mostly waits: for nodes to be missed
local folder = require "spec.folder"
local hash = require "core.hash"
local json = require "core.json"
local process = require "spec.process"
local swarm = require "spec.e2e.swarm"
local text = require "core.text"

local MONTH_AGO = "12D3KooWEwyk7gGfVRjVxqfYpJ2CbSEn5Jh6k2KZxHqzNnVYugNt" -- a key that nobody here has

describe("a swarm of some who come and go", function()
  local s, why

  setup(function()
    s, why = swarm.new({ "lab", "ada", "two", "bea", "cleo", "nomad", "solo" }, nil, { names = { two = "ada" } })
    if not s then return end
    swarm.sh(("mkdir -p '%s/lost+found' '%s/.Trash-1000'"):format(s:path("solo", "state"), s:path("solo", "state")))
    s.world:run("solo", "ip address flush dev eth0; ip link add gone0 type veth peer name gone1; ip link set gone0 up")
    s:start("lab", "policies/server.lua")
    for _, host in ipairs { "ada", "two", "bea", "cleo", "nomad", "solo" } do s:start(host) end
  end)

  teardown(function() if s then s:close() end end)

  -- The row of HOST in what LOOKER's discover says.
  local function row_of(looker, host, more)
    local id = s.ids[host]
    for _, node in ipairs((s:ask(looker, "discover" .. (more or "")) or { nodes = {} }).nodes) do
      if node.id == id then return node end
    end
    return {}
  end

  local function until_status(host, status, bar)
    local last
    local took = swarm.within(bar, function()
      last = row_of("lab", host).status
      return last == status
    end)
    assert.is_truthy(took, ("%s is %s, not %s"):format(host, tostring(last), status))
  end

  local function share(host, name, bytes) folder.write(s:path(host, "share") .. "/" .. name, bytes) end

  it("find each other; two of one name are told apart wherever they are named", function()
    if not s then return pending(why) end
    s.ids = {}
    for _, host in ipairs { "lab", "ada", "two", "bea", "cleo", "nomad", "solo" } do
      assert.is_truthy(swarm.within(8, function()
        s.ids[host] = (s:ask(host, "identity") or {}).id
        return s.ids[host]
      end), s:log(host))
    end
    for _, host in ipairs { "ada", "two", "bea", "cleo", "nomad" } do until_status(host, "ready", 8) end
    local label, other
    swarm.within(2, function() -- labels are made anew some times a second, not with each newcomer
      label, other = row_of("lab", "ada").label, row_of("lab", "two").label
      return label ~= "ada" and other ~= "ada"
    end)
    assert.equal("ada~" .. s.ids.ada:sub(-4), label)
    assert.equal("ada~" .. s.ids.two:sub(-4), other)
    assert.equal("bea", row_of("lab", "bea").label)
    share("ada", "run.bag", "one")
    share("two", "run.bag", "two, another")
    local report
    assert.is_truthy(swarm.within(12, function()
      report = s:cli("lab", "report")
      return select(2, report:gsub(" 2: lab %(server%), ", "")) == 2
    end), report)
    local function named(shown, host) return shown:find("ada~" .. s.ids[host]:sub(-4), 1, true) end
    assert.truthy(named(report, "ada") and named(report, "two"), report)
    assert.is_nil(report:find "ada%s", report)
    local said, code = s:cli("lab", "files get run.bag --to " .. s.dir .. "/x")
    assert.equal(1, code)
    assert.truthy(named(said, "ada") and named(said, "two"), said)
    assert.matches("fetched .*from=ada~", s:log "lab")
  end)

  it("say that they leave, and are back at once when they are", function()
    if not s then return pending(why) end
    s:stop("bea", "KILL") -- says nothing
    assert.is_true(s:stop "cleo")
    assert.is_truthy(swarm.within(1, function() return row_of("lab", "cleo").status == "left" end))
    assert.not_equal("left", row_of("lab", "bea").status)
    assert.equal("ready", row_of("lab", "ada").status, "who is here did not leave")
    assert.matches("left .*name=cleo", s:log "lab")
    s:start "cleo"
    until_status("cleo", "ready", 5)
    assert.is_truthy(swarm.within(3, function() return (row_of("lab", "cleo").boot or 0) >> 16 == 2 end))
  end)

  it("are met at the address that they have now, also while a file is wanted from there", function()
    if not s then return pending(why) end
    -- Slow enough that a busy machine, too, moves it in the midst of that.
    s.world:run("nomad", "tc qdisc add dev eth0 root tbf rate 4mbit burst 64k latency 400ms")
    local source = s:path("nomad", "share") .. "/long.bag"
    swarm.sh("head -c 7000000 /dev/urandom > " .. source)
    local function fetching()
      local answer = s:ask("lab", "files")
      return answer and answer.fetching[1] and (answer.fetching[1].done or 0) > 0
    end
    assert.is_truthy(swarm.within(10, fetching), s:log "lab")
    local old = row_of("lab", "nomad").via.host
    s.world:run("nomad", "ip address flush dev eth0; ip address add 10.77.0.99/24 broadcast + dev eth0")
    s.world:run("nomad", "tc qdisc del dev eth0 root")
    assert.equal("10.77.0.6", old)
    local via
    assert.is_truthy(swarm.within(15, function()
      via = row_of("lab", "nomad").via or {}
      return via.host == "10.77.0.99" and via.proved
    end), json.encode(via))
    assert.matches("nomad +10%.77%.0%.99 ", (s:cli("lab", "discover --wide")))
    assert.is_truthy(swarm.within(20, function()
      for _, source_of in ipairs((s:ask("lab", "report") or { files = {} }).files) do
        if source_of.named and source_of.named[1].name == "long.bag" and #source_of.copies == 2 then return true end
      end
    end), s:log "lab")
    local other
    assert.is_truthy(swarm.within(15, function()
      other = json.encode(s:ask("ada", "discover").nodes)
      return not other:find("10.77.0.6/", 1, true)
    end), other) -- what he left is no address of his
  end)

  it("who were killed are lost when somebody looks, and nobody else is", function()
    if not s then return pending(why) end
    until_status("bea", "lost", 20)
    local row = row_of("lab", "bea")
    assert.truthy(row.near and row.note:find "no answer", row.note)
    assert.is_truthy(swarm.within(10, function()
      return s:cli("lab", "discover"):find "5 nodes here, 1 lost%."
    end), s:cli("lab", "discover"))
    for _, host in ipairs { "ada", "two", "cleo", "nomad" } do until_status(host, "ready", 5) end
    assert.is_truthy(swarm.within(5, function() return s:ask("lab", "status").peers == 4 end))
  end)

  it("keep their names when they are gone and nobody heard them since the start", function()
    if not s then return pending(why) end
    assert.is_true(s:stop "two")
    assert.is_true(s:stop "lab")
    s:start("lab", "policies/server.lua")
    until_status("ada", "ready", 8)
    local label, report, row = "ada~" .. s.ids.two:sub(-4), nil, nil
    assert.is_truthy(swarm.within(2, function() -- as above
      report, row = s:cli("lab", "report"), row_of("lab", "two", " --all")
      return report:find(label, 1, true) and row.label == label
    end), report)
    assert.equal("lost", row.status)
    assert.is_nil(row_of("lab", "two").name, "who is not heard is not listed")
  end)

  it("know one by a name of a month ago, and what an interface lacks; their state is a whole disk", function()
    if not s then return pending(why) end
    local said = s:cli("solo", "discover")
    said = said:gsub("%s+", " ")
    assert.truthy(said:find("No network interface is up: ", 1, true), said)
    assert.truthy(said:find("eth0 (no IPv4 address: DHCP gave none yet)", 1, true), said)
    assert.truthy(said:find("gone0 (no cable, or no Wi-Fi network joined)", 1, true), said)
    assert.truthy(said:find("gone1 (switched off)", 1, true), said)
    assert.truthy((s:cli("solo", "status"):gsub("%s+", " ")):find("No IPv4 on eth0: DHCP gave none yet.", 1, true))
    assert.is_true(s:stop "solo")
    local rows = json.encode(json.array { json.array { MONTH_AGO, "solo", "duckiebot", 0, json.array {} } })
    folder.write(s:path("solo", "state/seen"), ('{"data":%s,"hash":"%s","schema":1}\n'):format(rows,
      text.base64url(hash.blake2b(rows))))
    s:start "solo"
    local row
    assert.is_truthy(swarm.within(8, function()
      for _, node in ipairs((s:ask("solo", "discover --all") or { nodes = {} }).nodes) do
        if node.id == MONTH_AGO then row = node end
      end
      return row
    end), s:log "solo")
    assert.same({ "solo", "solo~ugNt", "lost", "duckiebot" }, { row.name, row.label, row.status, row.type })
    assert.is_nil(row.seen_ms, "when is unknown, not 0")
    assert.is_truthy(swarm.within(2, function() return row_of("solo", "solo").label == "solo" end),
      "who is here keeps the name that one had who is lost")
    s.world:run("solo", "ip address add 10.77.0.7/24 broadcast + dev eth0")
    assert.is_truthy(swarm.within(12, function() return row_of("lab", "solo").status == "ready" end), s:log "solo")
  end)

  it("are named to who asks where there is no daemon", function()
    if not s then return pending(why) end
    local nowhere = ("env RUNTIME_DIRECTORY=%s/none STATE_DIRECTORY=%s/none %s/dt-swarm-cli localhost status")
      :format(s.dir, s.dir, s.here)
    if process.has_system_daemon() then return pending "this machine has a daemon" end
    local said, code = swarm.sh(nowhere)
    assert.equal(2, code)
    assert.matches("Other daemons run here:\n.*dt%-swarm%-cli /%S+ status", said)
  end)
end)
