-- find_files_spec.lua - the answer to `find`: which files, in which order, a page at a time; and its schema.
local asked = require "spec.clients.asked"
local cid = require "core.cid"
local fake = require "spec.clients.fake_node"
local hash = require "core.hash"
local validate = require "spec.schema.validate"

describe("find", function()
  local here, find
  local function key(i) return cid.make("raw", hash.sha256("file " .. i)) end

  -- N files, of which the last was said last.
  local function node_of(n)
    local records = {}
    here = {}
    for i = 1, n do
      records[i] = fake.file(key(i), fake.DONALD, ("Run-%03d.bag"):format(i), 1000 + i, (n - i) * 1000)
    end
    local node = fake.node { records = records }
    function node.content.serves(_, one) return here[one] or false end
    local answer = asked.of(node)
    find = function(request)
      request.command = "find"
      return answer(request)
    end
  end

  local function names(answer)
    local list = {}
    for i, row in ipairs(answer.files) do list[i] = row.names[1] end
    return list
  end

  it("has the newest first, a hundred at a time, each once", function()
    node_of(250)
    local list, after, pages = {}, nil, 0
    repeat
      local answer = find { after = after }
      assert.is_true(#answer.files <= 100)
      for _, name in ipairs(names(answer)) do list[#list + 1] = name end
      after, pages = answer.more, pages + 1
      assert.same({ 250, 250 }, { answer.found, answer.total })
    until not after
    assert.same({ 3, 250, "Run-250.bag", "Run-001.bag" }, { pages, #list, list[1], list[250] })
    for i = 2, 250 do assert.is_true(list[i] < list[i - 1]) end
  end)

  it("has those whose names hold a text, in large letters or small", function()
    node_of(30)
    assert.same({ "Run-012.bag" }, names(find { text = "RUN-012" }))
    assert.equal(30, find({ text = ".b" }).found)
    assert.equal(30, find({ text = "" }).found)
    assert.same({ 0, 30 }, { find({ text = "%." }).found, find({ text = "x" }).total })
  end)

  it("has nothing that is held for updates alone: it is nobody's log", function()
    local records = { fake.file(key(1), fake.DONALD, "run.bag", 10, 0),
      fake.safe(key(1), fake.SERVER, fake.DONALD, "run.bag", 10),
      fake.safe(key(2), fake.SERVER, fake.SERVER, "updates/demos-42", 20) }
    local answer = asked.of(fake.node { records = records }) { command = "find" }
    assert.same({ "run.bag" }, names(answer))
    assert.equal(1, answer.total)
  end)

  it("says which of them are here", function()
    node_of(3)
    here[key(2)] = true
    local rows = find({}).files
    assert.same({ nil, true, nil }, { rows[1].here, rows[2].here, rows[3].here })
  end)

  it("fits its schema", function()
    node_of(101)
    local answer = find {}
    answer.schema, answer.command = 1, "find"
    assert.same({}, validate.faults("files.json", answer))
    answer.files[7].size = -1
    assert.equal(1, #validate.faults("files.json", answer))
  end)

  it("refuses what is no text, and to go on behind what is not listed", function()
    node_of(3)
    for _, case in ipairs { { "form", { text = 5 } }, { "form", { text = ("x"):rep(257) } },
      { "missing", { after = "x" } },
      { "missing", { after = 7 } }, { "missing", { after = key(1), text = "Run-002" } } } do
      local answer, text, code = find(case[2])
      assert.same({ nil, case[1], 1 }, { answer, code, (text:find(case[1], 1, true)) })
    end
  end)
end)
