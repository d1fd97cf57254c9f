-- reload_spec.lua - a policy that changes again and again while records pour in: each change shows, no record is lost,
-- nothing else is touched. Whole daemon; DT_SWARM_SOAK=1: 10,000 reloads; DT_SWARM_RELOADS=N: as many.
local folder = require "spec.folder"
local loopback = require "spec.loopback"
local patience = require "spec.patience"
local process = require "spec.process"
local uv = require "luv"

local listens = loopback.listens

local SOAK <const> = os.getenv "DT_SWARM_SOAK"
local RELOADS <const> = math.tointeger(tonumber(os.getenv "DT_SWARM_RELOADS")) or SOAK and 10000 or 40
local RECORDS <const> = SOAK and "" or "20000" -- that pour in; then they come one by one
local QUIET_RELOADS <const> = SOAK and 1000 or 30 -- without records, for the memory, several times
local GROWTH <const> = 1000000 -- bytes of private memory that they may add
local WAYS <const> = { "save", "rename", "signal", "command" } -- in turn
local SAVED <const> = SOAK and 50 or 1 -- a save waits for 100 ms of calm, so in a long run only one of so many is one

local function private_memory(pid)
  local kb = 0
  for line in io.lines(("/proc/%d/smaps_rollup"):format(pid)) do
    kb = kb + (tonumber(line:match "^Private_%a+: *(%d+)") or 0)
  end
  return kb * 1024
end

-- What the kernel calls the daemon's sockets: of the stream from PORT to the TCP port, and of the UDP port.
local function sockets(tcp, udp)
  local found = {}
  for name, port in pairs { tcp = tcp, udp = udp } do
    for line in io.lines("/proc/net/" .. name) do
      local at, state, inode = line:match "^ *%d+: %x+:(%x+) %x+:%x+ (%x+) %x+:%x+ %x+:%x+ %x+ +%d+ +%d+ (%d+)"
      if at and tonumber(at, 16) == port and (name == "udp" or state == "01") then
        found[#found + 1] = name .. " " .. inode
      end
    end
  end
  table.sort(found)
  return found
end

describe("a policy that changes while records pour in", function()
  local w, ada, connection, ports, round

  local function ask(request) return connection:ask(request) end

  -- The file of the policy, as it is in round N: other settings, another channel, another answer of a hook.
  local BODY <const> = [[
p.name = "n%d"
p.comms.beacon = { %d, 60 }
p.clients.logs.gateway = false
p.clients.logs.folder = "%s/ada/share"
p.dcache.classes.share.slots = 200000
p.routing.channels = {
  "/ip4/127.0.0.1/tcp/%d/dswarm-line", "/ip4/127.0.0.1/udp/%d/dswarm-line", "/ip4/127.0.0.1/tcp/%d/dswarm-line",
}
function p.clients.logs.share() return false, "round %d" end]]

  local function extra(n) return ports[3 + n % 3] end -- a port that only this round listens on
  local function body(n) return BODY:format(n, 2 + n % 7, w.dir, ports[1], ports[2], extra(n), n) end

  local function save(n, way)
    if way ~= "rename" then return w:policy("ada.lua", body(n)) end
    os.rename(w:policy("next.lua", body(n)), w.dir .. "/ada.lua")
  end

  -- Writes round N and has it read by WAY; → what a command was answered.
  local function change(n, way)
    round = n
    save(n, way)
    if way == "signal" then uv.kill(ada.pid, "sighup") end
    return way == "command" and ask { command = "reload" } or nil
  end

  -- Does all that round N changes show?
  local function shows(n)
    local file = (ask { command = "files" }.files or {})[1]
    if not file or not (file.reason or ""):find(("round %d$"):format(n)) then return false end
    return ask { command = "status" }.node.name == "n" .. n and listens(extra(n)) and not listens(extra(n + 2))
  end

  local sender -- its process

  -- → fn() → what the sender printed
  local function begin_saying()
    local base = w.dir .. "/sender"
    os.execute(("%s spec/e2e/numbered.lua %s %d %d %s >%s.out 2>&1 & echo $! >%s.pid"):format(
      os.getenv "LUA" or "lua5.4", w.swarm, ports[1], ports[2], RECORDS, base, base))
    sender = tonumber(folder.read(base .. ".pid"))
    return function() return folder.read(base .. ".out") end
  end

  local function held()
    for _, bucket in ipairs(ask { command = "summary" }.buckets) do
      if bucket.name == "share/files" then return bucket.count end
    end
    return 0
  end

  setup(function()
    w, ports = process.new(), {}
    for i = 1, 5 do ports[i] = loopback.free_port() end
    os.execute(("mkdir -p %s/ada/share"):format(w.dir))
    folder.write(w.dir .. "/ada/share/a.txt", "a")
    w:policy("ada.lua", body(0))
    ada = w:start("ada", { policy = w.dir .. "/ada.lua", bare = true })
    connection = ada:connect()
    assert.is_truthy(process.within(10, function() return shows(0) end), ada:log())
  end)
  teardown(function()
    if sender then uv.kill(sender, "sigkill") end
    w:close()
  end)

  it("changes each time, holds all records, and leaves alone what did not change", function()
    local said = begin_saying()
    assert.is_truthy(process.within(10, function() return held() > 100 end), ada:log() .. said())
    local before, took = sockets(ports[1], ports[2]), {}
    assert.equal(2, #before, table.concat(before, ", "))
    for n = 1, RELOADS do
      local began, way = uv.hrtime(), WAYS[n % #WAYS + 1]
      if n % SAVED ~= 0 and way ~= "signal" then way = "command" end
      local answer = change(n, way)
      assert.is_nil(answer and answer.error, answer and answer.error and answer.error.text)
      local shown = patience.within(10, function() return shows(n) end, 0.002)
      assert.is_truthy(shown, ("round %d: %s"):format(n, ada:log()))
      took[n] = (uv.hrtime() - began) / 1e6
    end
    assert.same(before, sockets(ports[1], ports[2]), "the stream and the UDP socket are the same")
    uv.kill(sender, "sigterm")
    assert.is_truthy(process.within(10, function() return said():find "udp" end), said())
    local tcp, udp = said():match "^tcp (%d+) udp (%d+)"
    assert.is_truthy(tcp, said())
    local all = tonumber(tcp) + tonumber(udp)
    assert.is_truthy(process.within(10, function() return held() == all end),
      ("%d of %d (%s over TCP, %s over UDP)"):format(held(), all, tcp, udp))
    table.sort(took)
    print(("  %d reloads under %s + %s records; from the save to all that shows, median %.0f ms, most %.0f ms"):format(
      RELOADS, tcp, udp, took[(#took + 1) // 2], took[#took]))
  end)

  it("takes no more memory for it", function()
    local function many(count)
      for _ = 1, count do assert.is_nil(change(round + 1, "command").error) end
      assert.is_truthy(process.within(10, function() return shows(round) end))
      local least = math.huge
      for _ = 1, 10 do
        least = math.min(least, private_memory(ada.pid))
        uv.sleep(50)
      end
      return least
    end
    local sizes, least = { many(QUIET_RELOADS) }, math.huge
    for i = 2, 4 do -- other work may need memory once; what reloads keep, each block of them keeps
      sizes[i] = many(QUIET_RELOADS)
      least = math.min(least, sizes[i] - sizes[i - 1])
    end
    print(("  private memory %.1f MB, then after %d reloads each: %.1f, %.1f, %.1f MB"):format(sizes[1] / 1e6,
      QUIET_RELOADS, sizes[2] / 1e6, sizes[3] / 1e6, sizes[4] / 1e6))
    assert.is_true(least <= GROWTH, ("%d bytes more each time"):format(least))
  end)
end)
