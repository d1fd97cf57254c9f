-- doctor_asked_spec.lua - a doctor that many ask at once, of many hosts: one look at a time, and few that wait. A whole
-- daemon.
-- mostly waits: for looks of some seconds
local process = require "spec.process"
local swarm = require "spec.e2e.swarm"

local ASKERS <const>, HOSTS <const> = 12, 6
local RUNS_MAX <const> = 3
local SEEN <const> = os.getenv "DT_SWARM_SOAK" and RUNS_MAX or 1 -- looks that are waited for

describe("a doctor that is asked of many hosts at once", function()
  local s, why
  teardown(function() if s then s:close() end end)

  it("looks at a few of them, one after the other, and tells all who ask for the same", function()
    s, why = swarm.new { "ada" }
    if not s then return pending(why) end
    s:start "ada"
    assert.is_truthy(swarm.within(10, function() return s:ask("ada", "status") end), s:logs())
    local net, list = s.world:address("ada"):match "^(.*%.)", {}
    s:halt "ada" -- so that no look is over before all have asked
    for i = 1, ASKERS do
      local one = process.connect(s:path("ada", "state/control.sock"))
      one:send { command = "doctor", peer = net .. 100 + i % HOSTS }
      list[i] = { connection = one, heard = "", host = net .. 100 + i % HOSTS }
    end
    s:go_on "ada"
    local function count(pattern)
      local n = 0
      for _, one in ipairs(list) do
        one.heard = one.heard .. (one.connection.stream:receive(65536) or "")
        n = n + (one.heard:find(pattern) and 1 or 0)
      end
      return n
    end
    assert.is_truthy(swarm.within(10, function() return count "\n" == ASKERS end), s:logs())
    local looked = ASKERS * RUNS_MAX // HOSTS
    assert.same({ looked, ASKERS - looked }, { count '"looking"', count '"word":"full"' })
    local function hosts_told() -- hosts of which all who asked have the findings
      local n = 0
      count '"findings"' -- takes what came
      for i = 1, HOSTS do
        n = n + (list[i].heard:find '"findings"' and list[i + HOSTS].heard:find '"findings"' and 1 or 0)
      end
      return n
    end
    assert.is_truthy(swarm.within(SEEN * 10, function() return hosts_told() >= SEEN end), s:logs())
    for _, one in ipairs(list) do
      if one.heard:find '"findings"' then assert.truthy(one.heard:find('"host":"' .. one.host .. '"', 1, true)) end
      one.connection:close()
    end
  end)
end)
