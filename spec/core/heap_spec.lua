-- heap_spec.lua - the memory of Lua's states: blocks keep what is in them, take little more than that, and go back.
require "spec.helper"
local folder = require "spec.folder"
local spec = require "core.spec"

-- What a program of its own makes and lets go: KiB of private memory for each that Lua counts, and what is left of it.
local PROGRAM <const> = [[
local function private()
  collectgarbage()
  TRIM()
  local file = assert(io.open "/proc/self/smaps_rollup")
  local kib = tonumber(file:read "a":match "Private_Dirty:%s+(%d+)")
  file:close()
  return kib, collectgarbage "count"
end
local before, empty = private()
local list = {}
for i = 1, 200000 do list[i] = i % 2 == 0 and function() return i end or { i } end
local full, held = private()
list = nil
print((full - before) / (held - empty), (private() - before) / (full - before))
]]

-- → both figures, as the program at PATH says them
local function figures(path)
  local pipe = io.popen("env -u LD_PRELOAD " .. path) -- a sanitiser's malloc is another one
  local ratio, left = pipe:read("n", "n")
  pipe:close()
  return ratio, left
end

describe("the heap", function()
  it("gives blocks that keep what is in them, whatever sizes they take on", function()
    for seed = 1, 5 do assert.is_true(spec.heap_play(200000, seed)) end
  end)

  it("takes little more than what Lua counts, where malloc takes a part more, and gives it back", function()
    local home = folder.new()
    local ours, plain = home.path .. "/dt-swarm", home.path .. "/plain.lua"
    assert(os.execute(("cp dt-swarm %s && mkdir %s/lua"):format(home.path, home.path)))
    folder.write(home.path .. "/lua/main.lua", ("return { main = function() %s return 0 end }"):format(
      PROGRAM:gsub("TRIM", 'require "core".trim')))
    folder.write(plain, (PROGRAM:gsub("TRIM", "collectgarbage")))
    local ratio, left = figures(ours)
    local malloc = figures((os.getenv "LUA" or "lua5.4") .. " " .. plain)
    home.remove()
    print(("  a byte that Lua counts takes %.3f bytes, by malloc %.3f; %.3f of all stays"):format(ratio, malloc, left))
    assert.is_true(ratio < 1.06, ratio)
    assert.is_true(malloc > 1.1, malloc)
    assert.is_true(left < 0.1, left)
  end)
end)
