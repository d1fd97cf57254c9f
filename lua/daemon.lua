-- daemon.lua - the real effects around a node: loop, disk, sockets, threads, signals. Decides nothing.
local core = require "core"
local banner = require "banner"
local lab_file = require "lab_file"
local node_facts = require "node_facts"
local notify = require "notify"
local policy_watch = require "policy_watch"
local preflight = require "preflight"
local reload = require "reload"
local signals = require "signals"
local trial_files = require "trial_files"
local unfit = require "unfit"

local daemon = {}
daemon.__index = daemon

local VERIFIERS = 2 -- threads for signatures, started by the first foreign word

-- Is our standard error the stream into systemd's journal that $JOURNAL_STREAM names (systemd.exec(5))?
local function writes_journal(self, given)
  local inode = (given.env "JOURNAL_STREAM" or ""):match ":(%d+)$"
  return inode ~= nil and self.board.link "/proc/self/fd/2" == ("socket:[%s]"):format(inode)
end

-- Lines of the log wait until the banner is out, so that a person reads that first.
local function new_log(self, given)
  self.early = {}
  local function write(line)
    if self.early then table.insert(self.early, line) else io.stderr:write(line) end
  end
  return require "log".new { write = write, wall = function() return self.loop:wall() end,
    level = given.options.verbose and "debug" or "info", journal = writes_journal(self, given) }
end

local function speak_up(self)
  local lines = self.early or {}
  self.early = nil
  for _, line in ipairs(lines) do io.stderr:write(line) end
end

-- State folder, key, threads: what may fail before anything is opened. → true | nil, text.
local function open_base(self, given)
  local disk, wall = self.disk, function() return self.loop:wall() end
  local free, err = preflight.socket_free(self.net, disk, self.places)
  if not free then return nil, err end
  self.state, err = require "state".open { disk = disk, dir = self.places.state, now = wall, log = self.log,
    date = self.date }
  if not self.state then return nil, err end
  self.identity, err = require "identity".open { disk = disk, dir = self.places.state,
    board = require "board".facts(disk), key = require "core.key", now = wall, random = self.random }
  if not self.identity then return nil, err end
  self.worker, err = require "worker".new { loop = self.loop }
  if not self.worker then return nil, err end
  self.given = given
  return true
end

-- Which lab this node belongs to, if any; a lab file that cannot be read is no reason to speak to everybody.
-- → true | nil, text
local function find_lab(self, given)
  local err
  self.lab_files = given.place:labs(self.places.state)
  self.lab, err = lab_file.find(self.disk, self.lab_files, self.uid)
  if err then return nil, err end
  if self.lab and self.lab.is_open then self.log:warn("node", self.lab.is_open) end
  return true
end

-- A container may not be allowed to ask the kernel; then nobody vouches for its clock.
local function synchronised(board)
  local clock = board.clock()
  return clock ~= nil and clock.synchronised
end

-- The policy that is named by the operator need not be the one to begin with. → true | nil, text
local function choose_policy(self, given)
  local found, lines = trial_files.open { disk = self.disk, log = self.log, loop = self.loop, date = self.date,
    dir = self.places.state, files = given.files, policy = given.policy, faults = given.faults }
  if not found then return nil, table.concat(lines, "\n          ") end
  self.trial, self.began = found.trial, found
  given.policy = found.policy
  given.policy.log = self.log
  local err
  self.name, err = preflight.name(given.options.name, given.policy)
  if not self.name then return nil, err end
  self.places, err = preflight.places(given)
  return self.places and true, err
end

local function build_node(self, given)
  local one, err
  local here = node_facts.new { loop = self.loop, disk = self.disk, board = self.board, id = self.identity.id,
    name = self.name, type = given.policy:get "type", arch = self.board.arch(), share = self.places.share,
    store = self.places.store or self.places.state .. "/files",
    reserved = function() return one and one.content and one.content:reserved() or 0 end,
    tags = given.policy:get "tags", site = given.policy:get "site" or nil,
    sensors = node_facts.sensors(function() return one end),
    peers = function() return one and one.comms.reach:count() end,
    logs_permission = function() return one and one.logs and one.logs:permission() end }
  one, err = require "node".new { loop = self.loop, random = self.random, disk = self.disk, worker = self.worker,
    identity = self.identity, policy = given.policy, lab = self.lab, lab_files = self.lab_files,
    restart = function(why) self:restart(why) end, log = self.log,
    here = function() return here:facts() end,
    set_fact = function(name, value) here:set(name, value) end,
    own_name = function() return (preflight.name(given.options.name, given.policy)) end,
    name = self.name, type = here:facts().type, version = given.version, state = self.places.state,
    share = self.places.share, store = self.places.store,
    socket = self.places.socket, boot = self.state:draw_boot(self.random), build = core.built * 1000,
    synchronised = function() return synchronised(self.board) end, memory = given.memory,
    space = self.board.space, mount = require "core.mount", sensor = require "core.sensor",
    command = preflight.command(given, self.places), host = self.host, calendar = os.date,
    verifier = function() return assert(require "worker".new { loop = self.loop, threads = VERIFIERS }) end,
    flusher = function(threads) return require "worker".new { loop = self.loop, threads = threads } end,
    date = self.date, net = self.net, uid = self.uid, alert_program = given.files.alert_program }
  if not one then return nil, err end
  here.time = one.time
  self.node = one
  return true
end

local function open_services(self, given)
  local wanted = given.policy:get "clients.logs.gateway"
  local why, number = unfit.shuts_itself_out({ net = self.net, id = self.identity.id }, given.policy)
  if why then
    local file, line = given.policy:where("routing.block", number)
    return nil, ("%s:%d: routing.block: %s"):format(file, line, why)
  end
  self.node:open_content(self.net, wanted and { preflight.gateway(wanted) })
  local ok, err = self.node:open_channels(self.net, given.files.programs, given.files.secrets)
  if not ok then return nil, err end
  return self.node.clients:open()
end

local function build_trial(self)
  self.node.trial, self.node.ending = self.trial, self.began.how
  self.trial:join(self.node)
  return true
end

-- `policy reload`: given to the node, whose control socket hands it on.
local function build_reload(self, given)
  local options = given.options
  self.node.reload = reload.new { node = self.node, files = given.files,
    trial = self.trial,
    fixed = { name = options.name and "--name", ["clients.logs.folder"] = options.share and "--share",
      swarm = self.lab and "a lab file" },
    restart = self.node.restart,
    unfit = function(policy, list)
      return unfit.lines({ net = self.net, disk = self.disk, node = self.node,
        share_of = function(one) return preflight.share_of(given, one) end }, policy, list)
    end }
  self.node.reload.refusal = self.began.refusal
  return true
end

-- What the service manager shows of us (`systemctl status`).
local function line_of(self)
  local node = self.node
  local function several(n, what) return ("%d %s%s"):format(n, what, n == 1 and "" or "s") end
  local parts = { several(node:peers(), "peer") }
  if node.logs then parts[2] = several(node.logs.shares:count(), "file") .. " shared" end
  parts[#parts + 1] = "policy " .. node.policy.name .. (self.trial:facts() and " on trial" or "")
  return table.concat(parts, ", ")
end

-- A service manager that asked for it is told how we do.
local function build_notify(self, given)
  local socket, one = given.env "NOTIFY_SOCKET", self.node
  one.notify = notify.new { loop = self.loop, log = self.log,
    send = socket and function(text) return self.net.unix_send(socket, text) end,
    watchdog_ms = socket and notify.watchdog(given.env "WATCHDOG_USEC"),
    still_ms = function() return math.max(one.dcache.syncing:still_ms(), one.atomic_write:still_ms()) end,
    line = function() return line_of(self) end }
  return true
end

local function key_note(identity)
  if identity.note then return identity.note end
  local bound = #identity.bound > 0 and "bound to this board" or "bound to no board"
  return identity.fresh and "a new key, " .. bound or bound
end

local function say_banner(self, given)
  local file, root = given.policy.file, given.root .. "/"
  if file:sub(1, #root) == root then file = file:sub(#root + 1) end
  local lines = banner.lines { node = self.node, policy = file, key_note = key_note(self.identity),
    share_note = self.node.logs and self.node.logs:problem() or "", channels = self.node.routing:channels(),
    http = select(2, self.node.ports()), http_reason = self.node.listener and self.node.listener.reason,
    cli = given.cli .. " " .. self.host, columns = given.columns, service = given.env "NOTIFY_SOCKET" ~= nil }
  io.stdout:write(table.concat(lines, "\n"), "\n")
  io.stdout:flush()
end

-- GIVEN: options, is_service (nobody looks on), policy (of the file; nil: it is broken, as FAULTS say), place
-- (paths.lua's), root, memory(), version, cli (how the command line is called), env (os.getenv), home, here_folder;
-- files (policy_files.lua); of core/main.c: again() runs the program anew in this process, and returns only where that
-- fails; hold(yes): signals that ask for the end wait, until hold(no).
-- → a daemon to run | nil, text; nothing is left behind after a refusal.
function daemon.start(given)
  local self = setmetatable({ net = require "core.net", disk = require "core.disk".real(),
    board = require "core.board", random = require "core.random".system(), uid = require "paths".uid() }, daemon)
  local ok, err
  if given.policy then
    self.name, err = preflight.name(given.options.name, given.policy)
    if not self.name then return nil, err end
  end
  self.places, err = preflight.places(given)
  if not self.places then return nil, err end
  self.host = preflight.host(given, self.places)
  self.loop = require "loop".new { on_error = function(text) self.log:error("loop", "an error", { what = text }) end }
  self.log = new_log(self, given)
  self.date = function() return os.date("!%Y%m%dT%H%M%SZ", self.loop:wall() // 1000) end
  for _, step in ipairs { open_base, find_lab, choose_policy, build_node, build_trial, build_notify, build_reload,
    open_services } do
    ok, err = step(self, given)
    if not ok then
      speak_up(self)
      self:close()
      return nil, err
    end
  end
  self.node:start()
  self.trial:start(self.began.failed, self.began.why)
  self.memory = require "memory".start(self.loop)
  say_banner(self, given)
  speak_up(self)
  self.node.notify:ready()
  return self
end

local ANSWER = 100 -- ms in which whoever asked for a restart gets the answer

--- Finishes what is being written, then runs the program anew in this process: nobody else is told that we leave. WHY:
-- for the log.
function daemon:restart(why)
  if self.stopping then return end
  self.stopping, self.restarting = true, true
  self.log:info("node", "starts anew", { ["for"] = why })
  self.node.notify:reloading()
  self.loop:after(ANSWER, function()
    if self.restarting then self.loop:stop() end
  end)
end

-- Does the policy in force bear no blame for this end? Somebody stopped us; or the start was refused while a person
-- looked on, or under a policy that has shown before that a node lives with it.
local function is_clean(self)
  if self.restarting then return false end -- this process goes on
  return self.stopping or self.given and not (self.given.is_service and self.trial.data.trial)
end

-- HOW: what the command line says of us when we are gone; nil: stopped cleanly.
function daemon:close(how)
  if self.restarting then self.given.hold(true) end
  if self.watch then self.watch:stop() end
  if self.node then self.node:stop(how) end
  if self.trial then self.trial:stop(is_clean(self)) end
  for _, part in ipairs { "worker", "identity", "state" } do
    if self[part] then self[part]:close() end
  end
  if self.stopping and not self.restarting then self.log:info("node", "stopped") end
  self.loop:close()
end

local function stop(self, signal)
  -- Kernel and shell both send it when a session is closed.
  if self.stopping and signal == "sighup" then return end
  local hurry = self.stopping and not self.restarting
  self.restarting = nil -- who wants it to end does not want it to begin anew
  if hurry then return self.loop:stop() end
  self.stopping = true
  self.log:info("node", "stopping", { signal = signal })
  self.node.notify:stopping()
  self.node:leave(function() self.loop:stop() end)
end

-- Nobody asked for an answer: the log says what came of it.
local function reload_for(self, reason)
  if self.stopping then return end
  self.node.reload:run({ source = reason }, function() end)
end

-- Runs until a signal ends it (signals.lua); → exit code.
function daemon:run()
  signals.listen(self.loop, function(signal) stop(self, signal) end, function() reload_for(self, "signal") end)
  self.given.hold(false)
  self.watch = policy_watch.new { loop = self.loop, log = self.log, inotify = require "core.watch",
    look = function() return self.node.reload:look() end, changed = function() reload_for(self, "save") end }
  self.watch:start(self.given.policy.hash)
  self.loop:run()
  self:close(self.restarting and "starting anew" or nil)
  if not self.restarting then return 0 end
  local _, fault = self.given.again()
  io.stderr:write("dt-swarm: cannot start anew: ", fault, "\n")
  return 1
end

daemon.version = core.version

return daemon
