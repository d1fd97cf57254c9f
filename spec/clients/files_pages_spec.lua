-- files_pages_spec.lua - the list of files comes in pages of a thousand: each file once, whatever comes or goes.
local files = require "clients.control.files"
local files_of_cli = require "cli.files"
local show = require "cli.show"
local text = require "core.text"

local ROWS <const> = 1000

describe("the list of files", function()
  local own, held, node

  -- Those of LIST behind AFTER, by their field NAME.
  local function each(list, name)
    return function(_, after)
      local i = 0
      return function()
        repeat i = i + 1 until not list[i] or not after or list[i][name] > after
        return list[i]
      end
    end
  end

  before_each(function()
    own, held = {}, {}
    node = { share = "/s", who = function(id) return { id = id, label = id } end, logs = {},
      time = { now = function() return 5000 end },
      content = { each_stored = function(...) return each(held, "cid")(...) end, fetching = function() return {} end } }
    function node.logs.each_file(_) return each(own, "name")() end
  end)

  local function fill(n_own, n_held)
    for i = 1, n_own do own[i] = { name = ("f%05d"):format(i), size = 1, state = "published", cid = "c" .. i } end
    for i = 1, n_held do held[i] = { cid = ("b%05d"):format(i), name = "x", size = 1, path = "/p", checked = 3000 } end
  end

  -- All pages → how many rows each has, all names in order
  local function pages(meanwhile)
    local list, names, after = files.new(node), {}, nil
    local sizes = {}
    repeat
      local page = assert(list:list { after = after })
      sizes[#sizes + 1] = #page.files + #page.held
      for _, file in ipairs(page.files) do names[#names + 1] = file.name end
      for _, file in ipairs(page.held) do names[#names + 1] = file.cid end
      after = page.more
      if meanwhile then meanwhile(#sizes) end
    until not after
    return sizes, names
  end

  it("has each file once, in pages of a thousand", function()
    for _, case in ipairs { { 0, 0, { 0 } }, { 3, 2, { 5 } }, { ROWS, 0, { ROWS } }, { ROWS, 1, { ROWS, 1 } },
      { ROWS - 1, 1, { ROWS } }, { 0, 2 * ROWS + 1, { ROWS, ROWS, 1 } }, { 1500, 1500, { ROWS, ROWS, ROWS } } } do
      own, held = {}, {}
      fill(case[1], case[2])
      local sizes, names = pages()
      assert.same(case[3], sizes)
      assert.equal(case[1] + case[2], #names)
      for i = 1, case[1] do assert.equal(own[i].name, names[i]) end
      for i = 1, case[2] do assert.equal(held[i].cid, names[case[1] + i]) end
    end
  end)

  it("misses none that stays while others go", function()
    fill(1500, 1500)
    local _, names = pages(function(n)
      if n == 1 then for _ = 1, 700 do table.remove(own, 1) end end
    end)
    local seen = {}
    for _, name in ipairs(names) do
      assert.is_nil(seen[name], name)
      seen[name] = true
    end
    for _, file in ipairs(own) do assert.is_true(seen[file.name], file.name) end
    for _, file in ipairs(held) do assert.is_true(seen[file.cid], file.cid) end
  end)

  it("tells the rest with the first page alone, and refuses what no page said", function()
    fill(1200, 0)
    local list = files.new(node)
    local first = list:list {}
    assert.same({ true, nil }, { first.fetching ~= nil, first.after })
    local second = list:list { after = first.more }
    assert.same({ nil, first.more }, { second.fetching, second.after })
    for _, wrong in ipairs { "", "x", "own", "held ", 7, {} } do
      assert.equal("form", select(3, list:list { after = wrong }))
    end
    assert.equal(2000, (function()
      fill(0, 1)
      return list:list({ after = "own f99999" }).held[1].checked_ms
    end)())
  end)

  it("says at its end what to type for the next one", function()
    fill(1200, 0)
    local function said(request)
      local out = {}
      local s = show.new { width = 100, terminal = false, escape = text.escape,
        write = function(line) out[#out + 1] = line end }
      s.host = "localhost"
      files_of_cli.show(files.new(node):list(request), s)
      return table.concat(out)
    end
    local page = said {}
    assert.matches("These are 1000 of them, the next: files list --after 'own f01000'.", page, 1, true)
    assert.matches("These are 200 of them, the last.", said { after = "own f01000" }, 1, true)
  end)
end)
