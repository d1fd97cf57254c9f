-- consent_spec.lua - nobody's use is told unless the owner's file says so, at this moment. Whole daemons, from outside.
-- mostly waits: for words that must not come
local json = require "core.json"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local HOSTS <const> = { "ada", "bob" }
local FILE <const> = "allow_push_stats_data"

local POLICY <const> = [[
local p = extend %q
p.clock = "system"
return p
]]

describe("the counters of a robot", function()
  local world, why, ada_id
  local starts = {} -- by host

  local function write(path, text)
    local file = assert(io.open(path, "w"))
    file:write(text)
    file:close()
    return path
  end

  setup(function()
    world, why = swarm.new(HOSTS)
    if not world then return end
    swarm.sh(("cp policies/*.lua %s && mkdir -p %s/permissions"):format(world.dir, world.dir))
    -- The place of the owner's files, as Duckietown's robots have them.
    for _, host in ipairs(HOSTS) do
      local policy = write(("%s/my-%s.lua"):format(world.dir, host), POLICY:format(host == "bob" and "server" or
        "duckiebot"))
      local place = "unshare -m sh -c 'mkdir -p /data/config && mount -t tmpfs none /data && mkdir -p /data/config && \z
        ln -s %s/permissions /data/config/permissions && exec \"$@\"' sh"
      starts[host] = function() world:start(host, policy, host == "ada" and place:format(world.dir) or nil) end
      starts[host]()
    end
    assert(world.within(30, function() return #world:names "bob" == 2 end), world:logs())
    for _, node in ipairs(world:ask("bob", "discover").nodes) do
      if node.name == "ada" then ada_id = node.id end
    end
  end)
  teardown(function() if world then world:close() end end)

  -- DATA of ada's word as bob has it | nil
  local function heard()
    local text = world:cli("bob", ("repl -e 'for _, one in pairs(records(\"pri/%s/stats\")) do print(one.holds, \z
      one.data and one.data.week) end'"):format(ada_id))
    return text:find "true" ~= nil
  end

  local function allow(text)
    local path = world.dir .. "/permissions/" .. FILE
    swarm.sh(("rm -rf %s"):format(path))
    if text == "a folder" then return swarm.sh("mkdir " .. path) end
    if text == "a fifo" then return swarm.sh("mkfifo " .. path) end
    if text then write(path, text) end
  end

  -- The daemon ends by SIGNAL, the owner says TEXT, and it starts again.
  local function restart(signal, text)
    local was = heard()
    world:stop("ada", signal)
    allow(text)
    assert.equal(was, heard(), "bob has what he had")
    starts.ada()
    assert(world.within(20, function() return world:ask("ada", "status") ~= nil end), world:logs())
  end

  it("are told by nobody whose owner did not say 1, in whatever way; what is shown is why not", function()
    if not world then return pending(why) end
    for _, text in ipairs { "none", "0", "1\n0", "yes", "a folder", "a fifo", "" } do
      allow(text ~= "none" and text or nil)
      os.execute "sleep 2"
      local said = world:ask("ada", "stats show")
      assert.is_nil(said.data, text)
      assert.is_string(said.why)
      assert.is_false(heard(), text)
    end
  end)

  it("go as they were shown once he says 1, and are taken back within two seconds once he does not, \
     or by the next run where he said so between two", function()
    if not world then return pending(why) end
    allow "1\n"
    assert(world.within(10, function() return world:ask("ada", "stats show").data ~= nil end),
      world:cli("ada", "stats"))
    assert(world.within(10, heard), world:cli("ada", "status") .. world:logs())
    local shown, line
    assert(world.within(10, function() -- a counter may go on between the two
      shown = world:ask("ada", "stats show").data
      line = world:cli("ada", ("record show pri/%s/stats %s --json"):format(ada_id, ada_id))
      return line:find(json.encode(shown):sub(2, -2), 1, true) or line:find(shown, 1, true)
    end), line .. tostring(shown))
    assert.same({ "bob" }, world:ask("bob", "stats show").gatherers)
    restart("KILL", "0")
    assert(world.within(5, function() return not heard() end), world:logs())
    restart("TERM", "1")
    assert(world.within(5, heard), world:logs())
    allow "0"
    local took = world.within(2, function() return not heard() end)
    assert(took, world:cli("ada", "stats"))
    patience.took("counters are taken back", took, 2)
    assert.matches("No word was out", world:cli("ada", "stats forget"), 1, true)
  end)

  it("count a file once, not at each start", function()
    if not world then return pending(why) end
    local share = world:path("ada", "share")
    swarm.sh(("mkdir -p %s && head -c 2500000 /dev/urandom > %s/a.bag"):format(share, share))
    local function counts()
      local answer = world:ask("ada", "stats show")
      return answer and { answer.counts.files, answer.counts.mb }
    end
    local function has_shared() return #((world:ask("ada", "report") or { files = {} }).files) == 1 end
    assert(world.within(20, has_shared), world:cli("ada", "files list"))
    for _ = 1, 2 do
      assert(world.within(5, function() return counts()[1] == 1 end), world:cli("ada", "stats"))
      assert.same({ 1, 2 }, counts())
      world:stop("ada", "TERM")
      starts.ada()
      assert(world.within(20, function() return counts() and has_shared() end), world:logs())
      os.execute "sleep 2"
    end
    assert.same({ 1, 2 }, counts())
  end)
end)
