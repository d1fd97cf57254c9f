-- discover_pages_spec.lua - the answers to `discover`, `health` and `watch` where there are many nodes: pages, near
-- ones, limits. A real node under a virtual clock, whose list of nodes is the spec's.
local json = require "core.json"
local policy = require "policy"
local sim = require "sim"

local rules = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" }))

describe("discover", function()
  local w, ada, nodes

  before_each(function()
    w = sim.new { seed = 3, policy = rules }
    ada = w:add "ada"
    require "clients.control.watch" { node = ada, loop = ada.loop,
      command = function(_, name, fn) ada.commands:add(name, fn) end }
    nodes = {}
    for i = 1, 600 do
      nodes[i] = { id = ("n%03d"):format(i), name = "n" .. i, label = "n" .. i, status = "ready", near = i % 3 == 0,
        self = i == 1, via = { proved = true } }
    end
    function ada.discovery.nodes() return nodes end
  end)

  -- One who asks REQUEST. Fields: told, refused, cancel().
  local function ask(request)
    local one, cancels = { told = {} }, {}
    local reply = { on_cancel = function(_, fn) table.insert(cancels, fn) end, on_room = function() end }
    function reply.run(_, fn) fn() end
    setmetatable(reply, { __call = function(_, answer, text, code)
      if answer then one.told[#one.told + 1] = answer else one.refused = { code, text } end
      return true
    end })
    function one.cancel() for _, fn in ipairs(cancels) do fn() end end
    ada.commands:run(request, reply)
    w:run(1100)
    return one
  end

  local function pages(request)
    local ids, sizes = {}, {}
    request.command = request.command or "discover"
    repeat
      local answer = ask(request).told[1]
      for _, row in ipairs(answer.nodes) do ids[#ids + 1] = row.id end
      sizes[#sizes + 1], request.after = #answer.nodes, answer.more
    until not answer.more
    return ids, sizes
  end

  it("comes in pages of 256 rows, each node once", function()
    local ids, sizes = pages {}
    assert.same({ 256, 256, 88 }, sizes)
    for i, node in ipairs(nodes) do assert.equal(node.id, ids[i]) end
    local near, near_sizes = pages { near = true }
    assert.same({ 201, { 201 }, "n001", "n003" }, { #near, near_sizes, near[1], near[2] })
    local ill, ill_sizes = pages { command = "health" }
    assert.same({ ids, sizes }, { ill, ill_sizes })
    assert.is_true(#json.encode(ask { command = "discover" }.told[1]) > 256 * 40)
  end)

  it("has its pages and those of health told from one list, made for each first page alone", function()
    local made, after = 0, {}
    function ada.discovery.nodes()
      made = made + 1
      return nodes
    end
    local function page(command)
      local one = { told = {} }
      local reply = { on_cancel = function() end, on_room = function() end, run = function(_, fn) fn() end }
      ada.commands:run({ command = command, after = after[command] }, setmetatable(reply, { __call = function(_, answer)
        one.told, after[command] = answer.nodes, answer.more
        return true
      end }))
      w:run(command == "discover" and not after.discover and 1100 or 100)
      return one.told
    end
    page "discover"
    page "health"
    made = 0
    assert.same({ "n257", "n257", "n513", "n513" },
      { page("discover")[1].id, page("health")[1].id, page("discover")[1].id, page("health")[1].id })
    assert.equal(0, made)
  end)

  it("refuses what is no page, and says what would be right", function()
    for _, case in ipairs {
      { { after = "nobody" }, "missing", 'begin anew without "after"' }, { { after = 7 }, "form", '"after" is the ID' },
      { { near = "yes" }, "form", '"near" is true or false' }, { { all = 1 }, "form", "true or false" },
      { { command = "health", after = "nobody" }, "missing", 'begin anew without "after"' },
      { { command = "health", after = 7 }, "form", '"after" are texts' },
    } do
      case[1].command = case[1].command or "discover"
      local refused = assert(ask(case[1]).refused, case[3])
      assert.equal(case[2], refused[1])
      assert.truthy(refused[2]:find(case[3], 1, true), refused[2])
    end
    assert.equal(88, #ask({ command = "discover", after = "n512" }).told[1].nodes)
    local last, first = ask({ command = "discover", after = "n600" }).told[1], ask({ command = "discover" }).told[1]
    assert.same({ 0, nil }, { #last.nodes, last.more })
    assert.is_true(first.same ~= nil and first.tried ~= nil and last.same == nil)
  end)

  it("is followed by eight at most, whatever they follow; who goes makes room", function()
    local all = {}
    for i = 1, 8 do
      all[i] = ask(i % 2 == 0 and { command = "watch", topics = { "peers" } } or { command = "discover", watch = true })
      assert.is_nil(all[i].refused)
    end
    for _, request in ipairs { { command = "watch" }, { command = "discover", watch = true } } do
      local ninth = ask(request)
      assert.same({ "full", 0 }, { ninth.refused[1], #ninth.told })
    end
    all[3].cancel()
    assert.is_nil(ask({ command = "watch" }).refused)
    assert.equal("full", ask({ command = "watch" }).refused[1])
  end)

  it("tells a watcher of peers all rows, then that it is ready, then changes; near ones where asked", function()
    local one = ask { command = "watch", topics = { "peers" } }
    local near = ask { command = "discover", watch = true, near = true }
    assert.same({ "watching", "peer", "peer", "ready" },
      { one.told[1].event, one.told[2].event, one.told[601].event, one.told[602].event })
    assert.same({ 602, "n600", "peers" }, { #one.told, one.told[601].row.id, one.told[601].topic })
    assert.same({ 1, 201 }, { #near.told, #near.told[1].nodes })
    nodes[2] = { id = "n002", name = "n2", label = "n2", status = "lost", near = false }
    nodes[3] = { id = "n003", name = "n3", label = "n3", status = "lost", near = true }
    w:run(2000)
    assert.same({ 604, "n002", "lost", "n003" },
      { #one.told, one.told[603].row.id, one.told[603].row.status, one.told[604].row.id })
    assert.same({ 2, "n003" }, { #near.told, near.told[2].row.id })
  end)

  it("tells who watches near ones once of one who is not near any more; a site is news, an age is none", function()
    local near = ask { command = "discover", watch = true, near = true }
    local function change(members)
      nodes[3] = { id = "n003", name = "n3", label = "n3", status = "ready", near = false }
      for name, value in pairs(members) do nodes[3][name] = value end
      w:run(2000)
    end
    change { near = true, site = "room-3" }
    change { near = true, site = "room-3", level = "warn" }
    change { near = true, site = "room-3", level = "warn", seen_ms = 7 }
    change {}
    change { status = "lost" }
    local said = {}
    for i = 2, #near.told do
      local row = near.told[i].row
      said[i - 1] = ("%s %s %s %s"):format(row.id, row.near, row.site, row.level)
    end
    assert.same({ "n003 true room-3 nil", "n003 true room-3 warn", "n003 false nil nil" }, said)
  end)

  it("tells who follows those who are missing of whom they are", function()
    function ada.discovery.missing() return { nodes[5] }, { of = "heard", count = 7 } end
    local told = ask({ command = "discover", watch = true, missing = true }).told[1]
    assert.same({ 1, "n005", { of = "heard", count = 7 } }, { #told.nodes, told.nodes[1].id, told.roster })
  end)
end)
