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
}

-- Of each shipped check the metric that decides: what was found, as text; false: it was looked for, and is not so; nil:
-- nobody knows.
local METRICS = {}
for _, check in ipairs(diagnostics.checks) do METRICS[check.id] = check.id end
for _, id in ipairs { "no_lan", "bridge_only", "same_subnet", "mtu", "no_route", "gateway_dead", "dns_dead",
  "dns_no_name", "isolated", "broadcast_out", "broadcast_in", "one_way" } do
  METRICS[id] = "net_" .. id
end

local WARNS = { same_subnet = true, no_route = true, port_taken = true, name_twice = true, time_unproved = true,
  other_swarm = true }

function diagnostics.check(check, m)
  local metric = METRICS[check.id]
  if not metric then return nil end
  local found = m[metric]
  if found == nil then return nil end
  if not found then return "ok" end
  return WARNS[check.id] and "warn" or "error", found
end
