-- signed_spec.lua - the records of which there is room for so many keys: one person who signs many pushes out nobody
-- else's, and his own last ones make room.
local kit = require "spec.clients.updates_kit"
local signed = require "clients.updates.signed"
local update_keys = require "dcache.update_keys"

local PAUSE <const> = "updates/pause"
local MOST <const> = 12

describe("records of updates", function()
  local k, one, refused

  before_each(function()
    k, refused = kit.new { robots = 3 }, {}
    for i = 2, 3 do
      local robot = k.lab.robots[i]
      k:hear { k.lab:grant(k.lab.root, robot.id, "trusted", { name = robot.name }) }
    end
    one = signed.new { node = k.node, loop = k.node.loop, buckets = { [PAUSE] = update_keys.run }, most = MOST,
      refuse = function(word, what) refused[#refused + 1] = word .. " " .. what end, news = function() end }
    one:start()
    k:run(2000)
  end)
  after_each(function()
    one:stop()
    k:close()
  end)

  local function pause(by, name, from, to)
    for run = from, to do k:pause(("%s/1/%d"):format(name, run), "wait", { by = by and k.lab.robots[by].key }) end
  end

  -- How many of the keys begin with NAME.
  local function count(name)
    local n = 0
    for _, key in ipairs(one:list(PAUSE)) do n = n + (key:find("^" .. name .. "/") and 1 or 0) end
    return n
  end

  it("of who signs many leave room for those of others, who get as many", function()
    pause(2, "flood", 1, MOST + 5)
    assert.same({ MOST, "full " .. PAUSE }, { count "flood", refused[1] })
    pause(nil, "mine", 1, 3)
    assert.same({ MOST - 3, 3 }, { count "flood", count "mine" })
    assert.is_true(one:verdict(PAUSE, "mine/1/3").counts)
    pause(3, "more", 1, MOST)
    assert.same({ 5, 3, 4 }, { count "flood", count "mine", count "more" })
    pause(2, "flood", 101, 110)
    assert.same({ 5, 3, 4 }, { count "flood", count "mine", count "more" })
  end)

  it("that two signed are nobody's to be pushed out", function()
    pause(2, "flood", 1, MOST)
    pause(nil, "flood", MOST, MOST) -- a second one under the same key
    pause(nil, "mine", 1, 2)
    assert.same({ MOST - 2, 2 }, { count "flood", count "mine" })
    assert.truthy(one:verdict(PAUSE, ("flood/1/%d"):format(MOST)))
  end)
end)
