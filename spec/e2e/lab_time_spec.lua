-- lab_time_spec.lua - a lab whose robots have no clock, beside members in 2099 and a stranger who states a time.
--
-- The wall clocks are libfaketime's, as in time_spec.lua. Two labs side by side: `none`: the member in 2099 states no
-- clock, what he says is stamped by the time that his run before believed; `stated`: he states it and believes it.
local folder = require "spec.folder"
local labs = require "spec.labs"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local BAR <const> = 15 -- s at rest until a file is fetched
local POLICY <const> = [[
local p = extend "duckiebot"
p.clock = CLOCK
p.clients.logs.settle = { least = 0.1 * second, per = 32 * MB, most = 1 * second }
function p.clients.logs.share() return "lab" end
function p.clients.logs.fetch() return 5, "everything" end
return p
]]
local NOW <const> = os.time()
local CLOCKS <const> = { none = "1970-01-02 00:00:00", far = "2099-01-01 00:00:00" }

local function faketime() return swarm.sh "ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null":match "%S+" end

describe("a lab of robots without a clock", function()
  local why, library, lab, all = nil, faketime(), labs.new { name = "robotics", at = NOW * 1000 }, {}

  -- Starts HOST's daemon; CLOCK: a name of CLOCKS, or "right"; BELIEVED: the policy says that it is right.
  local function start(s, host, clock, believed)
    swarm.sh(("mkdir -p %s"):format(s:path(host, "share")))
    local text = host == "eve" and lab.text:gsub("token images [^\n]*\n", "") or lab.text -- nobody let eve in
    s:put_lab(host, text)
    s:start(host, ("%s/%s.lua"):format(s.dir, believed and "believes" or "doubts"),
      ("LD_PRELOAD=%s TZ=UTC FAKETIME='@%s' DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1"):format(library,
        CLOCKS[clock] or os.date "!%Y-%m-%d %H:%M:%S")) -- that of now: the spec may have begun minutes ago
  end

  local function share(s, host, name)
    folder.write(s:path(host, "share/" .. name), ("%s of %s\n"):format(name, host):rep(50))
  end

  local function has(s, host, from, name)
    local mine = s:path(from, "share/" .. name)
    local copy = swarm.sh(("ls %s/*/*/%s 2>/dev/null"):format(s:path(host, "state/files"), name)):match "[^\n]+"
    return copy ~= nil and select(2, swarm.sh(("cmp -s %s %s"):format(mine, copy))) == 0
  end

  -- What HOST's report says of the age of file NAME: "–", "~" or "exact" | nil: it has no such file.
  local function age(s, host, name)
    for _, file in ipairs((s:ask(host, "report") or { files = {} }).files) do
      if file.names[1] == name then return not file.age_ms and "–" or file.age_about and "~" or "exact", file.age_ms end
    end
  end

  local function within(s, what, test)
    local took = swarm.within(BAR, test)
    assert(took, what .. "\n" .. s:logs())
    patience.took(what, took, BAR)
  end

  local function each(fn)
    for _, name in ipairs { "none", "stated" } do fn(all[name], name) end
  end

  local function counts(s, host)
    for _, class in ipairs((s:ask(host, "summary") or { classes = {} }).classes) do
      if class.name == "share" then return class.count, class.digest end
    end
  end

  setup(function()
    if not library then
      why = "libfaketime is not here: core/need.sh test installs it"
      return
    end
    for _, name in ipairs { "none", "stated" } do
      local s, fault = swarm.new { "ada", "bea", "xeno", "donald", "eve" }
      if not s then
        why = fault
        return
      end
      all[name] = s
      swarm.sh(("cp policies/*.lua %s"):format(s.dir))
      folder.write(s.dir .. "/believes.lua", (POLICY:gsub("CLOCK", '"system"')))
      folder.write(s.dir .. "/doubts.lua", (POLICY:gsub("CLOCK", '"auto"')))
      start(s, "xeno", "far", true)
      share(s, "xeno", "x1.bag")
      start(s, "ada", "none")
      share(s, "ada", "a1.bag")
    end
  end)

  teardown(function()
    for _, s in pairs(all) do s:close() end -- any order
  end)

  it("holds and fetches each other's files, started one after the other, beside a member in 2099", function()
    if not all.stated then return pending(why) end
    within(all.none, "a file of 2099 is fetched", function() return has(all.none, "ada", "xeno", "x1.bag") end)
    assert.is_true(all.none:stop "xeno") -- that he was in 2099 outlives this run
    start(all.none, "xeno", "none")
    each(function(s)
      start(s, "bea", "none")
      share(s, "bea", "b1.bag")
    end)
    each(function(s, name)
      within(s, name .. ": two without a clock have each other's file", function()
        return has(s, "ada", "bea", "b1.bag") and has(s, "bea", "ada", "a1.bag") and has(s, "bea", "xeno", "x1.bag")
      end)
      assert.same({ "–", "–" }, { age(s, "ada", "b1.bag"), (age(s, "bea", "x1.bag")) })
    end)
    local state = all.none:ask("xeno", "status").time
    assert.is_true(state.quality == "none" and state.now > 4070000000000, "he is in 2099, and states no clock")
  end)

  it("counts all in equal digests, and brings by repair what a cut wire kept from one", function()
    if not all.stated then return pending(why) end
    each(function(s)
      s.world:run("bea", "ip link set eth0 down")
      share(s, "ada", "a2.bag")
    end)
    each(function(s)
      within(s, "a file is shared while a wire is cut", function() return age(s, "ada", "a2.bag") ~= nil end)
      s.world:run("bea", "ip link set eth0 up")
    end)
    each(function(s, name)
      within(s, name .. ": it comes by repair", function() return has(s, "bea", "ada", "a2.bag") end)
      within(s, name .. ": digests count all", function()
        local n, digest = counts(s, "ada")
        local other, same = counts(s, "bea")
        return n == other and digest == same and n >= 4
      end)
    end)
  end)

  it("goes by no stranger's clock, and by a member's: ages are right then, and he takes what is said", function()
    if not all.stated then return pending(why) end
    local s = all.stated
    start(s, "eve", "right", true)
    within(s, "a stranger is listed, with the clock that he states", function()
      for _, node in ipairs((s:ask("bea", "discover") or { nodes = {} }).nodes) do
        if node.name == "eve" then return node.status == "stranger" and node.via.proved and node.clock == "own" end
      end
    end)
    assert.equal("none", s:ask("bea", "status").time.quality)
    start(s, "donald", "right", true)
    share(s, "donald", "d1.bag")
    within(s, "one honest clock is adopted", function()
      local time = s:ask("bea", "status").time
      return time.quality == "adopted" and math.abs(time.now - os.time() * 1000) < 60000
        and #time.claims == 1 and time.claims[1].name == "donald"
    end)
    share(s, "ada", "a3.bag")
    within(s, "who has a clock takes what is said from then on", function()
      return has(s, "donald", "ada", "a3.bag") and has(s, "bea", "donald", "d1.bag")
    end)
    for host, wanted in pairs { donald = "exact", ada = "~", bea = "~" } do -- any order
      within(s, host .. " shows the age", function()
        local kind, ms = age(s, host, "a3.bag")
        return kind == wanted and ms < 60000 * patience.TIMES
      end)
    end
  end)
end)
