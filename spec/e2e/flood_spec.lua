-- flood_spec.lua - a flood of strangers' valid words: members of a lab go on, and a newcomer comes in by its token.
-- runs alone: memory and processor time are counted
local labs = require "spec.labs"
local outside = require "spec.e2e.outside"
local patience = require "spec.patience"
local strangers = require "spec.e2e.strangers"
local swarm = require "spec.e2e.swarm"

local SOAK = os.getenv "DT_SWARM_SOAK"
local RATE <const>, KEYS <const> = 1000, 1000 -- words a second; keys that sign them
local COUNT <const> = 8000 -- different words, which are said again and again
local HELD <const> = 1000 -- words of a member that all hold, for a flood of duplicates
local ROUNDS, ROUNDS_MOST <const> = SOAK and 31 or 3, 31 -- of a second of each kind of flood, which are compared; while
-- the machine has other work
local LEAST, MOST = SOAK and 600 or 0, 900 -- s of the flood in which the five changes are made
local EQUAL <const>, IN <const> = 10, 30 -- s until a change is everywhere; until a newcomer is a member
local PROCESSOR <const>, MEMORY <const>, CHECKS <const>, PROVED <const> = 1.3, 4 << 20, 25, 5
local MEMBERS <const> = { "ada", "bea", "carl" }

describe("members of a lab under a flood of strangers", function()
  local s, why, lab, writer, grant, began, at

  local function start(host)
    s:put_lab(host, lab.text .. grant .. "\n")
    s:start(host)
  end

  local function status(host) return s:ask(host, "status") end

  setup(function()
    s, why = swarm.new { "ada", "bea", "carl", "dora", "mallory" }
    if not s then return end
    assert(select(2, swarm.sh "make -s .build/flood") == 0)
    lab = labs.new { name = "robotics", robots = 1, at = os.time() * 1000 - 60000 }
    writer = lab.robots[1]
    grant = lab:grant(lab.root, writer.id, "member", { name = "writer" })
    for _, host in ipairs(MEMBERS) do start(host) end
    for host = 10, 73 do s.world:run("mallory", ("ip address add 10.77.0.%d/24 dev eth0"):format(host)) end
    at = os.time() * 1000 - 3600000
    strangers.write(s.dir .. "/strangers", lab, COUNT, KEYS, at)
    strangers.of_member(s.dir .. "/held", lab, writer, HELD, at)
  end)

  teardown(function() if s then s:close() end end)

  -- Starts to send the datagrams of a file to all, for so many seconds, from many addresses.
  local function flood(file, seconds)
    return s.world:spawn("mallory", ("env FLOOD_FROM=10.77.0.10 .build/flood 10.77.0.255 3825 %d %d 64 %s/%s"):format(
      seconds * RATE, RATE, s.dir, file))
  end

  -- Offers LINES to a host's daemon, as the command line does.
  local function offer(host, lines) return s:request(host, { command = "offer", lines = lines }) end

  -- The digest of the class share at each of HOSTS, if all hold COUNT words of it and the same ones.
  local function equal(hosts, count)
    local digest
    for _, host in ipairs(hosts) do
      local answer = s:ask(host, "summary")
      for _, class in ipairs(answer and answer.classes or {}) do
        if class.name == "share" then
          if class.count ~= count or digest and class.digest ~= digest then return nil end
          digest = class.digest
        end
      end
    end
    return digest
  end

  -- Processor seconds of bea's daemon while so much is sent, and datagrams that the kernel dropped there meanwhile.
  local function cost(file, seconds)
    local pid = s.running.bea.pid
    local before, drops = outside.processor(pid), outside.drops(pid)
    local flooder = flood(file, seconds)
    assert(swarm.within(seconds * 2, function() return not flooder.alive() end))
    assert(swarm.within(5, function() return outside.waiting(pid) == 0 end)) -- all that came was taken
    os.execute "sleep 0.2"
    return outside.processor(pid) - before, outside.drops(pid) - drops
  end

  it("are members by the token in their lab files, and hold the same", function()
    if not s then return pending(why) end
    local took = swarm.within(15, function()
      for _, host in ipairs(MEMBERS) do
        if #s:names(host) < #MEMBERS then return false end
      end
      return true
    end)
    assert(took, (s:cli("ada", "discover")) .. s:log "ada")
    patience.took("three robots with one lab file are members", took, 15)
    assert.truthy(offer("ada", { strangers.file_word(writer.key, lab.swarm, lab.at, 999999) }).results)
    assert(swarm.within(EQUAL, function() return equal(MEMBERS, 1) end), s:cli("bea", "summary"))
  end)

  it("spend at most 1.3 times the processor that as many duplicates cost", function()
    if not s then return pending(why) end
    local held = swarm.within(30, function()
      cost("held", HELD // RATE) -- the words come for the first time; again while a socket dropped some of them
      return patience.within(1, function() return equal(MEMBERS, HELD + 1) end)
    end)
    assert(held, s:cli("bea", "summary"))
    cost("strangers", 1) -- what is kept of them at most is there
    began = { memory = outside.memory(s.running.bea.pid), at = patience.now(),
      checked = status("bea").strangers.checked }
    local duplicates, foreign, words = math.huge, math.huge, {} -- the least of all rounds: what else runs only adds
    local i = 0
    while i < ROUNDS or i < ROUNDS_MOST and (duplicates == math.huge or foreign / duplicates > PROCESSOR) do
      i = i + 1
      strangers.write(s.dir .. "/new", lab, RATE, KEYS, at + i * 100000) -- what was said before costs less
      local of_held, dropped = cost("held", 1)
      local few = flood("strangers", 0.1) -- for checks that were saved up meanwhile
      assert(swarm.within(2, function() return not few.alive() end))
      local of_new, lost = cost("new", 1)
      if math.max(dropped, lost) < RATE / 2 then -- of each that came; of few it would be what beacons cost
        duplicates = math.min(duplicates, of_held / (RATE - dropped))
        foreign = math.min(foreign, of_new / (RATE - lost))
      end
      words[i] = ("%.3f s and %.3f s%s"):format(of_held, of_new,
        dropped + lost > 0 and (", %d and %d dropped"):format(dropped, lost) or "")
    end
    local ratio = foreign / duplicates
    print(("# processor for %d duplicates, and as many strangers' words: %s: %.2f times"):format(RATE,
      table.concat(words, "; ", 1, 3), ratio))
    assert.is_true(ratio <= PROCESSOR, ("%.2f times"):format(ratio))
  end)

  it("have equal digests after each of five changes, and take a newcomer in, meanwhile", function()
    if not s then return pending(why) end
    local flooder, came = flood("strangers", MOST), nil
    start "dora"
    local asked = patience.now()
    for i = 1, 5 do
      offer(MEMBERS[i % 3 + 1], { strangers.file_word(writer.key, lab.swarm, lab.at + i, 1000000 + i) })
      local took = swarm.within(EQUAL, function() return equal(MEMBERS, HELD + 1 + i) end)
      assert(took, "change " .. i)
      patience.took("change " .. i .. " is everywhere", took, EQUAL)
    end
    local everybody = { "ada", "bea", "carl", "dora" }
    assert(swarm.within(IN, function()
      for _, host in ipairs(everybody) do
        if #s:heard(host) < #everybody then return false end
      end
      came = came or patience.now() - asked
      return equal(everybody, HELD + 6)
    end), s:cli("dora", "discover") .. s:cli("ada", "discover") .. s:log "dora")
    patience.took("a newcomer with the token is a member", came, IN)
    assert.is_true(came <= IN * patience.TIMES)
    while patience.now() - asked < LEAST do os.execute "sleep 1" end
    assert.is_true(flooder.alive())
    flooder.stop "KILL"
  end)

  it("checked few signatures of strangers, kept nothing of them, and say who they are", function()
    if not s then return pending(why) end
    local after = status "bea"
    local seconds, checked = patience.now() - began.at, after.strangers.checked - began.checked
    local grown = outside.memory(s.running.bea.pid) - began.memory
    print(("# %d signatures of strangers checked in %.1f s, private memory %+.2f MiB, %d refused as strangers"):format(
      checked, seconds, grown / (1 << 20), after.refused.stranger))
    assert.is_true(checked > 0 and checked <= (seconds + 1) * (CHECKS + PROVED * #MEMBERS), checked .. " were checked")
    assert.is_true(after.refused.stranger > ROUNDS * RATE / 2)
    assert.is_true(grown <= MEMORY, ("private memory grew by %d bytes"):format(grown))
    local shown = 0
    for _, node in ipairs(s:ask("bea", "discover").nodes) do
      if node.status == "stranger" then
        shown = shown + 1
        assert.matches("^ghost%d+$", node.name)
      end
    end
    assert.is_true(shown > 0 and shown <= 256, shown .. " strangers are shown")
    assert.is_nil(s:log("bea"):find("error", 1, true), s:log "bea")
  end)
end)
