-- alerts_spec.lua - the disk of a robot fills: servers that have a program `notify` run it, on its LAN and, by `level`
-- alone, far from it; programs that may not be run are not, and those that do not end are ended. Whole daemons.
-- mostly waits: for looks at the sensors, and for programs
local folder = require "spec.folder"
local json = require "core.json"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local TOLD <const> = 20 -- s until a program was run
local NOTIFY <const> = "#!/bin/sh\ncat >> %stold\necho run >> %sruns\n%s\n"
local POLICY <const> = [[
local p = extend "%s"
p.clock = "system"
p.clients.diagnostics.every = 1
%s
return p
]]
local LINK <const> = 'table.insert(p.routing.channels, "/ip4/%s/tcp/3825/dswarm-line")\n'
-- What is wrong with the machine on which this runs is none of theirs: warned of that, ada would never be well.
local NO_CHECKS <const> = "p.clients.diagnostics.checks = {}"
local DISK_ONLY <const> = [[
p.clients.diagnostics.checks = { { id = "share_low", summary = "The disk is nearly full.", cure = "Remove files." } }
]]

-- Servers of the robot's LAN: what is done to their `notify`, and what the log says then; "": it is run.
local REFUSED <const> = {
  loose = { "chmod 0777 NOTIFY", "notify is not run" },
  linked = { "mv NOTIFY NOTIFY.real && ln -s NOTIFY.real NOTIFY", "notify is not run" },
  alien = { "chown 61001 NOTIFY", "notify is not run" },
}
local ENDED <const> = { hangs = { "exec sleep 3600", "longer than 10 s" }, loud = { "exec yes", "more than 64 KiB" } }

describe("a robot that falls ill", function()
  local s

  local function home(host) return s:path(host, "") end

  local function put_notify(host, more)
    local path = home(host) .. "dt-swarm/notify"
    s.sh(("mkdir -p -m 0755 %sdt-swarm"):format(home(host)))
    folder.write(path, NOTIFY:format(home(host), home(host), more or ""))
    local text, code = s.sh("chmod 0755 " .. path)
    assert(code == 0, text)
    return path
  end

  local function start(host, kind, more)
    folder.write(("%s/%s.lua"):format(s.dir, host), POLICY:format(kind, more or ""))
    s:start(host, ("%s/%s.lua"):format(s.dir, host))
  end

  setup(function()
    local lan = { "ada", "sue", "tim", "loose", "linked", "alien", "hangs", "loud" }
    local hosts = table.move(lan, 1, #lan, 2, { "hub" })
    local why
    s, why = swarm.new(hosts, nil, { wire = true, nat = { north = lan }, seed = 11, public = true, ipv6 = false })
    assert(s, why)
    s:disk("ada", "share", 64)
    for _, host in ipairs { "hub", "sue" } do put_notify(host) end
    for host, one in pairs(REFUSED) do -- any order
      local text, code = s.sh((one[1]:gsub("NOTIFY", put_notify(host))))
      assert(code == 0, text)
    end
    for host, one in pairs(ENDED) do put_notify(host, one[1]) end -- any order
    for _, host in ipairs(hosts) do
      if host ~= "ada" then start(host, "server", NO_CHECKS) end
    end
    start("ada", "duckiebot", LINK:format(s.world:address "hub") .. DISK_ONLY)
  end)
  teardown(function() s:close() end)

  local function lines(host, name)
    local list = {}
    for line in (folder.read(home(host) .. name) or ""):gmatch "[^\n]+" do list[#list + 1] = line end
    return list
  end

  local function wait(bar, what, test)
    local took = s.within(bar, test)
    if not took then error(("%s\n%s%s\n%s"):format(what, s:cli("sue", "health"), s:cli("hub", "health"), s:logs())) end
    return took
  end

  -- The level that HOST shows of ada.
  local function level(host)
    for _, row in ipairs((s:ask(host, "discover") or { nodes = {} }).nodes) do
      if row.name == "ada" then return row.level end
    end
  end

  local function fill(is_full)
    local text, code = s.sh(is_full and ("dd if=/dev/zero of=%s/.fill bs=1M 2>&1; true"):format(s:path("ada", "share"))
      or ("rm %s/.fill"):format(s:path("ada", "share")))
    assert(code == 0, text)
  end

  -- The change about ada in the line number N that HOST's program was told.
  local function told(host, n)
    local line = lines(host, "told")[n]
    for _, change in ipairs(line and json.decode(line).changes or {}) do
      if change.name == "ada" and change.level == "error" then return change end
    end
  end

  it("is told of by each that has a program, once; far away by its level alone", function()
    wait(60, "well everywhere", function()
      return level "sue" == "ok" and level "hub" == "ok" and level "tim"
    end)
    assert.same({}, lines("sue", "runs"))
    fill(true)
    local took = wait(TOLD, "told", function() return told("sue", 1) and told("hub", 1) end)
    patience.took("who has a program is told that a disk is full", took, TOLD)
    local near, far = told("sue", 1), told("hub", 1)
    assert.same({ "share_low", "error" }, { near.check, near.level })
    assert.same({ nil, "error" }, { far.check, far.level })
    wait(TOLD, "all know", function() return level "tim" == "error" end)
  end)

  it("is not told of again by a program whose daemon was started anew, cleanly or not", function()
    assert(swarm.within(30, function()
      return (folder.read(s:path("sue", "state") .. "/alerts") or ""):find('"error"', 1, true)
    end), "who was told of is on the disk soon")
    for _, signal in ipairs { "KILL", "TERM" } do
      s:stop("sue", signal)
      start("sue", "server", NO_CHECKS)
      wait(60, "sue hears it again", function() return level "sue" == "error" end)
    end
    swarm.sh "sleep 5"
    assert.equal(1, #lines("sue", "runs"))
  end)

  it("has no program run that others can write, that is a link or a stranger's; one that does not end is ended",
    function()
      for host, one in pairs(REFUSED) do -- any order
        wait(TOLD, host, function() return s:log(host):find(one[2], 1, true) end)
        assert.same({}, lines(host, "runs"), host)
      end
      for host, one in pairs(ENDED) do -- any order
        wait(30, host, function() return s:log(host):find(one[2], 1, true) end)
        assert.same(1, #lines(host, "runs"), host)
      end
      assert.is_nil(s:log "tim":find("notify", 1, true), "who has none says nothing of it")
      assert.same({ 1, 1, 1 }, { #lines("sue", "runs"), #lines("sue", "told"), #lines("hub", "runs") })
    end)

  -- A program is run once in a minute at most.
  if SOAK then
    it("is told of again only after it was well", function()
      local over = patience.now() + 70
      while patience.now() < over do
        assert.equal(1, #lines("sue", "runs"))
        swarm.sh "sleep 2"
      end
      fill(false)
      wait(TOLD, "well again", function() return level "sue" == "ok" and level "hub" == "ok" end)
      fill(true)
      wait(100, "told again", function() return told("sue", 2) and told("hub", 2) end)
    end)
  end
end)
