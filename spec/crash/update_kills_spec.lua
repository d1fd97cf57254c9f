-- update_kills_spec.lua - a program that updates a folder is killed at moments by chance, while its tar and its rm go
-- on without it, and started again: what it leaves is the old folder or the new one, and it comes to an end.
local folder = require "spec.folder"
local kept = require "kept"
local patience = require "spec.patience"
local random = require "core.random"
local tars = require "spec.tars"

local ROUNDS <const> = os.getenv "DT_SWARM_SOAK" and 100 or 6
local KILLS <const> = 12 -- of one update at most
local FILES <const> = 150

describe("an update of a folder whose program is killed", function()
  local home
  before_each(function() home = folder.new() end)
  after_each(function()
    os.execute("sleep 0.2") -- what outlived it ends by itself
    home.remove()
  end)

  local function new_name(i) return ("new-%03d"):format(i) end

  local function prepare(sick)
    os.execute(("cd %s && rm -rf state data said sick && mkdir -p state/updates data/demos"):format(home.path))
    local list = {}
    for i = 1, FILES do list[i] = { name = new_name(i), data = ("n"):rep(500) .. i } end
    folder.write(home.path .. "/payload", tars.of(list))
    for i = 1, 20 do folder.write(("%s/data/demos/old-%02d"):format(home.path, i), "old " .. i) end
    folder.write(home.path .. "/state/updates/state", kept.encode { failed = {}, floor = { demos = 41 },
      installed = { demos = { 41, "2.3", "old" } }, runs = {} })
    if sick then folder.write(home.path .. "/sick", "") end
  end

  -- "old" or "new" | what is there
  local function version()
    local pipe <close> = io.popen(("cd %s/data/demos && ls"):format(home.path))
    local names, n, whole = pipe:read "a", 0, true
    for name in names:gmatch "%S+" do
      local i = math.tointeger(tonumber(name:match "%d+"))
      local text = name:find "^new" and ("n"):rep(500) .. i or "old " .. i
      n, whole = n + 1, whole and folder.read(("%s/data/demos/%s"):format(home.path, name)) == text
    end
    local is_new, is_old = n == FILES and not names:find "old", n == 20 and not names:find "new"
    return whole and (is_new and "new" or is_old and "old") or names
  end

  local whole = math.huge -- ms that one takes on this machine, the least of those that came to their end

  -- Runs it; it is killed after MS, nil: it ends by itself. → did it?
  local function run(ms)
    local command, began = "timeout -s KILL %.3f %s spec/crash/update_child.lua %s", patience.now()
    local ended = os.execute(command:format(ms and ms / 1000 or 60 * patience.TIMES, os.getenv "LUA" or "lua5.4",
      home.path)) == true
    if ended then whole = math.min(whole, math.ceil((patience.now() - began) * 1000)) end
    return ended
  end

  it("is whole at each moment, and ends committed or rolled back, as it says", function()
    prepare(false)
    assert.is_true(run())
    local kills, ends = 0, { committed = 0, rolled_back = 0 }
    for seed = 1, ROUNDS do
      local chance = random.seeded(seed)
      prepare(seed % 2 == 0)
      for _ = 1, KILLS do
        if run(chance:integer(whole) + 5) then break end
        kills = kills + 1
        local found = version()
        if found ~= "old" and found ~= "new" then -- it may have been killed as it put the new one there
          os.execute "sleep 1"
          found = version()
        end
        assert.is_truthy(found == "old" or found == "new", ("seed %d: %s"):format(seed, found))
      end
      assert.is_true(run())
      local state = kept.decode(folder.read(home.path .. "/state/updates/state")).runs["demos/42/1"].state
      local said = folder.read(home.path .. "/said"):match "(%S+)\n$"
      assert.same({ state, state == "committed" and "new" or "old" }, { said, version() }, "seed " .. seed)
      ends[state] = ends[state] + 1
    end
    print(("    %d kills: %d committed, %d rolled back"):format(kills, ends.committed, ends.rolled_back))
    assert.is_true(kills >= ROUNDS // 2)
  end)
end)
