-- A lab in ten minutes: `lab init`, and one file copied to each robot; the rest comes by itself. Whole daemons on hosts
-- of their own, none of which has a clock that is proved. DT_SWARM_SOAK=1: 30 robots.
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local ROBOTS <const> = os.getenv "DT_SWARM_SOAK" and 30 or 12

describe("a lab in ten minutes", function()
  local robots, hosts = {}, { "desk" }
  for i = 1, ROBOTS do
    robots[i] = ("duckie%02d"):format(i)
    hosts[i + 1] = robots[i]
  end

  local s, agent
  setup(function()
    local why
    s, why = swarm.new(hosts)
    if not s then error("no namespaces: " .. why) end
  end)
  teardown(function()
    if agent then swarm.sh("kill " .. agent) end
    s:close()
  end)

  -- The teacher at the desk, whose agent has the key; no terminal, so that nobody could be asked for a passphrase.
  local function teacher(command, by_socket)
    local home = s:path("desk", "")
    local host = by_socket and s:path("desk", "state/control.sock") or ""
    return swarm.sh(("cd %s && env -i HOME=%s XDG_CONFIG_HOME=%s SSH_AUTH_SOCK=%sagent PATH=\"$PATH\" setsid -w \z
      %s/dt-swarm-cli %s %s </dev/null"):format(home, home, home, home, os.getenv "PWD", host, command))
  end

  -- Names of the members in HOST's `trust list`, but for the desk and the teacher, sorted; as one text.
  local function members_at(host)
    local answer, names = s:ask(host, "trust list"), {}
    for _, row in ipairs(answer and answer.keys or {}) do
      if row.role == "member" and row.name ~= "desk" then names[#names + 1] = row.name end
    end
    table.sort(names)
    return table.concat(names, " ")
  end

  local ALL <const> = table.concat(robots, " ")

  local function all_see_all(list)
    for _, host in ipairs(list) do
      if members_at(host) ~= ALL then return false end
    end
    return true
  end

  local function said(what, bar, seconds)
    if seconds then patience.took(what, seconds, bar) end
    return seconds
  end

  it("takes lab init and one file on each robot, and nobody else", function()
    local home = s:path("desk", "")
    swarm.sh(("mkdir -p -m 700 %sdt-swarm && ssh-keygen -q -t ed25519 -N 'a secret' -C teacher -f %sdt-swarm/operator")
      :format(home, home))
    swarm.sh(("printf '#!/bin/sh\\necho a secret\\n' > %sask && chmod 700 %sask"):format(home, home))
    agent = swarm.sh(("ssh-agent -a %sagent"):format(home)):match "SSH_AGENT_PID=(%d+)"
    swarm.sh(("env SSH_AUTH_SOCK=%sagent SSH_ASKPASS=%sask SSH_ASKPASS_REQUIRE=force ssh-add -q %sdt-swarm/operator")
      :format(home, home, home))
    local text, code = teacher "lab init robotics --yes"
    assert.equal(0, code, text)
    for _, robot in ipairs(robots) do
      swarm.sh(("mkdir -p -m 700 %s && cp %srobotics.lab %s/lab"):format(s:path(robot, "dt-swarm"), home,
        s:path(robot, "dt-swarm")))
    end
    for _, robot in ipairs(robots) do s:start(robot, "policies/duckiebot.lua") end
    assert(said("all robots were in each other's trust list, the desk off", 30, swarm.within(30, function()
      return all_see_all(robots)
    end)), s:cli(robots[1], "trust list") .. s:log(robots[1]))
    s:start("desk", "policies/duckiebot.lua")
    assert(said("the desk listed all", 10, swarm.within(10, function() return members_at "desk" == ALL end)),
      s:cli("desk", "trust list"))
  end)

  it("is confirmed by one command, which signs nothing where the number is wrong", function()
    local text, code = teacher(("trust confirm images --expect %d --cancel --yes"):format(ROBOTS - 1), true)
    assert.equal(1, code, text)
    assert.matches(("^%d robots came in by that token, not %d; nothing was signed. The last to come: "):format(ROBOTS,
      ROBOTS - 1), text)
    assert.matches("duckie%d%d %w%w%w%w", text)
    local before = s:ask("desk", "trust list")
    for _, row in ipairs(before.keys) do assert.is_true(row.role == "root" or not row.signed, row.name) end
    text, code = teacher(("trust confirm images --expect %d --cancel --yes"):format(ROBOTS), true)
    assert.equal(0, code, text)
    assert.matches(("Signed for %d, token images cancelled."):format(ROBOTS), text)
    assert(said("all robots knew that they are signed for", 10, swarm.within(10, function()
      for _, robot in ipairs(robots) do
        local answer = s:ask(robot, "trust list")
        for _, row in ipairs(answer and answer.keys or {}) do
          if row.role == "member" and row.name ~= "desk" and not row.signed then return false end
        end
        if not answer then return false end
      end
      return all_see_all(robots)
    end)), s:cli(robots[1], "trust list"))
  end)
end)
