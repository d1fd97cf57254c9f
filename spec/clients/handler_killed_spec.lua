-- handler_killed_spec.lua - a handler kills its daemon in each verb and in the recovery from that, and others are
-- killed at seeded moments: each update ends committed or rolled back, what stands there is what was said, and no two
-- handlers ever ran at once. All of them side by side.
-- mostly waits: for handlers that outlive their daemon
local folder = require "spec.folder"
local json = require "core.json"
local patience = require "spec.patience"
local random = require "core.random"
local shell_handler = require "spec.shell_handler"

local MOMENTS <const> = os.getenv "DT_SWARM_SOAK" and 1000 or 10
local AT_ONCE <const> = 20

-- Starts it again until it ends by itself, as a service manager does; SECONDS: the first run ends by KILL then.
local SUPERVISOR <const> = [[
echo $$ > @/supervisor
word=begin n=0
first="@SECONDS@"
while [ $n -lt 20 ]; do
  n=$((n + 1))
  if ${first:+timeout -s KILL $first} @LUA@ spec/clients/handler_daemon.lua @ $word; then break; fi
  first= word=
done >> @/errors 2>&1 < /dev/null
echo $n > @/over
]]

local function fill(text, dir, seconds)
  return (text:gsub("@SECONDS@", seconds or ""):gsub("@LUA@", os.getenv "LUA" or "lua5.4"):gsub("@", dir))
end

-- An update that is killed as ONE { name, kill = lines, bad = verify says no, seconds } says.
local function start(dir, one)
  os.execute(("mkdir -p %s/state/updates"):format(dir))
  shell_handler.put(dir)
  shell_handler.set(dir, one.kill or {}, one.bad)
  folder.write(dir .. "/payload", "new")
  folder.write(dir .. "/job", ("return require 'core.json'.decode %q"):format(json.encode { kind = "toy",
    run = "demos/42/1", release = "demos/42", cid = "bafy", version = "2.4", from = 41, plan = "bafyplan",
    tail = "bafyplan", round = 1, soak = 0, unknown = "back", path = dir .. "/payload" }))
  folder.write(dir .. "/run", fill(SUPERVISOR, dir, one.seconds))
  os.execute(("sh %s/run &"):format(dir))
end

-- The last state that was told | nil
local function last_state(said)
  local last
  for word in ("\n" .. said):gmatch "\n([%l_]+)" do
    if word ~= "up" and word ~= "rss" and word ~= "ended" then last = word end
  end
  return last
end

-- Is all as it was said?
local function check(dir, one)
  local function read(name) return folder.read(dir .. "/" .. name) or "" end
  local told = one.name .. "\n" .. read "said" .. read "log" .. read "errors"
  local state = (json.decode((read "state/updates/state":gsub("\n$", ""))) or {}).data
  local ended = state and not state.now and state.runs["demos/42/1"] and state.runs["demos/42/1"].state
  if not ended then -- it was killed before it was begun, or it would not have ended by itself
    assert.is_true(one.seconds ~= nil and (not state or state.now == nil) and read "log" == "", told)
    assert.equal("old", read "tree/file", told)
    return "not begun"
  end
  assert.equal(ended == "committed" and "new" or "old", read "tree/file", told)
  assert.equal(ended == "committed" and 42 or nil, state.floor.demos, told)
  assert.equal(ended, last_state(read "said"), told)
  assert.is_nil(read "log":find "two", told)
  assert.equal("", shell_handler.left(dir), told) -- each of them came
  return ended
end

-- Runs all of LIST side by side, so many at once → how many ended how.
local function run(list)
  local place, counts = folder.new(), {}
  finally(function()
    os.execute(("cd %s && for i in *; do kill -9 $(cat $i/supervisor $i/pid); done 2>/dev/null"):format(place.path))
    place.remove()
  end)
  for first = 1, #list, AT_ONCE do
    local last = math.min(#list, first + AT_ONCE - 1)
    for i = first, last do start(("%s/%d"):format(place.path, i), list[i]) end
    for i = first, last do
      local dir = ("%s/%d"):format(place.path, i)
      assert(patience.within(60, function() return folder.read(dir .. "/over") end, 0.05), list[i].name)
      local ended = check(dir, list[i])
      counts[ended] = (counts[ended] or 0) + 1
      os.execute("rm -rf " .. dir)
    end
  end
  return counts
end

describe("an update whose daemon is killed", function()
  it("by its handler, in each verb and in the recovery, is never half", function()
    local list = {}
    for i, way in ipairs(shell_handler.ways) do
      list[i] = { name = table.concat(way, ", "), kill = way, bad = way.bad }
    end
    local counts = run(list)
    print(("# %d updates: %d committed, %d rolled back"):format(#list, counts.committed, counts.rolled_back))
    assert.equal(#list, counts.committed + counts.rolled_back)
  end)

  it("at any moment, is never half", function()
    local draw, list = random.seeded(17), {}
    for i = 1, MOMENTS do
      list[i] = { bad = i % 2 == 0, seconds = ("%.3f"):format(0.05 + draw:integer(1400) / 1000) }
      list[i].name = ("%s after %s s"):format(list[i].bad and "back" or "forward", list[i].seconds)
    end
    local counts = run(list)
    print(("# %d kills: %d committed, %d rolled back, %d before it was begun"):format(MOMENTS, counts.committed or 0,
      counts.rolled_back or 0, counts["not begun"] or 0))
  end)
end)
