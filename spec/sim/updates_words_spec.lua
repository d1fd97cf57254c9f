-- updates_words_spec.lua - robots of the simulator in whatever may keep one from beginning: `update explain` names the
-- gate, what was seen of it, and what opens it, in 80 columns and in 50.
local explain = require "cli.update_explain"
local fleet = require "spec.sim.updates_fleet"
local json = require "core.json"
local shape = require "spec.cli.shape"
local show = require "cli.show"
local text = require "core.text"
local validate = require "spec.schema.validate"
local width = require "cli.width"

local SECOND <const>, MINUTE <const>, HOUR <const> = 1000, 60 * 1000, 60 * 60 * 1000
local NAMES <const> = { "ada", "bea", "carl" }

local f

local function in_columns(answer, columns)
  local out = {}
  local s = show.new { width = columns, escape = text.escape, host = "localhost",
    write = function(said) out[#out + 1] = said end }
  explain.show(answer, s)
  return table.concat(out)
end

-- What a person at NAME reads, each line within the terminal.
local function said(name, key)
  local answer = assert(f:ask(name, "update explain", { run = key }))
  answer = json.decode(json.encode(answer))
  for _, columns in ipairs { 80, 50 } do
    for line in in_columns(answer, columns):gmatch "[^\n]+" do
      assert.is_true(width.of(line) <= columns or not line:find "%S +%S", line)
    end
  end
  return in_columns(answer, 80), answer
end

-- NAME is told of the gate CODE: SEEN, and DO, which opens it.
local function tells(name, code, seen, cure, key)
  local words, answer = said(name, key)
  local flat = words:gsub("%s+", " ")
  for _, row in ipairs(answer.rows) do
    if row.code == code then
      assert.truthy((row.seen or ""):find(seen, 1, true), ("%s: %s\n%s"):format(code, seen, words))
      assert.truthy((row.cure or ""):find(cure, 1, true), ("%s: %s\n%s"):format(code, cure, words))
      for _, part in ipairs { (code:gsub("_", " ")), seen, cure } do
        assert.truthy(flat:find(part, 1, true), part .. "\n" .. words)
      end
      return answer
    end
  end
  error(("no row of %s:\n%s"):format(code, words))
end

local function hold(name)
  assert(f:ask(name, "fact", { name = "hold", value = true, why = "class", seconds = 86400 }))
end

-- Robots that are HELD, in a run that has begun.
local function new(given, held)
  given.names = given.names or NAMES
  f = fleet.new(given)
  f:until_(30 * SECOND)
  for _, name in ipairs(held or {}) do hold(name) end
  f:start()
  f:until_(2 * MINUTE)
end

local AT_REST <const> = fleet.AT_REST

describe("update explain", function()
  it("names the gates payload, space and disk, and how far each is", function()
    new({}, { "ada" })
    local fetching, saved = f:of "ada".node.updates.fetching, f:of "ada".node.updates.saved
    fetching.path = function() end
    fetching.state = function() return { done = 0, size = 1, from = "carl" } end
    tells("ada", "payload", "0 B of 1 B from carl", "start a node that holds it")
    fetching.state = function() return { done = 0, size = 1, missing = "nobody has it" } end
    tells("ada", "payload", "nobody has it", "start a node that holds it")
    fetching.space = function() return 90000000, 20000000 end
    tells("ada", "space", "20.0 MB free on the disk of /payload, 90.0 MB needed", "Make room on that disk.")
    saved.lost = "it was damaged"
    tells("ada", "disk", "it was damaged", "update forgive --all")
  end)

  it("names the turn: who is before it, or of an earlier round, or away; that the run stopped", function()
    new({ waves = { { max_unavailable = 1, robots = 2, soak = 60 }, { max_unavailable = 1, robots = 1, soak = 60 } },
      patience = 86400 }, { "ada" })
    tells("bea", "turn", "ada: not resolved; 1 may be down at once", "it opens when one resolves, or is skipped")
    tells("carl", "turn", "ada, bea: not resolved", "it opens when they resolve, or are skipped")
    f:off "ada"
    f:until_(2 * HOUR)
    tells("carl", "turn", "bea: not resolved", "it opens when they resolve")
    new { fail = { ada = true }, max_failures = 1 }
    f:until_(20 * MINUTE)
    tells("bea", "turn", "1 failed, as far as is known; 0 may", "then start another run")
    tells("ada", "rolled_back", "the release is bad here", "update forgive demos/42")
  end)

  it("names who is away where that alone keeps it", function()
    new({ names = { "ada", "bea" }, waves = { { max_unavailable = 1, robots = 1, soak = 60 },
      { max_unavailable = 1, robots = 1, soak = 60 } }, absent = { after = 600, most = 0 } }, { "ada" })
    f:off "ada"
    f:until_(HOUR)
    tells("bea", "turn", "away: 1; left out may be: 0", "Switch them on, or sign: rollout skip.")
  end)

  it("names a pause, the clock, the lab that was not compared, another machine with the key", function()
    new({}, { "ada" })
    assert.is_nil(f:say("updates/pause", "demos/42/1", { why = "smoke" }))
    f:until_(10 * SECOND)
    tells("ada", "paused", "for 6 d: smoke", "rollout resume")
    f:of "ada".node.comms.clones.own = function() return true end
    tells("ada", "clone", "heard under its own key", "identity renew")
    local time = f:of "ada".node.time
    time.quality = "adopted"
    tells("ada", "clock", "adopted here, the plan wants proved", "Synchronise the clock")
    local compared = f:of "ada".node.updates.compared
    compared.state = function() return false, "not compared with anybody yet" end
    tells("ada", "settled", "not compared with anybody yet", "Start another node of the lab, or wait.")
  end)

  it("names a hold, rest, the hook go, another update, two at once and the round that comes next", function()
    new({ here = { ada = { tags = {}, driving = true, recording = false, battery = 31 } } }, { "ada", "bea" })
    tells("ada", "hold", "hold: class, for 23 h", "fact hold end; once: update go")
    assert.equal("hold", f:of "ada".node.why:of { update = "demos/42/1" }[1].code)
    local answer = tells("ada", "ready", "driving; battery 31 % under 40 %", "once: update go")
    assert.same({ 2, 10 }, { #answer.rows, answer.open })
    assert.truthy(said "ada":find("10 other gates are open. If it cannot use its turn for 8 min, round 2 is next.", 1,
      true), said "ada")
    f:until_(20 * MINUTE)
    answer = tells("ada", "ready", "driving", "update go")
    assert.equal(2, answer.round)
    new { here = { ada = AT_REST }, policy = [[
local p = extend "duckiebot"
function p.clients.updates.go() return false, "the professor is away" end
return p]] }
    tells("ada", "go", "the professor is away", "Another p.clients.updates.go.")
    new { names = { "ada", "bea" }, waves = { { max_unavailable = 1, robots = 2, soak = 3600 } } }
    f:until_(10 * SECOND)
    local data = f:release "maps/3"
    assert.is_nil(f:rollout("maps/3/1", data, { "ada", "bea" }))
    f:until_(10 * SECOND)
    tells("ada", "busy", "demos/42 is", "Wait for its end.", "maps/3/1")
  end)

  it("names the facts that nobody tells on a stock robot, and the two ways", function()
    new { here = { ada = { tags = {} } } }
    local answer = tells("ada", "ready", "driving is not known; recording is not known", "fact driving no --for")
    for _, row in ipairs(answer.rows) do
      if row.code == "ready" then
        assert.truthy(row.cure:find("by a line of the policy (p.clients.updates.ready = nil)", 1, true), row.cure)
      end
    end
    new { policy = [[
local p = extend "duckiebot"
p.clients.updates.windows = { "mon 00:00-00:01" }
return p]] }
    tells("ada", "ready", "outside mon 00:00-00:01", "Its hours (clients.updates.windows) begin in 5 d")
  end)

  it("says why this robot takes no part: what it lacks, that nobody wants it here, that it was skipped", function()
    new({}, { "ada", "bea", "carl" })
    local function offered(seq, more)
      local key = "maps/" .. seq
      assert.is_nil(f:rollout(key .. "/1", f:release(key, more), { "ada" }))
      f:until_(10 * SECOND)
      return key
    end
    local key = offered(1, { kind = "deb" })
    tells("ada", "target", "no handler of kind deb", "make install-handlers", key)
    key = offered(2, { from = 1 })
    tells("ada", "target", "has none, needs 1: first roll out maps/1", "A run of that one first", key)
    local cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
    key = offered(3, { artefacts = json.array { json.array { "armhf", cid, 1 } } })
    tells("ada", "target", "has no artefact for", "a file for that platform", key)
    key = offered(4, { tags = json.array { "jetson" } })
    tells("ada", "rejected", "not wanted: no tag in common: it is for jetson", "tags that this robot has", key)
    assert.is_nil(f:say("updates/skip", "demos/42/1/1", { robots = { f:of "ada".id }, why = "in repair" }))
    f:until_(10 * SECOND)
    tells("ada", "rejected", "skipped by a signed word", "Another run takes it in", "demos/42/1")
    tells("carl", "turn", "its order has 1 others", "Another run takes it in", key)
    local function listed() return f:ask("ada", "updates", { run = "maps/1/1" }).runs[1] end
    assert.same({ "files", "policy" }, { table.unpack(f:ask("ada", "updates").me.kinds) })
    local one = listed() -- its own word, of a run that counts
    assert.same({ true, "target" }, { one.counts, one.word })
    f:take_back("updates/rollout", "maps/1/1")
    f:until_(10 * SECOND)
    one = listed() -- what ended it, whatever its own word was
    assert.same({ false, "ended" }, { one.counts, one.word })
  end)

  it("says why the run does not count: two signed under one number, nobody who may signed it, it has ended", function()
    new({}, { "ada", "bea", "carl" })
    local data = f:release "maps/1"
    assert.is_nil(f:rollout("maps/1/1", data, { "ada" }, { seconds = 600 }))
    f:until_(10 * SECOND)
    f:take_back("updates/rollout", "demos/42/1")
    f:until_(10 * SECOND)
    local words = said("ada", "demos/42/1")
    assert.truthy(words:find("The run does not count here.", 1, true), words)
    f:until_(30 * MINUTE)
    tells("ada", "ended", "its time is over", "rollout start", "maps/1")
    assert.is_nil(f:rollout("maps/1/2", { artefacts = data.artefacts, kind = "sim", version = "another" }, { "ada" }))
    f:until_(10 * SECOND)
    tells("ada", "conflict", "it is for another release than the maps/1", "rollout abort", "maps/1/2")
  end)

  it("and `updates` know at once what was signed at that node", function()
    new({}, { "ada", "bea", "carl" })
    local function run(key) return f:ask("the-desk", "updates", { run = key }).runs[1] or {} end
    assert.is_nil(f:say("updates/pause", "demos/42/1", { why = "wait" }))
    assert.equal("wait", (run "demos/42/1".pause or {}).why)
    f:take_back("updates/pause", "demos/42/1")
    assert.is_nil(run "demos/42/1".pause)
    assert.is_nil(f:say("updates/skip", "demos/42/1/1", { robots = { f:of "ada".id }, why = "in repair" }))
    assert.truthy(run "demos/42/1".robots[1].state) -- skipped, or rejected where she said that by now
    assert.is_nil(f:rollout("maps/1/1", f:release "maps/1", { "ada" }))
    assert.is_true(run "maps/1/1".counts)
    f:take_back("updates/rollout", "maps/1/1")
    local explained = f:ask("the-desk", "update explain", { run = "maps" })
    assert.same({ "ended", "ended" }, { run "maps/1/1".word, explained.phase })
  end)

  it("says that a handler is still at work, and begins nothing meanwhile", function()
    f = fleet.new { names = NAMES }
    f:until_(30 * SECOND)
    local updates, held = f:of "ada".node.updates, true
    local kinds = updates.kinds
    updates.kinds = setmetatable({ is_busy = function() return held end }, { __call = function(_, ...)
      return kinds(...)
    end })
    f:start()
    f:until_(2 * MINUTE)
    tells("ada", "busy", "an earlier handler still holds", "Wait for its end.")
    assert.same({}, f:order())
    held = false
    f:until_(3 * MINUTE)
    assert.equal("ada", f:order()[1])
  end)

  it("refuses a run that is no text", function()
    for _, command in ipairs { "update explain", "update go" } do
      for _, run in ipairs { 5, true, {}, { "demos" } } do
        assert.equal("form", select(3, f:ask("ada", command, { run = run })))
      end
    end
  end)

  it("means what is under way, then the newest that is open, then what is over, last what does not count", function()
    new({ waves = { { max_unavailable = 1, robots = 3, soak = 1800 } } }, { "bea", "carl" })
    local updates = f:of "ada".node.updates
    assert.is_true(f:until_(10 * MINUTE, function() return updates.machine:now() ~= nil end))
    hold "ada"
    local function meant() return f:ask("ada", "update explain").run end
    for _, key in ipairs { "zeta/1", "alpha/1", "maps/1" } do
      assert.is_nil(f:rollout(key .. "/1", f:release(key), { "ada", "bea", "carl" }))
      f:until_(10 * SECOND)
    end
    assert.equal("demos/42/1", meant())
    assert.is_true(f:until_(10 * MINUTE, function() return updates.machine:now().phase == "verifying" end))
    updates.runs["demos/42/1"] = nil -- nobody knows its record any more
    local words = said "ada"
    assert.truthy(words:find("demos/42, run 1", 1, true) and words:find("The update is verifying.", 1, true), words)
    f:until_(HOUR, function() return f:state "ada" == "committed" end)
    f:take_back("updates/rollout", "maps/1/1")
    f:until_(10 * SECOND)
    assert.same({ "alpha/1/1", "ended" }, { meant(), updates.runs["maps/1/1"].phase })
    for _, key in ipairs { "alpha/1/1", "zeta/1/1" } do f:take_back("updates/rollout", key) end
    f:until_(10 * SECOND)
    assert.equal("demos/42/1", meant())
  end)

  it("says what is under way, that it came to nothing for the third time, and that it is done", function()
    new { waves = { { max_unavailable = 1, robots = 3, soak = 300 } } }
    assert.truthy(said "ada":find("The update is verifying.", 1, true), said "ada")
    assert.is_true(f:all_are("committed", NAMES, HOUR))
    assert.equal("demos/42, run 1, round 1: committed\nIt is installed: sim.\n", said "ada")
    assert.same({ { what = "demos/42/1", seen = "it is installed here" } },
      f:of "ada".node.why:of { update = "demos/42" })
    f = fleet.new { names = NAMES, fail = { ada = true } }
    f:until_(30 * SECOND)
    local machine = f:of "ada".node.updates.machine
    local kinds = machine.kinds
    machine.kinds = function(kind)
      local run = kinds(kind)
      return function(verb, job, done)
        if verb == "rollback" then return done("no", "no: the disk of the folder is read-only") end
        run(verb, job, done)
      end
    end
    f:start()
    assert.is_true(f:until_(HOUR, function() return machine:now() and machine:now().failures == 1 end))
    tells("ada", "failed", "rollback came to nothing once: no: the disk of the folder is read-only",
      "It is tried again in ")
    local why = f:ask("ada", "updates").runs[1].robots[1].why
    assert.truthy(why:find("read-only; again in ", 1, true), why)
    f:until_(10 * SECOND)
    local heard = f:ask("bea", "updates").runs[1].robots[1] -- others hear of it before the third time
    assert.same({ "applying", "rollback came to nothing once: no: the disk of the folder is read-only" },
      { heard.state, heard.why })
    local _, refusal = f:ask("ada", "update forgive", { release = "demos/42" })
    assert.truthy(refusal:find("demos/42 is still rolling back here (rollback came to nothing once", 1, true), refusal)
    f:until_(HOUR)
    tells("ada", "failed", "the disk of the folder is read-only; it goes back for: the release is bad here",
      "Hands are needed; it is tried again in ")
    assert.is_nil(said "ada":find("updates/output", 1, true)) -- nothing is there
    local answer = json.decode(json.encode(f:ask("bea", "updates")))
    answer.schema = 1
    local faults = {}
    shape.compare("update status", shape.of(answer), faults)
    shape.compare("update explain", shape.of(select(2, said "bea")), faults)
    assert.same({}, faults)
    assert.same({}, validate.faults("updates.json", answer))
    assert.same({ "failed", "the disk of the folder is read-only" }, { answer.runs[1].robots[1].state,
      (answer.runs[1].robots[1].why:gsub("^no: ", "")) })
  end)
end)
