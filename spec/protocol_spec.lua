-- protocol_spec.lua - the protocol page says what the core does: words, limits, files. No behaviour.
local second_classes = require "spec.second.classes"
local abnf = require "spec.second.abnf"
local core = require "core"
local policy = require "policy"
local record = require "core.record"
local second = require "spec.second.record"
local text = require "core.text"

local function content(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

local page = content "spec/PROTOCOL.md"

-- The grammars of the page, in order: each { rules =, look(name) → node, or nil where no rule is so named }.
local function grammars()
  local list = {}
  for block in page:gmatch "\n```abnf\n(.-)\n```" do
    local one, before = { rules = abnf.parse(block) }, list[#list]
    function one.look(name)
      return one.rules[name] or before and before.look(name) or abnf.core[name]
    end
    list[#list + 1] = one
  end
  return list
end

-- The grammar that has rule NAME.
local function grammar_of(name)
  for _, one in ipairs(grammars()) do if one.rules[name] then return one end end
end

local function rows(title) return second_classes.rows(page, title) end

local function section(name) return assert(page:match("\n## " .. name .. "\n(.-)\n## ")) end

-- Constants of lua/comms and lua/routing that are no limit of what is kept: forms of numbers, and shares of a rate.
local FORM = {
  ["comms/messages.lua PORT_MAX"] = true, ["comms/messages.lua COUNT_MAX"] = true,
  ["comms/beacon.lua SAME_MAX"] = true, ["comms/beacon.lua ALL_MAX"] = true,
  ["routing/channels/lines.lua STATEMENT_MAX"] = true, -- the page's first limit
}

describe("the protocol page", function()
  it("lists every refusal word with its meaning, and no other", function()
    local listed = {}
    for word, meaning in section("Refusal words"):gmatch "\n| `([^`]+)` | ([^\n]-) |" do
      assert.is_nil(listed[word])
      listed[word] = meaning
    end
    assert.same(core.words, listed)
  end)

  it("gives the limits that are compiled in", function()
    local header, limits = content "core/core.h", section "Limits"
    local names = { "STATEMENT_MAX", "DATAGRAM_MAX", "LINE_MAX", "ADDRESS_MAX", "BUCKET_MAX", "JSON_DEPTH" }
    for _, name in ipairs(names) do
      local value = assert(header:match("#define CORE_" .. name .. "%s+(%d+)"), name)
      local shown = #value > 3 and value:sub(1, -4) .. "," .. value:sub(-3) or value
      assert.truthy(limits:find("%f[%d]" .. shown .. "%f[^%d]"), name)
    end
  end)

  -- The value of the constant NAME in lua/FILE, as `local A, NAME = 1, 2` at the left margin gives it, or in core/FILE
  -- where that is a header | nil.
  local function constant(file, name)
    local defined = file:find "%.h$" and content("core/" .. file):match("\n#define " .. name .. " +([^\n]-) *%f[/\n]")
    if defined then return load("return " .. defined)() end
    for names, values in ("\n" .. content("lua/" .. file)):gmatch "\nlocal ([%u_%d, <>%l]-) = ([^\n]*)" do
      local at = 0
      for each in names:gsub(" <const>", ""):gmatch "[^, ]+" do
        at = at + 1
        if each == name then return (select(at, load("return " .. values)())) end
      end
    end
  end

  it("gives the limits of what is kept and of what waits as the code has them", function()
    local listed, count = {}, 0
    for most, file, name in section("Limits"):gmatch "\n|[^|\n]+| ([%d,]+) |[^|\n]+| `([^`]+)` `([^`]+)` |" do
      assert.equal((most:gsub(",", "")), tostring(constant(file, name)), file .. " " .. name)
      listed[file .. " " .. name], count = true, count + 1
    end
    assert.is_true(count >= 35, count)
    for file in io.popen "git ls-files lua/comms lua/routing":lines() do
      for names in content(file):gmatch "\nlocal ([%u_%d, ]-_MAX[%u_%d, ]*) = " do
        for name in names:gmatch "[%u_%d]+_MAX" do
          local what = file:sub(5) .. " " .. name
          assert.is_true(listed[what] or FORM[what] ~= nil, "not on the page: " .. what)
        end
      end
    end
  end)

  it("names vector files that are there", function()
    local count = 0
    for name in page:gmatch "`(vectors/[^`]+)`" do
      assert(io.open("spec/" .. name)):close()
      count = count + 1
    end
    assert.truthy(count >= 6)
  end)

  it("has real ABNF, each rule once in its block, and none that is not there", function()
    local all = grammars()
    assert.is_true(#all >= 9)
    for _, one in ipairs(all) do
      for name, node in pairs(one.rules) do
        abnf.asked(node, function(asked) assert.truthy(one.look(asked), name .. " asks for " .. asked) end)
      end
    end
    for bad, why in pairs { ["a = b / "] = "an element expected", ["a = %xG"] = "digits expected",
      ["a = 2( b"] = "expected", ["a = b\na = c"] = "stands twice", ["1*256( a ) b"] = "no rule" } do
      local ok, message = pcall(abnf.parse, bad)
      assert.is_false(ok, bad)
      assert.truthy(message:find(why, 1, true), message)
    end
  end)

  it("gives grammars that the messages in the vectors follow, and those of other form do not", function()
    local look = grammar_of("beacon").look
    local function of_page(line)
      if not abnf.fits(look, "envelope", line) then return false end
      local kind, rest = line:match "^%S+ %S+ %S+ (%l+) ?(.*)$"
      return kind ~= "statements" and abnf.fits(look, kind, rest)
    end
    local count = 0
    for _, vector in ipairs(require "spec.vectors.read" "messages.txt") do
      local word, why, line = vector:match "^(%l+) (%S+) (.*)$"
      if word == "ok" or word == "signature" then assert.is_true(of_page(line), line) end
      if why == "grammar" then assert.is_false(of_page(line), line) end
      count = count + (why == "grammar" and 1 or 0)
    end
    assert.is_true(count >= 10)
  end)

  it("gives the classes and buckets of the shipped policies, and their laws", function()
    for _, name in ipairs { "duckiebot", "server", "lab" } do
      local p = assert(policy.load("policies/" .. name .. ".lua", { shipped = "policies" }))
      local classes, laws, by_class = p:classes(), rows "class | max_ttl", {}
      local index = record.new(classes)
      assert.equal(#classes, #laws)
      for _, row in ipairs(rows "bucket | class") do
        local rule = p:get "dcache.buckets"[row[1]]
        assert.same({ row[2], row[3], row[4] }, { rule.class, rule.propose, rule.dismiss }, row[1])
        by_class[row[2]] = by_class[row[2]] or {}
        table.insert(by_class[row[2]], row[1])
      end
      for i, class in ipairs(classes) do
        local law = text.base64url(index:law(class.name))
        assert.same({ class.name, tostring(class.max_ttl), tostring(class.size), tostring(class.slots),
          class.kept and "kept" or "soft", class.scope, law }, laws[i])
        table.sort(by_class[class.name])
        assert.same(class.buckets, by_class[class.name])
        assert.equal(law, text.base64url(second.law(class)))
      end
      p:close()
    end
  end)

  it("gives the laws of a lab's classes", function()
    local p = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" }))
    local classes, laws = require "dcache.lab".classes(p:classes()), rows "class in a lab"
    local index = record.new(classes)
    assert.equal(#classes, #laws)
    for i, class in ipairs(classes) do
      local law = text.base64url(index:law(class.name))
      assert.same({ class.name, law }, laws[i])
      assert.equal(law, text.base64url(second.law(class)))
    end
    p:close()
  end)

  it("gives the form of a lab file", function()
    local whole = require "spec.labs".new { name = "robotics", roots = 3 }.text
    local head = whole:match "^(.-\ntoken [^\n]*\n)" -- characters of DATA are prose, which cannot be tried
    local look = grammar_of("lab-file").look
    assert.is_true(abnf.fits(look, "lab-file", head))
    for _, change in ipairs { { "swarm ", "swarm  " }, { "lab 1", "lab 2" }, { "token images ", "token " },
      { "root ", "root\n" } } do
      assert.is_false(abnf.fits(look, "lab-file", (head:gsub(change[1], change[2]))))
      assert.is_nil((require "dcache.lab".read((whole:gsub(change[1], change[2])))))
    end
    assert.is_false(abnf.fits(look, "lab-file", head:sub(1, -2)))
  end)

  it("names each command of the control socket once, and every member of its answer", function()
    local fake = require "spec.clients.fake_node"
    local asked = require "spec.clients.asked"
    local node = fake.node(fake.two())
    node.policy = assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
    node.reload.fixed, node.reload.files = {}, { defaults = function() return node.policy.from.settings end }
    function node.reload.try(_, _, done) done { policy = "p.lua", faults = {} } end
    local answer, listed = asked.of(node), {}
    for _, row in ipairs(rows "command | beside it") do
      local command, members = row[1], row[3]
      assert.is_nil(listed[command])
      listed[command] = true
      local got = answer { command = command, what = "run-12.bag", secret = true }
      for member in pairs(type(got) == "table" and got or {}) do
        local known = member == "schema" or member == "command" or members:find("%f[%w_]" .. member .. "%f[^%w_]")
        assert.truthy(known, command .. " answers " .. member)
      end
    end
    for name in pairs(asked.commands(fake.node()).by_name) do assert.truthy(listed[name], name) end
    for _, name in ipairs { "status", "discover", "summary", "report", "files", "sources", "folder", "identity" } do
      assert.truthy(listed[name], name)
    end
  end)

  it("shows the members of what several answers hold", function()
    local fake = require "spec.clients.fake_node"
    local answer, text_of = require "spec.clients.asked".of(fake.node(fake.two())), {}
    for _, row in ipairs(rows "in these") do text_of[row[1]] = row[2] end
    local status, discover = answer { command = "status" }, answer { command = "discover" }
    for what, members in pairs { node = status.node, time = status.time, classes = status.classes[1],
      same = status.same, nodes = discover.nodes[2] } do
      local known = what == "nodes" and text_of.nodes .. " " .. text_of["a node"] or text_of[what]
      for member in pairs(members) do
        assert.truthy(known:find("%f[%w_]" .. member .. "%f[^%w_]"), what .. " has " .. member)
      end
    end
  end)
end)
