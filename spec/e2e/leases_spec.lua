-- leases_spec.lua - a program that says that its robot is busy is heard by all others, and no longer than it says so.
-- Whole daemons, from outside.
-- mostly waits: for leases to end
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local HOSTS <const> = { "ada", "bob", "sue" }
local HEARD <const> = 15 -- s

describe("a robot whose program holds the lease busy", function()
  local world

  setup(function()
    local why
    world, why = swarm.new(HOSTS)
    assert(world, why)
    for _, host in ipairs(HOSTS) do world:start(host) end
    assert(world.within(30, function() return #world:names "bob" == 3 and #world:names "sue" == 3 end), world:logs())
  end)
  teardown(function() world:close() end)

  local function row(host, name)
    for _, node in ipairs((world:ask(host, "discover") or { nodes = {} }).nodes) do
      if node.name == name then return node end
    end
  end

  -- Do all others show ROBOT as STATUS, with the reason WHY?
  local function is_shown(robot, status, why)
    for _, host in ipairs(HOSTS) do
      local one = host == robot or row(host, robot)
      if not one or one ~= true and (one.status ~= status or one.why ~= why) then return false end
    end
    return true
  end

  -- Waits until all others show each of ROBOTS as STATUS; AGAIN() is called before each look.
  local function see(what, robots, status, why, again)
    for _, robot in ipairs(robots) do
      local took = world.within(HEARD, function()
        if again then again() end
        return is_shown(robot, status, why)
      end)
      assert(took, what .. "\n" .. world:cli("bob", "discover") .. world:cli(robot, "fact") .. world:logs())
      patience.took(("%s: %s"):format(robot, what), took, HEARD)
    end
  end

  it("is busy for all others, with its reason, until the time is over or the command was killed", function()
    local over = 0
    local function busy_again() -- where its time was over before all had heard of it
      if patience.now() < over then return end
      local said, code = world:cli("ada", "fact busy yes --why exam --for 12s")
      assert.equal(0, code, said)
      over = patience.now() + 12
    end
    busy_again()
    local said, code = world:cli("ada", "fact busy no --for 5min") -- that program is not busy, and the other one is
    assert.equal(0, code, said)
    local pid = world.dir .. "/pid"
    swarm.sh(("%s/dt-swarm-cli %s fact busy yes --why exam -- sh -c 'echo $$ > %s; exec sleep 600' >/dev/null 2>&1 &")
      :format(world.here, world:path("sue", "state/control.sock"), pid))
    see("busy is shown by all others", { "sue", "ada" }, "busy", "exam", busy_again)
    swarm.sh(("kill -9 $(cat %s)"):format(pid))
    see("it is over for all others", { "sue", "ada" }, "ready")
  end)
end)
