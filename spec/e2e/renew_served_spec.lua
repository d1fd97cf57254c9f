-- renew_served_spec.lua - a node that gets another key while somebody fetches a large file from it: the old key stands
-- until the new one is on the disk, the fetch comes to its end, the file is listed under the new key. Whole daemons.
-- mostly waits: for a file over a slow wire
local folder = require "spec.folder"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local MB <const> = 24
local MBIT <const> = 16 -- of the wire: 12 s for the file

describe("identity renew", function()
  local world, why

  setup(function()
    world, why = swarm.new { "ada", "bob" }
    if not world then return end
    swarm.sh(("mkdir -p %s && head -c %d /dev/urandom >%s/large.bag"):format(world:path("ada", "share"), MB << 20,
      world:path("ada", "share")))
    for _, host in ipairs { "ada", "bob" } do world:start(host) end
    world:slow("ada", MBIT)
    assert(world.within(60, function() return world:file("bob", "large.bag") end), world:logs())
  end)
  teardown(function() if world then world:close() end end)

  local function size_of(path)
    return tonumber((swarm.sh(("find %s -type f -printf '%%s\\n' 2>/dev/null | sort -n | tail -1"):format(path)))) or 0
  end

  it("while a file is served lets the fetch end whole, and shares it under the new key", function()
    if not world then return pending(why) end
    local before, pid = world:ask("ada", "identity").id, world.running.ada.pid
    local to = world.dir .. "/fetched"
    swarm.sh("mkdir -p " .. to)
    local get = world.world:spawn("bob", ("%s/dt-swarm-cli %s files get large.bag --to %s"):format(world.here,
      world:path("bob", "state/control.sock"), to))
    assert(world.within(20, function() return size_of(to) > 2 << 20 end), get.output())
    local said, code = world:cli("ada", "identity renew --yes")
    assert.equal(0, code, said)
    local after
    assert(world.within(20, function()
      after = (world:ask("ada", "identity") or {}).id
      return after and after ~= before
    end), world:log "ada")
    assert.equal(pid, world.running.ada.pid)
    assert.is_true(world.running.ada.alive())
    local took = world.within(60, function() return not get.alive() end)
    assert(took, get.output())
    patience.took("the file is there after its holder got another key", took, 30)
    assert.equal("", (swarm.sh(("cmp %s/large.bag %s/large.bag"):format(world:path("ada", "share"), to))), get.output())
    assert(world.within(60, function()
      for _, one in ipairs((world:file("bob", "large.bag") or { from = {} }).from) do
        if one.id == after then return true end
      end
    end), world:cli("bob", "report") .. world:logs())
    assert.is_truthy(folder.read(world:path("ada", "state/key")))
  end)
end)
