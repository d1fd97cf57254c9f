-- logs_replicate_spec.lua - which of others' files are fetched, against a store and a policy made of tables.
local fetch_queue = require "clients.logs.fetch_queue"
local replicate = require "clients.logs.replicate"
local random = require "core.random"
local simloop = require "sim.loop"
local till = require "spec.net.till"

local function world()
  local w = { loop = simloop.new(), fetched = {}, sure = true, urgency = {}, records = {}, copies = {}, settled = {} }
  local function file(cid, size, signer)
    table.insert(w.records, { key = cid, holds = true, mine = signer == "me", signer = signer, at = 0,
      data = { class = "lab", names = { cid .. ".bag" }, size = size } })
  end
  file("a", 1, "ada")
  file("b", 2, "ada")
  file("c", 3, "bea")
  file("own", 4, "me")
  w.replicate = replicate.new { loop = w.loop, log = till.log(),
    random = random.seeded(1), time = { now = function() return 1000 end,
    age = function(_, at) return at and 1000 - at end }, id = "me",
    dcache = { rows = function(_, bucket) return bucket == "share/files" and w.records or {} end,
      statement_of = function(_, bucket, key, signer)
        if bucket == "share/safe" then return { holds = w.copies[key] == signer } end
        for _, record in ipairs(w.records) do
          if record.key == key and record.signer == signer then return record end
        end
      end,
      trust = { role = function() return "member" end },
      sure = function(_, class) return class ~= "share" or w.sure end },
    comms = { on_statement = function(_, _, fn) w.word = fn end, on_back = function(_, fn) w.back = fn end,
      on_standing = function(_, fn) w.standing = fn end },
    here = function() return {} end,
    policy = { where = function() return "p.lua", 3, false end, get = function() return w.at_once or 2 end,
      ask = function(_, _, shared)
        if w.facts then w.facts[shared.cid] = shared end
        return w.urgency[shared.cid] or false, "robots keep their own"
      end },
    placement = { look = function(_, key) return { wanted = w.wanted == nil or w.wanted[key] == true, why = w.why } end,
      claims = function() end, news = function(_, key) w.settled[key] = nil end, settle = function(_, key)
        w.settled[key] = w.full
      end, is_settled = function(_, key) return w.settled[key] ~= nil end,
      is_carrier = function() return false end, stop = function() end,
      when_heard = function() end },
    names = function() return nil end, label = function(id) return id end,
    content = { holds = function() return false end, partial_files = function() return w.partials or {} end,
      drop = function(_, cid, why) w.dropped = { cid, why } end, make_room = function() return false end,
      held_of = function() return 0 end, begun = function() return w.begun or 0 end,
      sources = function() return w.sources or { {} } end,
      heard = function() end,
      fetch = function(_, cid, _, _, done, pressed, origin)
        table.insert(w.fetched, cid)
        w.done, w.pressed, w.origin = done, pressed, origin
      end } }
  return w
end

describe("gathering", function()
  it("begins with the most wanted, two at once, and goes on when one has come", function()
    local w = world()
    w.urgency, w.at_once = { a = 3, b = 5, c = 9, own = 9 }, 4
    w.replicate:start()
    w.loop:run_until(1000)
    assert.same({ "c", "b" }, w.fetched) -- a is ada's, too
    w.done("/path")
    w.records[2].data = nil -- b is no longer told of
    w.loop:run_until(2000)
    assert.same({ "c", "b", "a" }, w.fetched)
  end)

  it("asks the policy again when a file's turn comes: those that began have taken the room", function()
    local w = world()
    local free = 3
    w.at_once, w.records[2].signer = 4, "cara"
    w.replicate.policy.ask = function(_, _, shared) return shared.size <= free and 5 end
    local fetch = w.replicate.content.fetch
    w.replicate.content.fetch = function(self, cid, size, ...)
      free = free - size
      fetch(self, cid, size, ...)
    end
    w.replicate:start()
    w.loop:run_until(1000)
    assert.same({ "a", "b" }, w.fetched) -- 1 and 2 of 3
    w.done("/path")
    w.loop:run_until(2000)
    assert.same({ "a", "b" }, w.fetched)
    w.records[2].data = nil -- b is here now
    free = 3
    w.loop:run_until(62000) -- looked at again
    assert.same({ "a", "b", "c" }, w.fetched)
  end)

  it("asks about a file that was heard of soon, and never about one's own", function()
    local w = world()
    w.replicate:start()
    w.loop:run_until(1000)
    w.urgency = { a = 1, own = 9 }
    for _, key in ipairs { "own", "a", "gone" } do
      w.word({ verb = "propose", bucket = "share/files", key = key, signer = "ada" }, {})
    end
    w.loop:run_until(2000)
    assert.same({ "a" }, w.fetched)
  end)

  it("counts copies by who has them, however often that was said, and claims the file as its origin's", function()
    local w = world()
    w.facts = {}
    w.urgency = { a = 1 }
    w.copies = { a = "server" }
    w.replicate:start()
    for _ = 1, 3 do
      for _, who in ipairs { "server", "bea" } do -- bea's claim holds no longer
        w.word({ verb = "propose", bucket = "share/safe", key = "a", signer = who }, {})
      end
    end
    w.loop:run_until(1000)
    assert.same({ 1, 2 }, { w.facts.a.claimed, w.facts.a.copies })
    assert.same({ 0, 1 }, { w.facts.b.claimed, w.facts.b.copies })
    assert.same({ class = "lab", from = "ada" }, w.origin)
  end)

  it("takes small files before large ones, of equal ones the newest, and first the most urgent", function()
    local w = world()
    local rows = { { "big", 900, 9 }, { "small", 10, 9 }, { "older", 10, 99 }, { "urgent", 9000, 999 } }
    w.records, w.at_once = {}, 1
    for i, row in ipairs(rows) do
      w.urgency[row[1]] = row[1] == "urgent" and 9 or 5
      w.records[i] = { key = row[1], holds = true, mine = false, signer = "s" .. i, at = -1000 * row[3],
        data = { class = "lab", names = { row[1] }, size = row[2] } }
    end
    w.replicate:start()
    for _ = 1, 4 do
      w.loop:run_until(w.loop:now() + 1000)
      w.urgency[w.fetched[#w.fetched]] = nil
      w.done("/path")
    end
    assert.same({ "urgent", "small", "older", "big" }, w.fetched)
  end)

  it("leaves what others are chosen for, and what they began before its turn came", function()
    local w = world()
    w.urgency, w.at_once, w.wanted = { a = 5, b = 5, c = 5 }, 1, { a = true, b = true }
    w.replicate.policy.ask = function(_, _, file)
      if not file.wanted then return false, file.why end
      return 5
    end
    w.why = "2 others are chosen"
    w.replicate:start()
    w.loop:run_until(1000)
    assert.same({ "a" }, w.fetched)
    w.wanted.b = nil
    w.done("/path")
    w.loop:run_until(3000)
    assert.same({ "a" }, w.fetched)
    assert.same({}, w.replicate:unwanted())
    assert.same("", table.concat(w.replicate.log.lines):match "files are not fetched" or "")
  end)

  it("asks about files that have all their copies no more, until there are news of them", function()
    local w, asked = world(), 0
    w.full, w.wanted = true, {}
    w.replicate.policy.ask = function()
      asked = asked + 1
      return false, "others hold it"
    end
    w.replicate:start()
    w.loop:run_until(1000)
    assert.equal(3, asked)
    w.loop:run_until(300000)
    assert.equal(3, asked)
    w.word({ verb = "propose", bucket = "share/files", key = "b", signer = "ada" }, {})
    w.loop:run_until(301000)
    assert.equal(4, asked)
    w.full = nil -- a copy is missing: again each minute
    w.word({ verb = "dismiss", bucket = "share/safe", key = "c", signer = "server" }, {})
    w.loop:run_until(500000)
    assert.equal(7, asked)
  end)

  it("leaves what the policy does not want", function()
    local w = world()
    w.replicate:start()
    w.loop:run_until(100000)
    assert.same({}, w.fetched)
  end)

  -- A file that was begun at 1 s, and failed at once.
  local function failed(word)
    local w = world()
    w.urgency = { a = 3 }
    w.replicate:start()
    w.loop:run_until(1000)
    w.done(nil, word .. ": so it was", word)
    return w
  end

  it("rests a minute after a wrong answer, whoever comes back", function()
    local w = failed "block"
    w.back { id = "ada" }
    w.loop:run_until(60000)
    assert.same({ "a" }, w.fetched)
    w.loop:run_until(62000)
    assert.same({ "a", "a" }, w.fetched)
  end)

  it("tries a file that failed eight times once a day, last of all, and as often as before when bytes came", function()
    local w = failed "block"
    w.begun = 100 -- bytes that came of it
    w.loop:run_until(w.loop:now() + 61000)
    for _ = 1, 7 do
      w.done(nil, "block: wrong", "block")
      w.loop:run_until(w.loop:now() + 61000)
    end
    assert.equal(9, #w.fetched) -- the first that brought bytes forgave the one before
    w.done(nil, "block: wrong", "block")
    w.loop:run_until(w.loop:now() + 20 * 3600 * 1000)
    assert.equal(9, #w.fetched)
    assert.equal("bad files", w.replicate.retry:bounds()[2].name)
    assert.equal(1, w.replicate.retry:bounds()[2].count)
    w.urgency.c = 1 -- of little worth, but good
    w.at_once = 1
    w.loop:run_until(w.loop:now() + 5 * 3600 * 1000)
    assert.same({ "c" }, { w.fetched[10] })
    w.urgency.c = nil
    w.done("/path")
    w.loop:run_until(w.loop:now() + 1000)
    assert.same({ "a" }, { w.fetched[11] })
  end)

  it("tries a bad file within a minute when somebody else has it: the others may have been liars", function()
    local w = failed "block"
    for _ = 1, 8 do
      w.loop:run_until(w.loop:now() + 61000)
      w.done(nil, "block: wrong", "block")
    end
    assert.equal(1, w.replicate.retry:bounds()[2].count)
    local count, word = #w.fetched, { verb = "propose", bucket = "share/files", key = "a", signer = "ada" }
    w.word(word, {})
    w.loop:run_until(w.loop:now() + 600000)
    assert.equal(count, #w.fetched) -- he is known
    table.insert(w.records, { key = "a", holds = true, mine = false, signer = "bea", at = 0,
      data = { class = "lab", names = { "a.bag" }, size = 1 } })
    word.signer = "bea"
    w.word(word, {})
    w.loop:run_until(w.loop:now() + 1000)
    assert.equal(count, #w.fetched)
    w.loop:run_until(w.loop:now() + 60000)
    assert.equal(count + 1, #w.fetched)
  end)

  it("is held up by nobody who says another size of it", function()
    local w, tried = world(), {}
    w.urgency = { a = 3 }
    table.insert(w.records, 1, { key = "a", holds = true, mine = false, signer = "liar", at = 0,
      data = { class = "lab", names = { "a.bag" }, size = 9 } })
    w.replicate.content.fetch = function(_, _, size, _, done, _, origin)
      tried[#tried + 1], w.done = ("%s %d"):format(origin.from, size), done
    end
    w.replicate:start()
    for _ = 1, 3 do
      w.loop:run_until(w.loop:now() + 1000)
      w.done(nil, "size: no such file", "size")
      w.loop:run_until(w.loop:now() + 61000)
    end
    assert.same({ "liar 9", "ada 1", "liar 9", "ada 1" }, tried)
  end)

  it("begins a bad file after all good ones, and one of them at a time", function()
    local queue, order = fetch_queue.new { at_once = function() return 8 end }, {}
    for i, name in ipairs { "bad one", "good", "bad two" } do
      queue:add({ cid = name, size = 1, by = "s" .. i, bad = name:find "bad" ~= nil }, name == "good" and 1 or 9)
    end
    for i = 1, 3 do
      local file = queue:take()
      order[i] = file and file.cid
      if file then queue:began(file) end
    end
    assert.same({ "good", "bad one" }, order)
  end)

  it("begins a file as that of any who shares it, so that who names others' files does not hold them up", function()
    local queue, order = fetch_queue.new { at_once = function() return 8 end }, {}
    for i = 1, 4 do
      local cid = "f" .. i
      queue:add({ cid = cid, size = i, by = "liar", name = "lie", class = "lab" }, 5)
      queue:also(cid, "liar", { names = { "lie" }, class = "lab", size = i })
      queue:also(cid, "vague", { names = { "lie" }, class = "lab", size = i + 1 })
      queue:also(cid, "s" .. i % 2, { names = { "mine" }, class = "swarm", size = i })
    end
    for i = 1, 4 do
      local file = queue:take()
      order[i] = file and ("%s %s %s %s"):format(file.cid, file.by, file.name, file.class)
      if file then queue:began(file) end
    end
    assert.same({ "f1 liar lie lab", "f2 s0 mine swarm", "f3 s1 mine swarm" }, order)
    queue:ended({ cid = "f1", by = "liar" }, false, "block")
    queue:ended({ cid = "f2", by = "s0" }, true)
    local file = queue:take()
    assert.same({ "f4", "s0" }, { file.cid, file.by })
  end)

  it("blames no file that nobody can be asked for, and tries it soon when somebody else has it", function()
    local w = failed "missing"
    w.sources = {}
    for _ = 1, 30 do
      w.loop:run_until(w.loop:now() + 61000)
      w.done(nil, "missing: nobody", "missing")
    end
    assert.equal(0, w.replicate.retry:bounds()[2].count)
    w.loop:run_until(w.loop:now() + 1000)
    local count = #w.fetched
    w.copies = { a = "server" }
    w.word({ verb = "propose", bucket = "share/safe", key = "a", signer = "server" }, {})
    w.loop:run_until(w.loop:now() + 1000)
    assert.equal(count + 1, #w.fetched)
  end)

  it("rests for up to five seconds where nobody could be reached, then ever longer, up to a minute", function()
    local w = failed "missing"
    local began, at = w.loop:now(), {}
    for _ = 1, 3000 do
      w.loop:run_until(w.loop:now() + 100)
      if #w.fetched > #at + 1 then
        at[#at + 1] = (w.loop:now() - began) // 1000
        began = w.loop:now()
        w.done(nil, "missing: nobody", "missing")
      end
    end
    for i, most in ipairs { 5, 10, 20, 40, 60, 60, 60 } do
      assert.is_true(at[i] >= most // 2 and at[i] <= most, ("try %d after %s s"):format(i, at[i]))
    end
  end)

  it("tries anew soon when who shares the file can be reached again, or who has a copy", function()
    for _, who in ipairs { "ada", "server", "bea" } do
      local w = failed "missing"
      w.loop:run_until(6500)
      w.done(nil, "missing: nobody", "missing") -- ten seconds from here
      w.copies = { a = "server" }
      w.back { id = who }
      w.loop:run_until(8000)
      assert.equal(who == "bea" and 2 or 3, #w.fetched)
    end
  end)

  it("says that others wait for the place while there are any that are wanted", function()
    local w = world()
    w.urgency = { b = 9 }
    w.replicate:start()
    w.loop:run_until(1000)
    assert.is_false(w.pressed())
    w.urgency.a = 1
    w.word({ verb = "propose", bucket = "share/files", key = "a", signer = "ada" }, {})
    w.loop:run_until(2000)
    assert.is_true(w.pressed())
  end)

  it("fetches one file of a source at a time, so that others' files need not wait for a slow one", function()
    local w = world()
    w.urgency = { a = 9, b = 9, c = 1 }
    w.replicate:start()
    w.loop:run_until(1000)
    assert.same({ "a", "c" }, w.fetched) -- b is ada's, too
    assert.same({ files = 1, bytes = 2 }, w.replicate:queued())
    w.done("/path") -- c
    w.records[3].data = nil
    w.loop:run_until(2000)
    assert.equal(2, #w.fetched)
  end)

  it("goes on with what there was no place for when few are left, not at the next look", function()
    local w = world()
    w.records, w.at_once = {}, 8
    for i = 1, 2500 do
      local cid = ("f%04d"):format(i)
      w.urgency[cid] = 5
      table.insert(w.records, { key = cid, holds = true, mine = false, signer = "ada", at = 0,
        data = { class = "lab", names = { cid }, size = 1 } })
    end
    local there, came = {}, 0
    w.replicate.content.holds = function(_, cid) return there[cid] or false end
    w.replicate.content.fetch = function(_, cid, _, _, done)
      w.loop:after(1, function()
        there[cid], came = true, came + 1
        done("/path")
      end)
    end
    w.replicate:start()
    w.loop:run_until(30000) -- the next look would be after a minute
    assert.equal(2500, came)
  end)

  it("lets a file that does not fit wait, blames nobody, and goes on with others", function()
    local w = world()
    w.urgency = { a = 9, c = 1 }
    w.replicate.content.fetch = function(_, cid, _, _, done)
      table.insert(w.fetched, cid)
      if cid == "a" then w.loop:post(function() done(nil, "disk: needs 8 B more room on /x", "disk") end) end
    end
    w.replicate:start()
    w.loop:run_until(1000)
    assert.same({ "a", "c" }, w.fetched)
    local row = w.replicate:waiting()[1]
    assert.same({ "a", "waits", "disk", "needs 8 B more room on /x" }, { row.cid, row.state, row.word, row.reason })
    assert.same({}, w.replicate.fetch_queue.failures)
    w.loop:run_until(20000)
    assert.same({ "a", "c", "a", "a" }, w.fetched) -- after 5 s, then 10 s
  end)

  it("blames no source for our own limits", function()
    for word, failures in pairs { full = {}, duplicate = {}, disk = {}, block = { ada = 1 } } do
      assert.same(failures, failed(word).replicate.fetch_queue.failures, word)
    end
  end)

  it("fetches a copy that was lost again: a damaged one at once, then ever later up to an hour", function()
    local w = world()
    local there, began, waits = {}, 0, {}
    w.urgency = { a = 1, b = 1 }
    w.replicate.content.holds = function(_, cid) return there[cid] or false end
    w.replicate.content.fetch = function(_, cid, _, _, done)
      table.insert(w.fetched, cid)
      if cid == "a" then waits[#waits + 1] = w.loop:now() - began end
      w.loop:post(function()
        there[cid] = true
        done("/path")
      end)
    end
    w.replicate:start()
    local function lose(cid, damaged)
      there[cid] = nil
      w.replicate:lost(cid, damaged)
    end
    w.loop:run_until(1000)
    lose("b", false) -- as a person removed it
    w.word({ verb = "propose", bucket = "share/files", key = "b", signer = "ada" }, {})
    w.loop:run_until(20000)
    assert.same({ "a", "b" }, w.fetched)
    w.loop:run_until(200000)
    assert.same({ "a", "b", "b" }, w.fetched)
    local function lost_and_back(minutes)
      local count = #w.fetched
      began = w.loop:now()
      lose("a", true)
      w.loop:run_until(began + minutes * 60000)
      assert.equal(count + 1, #w.fetched)
      return waits[#waits]
    end
    assert.is_true(lost_and_back(1) < 1000)
    local before = 0
    for _, most in ipairs { 1, 2, 4, 8, 16, 32, 60, 60 } do
      local waited = lost_and_back(most + 2)
      assert.is_true(waited >= most * 30000 and waited >= before and waited <= (most + 1) * 60000, waited)
      before = most * 30000
    end
    w.loop:run_until(w.loop:now() + 3 * 3600 * 1000)
    assert.is_true(lost_and_back(1) < 1000) -- it lasted: the first loss again
  end)

  it("gives up a file that nobody shares any more, and what came of it", function()
    local w = world()
    w.urgency = { c = 1 }
    w.replicate:start()
    w.loop:run_until(1000)
    w.word({ verb = "dismiss", bucket = "share/files", key = "c", signer = "bea" }, {})
    w.loop:run_until(2500)
    assert.is_nil(w.dropped) -- somebody has it still
    w.records[3].holds = false
    w.word({ verb = "dismiss", bucket = "share/files", key = "c", signer = "bea" }, {})
    w.loop:run_until(5000)
    assert.same({ "c", "nobody shares it any more" }, w.dropped)
  end)

  it("gives up a file whose only robot left the lab", function()
    local w = world()
    w.urgency = { c = 1 }
    w.replicate:start()
    w.loop:run_until(1000)
    local signer = w.records[3].signer
    w.standing({}, { "somebody else" })
    w.records[3].holds = false
    w.loop:run_until(3000)
    assert.is_nil(w.dropped)
    w.standing({}, { signer })
    w.loop:run_until(5000)
    assert.same({ "c", "nobody shares it any more" }, w.dropped)
  end)

  it("gives up a file that nobody shares any more also while it is about to be tried again", function()
    local w = world()
    w.urgency = { c = 1 }
    w.replicate.content.fetch = function(_, cid, _, _, done)
      table.insert(w.fetched, cid)
      w.loop:post(function() done(nil, "disk: needs 8 B more room on /x", "disk") end)
    end
    local put = w.replicate.retry.wake
    w.replicate.retry.wake = function(...)
      w.records[3].holds = false
      put(...)
      w.word({ verb = "dismiss", bucket = "share/files", key = "c", signer = "bea" }, {})
    end
    w.replicate:start()
    w.loop:run_until(10000)
    assert.same({ "c" }, w.fetched)
    assert.same({ "c", "nobody shares it any more" }, w.dropped)
  end)

  it("removes halves of files that nobody has, not of those that it wants or that somebody has", function()
    local w = world()
    w.partials = { { cid = "b", size = 1 }, { cid = "gone", size = 1 } }
    w.urgency = { a = 3 }
    w.replicate:start()
    w.loop:run_until(50000)
    assert.is_nil(w.dropped)
    w.loop:run_until(70000)
    assert.same({ "gone", "nobody shares it any more" }, w.dropped)
    assert.same({ { why = "robots keep their own", files = 2, bytes = 5 } }, w.replicate:unwanted())
  end)

  it("says in the log why files are not fetched, once a reason, and not for ever of ever new ones", function()
    local w = world()
    w.replicate.here = function() return { store_free = 200000000 } end
    w.replicate:start()
    w.loop:run_until(200000)
    local function said()
      return table.concat(w.replicate.log.lines):gsub("[^\n]+\n", function(line)
        return line:find("files are not fetched", 1, true) and line or ""
      end)
    end
    assert.equal('00:00:00 warn  logs     files are not fetched  example=a.bag free="200.0 MB" '
      .. 'why="robots keep their own"\n', (said()))
    local n = 0
    w.replicate.policy.ask = function()
      n = n + 1
      return false, "reason " .. n
    end
    w.loop:run_until(2000000)
    assert.is_true(n > 50)
    assert.equal(8, select(2, said():gsub("\n", "")))
  end)

  it("acts on nothing while the class is unsure after a loss, and soon after it is sure again", function()
    local w = world()
    w.urgency, w.sure = { a = 3, b = 4, c = 5 }, false
    w.replicate:start()
    w.word({ verb = "propose", bucket = "share/files", key = "a", signer = "ada" }, {})
    w.loop:run_until(300000)
    assert.same({}, w.fetched)
    w.sure = true
    w.loop:run_until(360000)
    assert.same({ "c", "b" }, w.fetched)
  end)
end)
