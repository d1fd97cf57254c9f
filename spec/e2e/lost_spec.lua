-- lost_spec.lua - who stopped in good order, who was killed, who only stands still for half a minute: what others list.
-- Whole daemons.
-- mostly waits: for a minute in which nobody looks
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local STILL_S <const>, MINUTE_S <const> = 30, 60

describe("robots that stop, die, and stand still", function()
  local s, why

  setup(function()
    s, why = swarm.new { "looker", "late", "stops", "dies", "stands" }
    if not s then return end
    for _, host in ipairs { "looker", "late", "stops", "dies", "stands" } do s:start(host) end
    assert(swarm.within(10, function()
      for _, host in ipairs { "looker", "late", "stops", "dies", "stands" } do
        if #s:names(host) < 5 then return false end
      end
      return true
    end), s:logs())
  end)

  teardown(function() if s then s:close() end end)

  local function status(looker, name)
    for _, node in ipairs((s:ask(looker, "discover") or { nodes = {} }).nodes) do
      if node.name == name then return node.status or "nothing" end
    end
  end

  it("are left, lost and neither, each in its time", function()
    if not s then return pending(why) end
    s:stop("dies", "KILL")
    local killed = patience.now()
    s.running.stands.stop "STOP"
    assert.is_true(s:stop "stops")
    local took = swarm.within(5, function() return status("looker", "stops") == "left" end)
    assert.is_truthy(took, s:cli("looker", "discover"))
    patience.took("who stopped in good order has left", took, 5)
    local seen = {}
    repeat -- somebody looks on and on
      seen[status("looker", "stands") or "nobody"] = true
      os.execute "sleep 0.5"
    until patience.now() - killed > STILL_S
    s.running.stands.stop "CONT"
    assert.is_truthy(swarm.within(5, function() return status("looker", "stands") == "ready" end),
      s:cli("looker", "discover"))
    assert.is_nil(seen.lost)
    assert.is_true(seen.quiet, "he did not answer meanwhile (control)")
    os.execute(("sleep %d"):format(math.max(0, math.ceil(MINUTE_S - (patience.now() - killed)))))
    took = swarm.within(15, function() return status("late", "dies") == "lost" end)
    assert.is_truthy(took, s:cli("late", "discover"))
    patience.took("who was killed a minute ago is lost, since somebody looks", took, 15)
    assert.is_truthy(swarm.within(5, function()
      return status("late", "stands") == "ready" and status("late", "stops") == "left"
    end), s:cli("late", "discover"))
  end)
end)
