-- forms_spec.lua - the form of each bucket's DATA: what the page says is read, everything else has a reason.
local trust = require "dcache.trust"
local cid = require "core.cid"
local forms = require "dcache.forms"
local json = require "core.json"

local CID = cid.make("raw", ("\7"):rep(32))
local OTHER = cid.make("raw", ("\8"):rep(32))
local ADA = "12D3KooWEwykBEJZ8ZZtDmVzYNAPjkNgsWRHKWCBHRPJnhGGugNt"

-- → true, or what is wrong with TEXT (canonical JSON) in BUCKET
local function read(bucket, text, key)
  local data, why, word = forms.read(bucket, key or CID, assert(json.decode(text)))
  if data then return true end
  assert.equal("form", word)
  return why
end

describe("the form of share/files", function()
  it("is class, names, size; members of later versions are read", function()
    for _, text in ipairs {
      '{"class":"lab","names":["run.bag"],"size":0}',
      '{"class":"public","names":["a","a/b","机器人/–.bag"],"size":1099511627776}',
      ('{"before":%q,"class":"swarm","copies":[1,3],"made":1,"meta":%q,"names":[".x"],"size":5,"span":7,'
        .. '"verdict":"ok"}'):format(OTHER, OTHER),
      '{"class":"withdrawn","size":7}',
    } do
      assert.is_true(read("share/files", text), text)
    end
    assert.is_false(forms.claims("share/files", { class = "withdrawn", size = 7 }))
    assert.is_true(forms.claims("share/files", { class = "lab" }))
  end)

  it("refuses everything else, and says what is wrong", function()
    for _, name in ipairs { "../x", "/etc/x", "", "a//b", "a/", ".", "a/..", "..", "a/./b", "./a" } do
      local text = json.encode { class = "lab", names = json.array { name }, size = 1 }
      assert.matches("leads out", tostring(read("share/files", text)), name)
    end
    for text, why in pairs {
      ['{"class":"lab","names":[],"size":1}'] = "at least one", ['{"class":"lab","size":1}'] = "no list",
      ['{"class":"lab","names":"a","size":1}'] = "no list", ['{"class":"lab","names":{"a":"b"},"size":1}'] = "no list",
      ['{"class":"lab","names":7,"size":1}'] = "no list", ['{"class":"lab","names":null,"size":1}'] = "no list",
      ['{"class":"lab","names":[7],"size":1}'] = "no text", ['{"class":"lab","names":["a",null],"size":1}'] = "no text",
      ['{"class":"lab","names":["b","a"],"size":1}'] = "sorted",
      ['{"class":"lab","names":["a","a"],"size":1}'] = "twice",
      ['{"class":"lab","names":["a"],"size":-1}'] = "2%^40", ['{"class":"lab","names":["a"]}'] = "no whole",
      ['{"class":"lab","names":["a"],"size":1099511627777}'] = "2%^40",
      ['{"class":"lab","names":["a"],"size":"1"}'] = "no whole",
      ['{"class":"private","names":["a"],"size":1}'] = "class", ['{"names":["a"],"size":1}'] = "class",
      ['{"class":"lab","names":["a"],"size":1,"url":"x"}'] = "member", ['{"class":"withdrawn","size":-7}'] = "2%^40",
      ['{"class":"lab","copies":[3,1],"names":["a"],"size":1}'] = "copies",
      ['{"class":"lab","copies":[1,9],"names":["a"],"size":1}'] = "copies",
      ['{"class":"lab","copies":[1],"names":["a"],"size":1}'] = "copies",
      ['{"before":"x","class":"lab","names":["a"],"size":1}'] = "before",
      [('{"before":%q,"class":"lab","names":["a"],"size":1}'):format(CID)] = "before",
      ['{"class":"lab","made":"now","names":["a"],"size":1}'] = "made",
      ['{"class":"lab","meta":"m","names":["a"],"size":1}'] = "meta",
      ['{"class":"lab","names":["a"],"size":1,"span":-1}'] = "span",
      ['{"class":"lab","names":["a"],"size":1,"verdict":"good"}'] = "verdict",
      ["[]"] = "no object", ["null"] = "no object", ["7"] = "no object", ['"text"'] = "no object", ["{}"] = "class",
      ["true"] = "no object",
    } do
      assert.matches(why, tostring(read("share/files", text)), text)
    end
  end)

  it("has the CID of a file as its key", function()
    local text = '{"class":"lab","names":["a"],"size":1}'
    for _, key in ipairs { "k", "-", CID:sub(1, -2), CID:upper(), CID .. "a", "Qm" .. ("a"):rep(44), "bafkqaaa" } do
      assert.matches("no CID", tostring(read("share/files", text, key)), key)
    end
  end)
end)

describe("the form of share/safe", function()
  local whole = { class = "lab", from = ADA, name = "one/run.bag", size = 7 }

  local function with(member, value)
    local data = {}
    for name, one in pairs(whole) do data[name] = one end
    if value == nil then data[member] = nil else data[member] = value end
    return json.encode(data)
  end

  it("is class, from, name, size, or the size alone of versions before", function()
    assert.is_true(read("share/safe", json.encode(whole)))
    assert.is_true(read("share/safe", '{"size":7}'))
    assert.is_true(read("share/safe", with("answers", json.array { "x" })))
    assert.is_true(read("share/safe", with("domain", false)))
  end)

  it("may have other names of the same bytes, sorted, each once", function()
    local BEA = ADA:sub(1, -3) .. "Aa"
    local function also(list)
      for i, one in ipairs(list) do list[i] = { from = one[2], name = one[1] } end
      return read("share/safe", with("also", json.array(list)))
    end
    assert.is_true(also { { "one/run.bag/x" }, { "two/run.bag" }, { "one/run.bag", BEA }, { "x", BEA } })
    for why, list in pairs { ["at least one"] = {}, ["sorted"] = { { "b" }, { "a" } },
      ["stands twice"] = { { "a" }, { "a" } }, ["that of the claim"] = { { "a", ADA } },
      ["no peer ID"] = { { "a", "bea" } }, ["name of the claim"] = { { "one/run.bag" } },
      ["leads out"] = { { "../a" } } } do
      assert.matches(why, tostring(also(list)), 1, true)
    end
    assert.matches("sorted", also { { "a", BEA }, { "b" } })
    assert.matches("no object", read("share/safe", with("also", json.array { "x" })))
    assert.matches("no version", read("share/safe", with("also", json.array { { name = "a", size = 7 } })))
    assert.is_string(read("share/safe", json.encode { size = 7, also = json.array { { name = "a" } } }))
  end)

  it("refuses everything else", function()
    for member, values in pairs { name = { "../x", "/x", 7, "" },
      from = { "ada", 7, ADA .. "a", ADA:sub(1, -2) .. "/" },
      class = { "private", 7, "withdrawn" }, size = { -1, (1 << 40) + 1, "7" }, url = { "x" } } do
      for _, value in ipairs(values) do
        assert.is_string(read("share/safe", with(member, value)), member)
      end
    end
    for member in pairs(whole) do assert.is_string(read("share/safe", with(member, nil)), member) end
    for _, text in ipairs { "{}", "[]", "null", '{"name":"a"}', '{"name":"a","size":1}' } do
      assert.is_string(read("share/safe", text), text)
    end
  end)
end)

describe("the form of peer", function()
  it("has texts for name, type, version and clock, and members of later versions", function()
    for _, text in ipairs { '{"clock":"own","name":"ada","type":"duckiebot","version":"0.1.0"}', '{"name":"ada"}',
      '{"boot":7,"clone":true,"level":2,"name":"ada","policy":"p","site":"s","state":"left","why":"w"}' } do
      assert.is_true(read("peer", text, "-"), text)
    end
    for _, text in ipairs { '{"name":7}', '{"name":"../x"}', '{"name":"a b"}', '{"clock":"sun"}', '{"type":["x"]}',
      '{"name":"ada","shoe":44}', "[]", "null", '{"name":""}' } do
      assert.is_string(read("peer", text, "-"), text)
    end
  end)
end)

it("DATA of other buckets is anybody's", function()
  assert.equal(7, forms.read("share/verified", "k", 7))
  assert.same({ "x" }, forms.read("chat", "k", { "x" }))
end)

it("a crowd of words that are meant for later is not read through to count whose files there are", function()
  local later, owner = {}, require "core.key".generate(("a"):rep(32))
  local line = require "core.statement".sign(owner, "s", { verb = "propose", bucket = "share/files", key = "k",
    valid_from = 160, valid_until = 320, at = 1, data = "{}" }).line
  for i = 1, 5000 do later[i] = { text = line } end
  local cache = setmetatable({ time = { low = function() return 0 end, is_valid = function() return true end },
    index = { signers = function() return { [owner:id()] = 3 }, later end }, class_of = function() end, counted = {},
    meaning = { fault = function() end, asks_dismissals = function() return false end }, lines_read = 0,
    ways = require "dcache.ways".new(), trust = trust.new {} }, { __index = require "dcache.reading" })
  local n = cache:signers("share/files")[owner:id()]
  assert.is_true(cache.lines_read > 0 and cache.lines_read < 1000, cache.lines_read .. " read in one turn")
  assert.equal(3 + cache.lines_read, n)
end)

it("how many files each has is counted anew when records come, though in the same tick", function()
  local changes, counted = 1, 0
  local cache = setmetatable({ time = { low = function() return 0 end }, counted = {},
    index = { signers = function()
      counted = counted + 1
      return { ada = counted }, {}
    end }, class_of = function() return { class = { name = "share" } } end,
    meaning = { asks_dismissals = function() return false end },
    changes = function() return changes end, trust = trust.new {} }, { __index = require "dcache.reading" })
  local function ada() return cache:signers("share/files").ada end
  assert.same({ 1, 1 }, { ada(), ada() })
  changes = 2
  assert.same({ 2, 2 }, { ada(), ada() })
end)
