-- time_spec.lua - daemons with clocks of 1970, right, and of 2099, begun, killed, restarted in any order. All real.
--
-- The wall clocks are libfaketime's; the monotonic clock and the files' times stay real. Three labs side by side:
-- `none`: nobody has a clock that could be right, one is in 2099 and believes it; the server is there first.
-- `stated`: one robot comes last and has a right clock; server and the other have none.
-- `late`: the server has the right clock and comes last; one robot has none, one is in 2099.
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local BAR = 15 -- s at rest until a file is on the server's disk

-- Policies: who believes the machine's clock, and who fetches all, however little room there is.
local POLICIES = {
  robot = 'local p = extend "duckiebot"\np.clock = "system"\nreturn p\n',
  replicate = 'local p = extend "server"\nfunction p.clients.logs.fetch() return 5, "all" end\nreturn p\n',
  lab = 'local p = extend "replicate"\np.clock = "system"\nreturn p\n',
}

local function faketime()
  local list = swarm.sh "ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null"
  return list:match "%S+"
end

local function clock_of(library, date)
  return ("LD_PRELOAD=%s FAKETIME='@%s 00:00:00' DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1"):format(library, date)
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

describe("daemons whose clocks are of 1970, right, and of 2099", function()
  local labs, why, library, written = {}, nil, faketime(), {}

  local function lab(name, hosts)
    local s, fault = swarm.new(hosts)
    if not s then
      why = fault
      return nil
    end
    labs[name] = s
    swarm.sh(("cp policies/*.lua %s"):format(s.dir))
    for file, text in pairs(POLICIES) do write(("%s/%s.lua"):format(s.dir, file), text) end -- any order
    return s
  end

  -- Wall clocks: those of 1970 are believed by nobody, whatever the machine's own one is like. The right one is half a
  -- year after the build, so that what is stamped by the build's time has ended where it is known.
  local KINDS = {
    none = { clock = "1970-01-02", robot = "duckiebot.lua", server = "replicate.lua" },
    other = { clock = "1971-03-04", robot = "duckiebot.lua", server = "replicate.lua" },
    right = { clock = os.date("%Y-%m-%d", os.time() + 200 * 86400), robot = "robot.lua", server = "lab.lua" },
    far = { clock = "2099-01-01", robot = "robot.lua", server = "lab.lua" },
  }

  local function start(s, host, kind)
    local given = KINDS[kind]
    s:start(host, s.dir .. "/" .. (host == "server" and given.server or given.robot),
      given.clock and clock_of(library, given.clock))
  end

  local function share(s, host, name, size)
    local path = ("%s/%s"):format(s:path(host, "share"), name)
    swarm.sh(("mkdir -p %s && head -c %d /dev/urandom > %s"):format(s:path(host, "share"), size or 20000, path))
    written[path] = { s = s, host = host, name = name, at = patience.now() }
    return path
  end

  local function on_server(s, path)
    local copy = swarm.sh(("ls %s/files/*/*/%s 2>/dev/null"):format(s:path("server", "state"), written[path].name))
    copy = copy:match "[^\n]+"
    return copy ~= nil and select(2, swarm.sh(("cmp -s %s %s"):format(path, copy))) == 0
  end

  local function gathered(s, paths)
    return swarm.within(BAR, function()
      for _, path in ipairs(paths) do
        if not on_server(s, path) then return false end
      end
      return true
    end) ~= nil
  end

  -- What HOST shows of a file's age: "exact", "about" or "unknown"; what is wrong where it is not right to the minute.
  local function age(s, file)
    local there = written[("%s/%s"):format(s:path(file.from[1].name or "?", "share"), file.names[1])]
    if not there then return file.names[1] .. " was written by nobody" end
    if not file.age_ms then return "unknown" end
    local off = file.age_ms / 1000 - (patience.now() - there.at)
    if math.abs(off) > 60 then return ("%s: off by %d s"):format(file.names[1], off // 1) end
    return file.age_about and "about" or "exact"
  end

  -- The same of all files that HOST reports, where it is one and there are COUNT.
  local function ages(s, host, count)
    local files, kind = (s:ask(host, "report") or { files = {} }).files, nil
    for _, file in ipairs(files) do
      local this = age(s, file)
      if kind and kind ~= this then return ("%s and %s"):format(kind, this) end
      kind = this
    end
    return #files == count and kind or ("%d files"):format(#files)
  end

  local function see_ages(s, host, count, wanted)
    local seen
    local took = swarm.within(BAR, function()
      seen = ages(s, host, count)
      return seen == wanted
    end)
    assert.is_truthy(took, ("%s: %s, not %s\n%s"):format(host, seen, wanted, s:log(host)))
  end

  setup(function()
    if not library then
      why = "libfaketime is not here: core/need.sh test installs it"
      return
    end
    local none = lab("none", { "server", "ada", "bea", "xeno" })
    local stated = none and lab("stated", { "server", "ada", "donald" })
    local late = stated and lab("late", { "server", "ada", "xeno" })
    if not late then return end
    start(none, "server", "none")
    start(stated, "server", "none")
    start(late, "xeno", "far")
    start(late, "ada", "none")
    share(late, "ada", "a1.bag")
    share(late, "xeno", "x1.bag")
    start(none, "xeno", "far")
    start(none, "ada", "none")
    start(stated, "ada", "none")
    share(none, "ada", "a1.bag")
    share(none, "xeno", "x1.bag")
    share(stated, "ada", "a1.bag")
  end)

  teardown(function()
    for _, s in pairs(labs) do s:close() end -- any order
  end)

  it("have every file on the server's disk soon, whoever came first, and show no age that nobody knows", function()
    if not labs.late then return pending(why) end
    for _, name in ipairs { "none", "stated" } do
      local s = labs[name]
      local paths = { s:path("ada", "share") .. "/a1.bag" }
      if name == "none" then paths[2] = s:path("xeno", "share") .. "/x1.bag" end
      assert.is_true(gathered(s, paths), s:logs())
      see_ages(s, "server", #paths, "unknown")
      see_ages(s, "ada", #paths, "unknown")
    end
    local told = "This machine's clock is not synchronised, and nobody here states a time:"
    assert.truthy(labs.none:cli("server", "status"):find(told, 1, true))
    assert.truthy(labs.stated:cli("ada", "report"):find "a1%.bag +20%.0 kB +ada +– ")
    see_ages(labs.late, "ada", 2, "unknown")
    start(labs.late, "server", "right") -- the last ones of these labs come while the next spec looks elsewhere
    start(labs.stated, "donald", "right")
    share(labs.stated, "donald", "d1.bag")
  end)

  it("take a fetch up at once that a kill broke off, and lose nobody's files as robots come and go", function()
    if not labs.late then return pending(why) end
    local s = labs.none
    -- Slow enough that a busy machine, too, finds it in the middle; it is quick again as soon as it was found.
    s.world:run("ada", "tc qdisc add dev eth0 root tbf rate 2mbit burst 64k latency 200ms")
    local big = share(s, "ada", "big.bag", 6000000)
    local function is_fetching() return #(s:ask("server", "files") or { fetching = {} }).fetching > 0 end
    assert.is_truthy(swarm.within(BAR, is_fetching), s:logs())
    assert.is_true(s:stop("server", "KILL"))
    assert.is_false(on_server(s, big), "it was killed in the middle")
    start(s, "server", "none")
    assert.is_truthy(swarm.within(BAR, function() return is_fetching() or on_server(s, big) end), s:logs())
    s.world:run("ada", "tc qdisc del dev eth0 root")
    assert.is_true(gathered(s, { big }), s:logs())
    assert.is_true(s:stop("server", "KILL"))
    assert.is_true(s:stop "ada")
    start(s, "bea", "other")
    start(s, "ada", "other")
    local new = { share(s, "ada", "a2.bag"), share(s, "bea", "b1.bag") }
    start(s, "server", "none")
    table.insert(new, share(s, "xeno", "x2.bag"))
    assert.is_true(gathered(s, new), s:logs())
    for _, host in ipairs { "server", "bea" } do see_ages(s, host, 6, "unknown") end
  end)

  -- His last beacon named the build's time; his first word says that he has a clock, and comes before the next beacon.
  it("go by the time of a robot that starts again with a clock, never by that of his run before", function()
    if not labs.late then return pending(why) end
    local s, time = labs.none, nil
    assert.is_true(s:stop("bea", "KILL"))
    start(s, "bea", "right")
    assert.is_truthy(swarm.within(BAR, function()
      time = s:ask("server", "status").time
      return time.quality == "adopted"
    end), s:logs())
    local off = s:ask("bea", "status").time.now - time.now
    assert.is_true(math.abs(off) < 60000, ("off by %d s"):format(off // 1000))
    assert.same({ "bea" }, { time.claims[1].name, time.claims[2] }, "the one of 2099 counts for nothing")
    local function b1(host)
      for _, file in ipairs(s:ask(host, "report").files) do
        if file.names[1] == "b1.bag" then return age(s, file) end
      end
    end
    local seen
    for host, wanted in pairs { bea = "exact", server = "about" } do -- any order
      assert.is_truthy(swarm.within(BAR, function()
        seen = b1(host)
        return seen == wanted
      end), ("%s: %s\n%s"):format(host, seen, s:logs()))
    end
  end)

  it("show ages about right once one states a clock, to the minute, also of what was shared before", function()
    if not labs.late then return pending(why) end
    local s = labs.stated
    for _, host in ipairs { "server", "ada" } do see_ages(s, host, 2, "about") end
    see_ages(s, "donald", 2, "exact")
    assert.truthy(s:cli("ada", "report"):find "a1%.bag +20%.0 kB +ada +~%d+ %l+ ")
    assert.is_true(s:stop("server", "KILL"))
    assert.is_true(s:stop("ada", "KILL"))
    local d2 = share(s, "donald", "d2.bag")
    start(s, "ada", "other")
    start(s, "server", "none")
    local d1, a2 = s:path("donald", "share") .. "/d1.bag", share(s, "ada", "a2.bag")
    assert.is_true(gathered(s, { d1, d2, a2 }), s:logs())
    for _, host in ipairs { "server", "ada" } do see_ages(s, host, 4, "about") end
    see_ages(s, "donald", 4, "exact")
  end)

  it("show exact ages where the clock is right, though it comes last; words of 2099 are refused there", function()
    if not labs.late then return pending(why) end
    local s = labs.late
    assert.is_true(gathered(s, { s:path("ada", "share") .. "/a1.bag" }), s:logs())
    see_ages(s, "server", 1, "exact")
    assert.is_true(s:stop("ada", "KILL"))
    start(s, "ada", "other")
    assert.is_true(gathered(s, { share(s, "ada", "a2.bag") }), s:logs())
    see_ages(s, "server", 2, "exact")
    assert.is_truthy(swarm.within(BAR, function() return (s:ask("server", "status").refused.future or 0) > 0 end))
    assert.is_false(on_server(s, s:path("xeno", "share") .. "/x1.bag"), "nobody can tell when it was")
  end)
end)
