-- leases_spec.lua - a program that says that its robot is busy is heard by all others, and no longer than it says so.
-- Whole daemons, from outside.
-- mostly waits: for leases to end
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local HEARD <const> = 15 -- s

describe("a robot whose program holds the lease busy", function()
  local world

  setup(function()
    local why
    world, why = swarm.new { "ada", "bob", "sue" }
    assert(world, why)
    for _, host in ipairs { "ada", "bob", "sue" } do world:start(host) end
    assert(world.within(30, function() return #world:names "bob" == 3 and #world:names "sue" == 3 end), world:logs())
  end)
  teardown(function() world:close() end)

  local function row(host, name)
    for _, node in ipairs((world:ask(host, "discover") or { nodes = {} }).nodes) do
      if node.name == name then return node end
    end
  end

  -- Seconds until all others show ada's STATUS.
  local function shown(status)
    return world.within(HEARD, function()
      return row("bob", "ada").status == status and row("sue", "ada").status == status
    end)
  end

  local function see(what, status)
    local took = shown(status)
    assert(took, what .. "\n" .. world:cli("bob", "discover") .. world:cli("ada", "fact") .. world:logs())
    patience.took(what, took, HEARD)
  end

  it("is busy for all others, with its reason, until the time is over", function()
    local said, code = world:cli("ada", "fact busy yes --why exam --for 12s")
    assert.equal(0, code, said)
    see("busy is shown by all others", "busy")
    local record = world:cli("bob", "record show peer " .. row("bob", "ada").id)
    assert.matches("exam", record)
    see("it is over for all others", "ready")
  end)

  it("is busy as long as a command runs, which is killed", function()
    local ended = world.dir .. "/pid"
    swarm.sh(("%s/dt-swarm-cli %s fact busy yes -- sh -c 'echo $$ > %s; exec sleep 600' >/dev/null 2>&1 &"):format(
      world.here, world:path("ada", "state/control.sock"), ended))
    see("busy is shown by all others", "busy")
    swarm.sh(("kill -9 $(cat %s)"):format(ended))
    see("it is over for all others", "ready")
  end)
end)
