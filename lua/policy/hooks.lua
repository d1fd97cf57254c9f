-- hooks.lua - the one table of the policy API: settings, hooks, the facts they are given. No code that asks.
-- From it come the check, policies/README.md, .luacheckrc's limits and what `why` says. A value of a fact is
-- the sample that the check uses; maybe(sample) is a fact that may be unknown, which a policy reads as nil.
local metrics = require "policy.metrics"

local hooks = {}

local function maybe(sample) return { maybe = sample } end
local function each(kind) return { each = kind } end
local function kind(name) return { kind = name } end

--- Kinds of things that a hook is asked about.
hooks.facts = {
  here = {
    id = "12D3KooWQ1vB", name = "ada", type = "duckiebot", tags = { "lab" }, peers = maybe(3), arch = maybe "arm64",
    power = maybe "battery", battery = maybe(80), charging = maybe(false), disk_free = maybe(9000000000),
    disk_total = maybe(32000000000), store_free = maybe(9000000000), store_total = maybe(32000000000),
    driving = maybe(false), recording = maybe(false), estop = maybe(false), busy = maybe(false), hold = maybe(true),
    clone = maybe(true),
    temperature = maybe(41), load = maybe(0.4), hour = maybe(14), clock = maybe "proved",
    uptime = maybe(3600), site = maybe "room-3",
    permission = kind "permission",
  },
  permission = { logs = maybe(true), stats = maybe(true), config = maybe(true) },
  word = { verb = "propose", signer = "12D3KooWQ1vB", role = maybe "member", allowed = true,
    age = maybe(60) },
  record = {
    bucket = "share/files", key = "bafybeih5kq", data = maybe { class = "lab" }, class = "share",
    age = maybe(60), left = maybe(3600), mine = false, needed = 1, statements = each "word",
  },
  news = {
    verb = "propose", bucket = "share/files", key = "bafybeih5kq", data = maybe { class = "lab" },
    class = maybe "share", signer = "12D3KooWQ1vB", role = maybe "member", age = maybe(60), left = maybe(3600),
    size = 240, signers = maybe(1), mine = false, renewed = maybe(false),
  },
  channel = {
    address = "/ip4/0.0.0.0/udp/3825/dswarm-line", kind = "udp", budget = maybe(1200), peers = maybe(3),
    quiet = maybe(4), cost = maybe(1),
  },
  way = {
    address = "/ip4/192.168.1.21/udp/3825/dswarm-line", kind = "udp", hops = 1, cost = maybe(1),
    rtt = maybe(0.4), loss = maybe(0), heard = maybe(2), origin = "heard",
  },
  envelope = {
    to = "/dswarm/12D3KooWQ1vB/brain", from = "-", hops = 1, size = 300, signer = maybe "12D3KooWQ1vB",
    role = maybe "member", vouched = false, proved = true, near = false,
  },
  address = { address = "/ip4/192.168.1.20/tcp/3825/dswarm-line", lan = true, own = true },
  self = {
    name = "ada", type = "duckiebot", tags = { "lab" }, version = "0.1.0", clock = maybe "proved",
    site = maybe "room-3", level = maybe "ok", http = maybe(3826), tcp = maybe(3825), addresses = each "address",
  },
  request = { command = "report", reads = true, peer = maybe "12D3KooWQ1vB", name = maybe "ada",
    role = maybe "member", via = "tcp" },
  file = {
    name = "run-12.bag", path = "run-12.bag", folder = "", size = 64000000, age = 6, type = maybe "bag",
    meta = maybe { vehicle = "ada" },
  },
  shared = {
    cid = "bafybeih5kq", name = "run-12.bag", size = 64000000, age = maybe(6), class = "lab", robot = maybe "ada",
    copies = maybe(1), claimed = maybe(1), proven = maybe(1), wanted = maybe(true), why = maybe "2 others are chosen",
    held_of = maybe(64000000), role = maybe "member", verdict = maybe "ok", span = maybe(120),
    by = maybe "12D3KooWQ1vB", proven_elsewhere = maybe(3),
  },
  metric = { id = "cpu_temperature_celsius", value = maybe(41), unit = "°C", quality = maybe "measured",
    class = "lab" },
  release = {
    name = "dt-core", seq = 4, kind = "deb", size = 1000000, security = false, signers = maybe(3),
    from_seq = maybe(3), tags = { "lab" }, in_window = maybe(true), version = "1.4.0", target = maybe "demos",
    unpacked = maybe(3000000), platform = maybe "arm64", run = maybe(1),
  },
  rollout = { id = "dt-core/4/1", name = "dt-core", seq = 4, run = 1, robots = 5, waves = 2, max_unavailable = 1,
    max_failures = 2, failures = maybe(0), unresolved = maybe(3) },
  row = { id = "12D3KooWQ1vB", place = 1, round = 1, status = maybe "deferred" },
  change = { check = maybe "disk_full", reason = maybe "ENOSPC", level = maybe "error", before = maybe "ok",
    self = false, lost = false, name = "ada", id = "12D3KooWQ1vB", type = maybe "duckiebot", site = maybe "room-3",
    age = maybe(60) },
  check = { id = "disk_full", summary = "The disk is full.", cause = maybe "logs", cure = maybe "Make room.",
    depends = maybe "disk_errors", hold = maybe(2) },
  metrics = {
    net_no_lan = maybe "eth0 has no carrier", net_bridge_only = maybe "docker0 is up",
    net_same_subnet = maybe "eth0 and wlan0 in 10.0.0.0/24", net_mtu = maybe "eth0: 1000 bytes",
    net_no_route = maybe "no default route", net_gateway_dead = maybe "192.168.1.1: no answer",
    net_dns_dead = maybe "dns.example: EAI_AGAIN", net_dns_no_name = maybe "dns.example: EAI_NONAME",
    net_isolated = maybe "donald says 192.168.1.21, answers 0 of 3 pings",
    net_broadcast_out = maybe "donald answers 3 of 3 pings, 0 of 3 by broadcast",
    net_broadcast_in = maybe "donald answers 3 of 3 pings, nothing by broadcast for 6 min",
    net_one_way = maybe "donald, heard 4 s ago, answers 0 of 3 pings",
    port_taken = maybe "udp port 3825",
    other_swarm = maybe "12 beacons from 3 hosts", law = maybe "donald", clock_off = maybe "2 years behind",
    time_unproved = maybe "nobody proves it", clone = maybe "also at 192.168.1.37", name_twice = maybe "donald",
    oom_killed = maybe "2 in the last hour", daemon_crashed = maybe "it began anew after a crash",
    disk_full = maybe "ENOSPC", disk_readonly = maybe "EROFS", disk_errors = maybe "3 errors",
  },
  checks = { failed = maybe(0), worse = maybe(0), passed = maybe(12), unknown = maybe(3), peers = maybe(4) },
}

for _, row in ipairs(metrics.list) do hooks.facts.metrics[row.name] = maybe(row.sample) end

--- Sections in the order in which policies/NAME.lua lay down the defaults.
hooks.sections = { "dcache", "comms", "routing", "clients", "checks" }

--- Policies to extend: `default` is these sections, the others are files.
hooks.policies = { "default", "duckiebot", "server", "lab", "mule", "fleet" }

--- Settings that earlier versions knew, and what does the same now.
hooks.gone = {
  ["dcache.roots"] = "the lab file names the roots of trust: dt-swarm-cli lab join FILE",
  ["clients.updates.trust"] = "releases count by the rule of their bucket, such as "
    .. 'p.dcache.buckets["updates/release"].propose = "2 of release"; who has the tag: dt-swarm-cli trust list',
}

--- path, form, default as people say it (it stands in policies/SECTION.lua), what it is. A change of a setting applies
-- while the node runs (`live`), or, with `restart`, when the daemon has executed itself anew. There is no third kind.
-- `later`: known and checked, but not used by this version.
hooks.settings = {
  { "swarm", "text", "duckietown", "name of the swarm: nodes of other swarms are not heard; a lab file names another",
    restart = true },
  { "name", "text", "host name", "what people call this node" },
  { "type", "text", "as found", "what others see this node as: duckiebot, laptop, server …" },
  { "tags", "list of text", "none", "words that releases and people may pick nodes by" },
  { "site", "short text or false", "none", "where this node is, such as a room or a school: at most 24 bytes" },
  { "clock", "auto or system", "auto", "`system`: believe the system's clock without proof" },
  { "dcache.classes", "classes", "six classes", "the law: constants of each class, equal on all nodes",
    restart = true },
  { "dcache.buckets", "buckets", "the list of buckets",
    "who may propose and dismiss; also the class of each bucket, which changes with the classes (restart)" },
  { "dcache.hold", "list of text or all", "all", "classes kept here, whole or not at all", later = true },
  { "dcache.disk", "bytes", "64 MB", "most that the journal may take", later = true },
  { "dcache.memory", "bytes", "16 MB", "most that the index may take", later = true },
  { "dcache.flush", "seconds", "30 s", "longest time that others' records stay unsynced" },
  { "comms.beacon", "span of seconds", "2 s to 60 s", "shortest and longest time between two beacons" },
  { "comms.checkpoint", "seconds or false", "5 min", "shortest time between two checkpoints; false: none is written" },
  { "comms.links", "count", "6", "links that this node dials to others who are far; 0: none of itself" },
  { "routing.channels", "channels", "UDP and TCP on the LAN",
    "addresses, or { address, budget =, cost =, near =, tls =, proxy =, " ..
    "password = secret \"irc\", gateway =, api =, authorisation = }; an ID at the end is expected there" },
  { "routing.routes", "routes", "none", "[pattern] = way, and $0 behind it; the most specific pattern wins" },
  { "routing.export", "list of text", "brain, ping", "components that hear what comes from others" },
  { "routing.block", "block", "none", "IDs and addresses that are shut out: nothing is heard, sent or dialled there" },
  { "clients.control.http", "text or false", "port 3827 of the loopback",
    "where programs of this machine ask over HTTP; where it is taken the kernel chooses", restart = true },
  { "clients.logs.folder", "text", "~/shared-logs", "folder whose files are shared", restart = true },
  { "clients.logs.copies", "span of count", "1 to 3", "copies wanted, at least and at most", later = true },
  { "clients.logs.domain", "domain", "this node alone",
    "what fails with this node, as a room: one copy counts of all in it; false: a carrier, whose copies do not count" },
  { "clients.logs.holders", "list of text", "none", "IDs whose copies count; none, and no lab names any: all count" },
  { "clients.logs.at_once", "count", "2", "files fetched at once, of each source one" },
  { "clients.logs.store", "text or false", "STATE/files",
    "the folder of copies of others' files; one that is named here must be there", restart = true },
  { "clients.logs.scrub", "bytes", "1 MB",
    "a second of copies that are read back and hashed, each once a week; 0: none" },
  { "clients.logs.settle", "settle", "2 s + 1 s per 32 MB, at most 120 s",
    "calm before a file is finished; more if it grew later" },
  { "clients.logs.budget", "bytes a second", "1 MB", "what files take off the LAN; on it there is no limit" },
  { "clients.logs.private", "list of text", "dotfiles, keys, cores", "names (* ?) never shared" },
  { "clients.logs.gateway", "text or false", "port 3826, all interfaces",
    "where files are served over HTTP", restart = true },
  { "clients.logs.kubo", "kubo", "none", "an IPFS node that pins public files: { api = "
    .. "\"/ip4/127.0.0.1/tcp/5001\", sees = where it finds the gateway, token = secret \"kubo\" }" },
  { "clients.logs.permission", "text", "Duckietown's place", "the owner's permission file, read live" },
  { "clients.diagnostics.every", "seconds", "60 s", "time between two looks at the sensors" },
  { "clients.diagnostics.checks", "checks", "those of checks.lua",
    "what may be wrong with a node, causes first: rows of id, summary, cause, cure, depends, hold" },
  { "clients.statistics.gather", "flag", "no; server.lua: yes",
    "the counters of the site are gathered here, and their sums published a week each" },
  { "clients.updates.windows", "list of text", "always",
    "when updates may begin: \"mon-fri 18:00-22:00\", \"sat 22:00-06:00 utc\"; else by this machine's time zone. "
    .. "While the time is not proved they are closed" },
  { "clients.updates.handlers", "text or false", "/etc/dt-swarm/handlers",
    "folder of the programs that install releases of kinds other than `policy` and `files`; false: none" },
  { "clients.updates.folders", "folders", "none",
    "where releases of kind `files` go, by target: { demos = \"/data/demos\" }, or { path =, after = }" },
}

local function hook(path, arguments, answers, asked, default, more)
  local row = { path = path, arguments = arguments, answers = answers, asked = asked, default = default }
  for name, value in pairs(more or {}) do row[name] = value end
  return row
end

local HERE, CHANGES = { "here", "here" }, { changes = true }
local SHARE = { "private", "lab", "swarm", "public", "wait", false }

--- Answers: yes · urgency (1…9 or false) · one (of the second argument) · part (of the first) · words.
-- `later`: known and checked, but not yet asked by this version.
hooks.hooks = {
  hook("dcache.holds", { { "record", "record" }, HERE }, "yes",
    "a record is read, and its statements or roles changed",
    "a proposal by an allowed signer, no dismissal by an allowed one"),
  hook("comms.rebroadcast", { { "record", "news" }, { "from", "channel" }, { "to", "channel" }, HERE },
    "urgency", "a channel pulls and the statement has not gone there, once per channel",
    "9 dismissals and trust, 7 own, 6 changes in `peer` and `addresses`, 1 their renewals, 5 the rest; false back"),
  hook("routing.open", { { "channel", "channel" }, HERE }, "yes",
    "every minute and when `here` changes", "yes"),
  hook("routing.prefer", { { "target", "text" }, { "ways", "way", each = true }, HERE }, "one",
    "a line goes to a node to which more than one way lives", "the first, which is the cheapest"),
  hook("routing.relay", { { "envelope", "envelope" }, HERE }, "yes", "a line is for somebody else",
    "for members; without a lab for who is near, or named in the policy"),
  hook("clients.discovery.announce", { { "facts", "self" }, HERE }, "part",
    "before the own `peer` and `addresses` records are made", "all but own addresses off the LAN"),
  hook("clients.control.allow", { { "request", "request" }, HERE }, "yes",
    "a request comes from outside the socket", "reads for members, changes for admins"),
  hook("clients.logs.share", { { "file", "file" }, HERE }, SHARE,
    "a file is finished", "by its folder, else lab; false without permission"),
  hook("clients.logs.fetch", { { "file", "shared" }, HERE }, "urgency",
    "another's file appears, and when room changes", "false: robots keep their own"),
  hook("clients.logs.evict", { { "file", "shared" }, HERE }, "yes", "the disk is over its mark",
    "only if proven on `copies`' least others", { changes = true, later = true }),
  hook("clients.logs.pause", { HERE }, "yes", "each second: do files rest?",
    "driving, hot, or on low battery"),
  hook("clients.diagnostics.check", { { "check", "check" }, { "m", "metrics" }, HERE },
    { "ok", "warn", "error", false }, "the sensors were looked at, or the doctor is asked, for each of `checks`",
    "by what was found; nil or false: not known", { each = "clients.diagnostics.checks" }),
  hook("clients.diagnostics.tell", { { "metric", "metric" }, HERE }, { "swarm", "lab", false },
    "`health` is made, for each value in it", "by its class"),
  hook("clients.diagnostics.alert", { { "change", "change" }, HERE }, "yes",
    "a level has held, this node's or another's, or one who should be here is lost", "no"),
  hook("clients.statistics.consent", { HERE }, "yes", "each second, and before this node's counters are said",
    "the owner's permission"),
  hook("clients.updates.want", { { "release", "release" }, HERE }, "yes",
    "a release that counts is offered by a rollout that names this node", "no tags, or one in common", CHANGES),
  hook("clients.updates.ready", { { "release", "release" }, HERE }, "yes",
    "it is staged; on news, and each minute until it begins",
    "in its window, no emergency stop, charged, not hot; duckiebot.lua: known to stand and not to record", CHANGES),
  hook("clients.updates.go", { { "rollout", "rollout" }, { "robots", "row", each = true }, { "me", "row" } },
    "yes", "its turn has come by the plan, which no hook hastens; the same facts on every robot: no `here`, no clock",
    "yes", CHANGES),
  hook("clients.updates.healthy", { { "before", "checks" }, { "now", "checks" } }, "yes or nil",
    "it is applied: each 30 s until it was yes for the soak",
    "no check is at error that was not; nil: nothing was measured, or all peers are lost", CHANGES),
}

--- The hook or setting at PATH, or nil.
function hooks.find(path)
  for _, list in ipairs { hooks.hooks, hooks.settings } do
    for _, row in ipairs(list) do
      if (row.path or row[1]) == path then return row end
    end
  end
end

return hooks
