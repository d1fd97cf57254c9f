-- revoked_spec.lua - real daemons: one sleeps through the revocation of an admin, and acts on no role after its start
-- before it met a member. The clock is the spec's machine's, and nothing is injected.
local folder = require "spec.folder"
local labs = require "spec.labs"
local swarm = require "spec.e2e.swarm"

local THIEF <const> = 3 -- the robot whose key was stolen; it has no daemon here

-- What the host's `trust list` says: { role = of the thief or nil, settled, text } or nil.
local function view(s, host, id)
  local answer = s:ask(host, "trust list")
  if not answer then return nil end
  local seen = { settled = answer.settled.yes, text = answer.settled.text, members = #answer.keys }
  for _, row in ipairs(answer.keys) do
    if row.id == id then seen.role = row.role end
  end
  return seen
end

describe("a daemon that slept through a revocation", function()
  local s, why

  teardown(function() if s then s:close() end end)

  it("obeyed before; then it says `not compared`, and has the revocation before it acts on any role", function()
    s, why = swarm.new { "ada", "bob" }
    if not s then return pending(why) end
    local lab = labs.new { name = "robotics", robots = THIEF, at = os.time() * 1000 }
    local thief = lab.robots[THIEF].id
    local function said(line)
      folder.write(s.dir .. "/said", line .. "\n") -- a bundle without its end: what is whole in it is taken in
      s:cli("ada", "import " .. s.dir .. "/said")
    end
    for _, host in ipairs { "ada", "bob" } do
      s:put_lab(host, lab.text)
      s:start(host)
    end
    assert.is_truthy(swarm.within(30, function()
      local seen = view(s, "ada", thief)
      return seen and seen.members >= 3 and view(s, "bob", thief).members >= 3
    end), s:log "ada")

    said(lab:grant(lab.root, thief, "admin", { name = "thief" }))
    assert.is_truthy(swarm.within(30, function()
      local seen = view(s, "bob", thief)
      return seen.role == "admin" and seen.settled
    end), s:log "bob") -- the control: that key is obeyed

    assert.is_true(s:stop "bob")
    said(lab:revoke(lab.root, thief))
    assert.is_truthy(swarm.within(10, function() return view(s, "ada", thief).role == nil end), s:log "ada")
    s.world:cut "bob"
    s:start "bob"
    local seen
    assert.is_truthy(swarm.within(10, function()
      seen = view(s, "bob", thief)
      return seen
    end), s:log "bob")
    os.execute "sleep 1"
    seen = view(s, "bob", thief)
    assert.same({ "admin", false }, { seen.role, seen.settled })
    assert.matches("not compared", seen.text)

    s.world:heal "bob"
    local obeyed = false
    assert.is_truthy(swarm.within(60, function()
      seen = view(s, "bob", thief)
      obeyed = obeyed or seen.settled and seen.role == "admin"
      return seen.settled
    end), s:log "bob")
    assert.is_false(obeyed)
    assert.is_nil(seen.role)
  end)
end)
