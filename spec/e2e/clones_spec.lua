-- clones_spec.lua - a state folder copied to a second host: all see it, and `identity renew` ends it. Whole daemons,
-- whose board shows the same facts on both hosts.
local folder = require "spec.folder"
local json = require "core.json"
local patience = require "spec.patience"
local shape = require "spec.cli.shape"
local swarm = require "spec.e2e.swarm"

local FOUND <const> = 60 -- s within which all show it

-- Starts the daemon of HOST as that of OTHER, whose folder was copied: it sees the copy where the first one lies, as
-- on a copied card.
local function start_copy(world, host, other)
  local here, there = world:path(host, ""), world:path(other, "")
  world.running[host] = world.world:spawn(host, ("sh -c 'mount --bind %s %s && exec env HOME=%s "
    .. "XDG_CONFIG_HOME=%s %s/dt-swarm --name %s --state %sstate --share %sshare --socket %sstate/control.sock'")
    :format(here, there, there, there, world.here, other, there, there, there))
end

describe("a state folder that was copied to a second host", function()
  local world

  teardown(function() if world then world:close() end end)

  -- What HOST's discover tells of the node ID.
  local function row(host, id)
    for _, node in ipairs((world:ask(host, "discover --all") or { nodes = {} }).nodes) do
      if node.id == id then return node end
    end
  end

  local function names(one, host)
    local text = one and ("%s %s"):format(one.note or "", one.via and one.via.host or "") or ""
    return text:find(world.world:address(host), 1, true) ~= nil
  end

  -- Is the file NAME listed at bob as one that the node ID shares?
  local function is_from(id, name)
    for _, one in ipairs((world:file("bob", name) or { from = {} }).from) do
      if one.id == id then return true end
    end
  end

  local function pid(host) return world.running[host].pid end

  it("is shown as clone? with both addresses by all who hear it, and by nobody after identity renew", function()
    local why
    world, why = swarm.new({ "ada", "twin", "bob" }, nil, { wire = true, names = { twin = "ada" } })
    if not world then return pending(why) end
    world:start "ada"
    assert(world.within(20, function() return world:ask("ada", "identity") end), world:logs())
    folder.write(world:path("ada", "share/run.bag"), "what the robot saw")
    assert(world.within(20, function() return world:file("ada", "run.bag") end), world:logs())
    world:stop "ada"
    swarm.sh(("cp -a %s %s"):format(world:path("ada", ""), world:path("twin", "")))
    for _, host in ipairs { "ada", "bob" } do world:start(host) end
    start_copy(world, "twin", "ada")
    assert(world.within(20, function() return world:ask("ada", "identity") and world:ask("twin", "identity") end))
    local id = world:ask("ada", "identity").id
    assert.equal(id, world:ask("twin", "identity").id)
    local took = world.within(FOUND, function()
      local at_bob, at_ada, at_twin = row("bob", id), row("ada", id), row("twin", id)
      return at_bob and at_bob.status == "clone?" and names(at_bob, "ada") and names(at_bob, "twin")
        and at_ada.status == "clone?" and names(at_ada, "twin") and at_twin.status == "clone?" and names(at_twin, "ada")
    end)
    assert(took, world:logs())
    patience.took("a copied card is shown by all", took, FOUND)

    folder.write(world:path("twin", "share/of-the-copy.bag"), "what the copy saw")
    local before = pid "twin"
    local said, code = world:cli("twin", "identity renew </dev/null")
    assert.equal(4, code, said)
    said, code = world:cli("twin", "identity renew --yes --json")
    assert.equal(0, code, said)
    local faults, other = {}, nil
    shape.compare("identity renew", shape.of(assert(json.decode((said:gsub("\n$", ""))))), faults)
    assert.same({}, faults)
    assert(world.within(20, function()
      local now = world:ask("twin", "identity")
      other = now and now.id ~= id and now.id
      return other
    end), world:logs())
    assert.equal(before, pid "twin")
    assert.is_true(world.running.twin.alive())
    assert(world.within(30, function() return is_from(other, "of-the-copy.bag") and is_from(other, "run.bag") end),
      world:cli("bob", "report --json"))
    assert(world.within(10, function() return row("bob", other).status == "ready" end), world:cli("bob", "discover"))
  end)
end)
