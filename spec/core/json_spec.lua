-- json_spec.lua - canonical JSON: vectors, and one spelling per meaning under seeded mutation.
local json = require "core.json"
local random = require "core.random"
local text = require "core.text"
local cjson = require "cjson"
local read = require "spec.vectors.read"

local letters = { "a", "b", "ä", "🦆", "\"", "\\", "#", "[", " ", "z" }

local function word(r)
  local parts = {}
  for i = 1, r:integer(4) do parts[i] = letters[r:integer(#letters) + 1] end
  return table.concat(parts)
end

local function value(r, depth)
  local kind = r:integer(depth < 7 and 9 or 6)
  if kind == 0 then return json.null end
  if kind == 1 then return r:integer(2) == 0 end
  if kind <= 3 then return (r:integer((1 << 53) + 1) >> r:integer(54)) * (r:integer(2) * 2 - 1) end
  if kind <= 5 then return word(r) end
  local t = {}
  if kind == 6 then
    for i = 1, r:integer(4) do t[i] = value(r, depth + 1) end
    return json.array(t)
  end
  for _ = 1, r:integer(4) do t[word(r)] = value(r, depth + 1) end
  return t
end

describe("canonical JSON", function()
  it("decides the vectors", function()
    for _, line in ipairs(read "json.txt") do
      local verdict, spelled = line:match "^(%a+) (.*)$"
      if verdict == "yes" then
        assert.is_true(json.check(spelled), line)
        assert.equal(spelled, json.encode(json.decode(spelled)), line)
      else
        local ok, message, refusal = json.check(spelled)
        assert.is_nil(ok, line)
        assert.truthy(message:find("^form: not canonical JSON: "))
        assert.equal("form", refusal)
        assert.is_nil((json.decode(spelled)), line)
      end
    end
  end)

  it("reads what it writes, as another reader does", function()
    local r = random.seeded(1)
    for _ = 1, 10000 do
      local v = value(r, 0)
      local spelled = json.encode(v)
      assert.same(v, json.decode(spelled))
      assert.equal(spelled, json.encode(json.decode(spelled)))
      if type(v) == "table" then assert.same(cjson.decode(spelled), json.decode(spelled)) end
    end
  end)

  it("has one spelling per meaning", function()
    local r, refused, taken = random.seeded(2), 0, 0
    local pieces = { "0", "1", "-", "\"", "\\", ",", ":", "[", "]", "{", "}", " ", "a", "\n", ".", "e" }
    for _ = 1, 20000 do
      local spelled = json.encode(value(r, 3))
      local at, kind = r:integer(#spelled + 1), r:integer(3)
      local changed = spelled:sub(1, at) .. (kind == 0 and "" or pieces[r:integer(#pieces) + 1])
        .. spelled:sub(at + (kind == 1 and 1 or 2))
      local ok = json.check(changed)
      assert.equal(ok == true, json.decode(changed) ~= nil or changed == "null")
      if ok then
        taken = taken + 1
        assert.equal(changed, json.encode(json.decode(changed)))
      else
        refused = refused + 1
      end
    end
    assert.truthy(refused > 5000 and taken > 1000)
  end)

  it("keeps arrays and objects apart, empty too", function()
    assert.equal("[]", json.encode(json.array {}))
    assert.equal("{}", json.encode {})
    assert.equal("[[],{}]", json.encode(json.decode "[[],{}]"))
    assert.is_true(json.is_array(json.decode "[]"))
    assert.is_false(json.is_array(json.decode "{}"))
    assert.is_false(json.is_array(1))
    assert.equal("[1,2]", json.encode { 1, 2 })
  end)

  it("keeps integers, floats that are integers, null and false", function()
    assert.equal("integer", math.type(json.decode "5"))
    assert.equal("3", json.encode(3.0))
    assert.equal("0", json.encode(-0.0))
    assert.equal(json.null, json.decode "null")
    assert.is_false(json.decode "false")
    assert.equal('{"a":null}', json.encode { a = json.null })
  end)

  it("throws on what DATA cannot hold", function()
    local circle = {}
    circle[1] = circle
    local nine = 1
    for _ = 1, 9 do nine = { nine } end
    for name, bad in pairs {
      float = 1.5, infinite = 1 / 0, big = (1 << 53) + 1, small = -(1 << 53) - 1, code = print,
      circle = circle, deep = nine, mixed = { 1, a = 2 }, holes = { 1, nil, 3 },
      keys = { [true] = 1 }, zero = { [0] = 1 },
      marked = json.array { a = 1 },
    } do
      assert.has_error(function() json.encode(bad) end, nil, name)
    end
    assert.has_error(function() json.encode() end)
    assert.has_error(function() json.encode { nil, nil, 1, [7] = 1, [9] = 1 } end)
  end)

  it("refuses strings of the world that DATA cannot hold", function()
    for _, bad in ipairs { "a\nb", "\27", "\xFF", "\u{202E}", "\u{2028}", "\u{9B}", "\0" } do
      local got, message, refusal = json.encode { a = { bad } }
      assert.is_nil(got)
      assert.equal("form: a string is not UTF-8 without controls", message)
      assert.equal("form", refusal)
      assert.is_nil((json.encode { [bad] = 1 }))
      assert.is_nil((json.decode('"' .. bad .. '"')))
    end
  end)

  it("takes a large text, and depth without a large stack", function()
    local t = {}
    for i = 1, 20000 do t[i] = { id = i, name = ("n"):rep(20) } end
    local spelled = json.encode(t)
    assert.same(t[20000], json.decode(spelled)[20000])
    assert.is_nil((json.check(("["):rep(1000000))))
  end)

  it("sorts by bytes, never by chance", function()
    local t = {}
    for i = 0, 255 do t[("%c%s"):format(i % 26 + 97, text.hex(string.char(i)))] = i end
    local keys = {}
    for key in json.encode(t):gmatch '"([^"]+)":' do keys[#keys + 1] = key end
    for i = 2, #keys do assert.truthy(keys[i - 1] < keys[i]) end
    assert.equal(256, #keys)
  end)
end)
