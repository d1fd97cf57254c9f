-- why_spec.lua - rows of why: whoever knows registers, and one printer shows them.
local cures = require "cures"
local logs_why = require "clients.logs.why"
local print_why = require "cli.why"
local show = require "cli.show"
local why = require "why"

describe("why", function()
  it("knows what each code of the closed list and each errno means, and nothing of others", function()
    local one = why.new()
    for word in pairs(require "core".words) do
      local rows = one:of { code = word }
      assert.same({ { code = word, what = cures.of(word).means, cure = cures.of(word).cure } }, rows)
    end
    assert.equal("ENOSPC", one:of({ code = "ENOSPC" })[1].code)
    assert.same({}, one:of { code = "no such code" })
    assert.same({}, one:of { file = "quota" })
  end)

  it("asks all who registered, in their order, until they go; a row has four members at most", function()
    local one = why.new()
    local remove = one:add(function(thing) return thing.file == "a" and { { code = "link", what = "a", more = 7 } } end)
    local two = { { code = "quota", what = "a", seen = "it", cure = "own" }, { what = "b" } }
    one:add(function(thing) return thing.file and two end)
    local first = { code = "link", what = "a", cure = cures.of("link").cure }
    assert.same({ first, two[1], two[2] }, one:of { file = "a" })
    remove()
    assert.equal(2, #one:of { file = "a" })
    one:add(function() local list = {} for i = 1, 1000 do list[i] = { what = "x" } end return list end)
    assert.equal(64, #one:of { file = "a" })
  end)

  it("is told of own files that are not shared, and of others' that are not here", function()
    local files = { { name = "d/a.bag", state = "growing" }, { name = "b", state = "published", cid = "bafy" },
      { name = "c", state = "refused", word = "link", reason = "link: it leads out", cure = "Put it there." } }
    assert.same({ { what = "d/a.bag is in this node's own folder, still growing: it can be had once it is finished" } },
      logs_why.shared(files, "a.bag"))
    assert.same({}, logs_why.shared(files, "b"))
    local row = logs_why.shared(files, "c")[1]
    assert.same({ "link", "link: it leads out", "Put it there." }, { row.code, row.seen, row.cure })
    local waiting = { { cid = "bafyx", name = "x/run.bag", word = "missing", reason = "nobody who has it is here" } }
    local function declined(cid) return cid == "bafyy" and "the disk is full" or nil end
    assert.same({ { code = "missing", what = "x/run.bag was not fetched yet", seen = "nobody who has it is here" } },
      logs_why.fetched(waiting, declined, "run.bag"))
    assert.equal("the disk is full", logs_why.fetched(waiting, declined, "bafyy")[1].seen)
    assert.same({}, logs_why.fetched(waiting, declined, "other"))
  end)

  it("is printed by itself or in one line, with nothing that was not known, and nothing unprintable", function()
    local function printed(form, row, code)
      local parts = {}
      local s = show.new { escape = require("core.text").escape, write = function(t) parts[#parts + 1] = t end,
        host = "lab" }
      print_why[form](row, s, code)
      return table.concat(parts)
    end
    assert.equal("link: " .. require "core".words.link .. "\nIt is one.\nSeen: a\nWhat to do: dt-swarm-cli lab files "
      .. "list\n", printed("show", { code = "link", what = "It is one.", seen = "a",
      cure = "dt-swarm-cli HOST files list" }))
    assert.equal("sign\nx\n", printed("show", { what = "x" }, "sign"))
    assert.equal("State folder: full. Do it.\n",
      printed("line", { what = "State folder", seen = "full", cure = "Do it." }))
    assert.equal("It waits…\n", printed("line", { seen = "It waits…" }))
    assert.is_nil(printed("line", { what = "\27[2J", seen = "\27" }):find "\27")
  end)
end)
