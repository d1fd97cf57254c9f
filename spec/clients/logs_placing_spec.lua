-- logs_placing_spec.lua - who is to copy a file: laws of the answer over seeded worlds. No node, no clock of its own.
local placing = require "clients.logs.placing"
local random = require "core.random"
local shuffled = require "spec.shuffled"

local MINUTE <const> = 60 * 1000
local ROUNDS <const> = os.getenv "DT_SWARM_SOAK" and 20000 or 300

local function cid_of(chance)
  local letters = {}
  for i = 1, 59 do letters[i] = string.char(97 + chance:integer(26)) end
  return table.concat(letters)
end

-- N nodes of as many domains as DOMAINS says, all of which take what fits into FREE bytes.
local function rows_of(n, domains, free)
  local rows = {}
  for i = 1, n do
    rows[i] = { id = ("node-%02d"):format(i), domain = "room-" .. i % domains, take = true, free = free or 1000,
      doing = {}, age = 0 }
  end
  return rows
end

local function file_of(cid, claims, most)
  return { cid = cid, size = 10, most = most or 3, claims = claims or {}, sharers = { robot = true } }
end

local function half() return 0.5 end

-- Who of ROWS is to copy FILE, each asked by itself and told the rows in an order of its own.
local function wanting(rows, file, chance, before, now)
  local ids, domains = {}, {}
  for _, row in ipairs(rows) do
    local view = placing.view(chance and shuffled(chance, rows) or rows)
    local answer, state = placing.look(file, view, row, before and before[row.id], now or 0, half)
    if before then before[row.id] = state end
    if answer.wanted then ids[#ids + 1], domains[row.domain] = row.id, (domains[row.domain] or 0) + 1 end
  end
  return ids, domains
end

describe("who copies a file", function()
  it("is as many nodes as copies lack, of domains that have none, however the nodes are told of", function()
    local chance = random.seeded(1)
    for _ = 1, ROUNDS do
      local domains, claims = chance:integer(8) + 1, {}
      local rows = rows_of(chance:integer(20) + 1, domains)
      for i = 1, chance:integer(4) do claims[i] = "room-" .. chance:integer(8) end
      local lack, held = chance:integer(8) + 1, {}
      for _, one in ipairs(claims) do held[one] = true end
      local file, free, has = file_of(cid_of(chance), claims, lack), {}, 0
      for _ in pairs(held) do has = has + 1 end
      for _, row in ipairs(rows) do free[row.domain] = not held[row.domain] or nil end
      local able = 0
      for _ in pairs(free) do able = able + 1 end
      local ids, by = wanting(rows, file, chance)
      assert.equal(math.min(math.max(0, lack - has), able), #ids)
      for domain, count in pairs(by) do assert.same({ 1, true }, { count, free[domain] }) end
    end
  end)

  it("is shared among all, and with one node fewer nobody else's files move", function()
    local chance, rows, most, moved = random.seeded(2), rows_of(10, 10), {}, 0
    local fewer = table.move(rows, 1, 9, 1, {})
    for _ = 1, 500 do
      local file, was, is = file_of(cid_of(chance), {}, 2), {}, {}
      for _, id in ipairs((wanting(rows, file))) do was[id], most[id] = true, (most[id] or 0) + 1 end
      for _, id in ipairs((wanting(fewer, file))) do is[id] = true end
      for id in pairs(was) do
        if id ~= "node-10" and not is[id] then moved = moved + 1 end
      end
    end
    for _, row in ipairs(rows) do assert.is_true(most[row.id] > 60 and most[row.id] < 140, row.id) end
    assert.equal(0, moved)
  end)

  it("leaves out who has no room, takes nothing, was not heard for 20 minutes, or has it in his folder", function()
    local file = file_of(("a"):rep(59))
    for _, change in ipairs { { free = 9 }, { take = false }, { age = 20 * MINUTE + 1 } } do
      local rows = rows_of(4, 4)
      local chosen = wanting(rows, file)[1]
      for _, row in ipairs(rows) do
        if row.id == chosen then for name, value in pairs(change) do row[name] = value end end
      end
      local ids = wanting(rows, file)
      assert.equal(3, #ids)
      for _, id in ipairs(ids) do assert.not_equal(chosen, id) end
      file.sharers = { [chosen] = true, robot = true }
      assert.equal(3, #wanting(rows_of(4, 4), file))
      file.sharers = {}
    end
    local rows = rows_of(1, 1)
    rows[1].free = nil -- nobody knows: his policy decides
    assert.equal(1, #wanting(rows, file))
  end)

  it("counts one domain once, what is on its way too, and at most eight copies", function()
    local cid = ("b"):rep(43) .. "0123456789abcdef"
    local rows = rows_of(20, 20)
    assert.equal(2, #wanting(rows, file_of(cid, { "room-1", "room-1" })))
    rows[2].doing = { { c = "0123456789abcdef", p = 4 } }
    assert.equal(1, #wanting(rows, file_of(cid, { "room-1", "room-1" })))
    rows[2].age = 21 * MINUTE
    assert.equal(2, #wanting(rows, file_of(cid, { "room-1", "room-1" })))
    assert.equal(8, #wanting(rows_of(20, 20), file_of(cid, {}, 100)))
  end)

  it("puts no stores in order where nothing is missing, but once it may be somebody's turn", function()
    local cid = ("b"):rep(43) .. "0123456789abcdef"
    local rows = rows_of(20, 20)
    for i = 1, 3 do rows[i].doing = { { c = "0123456789abcdef", p = 4 } } end
    local view, me = placing.view(rows), rows[9]
    local answer, state = placing.look(file_of(cid), view, me, nil, 0, half)
    assert.same({ 17, 0, nil, false }, { #answer.able, #answer.chosen, answer.place, answer.wanted })
    answer = placing.look(file_of(cid), view, me, state, 10 * MINUTE, half)
    assert.truthy(answer.place)
    assert.is_true((placing.look(file_of(cid), view, me, state, 20 * MINUTE, half)).wanted)
  end)

  it("is never a node that does not count, and says why not", function()
    local file, view = file_of(("c"):rep(59)), placing.view(rows_of(4, 4))
    local answer, state = placing.look(file, view, { id = "node-01" }, nil, 0, half)
    assert.same({ false, "this node's copies do not count" }, { answer.wanted, answer.why })
    assert.is_nil(state)
    for why, claims in pairs { ["3 others hold it"] = { "x", "y", "z" },
      ["another node of its domain holds or fetches it"] = { "room-1" } } do
      answer = placing.look(file_of(("c"):rep(59), claims), view, { id = "node-01", domain = "room-1" }, nil, 0, half)
      assert.same({ false, why }, { answer.wanted, answer.why })
    end
  end)

  it("is, ten minutes after the last news of a missing copy, whose turn comes, one after the other", function()
    local chance, rows = random.seeded(4), rows_of(10, 10)
    for _ = 1, 40 do
      local file, states, began, at = file_of(cid_of(chance)), {}, {}, {}
      local first = wanting(rows, file, nil, states, 0)
      assert.equal(3, #first)
      for _, id in ipairs(first) do began[id] = true end
      for now = 0, 21 * MINUTE, 5000 do -- nobody who was chosen begins
        for _, id in ipairs((wanting(rows, file, nil, states, now))) do
          if not began[id] then began[id], at[#at + 1] = true, now end
        end
      end
      assert.equal(7, #at)
      for i, now in ipairs(at) do
        assert.is_true(now >= 10 * MINUTE and now <= 20 * MINUTE, now)
        assert.is_true(i == 1 or now - at[i - 1] >= MINUTE - 5000, "two at once")
      end
    end
  end)

  it("is held up for ever by nobody who names ever another domain", function()
    local me, file, state, answer = rows_of(1, 1)[1], file_of("c" .. ("x"):rep(16), {}, 1), nil, nil
    for i = 1, 200 do
      local liar = { id = "liar", domain = "d" .. i, take = false, doing = { { c = ("x"):rep(16), p = 0 } }, age = 0 }
      answer, state = placing.look(file, placing.view { me, liar }, me, state, i * 9 * MINUTE, half)
      if answer.wanted then break end
    end
    assert.is_true(answer.wanted)
    assert.is_true(state.count <= 65, "what is remembered is bounded")
  end)

  it("gives who fetches more time while he comes further, and nobody a second time for the same", function()
    local file, rows, states = file_of(("d"):rep(59)), rows_of(5, 5), {}
    local first, doer = wanting(rows, file, nil, states, 0)
    for _, row in ipairs(rows) do
      if row.id == first[1] then doer = row end
    end
    local function others_at(now)
      local ids = {}
      for _, id in ipairs((wanting(rows, file, nil, states, now))) do
        if id ~= first[2] and id ~= first[3] then ids[#ids + 1] = id end
      end
      return #ids
    end
    for step = 1, 8 do -- 8 % an hour and a bit later
      doer.doing = { { c = file.cid:sub(-placing.TAIL), p = step } }
      assert.equal(0, others_at(step * 9 * MINUTE))
    end
    doer.doing, file.claims = {}, { "attic" } -- which is news
    others_at(73 * MINUTE)
    doer.doing = { { c = file.cid:sub(-placing.TAIL), p = 8 } } -- said before
    others_at(82 * MINUTE)
    assert.equal(2, others_at(73 * MINUTE + 20 * MINUTE))
  end)

  -- A world of N nodes in minutes: liars say that they take all and never begin; the dead stop in the middle. What a
  -- node says of itself is heard by all a minute later. → copies of each file, fetches in all
  local function run(seed, liars, files)
    local chance, rows, honest, states = random.seeded(seed), rows_of(12, 8), {}, {}
    for i, row in ipairs(rows) do
      honest[row.id], states[row.id], row.asked = i > liars, {}, {}
    end
    local list, fetches = {}, 0
    for i = 1, files do list[i] = { file = file_of(cid_of(chance)), under_way = {} } end
    for now = 0, 180 * MINUTE, MINUTE do
      for _, one in ipairs(list) do
        local ends = {}
        for id, domain in pairs(one.under_way) do ends[#ends + 1], one.under_way[id] = domain, nil end
        for _, domain in ipairs(ends) do table.insert(one.file.claims, domain) end
      end
      local view = placing.view(rows)
      for _, one in ipairs(list) do
        for _, row in ipairs(rows) do
          local state = states[row.id]
          local answer
          answer, state[one.file.cid] = placing.look(one.file, view, row, state[one.file.cid], now,
            function() return chance:unit() end)
          if answer.wanted and honest[row.id] then
            one.under_way[row.id], fetches = row.domain, fetches + 1
          end
        end
      end
    end
    return list, fetches
  end

  it("ends in all copies in domains of their own, whoever only says that he takes files", function()
    for seed = 1, ROUNDS // 100 do
      local liars = seed % 4
      local list, fetches = run(seed, liars, 10)
      for _, one in ipairs(list) do
        local met, count = {}, 0
        for _, domain in ipairs(one.file.claims) do
          if not met[domain] then met[domain], count = true, count + 1 end
        end
        assert.is_true(count >= 3, ("seed %d: %d copies"):format(seed, count))
      end
      assert.is_true(fetches <= 30 * (liars > 0 and 1.1 or 1), ("seed %d: %d fetches"):format(seed, fetches))
    end
  end)
end)

describe("a carrier", function()
  it("takes what fewer domains than the least hold, and no more", function()
    assert.is_true(placing.carries({}, 1))
    assert.is_false(placing.carries({ "a" }, 1))
    assert.is_true(placing.carries({ "a", "a" }, 2))
    assert.is_false(placing.carries({ "a", "b" }, 2))
  end)

  it("is nobody's copy, whatever its grant says; else that goes before what a node tells of itself", function()
    assert.is_false(placing.domain("id", false, { "storage", "domain:attic" }))
    assert.equal("attic", placing.domain("id", "cellar", { "storage", "domain:attic" }))
    assert.equal("cellar", placing.domain("id", "cellar", { "storage" }))
    assert.equal("id", placing.domain("id", "", nil))
    assert.equal("id", placing.domain("id", nil, {}))
  end)
end)
