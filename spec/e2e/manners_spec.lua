-- manners_spec.lua - a robot that has a budget off the LAN, and pauses while it drives; beside it one on the LAN, and
-- somebody who floods the server. Whole daemons.
-- mostly waits: for files on their way
local folder = require "spec.folder"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local MIB <const> = 1048576
local LAN <const> = '"/ip4/0.0.0.0/udp/3825/dswarm-line", "/ip4/0.0.0.0/tcp/3825/dswarm-line"'
local RATE <const> = 200000 -- bytes/s

describe("a robot's manners", function()
  local s, why, id

  local function within(bar, what, test)
    local took = swarm.within(bar, test)
    assert.is_truthy(took, what .. "\n" .. s:cli("server", "status --json") .. s:logs())
    patience.took(what, took, bar)
  end

  local function write(host, budget)
    swarm.sh("mkdir -p " .. s:path(host, "share"))
    folder.write(s:path(host, "my.lua"), ([[local p = extend "duckiebot"
p.clients.logs.settle = { least = 0.2 * second, per = 1 * GB, most = 1 * second }
p.clients.logs.budget = %d
p.routing.channels = { %s, "/ip4/%s/tcp/3825/dswarm-line/dswarm/%s" }
return p
]]):format(budget, LAN, s.world:address "server", id))
    return s:path(host, "my.lua")
  end

  -- Bytes a second that leave HOST for so many SECONDS, by the kernel's counter and clock; of what TCP said again
  -- meanwhile, which no budget knows, nothing.
  local function rate(host, seconds)
    local again = s:said_again(host)
    local text = s.world:run(host, ("F=/sys/class/net/eth0/statistics/tx_bytes; cat $F /proc/uptime; sleep %d; "
      .. "cat $F /proc/uptime"):format(seconds))
    local a, at, b, till = text:match "^(%d+)%s+([%d.]+) [%d.]+%s+(%d+)%s+([%d.]+)"
    again = s:said_again(host) - again
    return math.max(0, b - a - again) / (till - at)
  end

  local function share(host, size) folder.write(s:path(host, "share/" .. host .. ".bag"), folder.bytes(size, #host)) end

  local function is_safe(host) return (s:file("server", host .. ".bag") or {}).safe end

  setup(function()
    s, why = swarm.new({ "server", "lou", "ada", "mallory" }, nil, { wire = true, nat = { north = { "ada" } }, seed = 7,
      public = true })
    if not s then return end
    folder.write(s.dir .. "/server.lua", ('local p = extend "server"\np.routing.channels = { %s }\n'
      .. "function p.clients.logs.fetch() return 5 end\nreturn p\n"):format(LAN))
    swarm.sh("mkdir -p " .. s:path("server", "share"))
    s:start("server", s.dir .. "/server.lua")
    within(10, "the server runs", function() return s:ask("server", "identity") end)
    id = s:ask("server", "identity").id
    s:start("ada", write("ada", RATE))
    s:start("lou", write("lou", RATE))
    within(10, "the server hears both", function() return #s:names "server" == 3 end)
  end)

  teardown(function() if s then s:close() end end)
  before_each(function() if not s then pending(why) end end)

  it("keep to the budget off the LAN; on it there is none", function()
    share("ada", 40 * MIB)
    within(20, "it is fetched", function() return rate("ada", 1) > RATE / 2 end)
    local got
    within(20, "the budget is used", function() -- less where the machine is busy, and never more
      got = rate("ada", 6)
      print(("# %.0f bytes/s of %d off the LAN"):format(got, RATE))
      assert.is_true(got <= RATE * 1.1, got)
      return got >= RATE * 0.8
    end)
    assert.equal(RATE, s:ask("ada", "status").streams.budget)
    local refused
    within(20, "nearly as much goes on while others open streams", function()
      local flood = s.world:spawn("mallory", ("env DT_SWARM_BUILD=%s lua5.4 spec/e2e/opening.lua %s %s 6"):format(
        os.getenv "DT_SWARM_BUILD" or ".build", s.world:address "server", id))
      os.execute "sleep 1"
      local under = rate("ada", 4)
      within(10, "the flood is over", function() return not flood.alive() end)
      refused = s:ask("server", "status").streams.refused
      print(("# %.0f bytes/s while others open streams: %s; refused %d"):format(under, flood.output():match "[^\n]*",
        refused.full or 0))
      return under >= 0.8 * got
    end)
    assert.is_true((refused.full or 0) > 100, "the flood came")
    share("lou", 10 * MIB)
    within(10, "it is there", function() return is_safe "lou" end) -- 50 s by that budget
    assert.is_falsy(is_safe "ada")
  end)

  it("bring what goes out to nearly nothing while it drives, and then go on", function()
    local function budget(bytes)
      write("ada", bytes)
      assert.equal(0, select(2, s:cli("ada", "policy reload")))
    end
    budget(4 * RATE) -- so that much is left when it pauses
    within(10, "the other budget counts", function() return rate("ada", 1) > 2 * RATE end)
    s:cli("ada", "fact driving yes --for 600s")
    within(5, "it pauses", function() return s:ask("ada", "status").paused end)
    within(5, "nothing goes out", function() -- what was on its way goes on a moment
      local got = rate("ada", 3)
      print(("# %.0f bytes/s of %d while it pauses"):format(got, 4 * RATE))
      return got < 4 * RATE * 0.04
    end)
    assert.is_falsy(is_safe "ada")
    within(20, "the server says so", function()
      for _, row in ipairs((s:ask("server", "files list") or { fetching = {} }).fetching) do
        if row.name == "ada.bag" and row.word == "pause" then return true end
      end
    end)
    budget(20 * RATE)
    s:cli("ada", "fact driving end")
    within(70, "it is there", function() return is_safe "ada" end) -- it is asked again after its minute
  end)
end)
