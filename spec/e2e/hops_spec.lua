-- hops_spec.lua - files of a robot on servers that it cannot reach: over another server, and by a laptop that is
-- carried about. Whole daemons on the wire, shipped policies and the lines named.
-- mostly waits: for what one host carries to the next
local folder = require "spec.folder"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local SIZE <const> = 16 * 1024 * 1024
local OVERHEAD <const> = 1.06 -- what TCP over IPv4 adds is 1.046; over IPv6 it would be 1.061

-- The shipped ones keep 20 GB and 5 GB free, which the disk of a spec may not have.
local POLICY <const> = [[
local p = extend "%s"
p.clients.logs.holders = { %s }
p.comms.beacon = { 1, 3 } -- so that who meets is heard soon
function p.clients.logs.fetch(file)
  if not file.wanted then return false, file.why end
  return 5
end
return p
]]

-- → swarm of HOSTS | nil, why there can be none here
local function new_swarm(hosts, seed)
  local s, why = swarm.new(hosts, nil, { wire = true, seed = seed })
  for _, host in ipairs(s and hosts or {}) do
    s.world:run(host, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
  end
  return s, why
end

-- Two ways between two hosts, both or none.
local function part(s, verb, one, other)
  s.world[verb](s.world, one, other)
  s.world[verb](s.world, other, one)
end

-- The daemon of HOST runs with the shipped policy BASE; HOLDERS: IDs.
local function run(s, host, base, holders)
  local named = {}
  for i, id in ipairs(holders or {}) do named[i] = ("%q"):format(id) end
  folder.write(("%s/%s.lua"):format(s.dir, host), POLICY:format(base, table.concat(named, ", ")))
  s:start(host, ("%s/%s.lua"):format(s.dir, host))
  assert.is_truthy(swarm.within(10, function() return s:ask(host, "status") end), s:logs())
  return s:ask(host, "status").node.id
end

local function share(s, host, name)
  local path = s:path(host, "share/" .. name)
  swarm.sh(("mkdir -p %s && head -c %d /dev/urandom > %s"):format(s:path(host, "share"), SIZE, path))
  return path
end

-- Is every file of HOST where a copy counts?
local function is_safe(s, host) return select(2, s:cli(host, "files safe")) == 0 end

-- Copies with the bytes of the file PATH on HOST's disk, outside its share folder.
local function copies(s, host, path)
  local find = "find %s -type f -size +1M -exec cmp -s %s {} ';' -print 2>/dev/null" -- some go meanwhile
  local found = swarm.sh(find:format(s:path(host, "state"), path))
  return select(2, found:gsub("\n", ""))
end

local function has_copy(s, host, path)
  return swarm.within(30, function() return copies(s, host, path) == 1 end)
end

local function received(s, host)
  return math.tointeger(tonumber(s.world:run(host, "cat /sys/class/net/eth0/statistics/rx_bytes"):match "%d+"))
end

describe("a robot that reaches one server, which another server reaches alone", function()
  local s, why

  setup(function()
    s, why = new_swarm({ "ada", "sam", "tim" }, 3)
    if not s then return end
    part(s, "cut", "ada", "tim")
    s:start "ada"
    run(s, "sam", "server")
    run(s, "tim", "server")
  end)

  teardown(function() if s then s:close() end end)

  it("has its file on both, each hop once", function()
    if not s then return pending(why) end
    local function passed() return { s:sent "ada", received(s, "tim") }, { s:said_again "ada", s:said_again "sam" } end
    local before, again = passed()
    local path = share(s, "ada", "run.bag")
    local took = has_copy(s, "tim", path)
    assert.is_truthy(took, s:logs())
    patience.took("a file over two hops", took, 30)
    assert.equal(1, copies(s, "sam", path))
    local after, twice = passed()
    for hop, bytes in ipairs(after) do
      local times = (bytes - before[hop]) / SIZE
      local once = times - (twice[hop] - again[hop]) / SIZE -- too little, where what was said again was lost
      assert.is_true(times > 1 and once < OVERHEAD, ("hop %d: %.3f times the size, %.3f of it once"):format(hop, times,
        once))
    end
  end)
end)

describe("a laptop between a robot and a server that never meet", function()
  local s, why, path, server

  setup(function()
    s, why = new_swarm({ "ada", "sam", "mule" }, 4)
    if not s then return end
    part(s, "cut", "ada", "sam")
    part(s, "cut", "mule", "sam")
    s:start "ada"
    server = run(s, "sam", "server")
    path = share(s, "ada", "run.bag")
  end)

  teardown(function() if s then s:close() end end)

  it("is what the file needs: without it nobody has a copy", function()
    if not s then return pending(why) end
    assert.is_truthy(swarm.within(20, function() return s:file("ada", "run.bag") end), s:logs())
    os.execute "sleep 3"
    assert.equal(0, copies(s, "sam", path))
    assert.is_false(is_safe(s, "ada"))
  end)

  it("takes it at the robot, gives it to the server, and lets go of its copy when the server claims it", function()
    if not s then return pending(why) end
    run(s, "mule", "mule", { server })
    local sent = s:sent "ada" - s:said_again "ada"
    assert.is_truthy(has_copy(s, "mule", path), s:logs())
    assert.is_true(s:sent "ada" - s:said_again "ada" - sent < SIZE * OVERHEAD)
    assert.is_false(is_safe(s, "ada")) -- it is on its way
    part(s, "cut", "ada", "mule")
    part(s, "heal", "mule", "sam")
    local came = received(s, "sam") - s:said_again "mule"
    local took = has_copy(s, "sam", path)
    assert.is_truthy(took, s:logs())
    patience.took("the server has what was carried", took, 30)
    local times = (received(s, "sam") - s:said_again "mule" - came) / SIZE
    assert.is_true(times < OVERHEAD, ("%.3f times the size"):format(times))
    assert.is_truthy(swarm.within(20, function() return copies(s, "mule", path) == 0 end), s:logs())
    assert.equal(1, copies(s, "sam", path))
  end)

  it("brings the claim back to the robot", function()
    if not s then return pending(why) end
    part(s, "cut", "mule", "sam")
    part(s, "heal", "ada", "mule")
    local took = swarm.within(30, function() return is_safe(s, "ada") end)
    assert.is_truthy(took, s:logs())
    patience.took("the robot knows of the copy", took, 30)
    assert.equal(0, copies(s, "mule", path))
  end)
end)
