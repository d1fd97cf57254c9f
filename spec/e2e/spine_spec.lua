-- spine_spec.lua - two robots and a server on a bridge: they find each other and share a log. Real everything.
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local SIZE = 64 * 1024 * 1024
local GATHER = [[
local p = extend "server"
function p.clients.logs.fetch() return 5, "everything" end
return p
]]

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

local function kubo()
  local text, code = swarm.sh "spec/net/kubo.sh 2>/dev/null"
  return code == 0 and text:match "[^\n]+" or nil
end

describe("two robots and a server", function()
  local s, why

  setup(function()
    s, why = swarm.new({ "ada", "donald", "server", "gladstone" }, { gladstone = true })
    if not s then return end
    write(s.dir .. "/replicate.lua", GATHER)
    swarm.sh(("cp policies/*.lua %s 2>/dev/null"):format(s.dir))
    for _, host in ipairs { "ada", "donald", "gladstone" } do s:start(host) end
    s:start("server", s.dir .. "/replicate.lua")
  end)

  teardown(function() if s then s:close() end end)

  local function on_server(cid)
    for _, file in ipairs((s:ask("server", "files list") or { held = {} }).held) do
      if file.cid == cid then return file.path end
    end
  end

  local function shared(host, name)
    for _, file in ipairs((s:ask(host, "report") or { files = {} }).files) do
      if file.names[1] == name then return file end
    end
  end

  it("find each other soon; one whose link is down is never listed", function()
    if not s then return pending(why) end
    local took = swarm.within(5, function()
      return #s:names "ada" >= 3 and #s:names "donald" >= 3 and #s:names "server" >= 3
    end)
    assert.is_truthy(took, s:log "ada")
    patience.took("three found each other", took, 5)
    for _, host in ipairs { "ada", "donald", "server" } do
      assert.same({ "ada", "donald", "server" }, s:names(host))
    end
    assert.same({ "gladstone" }, s:names "gladstone")
  end)

  it("keep their state to themselves", function()
    if not s then return pending(why) end
    local state = s:path("ada", "state")
    assert.equal("700\n600\n", swarm.sh(("stat -c %%a %s %s/key"):format(state, state)))
  end)

  it("share a file of 64 MiB: published once, whole, and soon on the server's disk byte for byte", function()
    if not s then return pending(why) end
    local source = s:path("ada", "share") .. "/run-12.bag"
    swarm.sh(("head -c %d /dev/urandom > %s"):format(SIZE, source))
    assert.is_truthy(swarm.within(20, function() return shared("donald", "run-12.bag") end), s:log "ada")
    local cid = shared("donald", "run-12.bag").cid
    local binary = kubo()
    if binary then
      local repo = s.dir .. "/repo"
      swarm.sh(("IPFS_PATH=%s %s init --profile=test && IPFS_PATH=%s %s config profile apply unixfs-v1-2025")
        :format(repo, binary, repo, binary))
      local golden = swarm.sh(("IPFS_PATH=%s %s add -Q --only-hash %s"):format(repo, binary, source))
      assert.equal(golden:match "baf%w+", cid)
    end
    assert.is_truthy(swarm.within(20, function() return on_server(cid) end), s:log "server")
    assert.equal("", (swarm.sh(("cmp %s %s"):format(source, on_server(cid)))))
    assert.is_truthy(swarm.within(10, function() return shared("ada", "run-12.bag").safe end), "share/safe")
    local published = select(2, s:log "ada":gsub("published", ""))
    assert.equal(1, published)
    assert.is_nil((s:log "donald":match "logs     fetched"), "a robot keeps only its own")
  end)

  it("fetch and check a file by command, from whoever has it", function()
    if not s then return pending(why) end
    local to = s.dir .. "/got.bag"
    local socket = s:path("donald", "state/control.sock")
    local inside = ("%s/dt-swarm-cli %s files get run-12.bag --to %s"):format(s.here, socket, to)
    local text, fine = s.world:run("donald", inside)
    assert.is_true(fine, text)
    assert.equal("", (swarm.sh(("cmp %s %s/run-12.bag"):format(to, s:path("ada", "share")))))
  end)

  it("go on with a fetch where it was when the publisher was killed in the middle and started again", function()
    if not s then return pending(why) end
    local source, name = s:path("ada", "share") .. "/run-13.bag", "run-13.bag"
    s.world:run("ada", "tc qdisc add dev eth0 root tbf rate 40mbit burst 64k latency 200ms")
    swarm.sh(("head -c %d /dev/urandom > %s"):format(SIZE, source))
    local function partial()
      local size = swarm.sh(("cat %s/partial/* 2>/dev/null | wc -c"):format(s:path("server", "state")))
      return math.tointeger(tonumber(size:match "%d+"))
    end
    assert.is_truthy(swarm.within(25, function() return partial() > SIZE // 4 end), s:log "server")
    assert.is_true(s:stop("ada", "KILL"))
    local had = partial()
    assert.is_true(had < SIZE, "it was killed in the middle")
    os.execute "sleep 1"
    local before = s:sent "ada" - s:said_again "ada"
    s:start "ada"
    assert.is_truthy(swarm.within(60, function()
      local file = shared("server", name)
      return file and on_server(file.cid)
    end), s:log "server")
    local again = s:sent "ada" - s:said_again "ada" - before
    assert.equal("", (swarm.sh(("cmp %s %s"):format(source, on_server(shared("server", name).cid)))))
    -- Blocks that were under way, and what TCP adds.
    local most = (SIZE - had) * 1.06 + 6 * 1024 * 1024
    assert.is_true(again < most, ("%d bytes were sent again, %d were there"):format(again, had))
  end)

  it("stop cleanly on SIGTERM, and say so", function()
    if not s then return pending(why) end
    assert.is_true(s:stop "donald")
    local text, code = s:cli("donald", "status")
    assert.equal(2, code)
    assert.truthy(text:find "stopped cleanly", text)
  end)
end)
