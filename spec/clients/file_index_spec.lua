-- file_index_spec.lua - the files that records speak of, kept up as words come and go, are those that are made anew.
local hash, json, key = require "core.hash", require "core.json", require "core.key"
local statement, unixfs, chance = require "core.statement", require "core.unixfs", require "core.random"
local file_index, sim = require "clients.control.file_index", require "sim"

local NAMES <const> = { "a.bag", "b.bag", "old/a.bag", "c" }

describe("the index of files", function()
  local world, node, keys, cids, index, random, at

  setup(function()
    local policy = assert(require "policy".load("policies/server.lua", { shipped = "policies" }))
    world = sim.new { seed = 1, policy = policy }
    node, keys, cids = world:add "ada", {}, {}
    for i = 1, 4 do keys[i] = key.generate(("%d"):format(i):rep(32)) end
    for i = 1, 12 do cids[i] = (unixfs.layout(1000, hash.sha256("f" .. i))) end
    world:run(1000)
    index, at = file_index.new(node), node.time:now()
    local seeded = chance.seeded(7)
    function random(n) return seeded:integer(n) + 1 end
  end)

  local function say(k, verb, bucket, cid, data, ttl)
    at = at + 1
    local st = assert(statement.sign(k, node.swarm, { verb = verb, bucket = bucket, key = cid, at = at,
      valid_from = at // 16000 * 16, valid_until = (at // 16000 + ttl) * 16,
      data = data and json.encode(data) or "null" }))
    return node.dcache:take(statement.parse(st.line))
  end

  -- A word by chance: shared, claimed with another name beside it, taken back, or good for a minute only.
  local function say_something()
    local k, from = keys[random(4)], keys[random(4)]
    local cid, ttl = cids[random(#cids)], random(4) == 1 and 4 or 6000
    local name = NAMES[random(#NAMES)]
    if random(5) == 1 then return say(k, "dismiss", random(2) == 1 and "share/files" or "share/safe", cid, nil, 0) end
    if random(2) == 1 then
      return say(k, "propose", "share/files", cid, { class = "lab", names = json.array { name }, size = 1000 }, ttl)
    end
    local also = name ~= "c" and json.array { { name = "c" } } or nil
    return say(k, "propose", "share/safe", cid,
      { also = also, class = "lab", from = from:id(), name = name, size = 1000 }, ttl)
  end

  local function shown(of)
    local view, list = of:now(), {}
    for text in view:sorted(view:each_text()) do
      local file, named = view:file(text), {}
      for j, one in ipairs(file.named) do
        named[j] = ("%s %s %s %s"):format(one.name, one.from:sub(-4), one.held, one.gone)
      end
      list[#list + 1] = ("%s: %s | %s | %s %s %s"):format(file.cid, table.concat(named, ", "),
        table.concat(file.copies, " "), file.safe, file.gone, file.at)
    end
    local groups, n = view:groups {}, 0
    for _, group in ipairs(groups) do n = n + group.n end
    assert.equal(#list, n)
    return list, view
  end

  -- Made anew from all statements.
  local function anew()
    node.dcache:unfollow()
    local list, view = shown(file_index.new(node))
    node.dcache:unfollow()
    return list, view
  end

  it("is kept up as it would be made anew, whatever is said, taken back, over, or forgotten", function()
    local before
    for round = 1, 60 do
      for _ = 1, random(12) do say_something() end
      if round % 4 == 0 then world:run(30000) end
      before = shown(index)
      if round % 20 == 0 then
        local list, view = shown(index)
        local same, other = anew()
        assert.same(same, list)
        assert.equal(other.bytes, view.bytes)
        index = file_index.new(node)
      end
      at = math.max(at, node.time:now())
    end
    assert.is_truthy(before[3])
  end)

  it("gives a name that a robot uses for another file now to that one alone", function()
    local k, holder = keys[1], keys[2]
    local old, new = (unixfs.layout(1000, hash.sha256 "old")), (unixfs.layout(1000, hash.sha256 "new"))
    local function names_of(cid)
      local view = index:now()
      return table.concat(view:file(view:of(cid)).names, " ")
    end
    local claim = { also = json.array { { name = "rec.0" } }, class = "lab", from = k:id(), name = "rec.1", size = 1 }
    say(holder, "propose", "share/safe", old, claim, 6000)
    assert.equal("rec.0 rec.1", names_of(old))
    say(k, "propose", "share/files", new, { class = "lab", names = json.array { "rec.0" }, size = 1 }, 6000)
    assert.equal("rec.1", names_of(old))
    say(k, "dismiss", "share/files", new, nil, 0)
    assert.equal("rec.0 rec.1", names_of(old))
  end)

  it("forgets by the time alone what is over, one after the other", function()
    local list = {}
    for i, ttl in ipairs { 4, 12, 6000 } do
      list[#list + 1] = (unixfs.layout(1000, hash.sha256("till" .. i)))
      say(keys[3], "propose", "share/files", list[i], { class = "lab", names = json.array { "t" }, size = 1 }, ttl)
    end
    local function left()
      local view, n = index:now(), 0
      for _, cid in ipairs(list) do n = n + (view:of(cid) and 1 or 0) end
      return n
    end
    assert.equal(3, left())
    world:run(90 * 1000)
    assert.equal(2, left())
    world:run(60 * 1000)
    assert.equal(2, left())
    world:run(90 * 1000)
    assert.equal(1, left())
    at = node.time:now()
  end)

  it("reads again only what changed", function()
    shown(index)
    say(keys[1], "propose", "share/files", cids[1], { class = "lab", names = json.array { "new.bag" }, size = 1 }, 6000)
    local read = node.dcache.lines_read
    local view = index:now()
    assert.is_true(node.dcache.lines_read - read <= 10, node.dcache.lines_read - read .. " lines")
    assert.matches("new.bag", table.concat(view:file(view:of(cids[1])).names, " "))
  end)

  it("lists the newest only, where so many are asked for", function()
    local view = index:now()
    local texts = {}
    for text in view:newest(2) do texts[#texts + 1] = text end
    assert.equal(2, #texts)
    local least = math.min(view:file(texts[1]).at, view:file(texts[2]).at)
    for _, text in ipairs(view:texts()) do
      assert.is_true(view:file(text).at <= least or text == texts[1] or text == texts[2])
    end
  end)

  it("knows the newest while files come and go", function()
    local cid = (unixfs.layout(1000, hash.sha256 "newest"))
    local function first()
      local view = index:now()
      local texts = {}
      for text in view:newest(3) do texts[#texts + 1] = view:file(text).cid end
      assert.equal(3, #texts)
      return texts[1]
    end
    local before = first()
    say(keys[1], "propose", "share/files", cid, { class = "lab", names = json.array { "n" }, size = 1 }, 6000)
    assert.equal(cid, first())
    say(keys[1], "dismiss", "share/files", cid, nil, 0)
    assert.equal(before, first())
  end)

  it("is let go when nobody asks for a while and it is large", function()
    index:now()
    index.total, index.asked = 10000, node.loop:now() - 6 * 60 * 1000
    index:rest()
    assert.equal(0, index.total)
    assert.same(anew(), (shown(index)))
  end)
end)
