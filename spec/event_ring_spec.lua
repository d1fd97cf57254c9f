-- event_ring_spec.lua - the last 256 events: read in order, by topic; who falls behind learns how much was dropped.
local event_ring = require "event_ring"

describe("the event ring", function()
  local ring, woken

  before_each(function() ring, woken = event_ring.new(), 0 end)

  local function reader(...) return ring:reader({ ... }, function() woken = woken + 1 end) end

  local function add(topic, from, to)
    for i = from, to do ring:add(topic, { event = topic, n = i }) end
  end

  local function all(one)
    local list = {}
    for event in function() return one:next() end do list[#list + 1] = event.dropped and -event.dropped or event.n end
    return list
  end

  it("gives a reader what happened since it began, in order, of its topics alone", function()
    add("nodes", 1, 3)
    local one, both = reader "nodes", reader("nodes", "files")
    assert.is_nil(one:next())
    add("nodes", 4, 5)
    add("files", 6, 6)
    assert.equal(2 + 3, woken)
    assert.same({ 4, 5 }, all(one))
    assert.same({ 4, 5, 6 }, all(both))
    assert.same({}, all(both))
  end)

  it("gives all of 256 to one who has read none yet, and one gap in place of more", function()
    local one = reader "nodes"
    add("nodes", 1, 256)
    assert.equal(256, #all(one))
    add("nodes", 1, 257)
    add("files", 1, 9)
    assert.same({ -257 }, all(one))
    add("nodes", 7, 8)
    assert.same({ 7, 8 }, all(one), "it reads on")
  end)

  it("speaks of a gap in its own topics only", function()
    local one, other = reader "nodes", reader "files"
    add("nodes", 1, 2)
    add("files", 1, 300)
    assert.same({ -2 }, all(one))
    assert.same({ -300 }, all(other))
    add("files", 1, 300)
    add("nodes", 3, 3)
    add("files", 1, 300)
    assert.same({ -1 }, all(one))
    add("files", 1, 600)
    assert.same({}, all(one), "nothing of its own was dropped")
  end)

  it("knows whether anybody reads a topic, wakes nobody who is done, and holds 256 and no more", function()
    local one, other = reader "nodes", reader "nodes"
    assert.is_true(ring:is_read "nodes")
    assert.is_false(ring:is_read "files")
    one:close()
    one:close()
    assert.is_true(ring:is_read "nodes")
    other:close()
    assert.is_false(ring:is_read "nodes")
    add("nodes", 1, 1000)
    assert.same({ 0, 256 }, { woken, #ring.slots })
  end)
end)
