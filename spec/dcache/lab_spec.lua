-- The lab file: what it says, every fault of it with its line, and the classes of a lab.
require "spec.helper"
local hash = require "core.hash"
local lab = require "dcache.lab"
local labs = require "spec.labs"
local record = require "core.record"
local text = require "core.text"

local function refused(content, code, ...)
  local found, err, word = lab.read(content)
  assert.is_nil(found)
  assert.equal(code, word)
  assert.equal(code .. ": ", err:sub(1, #code + 2))
  for _, part in ipairs { ... } do
    assert.truthy(err:find(part, 1, true), ("%q says nothing of %q"):format(err, part))
  end
end

describe("lab", function()
  it("is named by its root keys alone, in whichever order they stand", function()
    local ids = {}
    for i = 1, 3 do ids[i] = labs.key("root " .. i):id() end
    local root = lab.root { ids[3], ids[1], ids[2] }
    table.sort(ids)
    assert.same({ keys = ids, need = 2, number = 1 }, root)
    local data = ('{"keys":["%s"],"need":2,"number":1}'):format(table.concat(ids, '","'))
    assert.equal(text.base64url(hash.blake2b("dt-swarm/1 lab\n" .. data):sub(1, 16)), lab.id(root))
    assert.equal(22, #lab.id(root))
    assert.not_equal(lab.id(root), lab.id(lab.root { ids[1], ids[2] }))
    for keys, need in pairs { [1] = 1, [2] = 2, [3] = 2, [4] = 3, [7] = 4 } do
      local list = {}
      for i = 1, keys do list[i] = labs.key("root " .. i):id() end
      assert.equal(need, lab.root(list).need)
    end
  end)

  it("comes back from its file as it was written", function()
    for _, count in ipairs { 1, 2, 7 } do
      local one = labs.new({ name = "robotics", roots = count }).lab
      local found = assert(lab.read(lab.write(one)))
      one.root.keys = table.move(one.root.keys, 1, count, 1, {}) -- without the mark of an array of JSON
      assert.same(one, found)
      assert.equal("robotics:" .. one.lab, found.swarm)
      assert.equal(lab.write(one), lab.write(found))
    end
    assert.same({}, assert(lab.read("dt-swarm lab 1\nswarm x\nroot " .. labs.key("root"):id() .. "\n")).lines)
  end)

  it("says of every cut what is missing, and takes none", function()
    local whole = labs.new({ name = "robotics" }).text
    for size = 0, #whole - 1 do
      local found, err, code = lab.read(whole:sub(1, size))
      -- Where the token goes, too, less than the whole is a lab file: it lets nobody in.
      if found then
        assert.is_nil(found.token)
        assert.same({}, found.lines)
      else
        assert.truthy(err:find("^" .. code .. ": "))
      end
    end
    refused("", "form", "empty")
    refused(whole:sub(1, -2), "form", "line 5", "was cut")
    refused(whole:match "^(.*\n)[^\n]*\n$", "form", "nobody signed for token images")
  end)

  it("names the line and what is wrong with it", function()
    local made = labs.new { name = "robotics" }
    local one, whole = made.lab, made.text
    local function with(old, new)
      local at, last = whole:find(old, 1, true)
      return whole:sub(1, at - 1) .. new .. whole:sub(last + 1)
    end
    refused((whole:gsub("\n", "\r\n")), "form", "line 1", "carriage return")
    refused(with(one.token.seed, one.token.seed .. "\r"), "form", "line 4", "carriage return")
    refused(with("dt-swarm lab 1", "dt-swarm lab 2"), "version", "line 1", "update")
    refused(with("dt-swarm lab 1", "robotics"), "form", "line 1", "no lab file")
    refused(with("swarm robotics", "swarm rob otics"), "form", "line 2", "names no lab")
    refused(with("swarm robotics", "swarm robotics\nswarm other"), "form", "line 3", "second swarm")
    refused(with("swarm robotics\n", ""), "form", "no line `swarm NAME`")
    refused(with("root " .. one.root.keys[1] .. "\n", ""), "form", "no line `root", "nobody vouches")
    refused(with(one.root.keys[1], "12D3KooWx"), "form", "line 3", "no peer ID")
    refused(with("root ", ("root %s "):format(one.root.keys[1])), "form", "line 3", "twice")
    refused(with("root ", ("root %s\nroot "):format(labs.key("other"):id())), "form", "line 4",
      "second line of root keys")
    refused(with("token images", "token ../images"), "form", "line 4", "name is")
    refused(with(one.token.seed, one.token.seed:sub(1, -2)), "form", "line 4", "not whole")
    local token = ("token images %s\n"):format(one.token.seed)
    refused(with(token, token .. token), "form", "line 5", "second token")
    refused(whole .. token, "form", "line 6", "statements, which come last")
    refused(whole .. "friend me\n", "form", "line 6", "says nothing")
    refused(whole .. "\n", "form", "line 6", "says nothing")
    refused(whole .. ("x"):rep(lab.BYTES_MAX) .. "\n", "long")
    refused(with('"most":100', '"most":101'), "signature", "line 5", "changed since")
    refused(with("swarm robotics", "swarm other"), "signature", "line 5", "not signed in this lab")
    local about_files = made:line(made.root, { bucket = "share/files", key = "x", data = {} })
    refused(whole .. about_files .. "\n", "form", "line 6", "no statement about trust")
    local eight = {}
    for i = 1, 8 do eight[i] = labs.key("root " .. i):id() end
    refused(with(one.root.keys[1], table.concat(eight, " ")), "form", "line 3", "more than 7")
  end)

  it("is no other lab by any byte that is spoiled", function()
    local made, kept = labs.new { name = "robotics", roots = 2 }, 0
    for at = 1, #made.text do
      local spoiled = made.text:sub(1, at - 1) .. string.char(made.text:byte(at) ~ 1) .. made.text:sub(at + 1)
      local found, err, code = lab.read(spoiled)
      if found then -- the token's name alone is signed by nobody
        kept = kept + 1
        assert.same({ made.swarm, made.token_id, made.lines }, { found.swarm, found.token.id, found.lines })
      else
        assert.truthy(require "core".words[code], err)
      end
    end
    assert.is_true(kept <= #"images")
  end)

  it("has at most sixteen statements", function()
    local made = labs.new { name = "robotics" }
    local one = made.lab
    local function add(i) one.lines[i] = made:grant(made.root, labs.key("ada " .. i):id(), "member") end
    for i = 2, 16 do add(i) end
    assert.equal(16, #assert(lab.read(lab.write(one))).lines)
    add(17)
    refused(lab.write(one), "form", "line 21", "at most 16")
  end)

  it("takes no token that somebody else's statement is for", function()
    local made = labs.new { name = "robotics" }
    local one = made.lab
    one.lines[1] = made:line(made.root, { bucket = "trust/tokens", key = labs.key("other"):id(),
      data = { most = 100, name = "images" } })
    refused(lab.write(one), "form", "nobody signed for token images")
  end)

  it("has classes of its own laws, and one more for its root", function()
    local policy = assert(require("policy").load("policies/duckiebot.lua", { shipped = "policies" }))
    local open, own = policy:classes(), lab.classes(policy:classes())
    assert.equal(#open + 1, #own)
    local open_index, own_index = record.new(open), record.new(own)
    for _, class in ipairs(open) do
      assert.not_equal(open_index:law(class.name), own_index:law(class.name))
      assert.is_nil(class.admitted) -- the policy's own table is as it was
    end
    assert.equal("root", (own_index:class "trust/root"))
    assert.equal("trust", (own_index:class "trust/grants"))
    assert.equal("trust", (open_index:class "trust/root"))
    for i = 2, #own do assert.truthy(own[i - 1].name < own[i].name) end
    -- A policy that has a class of that name, or says where trust/root belongs, does not change a lab's law.
    open[1].buckets[#open[1].buckets + 1] = "trust/root"
    table.insert(open, { name = "root", max_ttl = 16, size = 10, slots = 1, buckets = { "mine" } })
    assert.equal(own_index:law "root", record.new(lab.classes(open)):law "root")
  end)
end)
