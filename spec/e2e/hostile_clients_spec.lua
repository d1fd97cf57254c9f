-- hostile_clients_spec.lua - clients that are slow, half, silent or deaf, hundreds at a time: caps hold.
-- runs alone: memory is counted
local outside = require "spec.e2e.outside"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local SOAK = os.getenv "DT_SWARM_SOAK"
local COUNT = SOAK and 900 or 200
local SECONDS = SOAK and 60 or 13 -- half a line is given ten
local MB = 1024 * 1024
local ANSWER = 1 -- s, at rest; a busy machine may take several times as long
local OWN <const> = 8 -- descriptors, no sockets, that a daemon opens for itself meanwhile: a journal, a thread
local READERS = 8 -- blocks that the gateway sends at a time, 1 MiB of memory each

describe("a daemon among slow clients", function()
  local s, why, pid, cid, port

  local function status() return s:ask("ada", "status") end

  local function tcp_of(answer)
    for _, channel in ipairs(answer.channels) do if channel.kind == "tcp" then return channel end end
  end

  setup(function()
    s, why = swarm.new { "ada", "mallory", "honest" }
    if not s then return end
    s:start "ada"
    assert(swarm.within(10, status), s:log "ada")
    pid = s.running.ada.pid
    swarm.sh(("head -c 1048576 /dev/urandom > %s/big.bag"):format(s:path("ada", "share")))
    assert(swarm.within(15, function()
      local file = (s:ask("ada", "report") or { files = {} }).files[1]
      cid = file and file.cid
      return cid
    end), s:log "ada")
    port = status().gateway.port
    -- The first answer over HTTP, and its library's memory, are no attack.
    local leaf = ("curl -s -o /dev/null http://%s:%d/ipfs/%s?format=raw"):format(s.world:address "ada", port, cid)
    s.world:run("honest", leaf)
    s:warm "ada"
  end)

  teardown(function() if s then s:close() end end)

  -- Slow clients of KIND for a while, an honest one that came before (FIRST) or after them. → figures.
  local function beset(kind, where, at, first)
    local before = { memory = outside.memory(pid), descriptors = outside.descriptors(pid) }
    local files, sockets = outside.files(pid)
    local honest
    local function begin_honest()
      honest = s.world:spawn("honest", ("lua5.4 spec/e2e/honest.lua %s 3825 %s"):format(s.world:address "ada",
        s:path("ada", "state/control.sock")))
      os.execute "sleep 1"
    end
    if first then begin_honest() end
    local came = patience.now()
    local slow = s.world:spawn("mallory", kind == "forged" and
      ("lua5.4 spec/e2e/forged.lua %s duckietown %d"):format(where, at) or
      ("lua5.4 spec/e2e/slow.lua %s %d %s %d %s"):format(kind, COUNT, where, at, cid))
    os.execute "sleep 1"
    if not first then begin_honest() end
    local seen = { descriptors = 0, links = 0, readers = 0, connections = 0 }
    local begun, all_came = patience.now(), kind ~= "tcp" and kind ~= "http"
    local function enough()
      local past = patience.now() - begun
      return past > (kind == "tcp" and SECONDS or SECONDS // 2) and all_came or past > SECONDS * patience.TIMES
    end
    local peak = outside.peak(pid, function()
      seen.descriptors = math.max(seen.descriptors, outside.descriptors(pid))
      local answer = kind ~= "control" and status()
      if answer then
        local tcp = tcp_of(answer)
        seen.links = math.max(seen.links, #(tcp.links or {}))
        seen.readers = math.max(seen.readers, answer.gateway.counts.readers)
        all_came = all_came or kind == "http" and seen.readers > 1
          or kind == "tcp" and (tcp.refused.slow or 0) > 0 and (tcp.refused.full or 0) >= COUNT - 8
        seen.connections = math.max(seen.connections, answer.gateway.counts.connections)
      end
      return not enough()
    end)
    honest.stop()
    slow.stop()
    swarm.within(5, function() return not honest.alive() and not slow.alive() end)
    local tcp_n, tcp_worst, control_n, control_worst = honest.output():match "tcp (%d+) (%d+) control (%d+) (%d+)"
    assert(tcp_n, honest.output())
    seen.memory, seen.made = peak - before.memory, tonumber(slow.output():match " (%d+)")
    seen.answer, seen.before, seen.seconds = status(), before, patience.now() - came
    print(("%s: %d connections made, at most %d links, %d readers, %d file descriptors more, private memory " ..
      "%+.2f MB, tcp %d answers, worst %d ms, control %d answers, worst %d ms"):format(kind, seen.made, seen.links,
      seen.readers,
      seen.descriptors - before.descriptors, seen.memory / MB, tcp_n, tcp_worst, control_n, control_worst))
    assert.is_true(seen.made >= COUNT)
    for what, figures in pairs { ["a pong"] = { tcp_n, tcp_worst }, ["a status"] = { control_n, control_worst } } do
      local n, worst = tonumber(figures[1]), tonumber(figures[2]) / 1000
      patience.took("the slowest of " .. n .. " answers, " .. what, worst, ANSWER)
      assert.is_true(n > 3 and worst <= ANSWER * patience.TIMES, worst .. " s for " .. what)
    end
    local gone = swarm.within(10, function()
      return select(2, outside.files(pid)) <= sockets + 1 and outside.descriptors(pid) <= before.descriptors + OWN
    end)
    assert.is_truthy(gone, ("descriptors are left behind: before\n%snow\n%s"):format(files, outside.files(pid)))
    return seen
  end

  it("on TCP lines has eight of a host, drops the slow, and serves who came after them", function()
    if not s then return pending(why) end
    local seen = beset("tcp", s.world:address "ada", 3825)
    assert.is_true(seen.links <= 9, seen.links .. " links")
    assert.is_true(seen.memory <= 2 * MB, seen.memory)
    local refused = tcp_of(seen.answer).refused
    assert.is_true(refused.full >= COUNT - 8)
    assert.is_true((refused.slow or 0) > 0)
  end)

  it("on HTTP has sixteen connections of a host and eight readers, a block of memory each", function()
    if not s then return pending(why) end
    local seen = beset("http", s.world:address "ada", port)
    assert.is_true(seen.connections <= 16, seen.connections .. " connections")
    assert.is_true(seen.readers <= READERS, seen.readers .. " readers")
    assert.is_true(seen.readers > 1)
    assert.is_true(seen.memory <= (2 + READERS) * MB, seen.memory)
    local took = swarm.within(5, function()
      return select(2, s.world:run("honest", ("curl -sf -m 20 -o /dev/null http://%s:%d/ipfs/%s?format=raw"):format(
        s.world:address "ada", port, cid)))
    end)
    assert.is_truthy(took, "nobody is served after them")
  end)

  it("on the control socket has 32, and goes on answering the one who was there", function()
    if not s then return pending(why) end
    local seen = beset("control", s:path("ada", "state/control.sock"), 1, true)
    assert.is_true(seen.descriptors - seen.before.descriptors <= 32 + 8 + 2, seen.descriptors)
    assert.is_true(seen.memory <= 2 * MB, seen.memory)
  end)

  it("checks as many forged signatures as one host may waste, however many streams it has", function()
    if not s then return pending(why) end
    local before = status()
    local seen = beset("forged", s.world:address "ada", before.time.now)
    local checked = seen.answer.refused.signature - (before.refused.signature or 0)
    print(("%d lines made, %d signatures checked"):format(seen.made, checked))
    assert.is_true(seen.memory <= 2 * MB, seen.memory)
    assert.is_true(checked < 200 + 50 * (seen.seconds + 2) + 512 + 128, checked)
  end)

  it("writes no line of log for each of them", function()
    if not s then return pending(why) end
    assert.is_true(#s:log "ada" < 10000, #s:log "ada")
    assert.is_nil(s:log("ada"):find "%f[%w]error%f[%W]", s:log "ada")
  end)
end)
