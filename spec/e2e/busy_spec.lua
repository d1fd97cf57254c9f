-- busy_spec.lua - several commands that fetch the same file over a slow link, from one robot: all come to their end.
local folder = require "spec.folder"
local swarm = require "spec.e2e.swarm"

local SIZE <const>, MBIT <const> = 3000000, 16

describe("a busy robot", function()
  local s, why

  setup(function()
    s, why = swarm.new { "ada", "lap" }
    if not s then return end
    swarm.sh(("mkdir -p %s %s"):format(s:path("ada", "share"), s:path("lap", "out")))
    folder.write(s:path("ada", "share/run.bag"), folder.bytes(SIZE, 3))
    s:start "ada"
    s:start "lap"
    s:slow("ada", MBIT)
  end)
  teardown(function() if s then s:close() end end)

  it("gives the file to six who ask at the same time, into one folder", function()
    if not s then return pending(why) end
    assert.is_truthy(swarm.within(15, function()
      local answer = s:ask("lap", "report")
      return answer and #answer.files == 1
    end))
    local six = {}
    for i = 1, 6 do
      six[i] = s.world:spawn("lap", ("env -C %s timeout 200 %s/dt-swarm-cli %s files get run.bag --to %d.bag"):format(
        s:path("lap", "out"), s.here, s:path("lap", "state/control.sock"), i))
    end
    swarm.within(180, function()
      for _, each in ipairs(six) do
        if each.alive() then return false end
      end
      return true
    end)
    for i, each in ipairs(six) do
        assert.matches("saved %d%.bag", each.output())
      assert.is_true(folder.read(s:path("lap", ("out/%d.bag"):format(i))) == folder.bytes(SIZE, 3))
    end
    assert.equal("1.bag\n2.bag\n3.bag\n4.bag\n5.bag\n6.bag\n", (swarm.sh("ls -A " .. s:path("lap", "out"))))
  end)
end)
