-- alive_spec.lua - the question whether the other side of a stream lives: two ends on a virtual clock.
local alive = require "routing.channels.alive"
local envelope = require "routing.envelope"

-- Two ends, joined; ways.there and ways.back: does anything get through?
local function pair()
  local now, ways, ends, bytes = 0, { there = true, back = true }, {}, 0
  local function side(name, other, way, asks)
    ends[name] = alive.new { now = function() return now end, asks = asks, say = function(message)
      local line = envelope.head(message)
      bytes = bytes + #line + 1
      if ways[way] then ends[other]:heard(envelope.read(line)) end
    end }
  end
  side("dialler", "other", "there", true)
  side("other", "dialler", "back", false)
  -- Runs on by so many seconds, in which the other side speaks of other things, too → why one of them counts the other
  -- as dead, and after how many.
  local function run(seconds)
    for i = 1, seconds do
      now = now + 1000
      if ways.back and i % 5 == 0 then assert.is_false(ends.dialler:heard(envelope.read "* - 8 beacon x")) end
      local why = ends.dialler:look() or ends.other:look()
      if why then return why, i end
    end
  end
  return run, ways, ends, function() return bytes end
end

describe("whether the other side of a stream lives", function()
  it("is asked each 45 s, for less than a byte a second, both ways together", function()
    local run, _, ends, bytes = pair()
    assert.is_nil(run(3600))
    print(("# an idle hour: %.2f bytes/s both ways"):format(bytes() / 3600))
    assert.is_true(bytes() / 3600 < 0.8)
    assert.is_true(ends.dialler.known and ends.other.known)
  end)

  for _, way in ipairs { "there", "back" } do
    it("is seen within 75 s where nothing gets through one way: " .. way, function()
      local run, ways = pair()
      assert.is_nil(run(95))
      ways[way] = false
      local why, seconds = run(90)
      assert.equal("slow: does not answer", why)
      assert.is_true(seconds <= 75, seconds)
    end)
  end

  it("is not judged by who never knew the question", function()
    local run, ways = pair()
    ways.back = false
    assert.is_nil(run(3600))
  end)

  it("is no matter of other numbers, other kinds, or lines without form", function()
    local said = {}
    local one = alive.new { now = function() return 0 end, asks = false, say = function(m) said[#said + 1] = m end }
    for _, line in ipairs { "* - 0 beacon 1", "* - x alive 1", "* - 0 want AA" } do
      assert.is_false(one:heard(envelope.read(line)))
    end
    for _, line in ipairs { "* - 0 alive", "* - 0 alive 12345", "* - 0 alive x", "* - 0 here 1" } do
      assert.is_true(one:heard(envelope.read(line)))
    end
    assert.same({}, said)
    assert.is_nil(one.known)
    one:heard(envelope.read "* - 0 alive 17")
    assert.equal("* - 0 here 17", envelope.head(said[1]))
  end)
end)
