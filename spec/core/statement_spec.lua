-- statement_spec.lua - statements: strict reading, signing, limits, owners; against vectors and a
-- second implementation in plain Lua.
local key, statement, random = require "core.key", require "core.statement", require "core.random"
local second = require "spec.second.statement"
local read = require "spec.vectors.read"

local k = key.generate(("k"):rep(32))
local other = key.generate(("o"):rep(32))
local id = k:id()

local function fields(changes)
  local f = { verb = "propose", bucket = "share/files", key = "bafkfile", valid_from = 1600,
    valid_until = 3200, at = 1600123, data = '{"size":1}' }
  for name, value in pairs(changes or {}) do f[name] = value end
  return f
end

local function sign(changes) return assert(statement.sign(k, "lab", fields(changes))) end

local function word(line) return (select(3, statement.parse(line))) end

describe("core.statement", function()
  it("signs, reads and verifies", function()
    local st = sign()
    local again = assert(statement.parse(st.line))
    for _, name in ipairs { "verb", "bucket", "key", "at", "valid_from", "valid_until", "signer", "data",
      "id", "short", "line", "size", "text", "public" } do
      assert.are.equal(st[name], again[name])
    end
    assert.are.equal(st.id:sub(1, 16), st.short)
    assert.are.equal(#st.line, st.size)
    assert.are.equal(id, st.signer)
    assert.is_nil(st.nothing)
    assert.is_true(again:verify "lab")
    assert.are.equal("signature", (select(3, again:verify "lab2")))
    assert.are.equal("form", (select(3, again:verify "l ab")))
  end)

  it("spells the signer's own key '-' and gives it in full", function()
    local st = sign { bucket = "peer", key = id }
    assert.is_truthy(st.text:find("propose peer - 1600 3200 1600123 " .. id, 1, true))
    assert.are.equal(id, st.key)
    assert.are.equal("form", word((st.line:gsub(" %- ", " " .. id .. " "))))
  end)

  it("gives the answer of each vector", function()
    for _, row in ipairs(read "statements.txt") do
      local answer, line = row:match "^(%S+) (.*)$"
      line = line:gsub("\\x(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
      local st, _, refused = statement.parse(line)
      if not st then
        assert.are.equal(answer, refused, line)
      else
        local ok, _, bad = st:verify "vectors"
        assert.are.equal(answer, ok and "ok" or bad, line)
      end
    end
  end)

  it("has limits of 1,024 bytes, 160 and 160", function()
    local room = 1024 - sign({ data = '""' }).size
    assert.are.equal(1024, sign({ data = '"' .. ("x"):rep(room) .. '"' }).size)
    local st, _, refused = statement.sign(k, "lab", fields { data = '"' .. ("x"):rep(room + 1) .. '"' })
    assert.is_nil(st)
    assert.are.equal("long", refused)
    assert.are.equal("long", word(("x"):rep(1025)))
    assert.are.equal(160, #sign({ bucket = ("b"):rep(160) }).bucket)
    assert.are.equal(160, #sign({ key = ("b"):rep(160) }).key)
    local line = sign({ bucket = ("b"):rep(160) }).line
    assert.are.equal("long", word((line:gsub(" b", " bb", 1))))
  end)

  it("throws where a caller gives no statement", function()
    for _, bad in ipairs { { verb = "say" }, { bucket = "" }, { bucket = "/a" }, { key = "a b" },
      { key = ".." }, { at = -1 }, { valid_from = 1601 }, { valid_until = 1584 }, { data = "{ }" },
      { data = "1.5" }, { verb = "dismiss", data = "1" }, { bucket = "pri/" .. other:id() .. "/health" },
      { bucket = "peer", key = other:id() }, { data = false } } do
      assert.has_error(function() statement.sign(k, "lab", fields(bad)) end)
    end
    assert.has_error(function() statement.sign(k, "l ab", fields()) end)
  end)

  it("lets only the owner write pri/ID, and speak as peer", function()
    local own = "pri/" .. id
    assert.are.equal(own .. "/health", sign({ bucket = own .. "/health", key = id }).bucket)
    local line = sign({ bucket = own .. "/health", key = id }).line
    assert.are.equal("owner", word((line:gsub("pri/" .. id, "pri/" .. other:id()))))
    assert.are.equal("owner", word((line:gsub("pri/" .. id, "pri/" .. id .. "x"))))
    assert.are.equal("owner", word((line:gsub("pri/%w+/health", "pri"))))
    assert.are.equal("owner", word((line:gsub("pri/%w+/health", "pri/x"))))
    assert.is_nil(word((line:gsub("pri/%w+/health", "pride/x"))))
    local about = sign { verb = "dismiss", data = "null", bucket = "peer", key = other:id() }
    assert.are.equal(other:id(), about.key)
  end)

  it("agrees with the second implementation on 10,000 lines, whole and damaged", function()
    local r = random.seeded(3)
    local function pick(list) return list[r:integer(#list) + 1] end
    local lines, taken, refused = {}, 0, 0
    for n = 1, 40 do
      local bucket = pick { "share/files", "peer", "pri/" .. id .. "/health", "trust/a/b", "x" }
      lines[n] = sign {
        bucket = bucket, key = bucket == "peer" and id or pick { id, "a", "v1/41" },
        data = pick { "{}", "null", '{"a":[1,-2,"é"]}', "[]" }, at = r:integer(10 ^ 12 // 1),
        valid_from = r:integer(1000) * 16, valid_until = 16000 + r:integer(1000) * 16,
      }.line
      if n % 4 == 0 then
        lines[n] = sign { verb = "dismiss", data = pick { "null", '"' .. ("A"):rep(43) .. '"' } }.line
      end
    end
    local alphabet = { " ", "-", "/", ".", "0", "1", "6", "A", "z", "_", '"', "{", "}", "\0", "\n", "\255",
      "é", "" }
    for case = 1, 10000 do
      local line = pick(lines)
      if case % 20 > 0 then
        local at, cut = r:integer(#line) + 1, pick { 0, 1, 1, 1, 2 }
        line = line:sub(1, at - 1) .. pick(alphabet) .. line:sub(at + cut)
      end
      local mine, _, mine_word = statement.parse(line)
      local theirs, theirs_word = second.parse(line)
      assert.are.equal(theirs_word, mine_word, line)
      if mine then
        taken = taken + 1
        for name, value in pairs(theirs) do assert.are.equal(value, mine[name], name .. " of " .. line) end
        local verified = mine:verify "lab"
        assert.are.equal(second.verify(theirs, "lab"), verified)
        assert.are.equal(line, second.line(theirs))
      else
        refused = refused + 1
      end
    end
    assert.is_true(taken > 500 and refused > 500, taken .. " taken, " .. refused .. " refused")
  end)
end)
