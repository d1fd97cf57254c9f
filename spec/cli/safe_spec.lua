-- safe_spec.lua - what `report` and `files safe` print of stores, cards and what is on one node only. Asks no daemon.
local files_safe = require "cli.files_safe"
local report = require "cli.report"
local show = require "cli.show"
local text = require "core.text"

local ADA <const> = { id = "1", label = "ada" }
local LAB <const> = { id = "2", label = "lab", type = "server" }

-- What FN(show) prints.
local function said(fn)
  local out = {}
  local s = show.new { width = 100, terminal = false, escape = text.escape,
    write = function(line) out[#out + 1] = line end }
  s.host = "localhost"
  fn(s)
  return table.concat(out)
end

local function answer(more)
  local all = { files = {}, here = {}, here_sums = { waiting = 0, refused = 0 }, self = ADA, servers = 1, total = 1,
    bytes = 812000000, alone = { files = 0 }, gone = 0, others_off = 0, off = {}, stores = {}, unsafe = 0 }
  all.files[1] = { cid = "bafy", names = { "run.bag" }, named = { { name = "run.bag", from = ADA } }, size = 812000000,
    age_ms = 6000, copies = { ADA }, from = { ADA } }
  for name, value in pairs(more or {}) do all[name] = value end -- any order
  return all
end

local function store(more)
  local one = { node = LAB, bytes = 0, files = 0, free = 12000000000, take = true, doing = 0, waits = {},
    age_ms = 5000 }
  for name, value in pairs(more or {}) do one[name] = value end -- any order
  return one
end

describe("report", function()
  local function shown(more) return said(function(s) report.show(answer(more), s) end) end

  it("says what a store waits for, and where to ask what would change it; of one that is well nothing", function()
    assert.is_nil(shown { stores = { store() } }:find("lab", 1, true))
    local page = shown { stores = { store { waits = { { why = "the policy keeps 20 GB free", n = 1,
      bytes = 812000000 } } } } }
    assert.matches("lab: 12.0 GB free: the policy keeps 20 GB free (1 file, 812.0 MB).", page, 1, true)
    assert.matches("What would change it: asked at that node, dt-swarm-cli lab files why FILE.", page, 1, true)
    page = shown { stores = { store { take = false, free = 0, self = true,
      waits = { { why = "no room for them on the disk", n = 2, bytes = 5 } } } } }
    assert.matches("lab: 0 B free, takes no more: no room for them on the disk (2 files, 5 B).", page, 1, true)
    assert.matches("What would change it: dt-swarm-cli localhost files why FILE.", page, 1, true)
    local many = {}
    for i = 1, 11 do many[i] = store { take = false } end
    assert.matches("3 more stores wait or take no more.", shown { stores = many }, 1, true)
  end)

  it("says who fetches a file, what is on this node only, and when its card is full", function()
    local coming = answer()
    coming.files[1].coming = { { node = LAB, percent = 41, rate = 12000000 } }
    assert.matches("1: ada, lab 41 %, 12 MB/s", said(function(s) report.show(coming, s) end), 1, true)
    assert.matches("Not yet safe to switch off ada: 2 files only there", shown { unsafe = 2 }, 1, true)
    assert.is_nil(shown { unsafe = 2, alone = { files = 2, node = ADA } }:find("Not yet safe", 1, true))
    assert.matches("Here: 3.0 GB free, full in about 5 h, as it went lately.",
      shown { card = { free = 3000000000, full_ms = 18000000 } }, 1, true)
  end)

  it("speaks of files that are not finished only where there may be some", function()
    local none = { total = 0, files = {}, here = { { name = "a.bag", state = "growing", size = 1 } } }
    assert.matches("Nothing is shared yet: a file is published once finished.", shown(none), 1, true)
    none.here_sums = { waiting = 0, refused = 2 }
    assert.matches("Nothing is shared.\n2 names here not shared: files list says why.", shown(none), 1, true)
    none.here_sums.waiting = 1
    assert.matches("Nothing is shared yet", shown(none), 1, true)
  end)

  it("has a line for each robot", function()
    local page = said(function(s)
      report.show({ robots = { { node = ADA, files = 3, bytes = 2800000000, waiting = 1, waiting_bytes = 812000000,
        eta_ms = 64000, safe = false, disk_free = 9, full_ms = 18000000 },
        { node = LAB, files = 1, bytes = 5, waiting = 0, waiting_bytes = 0, safe = true } } }, s)
    end)
    assert.matches("ROBOT +FILES +SIZE +WAITS +ETA +SAFE +CARD", page)
    assert.matches("ada +3 +2.8 GB +1 file, 812.0 MB +64 s +no +9 %% free, full in 5 h", page)
    assert.matches("lab +1 +5 B +nothing +– +yes +–", page)
    assert.matches("2 robots: of 1 each shared file is elsewhere, too.", page, 1, true)
    assert.matches("1 robot: each shared file", said(function(s)
      report.show({ robots = { { node = ADA, files = 1, bytes = 5, waiting = 0, waiting_bytes = 0, safe = true } } }, s)
    end), 1, true)
    assert.equal("No files are shared.\n", said(function(s) report.show({ robots = {} }, s) end))
  end)
end)

describe("files safe", function()
  local function shown(one) return said(function(s) files_safe.show(one, s) end) end

  it("says that all is well, or what is not, and whether anybody's copies count", function()
    assert.equal("Safe: the own file is whole on another node.\n",
      shown { safe = true, files = 1, unsafe = 0, named = true })
    assert.matches("each of 3 own files is whole on another node. Nobody named whose copies count", shown { safe = true,
      files = 3, unsafe = 0 }, 1, true)
    assert.equal("Not known to be safe: it is missing.\n", shown { safe = false, files = 0, unsafe = 0,
      problem = "it is missing" })
    assert.equal("There are no own files that could be lost.\n", shown { safe = true, files = 0, unsafe = 0 })
    assert.matches("^No own file is shared.\n3 files stay on this node alone, since its owner or policy says so",
      shown { safe = true, files = 0, unsafe = 0, kept = 3 })
    assert.matches("another node.\n1 file stays on this node alone", shown { safe = true, files = 1, unsafe = 0,
      named = true, kept = 1 }, 1, true)
    local rows = { { name = "run.bag", size = 812000000, cid = "bafy", state = "published" },
      { name = "next.bag", size = 5, state = "growing" } }
    local page = shown { safe = false, files = 3, unsafe = 2, bytes = 812000005, named = true, rows = rows }
    assert.matches("run.bag +812.0 MB +on this node only", page)
    assert.matches("next.bag +5 B +growing", page)
    assert.matches("Not yet safe: 2 of 3 own files, 812.0 MB.", page, 1, true)
    for i = 1, 30 do rows[i] = { name = "a" .. i, size = 1, state = "published" } end
    assert.matches("and 10 more", shown { safe = false, files = 30, unsafe = 30, bytes = 30, rows = rows })
  end)
end)
