-- wire_spec.lua - two robots and a server on a bad wire: cut, slow writers, loss and delay. Real everything.
--
-- By itself with smaller files; DT_SWARM_SOAK=1 takes the full sizes. What things took is said beside the bars, which
-- are for a machine at rest; it waits several times as long.
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"
local wire = require "spec.net.wire"

local SOAK = os.getenv "DT_SWARM_SOAK" == "1"
local MB = 1024 * 1024
local SIZE = 64 * MB
local LOSSY_SIZE = SOAK and 64 * MB or 16 * MB
local LOSSY_S = 90
local RECORDS = SOAK and 200 or 60
local HOSTS = { "ada", "donald", "server" }
local GATHER = [[
local p = extend "server"
function p.clients.logs.fetch(file)
  if file.size < 500000 then return false, "small" end
  return 5, "everything else"
end
return p
]]

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

describe("two robots and a server on a bad wire", function()
  local s, why

  local function start(before)
    for _, host in ipairs(HOSTS) do s:start(host, host == "server" and s.dir .. "/replicate.lua" or nil, before) end
  end

  setup(function()
    s, why = swarm.new(HOSTS, nil, { wire = true, seed = 4, users = true })
    if not s then return end
    write(s.dir .. "/replicate.lua", GATHER)
    swarm.sh(("cp policies/*.lua %s; chmod 0644 %s/*.lua"):format(s.dir, s.dir))
    s.world:cut()
    start()
  end)

  teardown(function() if s then s:close() end end)

  local function each(test)
    for _, host in ipairs(HOSTS) do if not test(host) then return false end end
    return true
  end

  -- Do all hear each other? A word that one says of himself may be lost here, which a status rests on (swarm:heard).
  local function all_found()
    return each(function(host)
      local n = 0
      for _, node in ipairs((s:ask(host, "discover") or { nodes = {} }).nodes) do
        local is_by_record = node.via and node.via.by
        if (node.status or "ready") == "ready" and not is_by_record then n = n + 1 end
      end
      return n == #HOSTS
    end)
  end

  local function total(fate, kind)
    local counters, all = s.world:counters(), 0
    for _, host in ipairs(HOSTS) do all = all + wire.sum(counters, host, fate, kind) end
    return all
  end

  local function shared(host, name)
    for _, file in ipairs((s:ask(host, "report") or { files = {} }).files) do
      if file.names[1] == name then return file end
    end
  end

  local function on_server(name)
    local found = swarm.sh(("ls %s/files/*/*/%s 2>/dev/null"):format(s:path("server", "state"), name))
    return found:match "[^\n]+"
  end

  local function same(host, name)
    return swarm.sh(("cmp %s/%s %s"):format(s:path(host, "share"), name, on_server(name))) == ""
  end

  -- A shell script as the host's user, within its share folder, that goes on beside us. → file with its end
  local function beside(host, name, script)
    local path = s.dir .. "/" .. name .. ".sh"
    write(path, ("cd %s && { %s\n}\ncut -d' ' -f1 /proc/uptime >%s/%s.end"):format(s:path(host, "share"), script,
      s.dir, name))
    swarm.sh(("touch %s/%s.end; chmod 0666 %s/%s.end; chmod 0644 %s"):format(s.dir, name, s.dir, name, path))
    os.execute(("%s sh %s >/dev/null 2>&1 </dev/null &"):format(s:as(host), path))
  end

  local function ended(name)
    local file = io.open(s.dir .. "/" .. name .. ".end")
    local at = file and file:read "n"
    if file then file:close() end
    return at
  end

  local function uptime() -- as the script beside writes it
    local file <close> = assert(io.open "/proc/uptime")
    return file:read "n"
  end

  it("have empty lists for ten seconds while the wire is cut", function()
    if not s then return pending(why) end
    assert.is_truthy(swarm.within(10, function() return each(function(host) return #s:names(host) == 1 end) end))
    local before, came = total("in", "broadcast"), total "out" -- frames of before the cut
    os.execute "sleep 10"
    for _, host in ipairs(HOSTS) do assert.same({ host }, s:names(host)) end
    local function spoken() return total("in", "broadcast") - before > 5 end
    assert.is_truthy(swarm.within(10, spoken), "they did not speak")
    assert.equal(came, total "out")
  end)

  it("run as users of their own, each with its state to itself", function()
    if not s then return pending(why) end
    for i, host in ipairs(HOSTS) do
      assert.equal("700 " .. 61001 + i .. "\n", swarm.sh("stat -c '%a %u' " .. s:path(host, "state")))
    end
    local _, code = swarm.sh(s:as "donald" .. "cat " .. s:path("ada", "state/key"))
    assert.are_not.equal(0, code)
  end)

  it("find each other by themselves when it is healed", function()
    if not s then return pending(why) end
    s.world:heal()
    assert.is_truthy(swarm.within(40, all_found), s:log "ada")
  end)

  it("publish what is written slowly once, whole, and soon it is on the server's disk", function()
    if not s then return pending(why) end
    local eighth = "head -c " .. SIZE // 8 .. " /dev/urandom"
    local four = ("for i in 1 2 3 4; do %s; sleep 0.3; done"):format(eighth)
    beside("ada", "paused.bag", ("{ %s; sleep 15; %s; } >paused.bag"):format(four, four))
    beside("donald", "appended.bag", ("{ %s; } >appended.bag; sleep 1; { %s; } >>appended.bag"):format(four, four))
    beside("ada", "renamed.bag", ("{ %s; %s; } >renamed.bag.part; mv renamed.bag.part renamed.bag"):format(four, four))
    local files = { { "donald", "appended.bag" }, { "ada", "renamed.bag" }, { "ada", "paused.bag" } }
    for _, file in ipairs(files) do
      local host, name = file[1], file[2]
      assert.is_truthy(swarm.within(60, function() return ended(name) end))
      assert.is_truthy(swarm.within(60, function() return on_server(name) end), s:log "server")
      patience.took(name .. " was there after its end", uptime() - ended(name), 10)
      assert.is_true(same(host, name))
    end
    os.execute "sleep 1"
    for _, file in ipairs(files) do
      local host, name = file[1], file[2]
      local _, times = s:log(host):gsub("published [^\n]*" .. name, "")
      assert.equal(1, times, s:log(host))
    end
    local log = s:log "ada" .. s:log "donald" .. s:log "server"
    assert.is_nil(log:match "wrong answer")
    assert.equal(0, swarm.sh(("find %s/files -type f | wc -l"):format(s:path("server", "state"))) - 3)
  end)

  local function publish_small(host, count)
    swarm.sh(("cd %s && for i in $(seq %d); do echo %s $i >small-$i.log; done")
      :format(s:path(host, "share"), count, host))
    local function own()
      local files = (s:ask(host, "report") or { files = {} }).files
      return #files >= count
    end
    assert.is_truthy(swarm.within(30, own), s:log(host))
  end

  local function lossy()
    s.world:tell "loss 0.2"
    s.world:tell "delay 50"
  end

  it("find each other and hold the same records soon over a wire that loses 20 % and delays 50 ms", function()
    if not s then return pending(why) end
    for _, host in ipairs(HOSTS) do s:stop(host) end
    s.world:cut()
    start()
    publish_small("ada", RECORDS)
    for _, host in ipairs(HOSTS) do s:stop(host) end
    s.world:heal()
    lossy()
    start()
    local began = patience.now()
    local took = swarm.within(5, all_found)
    local function all_there()
      return each(function(host)
        local answer = s:ask(host, "report")
        return answer and #answer.files >= RECORDS + 3
      end)
    end
    assert.is_truthy(took, s:log "ada")
    assert.is_truthy(swarm.within(15, all_there), s:log "ada")
    patience.took("found each other on a bad wire", took, 5)
    patience.took(RECORDS + 3 .. " records were there", patience.now() - began, 15)
  end)

  local function publish(name, size)
    local source = s:path("ada", "share") .. "/" .. name
    swarm.sh(("head -c %d /dev/urandom >%s.part && chmod 0644 %s.part && mv %s.part %s"):format(size, source, source,
      source, source))
    local cid
    assert.is_truthy(swarm.within(40, function()
      cid = (shared("ada", name) or {}).cid
      return cid
    end), s:log "ada")
    return cid
  end

  local function fetched_within(name, size, most)
    publish(name, size)
    local took = swarm.within(most, function() return on_server(name) end)
    assert.is_truthy(took, s:log "server")
    patience.took(("%s, %d MiB"):format(name, size // MB), took, most)
    assert.is_true(same("ada", name))
  end

  it("move a big file there in time, where the kernel has bbr", function()
    if not s then return pending(why) end
    if not swarm.sh "sysctl -n net.ipv4.tcp_available_congestion_control":find "bbr" then
      return pending "this kernel has no bbr"
    end
    local lost, offered = total "lost", total "offered"
    fetched_within("big.bag", LOSSY_SIZE, LOSSY_S)
    local share = (total "lost" - lost) / (total "offered" - offered)
    assert.is_true(share > 0.18 and share < 0.22, "the wire lost " .. share)
  end)

  local function partial_bytes(cid)
    local text = swarm.sh(("cat %s/partial/%s 2>/dev/null | wc -c"):format(s:path("server", "state"), cid))
    return tonumber(text)
  end

  it("go on by themselves with a file in the midst of which the wire was cut for a while", function()
    if not s then return pending(why) end
    local size = SOAK and LOSSY_SIZE or 8 * MB
    local cid = publish("after.bag", size)
    assert.is_truthy(swarm.within(60, function() return partial_bytes(cid) > 0 end), s:log "server")
    finally(function() s.world:heal() end)
    s.world:cut()
    local had = partial_bytes(cid)
    assert.is_true(had < size, "it was cut in the middle")
    os.execute(SOAK and "sleep 60" or "sleep 8")
    assert.is_nil(on_server "after.bag")
    had = partial_bytes(cid)
    s.world:heal()
    local flow = swarm.within(45, function() return partial_bytes(cid) ~= had end)
    assert.is_truthy(flow, s:log "server")
    local more = swarm.within(90, function() return on_server "after.bag" end)
    assert.is_truthy(more, s:log "server")
    patience.took("bytes flowed after healing", flow, 45)
    patience.took("the file was there after healing", flow + more, 90)
    assert.is_true(same("ada", "after.bag"))
  end)

  if not SOAK then return end

  it("get a file through that breaks off on its way, where the kernel has no bbr", function()
    if not s then return pending(why) end
    for _, host in ipairs(HOSTS) do s:stop(host) end
    start(("LD_PRELOAD=%s/%s/reno.so"):format(s.here, os.getenv "DT_SWARM_BUILD" or ".build"))
    publish("reno.bag", MB)
    local took = swarm.within(600, function() return on_server "reno.bag" end)
    assert.is_truthy(took, s:log "server")
    patience.took("1 MiB without bbr", took, 600)
    assert.is_true(same("ada", "reno.bag"))
  end)
end)
