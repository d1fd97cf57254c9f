-- logs_watch_spec.lua - a folder of very many files is met some in a turn. No files.
local simloop = require "sim.loop"
local watch = require "clients.logs.watch"

describe("a folder of very many files", function()
  it("is met some in a turn, by name, each file once, while the loop goes on", function()
    local loop, met, scanned, most, last = simloop.new(), {}, 0, 0, 0
    local entries = {}
    for i = 1, 500 do entries[i] = { name = ("f%03d"):format(501 - i), kind = "file" } end
    local one = watch.new { loop = loop, folder = "/share", watch = { new = function() return nil, "", "EMFILE" end },
      safe_open = { list = function() return table.move(entries, 1, #entries, 1, {}), 0 end },
      ready = function() return true end, read_told = function() end,
      seen = function(name) met[#met + 1] = name end, gone = function(name) error(name) end,
      refused = function(name) error(name) end, scanned = function() scanned = scanned + 1 end }
    local function beat()
      most, last = math.max(most, #met - last), #met
      if scanned == 0 then loop:post(beat) end
    end
    beat()
    one:start()
    beat()
    loop:run_until(100)
    one:stop()
    assert.equal(1, scanned)
    assert.is_true(most <= 20, most)
    assert.equal(500, #met)
    for i, name in ipairs(met) do assert.equal(("f%03d"):format(i), name) end
  end)
end)
