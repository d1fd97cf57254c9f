-- node.lua - builds the four layers bottom-up; the only file that knows all of them. Owns no loop and no effect.
local backoff = require "backoff"
local republish = require "republish"
local reasons = require "why"
local clock = require "time"
local commands = require "commands"
local event_ring = require "event_ring"
local state_health = require "state_health"
local refusals = require "refusals"
local journal = require "core.journal"
local atomic_write = require "atomic_write"
local settings = require "settings"
local dcache = require "dcache"
local lab = require "dcache.lab"
local comms = require "comms"
local routing = require "routing"
local checkpoint_parts = require "checkpoint_parts"
local routing_parts = require "routing_parts"
local clients = require "clients"
local kept = require "kept"
local listeners = require "listeners"
local walk = require "dcache.walk"

local node = {}
node.__index = node

local TAKEN = { "version", "state", "share", "socket", "identity", "policy", "loop", "log", "random", "disk",
  "worker", "flusher", "name", "type", "here", "memory", "http", "space", "mount", "command", "host", "set_fact",
  "own_name", "date", "net", "uid", "lab", "lab_files", "restart", "sensor", "alert_program", "store", "calendar",
  "update_kinds", "update_fetching" }

-- A node is called by the end of its ID, as long as no client knows better.
function node.who(id) return { id = id, label = "~" .. id:sub(-4) } end
function node.called() return {} end -- (name) → IDs of all nodes of that name

local TROUBLE <const> = { warn = true, error = true }

-- What happens below the clients, for who watches (lua/event_ring.lua). Nothing is made of it while nobody does.
local function tell_events(self)
  local ring = self.events
  ring:topic("policy", "policies that were read, refused, tried")
  ring:topic("channels", "channels that came up or went down, and why")
  ring:topic("log", "what the log says at the levels warn and error")
  if self.lab then ring:topic("trust", "who came into the lab and who left it; roots; when roles are acted on") end
  self.unlisten = self.log:listen(function(level, layer, what, facts)
    if not TROUBLE[level] or not ring:is_read "log" then return end
    ring:add("log", { event = level, layer = layer, text = what, facts = facts ~= "" and facts or nil })
  end)
end

-- Names of clients that do not run.
local function absent(self)
  local names = {}
  for i, one in ipairs(self.clients:failed()) do names[i] = one.name end
  return names
end

-- What is the same in all parts of a node.
local function base(given)
  local self = setmetatable({ started = given.loop:now(), started_wall = given.loop:wall() }, node)
  for _, name in ipairs(TAKEN) do self[name] = given[name] end
  self.id, self.key = given.identity.id, given.identity.key
  self.swarm = self.lab and self.lab.swarm or self.policy:get "swarm"
  self.refuse, self.refused = refusals.new()
  self.events, self.why = event_ring.new(function() return given.loop:wall() end), reasons.new()
  tell_events(self)
  self.commands = commands.new {
    failed = function(command, fault) self.log:error("clients", "answers not", { command = command, why = fault }) end,
    absent = function() return absent(self) end }
  self.atomic_write = atomic_write.new { disk = self.disk, log = self.log, start = self.flusher }
  self.hook_failures = listeners.new() -- called with the hook's path and what it threw
  self.policy.on_failure = function(...)
    self.refuse "policy"
    self.hook_failures:call(...)
  end
  self.ports = function() return 0, 0 end
  return self
end

-- Small values of the state folder (lua/kept.lua). OLD: what files of an earlier version say.
local function firm(self, given, name, old)
  return kept.new_firm { disk = self.disk, log = self.log, date = given.date, dir = self.state, name = name, old = old,
    atomic_write = self.atomic_write }
end

local function build_time(self, given)
  self.saved_time = kept.lazy_of(self, self.loop)("time", function() return self.time.saved end, kept.old_number)
  self.time = clock.new { loop = self.loop, sync = given.synchronised, build = given.build,
    saved = (self.saved_time:read()), setting = self.policy:get "clock", log = self.log,
    save = function()
      self.saved_time:soon()
      return true
    end }
end

local function tell_loss(self, what, damage)
  self.log:warn("dcache", what, { { "file", damage.file }, { "lines", damage.lines }, { "bytes", damage.bytes },
    { "aside", damage.aside or "-" } })
  self.dcache:doubt(damage.family)
end

-- What is kept of a lab lies apart from what the open swarm and other labs say.
local function of_lab(self, name) return self.lab and ("%s-%s"):format(name, self.lab.lab) or name end

local function build_dcache(self, given)
  self.state_health = state_health.new { loop = self.loop, log = self.log, disk = self.disk, dir = self.state }
  local classes, stamp = self.policy:classes(), firm(self, given, "stamp", kept.old_number)
  if self.lab then classes = lab.classes(classes) end
  local opened, report, code = journal.open(self.disk, ("%s/%s"):format(self.state, of_lab(self, "journal")),
    { families = dcache.families(classes), date = given.date() })
  if not opened then return nil, report, code end
  self.dcache = dcache.new { loop = self.loop, time = self.time, journal = opened, classes = classes, id = self.id,
    key = self.key, swarm = self.swarm, lab = self.lab, log = self.log, refused = self.refuse, policy = self.policy,
    here = self.here, flush = self.policy:get "dcache.flush" * 1000, last = (stamp:read()),
    root = self.lab and firm(self, given, "root"), told = function(event) self.events:add("trust", event) end,
    keep_last = function(ms, told) stamp:put_beside(ms, told) end,
    flusher = given.flusher, doubts = firm(self, given, of_lab(self, "unsure"), dcache.old_doubts),
    disk_told = function(why) self.state_health:told(why) end }
  for _, damage in ipairs(report.damaged) do tell_loss(self, "journal damaged", damage) end
  for _, damage in ipairs(report.torn) do
    if damage.lines > 0 then tell_loss(self, "journal torn", damage) end
  end
  return true
end

local function build_comms(self, given)
  self.comms = comms.new { loop = self.loop, random = self.random, time = self.time, dcache = self.dcache,
    key = self.key, id = self.id, swarm = self.swarm, name = self.name, boot = given.boot, log = self.log,
    refused = self.refuse, policy = self.policy, here = self.here, verifier = given.verifier, checks = given.checks,
    interval = settings.interval(self.policy),
    links = function() return math.tointeger(self.policy:get "comms.links") end,
    ports = function() return self.ports() end }
  self.saved_view = kept.lazy_of(self, self.loop)(of_lab(self, "view"), function() return self.comms.view:data() end)
  self.comms.view:load(self.saved_view)
  self.routing = routing.new { loop = self.loop, log = self.log, comms = self.comms, id = self.id,
    refused = self.refuse }
  routing_parts.make(self)
end

--- All effects are injected:
--- given.loop, random, disk, worker, identity, policy, log
--- given.here          fn() → facts of this node
--- given.set_fact      fn(name, value): sets one of them
--- given.lab           what the lab file says (dcache/lab.lua, and file = its path); nil: an open swarm
--- given.lab_files     where lab files may lie (paths, the state folder's first)
--- given.restart       fn(why): the program begins anew, in a later turn; nil: it cannot
--- given.name, type    text
--- given.own_name      fn() → what the policy in force calls this node
--- given.state         the state folder (path)
--- given.store         the folder of copies, if a person named one
--- given.boot          a number that grows with each start
--- given.build         ms of the program's build, which the time is never before
--- given.synchronised  fn() → is the system clock synchronised?
--- given.date, http    fn() → text for names of damaged files; nil: libcurl's
--- given.space         fn(path) → free bytes; nil: nobody knows
--- given.mount, sensor core.mount, core.sensor; no sensor: nothing is known of the machine's body
--- given.command, host  options that start it again; what the command line calls it by; or nil
--- given.clients       modules in place of the usual list (lua/clients/init.lua)
--- given.net, uid      core.net and this process's user, for the control socket
--- given.alert_program  where it lies (routing/channels/programs.lua), or nil; given.calendar: os.date
--- given.update_kinds, update_fetching  in place of the usual ones (clients/updates/init.lua)
--- → node | nil, text, code
function node.new(given)
  local self = base(given)
  build_time(self, given)
  local ok, err, code = build_dcache(self, given)
  if not ok then return nil, err, code end
  build_comms(self, given)
  self.clients = clients.new(self, given.clients)
  self.republish = republish.new(self)
  return self
end

local function supplier(self, id)
  local peer = self.comms.peers.by_id[id]
  if not peer or self.comms.peers:left(peer) or self.comms.peers:barred(peer) then return nil end
  local hosts = self.comms.peers:hosts(peer)
  for _, each in ipairs(hosts) do each.near = self.net ~= nil and self.net.is_near(each.host) end
  return { name = self.who(id).label, http = peer.http, hosts = hosts }
end

-- Opens the channels that policy names, on the sockets of NET (core.net), by PROGRAMS and SECRETS (those of
-- routing/channels that are called so). → true | nil, text, code.
function node:open_channels(net, programs, secrets)
  self.secrets = secrets
  self.channels = require "routing.channels".new { loop = self.loop, net = net, random = self.random, log = self.log,
    id = self.id, resolve = function(...) return self.loop:resolve(...) end,
    dial_through = function(...) return require "core.http".dial(...) end,
    add = function(...) return self.routing:add(...) end, here = self.here,
    ask = function(facts, here) return routing.may_open(self.policy, facts, here) end,
    only = function(entry) return self.comms.reach:only(entry) end,
    met = function(entry) return self.comms.reach:met(entry) end,
    programs = programs, secrets = secrets, block = self.routing.block,
    checkpoints = checkpoint_parts.reader(self, function(id) return supplier(self, id) end),
    told = function(row, event)
      if not self.events:is_read "channels" then return end
      self.events:add("channels", { event = event, address = row.address, kind = row.kind, reason = row.reason })
    end }
  self.routing:use(self.channels)
  self.ports = function() return self.channels:port(), self.gateway and self.gateway:port() or 0 end
  return self.channels:apply(self.policy:get "routing.channels")
end

--- The Kubo that this node speaks by, for its record of addresses: { peer ID, port } | nil
function node:ipfs() return self.channels and self.channels:meeting() end

-- An own statement: VERB "propose" with DATA (a table), or "dismiss". → st | nil, text, code.
function node:publish(verb, bucket, key, data, ttl, at)
  if verb == "dismiss" then return self.comms:dismiss(bucket, { key = key, ttl = ttl }) end
  return self.comms:propose(bucket, data, { key = key, ttl = ttl, at = at })
end

-- Who holds nothing need not look at each statement.
local function hear_of_files(self)
  if self.hears_files then return end
  self.hears_files = self.comms:on_statement("share/files", function(st, source)
    if source and self.content:holds(st.key) then
      self.content:heard(self.dcache:statement_of("share/files", st.key, st.signer))
    end
  end)
end

-- Files by CID: served at WANTED = { host, port }, or false; fetched, claimed.
function node:open_content(net, wanted)
  local content, listener = require "dcache.content", require "dcache.content.listener"
  local sources, claim_data = require "dcache.content.sources", require "dcache.content.claim_data"
  self.listener = wanted and listener.new { loop = self.loop, log = self.log, net = net,
    backoff = backoff.quick(self.random), shut_out = function() return self.routing.block:hosts() end,
    make = require "core.gateway".new, host = wanted[1], port = wanted[2] }
  self.gateway = self.listener and self.listener.gateway
  self.content = content.new { loop = self.loop, disk = self.disk, log = self.log, random = self.random,
    time = self.time, dir = self.state, id = self.id, gateway = self.gateway, store = self.store,
    publish = function(...) return self:publish(...) end, mount = self.mount, space = self.space,
    flusher = self.flusher, atomic_write = self.atomic_write, date = self.date, http = self.http,
    statements = function(bucket) return self.dcache:statements(bucket, self.id) end,
    files = function(fn) return walk.start(self.loop, self.dcache, "share/files", fn, function() end) end,
    holders = function(cid) return sources.holders(self.dcache, self.comms.peers.list, cid) end,
    peer = function(id) return supplier(self, id) end,
    said = function(cid, id) return (self.dcache:statement_of("share/files", cid, id) or {}).data end,
    domain = function() return claim_data.domain(self.policy) end, robot = function(id) return self.who(id).name end }
  if self.listener then self.checkpoint = checkpoint_parts.writer(self) end -- else nobody could have it
  self.comms:on_back(function(peer) self.content:back(peer.id) end)
  self.content:on_holding(function() hear_of_files(self) end)
  if not self.listener then return end
  self.listener:on_open(function(gateway) -- later than the rest
    self.gateway = gateway
    self.content:open(gateway)
    self.comms.beacon:appear()
  end)
end

--- Where others may dial this machine: array of { address =, lan = is it in a private range?, own = true }.
function node:own_addresses() return self.channels and self.channels:own_addresses() or {} end

-- How many peers are heard now.
function node:peers()
  local n = 0
  for _, peer in ipairs(self.comms.peers.list) do
    if self.comms.peers:living(peer) then n = n + 1 end
  end
  return n
end

-- Begins to speak: everything that was opened, bottom-up.
function node:start()
  self.saved_time:start()
  self.saved_view:start()
  for _, part in ipairs { "state_health", "dcache", "comms", "content", "catch_up", "checkpoint" } do
    if self[part] then self[part]:start() end
  end
  self.clients:open() -- those that were not yet
  self.clients:start()
end

-- Says to all that this node leaves, for half a second at most; then DONE().
function node:leave(done)
  self.comms:leave()
  self.clients:leave(done)
end

-- The policy NEW takes the place of the one in force, and what changed by it (LIST and HOOKS, policy/changes.lua)
-- applies; without HOOKS as if all had. → true | nil, text: nothing changed.
function node:apply(new, list, hooks) return settings.apply(self, new, list, hooks) end

-- Clean stop: what lets news in first; then what is in memory goes to the disk.
-- HOW: what the command line says of this node when it is gone; nil: stopped cleanly.
function node:stop(how)
  self.republish:stop()
  self.clients:stop(how)
  for _, part in ipairs { "listener", "catch_up", "checkpoint", "content", "channels", "comms", "routing", "dcache",
    "state_health" } do
    if self[part] and self[part].stop then self[part]:stop() end
  end
  self.saved_view:stop()
  self.time:close()
  self.saved_time:stop()
  self.unlisten()
end

return node
