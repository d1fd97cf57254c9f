-- outbox_spec.lua - order, silence, bounds of what a channel will be told.
local outbox = require "comms.outbox"
local repeats = require "comms.repeats"
local simloop = require "sim.loop"
local random = require "core.random"
local urgency = require "comms.urgency"

local function new()
  local box = { refusals = {}, pokes = {} }
  box.loop = simloop.new()
  box.out = outbox.new { loop = box.loop, random = random.seeded(1),
    refused = function(word) box.refusals[word] = (box.refusals[word] or 0) + 1 end,
    poke = function(name) box.pokes[name] = (box.pokes[name] or 0) + 1 end }
  return box
end

local function word(n, mine, slot)
  return { short = ("%016d"):format(n), slot = slot or ("slot %d"):format(n), line = ("line %04d"):format(n),
    mine = mine }
end

describe("an outbox", function()
  it("says the most urgent first, and as much as fits", function()
    local box = new()
    box.out:open("tcp", {})
    box.out:add("tcp", word(1), 3)
    box.out:add("tcp", word(2), 9)
    box.out:add("tcp", word(3), 9)
    local message = box.out:next("tcp", 32 + 2 * 10)
    assert.same({ "line 0002", "line 0003" }, message.body)
    assert.same({ "statements", nil }, { message.kind, message.rest }, "the count is the stream's affair")
    assert.same({ "line 0001" }, box.out:next("tcp", 1000).body)
    assert.is_nil(box.out:next("tcp", 1000))
    assert.is_nil(box.out:due "tcp")
    assert.equal(3, box.pokes.tcp)
  end)

  it("says others' trust words on a medium in their order, and sooner what takes rights away", function()
    local box, said = new(), {}
    box.out:open("udp", { medium = true })
    for n = 1, 40 do box.out:add("udp", word(n), urgency.TRUST) end
    box.out:add("udp", word(41), urgency.ENDS)
    for _ = 1, 400 do
      box.loop:run_until(box.loop:now() + 1)
      local message = box.out:next("udp", 32 + 10)
      said[#said + 1] = message and message.body[1] or nil
    end
    local order = {}
    for _, line in ipairs(said) do order[#order + 1] = line ~= "line 0041" and line or nil end
    for n = 1, 40 do assert.equal(("line %04d"):format(n), order[n]) end
    assert.equal(41, #said)
    assert.not_equal("line 0041", said[41])
  end)

  it("says a change that waits no later for being renewed meanwhile, and counts renewals that give way", function()
    local box = new()
    box.out:open("irc", {})
    box.out:add("irc", word(1), 3)
    box.out:add("irc", word(2, false, "state"), 6)
    local function renew(n)
      local one = word(n, false, "state")
      one.renewed = true
      box.out:add("irc", one, 1)
    end
    renew(3)
    renew(3)
    assert.equal(0, box.out:counts().dropped)
    renew(4)
    assert.same({ 1, 1 }, { box.out:counts().dropped, box.refusals.full })
    assert.same({ "line 0004" }, box.out:next("irc", 32 + 10).body)
    renew(5)
    box.out:add("irc", word(6, false, "state"), 11)
    box.out:add("irc", word(7, false, "state"), 5)
    assert.same({ "line 0007" }, box.out:next("irc", 32 + 10).body, "as urgent as a policy can have it")
    assert.same({ "line 0001" }, box.out:next("irc", 1000).body)
  end)

  it("keeps only the newest word of a slot", function()
    local box = new()
    box.out:open("tcp", {})
    for n = 1, 50 do box.out:add("tcp", word(n, true, "same"), 5) end
    assert.same({ "line 0050" }, box.out:next("tcp", 1200).body)
    assert.equal(0, box.out:length "tcp")
  end)

  it("says own words at once on a medium, and lets foreign ones wait by chance", function()
    local box = new()
    box.out:open("udp", { medium = true })
    box.out:add("udp", word(1, true), 5)
    box.out:add("udp", word(2, false), 5)
    assert.same({ "line 0001" }, box.out:next("udp", 1200).body)
    assert.is_nil(box.out:next("udp", 1200))
    local due = box.out:due "udp"
    assert.is_true(due >= 0 and due <= 300)
    box.loop:run_until(due)
    assert.same({ "line 0002" }, box.out:next("udp", 1200).body)
  end)

  it("lets a word wait, what replaces it no longer than that, and is silenced by a copy on a stream", function()
    local box = new()
    box.out:open("tcp", {})
    local function add(n)
      local one = word(n, false, "same")
      one.wait = 30000
      box.out:add("tcp", one, 5)
    end
    add(1)
    box.loop:run_until(20000)
    add(2)
    assert.equal(10000, box.out:due "tcp")
    box.loop:run_until(30000)
    assert.same({ "line 0002" }, box.out:next("tcp", 1200).body)
    add(3)
    box.out:heard("tcp", word(3).short)
    add(4)
    box.out:outdated("tcp", "same")
    box.out:outdated("tcp", "another")
    assert.is_nil(box.out:due "tcp")
    assert.equal(0, box.out:length "tcp")
  end)

  it("is silenced by two verified copies, not by one", function()
    local box = new()
    box.out:open("udp", { medium = true })
    box.out:add("udp", word(1), 5)
    box.out:add("udp", word(2), 5)
    box.out:heard("udp", word(1).short)
    box.out:heard("udp", word(1).short)
    box.out:heard("udp", word(2).short)
    box.loop:run_until(1000)
    assert.same({ "line 0002" }, box.out:next("udp", 1200).body)
    assert.is_nil(box.out:next("udp", 1200))
  end)

  it("is bounded: the least urgent, oldest goes first, and is counted", function()
    local box = new()
    box.out:open("tcp", {})
    box.out:add("tcp", word(1), 2)
    for n = 2, 2049 do box.out:add("tcp", word(n), 5) end
    assert.equal(2048, box.out:length "tcp")
    assert.same({ full = 1 }, box.refusals)
    assert.same({ waiting = 2048, dropped = 1 }, box.out:counts())
    assert.equal("line 0002", box.out:next("tcp", 1200).body[1])
  end)

  it("asks a feed only when nothing else waits, and forgets it at its end", function()
    local box, n = new(), 0
    box.out:open("tcp", {})
    box.out:feed("tcp", function()
      n = n + 1
      return n <= 2 and { kind = "ids", rest = tostring(n) } or nil
    end)
    box.out:add("tcp", word(1), 5)
    box.out:say("tcp", { kind = "beacon", rest = "b" })
    local kinds = {}
    for message in function() return box.out:next("tcp", 1200) end do kinds[#kinds + 1] = message.kind end
    assert.same({ "statements", "beacon", "ids", "ids" }, kinds)
    assert.is_nil(box.out:due "tcp")
  end)

  it("lets statements go before a beacon, for two seconds, and keeps the newest beacon alone", function()
    local box, n = new(), 0
    box.out:open("tcp", {})
    local function kind()
      n = n + 1
      box.out:add("tcp", word(n), 5)
      return box.out:next("tcp", 1200).kind
    end
    box.out:say("tcp", { kind = "beacon", rest = "old" })
    assert.equal("statements", kind())
    box.loop:run_until(1999)
    box.out:say("tcp", { kind = "beacon", rest = "new" })
    assert.equal("statements", kind())
    box.loop:run_until(2000)
    n = n + 1
    box.out:add("tcp", word(n), 5)
    assert.equal("new", box.out:next("tcp", 1200).rest, "statements without end starve no beacon")
    assert.equal("statements", box.out:next("tcp", 1200).kind)
    assert.is_nil(box.out:next("tcp", 1200))
  end)

  it("drops a line that no frame of the channel can hold, by word, and goes on with the next", function()
    local box = new()
    box.out:open("irc", {})
    local long = word(1)
    long.line = ("x"):rep(420)
    box.out:add("irc", long, 9)
    box.out:add("irc", word(2), 5)
    assert.same({ "line 0002" }, box.out:next("irc", 390).body)
    assert.same({ long = 1 }, box.refusals)
    assert.is_nil(box.out:due "irc")
    box.out:add("irc", long, 9)
    assert.is_nil(box.out:next("irc", 390))
    assert.is_nil(box.out:due "irc", "a channel that can say nothing asks for ever")
    box.out:add("irc", long, 9)
    assert.same({ long.line }, box.out:next("irc", 1200).body, "a longer frame holds it (negative control)")
  end)

  it("holds what lives and no more while nobody pulls, however often it is renewed", function()
    for _, medium in ipairs { true, false } do
      local box = new()
      box.out:open("udp", { medium = medium })
      local function renew(from, to)
        for n = from, to do
          box.out:add("udp", { short = ("%016d"):format(n), slot = n % 40, line = ("0"):rep(400) .. n }, n % 9 + 1)
        end
      end
      renew(1, 4000)
      collectgarbage()
      local before = collectgarbage "count"
      renew(4001, 204000)
      collectgarbage()
      assert.equal(40, box.out:length "udp")
      assert(collectgarbage "count" - before < 100, ("%.0f KiB more"):format(collectgarbage "count" - before))
      local lines = 0
      box.loop:run_until(1000)
      for message in function() return box.out:next("udp", 1200) end do
        for _, line in ipairs(message.body) do
          assert(tonumber(line) > 204000 - 40)
          lines = lines + 1
        end
      end
      assert.equal(40, lines)
    end
  end)

  it("lets a question go on a slow channel though a beacon waits there, on credit, and an answer on more", function()
    local box = new()
    box.out:open("irc", { medium = true, rate = 200 })
    local asked, answered = 0, 0
    box.out:control("irc", 1200)
    box.out:say("irc", { kind = "beacon", rest = "x" })
    while box.out:may_control "irc" do
      box.out:control("irc", 160)
      asked = asked + 1
    end
    while box.out:may_answer "irc" do
      box.out:control("irc", 160)
      answered = answered + 1
    end
    assert.is_true(asked >= 3 and asked <= 5 and answered >= 3 and answered <= 5, asked .. " " .. answered)
    box.loop:run_until(100 * 1000)
    assert.is_nil(box.out:next("irc", 1200), "the beacon waits until that is paid for")
    box.loop:run_until(140 * 1000)
    assert.equal("beacon", box.out:next("irc", 1200).kind)
  end)

  it("forgets a closed channel", function()
    local box = new()
    box.out:open("tcp", {})
    box.out:close "tcp"
    box.out:say("tcp", { kind = "beacon" })
    assert.is_nil(box.out:next("tcp", 1200))
    assert.same({}, box.out.names)
  end)
end)

describe("the back-off of RFC 5401", function()
  it("stays within its bound and leans to the end of it, so that few of many speak early", function()
    local r, early, n = random.seeded(3), 0, 20000
    for _ = 1, n do
      local wait = repeats.wait(r, 1000)
      assert.is_true(wait >= 0 and wait <= 1000, tostring(wait))
      if wait < 500 then early = early + 1 end
    end
    -- P(t < T/2) = (e^(λ/2) − 1) / (e^λ − 1) = 1.8 % for λ = 8
    assert.is_true(early / n > 0.012 and early / n < 0.025, tostring(early / n))
  end)
end)

describe("a word that is to be heard several times on a medium", function()
  local box
  before_each(function()
    box = new()
    box.out:open("udp", { medium = true })
  end)

  -- How often it is said within ten seconds; HEARD: copies of others that are heard, one each half second.
  local function said(times, heard)
    local one, n = word(1, true), 0
    one.times = times
    box.out:add("udp", one, 5)
    for i = 1, 20 do
      if box.out:next("udp", 1200) then n = n + 1 end
      if i <= heard then box.out:heard("udp", one.short) end
      box.loop:run_until(box.loop:now() + 500)
    end
    assert.equal(0, box.out:length "udp")
    return n
  end

  it("is said so often, a second or two apart, less the copies of others", function()
    assert.same({ 1, 2, 4 }, { said(1, 0), said(2, 0), said(4, 0) })
    assert.same({ 1, 2, 1 }, { said(2, 1), said(4, 2), said(4, 3) })
    assert.same({}, box.refusals)
  end)

  it("gives way to a newer one of its slot, which is no more urgent for that, and nothing is dropped", function()
    local one = word(1, true, "state")
    one.times, one.renewed = 2, true
    box.out:add("udp", one, 9)
    assert.same({ "line 0001" }, box.out:next("udp", 1200).body)
    box.out:add("udp", word(3, true), 4)
    box.out:add("udp", word(2, true, "state"), 3)
    assert.same({ "line 0003" }, box.out:next("udp", 32 + 10).body)
    assert.same({ "line 0002" }, box.out:next("udp", 32 + 10).body)
    box.loop:run_until(5000)
    assert.is_nil(box.out:next("udp", 1200))
    assert.equal(0, box.out:counts().dropped)
  end)
end)
