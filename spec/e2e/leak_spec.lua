-- leak_spec.lua - somebody has a copy of the lab file: what he can do with its token, and what one command does about
-- it. Whole daemons, a real ssh-agent. DT_SWARM_SOAK=1: 30 robots.
local call = require "cli.call"
local folder = require "spec.folder"
local hash = require "core.hash"
local json = require "core.json"
local key = require "core.key"
local labs = require "spec.labs"
local net = require "core.net"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local ROBOTS <const> = os.getenv "DT_SWARM_SOAK" and 30 or 12
local STRANGERS <const> = 20
local SLEEPER <const> = "duckie03" -- is cut off when it happens

local function name_of(i) return ("duckie%02d"):format(i) end

describe("a lab file that somebody copied", function()
  local s, why, loop, agent, lab, hosts, ids, strangers, heard, talks

  -- The command line at the desk, with the person's agent.
  local function desk(command)
    local home = s:path("desk", "")
    return swarm.sh(("cd %s && env HOME=%s XDG_CONFIG_HOME=%s SSH_AUTH_SOCK=%s/agent %s/dt-swarm-cli %s %s"):format(
      s.dir, home, home, s.dir, s.here, s:path("desk", "state/control.sock"), command))
  end

  local function ask(host, request)
    local stream = net.unix_connect(s:path(host, "state/control.sock"))
    return stream and call.ask(loop, stream, request, 30000) or {} -- ms, on a busy machine
  end

  -- Names of those who stand at HOST, sorted, with how often each.
  local function standing(host)
    local names = {}
    for i, row in ipairs(ask(host, { command = "trust" }).keys or {}) do names[i] = row.name or "?" end
    table.sort(names)
    return table.concat(names, " ")
  end

  -- Those who should stand: the desk, the root key's owner, robots, and MORE.
  local function expected(more)
    local names = { "desk", "teacher" }
    for i = 1, ROBOTS do names[#names + 1] = name_of(i) end
    for _, name in ipairs(more or {}) do names[#names + 1] = name end
    table.sort(names)
    return table.concat(names, " ")
  end

  -- The ghost's daemon hands in LINES as if it had heard them. → results
  local function offer(lines) return ask("ghost", { command = "offer", lines = json.array(lines) }).results end

  -- A key of the stranger that is called NAME.
  local function stranger(name)
    local one = key.generate(hash.blake2b("stranger " .. name))
    return { key = one, id = one:id(), name = name }
  end

  local function say(signer, fields)
    fields.at = math.max(ask("ghost", { command = "stamp", signer = signer:id() }).now, (lab.at or 0) + 1)
    lab.at = fields.at
    return labs.sign(signer, lab.swarm, fields).line
  end

  -- The line by which the stranger ONE comes in.
  local function enrolment(one)
    return say(one.key, { bucket = "trust/enrolled", data = { name = one.name, token = lab.token.id,
      proof = lab.key:sign("enrol", lab.swarm, one.id) } })
  end

  -- What happens to members at each node, as `watch trust` tells it.
  local function listen(host)
    local stream = assert(net.unix_connect(s:path(host, "state/control.sock")))
    heard[host] = {}
    talks[host] = call.begin(loop, stream, { command = "watch", topics = json.array { "trust" } }, nil, function(event)
      if event and event.event == "stranger" then heard[host][event.id] = event.why end
    end)
  end

  local function lost(host)
    local n, robots = 0, {}
    for id in pairs(heard[host]) do
      n = n + 1
      if ids[id] then robots[#robots + 1] = ids[id] end
    end
    return n, robots
  end

  -- Has HOST heard that the token is cancelled?
  local function has_heard(host)
    local found = ask(host, { command = "record", bucket = "trust/tokens", key = lab.token.id })
    return found.dismissals ~= nil and found.dismissals[1] ~= nil
  end

  setup(function()
    hosts = { "desk", "ghost" }
    for i = 1, ROBOTS do hosts[#hosts + 1] = name_of(i) end
    s, why = swarm.new(hosts, nil, { names = { ghost = "ghost01" } })
    if not s then return end
    loop = require("loop").new { on_error = function(text) error(text, 0) end }
    heard, talks, ids, strangers = {}, {}, {}, {}
    local home = s:path("desk", "dt-swarm")
    swarm.sh(("mkdir -p %s && ssh-keygen -q -t ed25519 -N '' -C teacher -f %s/operator"):format(home, home))
    agent = swarm.sh(("ssh-agent -a %s/agent"):format(s.dir)):match "SSH_AGENT_PID=(%d+)"
    swarm.sh(("SSH_AUTH_SOCK=%s/agent ssh-add -q %s/operator"):format(s.dir, home))
  end)

  teardown(function()
    if not s then return end
    for _, talk in pairs(talks) do talk:close() end
    if agent then swarm.sh("kill " .. agent) end
    s:close()
    loop:close()
  end)

  it("lets in whoever has it: all are listed, with the token that let them in", function()
    if not s then return pending(why) end
    local said, code = desk "lab init robotics --yes"
    assert.equal(0, code, said)
    local content = folder.read(s.dir .. "/robotics.lab")
    lab = assert(require("dcache.lab").read(content))
    lab.key = key.generate(require("core.text").unbase64url(lab.token.seed))
    for _, host in ipairs(hosts) do
      if host ~= "desk" then
        swarm.sh("mkdir -p " .. s:path(host, "dt-swarm"))
        folder.write(s:path(host, "dt-swarm/lab"), content)
      end
      s:start(host)
    end
    for i = 2, STRANGERS do strangers[i - 1] = stranger(("ghost%02d"):format(i)) end
    assert.is_truthy(swarm.within(10, function() return standing "desk" == expected { "ghost01" } end),
      standing "desk" .. s:log "desk")
    local lines = {}
    for i, one in ipairs(strangers) do lines[i] = enrolment(one) end
    offer(lines)
    local names = { "ghost01" }
    for i, one in ipairs(strangers) do names[i + 1] = one.name end
    for _, host in ipairs(hosts) do
      assert.is_truthy(swarm.within(10, function() return standing(host) == expected(names) end),
        host .. ": " .. standing(host))
      listen(host)
    end
    for _, row in ipairs(ask("desk", { command = "trust" }).keys) do
      if row.name:find "^duckie" then ids[row.id] = row.name end
      assert.equal(row.name == "desk" and "desk" or row.name ~= "teacher" and "images" or nil,
        row.token and row.token.name, row.name)
    end
    said = desk "trust list"
    assert.matches(("%d came in by token images"):format(ROBOTS + STRANGERS), said)
    assert.matches("ghost13 +%w+ +member +token images", said)
  end)

  it("ends no membership, grants no role, revokes nobody: each is refused by its word", function()
    if not s then return pending(why) end
    local robot
    for id, name in pairs(ids) do robot = name == "duckie01" and id or robot end
    local member = strangers[1].key
    local tries = {
      { bucket = "trust/enrolled", key = robot },
      { bucket = "trust/revoked", key = robot, data = { why = "mine" } },
      { bucket = "trust/grants", key = strangers[2].id, data = { name = "x", role = "trusted", tags = json.array {} } },
    }
    for _, fields in ipairs(tries) do
      local copy = { bucket = fields.bucket, key = fields.key, data = fields.data }
      assert.equal("stranger", offer({ say(lab.key, copy) })[1].word, "the token's key signs no statements")
      offer { say(member, fields) }
      local found = ask("ghost", { command = "record", bucket = fields.bucket, key = fields.key })
      local of_all = found.dismissals or {}
      for _, one in ipairs(found.proposals or {}) do
        of_all = table.move(one.statements, 1, #one.statements, #of_all + 1, of_all)
      end
      for _, st in ipairs(of_all) do
        if st.signer.id == member:id() then
          assert.is_false(st.counts)
          assert.matches(fields.bucket == "trust/enrolled" and "owner" or "permission", st.fault)
        end
      end
    end
    assert.matches("duckie01", standing "desk")
  end)

  it("confirmed with the wrong number, signs nothing and names who came last", function()
    if not s then return pending(why) end
    local liar = stranger "duckie99"
    assert.matches("still lets in", desk "trust confirm images --only '' --expect 0 --yes", "and so it does:")
    offer { enrolment(liar) }
    assert.is_truthy(swarm.within(10, function() return standing("desk"):find "duckie99" end))
    local said, code = desk(("trust confirm images --only 'duckie*' --expect %d --cancel --yes"):format(ROBOTS))
    assert.equal(1, code)
    assert.matches(("%d robots came in .*nothing was signed.*The last to come: duckie99"):format(ROBOTS + 1), said)
    said, code = desk "trust revoke duckie99 --why 'not ours' --yes"
    assert.equal(0, code, said)
    for _, host in ipairs(hosts) do
      assert.is_truthy(swarm.within(10, function() return not standing(host):find "duckie99" end), host)
    end
  end)

  it("keeps exactly the robots and makes strangers of exactly the others, on every node", function()
    if not s then return pending(why) end
    s.world:cut(SLEEPER)
    local words = ("trust confirm images --only 'duckie*' --expect %d --cancel --yes"):format(ROBOTS)
    local began = patience.now()
    desk(words .. (" >%s/said 2>&1 &"):format(s.dir))
    local function awake(fn)
      for _, host in ipairs(hosts) do
        if host ~= SLEEPER and host ~= "ghost" then fn(host) end
      end
    end
    awake(function(host)
      assert.is_truthy(swarm.within(5, function() return has_heard(host) end), host)
    end)
    assert.is_false(has_heard(SLEEPER), "it was cut off")
    s.world:heal(SLEEPER)
    local healed = patience.now()
    local function until_apart(host)
      assert.is_truthy(swarm.within(10, function() return standing(host) == expected() end),
        host .. ": " .. standing(host) .. s:log(host))
    end
    awake(until_apart)
    patience.took("all but one know who is in", patience.now() - began, 10)
    until_apart(SLEEPER)
    patience.took("the one that was cut off", patience.now() - healed, 10)
    assert.is_truthy(swarm.within(5, function() return (folder.read(s.dir .. "/said") or ""):find "Strangers now" end))
    assert.matches(("Signed for %d, token images cancelled. Strangers now: ghost01 "):format(ROBOTS),
      folder.read(s.dir .. "/said"))
    for _, host in ipairs(hosts) do
      if host ~= "ghost" then
        swarm.within(5, function() -- what happens is told after it is answered: each question lets more of it in
          standing(host)
          return lost(host) == STRANGERS + 1
        end)
        local n, robots = lost(host)
        assert.same({}, robots, host .. ": a robot was a stranger for a moment")
        assert.equal(STRANGERS + 1, n, host)
      end
    end
  end)

  it("lets nobody in any more", function()
    if not s then return pending(why) end
    local late = stranger "late"
    assert.equal("stranger", offer({ enrolment(late) })[1].word)
    assert.equal(expected(), standing "desk")
  end)
end)
