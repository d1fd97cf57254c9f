-- daemon_trial_spec.lua - a new policy on a running daemon: what brings the good one back, and who may say that it
-- stays. The rules one by one, by a clock of the spec's own: spec/trial_spec.lua.
local folder = require "spec.folder"
local loopback = require "spec.loopback"
local patience = require "spec.patience"
local process = require "spec.process"

local within = process.within
local SOAK = os.getenv "DT_SWARM_SOAK"
local is_root = os.execute "test $(id -u) = 0"
local own_mounts = is_root and "-m" or "-rm"

describe("a policy on trial", function()
  local w, ada
  before_each(function() w = process.new() end)
  after_each(function() w:close() end)

  local function policy(body) return w:policy("ada.lua", "p.clients.logs.gateway = false\n" .. body) end

  -- What the command line says to a command of ada's daemon that is carried out.
  local function ok(command)
    local said, code = ada:cli(command)
    assert.equal(0, code, said)
    return said
  end

  local function tags()
    local answer = ada:ask "policy show tags"
    return answer and answer.settings[1] and answer.settings[1].value
  end

  local function has(tag) return within(10, function() return tags() == tag end) end

  local function facts() return ada:ask("status").policy end

  -- Begins with a good policy: tags "good".
  local function begin(options)
    options = options or {}
    options.policy = policy "p.tags = { 'good' }"
    ada = w:start("ada", options)
    ok "policy confirm"
    return options
  end

  it("stays when who asked confirms it by a new connection, and goes back when nobody does", function()
    begin()
    assert.truthy(ada:channel "udp") -- before it hears by itself of the change
    policy "p.tags = { 'new' } p.routing.channels = {}" -- it cuts the robot off
    local beside = ada:connect() -- it answers sooner than a new process asks, before a busy machine goes back
    local said = ok "policy reload --confirm 6" -- time for the next question, though all stand still for some seconds
    local status = beside:ask { command = "status" }
    beside:close()
    assert.same({}, status.channels)
    assert.truthy(said:find("policy confirm", 1, true), said)
    assert.truthy(status.policy.trial.confirm)
    assert.truthy(has "good", ada:log())
    assert.truthy(ada:log():find "good one comes back.*nobody confirmed it in time", ada:log())
    assert.truthy(ada:cli "status":gsub("%s+", " "):find("this text failed before: nobody confirmed", 1, true))
    assert.truthy(within(10, function() return ada:channel "udp" end), ada:log()) -- a busy machine opens it later
    os.execute "sleep 0.3" -- were the file tried again by itself, it would be by now
    assert.equal("good", tags())
    ok "policy reload --confirm 60"
    assert.equal("new", tags())
    ok "policy confirm"
    assert.is_nil(facts().trial)
    assert.equal(0, ada:stop())
    ada = w:start("ada", { policy = w.dir .. "/ada.lua" })
    assert.equal("new", tags())
    assert.is_nil(facts().trial)
  end)

  it("is not confirmed by a connection that was there before the change", function()
    begin()
    local one = ada:connect()
    policy "p.tags = { 'new' }"
    assert.equal(60, one:ask { command = "reload", confirm = 60 }.trial.seconds)
    assert.equal("permission", one:ask { command = "policy-confirm" }.error.word)
    assert.is_true(facts().trial.confirm)
    one:close()
    ok "policy confirm"
  end)

  it("goes back at once by rollback, and once more to the good one before it", function()
    begin()
    policy "p.tags = { 'second' }"
    ok "policy reload"
    ok "policy confirm"
    policy "p.tags = { 'third' }"
    ok "policy reload"
    assert.equal("third", tags())
    ok "policy rollback"
    assert.equal("second", tags())
    ok "policy rollback"
    assert.equal("good", tags())
    local said, code = ada:cli "policy rollback"
    assert.equal(1, code, said)
  end)

  it("is not blamed for an end that was asked for, at whatever moment of a new start that comes", function()
    begin()
    for round = 0, 3 do
      policy(("p.swarm = 'lab-%d'"):format(round)) -- for which the daemon starts anew, once it looked at the file
      assert.truthy(within(10, function() return ada:log():find "starts anew" end), ada:log())
      os.execute(("sleep %.2f"):format(round * 0.07))
      assert.equal(0, ada:stop(), ada:log())
      ada = w:start("ada", { policy = w.dir .. "/ada.lua" })
      assert.is_nil(ada:log():find "failed", ada:log())
      assert.equal("lab-" .. round, ada:ask "status".node.swarm)
    end
  end)

  it("is gone at the next start after a crash, also of a restart; one that was good before is not", function()
    local options = begin()
    policy "p.tags = { 'new' }"
    ok "policy reload"
    ada:stop "KILL"
    ada = w:start("ada", options)
    assert.equal("good", tags(), ada:out() .. ada:log())
    assert.truthy(ada:log():find "crashed while it was on trial", ada:log())
    assert.truthy(facts().refusal)
    assert.truthy(ada:reload(function() -- else it may start anew by itself, before that is asked
      policy(("p.tags = { 'restarts' }\np.clients.logs.gateway = '/ip4/127.0.0.1/tcp/%d'"):format(loopback.free_port()))
    end))
    assert.truthy(has "restarts", ada:log())
    assert.is_nil(ada:log():find "restarts.*came back")
    assert.truthy(facts().trial, "the trial goes on after the restart")
    ada:stop "KILL"
    ada = w:start("ada", options)
    assert.equal("good", tags())
    ada:stop "KILL"
    ada = w:start("ada", options)
    assert.equal("good", tags())
    assert.is_nil(facts().fallen)
  end)

  -- The words before dt-swarm that have it see another boot of the system.
  local function other_boot()
    local id = w.dir .. "/boot_id"
    folder.write(id, "00000000-1111-4222-8333-444444444444\n")
    return ("unshare %s sh -c 'mount --bind %s /proc/sys/kernel/random/boot_id && exec ./dt-swarm \"$@\"' x"):format(
      own_mounts, id)
  end

  it("that cut the robot off is gone when the power went meanwhile; one without --confirm stays",
    function()
      local options = begin()
      policy "p.routing.channels = {}"
      ok "policy reload --confirm 3600"
      assert.is_nil(ada:channel "udp")
      ada:stop "KILL"
      options.command = other_boot()
      ada = w:start("ada", options)
      assert.truthy(ada:channel "udp", ada:out() .. ada:log())
      assert.truthy(ada:log():find "the power went before it was confirmed")
      policy "p.tags = { 'new' }"
      assert.truthy(has "new", ada:log())
      ada:stop "KILL"
      options.command = nil -- the first boot is another one than that
      ada = w:start("ada", options)
      assert.equal("new", tags())
      assert.is_false(facts().trial.confirm)
      ada:stop "KILL"
      ada = w:start("ada", options)
      assert.equal("good", tags())
    end)

  it("goes after five errors of its hooks, which the log tells", function()
    begin()
    policy("p.tags = { 'new' } p.clients.logs.settle.least = 0.2 function p.clients.logs.share(file) "
      .. "if file.size == 5 then return file.size // (file.size - 5) end end")
    ok "policy reload"
    for i = 1, 6 do folder.write(("%s/%d.bag"):format(ada.share, i), "hello") end
    assert.truthy(has "good", ada:log())
    assert.truthy(ada:log():find "5 errors of its hooks, the last in clients.logs.share", ada:log())
    assert.equal(1, facts().trials.rolled_back)
  end)

  it("is not read by a service where its file is broken: the good one is, and others see it by a !", function()
    local options = begin()
    assert.equal(0, ada:stop())
    local bea = w:start("bea", { policy = w:policy("bea.lua", "") })
    policy "p.tags = = 1"
    ada = w:start("ada", options)
    assert.equal("good", tags())
    assert.truthy(ada:cli "status":gsub("%s+", " "):find("ada.lua:4: ", 1, true))
    local _, _, code = w:run(w:words("ada", options)) -- a person looks on
    assert.equal(2, code)
    local own = facts().hash
    assert.truthy(within(10, function()
      for _, node in ipairs(bea:ask "discover".nodes) do
        if node.policy == "!" .. own then return true end
      end
    end), bea:log())
    local said = bea:cli "discover --wide":gsub("%s+", " ")
    assert.truthy(said:find("1 of 2 run the policy of this node. A newer one was refused by ada (!).", 1, true), said)
  end)

  -- Asks, and has the daemon killed before its WHICH-th CALL of one kind that brings something to the disk. → was it?
  local function killed(call, which, command)
    local pipe = io.popen(("{ strace -f -qq -p %d -o /dev/null -e inject=%s:signal=SIGKILL:when=%d & echo $!; } 2>&1")
      :format(ada.pid, call, which))
    local tracer = pipe:read "n"
    within(5, function() -- all its threads
      return not os.execute(("grep -qs '^TracerPid:[[:space:]]*0$' /proc/%d/task/*/status"):format(ada.pid))
    end)
    ada:cli(command)
    -- It may die a moment after it answered; where nobody listens any more it is dead, however late that is told.
    local is_dead = patience.within(0.05, function() return ada:code() or select(2, ada:cli "identity") == 2 end) ~= nil
    if is_dead then assert(within(10, function() return ada:code() end), "it is told as dead") end
    os.execute(("kill %d 2>/dev/null"):format(tracer))
    pipe:close()
    return is_dead
  end

  local function good_again()
    policy "p.tags = { 'good' }"
    ada:cli "policy reload"
    ada:cli "policy confirm"
    assert.equal("good", tags(), ada:log())
  end

  local TRIED = "policy reload --confirm 60"
  local KILLS = SOAK and {} or { { TRIED, nil, "rename", 1 }, { "policy confirm", TRIED, "rename", 2 },
    { "policy rollback", TRIED, "fsync", 1 } }
  for _, case in ipairs(SOAK and { { TRIED }, { "policy confirm", TRIED }, { "policy rollback", TRIED } } or {}) do
    for _, call in ipairs { "unlink", "fdatasync", "rename", "fsync" } do
      for which = 1, 3 do KILLS[#KILLS + 1] = { case[1], case[2], call, which } end
    end
  end

  it("or the old one is there after a SIGKILL at any write of reload, confirm and rollback", function()
    local options, kills = begin(), 0
    for i, case in ipairs(KILLS) do
      local command, before, call, which = table.unpack(case, 1, 4)
      if SOAK then -- three crashes in a minute would be too many for the good one
        assert.equal(0, ada:stop())
        ada = w:start("ada", options)
      end
      good_again()
      policy(("p.tags = { 'new' } -- %d"):format(i))
      if before then ok(before) end
      if killed(call, which, command) then kills = kills + 1 end
      ada:stop "KILL"
      ada = w:start("ada", options)
      local found = tags()
      local at = table.concat({ command, call, which, ada:out(), ada:log() }, " ")
      assert.truthy(found == "good" or found == "new", at)
    end
    assert.is_true(kills >= 3, kills)
  end)

  it("is not confirmed by another user, root or not", function()
    if not is_root then return pending "needs root: a daemon of another user" end
    local options = { policy = policy "p.tags = { 'good' }", command = "setpriv --reuid 61017 --clear-groups "
      .. w.dir .. "/dt-swarm" }
    folder.put_program(w.dir)
    ada = w:start("ada", options)
    ok "policy confirm"
    policy "p.tags = { 'new' }"
    ok "policy reload --confirm 60"
    local function as_owner(command)
      return os.execute(("setpriv --reuid 61017 --clear-groups %s/dt-swarm-cli %s %s >/dev/null 2>&1"):format(w.dir,
        ada.socket, command))
    end
    assert.truthy(as_owner "status")
    assert.falsy(as_owner "policy confirm")
    assert.truthy(facts().trial)
    ok "policy confirm"
  end)
end)
