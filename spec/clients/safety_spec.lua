-- safety_spec.lua - is a file safe elsewhere, what do stores wait for, when is a card full: as answers tell it.
local asked = require "spec.clients.asked"
local card_trend = require "clients.logs.card_trend"
local fake = require "spec.clients.fake_node"
local why_stores = require "clients.logs.why_stores"

local MINUTE <const> = 60000

local function ask(facts, request, more)
  local node = fake.node(facts)
  for name, value in pairs(more or {}) do node[name] = value end -- any order
  return asked.of(node)(request)
end

-- Records as dcache:record gives them, of FACTS.
local function with_records(node_facts)
  local node = fake.node(node_facts)
  function node.dcache.record(_, bucket, key)
    local list = {}
    for _, st in ipairs(node_facts.records or {}) do
      if st.bucket == bucket and st.key == key then list[#list + 1] = st end
    end
    return list[1] and { statements = list } or nil
  end
  return node
end

local function own(name, cid, state, more)
  local file = { name = name, cid = cid, size = 5000, state = state or "published" }
  for key, value in pairs(more or {}) do file[key] = value end -- any order
  return file
end

local function safe_of(facts, request, more)
  local node = with_records(facts)
  for name, value in pairs(more or {}) do node[name] = value end -- any order
  return asked.of(node)(request or { command = "safe" })
end

describe("safe", function()
  it("is each own file that another node claims whose copies count; private ones are not asked about", function()
    local facts = { files = { own("a.bag", fake.CID), own("id_rsa", nil, "refused", { word = "permission" }),
      own("root", nil, "refused", { word = "link" }) },
      records = { fake.safe(fake.CID, fake.DONALD, fake.ADA, "a.bag", 5000) } }
    local answer = safe_of(facts)
    assert.is_true(answer.safe)
    assert.same({ 1, 0, 0, false, 1 }, { answer.files, answer.unsafe, answer.bytes, answer.named, answer.kept })
    facts.records[1].holds = false
    assert.is_false(safe_of(facts).safe)
    facts.records[1].holds, facts.records[1].signer, facts.records[1].data.from = true, fake.ADA, fake.SERVER
    assert.is_false(safe_of(facts).safe, "our own claim is no copy elsewhere")
    facts.records[1].data.from = fake.ADA
    facts.records[1].signer, facts.records[1].data.domain = fake.DONALD, false
    assert.is_false(safe_of(facts).safe, "a carrier's copy counts for nothing")
    facts.records[1].data.domain, facts.records[1].data.from = nil, fake.DONALD
    assert.is_false(safe_of(facts).safe, "what is held for an update goes after it")
  end)

  it("counts those whom a grant or the policy names alone", function()
    local facts = { files = { own("a.bag", fake.CID) },
      records = { fake.safe(fake.CID, fake.DONALD, fake.ADA, "a.bag", 5000) } }
    local placing = { is_named = function() return true end,
      domain = function(_, id) return id == fake.SERVER and "rack" or nil end }
    assert.is_false(safe_of(facts, nil, { placing = placing }).safe)
    facts.records[2] = fake.safe(fake.CID, fake.SERVER, fake.ADA, "a.bag", 5000)
    local answer = safe_of(facts, nil, { placing = placing })
    assert.is_true(answer.safe and answer.named)
  end)

  it("is not known before the folder was looked through, nor while it is not there", function()
    local node, problem = with_records {}, "the share folder was not looked through yet"
    function node.logs.unknown() return problem end
    local one = asked.of(node)
    local answer = one { command = "safe" }
    assert.same({ false, 0, problem }, { answer.safe, answer.unsafe, answer.problem })
    problem = nil
    assert.is_true(one({ command = "safe" }).safe)
  end)

  it("names what is not finished, not shared or on this node only, a page at a time", function()
    local files = { own("a.bag", nil, "growing"), own("b.bag", nil, "refused", { word = "EACCES" }) }
    for i = 1, 1200 do files[i + 2] = own(("c%04d.bag"):format(i), fake.CID) end
    local answer = safe_of { files = files }
    assert.same({ 1202, 1202, 1000 }, { answer.files, answer.unsafe, #answer.rows })
    assert.same({ "a.bag", "growing" }, { answer.rows[1].name, answer.rows[1].state })
    assert.equal("EACCES", answer.rows[2].word)
    assert.equal(answer.rows[1000].name, answer.more)
    local rest = safe_of({ files = files }, { command = "safe", after = answer.more })
    assert.same({ 202, 1202 }, { #rest.rows, rest.unsafe })
    assert.is_nil(rest.more)
    assert.equal("form", select(3, safe_of({}, { command = "safe", after = 7 })))
    assert.is_true(safe_of({}).safe)
  end)
end)

-- A node.stores that knows ROWS.
local function stores(rows, full)
  return { rows = function() return rows end, full_in = function(_, id) return (full or {})[id] end,
    of = function(_, id)
      for _, row in ipairs(rows) do
        if row.id == id then return row end
      end
    end, bounds = function() return {} end }
end

local function row(id, more)
  local one = { id = id, age = 5000, bytes = 0, files = 0, free = 12000000000, take = true, doing = {}, waits = {} }
  for name, value in pairs(more or {}) do one[name] = value end -- any order
  return one
end

local LACK <const> = { why = "the policy keeps 20 GB free", n = 1, bytes = 812000000 }

describe("report", function()
  it("tells what each store waits for, who fetches a file, and when the card is full", function()
    local facts = fake.two()
    local doing = { waits = { LACK }, doing = { { c = fake.CID:sub(-16), p = 41, rate = 2 } } }
    local answer = ask(facts, { command = "report" }, { here = function() return { disk_free = 3000000000 } end,
      stores = stores({ row(fake.DONALD, doing) }, { [fake.ADA] = 18000000 }) })
    local one = answer.stores[1]
    assert.same({ fake.DONALD, 12000000000, true, 1 }, { one.node.id, one.free, one.take, one.doing })
    assert.same({ LACK }, one.waits)
    facts.nodes[2].status = "left"
    local off = ask(facts, { command = "report" }, { stores = stores { row(fake.DONALD, doing) } })
    assert.same({}, off.stores)
    assert.is_nil(off.files[1].coming)
    facts.nodes[2].status = "ready"
    assert.same({ 41, "donald", 1280000 }, { answer.files[1].coming[1].percent, answer.files[1].coming[1].node.name,
      answer.files[1].coming[1].rate })
    local robots = ask(facts, { command = "report", by = "robot" }, { stores = stores { row(fake.DONALD, doing) } })
    assert.equal(50000, robots.robots[1].eta_ms)
    assert.same({ free = 3000000000, full_ms = 18000000 }, answer.card)
    assert.equal(1, answer.unsafe)
    facts.records[2] = fake.safe(fake.CID, fake.DONALD, fake.ADA, "run-12.bag", 64000000)
    answer = ask(facts, { command = "report" })
    assert.same({ 0, 0 }, { answer.unsafe, #answer.stores })
    assert.is_nil(answer.card)
    answer = ask(facts, { command = "report" }, { stores = stores { row(fake.DONALD, { domain = false }) } })
    assert.equal(1, answer.unsafe)
  end)

  it("calls no file safe that a carrier alone has, who was not heard for long", function()
    local facts = fake.two()
    facts.records[2] = fake.safe(fake.CID, fake.DONALD, fake.ADA, "run-12.bag", 64000000)
    facts.records[2].data.domain = false
    assert.equal(1, ask(facts, { command = "report" }).unsafe)
    local robots = ask(facts, { command = "report", by = "robot" }).robots
    assert.same({ 1, false }, { robots[1].waiting, robots[1].safe })
    facts.records[3] = fake.safe(fake.CID, fake.SERVER, fake.ADA, "run-12.bag", 64000000)
    assert.equal(0, ask(facts, { command = "report" }).unsafe)
  end)

  it("has a line for each robot: what waits, how long, is it safe, when its card is full", function()
    local facts = fake.two()
    facts.records[2] = fake.file(fake.OTHER_CID, fake.DONALD, "d.bag", 1000, 100)
    facts.records[3] = fake.safe(fake.OTHER_CID, fake.ADA, fake.DONALD, "d.bag", 1000)
    facts.fetching = { { cid = fake.CID, from = fake.ADA, rate = 1000000, size = 64000000, done = 0 } }
    local answer = ask(facts, { command = "report", by = "robot" },
      { stores = stores({}, { [fake.DONALD] = 3600000 }) })
    assert.equal(2, #answer.robots)
    local by = {}
    for _, one in ipairs(answer.robots) do by[one.node.name] = one end
    assert.same({ 1, 64000000, 1, 64000000, 64000, false }, { by.ada.files, by.ada.bytes, by.ada.waiting,
      by.ada.waiting_bytes, by.ada.eta_ms, by.ada.safe })
    assert.same({ 1, 1000, 0, true, 3600000 }, { by.donald.files, by.donald.bytes, by.donald.waiting, by.donald.safe,
      by.donald.full_ms })
    assert.is_nil(by.donald.eta_ms)
    assert.is_nil(answer.more)
    assert.equal("form", select(3, ask(facts, { command = "report", by = "robot", after = 7 })))
    for i = 1, 1003 do
      facts.records[i] = fake.file(("%s%04d"):format(fake.CID:sub(1, -5), i), ("%s%04d"):format(fake.ADA:sub(1, -5), i),
        "x", 5, 100)
    end
    answer = ask(facts, { command = "report", by = "robot" })
    assert.equal(1000, #answer.robots)
    local rest = ask(facts, { command = "report", by = "robot", after = answer.more })
    assert.equal(3, #rest.robots)
    assert.is_nil(rest.more)
    assert.equal("form", select(3, ask(facts, { command = "report", by = "moon" })))
  end)
end)

describe("what a store says of a file that it has not", function()
  local function rows_of(one, file)
    local node = fake.node {}
    node.stores = stores { one }
    return why_stores.rows(node, file or { cid = fake.CID, size = 812000000, name = "run.bag", copies = { fake.ADA } })
  end

  it("is its reason, what is free there, and where more is known", function()
    local rows = rows_of(row(fake.DONALD, { waits = { LACK } }))
    assert.equal("~9c1e waits, for this or another file", rows[1].what)
    assert.equal("the policy keeps 20 GB free (1 file, 812.0 MB); 12.0 GB free, said 5 s ago", rows[1].seen)
    assert.equal("Asked there, it says more: dt-swarm-cli '~9c1e' files why run.bag", rows[1].cure)
    assert.matches("takes no files of others", rows_of(row(fake.DONALD, { take = false }))[1].what)
    assert.matches("does not name this one", rows_of(row(fake.DONALD))[1].what)
    rows = rows_of(row(fake.DONALD, { free = 12000000 }))
    assert.same({ "disk", "Make 800.0 MB more room there, beside what its policy keeps "
      .. "free. Asked there, it says more: dt-swarm-cli '~9c1e' files why run.bag" }, { rows[1].code, rows[1].cure })
    rows = rows_of(row(fake.DONALD, { doing = { { c = fake.CID:sub(-16), p = 41 } } }))
    assert.same({ "~9c1e is fetching it", "41 %, said 5 s ago" }, { rows[1].what, rows[1].seen })
  end)

  it("is said of whom the placing chooses, where this node can know that", function()
    local node, file = fake.node {}, { cid = fake.CID, size = 5, copies = { fake.ADA } }
    local answer = { able = { fake.DONALD, fake.SERVER }, chosen = { fake.DONALD }, claimed = 0, most = 3, taken = 0 }
    node.placing = { look = function(_, cid, size, ids)
      assert.same({ fake.CID, 5, { fake.ADA } }, { cid, size, ids })
      return answer
    end }
    assert.same({ what = "chosen for a copy", seen = "~9c1e (1 of 2 that could take it)" },
      why_stores.chosen(node, file))
    answer.chosen, answer.able = {}, {}
    assert.matches("^0 of 3 copies are there or come; .* 0 could take it$", why_stores.chosen(node, file).seen)
    assert.truthy(why_stores.chosen(node, file).cure)
    answer.claimed = 3
    assert.equal("all 3 that count are there", why_stores.chosen(node, file).seen)
    file.copies = { fake.SERVER }
    node.policy.where = function() return "clients.lua", 1, true end
    assert.is_nil(why_stores.chosen(node, file), "a robot that takes nothing counts itself")
  end)

  it("quotes what is to be typed", function()
    local rows = rows_of(row(fake.DONALD), { cid = fake.CID, size = 1, name = "a $(touch pwned).bag", copies = {} })
    assert.equal("Asked there, it says more: dt-swarm-cli '~9c1e' files why 'a $(touch pwned).bag'", rows[1].cure)
  end)

  it("is nothing where it has it, or is this node", function()
    assert.same({}, rows_of(row(fake.DONALD), { cid = fake.CID, size = 1, copies = { fake.DONALD } }))
    assert.same({}, rows_of(row(fake.ADA)))
  end)
end)

describe("a card", function()
  local trend, now

  local function over(minutes, from, to)
    for i = 0, minutes do
      trend:put("ada", from + (to - from) * i / minutes, 2)
      now = now + MINUTE
    end
  end

  before_each(function()
    now = 0
    trend = card_trend.new { loop = { now = function() return now end } }
  end)

  it("is full when what is free has gone, as it went lately", function()
    over(60, 80, 60)
    assert.near(180 * MINUTE, trend:full_in("ada", 2), 10 * MINUTE)
    over(600, 60, 60)
    assert.is_nil(trend:full_in("ada", 2), "nothing went for six hours")
  end)

  it("is told of only where that is no chance, and begins anew when room was made", function()
    over(60, 80, 79)
    assert.is_nil(trend:full_in("ada", 2))
    over(60, 79, 40)
    assert.truthy(trend:full_in("ada", 2))
    trend:put("ada", 90, 2)
    assert.is_nil(trend:full_in("ada", 2))
    over(3, 90, 80)
    assert.is_nil(trend:full_in("ada", 2), "too short")
    over(60, 80, 60)
    assert.near(120 * MINUTE, trend:full_in("ada", 2), 30 * MINUTE)
    trend:put("ada", nil, 2)
    assert.is_nil(trend:full_in("ada", 2))
    assert.is_nil(trend:full_in("bea", 2))
  end)
end)
