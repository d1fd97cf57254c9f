-- rank_spec.lua - the order of nodes for a text, against the vectors of spec/PROTOCOL.md. No network.
local rank = require "rank"
local read = dofile "spec/vectors/read.lua"

describe("rank", function()
  it("orders as the vectors do, whatever order it is given", function()
    local count = 0
    for _, line in ipairs(read "rank.txt") do
      local text, wanted = line:match "^(.-) | (.+)$"
      local ids = {}
      for id in wanted:gmatch "%S+" do table.insert(ids, 1, id) end
      assert.equal(wanted, table.concat(rank.of(text, ids), " "))
      table.sort(ids)
      assert.equal(wanted, table.concat(rank.of(text, ids), " "))
      count = count + 1
    end
    assert.is_true(count >= 4)
  end)

  it("tells who is among the first, and all are where there are no more", function()
    local ids, among = { "a", "b", "c", "d", "e" }, {}
    local order = rank.of("text", ids)
    for i, id in ipairs(order) do among[i] = rank.is_among(3, "text", ids, id) end
    assert.same({ true, true, true, false, false }, among)
    assert.same({ true, false }, { rank.is_among(1, "text", { "a" }, "a"), rank.is_among(0, "text", { "a" }, "a") })
  end)

  it("tells the first ones of their kind, and a place, as the whole order has them", function()
    for round = 1, 200 do
      local ids, kinds, wanted, met, place = {}, {}, {}, {}, nil
      for i = 1, round % 13 do ids[i], kinds["id" .. i] = "id" .. i, i * round % 5 end
      for i, id in ipairs(rank.of("text " .. round, ids)) do
        if id == "id3" then place = i end
        if not met[kinds[id]] and #wanted < round % 4 then wanted[#wanted + 1] = id end
        met[kinds[id]] = true
      end
      local first, at = rank.first("text " .. round, ids, round % 4, "id3", function(id) return kinds[id] end)
      assert.same({ wanted, place }, { first, at })
    end
  end)

  it("leaves what it is given as it was, and shares what has to be done among all", function()
    local ids, first = { "a", "b", "c", "d" }, {}
    for i = 1, 400 do
      local id = rank.of("text " .. i, ids)[1]
      first[id] = (first[id] or 0) + 1
    end
    assert.same({ "a", "b", "c", "d" }, ids)
    for _, id in ipairs(ids) do assert.is_true(first[id] > 60 and first[id] < 140, id) end
    assert.same({}, rank.of("nobody", {}))
  end)
end)
