-- reload_spec.lua - a policy is read again a hook a turn, once at a time, and its faults reach who asked; what differs
-- between two. No daemon.
local changes = require "policy.changes"
local event_ring = require "event_ring"
local hooks = require "policy.hooks"
local policies = require "spec.policy.policies"
local policy_files = require "policy_files"
local reload = require "reload"
local simloop = require "sim.loop"

describe("a reload", function()
  local loop, policy, one, applied, logged, texts, events
  local COMMAND = { source = "command" }

  local function log_of(level)
    return function(_, _, what, facts)
      logged[#logged + 1] = ("%s %s %s"):format(level, what, type(facts) == "string" and facts or "")
    end
  end

  -- What the file says now; load(chain, pause) may be another than the real one.
  local function open(body, load)
    loop, applied, logged, events = simloop.new(), 0, {}, event_ring.new()
    policy = assert(policies.with "p.tags = { 'old' }")
    local node = { loop = loop, policy = policy, events = events,
      log = { error = log_of "error", info = log_of "info" },
      apply = function(_, new)
        applied = applied + 1
        policy:swap(new)
        return true
      end }
    texts = body
    local files = policy_files.new { path = "/x/my.lua", shipped = "policies" }
    function files.read()
      if not texts then return nil, { "my.lua: gone" }, { "/x/my.lua" } end
      local text = ('local p = extend "default"\n%s\nreturn p\n'):format(texts)
      return { { path = "/x/my.lua", name = "my.lua", text = text } }, nil, { "/x/my.lua" }
    end
    files.load = load or files.load
    one = reload.new { node = node, files = files, fixed = {}, unfit = function() return {} end,
      restart = function() error "nothing needs a restart" end }
  end
  after_each(function() policy:close() end)

  -- → what a reload by HOW answers
  local function run(how)
    local answer
    one:run(how or COMMAND, function(...) answer = table.pack(...) end)
    loop:run_until(loop:now() + 10)
    return table.unpack(answer, 1, answer.n)
  end

  it("takes a turn of the loop for each hook, and applies at the end", function()
    open "p.tags = { 'new' }"
    local answer, turns, post = nil, 0, loop.post
    function loop.post(...)
      turns = turns + 1
      assert.equal(0, applied)
      return post(...)
    end
    one:run(COMMAND, function(found) answer = found end)
    loop:run_until(10)
    assert.is_true(turns > 2 * #hooks.hooks, turns .. " turns") -- each is asked, and each is compared
    assert.equal("new", policy:get "tags"[1])
    assert.same({ "tags", "old", "new", "live" }, { answer.changes[1].setting, answer.changes[1].before,
      answer.changes[1].now, answer.changes[1].effect })
    assert.equal(1, applied)
  end)

  it("tells of folders for updates that cannot be filled here, in its answer and in the log", function()
    open "p.clients.updates.folders = { demos = '/nowhere/demos' }"
    local line = "clients.updates.folders: demos: there is no folder /nowhere"
    assert.truthy(run().warnings[1]:find(line, 1, true))
    local said = false
    for _, text in ipairs(logged) do said = said or text:find(line, 1, true) ~= nil end
    assert.is_true(said, table.concat(logged, "\n"))
  end)

  it("is one at a time: a few who come meanwhile wait their turn, more are refused", function()
    open "p.tags = { 'new' }"
    local order, words = {}, {}
    for i = 1, 6 do
      one:run(COMMAND, function(found, _, code)
        if found then order[#order + 1] = i .. " " .. #found.changes else words[#words + 1] = i .. " " .. code end
      end)
    end
    assert.same({}, order, "the first is still being read")
    assert.same({ "6 full" }, words)
    loop:run_until(60)
    assert.same({ "1 1", "2 0", "3 0", "4 0", "5 0" }, order)
  end)

  it("that fails of itself says so, and the next one runs", function()
    open("", function() error "a fault of the program" end)
    local _, text, word = run()
    assert.same({ "kind", "error reload failed " }, { word, logged[1] })
    assert.matches("its log says where", text)
    one.files.load = nil
    assert.is_truthy(run())
  end)

  it("names hooks that changed, and says all in one line of the log", function()
    open "p.comms.beacon = { 1, 3 } function p.clients.logs.fetch() return 5 end"
    local answer = run()
    assert.same({ hook = "clients.logs.fetch", change = "added", before = "default", now = "my.lua:2",
      file = "my.lua", line = 2, effect = "live" }, answer.hooks[1])
    assert.equal("2 settings, +1 hook", answer.summary)
    assert.matches("^info loaded my.lua %x+: 2 settings, %+1 hook, %d+ ms$", logged[1])
    assert.equal("info changed comms.beacon: 2 s to 60 s -> 1 s to 3 s, live (my.lua:2)", logged[3])
    assert.equal("info changed clients.logs.fetch: default -> my.lua:2, added", logged[4])
    texts = "p.comms.beacon = { 1, 3 } function p.clients.logs.fetch() return 6 end"
    run()
    assert.equal("info changed clients.logs.fetch: my.lua:2, other text", logged[#logged])
  end)

  it("that is no command reads a text once, and one that is in force already not at all", function()
    local loads, real = 0, policy_files.load
    open("p.tags = { 'new' }", function(...)
      loads = loads + 1
      return real(...)
    end)
    run { source = "save" }
    assert.same({ 1, 1, "new" }, { loads, applied, policy:get "tags"[1] })
    run { source = "save" }
    run { source = "signal" }
    assert.same({ 1, 1 }, { loads, applied })
    assert.equal("info unchanged its file says what is in force", logged[#logged])
    local answer = run()
    assert.same({ 2, "save", "new" }, { loads, answer.already.source, answer.changes[1].now }, "a command is told")
    assert.same({}, run().changes, "but once")
  end)

  it("says a fault once, whoever asks, until it is another one, or the file is mended", function()
    open "p.tgs = 1"
    local reader = events:reader({ "policy" }, function() end)
    for _ = 1, 3 do run { source = "save" } end
    local _, text, code = run()
    assert.equal("policy", code)
    assert.matches('my.lua:2: tgs: no such section or setting; did you mean "tags"?', text, 1, true)
    assert.same({ 'error kept the old one my.lua:2: tgs: no such section or setting; did you mean "tags"?' }, logged)
    assert.same({ 4, 0 }, { one.counts.refused, one.counts.loaded })
    local event = reader:next()
    assert.same({ "refused", 1, "save" }, { event.event, event.faults, event.source })
    assert.is_nil(reader:next())
    texts = "p.tgs = 1 p.nam = 2 function p.clients.logs.fetch() return 12 end"
    run { source = "save" }
    assert.equal(5, #logged, "all faults are said: two names, and an answer with all known and with nothing known")
    texts = nil
    run { source = "save" }
    assert.equal("error kept the old one my.lua: gone", logged[#logged])
    texts = "p.tags = { 'old' }"
    run { source = "save" }
    assert.is_nil(one.refusal)
    assert.equal("old", policy:get "tags"[1])
  end)

  it("goes on trial first where there is one, and does nothing that the trial refuses", function()
    open "p.tags = { 'new' }"
    local told, asked
    one.trial = { begin = function(_, new, how, done)
      asked = { new.hash, how.source }
      told = done
    end, is_bad = function() return false end, refused = function() end,
      terms = function() end }
    local answer
    one:run({ source = "save" }, function(...) answer = table.pack(...) end)
    loop:run_until(10)
    assert.same({ "save", 0 }, { asked[2], applied }, "it waits for the trial to begin")
    told(nil, "size: too long to be kept", "size")
    assert.same({ nil, "size: too long to be kept", "size", n = 3 }, answer)
    assert.equal("old", policy:get "tags"[1])
    one.trial.begin = function(_, _, _, done) done(true) end
    assert.is_truthy(run { source = "save" })
    assert.same({ 1, "new" }, { applied, policy:get "tags"[1] })
    local good = assert(policies.with "p.tags = { 'good' }")
    one.trial.begin = function() error "going back is no trial" end
    one:put(function() return good end, { source = "trial" }, function() end)
    loop:run_until(30)
    assert.equal("good", policy:get "tags"[1])
  end)

  it("leaves a text alone that failed on trial, unless somebody asks for it", function()
    open "p.tags = { 'new' }"
    one.trial = { begin = function(_, _, _, done) done(true) end, is_bad = function() return "it crashed" end,
      refused = function() end, terms = function() end }
    local _, _, code = run { source = "save" }
    assert.same({ "policy", 0 }, { code, applied })
    assert.matches("failed before: it crashed; change it", logged[1])
    assert.is_truthy(run())
    assert.equal(1, applied)
  end)

  it("can be looked at before: what would change, and what is wrong", function()
    open "p.swarm = 'other' p.tags = { 'new' }"
    local answer
    one:try(nil, function(found) answer = found end)
    loop:run_until(10)
    assert.same({ { "swarm" }, {}, false, 2 }, { answer.restart, answer.faults, answer.same, #answer.changes })
    texts = "p.swrm = 1"
    one:try(nil, function(found) answer = found end)
    loop:run_until(20)
    assert.same({ 'my.lua:2: swrm: no such section or setting; did you mean "swarm"?' }, answer.faults)
    assert.same({ 0, "old" }, { applied, policy:get "tags"[1] })
  end)
end)

describe("hooks of two policies", function()
  local function differ(old, new)
    local before, now = assert(policies.with(old)), assert(policies.with(new))
    local list = changes.hooks(before, now)
    for i, each in ipairs(list) do list[i] = each.path:match "%w+$" .. " " .. each.change end
    before:close()
    now:close()
    return table.concat(list, ", ")
  end
  local HOOK = "function p.clients.logs.fetch() return limit() end"

  it("are compared by their text, wherever it stands", function()
    assert.equal("", differ("", ""))
    assert.equal("fetch added", differ("", "function p.clients.logs.fetch() return 5 end"))
    assert.equal("fetch removed", differ("function p.clients.logs.fetch() return 5 end", ""))
    assert.equal("fetch changed", differ("function p.clients.logs.fetch() return 5 end",
      "function p.clients.logs.fetch() return 6 end"))
    assert.equal("", differ("function p.clients.logs.fetch() return 5 end",
      "\n-- moved\nfunction p.clients.logs.fetch() return 5 end"))
  end)

  it("are others when what they use is another: a value, a function, a table", function()
    local function with(value)
      return ("local n = %s\nlocal function limit() return n + 0 end\n%s"):format(value, HOOK)
    end
    assert.equal("", differ(with "5", with "5"))
    assert.equal("fetch changed", differ(with "5", with "6"))
    assert.equal("fetch changed", differ(with "5", with "'5'"))
    local function deep(value) return ("local t = { a = { %s } }\nlocal function limit() return t.a[1] end\n%s"):format(
      value, HOOK) end
    assert.equal("", differ(deep "5", deep "5"))
    assert.equal("fetch changed", differ(deep "5", deep "6"))
    local knot = "local t = {} t.t = t\nlocal function limit() return t and 5 end\n" .. HOOK
    assert.equal("", differ(knot, knot))
  end)
end)

describe("what changed between two policies", function()
  local function between(old, new)
    local before, now = assert(policies.with(old)), assert(policies.with(new))
    local list = changes.between(before, now)
    for i, one in ipairs(list) do
      list[i] = ("%s %s: %s -> %s"):format(one.path, one.kind, changes.both(one))
    end
    before:close()
    now:close()
    return table.concat(list, "\n")
  end

  it("is told in words, in the order of the page, with its kind", function()
    assert.equal("", between("", "p.comms.beacon = { 2, 60 }"))
    assert.equal("name live: host name -> ada\nclock live: auto -> system", between("",
      "p.clock = 'system' p.name = 'ada'"))
    assert.equal("dcache.flush live: 30 s -> 1.5 s\nclients.logs.at_once live: 2 -> 8\n"
      .. "clients.logs.gateway restart: /ip6/::/tcp/3826 -> none", between("",
      "p.dcache.flush = 1.5 p.clients.logs.at_once = 8 p.clients.logs.gateway = false"))
    assert.equal("routing.channels live: /ip4/0.0.0.0/udp/3825/dswarm-line, /ip4/0.0.0.0/tcp/3825/dswarm-line, "
      .. "/ip6/::/udp/3825/dswarm-line, /ip6/::/tcp/3825/dswarm-line -> "
      .. "/ip4/1.2.3.4/udp/1/dswarm-line (budget 2.0 kB/s)", between("",
      "p.routing.channels = { { '/ip4/1.2.3.4/udp/1/dswarm-line', budget = 2 * kB } }"))
    assert.equal("routing.channels live: none -> /exec/modem/dswarm-line", between("",
      "table.insert(p.routing.channels, '/exec/modem/dswarm-line')"))
    assert.matches("/ip4/0.0.0.0/udp/3825/dswarm.line, .* %-> /ip6/::/tcp/3825/dswarm.line, ", between("",
      "local c = p.routing.channels table.insert(c, 1, table.remove(c))"))
  end)

  it("is a matter of the classes where a bucket gets another class, and live where others are listened to", function()
    local rule = [[p.dcache.buckets["pri/*/stats"] = { class = %q, propose = "owner", dismiss = %q }]]
    assert.equal("dcache.buckets live: pri/*/stats: dismiss owner -> pri/*/stats: dismiss admin",
      between("", rule:format("health", "admin")))
    assert.matches("^dcache.buckets restart: ", between("", rule:format("state", "owner")))
    assert.matches("^dcache.classes restart: share: ", between("", "p.dcache.classes.share.slots = 5"))
  end)
end)
