-- record_spec.lua - records: what is proposed under one key, by whom, whether it holds and why; by the policy's rule.
local hash = require "core.hash"
local json = require "core.json"
local key = require "core.key"
local policies = require "spec.policy.policies"
local sim = require "sim"
local statement = require "core.statement"
local text = require "core.text"
local unixfs = require "core.unixfs"
local walk = require "dcache.walk"

local CID = (unixfs.layout(1, hash.sha256 "one"))
local keys = {}
for i = 1, 4 do keys[i] = key.generate(("%d"):format(i):rep(32)) end

-- A node whose policy is RULES (Lua), and say(signer, verb, bucket, key, data, more) of others, as if it had come.
local function world(rules)
  local policy = assert(policies.with(rules or ""))
  local w = sim.new { seed = 1, policy = policy }
  local node = w:add "ada"
  w:run(1000)
  local now = node.time:now()
  local function say(signer, verb, bucket, name, data, more)
    more = more or {}
    local at = now + (more.at or signer)
    local line = assert(statement.sign(keys[signer], node.swarm, { verb = verb, bucket = bucket, key = name,
      valid_from = more.from or now // 16000 * 16, valid_until = more.till or (now // 16000 + 600) * 16, at = at,
      data = data })).line
    return assert(node.dcache:take(assert(statement.parse(line))))
  end
  return node, say, function() policy:close() end
end

local function ids(...)
  local list = { ... }
  for i, n in ipairs(list) do list[i] = keys[n]:id() end
  return list
end

local function file(name) return json.encode { class = "lab", names = json.array { name }, size = 1 } end

describe("a record", function()
  it("is what is proposed under a key, with all who say it", function()
    local node, say, done = world()
    assert.is_nil(node.dcache:record("share/files", CID))
    say(1, "propose", "share/files", CID, file "a")
    say(2, "propose", "share/files", CID, file "b")
    say(3, "propose", "share/files", CID, file "b")
    local record = node.dcache:record("share/files", CID)
    assert.same({ true, "b", "2 of 1 signers", 1 }, { record.holds, record.data.names[1], record.why, record.needed })
    assert.same(ids(2, 3), record.signers)
    assert.same({ 3, 2 }, { #record.statements, #record.proposals })
    local other = record.proposals[2]
    assert.same({ true, "a", ids(1) }, { other.holds, other.data.names[1], other.signers })
    for i = 1, 3 do assert.is_true(node.dcache:statement_of("share/files", CID, keys[i]:id()).holds) end
    done()
  end)

  it("does not hold once its only signer took it back, and says so; others' words stay", function()
    local node, say, done = world()
    say(1, "propose", "share/files", CID, file "a")
    say(2, "dismiss", "share/files", CID, "null") -- never said it, and may not take it back for others
    local record = node.dcache:record("share/files", CID)
    assert.same({ true, ids(1) }, { record.holds, record.signers })
    say(1, "dismiss", "share/files", CID, "null", { at = 9 })
    record = node.dcache:record("share/files", CID)
    assert.same({ false, "nobody proposes anything", {} }, { record.holds, record.why, record.proposals })
    assert.is_false(node.dcache:statement_of("share/files", CID, keys[1]:id()).holds)
    done()
  end)

  it("does not hold before its time, after it, or without the form of its bucket; each says why", function()
    local node, say, done = world()
    local now = node.time:now() // 16000 * 16
    say(1, "propose", "share/files", CID, file "a", { till = now - 3200, from = now - 6400, at = -4000000 })
    say(2, "propose", "share/files", CID, file "b", { from = now + 3200 })
    say(3, "propose", "share/files", CID, file "../b")
    local record, why = node.dcache:record("share/files", CID), {}
    for i, st in ipairs(record.statements) do why[i] = st.fault end
    assert.same({ "over", "meant for later", "form: a name leads out of the folder, or has an empty part" }, why)
    assert.same({ false, nil }, { record.holds, record.data })
    for _, st in ipairs(record.statements) do assert.is_false(st.holds) end
    done()
  end)

  it("needs as many signers of the same DATA as the policy says, another number at once when it changes", function()
    local node, say, done = world 'p.dcache.buckets["share/verified"].propose = "2 of trusted"'
    say(1, "propose", "share/verified", "k", "1")
    say(2, "propose", "share/verified", "k", "2")
    local record = node.dcache:record("share/verified", "k")
    assert.same({ false, 2, "1 of 2 signers" }, { record.holds, record.needed, record.why })
    assert.is_false(node.dcache:statement_of("share/verified", "k", keys[1]:id()).holds)
    say(3, "propose", "share/verified", "k", "1")
    record = node.dcache:record("share/verified", "k")
    assert.same({ true, 1, ids(1, 3) }, { record.holds, record.data, record.signers })
    local held = {}
    for _, st in ipairs(node.dcache:statements "share/verified") do held[#held + 1] = st.holds end
    assert.same({ true, false, true }, held)
    local one = assert(policies.with 'p.dcache.buckets["share/verified"].propose = "trusted"')
    node.policy:swap(one)
    assert.is_true(node.dcache:statement_of("share/verified", "k", keys[2]:id()).holds)
    done()
  end)

  it("is asked of the operator's own hook where there is one, with all who say anything now", function()
    local node, say, done = world [[
      function p.dcache.holds(record)
        local said = {}
        for i, word in ipairs(record.statements) do said[i] = word.verb .. tostring(word.allowed) end
        local names = record.data and record.data.names
        if names and names[1] == "no" then return false, table.concat(said, " ") end
        return record.needed == 1 and record.class == "share" and #record.statements > 1, table.concat(said, " ")
      end
    ]]
    say(1, "propose", "share/files", CID, file "a")
    say(2, "propose", "share/files", CID, file "no")
    local record = node.dcache:record("share/files", CID)
    assert.same({ false, "proposetrue" }, { record.holds, record.why })
    local data = file "a"
    say(3, "dismiss", "share/files", CID, ('"%s"'):format(text.base64url(hash.blake2b(data))))
    record = node.dcache:record("share/files", CID)
    assert.same({ true, "a", "proposetrue dismissfalse" }, { record.holds, record.data.names[1], record.why })
    assert.same({ false, "proposetrue" }, { record.proposals[2].holds, record.proposals[2].why })
    assert.is_true(node.dcache:statement_of("share/files", CID, keys[1]:id()).holds)
    assert.is_false(node.dcache:statement_of("share/files", CID, keys[2]:id()).holds)
    done()
  end)

  it("holds by the rule that policies/dcache.lua writes down", function()
    local node, say, done = world 'p.dcache.buckets["share/verified"].propose = "2 of trusted"'
    local shipped = assert(policies.with "")
    for i, case in ipairs { {}, { 1 }, { 1, 2 }, { 1, 2, 3 } } do
      for _, n in ipairs(case) do say(n, "propose", "share/verified", "k" .. i, "1") end
      local words, record = {}, node.dcache:record("share/verified", "k" .. i)
      for j, n in ipairs(case) do words[j] = { verb = "propose", signer = keys[n]:id(), allowed = true } end
      local yes, why = shipped:ask("dcache.holds", { needed = 2, statements = words }, {})
      if record then assert.same({ yes, why }, { record.holds, record.why }) else assert.equal(0, #case) end
    end
    shipped:close()
    done()
  end)

  it("is read in bounded work however many speak of it, and a walk reads few lines a turn", function()
    local node, say, done = world 'p.dcache.buckets["share/verified"].propose = "2 of trusted"'
    for i = 1, 4 do say(i, "propose", "share/verified", "k", "1") end
    for i = 1, 300 do say(1, "propose", "share/verified", "n" .. i, "1") end
    local most, met, before = 0, 0, node.dcache.lines_read
    local turns = { post = function(self, fn) self.next = fn end }
    local over
    walk.start(turns, node.dcache, "share/verified", function() met = met + 1 end, function() over = true end)
    while not over do
      turns.next()
      most, before = math.max(most, node.dcache.lines_read - before), node.dcache.lines_read
    end
    assert.equal(304, met)
    assert.is_true(most <= 128, most .. " lines in one turn")
    before = node.dcache.lines_read
    assert.equal(304, #node.dcache:statements "share/verified")
    assert.equal(2 * 304, node.dcache.lines_read - before, "each is read as itself, and once for its record")
    done()
  end)
end)
