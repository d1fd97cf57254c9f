-- idle_memory_spec.lua - what a daemon that nobody asks holds for itself, beside a bare Lua, and beside a daemon that
-- reads all modules at once.
local folder = require "spec.folder"
local process = require "spec.process"
local uv = require "luv"

local BARE <const> = 'require "cjson" require "luv".sleep(600000)'
local MOST <const> = 30 -- times what a bare Lua with luv and cjson has
local SAVED <const> = 0.03 -- a part that lazy modules save at least
local TRIES <const> = 5 -- daemons of each kind: as its blocks happen to lie, one has up to 3 % more than the least

local function private(pid)
  return tonumber(folder.read(("/proc/%d/smaps_rollup"):format(pid)):match "Private_Dirty:%s+(%d+)")
end

-- The least of each process while they run for some seconds: garbage comes and goes.
local function least(pids)
  local found = {}
  for _ = 1, 25 do
    uv.sleep(200)
    for i, pid in ipairs(pids) do found[i] = math.min(found[i] or math.huge, private(pid)) end
  end
  return table.unpack(found)
end

-- A copy of the program in FOLDER that reads all modules at once → its path
local function eager(path)
  assert(os.execute("mkdir " .. path))
  folder.put_program(path)
  folder.write(path .. "/lua/lazily.lua", "return require")
  return path .. "/dt-swarm"
end

describe("an idle daemon", function()
  local world
  before_each(function() world = process.new() end)
  after_each(function() world:close() end)

  it("takes no more than it should, and less than one that reads all modules at once", function()
    local bare = io.popen(("%s -e '%s' & echo $!"):format(os.getenv "LUA" or "lua5.4", BARE))
    local bare_pid = bare:read "n"
    local program = eager(world.dir .. "/eager")
    local plain, lazy, whole = math.huge, math.huge, math.huge
    local function settled() return lazy < MOST * plain and lazy < whole * (1 - SAVED) end
    for i = 1, TRIES do
      local one, other = world:start("ada" .. i), world:start("donald" .. i, { command = program })
      local now = { least { bare_pid, one.pid, other.pid } }
      plain, lazy, whole = math.min(plain, now[1]), math.min(lazy, now[2]), math.min(whole, now[3])
      if settled() then break end
      one:stop()
      other:stop()
    end
    uv.kill(bare_pid, "sigkill")
    bare:close()
    print(("# private: %d kB, %.1f times a bare Lua's %d kB; all at once %d kB"):format(lazy, lazy / plain, plain,
      whole))
    assert.is_true(settled(), ("%d kB, %d kB, bare %d kB"):format(lazy, whole, plain))
  end)
end)
