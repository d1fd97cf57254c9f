-- view_spec.lua - whom a node with links to others far away knows, and who is the next on the ring.
local addresses = require "comms.addresses"
local members = require "comms.members"
local choice = require "comms.view_choice"
local simloop = require "sim.loop"

local function at(host) return ("/ip4/%s/tcp/3825/dswarm-line"):format(host) end

-- A view of the node with PLACE on the ring that has heard of NAMES now.
local function view_of(place, names)
  local known = members.new()
  for _, name in ipairs(names) do known:add(name).heard = 0 end
  return { loop = simloop.new(), members = known, peers = { by_id = {} }, place = place, dialling = {},
    is_linked = function() return false end }
end

describe("the ring of a view", function()
  it("leads from each node to the one behind it, and from the last to the first: all hang together", function()
    local names = { "ada", "bea", "carl", "dora", "emma", "fred", "gus" }
    local visited, here = {}, names[1]
    for _ = 1, #names do
      local others = {}
      for _, name in ipairs(names) do others[#others + 1] = name ~= here and name or nil end
      visited[here] = true
      here = choice.sorted(view_of(members.place(here), others)).next.id
    end
    assert.equal(names[1], here, "round")
    for _, name in ipairs(names) do assert.is_true(visited[name], name) end
  end)

  it("leads past who was dialled in vain", function()
    local view = view_of(members.place "ada", { "bea", "carl" })
    local first = choice.sorted(view).next
    first.tries = 6
    assert.not_equal(first.id, choice.sorted(view).next.id)
  end)
end)

describe("those of a LAN who dial somebody far away", function()
  local LAN <const> = 10

  -- How many of a LAN dial the node FAR, who says of himself that he is at HOST; PROVED: is that proved to all of them?
  local function who_dial(far, host, proved)
    local ids, count = {}, 0
    for i = 1, LAN do ids[i] = "robot" .. i end
    for _, id in ipairs(ids) do
      local view, list = view_of(members.place(id), { far }), {}
      for _, other in ipairs(ids) do list[#list + 1] = other ~= id and { id = other } or nil end
      view.id, view.is_near, view.is_far = id, function() return true end, function() return true end
      view.peers = { list = list, by_id = {}, living = function() return true end, on_back = function() end,
        hosts = function() return {} end }
      view.addresses = addresses.new { loop = view.loop, peers = view.peers, id = id,
        record = function() return { at = { at(host) } } end, is_near = function() return false end }
      if proved then view.addresses.of = function() return { { proved = 1, origin = "record" } } end end
      local one = choice.fresh(view, choice.sorted(view), 5)
      count = count + (one and view.addresses:of(far)[1] and 1 or 0)
    end
    return count
  end

  it("are three, of whom one at least may dial what nothing proves", function()
    for i = 1, 50 do
      local far, host = "far" .. i, "198.51.100." .. i
      assert.equal(3, who_dial(far, host, true))
      assert.equal(3, who_dial(far, host, false))
    end
  end)
end)

describe("members of a view", function()
  it("are kept over a restart with where they were, who was met last first; claims are not", function()
    local known = members.new()
    for i, name in ipairs { "ada", "bea", "claim" } do
      local one = known:add(name)
      one.met = name ~= "claim" and i or nil
      one.texts = { at("198.51.100." .. i), at "198.51.100.9", at "198.51.100.8" }
    end
    local rows = known:data()
    assert.same({ "bea", at "198.51.100.2", at "198.51.100.9" }, { rows[1][1], table.unpack(rows[1][2]) })
    local later, seen = members.new(), {}
    later:load(rows, function(one) seen[#seen + 1] = one.id end)
    assert.same({ "bea", "ada" }, seen)
    assert.equal("bea", later:data()[1][1], "the same order after another restart")
    assert.equal(at "198.51.100.1", later:get "ada".texts[1])
  end)

  it("are nothing where nobody was met, and what is of no form is left out", function()
    local known = members.new()
    known:add "ada"
    assert.is_nil(known:data())
    for _, rows in ipairs { 7, "x", { 7 }, { { 7, {} } }, { { "ada", "x" } }, { { ("x"):rep(65), {} } } } do
      known:load(rows, function() error "taken" end)
    end
    known:load(nil, error)
  end)

  it("lose, where there is no room, first who was never met, then who was met the longest time ago", function()
    local known = members.new()
    for i = 1, 1024 do known:add("n" .. i).met = i ~= 500 and 1024 - i or nil end
    known:add "new".met = 5000
    assert.is_nil(known:get "n500")
    known:add "newer"
    assert.is_nil(known:get "n1024")
    assert.equal(1024, known:count())
  end)
end)
