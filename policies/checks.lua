-- checks.lua - what may be wrong with a node, each check as data, and the hook that judges it. Causes before what
-- follows from them: a check whose `depends` fails stands under that. Defaults of the `checks` section.
local p = ...
local diagnostics = p.clients.diagnostics

diagnostics.checks = {
  { id = "no_lan", summary = "No network interface is up that leads to other machines.",
    cure = "Plug a cable in, or join a Wi-Fi; `ip link` shows what there is." },
  { id = "bridge_only", summary = "Only bridges of containers are up, no network that leads to other machines.",
    cure = "Run dt-swarm on the host's network: docker run --net host.", depends = "no_lan" },
  { id = "same_subnet", summary = "Two interfaces are in one network: answers may leave by the wrong one.",
    cure = "Switch one of them off, or put it in another network.", depends = "no_lan" },
  { id = "mtu", summary = "A network interface takes only packets that are too small for dt-swarm.",
    cure = "Set the interface's MTU to 1500, or the tunnel's to 1280 at least: ip link set dev NAME mtu 1500.",
    depends = "no_lan" },
  { id = "no_route", summary = "There is no way out of this network.",
    cure = "Set a default route: ip route add default via ROUTER; mostly DHCP does.", depends = "no_lan" },
  { id = "gateway_dead", summary = "The router of this network does not answer.",
    cure = "Look whether it is on, and the address of the default route is its: ip route.", depends = "no_route" },
  { id = "dns_dead", summary = "No server answers that looks names up.",
    cure = "Look at `resolvectl status` or /etc/resolv.conf, and whether that server is on.",
    depends = "gateway_dead" },
  { id = "dns_no_name", summary = "A name in the policy's channels is not known.",
    cure = "Correct it in routing.channels, or in the name server.", depends = "dns_dead" },
  { id = "port_taken", summary = "Another program has a port that this node needs.",
    cure = "Stop that program (ss -lnp shows it), or name another port in the policy." },
  { id = "isolated", summary = "The access point keeps its clients apart.",
    cure = "Switch client (AP) isolation off, or give all one server to dial.", depends = "gateway_dead" },
  { id = "broadcast_out", summary = "What this node says to all does not arrive; what it says to one does.",
    cure = "Let the access point pass broadcast, or give all one server to dial.", depends = "no_lan" },
  { id = "broadcast_in", summary = "What others say to all does not arrive here; what they say to one does.",
    cure = "Let the access point pass broadcast, or give all one server to dial.", depends = "no_lan" },
  { id = "one_way", summary = "Another node does not answer: it stopped, or one direction of the way is dead.",
    cure = "See whether it still runs, and for a firewall on either machine (UDP 3825); then move them closer.",
    depends = "no_lan" },
  { id = "other_swarm", summary = "Neighbours speak, but in another swarm or lab.",
    cure = "Compare `swarm` in both policies, and `lab show`." },
  { id = "law", summary = "Neighbours keep records by other rules, so that nothing can be compared with them.",
    cure = "Make dcache.classes and dcache.buckets equal in all policies." },
  { id = "time_unproved", summary = "Nobody proves what time it is.",
    cure = "Synchronise the clock (timedatectl set-ntp true), or start a node beside it whose clock is." },
  { id = "clock_off", summary = "This machine's clock is wrong.",
    cure = "Set it right: timedatectl set-ntp true." },
  { id = "clone", summary = "Another machine uses the key of this node.",
    cure = "On the copy: dt-swarm-cli identity renew --yes." },
  { id = "name_twice", summary = "Another node has the same name.",
    cure = "Give one of them another name: --name, or `name` in its policy." },
  { id = "disk_errors", summary = "The file system of the state folder found errors in itself.",
    cure = "Save what matters, then check it from another system: fsck; an SD card is mostly worn out." },
  { id = "disk_readonly", summary = "The disk of the state folder takes nothing: it is read-only.",
    cure = "Look why (dmesg); then mount it again for writing: mount -o remount,rw PLACE.", depends = "disk_errors" },
  { id = "disk_full", summary = "The disk of the state folder is full.",
    cure = "Make room: `files list` shows what lies there.", depends = "disk_readonly" },
  { id = "fs_errors", summary = "A file system of this machine found errors in itself.",
    cause = "A card that is worn out, or power that was cut.",
    cure = "`dmesg` names it. Save what matters, then check it from another system: fsck.", depends = "disk_errors" },
  { id = "share_readonly", summary = "The disk of the shared files takes nothing: it is read-only.",
    cure = "Look why (dmesg); then mount it again for writing: mount -o remount,rw PLACE.", depends = "disk_errors",
    hold = 0 },
  { id = "share_low", summary = "The disk of the shared files is nearly full.",
    cause = "Logs that nobody has taken over yet, or other programs' files.",
    cure = "`report` says which files are safe elsewhere and may go; df -h shows the rest.", depends = "disk_full" },
  { id = "inodes_low", summary = "The disk of the shared files holds nearly as many files as it can.",
    cause = "Very many small files.", cure = "Remove or pack small files: df -i shows where they are." },
  { id = "card_worn", summary = "The card says that most of its life is over.",
    cause = "Flash wears with each write.", cure = "Copy it to a new card before it fails." },
  { id = "writes_wait", summary = "Programs wait for the disk most of the time.",
    cause = "A slow or failing card, or a program that writes without end.",
    cure = "iotop shows who writes; a card that got slow is mostly worn out." },
  { id = "under_voltage", summary = "The supply gives too little now.",
    cause = "A weak supply, a long or thin cable, a battery that is nearly empty.",
    cure = "Take another supply or cable; charge the battery.", hold = 0 },
  { id = "throttled", summary = "The processor is held back now.",
    cause = "Heat, or too little from the supply.",
    cure = "Cool it (fan, air), and look at the supply.", depends = "under_voltage" },
  { id = "hot", summary = "The processor is hot.", cause = "A fan that stands, dust, sun, or too much work.",
    cure = "See whether the fan turns; let air in; stop what is not needed." },
  { id = "battery_low", summary = "The battery is nearly empty.", cure = "Charge it, or take another one." },
  { id = "memory_low", summary = "There is hardly any memory left.",
    cure = "top, sorted by memory (M), shows which program takes it; stop or restart that." },
  { id = "oom_killed", summary = "Programs were ended because memory was full.",
    cause = "A program that takes more and more memory, or too many at once.",
    cure = "`dmesg` names them; stop what is not needed, or give them limits.", depends = "memory_low", hold = 0 },
  { id = "swap_full", summary = "The swap is nearly full.", cause = "Programs need more memory than there is.",
    cure = "Stop what is not needed, or give it more swap.", depends = "memory_low" },
  { id = "overloaded", summary = "More work waits than the processor can do.",
    cure = "top shows what runs; stop what is not needed." },
  { id = "daemon_crashed", summary = "dt-swarm ended by a fault of its own, and was started anew.",
    cure = "journalctl -u dt-swarm shows why; report it, please.", hold = 0 },
  { id = "wifi_weak", summary = "The access point is hardly heard.",
    cause = "Distance, walls, or metal around the antenna.",
    cure = "Move the robot or the access point closer.", depends = "no_lan" },
}

-- Of each shipped check the metric that decides: what was found, as text; false: it was looked for, and is not so; nil:
-- nobody knows.
local METRICS = {}
for _, id in ipairs { "port_taken", "other_swarm", "law", "time_unproved", "clock_off", "clone", "name_twice",
  "disk_errors", "disk_readonly", "disk_full", "oom_killed", "daemon_crashed" } do
  METRICS[id] = id
end
for _, id in ipairs { "no_lan", "bridge_only", "same_subnet", "mtu", "no_route", "gateway_dead", "dns_dead",
  "dns_no_name", "isolated", "broadcast_out", "broadcast_in", "one_way" } do
  METRICS[id] = "net_" .. id
end

local WARNS = { same_subnet = true, no_route = true, port_taken = true, name_twice = true, time_unproved = true,
  other_swarm = true, oom_killed = true, daemon_crashed = true }

-- What is wrong as soon as the metric named passes these; "under": as soon as it falls below. SHOWN: how it is said.
local LIMITS = {
  card_worn = { of = "card_used_ratio", warn = 0.9, error = 1, shown = "%d %% of it", times = 100 },
  writes_wait = { of = "pressure_io_ratio", warn = 0.6, shown = "%d %% of a minute", times = 100 },
  hot = { of = "cpu_temperature_celsius", warn = 75, error = 85, shown = "%d °C" },
  overloaded = { of = "load_of_a_core", warn = 3, shown = "%d processes for each core" },
  battery_low = { of = "battery_ratio", under = true, warn = 0.2, error = 0.1, shown = "%d %%", times = 100 },
  memory_low = { of = "memory_ratio", under = true, warn = 0.1, error = 0.04, shown = "%d %% available", times = 100 },
  swap_full = { of = "swap_ratio", warn = 0.9, shown = "%d %% of it in use", times = 100 },
  share_low = { of = "share_ratio", under = true, warn = 0.1, error = 0.03, shown = "%d %% free", times = 100 },
  inodes_low = { of = "inode_ratio", under = true, warn = 0.1, error = 0.03, shown = "%d %% of its files free",
    times = 100 },
  wifi_weak = { of = "wifi_signal_dbm", under = true, warn = -75, error = -85, shown = "%d dBm" },
  share_readonly = { of = "share_readonly", warn = 1, error = 1, shown = "it is mounted read-only" },
  under_voltage = { of = "under_voltage", warn = 1, error = 1, shown = "the board says so now" },
  fs_errors = { of = "filesystem_errors", warn = 1, shown = "%d errors so far" },
  throttled = { of = "held_back", warn = 1, shown = "the board says so now" },
}

-- A part of a whole; nil where either is unknown, or there is nothing to be a part of.
local function part(value, whole) return value and whole and whole > 0 and value / whole or nil end

-- Values that follow from several metrics.
local DERIVED = {
  load_of_a_core = function(m) return part(m.load5, m.cpu_cores) end,
  memory_ratio = function(m) return part(m.memory_available_bytes, m.memory_size_bytes) end,
  swap_ratio = function(m) return part(m.swap_used_bytes, m.swap_size_bytes) end,
  share_ratio = function(m) return part(m.disk_free_bytes, m.disk_size_bytes) end,
  inode_ratio = function(m) return part(m.disk_inodes_free, m.disk_inodes) end,
  held_back = function(m)
    if m.throttled == 1 or m.frequency_capped == 1 then return 1 end
    return m.throttled and m.frequency_capped and 0
  end,
}

local function by_limit(limit, m)
  local derived = DERIVED[limit.of]
  local value
  if derived then value = derived(m) else value = m[limit.of] end
  if not value then return nil end
  local sign = limit.under and -1 or 1
  local level = "ok"
  if value * sign >= limit.warn * sign then level = "warn" end
  if limit.error and value * sign >= limit.error * sign then level = "error" end
  return level, limit.shown:format(value * (limit.times or 1) // 1 | 0)
end

function diagnostics.check(check, m)
  if LIMITS[check.id] then return by_limit(LIMITS[check.id], m) end
  local metric = METRICS[check.id]
  if not metric then return nil end
  local found = m[metric]
  if found == nil then return nil end
  if not found then return "ok" end
  return WARNS[check.id] and "warn" or "error", found
end
